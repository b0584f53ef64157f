/*
 * What rules answer: each verdict at its stage, and the session in step behind it.
 */
#include "check.h"

#include "smtp_play.h"

#define REFUSED	"550 5.7.1 Not you\r\n"

static struct smtp_policy policy = {
	.hostname = { (const uint8_t *)"mx.example.org", 14 },
	.home = { (const uint8_t *)"example.org", 11 },
	.message_size = 1u << 20, .recipients = 100, .errors_soft = 50,
	.errors = 50, .commands = 50, .mails = 50, .bad_recipients = 3,
	.body_line = 65536, .auth_per_session = 3, .hops = 100,
	.hops_own = 10, .asks_hello = true,
};

static struct play *
begin(enum smtp_listener listener)
{
	struct play *p;

	policy.listener = listener;
	p = play_begin(&policy, false);
	p->holds_answers = true;
	p->s.said.text = SPAN("Not you");
	p->nout = 0;
	return p;
}

static void
go_on(struct play *p)
{
	struct span none = span_of(NULL, 0);

	pump(p, &none);
}

/* What was said since the last time. */
static void
said(struct play *p, const char *want, const char *what)
{
	p->out[p->nout] = '\0';
	CHECK_STR(p->out, want, "%s", what);
	p->nout = 0;
}

static void
line(struct play *p, const char *text, enum smtp_do want)
{
	p->held.kind = SMTP_DO_MORE;
	say_lines(p, text);
	CHECK_NUM(p->held.kind, want, "%s", text);
}

static void
hello(struct play *p, enum smtp_reply re)
{
	line(p, p->s.policy->listener == SMTP_LMTP ? "LHLO c.example.net\r\n" :
	    "EHLO c.example.net\r\n", SMTP_DO_HELLO);
	smtp_server_hello(&p->s, re);
	go_on(p);
}

static void
mail(struct play *p)
{
	static const struct msg_id id = { { 1 } };

	line(p, "MAIL FROM:<s@example.net>\r\n", SMTP_DO_MAIL);
	smtp_server_mail(&p->s, RE_SENDER_OK, &id);
	go_on(p);
}

static void
rcpt(struct play *p, enum smtp_route route)
{
	line(p, "RCPT TO:<u@example.org>\r\n", SMTP_DO_RCPT);
	(void)smtp_server_rcpt(&p->s, route, SPAN("example.org"), SPAN("u"));
	go_on(p);
}

static void
rcpt_no(struct play *p, enum smtp_reply re)
{
	line(p, "RCPT TO:<u@example.org>\r\n", SMTP_DO_RCPT);
	smtp_server_rcpt_no(&p->s, re);
	go_on(p);
}

static void
test_hello(void **state)
{
	struct play *p = begin(SMTP_MX);

	(void)state;
	hello(p, RE_RULE_REFUSED);
	said(p, REFUSED, "refused");
	say_lines(p, "MAIL FROM:<s@example.net>\r\n");
	said(p, "503 5.5.1 EHLO first\r\n", "nobody was greeted");
	hello(p, RE_RULE_LATER);
	said(p, "450 4.7.1 Not you\r\n", "later");
	hello(p, RE_NONE);
	CHECK_NUM(p->s.phase, PH_READY, "greeted");
	CHECK(p->nout > 100, "with all that is offered");
	p->nout = 0;
	/* RFC 5321 4.1.4: EHLO again ends a transaction, refused or not. */
	mail(p);
	hello(p, RE_RULE_REFUSED);
	p->nout = 0;
	say_lines(p, "RCPT TO:<u@example.org>\r\n");
	said(p, "503 5.5.1 EHLO first\r\n", "no transaction is left");
	play_end(p);
}

