/*
 * A session of the server, played: lines in, replies out, lookup and spool
 * answered by the test.
 */
#include "proto/smtp_server.h"

#include "check.h"
#include "smtp_play.h"

#include <dirent.h>

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }

static const struct smtp_policy mx = {
	.listener = SMTP_MX, .hostname = HOST, .home = HOME, .has_tls = true,
	.message_size = 1000, .recipients = 3, .errors_soft = 1000,
	.errors = 1000, .commands = 1000, .mails = 1000,
	.bad_recipients = 1000, .body_line = 200, .auth_per_session = 3,
	.hops = 5, .hops_own = 2,
};

#define HELLO	"EHLO c.example\r\n"
#define MAIL	"MAIL FROM:<s@x>\r\n"
#define RCPT	"RCPT TO:<u@example.org>\r\n"
#define DATA	"DATA\r\n"
#define BODY	"A: b\r\n\r\nhi\r\n.\r\n"
#define OPEN	HELLO MAIL RCPT DATA

static const struct {
	const char	*name, *script, *codes;
	unsigned int	 commits;
	bool		 is_closed;
} scripts[] = {
	{ "a mail", OPEN BODY "QUIT\r\n", "220 250 250 250 354 250 221", 1,
		true },
	{ "two mails", OPEN BODY MAIL RCPT DATA BODY,
		"220 250 250 250 354 250 250 250 354 250", 2, false },
	{ "HELO", "HELO c\r\n" MAIL RCPT DATA BODY,
		"220 250 250 250 354 250", 1, false },
	{ "MAIL first", MAIL, "220 503", 0, false },
	{ "RCPT without MAIL", HELLO RCPT, "220 250 503", 0, false },
	{ "DATA without MAIL", HELLO DATA, "220 250 503", 0, false },
	{ "DATA without RCPT", HELLO MAIL DATA, "220 250 250 503", 0, false },
	{ "MAIL twice", HELLO MAIL MAIL, "220 250 250 503", 0, false },
	{ "RSET", HELLO MAIL RCPT "RSET\r\n" DATA RCPT MAIL,
		"220 250 250 250 250 503 503 250", 0, false },
	{ "EHLO resets", HELLO MAIL RCPT HELLO DATA RCPT,
		"220 250 250 250 250 503 503", 0, false },
	{ "VRFY keeps", HELLO MAIL RCPT "VRFY u\r\nNOOP\r\nHELP\r\n" DATA BODY,
		"220 250 250 250 252 250 214 354 250", 1, false },
	{ "after a message", OPEN BODY RCPT DATA,
		"220 250 250 250 354 250 503 503", 1, false },
	{ "after a refused one", OPEN "a\rb\r\n.\r\n" RCPT DATA MAIL,
		"220 250 250 250 354 550 503 503 250", 0, false },
	{ "closed behind a doubtful end", OPEN "a\r\r\n.\r\n" MAIL RCPT DATA
		BODY, "220 250 250 250 354 550", 0, true },
	{ "only bad recipients", HELLO MAIL "RCPT TO:<no@example.org>\r\n" DATA,
		"220 250 250 550 503", 0, false },
	{ "relaying", HELLO MAIL "RCPT TO:<a@other>\r\n", "220 250 250 550", 0,
		false },
	{ "table away", HELLO MAIL "RCPT TO:<later@example.org>\r\n",
		"220 250 250 451", 0, false },
	{ "postmaster", HELLO MAIL "RCPT TO:<Postmaster>\r\n"
		"RCPT TO:<postmaster@example.org>\r\n", "220 250 250 250 250", 0,
		false },
	{ "too many recipients", HELLO MAIL RCPT RCPT RCPT RCPT DATA BODY,
		"220 250 250 250 250 250 452 354 250", 1, false },
	{ "SIZE said", HELLO "MAIL FROM:<> SIZE=1001\r\n"
		"MAIL FROM:<> SIZE=1000\r\n", "220 250 552 250", 0, false },
	{ "AUTH on mx", HELLO "AUTH PLAIN\r\n", "220 250 502", 0, false },
	{ "BDAT without a transaction", HELLO "BDAT 4\r\nhi\r\n" MAIL
		"RSET\r\n" MAIL, "220 250 503 503 250 250", 0, false },
	{ "BDAT before EHLO", "BDAT 4\r\nhi\r\n" HELLO MAIL,
		"220 503 250 250", 0, false },
	{ "BDAT, a tab", HELLO "BDAT\t4\r\nMAIL FROM:<>\r\n", "220 250 500", 0,
		true },
	{ "BDAT, a control octet", HELLO "bdat 4\1\r\nQUIT\r\n",
		"220 250 500", 0, true },
	{ "BDATA is no such verb", HELLO "BDATA 4\1\r\nNOOP\r\n",
		"220 250 500 250", 0, false },
	{ "HTTP", "GET / HTTP/1.1\r\nHost: x\r\n", "220", 0, true },
	{ "HTTP later", HELLO "POST / HTTP/1.1\r\n", "220 250", 0, true },
	{ "STARTTLS with argument", HELLO "STARTTLS x\r\n", "220 250 501", 0,
		false },
	{ "STARTTLS in a transaction", HELLO MAIL "STARTTLS\r\n",
		"220 250 250 503", 0, false },
	{ "STARTTLS before EHLO", "STARTTLS\r\n", "220 503", 0, false },
	{ "a bad line", HELLO MAIL "x\1\r\n" RCPT, "220 250 250 500 250", 0,
		false },
	{ "loop", OPEN "Received: by a\r\nReceived: by b\r\nReceived: by c\r\n"
		"Received: by d\r\nReceived: by e\r\nReceived: by f\r\n\r\n.\r\n",
		"220 250 250 250 354 554", 0, false },
	{ "not yet a loop", OPEN "Received: by a\r\nReceived: by b\r\n"
		"Received: by c\r\nReceived: by d\r\nReceived: by e\r\n\r\n.\r\n",
		"220 250 250 250 354 250", 1, false },
	{ "own loop", OPEN "Received: by mx.example.org\r\n"
		"Received: by mx.example.org\r\nReceived: by mx.example.org\r\n"
		"\r\n.\r\n", "220 250 250 250 354 554", 0, false },
};

