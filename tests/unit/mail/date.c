/* RFC 5322 3.3, beside what the C library says. */
#include "mail/date.h"

#include "base/rand.h"
#include "check.h"

#include <time.h>

static void
test_known(void **state UNUSED)
{
	static const struct {
		uint64_t	 s;
		const char	*text;
	} rows[] = {
		{ 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 951868800, "Wed, 1 Mar 2000 00:00:00 +0000" },
		{ 4107542400, "Mon, 1 Mar 2100 00:00:00 +0000" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ 253402300800, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ UINT64_MAX / 1000, "Fri, 31 Dec 9999 23:59:59 +0000" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char got[DATE_MAX];

		date_print(rows[i].s * 1000 + 615, got);
		CHECK_STR(got, rows[i].text, "%llu",
		    (unsigned long long)rows[i].s);
	}
}

static void
test_like_the_library(void **state UNUSED)
{
	struct rand r = { 1 };

	for (unsigned int i = 0; i < 20000; i++) {
		time_t t = (time_t)rand_below(&r, 253402300800);
		char got[DATE_MAX], want[DATE_MAX];
		struct tm tm;

		date_print((uint64_t)t * 1000, got);
		assert_non_null(gmtime_r(&t, &tm));
		(void)strftime(want, sizeof want, tm.tm_mday < 10 ?
		    "%a,%e %b %Y %H:%M:%S +0000" : "%a, %e %b %Y %H:%M:%S +0000",
		    &tm);
		CHECK_STR(got, want, "%lld", (long long)t);
	}
}

/* RFC 3339 5.6, in UTC. */
static void
test_utc(void **state UNUSED)
{
	static const struct {
		const char	*text;
		uint64_t	 ms;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2000-02-29T23:59:59Z", 951868799000 },
		{ "2026-11-23T21:29:17Z", 1795469357000 },
		{ "2026-11-23T21:29:17.25Z", 1795469357000 },
		{ "9999-12-31T23:59:59Z", 253402300799000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
	};
	static const char *const bad[] = {
		"", "2026-11-23", "2026-11-23T21:29:17", "1969-12-31T23:59:59Z",
		"2026-11-23T21:29:17+00:00", "2026-11-23t21:29:17Z",
		"2026-11-23T21:29:17z", "2026-11-23 21:29:17Z",
		"2026-13-23T21:29:17Z", "2026-00-23T21:29:17Z",
		"2026-02-29T21:29:17Z", "2026-04-31T00:00:00Z",
		"2026-11-00T21:29:17Z", "2026-11-23T24:00:00Z",
		"2026-11-23T21:60:17Z", "2026-11-23T21:29:61Z",
		"2026-11-23T21:29:17.Z", "2026-11-23T21:29:17.5",
		"2026-11-23T21:29:17Zx", "026-11-23T21:29:17Z",
		"2026-1-23T21:29:17Z", "+026-11-23T21:29:17Z",
	};
	uint64_t ms;

	for (size_t i = 0; i < COUNT(good); i++) {
		char again[DATE_MAX];

		CHECK(date_parse_utc(span_str(good[i].text), &ms) == ERR_OK,
		    "%s", good[i].text);
		CHECK_NUM(ms, good[i].ms, "%s", good[i].text);
		date_print_utc(ms, again);
		CHECK(strlen(good[i].text) != 20 || good[i].text[17] == '6' ||
		    strcmp(again, good[i].text) == 0, "%s", again);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		size_t n = strlen(bad[i]);
		char *exact = malloc(n + 1);

		assert_non_null(exact);
		memcpy(exact, bad[i], n);
		CHECK(date_parse_utc(span_of(exact, n), &ms) == ERR_SYNTAX,
		    "%s", bad[i]);
		free(exact);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_known, ""),
		TEST(test_utc, ""),
		TEST(test_like_the_library, ""),
	};

	return RUN_TESTS(tests);
}
