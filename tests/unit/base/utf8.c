/* Code points: what is one, and what must not be shown as it is. */
#include "base/utf8.h"

#include "check.h"

static const struct {
	const char	*text;
	size_t		 n;
	uint32_t	 point;
} points[] = {
	{ "\xc2\x80", 2, 0x80 },
	{ "\xdf\xbf", 2, 0x7ff },
	{ "\xe0\xa0\x80", 3, 0x800 },
	{ "\xed\x9f\xbf", 3, 0xd7ff },
	{ "\xee\x80\x80", 3, 0xe000 },
	{ "\xef\xbf\xbf", 3, 0xffff },
	{ "\xf0\x90\x80\x80", 4, 0x10000 },
	{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	{ "a", 0, 0 },
	{ "\x80", 0, 0 },
	{ "\xc1\xbf", 0, 0 },
	{ "\xe0\x9f\xbf", 0, 0 },
	{ "\xed\xa0\x80", 0, 0 },
	{ "\xed\xbf\xbf", 0, 0 },
	{ "\xf0\x8f\xbf\xbf", 0, 0 },
	{ "\xf4\x90\x80\x80", 0, 0 },
	{ "\xf5\x80\x80\x80", 0, 0 },
	{ "\xff", 0, 0 },
	{ "\xc3" "a", 0, 0 },
};

static void
test_points(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(points); i++) {
		struct span s = span_str(points[i].text);
		uint32_t point = 0;

		CHECK_NUM(utf8_take(s, &point), points[i].n, "%zu", i);
		CHECK_NUM(point, points[i].point, "%zu", i);
		/* Cut short it is none. */
		for (size_t n = 1; n < points[i].n; n++) {
			uint8_t *exact = malloc(n);

			assert_non_null(exact);
			memcpy(exact, s.p, n);
			CHECK_NUM(utf8_take(span_of(exact, n), &point), 0,
			    "%zu cut at %zu", i, n);
			free(exact);
		}
	}
}

static const struct {
	const char	*text;
	bool		 is_clean;
} texts[] = {
	{ "", true },
	{ "plain", true },
	{ "jos\xc3\xa9", true },
	{ "a\xc3", false },
	{ "a\nb", false },
	{ "a\x7f", false },
	{ "\xc2\x9f", false },
	{ "\xc2\xa0", true },
	{ "\xe2\x80\x8f", false },
	{ "\xe2\x80\x90", true },
	{ "\xef\xbb\xbf", false },
	{ "\xf3\xa0\x81\x81", false },
};

static void
test_clean(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		CHECK_NUM(utf8_is_clean(span_str(texts[i].text)),
		    texts[i].is_clean, "%zu", i);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_points, "PRS-4 LOG-1"),
		TEST(test_clean, "LOG-1"),
	};

	return RUN_TESTS(tests);
}