static void
test_scripts(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct play *p = play_begin(&mx, false);
		char got[512];

		say_lines(p, scripts[i].script);
		CHECK_STR(codes(p, got), scripts[i].codes, "%s",
		    scripts[i].name);
		CHECK_NUM(p->ncommits, scripts[i].commits, "%s",
		    scripts[i].name);
		CHECK_NUM(p->is_closed, scripts[i].is_closed, "%s",
		    scripts[i].name);
		play_end(p);
	}
}

/* Legal pipelining: the same replies, wherever the octets are cut (PRS-2). */
static void
test_pipelined_cut_anywhere(void **state UNUSED)
{
	static const char group[] = MAIL RCPT "RCPT TO:<no@example.org>\r\n"
	    DATA, body[] = "A: b\r\n\r\n..x\r\n.\r\nNOOP\r\n" MAIL "RSET\r\n";

	for (size_t cut = 0; cut < sizeof group; cut++)
		for (size_t at = 0; at < sizeof body; at += 3) {
			struct play *p = play_begin(&mx, false);
			char got[512];

			say_lines(p, HELLO);
			say(p, group, cut);
			say(p, group + cut, sizeof group - 1 - cut);
			say(p, body, at);
			say(p, body + at, sizeof body - 1 - at);
			CHECK_STR(codes(p, got),
			    "220 250 250 250 550 354 250 250 250 250",
			    "%zu, %zu", cut, at);
			CHECK(p->committed == 12 && memcmp(p->content,
			    "A: b\r\n\r\n.x\r\n", 12) == 0, "%zu, %zu", cut, at);
			play_end(p);
		}
}

