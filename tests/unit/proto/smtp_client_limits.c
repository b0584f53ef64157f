/*
 * A server that says its limits (RFC 9422): more recipients than it takes at a
 * time go in several transactions, and behind the last of those no more begins.
 */
#include "client_rig.h"

#define LIMITS(words)	"220 hi|250-x\\250-LIMITS " words "\\250 HELP|"
#define PIPED(words)	"220 hi|250-x\\250-PIPELINING\\250 LIMITS " words "|"
#define HELLO		"EHLO me|"
#define FROM		"MAIL FROM:<s@y>|"
#define A	"RCPT TO:<a@x>|"
#define B	"RCPT TO:<b@x>|"
#define C	"RCPT TO:<c@x>|"
#define DATA	"DATA|<content>|"
#define TAKEN(n)	"r" n "=done,250,2.0.0|"
#define ONE	"250 x|250 a|354 go|250 ok|"
#define TWO	"250 x|250 a|250 b|354 go|250 ok|"

static const struct {
	const char	*name;
	size_t		 nrcpts;
	unsigned int	 mails;
	const char	*server, *trace;
} rows[] = {
	{ "as many as it takes", 2, 1, LIMITS("RCPTMAX=2") TWO "221 bye|",
	    HELLO FROM A B DATA TAKEN("0") TAKEN("1") "<sent>|" BYE },
	{ "one more", 3, 1, LIMITS("RCPTMAX=2") TWO ONE "221 bye|",
	    HELLO FROM A B DATA TAKEN("0") TAKEN("1") "<sent>|"
	    FROM C DATA TAKEN("2") "<sent>|" BYE },
	{ "one at a time, pipelined", 3, 1, PIPED("RCPTMAX=1")
	    "250 x|^250 a|^354 go|250 ok|250 x|^250 b|^354 go|250 ok|"
	    "250 x|^250 c|^354 go|250 ok|221 bye|",
	    HELLO FROM A DATA TAKEN("0") "<sent>|" FROM B DATA TAKEN("1")
	    "<sent>|" FROM C DATA TAKEN("2") "<sent>|" BYE },
	{ "the first group refused", 3, 1, LIMITS("RCPTMAX=2")
	    "250 x|550 5.1.1 a|550 5.1.1 b|250 reset|" ONE "221 bye|",
	    HELLO FROM A B "r0=failed,550,5.1.1|r1=failed,550,5.1.1|<sent>|"
	    "RSET|" FROM C DATA TAKEN("2") "<sent>|" BYE },
	{ "MAIL refused: nobody is left", 3, 1, LIMITS("RCPTMAX=1")
	    "550 5.7.1 no|221 bye|",
	    HELLO FROM "r0=failed,550,5.7.1|r1=failed,550,5.7.1|"
	    "r2=failed,550,5.7.1|<sent>|" BYE },
	{ "content refused to the first", 2, 1, LIMITS("RCPTMAX=1")
	    "250 x|250 a|354 go|552 5.2.2 a|" ONE "221 bye|",
	    HELLO FROM A DATA "r0=failed,552,5.2.2|<sent>|"
	    FROM B DATA TAKEN("1") "<sent>|" BYE },
	{ "mails", 1, 3, LIMITS("MAILMAX=2") ONE ONE "221 bye|",
	    HELLO FROM A DATA TAKEN("0") "<sent>|"
	    FROM A DATA TAKEN("0") "<sent>|" BYE },
	{ "mails, by several transactions", 3, 1,
	    LIMITS("MAILMAX=2 RCPTMAX=1") ONE ONE "221 bye|",
	    HELLO FROM A DATA TAKEN("0") "<sent>|"
	    FROM B DATA TAKEN("1") "<sent>|" BYE },
	{ "domains, and there is one", 3, 1, LIMITS("RCPTDOMAINMAX=1")
	    "250 x|250 a|250 b|250 c|354 go|250 ok|221 bye|",
	    HELLO FROM A B C DATA TAKEN("0") TAKEN("1") TAKEN("2") "<sent>|"
	    BYE },
	{ "no limit that is one", 3, 1, LIMITS("RCPTMAX=0 MAILMAX")
	    "250 x|250 a|250 b|250 c|354 go|250 ok|221 bye|",
	    HELLO FROM A B C DATA TAKEN("0") TAKEN("1") TAKEN("2") "<sent>|"
	    BYE },
	/* RFC 3207 4.2: what was said in plain is forgotten. */
	{ "said before TLS", 2, 1,
	    "220 hi|250-x\\250-LIMITS RCPTMAX=1\\250 STARTTLS|220 go|250 x|"
	    TWO "221 bye|",
	    HELLO "STARTTLS|<tls>|" HELLO FROM A B DATA TAKEN("0") TAKEN("1")
	    "<sent>|" BYE },
};

