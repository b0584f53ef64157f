/*
 * smtp_client: the envelope of the next message behind the final dot of this
 * one (RFC 2920 3.1), and every order in which a server can answer both.
 */
#include "client_rig.h"

#define FIRST	ENV "RCPT TO:<a@x>|DATA|<content>|"
#define NEXT	"MAIL FROM:<t@y>|RCPT TO:<a@x>|DATA|"
#define ONE	"r0=done,250,2.1.0|<sent>|"
#define OPENED	PIPE "250 x|^250 a|^354 go|"

static const struct order {
	const char *name, *server, *trace;
} orders[] = {
	{ "both taken",
	    OPENED "250 2.1.0 one|250 x|250 a|354 go|250 2.2.0 two|221 bye|",
	    FIRST NEXT ONE "<content>|r0=done,250,2.2.0|<sent>|" BYE },
	{ "all answers at once",
	    OPENED "250 2.1.0 one|^250 x|^250 a|^354 go|250 2.2.0 two|"
	    "221 bye|",
	    FIRST NEXT ONE "<content>|r0=done,250,2.2.0|<sent>|" BYE },
	{ "the first refused",
	    OPENED "554 5.7.1 no|^250 x|^250 a|^354 go|250 2.2.0 two|221 bye|",
	    FIRST NEXT "r0=failed,554,5.7.1|<sent>|<content>|"
	    "r0=done,250,2.2.0|<sent>|" BYE },
	{ "the first put off",
	    OPENED "452 4.3.1 full|250 x|250 a|354 go|250 2.2.0 two|221 bye|",
	    FIRST NEXT "r0=retry,452,4.3.1|<sent>|<content>|"
	    "r0=done,250,2.2.0|<sent>|" BYE },
	{ "421 to the first: nobody took the envelope",
	    OPENED "421 4.3.2 going down|",
	    FIRST NEXT "close:host:retry,421,4.3.2|" },
	{ "421 to the first, with answers behind",
	    OPENED "421 4.3.2 going down|^250 x|^250 a|^354 go|",
	    FIRST NEXT "close:host:retry,421,4.3.2|" },
	{ "lost before any answer", OPENED "@",
	    FIRST NEXT "close:doubt:retry,0,4.4.2|" },
	{ "late", OPENED "-", FIRST NEXT "close:doubt:retry,0,4.4.2|" },
	{ "nonsense for the first", OPENED "hello|",
	    FIRST NEXT "close:doubt:retry,0,4.5.0|" },
	{ "354 for the first", OPENED "354 what|",
	    FIRST NEXT "close:doubt:retry,0,4.5.0|" },
	{ "lost behind the first", OPENED "250 2.1.0 one|@",
	    FIRST NEXT ONE "close:host:retry,0,4.4.2|" },
	{ "late behind the first", OPENED "250 2.1.0 one|-",
	    FIRST NEXT ONE "close:host:retry,0,4.4.2|" },
	{ "421 to MAIL", OPENED "250 2.1.0 one|421 4.7.0 enough|",
	    FIRST NEXT ONE "close:host:retry,421,4.7.0|" },
	{ "MAIL refused", OPENED "250 2.1.0 one|550 5.1.8 x|503 a|503 no|"
	    "221 bye|",
	    FIRST NEXT ONE "r0=failed,550,5.1.8|<sent>|" BYE },
	{ "MAIL put off, 354 all the same",
	    OPENED "250 2.1.0 one|451 4.7.1 x|^250 a|^354 go|554 no|221 bye|",
	    FIRST NEXT ONE "r0=retry,451,4.7.1|.|<sent>|" BYE },
	{ "RCPT refused, 354 all the same",
	    OPENED "250 2.1.0 one|250 x|550 5.1.1 a|354 go|554 no|221 bye|",
	    FIRST NEXT ONE "r0=failed,550,5.1.1|.|<sent>|" BYE },
	{ "RCPT refused, 503",
	    OPENED "250 2.1.0 one|^250 x|^550 5.1.1 a|^503 no|221 bye|",
	    FIRST NEXT ONE "r0=failed,550,5.1.1|<sent>|" BYE },
	{ "lost between RCPT and DATA",
	    OPENED "250 2.1.0 one|250 x|250 a|@",
	    FIRST NEXT ONE "close:host:retry,0,4.4.2|" },
	{ "DATA put off", OPENED "250 2.1.0 one|250 x|250 a|452 4.3.1 full|"
	    "221 bye|",
	    FIRST NEXT ONE "r0=retry,452,4.3.1|<sent>|" BYE },
	{ "250 for DATA", OPENED "250 2.1.0 one|250 x|250 a|250 what|",
	    FIRST NEXT ONE "close:host:retry,0,4.5.0|" },
	{ "lost in the second content",
	    OPENED "250 2.1.0 one|250 x|250 a|354 go|@",
	    FIRST NEXT ONE "<content>|close:doubt:retry,0,4.4.2|" },
};