static void
test_greeting(void **state)
{
	static const struct {
		enum smtp_reply	re;
		struct smtp_said said;
		const char     *want;
	} rows[] = {
		{ RE_RULE_REFUSED, { 554, SPAN("5.7.1"), SPAN("Not you") },
		    "554 5.7.1 Not you\r\n" },
		{ RE_RULE_LATER, { 421, SPAN("4.7.1"), SPAN("Not you") },
		    "421 4.7.1 Not you\r\n" },
		{ RE_RULE_LATER, { 450, SPAN("4.7.25"), SPAN("") },
		    "450 4.7.25 \r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = calloc(1, sizeof *p);

		assert_non_null(p);
		smtp_server_begin(&p->s, &policy, false);
		p->s.said = rows[i].said;
		smtp_server_greet(&p->s, rows[i].re, false);
		go_on(p);
		said(p, rows[i].want, "greeting");
		CHECK(p->is_closed, "%s", rows[i].want);
		play_end(p);
	}
}

static void
test_mail_and_rcpt(void **state)
{
	struct play *p = begin(SMTP_MX);

	(void)state;
	hello(p, RE_NONE);
	p->nout = 0;
	line(p, "MAIL FROM:<s@example.net>\r\n", SMTP_DO_MAIL);
	smtp_server_mail(&p->s, RE_RULE_REFUSED, NULL);
	go_on(p);
	said(p, REFUSED, "sender");
	mail(p);
	p->nout = 0;
	rcpt_no(p, RE_RULE_LATER);
	said(p, "450 4.7.1 Not you\r\n", "recipient later");
	rcpt_no(p, RE_BAD_TABLE);
	said(p, "451 4.3.0 Cannot look that up now\r\n", "in doubt");
	say_lines(p, "DATA\r\n");
	said(p, "503 5.5.1 RCPT first\r\n", "none was taken");
	rcpt(p, SMTP_ROUTE_REMOTE);
	said(p, "550 5.7.1 Relaying denied\r\n", "no rule said relay");
	rcpt(p, SMTP_ROUTE_ALLOWED);
	said(p, "250 2.1.5 Recipient OK\r\n", "a rule did");
	play_end(p);
}

/* The operator's own code and status; 421 ends the session (RFC 5321 3.8). */
static void
test_own_code(void **state)
{
	struct play *p = begin(SMTP_MX);

	(void)state;
	hello(p, RE_NONE);
	mail(p);
	p->nout = 0;
	p->s.said = (struct smtp_said){ 552, SPAN("5.2.2"), SPAN("Full") };
	rcpt_no(p, RE_RULE_REFUSED);
	said(p, "552 5.2.2 Full\r\n", "552");
	CHECK_NUM(p->s.nbad_rcpt, 1, "counts");
	p->s.said = (struct smtp_said){ 451, SPAN("4.7.25"), SPAN("Wait") };
	rcpt_no(p, RE_RULE_LATER);
	said(p, "451 4.7.25 Wait\r\n", "451");
	CHECK(!p->is_closed, "goes on");
	p->s.said = (struct smtp_said){ 421, SPAN("4.7.0"), SPAN("Go") };
	rcpt_no(p, RE_RULE_LATER);
	said(p, "421 4.7.0 Go\r\n", "421");
	CHECK(p->is_closed, "ended");
	play_end(p);
}

/* RLY-5: what a rule refuses counts as any refused recipient. */
static void
test_bad_recipients(void **state)
{
	struct play *p = begin(SMTP_MX);

	(void)state;
	hello(p, RE_NONE);
	mail(p);
	for (int i = 0; i < 3; i++) {
		p->nout = 0;
		rcpt_no(p, RE_RULE_REFUSED);
		said(p, REFUSED, "at the limit");
	}
	rcpt_no(p, RE_RULE_REFUSED);
	said(p, "421 4.7.0 Too many bad recipients\r\n", "one past it");
	CHECK(p->is_closed, "ended");
	play_end(p);
}

/* A client hears once of each recipient that it named, of copies nothing. */
static void
test_copies(void **state)
{
	struct play *p = begin(SMTP_LMTP);
	struct envelope e;
	struct envelope_recipient r;

	(void)state;
	hello(p, RE_NONE);
	mail(p);
	rcpt(p, SMTP_ROUTE_LOCAL);
	rcpt(p, SMTP_ROUTE_LOCAL);
	p->nout = 0;
	line(p, "BDAT 0 LAST\r\n", SMTP_DO_COMMIT);
	CHECK(smtp_server_copy(&p->s, SMTP_ROUTE_REMOTE,
	    SPAN("archive@example.net"), SPAN(""), SPAN("")) == ERR_OK, "copy");
	smtp_server_envelope(&p->s, &e);
	CHECK_NUM(e.nrecipients, 3, "three in all");
	for (int i = 0; i < 3; i++)
		CHECK(envelope_next(&e.recipients, &r) == ERR_OK, "%d", i);
	CHECK(span_eq(r.address, SPAN("archive@example.net")) &&
	    r.route == ENVELOPE_REMOTE && r.notify == ENVELOPE_NEVER,
	    "nobody hears of it");
	smtp_server_done(&p->s, RE_QUEUED);
	go_on(p);
	said(p, "250 2.0.0 queued as 01000000000000000000000000\r\n"
	    "250 2.0.0 queued as 01000000000000000000000000\r\n", "twice");
	mail(p);
	CHECK_NUM(p->s.tx.ncopies, 0, "nothing is left for the next one");
	play_end(p);
}

static void
test_content(void **state)
{
	struct play *p = begin(SMTP_LMTP);

	(void)state;
	hello(p, RE_NONE);
	mail(p);
	rcpt(p, SMTP_ROUTE_LOCAL);
	rcpt(p, SMTP_ROUTE_LOCAL);
	p->nout = 0;
	line(p, "BDAT 0 LAST\r\n", SMTP_DO_COMMIT);
	smtp_server_done(&p->s, RE_RULE_REFUSED);
	go_on(p);
	said(p, REFUSED REFUSED, "for each recipient");
	mail(p);
	CHECK_NUM(p->s.phase, PH_MAIL, "in step");
	play_end(p);
}

static const struct CMUnitTest tests[] = {
	TEST(test_hello, "SMTP-4"),
	TEST(test_greeting, ""),
	TEST(test_mail_and_rcpt, "RLY-1 RLY-3"),
	TEST(test_own_code, ""),
	TEST(test_bad_recipients, "RLY-5"),
	TEST(test_copies, ""),
	TEST(test_content, "SMTP-4"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
