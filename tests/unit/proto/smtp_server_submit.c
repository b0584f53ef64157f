/* What our users hand in is checked, and who is to be asked about is known. */
#include "smtp_play.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }
#define LIMITS	.hostname = HOST, .home = HOME, .message_size = 1000, \
	.recipients = 3, .errors_soft = 1000, .errors = 1000, \
	.commands = 1000, .mails = 1000, .bad_recipients = 1000, \
	.body_line = 200, .auth_per_session = 3, .hops = 5, .hops_own = 2

enum { SUBMISSION, LOCAL, LOOSE, MX, RELAY };
static const struct smtp_policy policies[] = {
	[SUBMISSION] = { .listener = SMTP_SUBMISSION, .checks_header = true,
		LIMITS },
	[LOCAL] = { .listener = SMTP_LOCAL, .checks_header = true, LIMITS },
	[LOOSE] = { .listener = SMTP_SUBMISSION, .checks_header = true,
		.is_header_loose = true, LIMITS },
	[MX] = { .listener = SMTP_MX, LIMITS },
	[RELAY] = { .listener = SMTP_RELAY, LIMITS },
};

#define OPEN	"MAIL FROM:<s@x>\r\nRCPT TO:<a@example.org>\r\n"

static const struct {
	const char	*name;
	int		 policy;
	const char	*mail, *content, *reply;
} cases[] = {
	{ "good", SUBMISSION, "", "From: a@b\r\n\r\nx\r\n",
		"250 2.0.0 queued as" },
	{ "no From", SUBMISSION, "", "Subject: x\r\n\r\nx\r\n", "550 5.6.0 "
		"There is no From field: it must say who sends this\r\n" },
	{ "no From, of this host", LOCAL, "", "Subject: x\r\n\r\nx\r\n",
		"250 " },
	{ "no From, loose", LOOSE, "", "Subject: x\r\n\r\nx\r\n", "250 " },
	{ "no From, of a stranger", MX, "", "Subject: x\r\n\r\nx\r\n", "250 " },
	{ "no header at all", RELAY, "", "hello\r\n", "250 " },
	{ "two From", SUBMISSION, "", "From: a@b\r\nFrom: a@b\r\n\r\nx\r\n",
		"550 5.7.1 Line 2: a second From field; the first is in line "
		"1\r\n" },
	{ "two From, loose", LOOSE, "", "From: a@b\r\nFrom: a@b\r\n\r\n",
		"550 5.7.1 " },
	{ "two From, of this host", LOCAL, "",
		"From: a@b\r\nFrom: a@b\r\n\r\n", "550 5.7.1 " },
	{ "two From, of a stranger", MX, "",
		"From: a@b\r\nFrom: a@b\r\n\r\n", "250 " },
	{ "a line that is no field", SUBMISSION, "",
		"From: a@b\r\nhello\r\n\r\nx\r\n", "550 5.6.0 Line 2: no "
		"field, and no empty line before it\r\n" },
	{ "8 bits", SUBMISSION, "BODY=8BITMIME",
		"From: a@b\r\nSubject: \xc3\xa4\r\n\r\n", "550 5.6.0 subject, "
		"line 2: an octet above 127, which needs SMTPUTF8 or an "
		"encoded word\r\n" },
	{ "8 bits in the body", SUBMISSION, "BODY=8BITMIME",
		"From: a@b\r\n\r\n\xc3\xa4\r\n", "250 " },
	{ "UTF-8", SUBMISSION, "SMTPUTF8",
		"From: \xc3\xa4@b\r\nSubject: \xc3\xa4\r\n\r\n", "250 " },
	{ "no UTF-8", SUBMISSION, "SMTPUTF8",
		"From: a@b\r\nSubject: \xe4\r\n\r\n", "550 5.6.0 subject, "
		"line 2: octets that are no UTF-8\r\n" },
	{ "8 bits, loose", LOOSE, "BODY=8BITMIME",
		"From: a@b\r\nSubject: \xe4\r\n\r\n", "250 " },
};

