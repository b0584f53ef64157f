/*
 * span: comparing, finding, cutting and reading numbers, at their edges.
 */
#include "check.h"

#include "base/span.h"

static struct span
nth(const char *s, size_t n)
{
	return span_of(s, n);
}

static void
test_compare(void **state)
{
	(void)state;
	static const struct {
		struct span	a, b;
		bool		eq, nocase, starts, ends;
	} cases[] = {
		{ { 0 }, { 0 }, true, true, true, true },
		{ SPAN("a"), { 0 }, false, false, true, true },
		{ { 0 }, SPAN("a"), false, false, false, false },
		{ SPAN("MAIL"), SPAN("mail"), false, true, true, true },
		{ SPAN("ma\0l"), SPAN("ma\0L"), false, true, true, true },
		{ SPAN("ma\0l"), SPAN("ma\0x"), false, false, false, false },
		{ SPAN("a[z"), SPAN("a{z"), false, false, false, false },
		{ SPAN("\xc3\xa4"), SPAN("\xc3\x84"), false, false, false,
		    false },
		{ SPAN("abc"), SPAN("AB"), false, false, true, false },
		{ SPAN("abc"), SPAN("BC"), false, false, false, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_NUM(span_eq(cases[i].a, cases[i].b), cases[i].eq,
		    "eq, row %zu", i);
		CHECK_NUM(span_eq_nocase(cases[i].a, cases[i].b),
		    cases[i].nocase, "nocase, row %zu", i);
		CHECK_NUM(span_starts_nocase(cases[i].a, cases[i].b),
		    cases[i].starts, "starts, row %zu", i);
		CHECK_NUM(span_ends_nocase(cases[i].a, cases[i].b),
		    cases[i].ends, "ends, row %zu", i);
	}
}

/* A NUL in any place is an octet like another. */
static void
test_nul_ends_nothing(void **state)
{
	(void)state;
	for (size_t at = 0; at < 8; at++) {
		char a[8] = "abcdefg", b[8] = "abcdefg";

		a[at] = b[at] = '\0';
		CHECK(span_eq(nth(a, 8), nth(b, 8)), "NUL at %zu", at);
		CHECK_NUM(span_find(nth(a, 8), 0), at == 7 ? 7 : at, "find");
		b[7] = 'x';
		CHECK(at == 7 || !span_eq(nth(a, 8), nth(b, 8)),
		    "what follows the NUL at %zu counts", at);
	}
}

static void
test_find(void **state)
{
	(void)state;
	struct span s = SPAN("one two one");

	CHECK_NUM(span_find(s, 'o'), 0, "first");
	CHECK_NUM(span_rfind(s, 'o'), 8, "last");
	CHECK_NUM(span_find(s, 'x'), s.n, "absent");
	CHECK_NUM(span_rfind(s, 'x'), s.n, "absent from behind");
	CHECK_NUM(span_find((struct span){ 0 }, 'x'), 0, "in nothing");
	CHECK_NUM(span_find_span(s, SPAN("two")), 4, "sequence");
	CHECK_NUM(span_find_span(s, SPAN("ones")), s.n, "absent sequence");
	CHECK_NUM(span_find_span(s, (struct span){ 0 }), 0, "empty sequence");
	CHECK_NUM(span_find_span((struct span){ 0 }, s), 0, "in nothing");
}

static void
test_take_and_skip(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 5, 6, 7, SIZE_MAX - 1,
		SIZE_MAX };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct span s = SPAN("letter"), front;
		size_t want = MIN(sizes[i], (size_t)6);

		CHECK_NUM(span_skip(s, sizes[i]).n, 6 - want, "skip");
		front = span_take(&s, sizes[i]);
		CHECK_NUM(front.n, want, "taken");
		CHECK_NUM(s.n, 6 - want, "left");
	}
	CHECK(span_eq(span_trim(SPAN(" \t a b\t ")), SPAN("a b")), "trim");
	CHECK_NUM(span_trim(SPAN(" \t ")).n, 0, "nothing but blanks");
}

static void
test_numbers(void **state)
{
	(void)state;
	static const struct {
		struct span	text;
		uint64_t	limit;
		enum err	e;
		uint64_t	value;
	} cases[] = {
		{ SPAN("0"), 0, ERR_OK, 0 },
		{ SPAN("1"), 0, ERR_FULL, 0 },
		{ SPAN("00000000000000000007"), 7, ERR_OK, 7 },
		{ SPAN("000000000000000000007"), 7, ERR_SYNTAX, 0 },
		{ SPAN("18446744073709551615"), UINT64_MAX, ERR_OK,
		    UINT64_MAX },
		{ SPAN("18446744073709551616"), UINT64_MAX, ERR_FULL, 0 },
		{ SPAN("99999999999999999999"), UINT64_MAX, ERR_FULL, 0 },
		{ SPAN("2147483647"), INT32_MAX, ERR_OK, INT32_MAX },
		{ SPAN("2147483648"), INT32_MAX, ERR_FULL, 0 },
		{ SPAN("4294967297"), UINT64_MAX, ERR_OK,
		    UINT64_C(4294967297) },
		{ SPAN(""), 9, ERR_SYNTAX, 0 },
		{ SPAN("-1"), 9, ERR_SYNTAX, 0 },
		{ SPAN("+1"), 9, ERR_SYNTAX, 0 },
		{ SPAN(" 1"), 9, ERR_SYNTAX, 0 },
		{ SPAN("1 "), 9, ERR_SYNTAX, 0 },
		{ SPAN("1\0"), 9, ERR_SYNTAX, 0 },
		{ SPAN("0x1"), 9, ERR_SYNTAX, 0 },
		{ SPAN("9999999999999999999x"), 9, ERR_SYNTAX, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t v = 0;

		CHECK_NUM(span_u64(cases[i].text, cases[i].limit, &v),
		    cases[i].e, "row %zu", i);
		CHECK(v == cases[i].value, "row %zu", i);
	}
}

/* What every size from outside goes through. */
static void
test_checked_sums(void **state)
{
	(void)state;
	static const size_t edges[] = { 0, 1, SIZE_MAX - 1, SIZE_MAX,
		(size_t)1 << 31, ((size_t)1 << 31) - 1, ((size_t)1 << 31) + 1,
		(size_t)1 << 32, ((size_t)1 << 32) - 1, ((size_t)1 << 32) + 1 };

	for (size_t i = 0; i < COUNT(edges); i++)
		for (size_t k = 0; k < COUNT(edges); k++) {
			size_t a = edges[i], b = edges[k], r = 7;
			bool fits = a <= SIZE_MAX - b;

			CHECK_NUM(size_add(a, b, &r), fits, "%zu + %zu", a, b);
			CHECK(!fits || r == a + b, "%zu + %zu", a, b);
			fits = a == 0 || b <= SIZE_MAX / a;
			CHECK_NUM(size_mul(a, b, &r), fits, "%zu * %zu", a, b);
			CHECK(!fits || r == a * b, "%zu * %zu", a, b);
		}
}

static const struct CMUnitTest tests[] = {
	TEST(test_compare, ""),
	TEST(test_nul_ends_nothing, "MEM-4"),
	TEST(test_find, ""),
	TEST(test_take_and_skip, "MEM-2"),
	TEST(test_numbers, "MEM-2"),
	TEST(test_checked_sums, "MEM-2"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