static void
run_order(const struct order *o, size_t cut, struct rig *r)
{
	struct smtp_client_settings set = plain_settings();

	*r = (struct rig){ .server = o->server, .nrcpts = 1, .mails = 1,
		.ahead = 1, .cut = cut };
	run(r, &set);
}

/* Cut at each octet too: what the answers mean does not depend on packets. */
static void
test_each_order_of_answers(void **state UNUSED)
{
	static struct rig r;

	for (size_t i = 0; i < COUNT(orders); i++)
		for (size_t cut = 0; cut < 60; cut++) {
			run_order(&orders[i], cut, &r);
			CHECK_STR(r.trace, orders[i].trace, "%s, cut %zu",
			    orders[i].name, cut);
		}
}

/* Of several recipients each its own, in both messages. */
static void
test_recipients_of_both(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	r = (struct rig){ .nrcpts = 3, .mails = 1, .ahead = 2,
		.server = PIPE "250 x|250 a|550 5.1.1 b|250 c|354 go|"
		"250 2.1.0 one|250 x|450 4.2.1 a|250 b|354 go|"
		"250 2.2.0 two|221 bye|" };
	run(&r, &set);
	CHECK_STR(r.trace, ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|RCPT TO:<c@x>|"
	    "DATA|r1=failed,550,5.1.1|<content>|MAIL FROM:<t@y>|"
	    "RCPT TO:<a@x>|RCPT TO:<b@x>|DATA|r0=done,250,2.1.0|"
	    "r2=done,250,2.1.0|<sent>|r0=retry,450,4.2.1|<content>|"
	    "r1=done,250,2.2.0|<sent>|" BYE, "both");
}

/* Where it may not be said, nothing is said, and READY comes as ever. */
static const struct {
	const char *name, *hello;
	uint64_t size;
	bool is_8bit;
} never[] = {
	{ "no PIPELINING", HI, 1, false },
	{ "larger than SIZE",
	    "220 hi|250-x\\250-PIPELINING\\250 SIZE 1000|", 1001, false },
	{ "8-bit without 8BITMIME", PIPE, 1, true },
};

static void
test_not_ahead(void **state UNUSED)
{
	static struct rig r;
	static char server[200];
	struct smtp_client_settings set = plain_settings();

	for (size_t i = 0; i < COUNT(never); i++) {
		(void)snprintf(server, sizeof server,
		    "%s250 x|250 a|354 go|250 2.1.0 one|221 bye|",
		    never[i].hello);
		r = (struct rig){ .nrcpts = 1, .mails = 1, .ahead = 1,
			.server = server, .ahead_size = never[i].size,
			.is_ahead_8bit = never[i].is_8bit };
		run(&r, &set);
		CHECK(strstr(r.trace, "RCPT TO:<a@x>|DATA|<content>|<no>|" ONE
		    BYE) != NULL, "%s: %s", never[i].name, r.trace);
		CHECK(strstr(r.trace, "t@y") == NULL, "%s", never[i].name);
	}
}

