/*
 * XCLIENT and XFORWARD in a session: who may, what is forgotten, what stays.
 */
#include "check.h"

#include "proto/smtp_server.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }

static const struct smtp_policy policies[] = {
	[SMTP_MX] = { .listener = SMTP_MX, .hostname = HOST, .home = HOST,
		.has_tls = true, .message_size = 1000, .recipients = 3,
		.errors_soft = 100, .errors = 100, .commands = 100,
		.mails = 100, .bad_recipients = 100, .body_line = 200,
		.auth_per_session = 3, .hops = 5, .hops_own = 2 },
	[SMTP_SUBMISSION] = { .listener = SMTP_SUBMISSION, .hostname = HOST,
		.home = HOST, .has_tls = true, .is_header_loose = true,
		.message_size = 1000, .recipients = 3, .errors_soft = 100, .errors = 100,
		.commands = 100, .mails = 100, .bad_recipients = 100,
		.body_line = 200, .auth_per_session = 3, .hops = 5,
		.hops_own = 2 },
};

struct play {
	struct smtp_server	s;
	enum smtp_reply		admits;		/* the answer to XCLIENT */
	char			said[4096];	/* codes, and what was asked */
	char			forwarded[64];	/* IDENT at COMMIT */
};

static void
note(struct play *p, const char *text)
{
	size_t n = strlen(p->said);

	(void)snprintf(p->said + n, sizeof p->said - n, "%s ", text);
}

static void
asked(struct play *p)
{
	const struct smtp_xattrs *x = p->s.tx.xclient;
	char text[300];

	(void)snprintf(text, sizeof text, "{%.*s,%.*s}",
	    SPAN_FMT(x->of[XATTR_NAME].text), SPAN_FMT(x->of[XATTR_ADDR].text));
	note(p, text);
	smtp_server_greet(&p->s, p->admits, false);
}

/* The first line's code of each reply. */
static void
replies(struct play *p)
{
	struct span out = buf_span(&p->s.out);

	while (out.n > 0) {
		struct span line = span_take(&out, span_find(out, '\n') + 1);
		char code[4] = { 0 };

		if (line.p[3] != ' ')
			continue;
		memcpy(code, line.p, 3);
		note(p, code);
	}
	buf_cut(&p->s.out, 0);
}

static void
committed(struct play *p)
{
	const struct smtp_xattrs *x = p->s.tx.xforward;

	(void)snprintf(p->forwarded, sizeof p->forwarded, "%.*s",
	    SPAN_FMT(x != NULL ? x->of[XATTR_IDENT].text : SPAN("")));
	smtp_server_done(&p->s, RE_QUEUED);
}

static bool
act(struct play *p, const struct smtp_action *a)
{
	static const struct msg_id id = { { 1 } };

	replies(p);
	switch (a->kind) {
	case SMTP_DO_MORE:
		return false;
	case SMTP_DO_CLOSE:
		note(p, "closed");
		return false;
	case SMTP_DO_XCLIENT:
		asked(p);
		return true;
	case SMTP_DO_MAIL:
		smtp_server_mail(&p->s, RE_SENDER_OK, &id);
		return true;
	case SMTP_DO_RCPT:
		(void)smtp_server_rcpt(&p->s, SMTP_ROUTE_REMOTE, SPAN(""),
		    SPAN(""));
		return true;
	case SMTP_DO_STARTTLS:
		smtp_server_starttls(&p->s, RE_START_TLS);
		return true;
	case SMTP_DO_TLS:
		smtp_server_tls(&p->s);
		return true;
	case SMTP_DO_DISCARD:
		smtp_server_done(&p->s, a->reply);
		return true;
	case SMTP_DO_COMMIT:
		committed(p);
		return true;
	default:
		return true;
	}
}

static void
feed(struct play *p, struct span in)
{
	struct smtp_action a;

	do
		a = smtp_server_next(&p->s, &in);
	while (act(p, &a));
}

/* Each step is sent on its own: EHLO ends a group (RFC 2920). */
static void
play(struct play *p, enum smtp_listener listener, bool may, const char *steps,
    size_t cut)
{
	struct span in = span_str(steps);

	*p = (struct play){ .admits = RE_GREETING };
	smtp_server_begin(&p->s, &policies[listener], false);
	p->s.may_xclient = may;
	smtp_server_greet(&p->s, RE_GREETING, false);
	while (in.n > 0) {
		struct span step = span_take(&in, span_find(in, '|'));

		(void)span_take(&in, 1);
		feed(p, span_take(&step, cut));
		feed(p, step);
	}
}