/* RFC 2920 3.1: these end a group; octets behind them end the session. */
static void
test_pipelined_where_forbidden(void **state UNUSED)
{
	static const struct {
		const char	*before, *group;
	} rows[] = {
		{ HELLO MAIL RCPT, DATA BODY },
		{ HELLO MAIL RCPT, DATA "x" },
		{ "", HELLO MAIL },
		{ "", "HELO c\r\n" MAIL },
		{ HELLO, "STARTTLS\r\n" MAIL },
		{ HELLO, "STARTTLS\r\n\x16\x03" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&mx, false);
		char got[512];
		const char *last;

		say_lines(p, rows[i].before);
		say(p, rows[i].group, strlen(rows[i].group));
		last = codes(p, got);
		CHECK(p->is_closed && !p->is_tls_wanted && p->ncommits == 0,
		    "%s", rows[i].group);
		CHECK_STR(last + strlen(last) - 3, "554", "%s", rows[i].group);
		play_end(p);
	}
}

static void
test_talk_before_greeting(void **state UNUSED)
{
	struct span in = SPAN(HELLO MAIL);
	struct play *p = calloc(1, sizeof *p);

	assert_non_null(p);
	smtp_server_begin(&p->s, &mx, false);
	smtp_server_greet(&p->s, RE_GREETING, true);
	pump(p, &in);
	assert_true(p->is_closed);
	assert_true(strncmp(p->out, "554 ", 4) == 0);
	assert_int_equal(in.n, sizeof HELLO MAIL - 1);
	play_end(p);
}

/* While an answer is awaited nothing is read. */
static void
test_waits_for_answers(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	struct span in = SPAN(MAIL RCPT DATA);
	char got[512];

	say_lines(p, HELLO);
	p->holds_answers = true;
	for (unsigned int i = 0; i < 2; i++) {
		size_t left;

		pump(p, &in);
		left = in.n;
		assert_true(left > 0);
		pump(p, &in);
		assert_int_equal(in.n, left);
		answer(p, &p->held);
	}
	pump(p, &in);
	CHECK_STR(codes(p, got), "220 250 250 250 354", "answers");
	play_end(p);
}

static const struct smtp_policy submission = {
	.listener = SMTP_SUBMISSION, .hostname = HOST, .home = HOME,
	.has_tls = true, .message_size = 1000, .recipients = 3,
	.errors_soft = 1000, .errors = 1000, .commands = 1000, .mails = 1000,
	.bad_recipients = 1000, .body_line = 200, .auth_per_session = 3,
	.hops = 5, .hops_own = 2, .hold = 3600,
};
#define GOOD	"AHVzZXIAcGFzcw=="
#define WRONG	"AHVzZXIAd3Jvbmc="

static const struct {
	const char	*name, *script, *codes;
	bool		 is_user, is_closed;
} auths[] = {
	{ "plain", "AUTH PLAIN " GOOD "\r\n" MAIL
		"RCPT TO:<a@other>\r\n", "220 250 235 250 250", true, false },
	{ "in two", "AUTH PLAIN\r\n" GOOD "\r\n", "220 250 334 235", true,
		false },
	{ "login", "AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\n",
		"220 250 334 334 235", true, false },
	{ "wrong", "AUTH PLAIN " WRONG "\r\n" MAIL, "220 250 535 530", false,
		false },
	{ "none", MAIL, "220 250 530", false, false },
	{ "cancelled", "AUTH PLAIN\r\n*\r\n" MAIL, "220 250 334 501 530", false,
		false },
	{ "not base64", "AUTH PLAIN\r\n!\r\n" MAIL, "220 250 334 501 530",
		false, false },
	{ "empty", "AUTH PLAIN =\r\n" MAIL, "220 250 501 530", false, false },
	{ "for another", "AUTH PLAIN cm9vdAB1c2VyAHBhc3M=\r\n" MAIL,
		"220 250 535 530", false, false },
	{ "unknown", "AUTH NTLM\r\n" MAIL, "220 250 504 530", false, false },
	{ "twice", "AUTH PLAIN " GOOD "\r\nAUTH PLAIN " GOOD "\r\n",
		"220 250 235 503", true, false },
	{ "in a transaction", "AUTH PLAIN " GOOD "\r\n" MAIL "AUTH PLAIN\r\n",
		"220 250 235 250 503", true, false },
	{ "four times", "AUTH PLAIN " WRONG "\r\nAUTH PLAIN " WRONG
		"\r\nAUTH PLAIN " WRONG "\r\nAUTH PLAIN " GOOD "\r\n",
		"220 250 535 535 535 421", false, true },
	{ "a command inside", "AUTH PLAIN\r\nMAIL FROM:<s@x>\r\nNOOP\r\n",
		"220 250 334 501 250", false, false },
};