/* Its own SIZE and BODY, not the first one's. */
static void
test_parameters_are_its_own(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	r = (struct rig){ .nrcpts = 1, .mails = 1, .ahead = 1, .size = 7,
		.ahead_size = 9, .is_ahead_8bit = true,
		.server = "220 hi|250-x\\250-PIPELINING\\250-SIZE 10\\"
		"250 8BITMIME|250 x|250 a|354 go|421 no|" };
	run(&r, &set);
	CHECK_STR(r.trace, "EHLO me|MAIL FROM:<s@y> SIZE=7|RCPT TO:<a@x>|DATA|"
	    "<content>|MAIL FROM:<t@y> SIZE=9 BODY=8BITMIME|RCPT TO:<a@x>|"
	    "DATA|close:host:retry,421,4.0.0|", "own parameters");
}

/* RFC 5321 4.5.3.2: the final answer keeps its time, then the envelope's. */
static void
test_deadlines(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	r = (struct rig){ .nrcpts = 1, .mails = 1, .ahead = 1,
		.shows_time = true,
		.server = OPENED "250 2.1.0 one|250 x|250 a|354 go|250 2|"
		"221 bye|" };
	run(&r, &set);
	CHECK_STR(r.trace, "300s|EHLO me|300s|0s|MAIL FROM:<s@y>|RCPT TO:<a@x>|"
	    "DATA|300s|300s|120s|180s|<content>|" NEXT "600s|300s|" ONE
	    "300s|120s|180s|<content>|600s|0s|r0=done,250,2.0.0|<sent>|"
	    "QUIT|5s|close:quit:done,221,2.0.0|", "deadlines");
}

/* A window of commands and no more; the rest follows its answers. */
static void
test_window(void **state UNUSED)
{
	static struct rig r;
	static struct smtp_client_rcpt rcpts[SMTP_CLIENT_WINDOW + 50];
	struct smtp_client_settings set = plain_settings();
	struct smtp_client_message m = { .reverse_path = SPAN(""),
		.rcpts = rcpts, .nrcpts = COUNT(rcpts) };

	for (size_t i = 0; i < COUNT(rcpts); i++)
		rcpts[i] = (struct smtp_client_rcpt){ .address = SPAN("a@x") };
	r = (struct rig){ .nrcpts = 1, .mails = 1, .is_content_stuck = true,
		.server = OPENED };
	smtp_client_init(&r.c, &set);
	smtp_client_connected(&r.c, false);
	for (int i = 0; i < 3; i++)
		feed_reply(&r);
	r.due = 0;
	CHECK(smtp_client_ahead(&r.c, &m), "ahead");
	CHECK(!smtp_client_ahead(&r.c, &m), "one at a time");
	run_actions(&r);
	CHECK_NUM(r.due, SMTP_CLIENT_WINDOW, "commands");
	smtp_client_free(&r.c);
}

/* Who has its result already is not asked for ahead either. */
static void
test_answered_is_not_asked_for(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();
	struct smtp_client_message m = { .reverse_path = SPAN("t@y"),
		.rcpts = r.ahead_rcpts, .nrcpts = 1 };

	run_order(&(struct order){ "", OPENED "250 one|550 no|503 a|503 no|"
	    "221 bye|", "" }, 0, &r);
	CHECK(!smtp_client_is_open(&r.ahead_rcpts[0]), "it was answered");
	r.trace[0] = '\0';
	r.is_closed = false;
	r.is_content_stuck = true;
	r.mails = 1;
	r.server = OPENED;
	smtp_client_init(&r.c, &set);
	smtp_client_connected(&r.c, false);
	for (int i = 0; i < 3; i++)
		feed_reply(&r);
	CHECK(!smtp_client_ahead(&r.c, &m), "nobody is open");
	smtp_client_free(&r.c);
}

static const struct CMUnitTest tests[] = {
	TEST(test_each_order_of_answers, "DLV-6 SMTP-9 PRS-2"),
	TEST(test_recipients_of_both, "DLV-6"),
	TEST(test_not_ahead, ""),
	TEST(test_parameters_are_its_own, ""),
	TEST(test_deadlines, ""),
	TEST(test_window, ""),
	TEST(test_answered_is_not_asked_for, "DLV-6"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