static struct play *
begin(int policy)
{
	struct play *p = play_begin(&policies[policy], true);

	say_lines(p, "EHLO c\r\n");
	if (policies[policy].listener == SMTP_SUBMISSION)
		say_lines(p, "AUTH PLAIN AHVzZXIAcGFzcw==\r\n");
	return p;
}

static const char *
last_reply(const struct play *p)
{
	size_t n = p->nout;

	while (n > 2 && p->out[n - 3] != '\n')
		n--;
	return p->out + (n > 2 ? n - 2 : 0);
}

static void
send_mail(struct play *p, const char *mail, const char *content, bool by_bdat)
{
	char text[200];

	(void)snprintf(text, sizeof text, "MAIL FROM:<s@x> %s\r\n"
	    "RCPT TO:<a@example.org>\r\n", mail);
	say_lines(p, text);
	if (by_bdat) {
		(void)snprintf(text, sizeof text, "BDAT %zu\r\n",
		    strlen(content));
		say_lines(p, text);
		say(p, content, strlen(content));
		say_lines(p, "BDAT 0 LAST\r\n");
		return;
	}
	say_lines(p, "DATA\r\n");
	say(p, content, strlen(content));
	say_lines(p, ".\r\n");
}

/* By DATA and by BDAT; and the session is in step behind it. */
static void
test_replies(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (unsigned int by_bdat = 0; by_bdat < 2; by_bdat++) {
			struct play *p = begin(cases[i].policy);
			bool is_good = cases[i].reply[0] == '2';
			size_t n = strlen(cases[i].reply);

			send_mail(p, cases[i].mail, cases[i].content,
			    by_bdat != 0);
			CHECK(strncmp(last_reply(p), cases[i].reply, n) == 0,
			    "%s: %s", cases[i].name, last_reply(p));
			CHECK_NUM(p->ncommits, is_good, "%s", cases[i].name);
			CHECK_NUM(p->ndiscards, !is_good, "%s",
			    cases[i].name);
			send_mail(p, "", "From: a@b\r\n\r\n", false);
			CHECK(strncmp(last_reply(p), "250 ", 4) == 0, "%s: %s",
			    cases[i].name, last_reply(p));
			play_end(p);
		}
}

/* At COMMIT the owner sees whom to ask about and what to leave out. */
static void
test_at_commit(void **state UNUSED)
{
	static const char content[] = "From: A <a@b>, c@d\r\nSender: c@d\r\n"
	    "Bcc: e@f\r\n\r\nx\r\n";
	struct play *p = begin(SUBMISSION);
	uint64_t from = 0, to = 0;
	size_t at = 0;

	say_lines(p, OPEN "DATA\r\n");
	p->holds_answers = true;
	say(p, content, sizeof content - 1);
	say_lines(p, ".\r\n");
	assert_int_equal(p->held.kind, SMTP_DO_COMMIT);
	CHECK(span_eq(buf_span(&p->s.submit.senders), SPAN("a@b\0c@d\0c@d\0")),
	    "the senders");
	assert_true(submit_cut(&p->s.submit, &at, &from, &to));
	CHECK_NUM(from, 33, "the Bcc");
	CHECK_NUM(to, 43, "the Bcc");
	assert_false(submit_cut(&p->s.submit, &at, &from, &to));
	/* And may say that one is foreign. */
	submit_say_foreign(&p->s.submit, 2);
	smtp_server_done(&p->s, RE_IDENTITY);
	p->holds_answers = false;
	say_lines(p, "NOOP\r\n");
	CHECK(strstr(p->out, "550 5.7.1 Sender, line 2: c@d is not yours to "
	    "send from\r\n") != NULL, "%s", p->out);
	/* Nothing of it is left for the next. */
	at = 0;
	assert_false(submit_cut(&p->s.submit, &at, &from, &to));
	assert_int_equal(p->s.submit.senders.n, 0);
	play_end(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_replies, "AUTH-6"),
		TEST(test_at_commit, "AUTH-6 SMTP-4"),
	};

	return RUN_TESTS(tests);
}