static void
test_auth(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(auths); i++) {
		struct play *p = play_begin(&submission, true);
		char got[512];

		say_lines(p, HELLO);
		say_lines(p, auths[i].script);
		CHECK_STR(codes(p, got), auths[i].codes, "%s", auths[i].name);
		CHECK_NUM(p->s.user.n > 0, auths[i].is_user, "%s",
		    auths[i].name);
		CHECK_NUM(p->is_closed, auths[i].is_closed, "%s",
		    auths[i].name);
		CHECK(p->s.sasl.octets.p == NULL, "%s: wiped", auths[i].name);
		play_end(p);
	}
}

static void
test_auth_needs_tls(void **state UNUSED)
{
	struct play *p = play_begin(&submission, false);
	char got[512];

	say_lines(p, HELLO "AUTH PLAIN " GOOD "\r\n" MAIL);
	CHECK_STR(codes(p, got), "220 250 538 530", "plain text");
	CHECK(strstr(p->out, "AUTH") == NULL, "not offered");
	CHECK(strstr(p->out, "STARTTLS") != NULL, "offered");
	play_end(p);
}

/* 12,288 octets are read, one more is not; nobody is authenticated. */
static void
test_auth_line_length(void **state UNUSED)
{
	static const struct {
		size_t		 octets;
		const char	*codes;
	} rows[] = {
		{ 12288, "220 250 334 501 530" },
		{ 12289, "220 250 334 500 530" },
	};
	static char line[13000];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&submission, true);
		char got[512];

		memset(line, 'A', sizeof line);
		memcpy(line + rows[i].octets - 2, "\r\n", 2);
		say_lines(p, HELLO "AUTH PLAIN\r\n");
		say(p, line, rows[i].octets);
		say_lines(p, MAIL);
		CHECK_STR(codes(p, got), rows[i].codes, "%zu", rows[i].octets);
		play_end(p);
	}
}

static void
test_starttls_forgets(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char got[512];

	say_lines(p, HELLO "STARTTLS\r\n");
	assert_true(p->is_tls_wanted);
	smtp_server_tls(&p->s);
	assert_int_equal(p->s.helo.n, 0);
	say_lines(p, MAIL HELLO "STARTTLS\r\n" MAIL);
	CHECK_STR(codes(p, got), "220 250 220 503 250 503 250", "after TLS");
	play_end(p);
}

/* RFC 3207 4: 454, and the session goes on in plain. */
static void
test_starttls_later(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char got[512];

	p->is_tls_refused = true;
	say_lines(p, HELLO "STARTTLS\r\n" MAIL RCPT);
	CHECK(!p->is_tls_wanted, "no TLS");
	CHECK_STR(codes(p, got), "220 250 454 250 250", "in step");
	play_end(p);
}