#define MSG	"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n|DATA\r\n|From: x@y\r\n.\r\n|"

static const struct {
	const char		*name;
	enum smtp_listener	 listener;
	bool			 may;
	const char		*steps, *said, *helo, *user;
} cases[] = {
	{ "unlisted", SMTP_MX, false,
	    "EHLO me\r\n|XCLIENT ADDR=192.0.2.1\r\nXFORWARD NAME=x\r\n",
	    "220 250 550 550 ", "me", "" },
	{ "another client", SMTP_MX, true,
	    "EHLO me\r\n|XCLIENT NAME=a.example ADDR=192.0.2.1\r\n"
	    "MAIL FROM:<a@b>\r\n|EHLO you\r\n|MAIL FROM:<a@b.example>\r\n",
	    "220 250 {a.example,192.0.2.1} 220 503 250 250 ", "you", "" },
	{ "before EHLO", SMTP_MX, true, "XCLIENT ADDR=192.0.2.1\r\n",
	    "220 {,192.0.2.1} 220 ", "", "" },
	{ "HELO stays through EHLO", SMTP_MX, true,
	    "EHLO me\r\n|XCLIENT HELO=far.example PROTO=SMTP\r\n|EHLO me\r\n",
	    "220 250 {,} 220 250 ", "far.example", "" },
	{ "and through the next XCLIENT", SMTP_MX, true,
	    "XCLIENT HELO=far\r\nXCLIENT ADDR=192.0.2.1\r\n|EHLO me\r\n",
	    "220 {,} 220 {,192.0.2.1} 220 250 ", "far", "" },
	{ "until it is unknown", SMTP_MX, true,
	    "XCLIENT HELO=far\r\nXCLIENT HELO=[UNAVAILABLE]\r\n|EHLO me\r\n",
	    "220 {,} 220 {,} 220 250 ", "me", "" },
	{ "inside of a transaction", SMTP_MX, true,
	    "EHLO me\r\n|MAIL FROM:<a@b.example>\r\nXCLIENT ADDR=192.0.2.1\r\n"
	    "XFORWARD NAME=a\r\nRSET\r\nXFORWARD NAME=a\r\n",
	    "220 250 250 503 503 250 250 ", "me", "" },
	{ "not well formed", SMTP_MX, true,
	    "EHLO me\r\n|XCLIENT ADDR=x\r\nXCLIENT\r\nXFORWARD X=y\r\n"
	    "NOOP\r\n", "220 250 501 501 501 250 ", "me", "" },
	{ "no LOGIN where nobody logs in", SMTP_MX, true,
	    "EHLO me\r\n|XCLIENT LOGIN=user\r\n", "220 250 501 ", "me", "" },
	{ "LOGIN gives a user", SMTP_SUBMISSION, true,
	    "EHLO me\r\n|MAIL FROM:<a@b.example>\r\nXCLIENT LOGIN=u+40d\r\n|"
	    "EHLO me\r\n|MAIL FROM:<a@b.example>\r\n",
	    "220 250 530 {,} 220 250 250 ", "me", "u@d" },
	{ "and takes it away", SMTP_SUBMISSION, true,
	    "XCLIENT LOGIN=u\r\nXCLIENT LOGIN=[UNAVAILABLE]\r\n|EHLO me\r\n|"
	    "MAIL FROM:<a@b.example>\r\n",
	    "220 {,} 220 {,} 220 250 530 ", "me", "" },
	{ "STARTTLS forgets", SMTP_SUBMISSION, true,
	    "XCLIENT LOGIN=u HELO=far\r\n|EHLO me\r\n|STARTTLS\r\n|EHLO me\r\n"
	    "|MAIL FROM:<a@b.example>\r\n",
	    "220 {,} 220 250 220 250 530 ", "me", "" },
	{ "unlisted LOGIN", SMTP_SUBMISSION, false,
	    "EHLO me\r\n|XCLIENT LOGIN=u\r\nMAIL FROM:<a@b.example>\r\n",
	    "220 250 550 530 ", "me", "" },
};

