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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_known, ""),
		TEST(test_like_the_library, ""),
	};

	return RUN_TESTS(tests);
}
