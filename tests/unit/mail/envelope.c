/* Envelopes: what goes in comes out, and nothing else is taken. */
#include "mail/envelope.h"

#include "check.h"

static const struct envelope_recipient people[] = {
	{ { (const uint8_t *)"a@example.org", 13 }, ENVELOPE_LOCAL,
		{ (const uint8_t *)"example.org", 11 },
		{ (const uint8_t *)"a", 1 } },
	{ { (const uint8_t *)"b\r\n\0:@x", 8 }, ENVELOPE_REMOTE,
		{ (const uint8_t *)"", 0 }, { (const uint8_t *)"", 0 } },
};

static struct buf
sample(void)
{
	struct buf list = buf_make(4096), to = buf_make(ENVELOPE_MAX);
	struct envelope e = {
		.arrived_ms = 1234567890123,
		.flags = ENVELOPE_8BITMIME,
		.reverse_path = SPAN("s\n\0@x"),
		.originator = SPAN("user"),
		.client = SPAN("192.0.2.1"),
		.helo = SPAN("h"),
		.tls = SPAN(""),
		.nrecipients = 2,
	};

	memset(e.id.octets, 7, sizeof e.id.octets);
	for (size_t i = 0; i < COUNT(people); i++)
		assert_true(envelope_add_recipient(&list, &people[i]) == ERR_OK);
	e.recipients = buf_span(&list);
	assert_true(envelope_encode(&e, &to) == ERR_OK);
	buf_free(&list);
	return to;
}

static void
test_there_and_back(void **state UNUSED)
{
	struct buf b = sample();
	struct envelope e;
	struct envelope_recipient r;

	assert_true(envelope_decode(buf_span(&b), &e) == ERR_OK);
	assert_int_equal(e.arrived_ms, 1234567890123);
	assert_int_equal(e.flags, ENVELOPE_8BITMIME);
	assert_true(span_eq(e.reverse_path, SPAN("s\n\0@x")));
	assert_true(span_eq(e.originator, SPAN("user")));
	assert_true(span_eq(e.client, SPAN("192.0.2.1")));
	assert_int_equal(e.nrecipients, 2);
	for (size_t i = 0; i < COUNT(people); i++) {
		assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
		CHECK(span_eq(r.address, people[i].address) &&
		    r.route == people[i].route &&
		    span_eq(r.domain, people[i].domain) &&
		    span_eq(r.key, people[i].key), "recipient %zu", i);
	}
	assert_true(envelope_next(&e.recipients, &r) == ERR_NONE);
	buf_free(&b);
}

static void
test_cut_and_extended(void **state UNUSED)
{
	struct buf b = sample();
	struct envelope e;

	for (size_t n = 0; n < b.n; n++) {
		uint8_t *exact = malloc(n + 1);

		assert_non_null(exact);
		memcpy(exact, b.p, n);
		CHECK(envelope_decode(span_of(exact, n), &e) == ERR_SYNTAX,
		    "cut at %zu", n);
		free(exact);
	}
	for (unsigned int i = 0; i < 16; i++) {
		assert_true(buf_addc(&b, 0) == ERR_OK);
		CHECK(envelope_decode(buf_span(&b), &e) == ERR_SYNTAX,
		    "%u more", i + 1);
	}
	buf_free(&b);
}

static void
test_each_octet_wrong(void **state UNUSED)
{
	struct buf b = sample();

	for (size_t i = 0; i < b.n; i++)
		for (unsigned int v = 0; v < 256; v += 51) {
			uint8_t was = b.p[i];
			struct envelope e;
			struct envelope_recipient r;

			b.p[i] = (uint8_t)v;
			if (envelope_decode(buf_span(&b), &e) == ERR_OK)
				while (envelope_next(&e.recipients, &r) == ERR_OK)
					;
			b.p[i] = was;
		}
	b.p[0] = 0;
	assert_true(envelope_decode(buf_span(&b), &(struct envelope){ 0 }) ==
	    ERR_SYNTAX);
	buf_free(&b);
}

static void
test_bounds(void **state UNUSED)
{
	char big[257] = { 0 };
	struct buf list = buf_make(ENVELOPE_MAX), to = buf_make(ENVELOPE_MAX);
	struct envelope_recipient r = { .route = ENVELOPE_REMOTE,
		.address = span_of(big, sizeof big) };
	struct envelope e = { .helo = span_of(big, sizeof big) };

	assert_true(envelope_add_recipient(&list, &r) == ERR_FULL);
	assert_true(envelope_encode(&e, &to) == ERR_FULL);
	e = (struct envelope){ .nrecipients = ENVELOPE_RECIPIENTS_MAX + 1 };
	assert_true(envelope_encode(&e, &to) == ERR_FULL);
	assert_int_equal(list.n + to.n, 0);
	buf_free(&list);
	buf_free(&to);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_there_and_back, "SPL-10"),
		TEST(test_cut_and_extended, "PRS-6 SPL-10"),
		TEST(test_each_octet_wrong, "PRS-6"),
		TEST(test_bounds, ""),
	};

	return RUN_TESTS(tests);
}
