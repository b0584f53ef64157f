/*
 * check: names to ask for, what replies mean, and sums.
 */
#include "check.h"

#include "policy/check.h"

#define V6	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\xa1"

static void
test_queries(void **state UNUSED)
{
	static const struct {
		struct span	 address;
		const char	*zone, *name;
	} rows[] = {
		{ SPAN("\xc0\0\2\1"), "zen.example", "1.2.0.192.zen.example" },
		{ SPAN("\xff\xff\xff\xff"), "in-addr.arpa",
		    "255.255.255.255.in-addr.arpa" },
		{ SPAN(V6), "ip6.arpa", "1.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		    "0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(300);

		CHECK_NUM(check_query(rows[i].address, span_str(rows[i].zone),
		    &to), ERR_OK, "row %zu", i);
		assert_int_equal(buf_addc(&to, 0), ERR_OK);
		CHECK_STR((const char *)to.p, rows[i].name, "row %zu", i);
		buf_free(&to);
	}
}

/* RFC 5782 5: 127.0.0.1, and ::FFFF:7F00:1 in nibbles (2.4). */
static void
test_nobody_queries(void **state UNUSED)
{
	static const struct {
		size_t		 octets;
		const char	*name;
	} rows[] = {
		{ 4, "1.0.0.127.bl.example" },
		{ 16, "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		    "0.0.0.0.0.bl.example" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(300);

		CHECK_NUM(check_nobody_query(rows[i].octets,
		    SPAN("bl.example"), &to), ERR_OK, "row %zu", i);
		assert_int_equal(buf_addc(&to, 0), ERR_OK);
		CHECK_STR((const char *)to.p, rows[i].name, "row %zu", i);
		buf_free(&to);
	}
}

static void
test_longest_query(void **state UNUSED)
{
	char zone[260];

	memset(zone, 'z', sizeof zone);
	for (size_t n = CHECK_QUERY_MAX - 64; n <= CHECK_QUERY_MAX - 63; n++) {
		struct buf to = buf_make(300);

		CHECK_NUM(check_query(SPAN(V6), span_of(zone, n), &to),
		    n == CHECK_QUERY_MAX - 64 ? ERR_OK : ERR_FULL, "%zu", n);
		CHECK_NUM(to.n, n == CHECK_QUERY_MAX - 64 ? CHECK_QUERY_MAX :
		    0, "%zu", n);
		buf_free(&to);
	}
}

static void
test_replies(void **state UNUSED)
{
	static const struct {
		const char	*name;
		struct span	 replies;
		uint8_t		 base[4], bits;
		enum check_word	 word;
		const char	*why;
	} rows[] = {
#define ANY	{ 127, 0, 0, 0 }, 8
		{ "no such name", SPAN(""), ANY, CHECK_CLEAR, "" },
		{ "listed", SPAN("\x7f\0\0\2"), ANY, CHECK_LISTED,
		    "127.0.0.2" },
		{ "several", SPAN("\x7f\0\0\4\x7f\0\0\2"), ANY, CHECK_LISTED,
		    "127.0.0.4" },
		{ "another code", SPAN("\x7f\0\0\4"), { 127, 0, 0, 2 }, 32,
		    CHECK_CLEAR, "127.0.0.4" },
		{ "the right code", SPAN("\x7f\0\0\4\x7f\0\0\2"),
		    { 127, 0, 0, 2 }, 32, CHECK_LISTED, "127.0.0.2" },
		{ "under a prefix", SPAN("\x7f\0\1\7"), { 127, 0, 1, 0 }, 24,
		    CHECK_LISTED, "127.0.1.7" },
		{ "not under it", SPAN("\x7f\0\2\7"), { 127, 0, 1, 0 }, 24,
		    CHECK_CLEAR, "127.0.2.7" },
		{ "refused", SPAN("\x7f\xff\xff\xfe"), ANY, CHECK_ODD,
		    "127.255.255.254" },
		{ "listed and refused", SPAN("\x7f\0\0\2\x7f\xff\xff\xff"),
		    ANY, CHECK_ODD, "127.255.255.255" },
		{ "a domain for sale", SPAN("\xc0\0\2\1"), ANY, CHECK_ODD,
		    "192.0.2.1" },
		{ "for sale, all taken", SPAN("\xc0\0\2\1"), { 0 }, 0,
		    CHECK_ODD, "192.0.2.1" },
		{ "cut", SPAN("\x7f\0\0"), ANY, CHECK_CLEAR, "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[CHECK_WHY_MAX];
		enum check_word word = check_list_word(rows[i].replies,
		    rows[i].base, rows[i].bits, why);

		CHECK_STR(check_word_text(word),
		    check_word_text(rows[i].word), "%s", rows[i].name);
		CHECK_STR(why, rows[i].why, "%s", rows[i].name);
	}
}

static void
test_sums(void **state UNUSED)
{
	static const struct {
		const char	*name;
		struct check	 checks[3];
		int64_t		 sum;
		const char	*worst;
		bool		 is_refused, is_allowed;
	} rows[] = {
		{ "nothing", { { .name = "reverse-dns", .word = CHECK_NONE } },
		    0, "", false, false },
		{ "one is enough", { { "a", CHECK_LISTED, 10, "" } }, 10, "a",
		    true, false },
		{ "one is not", { { "a", CHECK_LISTED, 9, "" } }, 9, "a",
		    false, false },
		{ "two are", { { "a", CHECK_LISTED, 4, "" },
		    { "b", CHECK_LISTED, 6, "" } }, 10, "b", true, false },
		{ "only who is listed counts", { { "a", CHECK_CLEAR, 10, "" },
		    { "b", CHECK_LATER, 10, "" },
		    { "c", CHECK_ODD, 10, "" } }, 0, "", false, false },
		{ "an allow list takes away", { { "a", CHECK_LISTED, 10, "" },
		    { "b", CHECK_LISTED, -5, "" } }, 5, "a", false, false },
		{ "allowed", { { "b", CHECK_LISTED, -10, "" } }, -10, "b",
		    false, true },
		{ "nearly", { { "b", CHECK_LISTED, -10, "" },
		    { "a", CHECK_LISTED, 1, "" } }, -9, "a", false, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct check_sum s = check_sum(rows[i].checks, 3);

		CHECK_NUM(s.sum, rows[i].sum, "%s", rows[i].name);
		CHECK_STR(s.worst == NULL ? "" : s.worst->name, rows[i].worst,
		    "%s", rows[i].name);
		CHECK_NUM(s.is_refused, rows[i].is_refused, "%s",
		    rows[i].name);
		CHECK_NUM(s.is_allowed, rows[i].is_allowed, "%s",
		    rows[i].name);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_queries, ""),
		TEST(test_nobody_queries, "DNS-4"),
		TEST(test_longest_query, ""),
		TEST(test_replies, "DNS-4"),
		TEST(test_sums, ""),
	};

	return RUN_TESTS(tests);
}
