/*
 * buf: grows to its limit and not an octet further.
 */
#include "check.h"

#include "base/buf.h"

static void
test_limits(void **state)
{
	(void)state;
	static const size_t limits[] = { 0, 1, 255, 256, 257, 1000, 65536 };

	for (size_t i = 0; i < COUNT(limits); i++) {
		struct buf b = buf_make(limits[i]);

		for (size_t n = 0; n < limits[i]; n++)
			CHECK_NUM(buf_addc(&b, (uint8_t)n), ERR_OK,
			    "octet %zu of %zu", n, limits[i]);
		CHECK_NUM(buf_addc(&b, 'x'), ERR_FULL, "one past %zu",
		    limits[i]);
		CHECK_NUM(buf_add(&b, (struct span){ 0 }), ERR_OK, "nothing");
		CHECK_NUM(b.n, limits[i], "unchanged");
		CHECK(b.room <= limits[i], "no more than asked for");
		buf_free(&b);
		CHECK_NUM(b.limit, limits[i], "keeps its limit");
	}
}

static void
test_huge_requests(void **state)
{
	(void)state;
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1,
		((size_t)1 << 31) - 1, ((size_t)1 << 31) + 1,
		((size_t)1 << 32) - 1, ((size_t)1 << 32) + 1 };
	struct buf b = buf_make(4096);

	CHECK_NUM(buf_add(&b, SPAN("abc")), ERR_OK, "something");
	for (size_t i = 0; i < COUNT(sizes); i++) {
		CHECK_NUM(buf_room(&b, sizes[i]), ERR_FULL, "%zu", sizes[i]);
		CHECK_NUM(b.n, 3, "unchanged");
	}
	buf_free(&b);
}

static void
test_refusal_changes_nothing(void **state)
{
	(void)state;
	struct buf b = buf_make(8);

	CHECK_NUM(buf_add(&b, SPAN("12345")), ERR_OK, "five");
	CHECK_NUM(buf_add(&b, SPAN("6789")), ERR_FULL, "nine");
	CHECK_NUM(buf_addf(&b, "%s", "6789"), ERR_FULL, "nine, printed");
	CHECK(span_eq(buf_span(&b), SPAN("12345")), "the five are there");
	buf_free(&b);
}

static void
test_drop_and_cut(void **state)
{
	(void)state;
	struct buf b = buf_make(100);

	CHECK_NUM(buf_addf(&b, "%s %d", "ab\tc", 42), ERR_OK, "print");
	CHECK(span_eq(buf_span(&b), SPAN("ab\tc 42")), "printed");
	buf_drop(&b, 3);
	CHECK(span_eq(buf_span(&b), SPAN("c 42")), "front gone");
	buf_cut(&b, 1);
	CHECK(span_eq(buf_span(&b), SPAN("c")), "end gone");
	buf_cut(&b, 50);
	buf_drop(&b, SIZE_MAX);
	CHECK_NUM(b.n, 0, "all gone");
	buf_wipe(&b);
	CHECK_NUM(b.room, 0, "given back");
}

static const struct CMUnitTest tests[] = {
	TEST(test_limits, "MEM-2"),
	TEST(test_huge_requests, "MEM-2"),
	TEST(test_refusal_changes_nothing, ""),
	TEST(test_drop_and_cut, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