/* AUTH-5: the owner keeps an answer back; nothing is read meanwhile. */
static void
test_hold(void **state UNUSED)
{
	struct span in = SPAN("NOOP\r\nNOOP\r\n");
	struct smtp_server s;
	struct smtp_action a;

	smtp_server_begin(&s, &mx, false);
	smtp_server_greet(&s, RE_GREETING, false);
	smtp_server_hold(&s);
	CHECK(!smtp_server_may_send(&s), "held");
	a = smtp_server_next(&s, &in);
	CHECK(a.kind == SMTP_DO_DELAY && in.n == 12, "not read");
	a = smtp_server_next(&s, &in);
	CHECK(a.kind == SMTP_DO_WAIT && in.n == 12, "still");
	smtp_server_delayed(&s);
	CHECK(smtp_server_may_send(&s), "said");
	a = smtp_server_next(&s, &in);
	CHECK(a.kind == SMTP_DO_MORE && in.n == 0, "goes on");
	smtp_server_free(&s);
}

static void
test_limits(void **state UNUSED)
{
	struct smtp_policy policy = mx;
	struct play *p;
	char got[512];

	policy.errors = 2;
	p = play_begin(&policy, false);
	say_lines(p, "X\r\nX\r\nX\r\nX\r\n");
	CHECK_STR(codes(p, got), "220 500 500 421", "errors");
	play_end(p);
	policy = mx;
	policy.bad_recipients = 1;
	p = play_begin(&policy, false);
	say_lines(p, HELLO MAIL "RCPT TO:<no@example.org>\r\n"
	    "RCPT TO:<a@b>\r\n");
	CHECK_STR(codes(p, got), "220 250 250 550 421", "recipients");
	play_end(p);
	policy = mx;
	policy.commands = 3;
	p = play_begin(&policy, false);
	say_lines(p, HELLO "NOOP\r\n" MAIL RCPT DATA BODY
	    "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n");
	CHECK_STR(codes(p, got), "220 250 250 250 250 354 250 250 250 250 421",
	    "commands");
	play_end(p);
	policy = mx;
	policy.mails = 1;
	p = play_begin(&policy, false);
	say_lines(p, OPEN BODY MAIL);
	CHECK_STR(codes(p, got), "220 250 250 250 354 250 421", "mails");
	play_end(p);
}

/* Content beyond its limit: refused at the true end, closed at twice. */
static void
test_content_limits(void **state UNUSED)
{
	static const struct {
		size_t		 lines;		/* of 100 octets */
		const char	*codes;
	} rows[] = {
		{ 9, "220 250 250 250 354 250" },
		{ 10, "220 250 250 250 354 250" },
		{ 11, "220 250 250 250 354 552" },
		{ 19, "220 250 250 250 354 552" },
		{ 30, "220 250 250 250 354 421" },
	};
	char line[103];

	memset(line, 'x', sizeof line);
	memcpy(line + 98, "\r\n", 3);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&mx, false);
		char got[512];

		say_lines(p, OPEN);
		for (size_t n = 0; n < rows[i].lines && !p->is_closed; n++)
			say(p, line, 100);
		if (!p->is_closed)
			say(p, ".\r\n", 3);
		CHECK_STR(codes(p, got), rows[i].codes, "%zu", rows[i].lines);
		play_end(p);
	}
}

/* What cannot be kept now is read on: what is wrong with it for good wins. */
static void
test_spoilt_content(void **state UNUSED)
{
	static const struct {
		size_t		 width;		/* of one line */
		const char	*codes;
	} rows[] = {
		{ 100, "220 250 250 250 354 452 250" },
		{ 205, "220 250 250 250 354 550 250" },
	};
	char line[206], got[512];

	memset(line, 'x', sizeof line);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&mx, false);

		memcpy(line, "\r\n", 2);
		memcpy(line + rows[i].width - 2, "\r\n", 3);
		say_lines(p, OPEN);
		smtp_server_spoil(&p->s, RE_NO_LARGE);
		say(p, line, rows[i].width);
		say_lines(p, ".\r\n" MAIL);
		CHECK_STR(codes(p, got), rows[i].codes, "%zu", rows[i].width);
		assert_int_equal(p->ncontent, 0);
		line[rows[i].width - 2] = line[rows[i].width - 1] = 'x';
		line[rows[i].width] = 'x';
		play_end(p);
	}
}