static void
test_rows(void **state UNUSED)
{
	struct smtp_client_settings set = plain_settings();
	static struct rig r;

	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut < 4; cut++) {
			r = (struct rig){ .server = rows[i].server,
				.nrcpts = rows[i].nrcpts, .cut = cut,
				.mails = rows[i].mails, .goes_on = true };
			run(&r, &set);
			CHECK_STR(r.trace, rows[i].trace, "%s, cut %zu",
			    rows[i].name, cut);
		}
}

static struct smtp_client_rcpt mixed[] = {
	{ .address = { (const uint8_t *)"a@x", 3 } },
	{ .address = { (const uint8_t *)"b@y", 3 } },
	{ .address = { (const uint8_t *)"c@X", 3 } },
};

/* RCPTDOMAINMAX: those of one domain together, in any case of its letters. */
static void
test_domains(void **state UNUSED)
{
	static const struct smtp_client_message like = {
		.reverse_path = { (const uint8_t *)"s@y", 3 },
		.rcpts = mixed,
	};
	struct smtp_client_settings set = plain_settings();
	static struct rig r;

	r = (struct rig){ .server = LIMITS("RCPTDOMAINMAX=1") TWO ONE
		"221 bye|", .nrcpts = 3, .mails = 1, .goes_on = true,
		.like = &like };
	run(&r, &set);
	CHECK_STR(r.trace, HELLO FROM A "RCPT TO:<c@X>|" DATA TAKEN("0")
	    TAKEN("2") "<sent>|" FROM "RCPT TO:<b@y>|" DATA TAKEN("1")
	    "<sent>|" BYE, "one domain at a time");
	r = (struct rig){ .server = LIMITS("RCPTDOMAINMAX=2")
		"250 x|250 a|250 b|250 c|354 go|250 ok|221 bye|",
		.nrcpts = 3, .mails = 1, .goes_on = true, .like = &like };
	run(&r, &set);
	CHECK_STR(r.trace, HELLO FROM A "RCPT TO:<b@y>|RCPT TO:<c@X>|" DATA
	    TAKEN("0") TAKEN("1") TAKEN("2") "<sent>|" BYE, "two");
}

/* No envelope goes ahead of what this message has still to say, or too many. */
static void
test_not_ahead(void **state UNUSED)
{
	static const struct {
		const char	*server;
		bool		 goes;
	} tries[] = {
		{ PIPED("RCPTMAX=2 MAILMAX=2") "250 x|^250 a|^250 b|^354 go|",
			true },
		{ PIPED("RCPTMAX=1") "250 x|^250 a|^354 go|", false },
		{ PIPED("MAILMAX=1") "250 x|^250 a|^250 b|^354 go|", false },
	};
	struct smtp_client_settings set = plain_settings();
	static struct rig r;

	for (size_t i = 0; i < COUNT(tries); i++) {
		r = (struct rig){ .server = tries[i].server, .nrcpts = 2,
			.mails = 1, .ahead = 1, .is_content_stuck = true };
		run(&r, &set);
		CHECK_NUM(strstr(r.trace, "<no>|") == NULL, tries[i].goes,
		    "%zu: %s", i, r.trace);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_rows, ""),
		TEST(test_domains, ""),
		TEST(test_not_ahead, ""),
	};

	return RUN_TESTS(tests);
}
