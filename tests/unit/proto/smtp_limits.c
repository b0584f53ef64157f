/* What a server says of its limits (RFC 9422), and what is none. */
#include "check.h"

#include "proto/smtp_limits.h"

static const struct {
	struct span	value;
	uint32_t	mails, rcpts, domains;
} cases[] = {
	{ SPAN(""), 0, 0, 0 },
	{ SPAN("MAILMAX=1"), 1, 0, 0 },
	{ SPAN("MAILMAX=1000 RCPTMAX=100 RCPTDOMAINMAX=1"), 1000, 100, 1 },
	{ SPAN("rcptmax=5 MailMax=7"), 7, 5, 0 },
	{ SPAN("MAILMAX=999999"), 999999, 0, 0 },
	/* Six digits, the first of them not 0. */
	{ SPAN("MAILMAX=1000000 RCPTMAX=5"), 0, 5, 0 },
	{ SPAN("MAILMAX=0"), 0, 0, 0 },
	{ SPAN("MAILMAX=01"), 0, 0, 0 },
	{ SPAN("MAILMAX=99999999999999999999"), 0, 0, 0 },
	{ SPAN("MAILMAX RCPTMAX= RCPTDOMAINMAX=x"), 0, 0, 0 },
	{ SPAN("MAILMAX=-1 RCPTMAX=+2 RCPTDOMAINMAX=3x"), 0, 0, 0 },
	{ SPAN("MAILMAX=5=5"), 0, 0, 0 },
	{ SPAN("MAILMAX =5"), 0, 0, 0 },
	/* What we do not know, and what is said twice. */
	{ SPAN("OTHER OTHER=x;y MAILMAX=2 XRCPTMAX=3 RCPTMAXX=4"), 2, 0, 0 },
	{ SPAN("MAILMAX=9 MAILMAX=3 MAILMAX=5"), 3, 0, 0 },
	{ SPAN("  MAILMAX=4   RCPTMAX=6  "), 4, 6, 0 },
	{ SPAN("=5 = =MAILMAX RCPTMAX=8"), 0, 8, 0 },
	{ SPAN("MAILMAX=5\tRCPTMAX=6"), 0, 0, 0 },
};

static void
test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct smtp_limits l = smtp_limits_parse(cases[i].value);

		CHECK(l.mails == cases[i].mails && l.rcpts == cases[i].rcpts &&
		    l.domains == cases[i].domains, "%zu: %u %u %u", i,
		    l.mails, l.rcpts, l.domains);
	}
}

/* Each beginning is read within itself. */
static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut < cases[i].value.n; cut++) {
			uint8_t *exact = malloc(cut + 1);
			struct smtp_limits l;

			assert_non_null(exact);
			memcpy(exact, cases[i].value.p, cut);
			l = smtp_limits_parse(span_of(exact, cut));
			CHECK(l.mails <= SMTP_LIMIT_MAX &&
			    l.rcpts <= SMTP_LIMIT_MAX &&
			    l.domains <= SMTP_LIMIT_MAX, "%zu at %zu", i, cut);
			free(exact);
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_rows, ""),
		TEST(test_cut_anywhere, ""),
	};

	return RUN_TESTS(tests);
}