static void
test_long_line(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char line[204], got[512];

	memset(line, 'x', sizeof line);
	memcpy(line + 201, "\r\n", 2);
	say_lines(p, OPEN);
	say(p, line, 203);
	say_lines(p, ".\r\n" MAIL);
	CHECK_STR(codes(p, got), "220 250 250 250 354 550 250", "201 octets");
	play_end(p);
}

/* Errors beyond the soft limit: replies are held until the owner says so. */
static void
test_delay(void **state UNUSED)
{
	struct smtp_policy policy = mx;
	struct smtp_server s;
	struct span in = SPAN("X\r\nX\r\nNOOP\r\n");
	struct smtp_action a;

	policy.errors_soft = 1;
	smtp_server_begin(&s, &policy, false);
	smtp_server_greet(&s, RE_GREETING, false);
	buf_cut(&s.out, 0);
	a = smtp_server_next(&s, &in);
	assert_true(a.kind == SMTP_DO_REFUSED && smtp_server_may_send(&s));
	a = smtp_server_next(&s, &in);
	assert_true(a.kind == SMTP_DO_REFUSED && !smtp_server_may_send(&s));
	a = smtp_server_next(&s, &in);
	assert_true(a.kind == SMTP_DO_DELAY && !smtp_server_may_send(&s));
	a = smtp_server_next(&s, &in);
	assert_true(a.kind == SMTP_DO_WAIT && in.n == 6);
	smtp_server_delayed(&s);
	assert_true(smtp_server_may_send(&s));
	a = smtp_server_next(&s, &in);
	assert_true(a.kind == SMTP_DO_MORE && in.n == 0);
	smtp_server_free(&s);
}

static void
test_failed_store(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char got[512];

	p->store_fails = true;
	say_lines(p, OPEN BODY DATA);
	CHECK_STR(codes(p, got), "220 250 250 250 354 451 503", "451");
	play_end(p);
}

static void
test_ehlo_text(void **state UNUSED)
{
	struct play *p = play_begin(&submission, true);

	p->s.wall_ms = 1795469357000;
	say_lines(p, HELLO);
	CHECK_STR(p->out, "220 mx.example.org ESMTP Posthorse\r\n"
	    "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 1000\r\n"
	    "250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
	    "250-SMTPUTF8\r\n250-DSN\r\n250-DELIVERBY\r\n"
	    "250-MT-PRIORITY\r\n"
	    "250-FUTURERELEASE 3600 2026-11-23T22:29:17Z\r\n"
	    "250-REQUIRETLS\r\n250-LIMITS MAILMAX=1000 RCPTMAX=3\r\n"
	    "250-PRDR\r\n250-AUTH PLAIN LOGIN\r\n"
	    "250 ENHANCEDSTATUSCODES\r\n", "EHLO");
	play_end(p);
}

/* The end of what a client says before it waits: a line, or a whole content. */
static size_t
unit_end(struct span all, size_t from, bool is_content)
{
	const char *end = is_content ? "\r\n.\r\n" : "\r\n";
	/* DATA's own CRLF may stand before the dot. */
	size_t at = is_content ? from - 2 : from;
	const uint8_t *found = memmem(all.p + at, all.n - at, end, strlen(end));

	return found == NULL ? all.n : (size_t)(found - all.p) + strlen(end);
}

/*
 * A session of a client that waits, each unit in one write, but for a cut
 * before octet `cut`; ALL_CUTS: each octet alone.
 */
