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

/* What extensions add: version 2. */
static const struct envelope extended = {
	.flags = ENVELOPE_SMTPUTF8 | ENVELOPE_BINARY | ENVELOPE_REQUIRETLS |
	    ENVELOPE_RET_FULL,
	.envid = SPAN("QQ314159"),
	.auth = SPAN("<>"),
	.tags = SPAN("bulk slow"),
	.priority = -3,
	.by_mode = ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE,
	.by_ms = 1764201600000,
	.hold_ms = UINT64_MAX,
};
static const struct envelope_recipient noticed = {
	.address = SPAN("c@example.net"), .route = ENVELOPE_REMOTE,
	.notify = ENVELOPE_SUCCESS | ENVELOPE_DELAY,
	.orcpt = SPAN("rfc822;c+2Bd@example.net"),
};

static struct buf
sample_extended(void)
{
	struct buf list = buf_make(4096), to = buf_make(ENVELOPE_MAX);
	struct envelope e = extended;

	e.nrecipients = 2;
	assert_true(envelope_add_recipient(&list, &noticed) == ERR_OK);
	assert_true(envelope_add_recipient(&list, &people[0]) == ERR_OK);
	e.recipients = buf_span(&list);
	assert_true(envelope_encode(&e, &to) == ERR_OK);
	buf_free(&list);
	return to;
}

static const struct envelope_recipient by_route = {
	.address = SPAN("d@example.net"), .route = ENVELOPE_REMOTE,
	.via = SPAN("partner"),
}, by_route_noticed = {
	.address = SPAN("e@example.net"), .route = ENVELOPE_REMOTE,
	.notify = ENVELOPE_NEVER, .via = SPAN("x"),
};

/* Recipients with a route, and one without. */
static struct buf
sample_routed(void)
{
	struct buf list = buf_make(4096), to = buf_make(ENVELOPE_MAX);
	struct envelope e = { .nrecipients = 3 };

	assert_true(envelope_add_recipient(&list, &by_route) == ERR_OK);
	assert_true(envelope_add_recipient(&list, &by_route_noticed) == ERR_OK);
	assert_true(envelope_add_recipient(&list, &people[1]) == ERR_OK);
	e.recipients = buf_span(&list);
	assert_true(envelope_encode(&e, &to) == ERR_OK);
	buf_free(&list);
	return to;
}

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

/* A flag that one octet does not hold: version 3. */
static struct buf
sample_wide(void)
{
	struct buf to = buf_make(ENVELOPE_MAX);
	struct envelope e = extended;

	e.flags = ENVELOPE_TLS_OPTIONAL | ENVELOPE_8BITMIME;
	assert_true(envelope_encode(&e, &to) == ERR_OK);
	return to;
}

static void
test_wide(void **state UNUSED)
{
	struct buf b = sample_wide();
	struct envelope e;

	assert_int_equal(b.p[0], 3);
	assert_true(envelope_decode(buf_span(&b), &e) == ERR_OK);
	assert_int_equal(e.flags, ENVELOPE_TLS_OPTIONAL | ENVELOPE_8BITMIME);
	assert_true(e.hold_ms == UINT64_MAX);
	/* Flags that there are not, and none that needs the place. */
	for (unsigned int high = 0; high < 256; high++) {
		b.p[b.n - 5] = (uint8_t)high;
		CHECK_NUM(envelope_decode(buf_span(&b), &e),
		    high == 1 ? ERR_OK : ERR_SYNTAX, "%u", high);
	}
	buf_free(&b);
}

/* What could have been said shorter. */
static void
test_not_shortest(void **state UNUSED)
{
	static const struct envelope plain = { .flags = ENVELOPE_HOLD };
	struct buf b = buf_make(ENVELOPE_MAX), longer = buf_make(ENVELOPE_MAX);
	struct envelope e;

	assert_true(envelope_encode(&plain, &b) == ERR_OK);
	assert_true(buf_add(&longer, span_of(b.p, b.n - 4)) == ERR_OK);
	/* Nothing, nothing, nothing, 0, no mode, no times. */
	for (size_t i = 0; i < 3 * 4; i++)
		assert_true(buf_addc(&longer, 0) == ERR_OK);
	assert_true(buf_addc(&longer, ENVELOPE_PRIORITY_MAX) == ERR_OK);
	for (size_t i = 0; i < 1 + 8 + 8 + 4; i++)
		assert_true(buf_addc(&longer, 0) == ERR_OK);
	longer.p[0] = 2;
	assert_true(envelope_decode(buf_span(&b), &e) == ERR_OK);
	assert_true(envelope_decode(buf_span(&longer), &e) == ERR_SYNTAX);
	longer.p[longer.n - 4 - 16 - 2] = ENVELOPE_PRIORITY_MAX + 1;
	assert_true(envelope_decode(buf_span(&longer), &e) == ERR_OK);
	buf_free(&b);
	buf_free(&longer);
}

