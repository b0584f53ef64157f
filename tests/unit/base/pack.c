/*
 * pack: what is written is read back, and nothing shorter or longer.
 */
#include "check.h"

#include "base/pack.h"

static const struct sample {
	uint8_t		a;
	uint16_t	b;
	uint32_t	c;
	uint64_t	d;
	struct span	text;
} samples[] = {
	{ 0, 0, 0, 0, { 0 } },
	{ 1, 2, 3, 4, SPAN("x") },
	{ UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX, SPAN("nul \0 in") },
};

static void
write_sample(const struct sample *s, struct buf *b)
{
	struct pack w = { .to = b };

	pack_u8(&w, s->a);
	pack_u16(&w, s->b);
	pack_u32(&w, s->c);
	pack_u64(&w, s->d);
	pack_octets(&w, s->text);
	CHECK_NUM(w.error, ERR_OK, "written");
}

static bool
read_sample(struct span in, struct sample *s)
{
	struct unpack r = { .in = in };

	s->a = unpack_u8(&r);
	s->b = unpack_u16(&r);
	s->c = unpack_u32(&r);
	s->d = unpack_u64(&r);
	s->text = unpack_octets(&r, 64);
	return unpack_is_done(&r);
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct buf b = buf_make(256);
		struct sample s;

		write_sample(&samples[i], &b);
		CHECK(read_sample(buf_span(&b), &s), "row %zu", i);
		CHECK(s.a == samples[i].a && s.b == samples[i].b &&
			s.c == samples[i].c && s.d == samples[i].d,
		    "numbers, row %zu", i);
		CHECK(span_eq(s.text, samples[i].text), "text, row %zu", i);
		buf_free(&b);
	}
}

/* The input cut at every octet, and with 1 to 16 too many. */
static void
test_short_and_long(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct buf b = buf_make(256);
		struct sample s;

		write_sample(&samples[i], &b);
		for (size_t cut = 0; cut < b.n; cut++)
			CHECK(!read_sample(span_of(b.p, cut), &s),
			    "row %zu cut at %zu", i, cut);
		for (size_t more = 1; more <= 16; more++) {
			CHECK_NUM(buf_addc(&b, 0), ERR_OK, "room");
			CHECK(!read_sample(buf_span(&b), &s),
			    "row %zu and %zu more", i, more);
		}
		buf_free(&b);
	}
}

static void
test_counts_that_lie(void **state)
{
	(void)state;
	static const uint32_t counts[] = { 4, 5, 64, 65, 0x7fffffff,
		0x80000000, 0x80000001, UINT32_MAX };

	for (size_t i = 0; i < COUNT(counts); i++) {
		uint8_t in[7] = { (uint8_t)counts[i],
			(uint8_t)(counts[i] >> 8), (uint8_t)(counts[i] >> 16),
			(uint8_t)(counts[i] >> 24), 'a', 'b', 'c' };
		struct unpack r = { .in = span_of(in, sizeof in) };
		struct span s = unpack_octets(&r, SIZE_MAX);

		CHECK(r.is_bad && s.n == 0, "count %u", counts[i]);
		CHECK_NUM(unpack_u8(&r), 0, "bad stays bad");
		CHECK(!unpack_is_done(&r), "bad stays bad");
	}
}

static void
test_longer_than_allowed(void **state)
{
	(void)state;
	static const uint8_t in[] = { 3, 0, 0, 0, 'a', 'b', 'c' };
	struct unpack r = { .in = span_of(in, sizeof in) };

	CHECK_NUM(unpack_octets(&r, 3).n, 3, "at the bound");
	r = (struct unpack){ .in = span_of(in, sizeof in) };
	CHECK_NUM(unpack_octets(&r, 2).n, 0, "past the bound");
	CHECK(r.is_bad, "past the bound");
}

static void
test_writer_stays_bad(void **state)
{
	(void)state;
	struct buf b = buf_make(4);
	struct pack w = { .to = &b };

	pack_u64(&w, 1);
	CHECK_NUM(w.error, ERR_FULL, "no room");
	pack_u8(&w, 1);
	CHECK_NUM(w.error, ERR_FULL, "still");
	CHECK_NUM(b.n, 0, "nothing half written");
	buf_free(&b);
}

static const struct CMUnitTest tests[] = {
	TEST(test_round_trip, "SPL-10"),
	TEST(test_short_and_long, "PRS-6"),
	TEST(test_counts_that_lie, "PRS-6 MEM-2"),
	TEST(test_longer_than_allowed, "PRS-6"),
	TEST(test_writer_stays_bad, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