#define ALL_CUTS	SIZE_MAX
static struct play *
replay(struct span file, size_t cut)
{
	struct smtp_policy *policy = calloc(1, sizeof *policy);
	struct play *p;
	size_t end;

	assert_non_null(policy);
	*policy = mx;
	policy->listener = (enum smtp_listener)(file.p[0] %
	    SMTP_LISTENER_COUNT);
	p = play_begin(policy, (file.p[0] & 4) != 0);
	p->s.may_xclient = (file.p[2] & 0x80) != 0;
	for (size_t at = 3; at < file.n && !p->is_closed; at = end) {
		const char *octets = (const char *)file.p;

		end = unit_end(file, at, p->s.phase == PH_BODY);
		if (cut > at && cut < end) {
			say(p, octets + at, cut - at);
			at = cut;
		}
		for (; cut == ALL_CUTS && at + 1 < end && !p->is_closed; at++)
			say(p, octets + at, 1);
		if (!p->is_closed)
			say(p, octets + at, end - at);
		if (p->is_tls_wanted)
			smtp_server_tls(&p->s);
		p->is_tls_wanted = false;
	}
	return p;
}

static void
replay_end(struct play *p)
{
	const struct smtp_policy *policy = p->s.policy;

	play_end(p);
	free((void *)(uintptr_t)policy);
}

static void
check_cuts(const char *name, struct span file, unsigned int *commits)
{
	struct play *whole = replay(file, 0);

	*commits += whole->ncommits;
	for (size_t cut = 4; cut <= file.n; cut++) {
		struct play *p = replay(file, cut < file.n ? cut : ALL_CUTS);

		CHECK_STR(p->out, whole->out, "%s, cut at %zu", name, cut);
		CHECK(p->ncommits == whole->ncommits &&
		    p->ndiscards == whole->ndiscards &&
		    p->ncontent == whole->ncontent &&
		    memcmp(p->content, whole->content, p->ncontent) == 0,
		    "%s, cut at %zu", name, cut);
		replay_end(p);
	}
	replay_end(whole);
}

/* Each session of the corpus: the same transcript, the same stored octets. */
static void
test_corpus_cut_anywhere(void **state UNUSED)
{
	const char *folder = getenv("POSTHORSE_CORPUS");
	unsigned int files = 0, commits = 0;
	struct dirent *e;
	DIR *d;

	assert_non_null(folder);
	d = opendir(folder);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		uint8_t data[1024];
		char path[1024];
		size_t n;
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		f = fopen(path, "rb");
		assert_non_null(f);
		n = fread(data, 1, sizeof data, f);
		(void)fclose(f);
		CHECK(n > 3 && n < sizeof data, "%s: %zu octets", path, n);
		check_cuts(e->d_name, span_of(data, n), &commits);
		files++;
	}
	(void)closedir(d);
	CHECK(files >= 3 && commits >= 3, "%u files, %u stored", files, commits);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_scripts, "SMTP-4 SMTP-7 SMTP-10 SMTP-13 RLY-1 RLY-3"),
		TEST(test_pipelined_cut_anywhere, "PRS-2 SMTP-6"),
		TEST(test_corpus_cut_anywhere, "PRS-2"),
		TEST(test_pipelined_where_forbidden, "SMTP-6 TLS-1"),
		TEST(test_talk_before_greeting, "SMTP-6"),
		TEST(test_waits_for_answers, "SMTP-6"),
		TEST(test_auth, "AUTH-2 AUTH-3 AUTH-7 RLY-1"),
		TEST(test_auth_needs_tls, "AUTH-1"),
		TEST(test_auth_line_length, "AUTH-7 SMTP-8"),
		TEST(test_starttls_forgets, "TLS-3 SMTP-4"),
		TEST(test_starttls_later, "TLS-12"),
		TEST(test_hold, "AUTH-5"),
		TEST(test_limits, "SMTP-8 RLY-5"),
		TEST(test_content_limits, "SMTP-8"),
		TEST(test_spoilt_content, "SMTP-8"),
		TEST(test_long_line, ""),
		TEST(test_delay, "RLY-5"),
		TEST(test_failed_store, "SMTP-4"),
		TEST(test_ehlo_text, "AUTH-2"),
	};

	return RUN_TESTS(tests);
}