static void
test_extended(void **state UNUSED)
{
	struct buf b = sample_extended();
	struct envelope e;
	struct envelope_recipient r;

	assert_int_equal(b.p[0], 2);
	assert_true(envelope_decode(buf_span(&b), &e) == ERR_OK);
	assert_int_equal(e.flags, extended.flags);
	assert_true(span_eq(e.envid, extended.envid));
	assert_true(span_eq(e.auth, extended.auth));
	assert_true(span_eq(e.tags, extended.tags));
	assert_int_equal(e.priority, -3);
	assert_int_equal(e.by_mode, extended.by_mode);
	assert_true(e.by_ms == extended.by_ms && e.hold_ms == UINT64_MAX);
	assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
	assert_int_equal(r.notify, noticed.notify);
	assert_int_equal(r.route, ENVELOPE_REMOTE);
	assert_true(span_eq(r.orcpt, noticed.orcpt));
	assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
	assert_true(r.notify == 0 && r.orcpt.n == 0);
	assert_true(span_eq(r.key, people[0].key));
	buf_free(&b);
}

static void
test_routed(void **state UNUSED)
{
	struct buf b = sample_routed();
	struct envelope e;
	struct envelope_recipient r;

	assert_true(envelope_decode(buf_span(&b), &e) == ERR_OK);
	assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
	assert_true(span_eq(r.via, by_route.via) && r.notify == 0);
	assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
	assert_true(span_eq(r.via, SPAN("x")));
	assert_int_equal(r.notify, ENVELOPE_NEVER);
	assert_true(envelope_next(&e.recipients, &r) == ERR_OK);
	assert_int_equal(r.via.n, 0);
	buf_free(&b);
}

/* Of a list: a member with its owner, and the list itself. */
static void
test_list(void **state UNUSED)
{
	static const struct envelope_recipient of_list[] = {
		{ SPAN("l@d"), ENVELOPE_LIST, SPAN(""), SPAN(""),
		    ENVELOPE_SUCCESS, SPAN("rfc822;l@d") },
		{ SPAN("a@d"), ENVELOPE_LOCAL, SPAN("d"), SPAN("a"), 0,
		    SPAN(""), SPAN(""), SPAN("owner-l@d") },
		{ SPAN("b@e"), ENVELOPE_REMOTE, SPAN(""), SPAN(""), 0,
		    SPAN(""), SPAN("way"), SPAN("owner-l@d") },
	};
	struct buf list = buf_make(4096);
	struct envelope_recipient r;
	struct span from;

	for (size_t i = 0; i < COUNT(of_list); i++)
		assert_true(envelope_add_recipient(&list, &of_list[i]) ==
		    ERR_OK);
	from = buf_span(&list);
	for (size_t i = 0; i < COUNT(of_list); i++) {
		assert_true(envelope_next(&from, &r) == ERR_OK);
		CHECK(r.route == of_list[i].route &&
		    span_eq(r.address, of_list[i].address) &&
		    span_eq(r.key, of_list[i].key) &&
		    span_eq(r.via, of_list[i].via) &&
		    span_eq(r.owner, of_list[i].owner), "recipient %zu", i);
	}
	assert_true(envelope_next(&from, &r) == ERR_NONE);
	/* Cut anywhere it is none. */
	for (size_t n = 1; n < list.n; n++) {
		struct span cut = span_of(list.p, n);
		enum err e;

		while ((e = envelope_next(&cut, &r)) == ERR_OK)
			continue;
		CHECK(e == ERR_SYNTAX || (e == ERR_NONE && cut.n == 0), "%zu",
		    n);
	}
	/* An owner that was announced and is none, a route that is none. */
	from = SPAN("\x21\1\0\0\0a\0\0\0\0\0\0\0\0\0\0\0\0");
	assert_true(envelope_next(&from, &r) == ERR_SYNTAX);
	from = SPAN("\4\1\0\0\0a\0\0\0\0\0\0\0\0");
	assert_true(envelope_next(&from, &r) == ERR_SYNTAX);
	buf_free(&list);
}

/* What earlier versions wrote is read as ever, octet for octet. */
static void
test_written_before(void **state UNUSED)
{
	static const uint8_t list[] = {
		/* route, address, domain, key */
		1, 3, 0, 0, 0, 'a', '@', 'b', 1, 0, 0, 0, 'b', 1, 0, 0, 0, 'a',
		/* and notify, orcpt */
		0x82, 3, 0, 0, 0, 'c', '@', 'd', 0, 0, 0, 0, 0, 0, 0, 0, 2,
		1, 0, 0, 0, 'x',
	};
	struct span from = span_of(list, sizeof list);
	struct buf again = buf_make(4096);
	struct envelope_recipient r;

	assert_true(envelope_next(&from, &r) == ERR_OK);
	assert_true(r.route == ENVELOPE_LOCAL && r.via.n == 0);
	assert_true(envelope_add_recipient(&again, &r) == ERR_OK);
	assert_true(envelope_next(&from, &r) == ERR_OK);
	assert_true(r.route == ENVELOPE_REMOTE && r.via.n == 0);
	assert_true(r.notify == ENVELOPE_SUCCESS && r.orcpt.n == 1);
	assert_true(envelope_add_recipient(&again, &r) == ERR_OK);
	assert_true(span_eq(buf_span(&again), span_of(list, sizeof list)));
	buf_free(&again);
}