static void
test_sessions_cut_anywhere(void **state UNUSED)
{
	static struct play p;

	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut < 60; cut++) {
			char helo[300], user[300];

			play(&p, cases[i].listener, cases[i].may,
			    cases[i].steps, cut);
			(void)snprintf(helo, sizeof helo, "%.*s",
			    SPAN_FMT(buf_span(&p.s.helo)));
			(void)snprintf(user, sizeof user, "%.*s",
			    SPAN_FMT(buf_span(&p.s.user)));
			CHECK_STR(p.said, cases[i].said, "%s, cut at %zu",
			    cases[i].name, cut);
			CHECK_STR(helo, cases[i].helo, "%s", cases[i].name);
			CHECK_STR(user, cases[i].user, "%s", cases[i].name);
			smtp_server_free(&p.s);
		}
}

/* Received says the protocol of whom XCLIENT stands for. */
static void
test_proto(void **state UNUSED)
{
	static struct play p;

	play(&p, SMTP_MX, true, "XCLIENT PROTO=SMTP\r\n|EHLO me\r\n", 0);
	CHECK(!smtp_server_is_esmtp(&p.s), "claimed");
	CHECK(p.s.is_esmtp, "spoken");
	smtp_server_free(&p.s);
	play(&p, SMTP_MX, true, "XCLIENT PROTO=ESMTP\r\n|HELO me\r\n", 0);
	CHECK(smtp_server_is_esmtp(&p.s), "claimed");
	smtp_server_free(&p.s);
	play(&p, SMTP_MX, true, "EHLO me\r\n", 0);
	CHECK(smtp_server_is_esmtp(&p.s), "its own");
	smtp_server_free(&p.s);
}

/* The other client may not be let in. */
static void
test_refused_client(void **state UNUSED)
{
	static struct play p;

	play(&p, SMTP_MX, true, "EHLO me\r\n|", 0);
	p.admits = RE_TOO_MANY_SESSIONS;
	feed(&p, SPAN("XCLIENT ADDR=192.0.2.1\r\nNOOP\r\n"));
	CHECK_STR(p.said, "220 250 {,192.0.2.1} 421 closed ", "refused");
	smtp_server_free(&p.s);
}

/* XFORWARD is of one transaction, however that ends. */
static void
test_forwarded(void **state UNUSED)
{
	static struct play p;

	play(&p, SMTP_SUBMISSION, true, "XCLIENT LOGIN=u\r\n|EHLO me\r\n|"
	    "XFORWARD NAME=a IDENT=first\r\nXFORWARD ADDR=192.0.2.1\r\n" MSG,
	    0);
	CHECK_STR(p.forwarded, "first", "%s", p.said);
	feed(&p, SPAN("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"));
	feed(&p, SPAN("DATA\r\n"));
	feed(&p, SPAN("From: x@y\r\n.\r\n"));
	CHECK_STR(p.forwarded, "", "the next one: %s", p.said);
	feed(&p, SPAN("XFORWARD IDENT=second\r\nRSET\r\n"));
	CHECK(p.s.tx.xforward == NULL, "RSET");
	smtp_server_free(&p.s);
}

static void
test_announced(void **state UNUSED)
{
	static const struct {
		enum smtp_listener	 listener;
		bool			 may;
		const char		*line;
	} rows[] = {
		{ SMTP_MX, false, NULL },
		{ SMTP_MX, true, "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n" },
		{ SMTP_SUBMISSION, true,
		    "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN\r\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		static struct play p;
		struct span in = SPAN("EHLO me\r\n");
		struct smtp_action a;
		static char out[2048];

		p = (struct play){ .admits = RE_GREETING };
		smtp_server_begin(&p.s, &policies[rows[i].listener], false);
		p.s.may_xclient = rows[i].may;
		smtp_server_greet(&p.s, RE_GREETING, false);
		a = smtp_server_next(&p.s, &in);
		assert_int_equal(a.kind, SMTP_DO_MORE);
		(void)snprintf(out, sizeof out, "%.*s",
		    SPAN_FMT(buf_span(&p.s.out)));
		CHECK((strstr(out, "XCLIENT") != NULL) == rows[i].may, "%s",
		    out);
		CHECK((strstr(out, "XFORWARD") != NULL) == rows[i].may, "%s",
		    out);
		if (rows[i].may)
			CHECK(strstr(out, rows[i].line) != NULL, "%s", out);
		smtp_server_free(&p.s);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_sessions_cut_anywhere, "SMTP-11 PRS-2 SMTP-4"),
		TEST(test_proto, ""),
		TEST(test_refused_client, "SMTP-11"),
		TEST(test_forwarded, "SMTP-4"),
		TEST(test_announced, "SMTP-11"),
	};

	return RUN_TESTS(tests);
}