/* A mailbox has no route, a route has a name, a name has a limit. */
static void
test_routes_refused(void **state UNUSED)
{
	static const uint8_t local[] = { 0x41, 1, 0, 0, 0, 'a', 0, 0, 0, 0,
		0, 0, 0, 0, 1, 0, 0, 0, 'x' }, nameless[] = { 0x42, 1, 0, 0, 0,
		'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static uint8_t name[100 * ENVELOPE_VIA_MAX];
	static const size_t sizes[] = { ENVELOPE_VIA_MAX, ENVELOPE_VIA_MAX + 1,
		sizeof name };
	struct span in = span_of(local, sizeof local);
	struct buf list = buf_make(4096);
	struct envelope_recipient r = by_route;

	assert_true(envelope_next(&in, &r) == ERR_SYNTAX);
	in = span_of(nameless, sizeof nameless);
	assert_true(envelope_next(&in, &r) == ERR_SYNTAX);
	memset(name, 'r', sizeof name);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		r = by_route;
		r.via = span_of(name, sizes[i]);
		CHECK(envelope_add_recipient(&list, &r) ==
		    (i == 0 ? ERR_OK : ERR_FULL), "%zu octets", sizes[i]);
	}
	buf_free(&list);
}

static void
cut_and_extend(struct buf b)
{
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
test_cut_and_extended(void **state UNUSED)
{
	cut_and_extend(sample());
	cut_and_extend(sample_extended());
	cut_and_extend(sample_routed());
	cut_and_extend(sample_wide());
}

static void
each_octet_wrong(struct buf b)
{
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
	for (unsigned int version = 0; version < 256; version++) {
		b.p[0] = (uint8_t)version;
		CHECK(version == 1 || version == 2 || envelope_decode(
		    buf_span(&b), &(struct envelope){ 0 }) == ERR_SYNTAX,
		    "version %u", version);
	}
	buf_free(&b);
}

static void
test_each_octet_wrong(void **state UNUSED)
{
	each_octet_wrong(sample());
	each_octet_wrong(sample_extended());
}

static void
test_bounds(void **state UNUSED)
{
	static const char big[257], wide[ENVELOPE_ORCPT_MAX + 1];
	struct buf list = buf_make(ENVELOPE_MAX), to = buf_make(ENVELOPE_MAX);
	struct envelope_recipient r = { .route = ENVELOPE_REMOTE,
		.address = span_of(big, sizeof big) };
	struct envelope e = { .helo = span_of(big, sizeof big) };

	assert_true(envelope_add_recipient(&list, &r) == ERR_FULL);
	assert_true(envelope_encode(&e, &to) == ERR_FULL);
	e = (struct envelope){ .nrecipients = ENVELOPE_RECIPIENTS_MAX + 1 };
	assert_true(envelope_encode(&e, &to) == ERR_FULL);
	static const struct envelope beyond[] = {
		{ .envid = { (const uint8_t *)big, ENVELOPE_ENVID_MAX + 1 } },
		{ .tags = { (const uint8_t *)big, ENVELOPE_TAGS_MAX + 1 } },
		{ .priority = ENVELOPE_PRIORITY_MAX + 1 },
		{ .priority = -ENVELOPE_PRIORITY_MAX - 1 },
		{ .by_ms = 1, .by_mode = 0x04 },
	};

	for (size_t i = 0; i < COUNT(beyond); i++)
		CHECK(envelope_encode(&beyond[i], &to) == ERR_FULL, "%zu", i);
	r = (struct envelope_recipient){ .route = ENVELOPE_REMOTE,
		.orcpt = span_of(wide, sizeof wide) };
	assert_true(envelope_add_recipient(&list, &r) == ERR_FULL);
	assert_int_equal(list.n + to.n, 0);
	buf_free(&list);
	buf_free(&to);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_there_and_back, "SPL-10"),
		TEST(test_wide, ""),
		TEST(test_not_shortest, ""),
		TEST(test_extended, "SPL-10"),
		TEST(test_routed, ""),
		TEST(test_list, "SPL-10"),
	TEST(test_written_before, "SPL-10"),
		TEST(test_routes_refused, ""),
		TEST(test_cut_and_extended, "PRS-6 SPL-10"),
		TEST(test_each_octet_wrong, "PRS-6"),
		TEST(test_bounds, ""),
	};

	return RUN_TESTS(tests);
}
