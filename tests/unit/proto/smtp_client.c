/*
 * smtp_client: a scripted server for each row, time turned by hand, and what
 * the client says and reports (RFC 5321 4.2, 4.3.2, 4.5.3.2; RFC 2920).
 */
#include "client_rig.h"

static const struct stage {
	const char *name;
	size_t nrcpts;
	const char *server, *trace;
} stages[] = {
	{ "all good", 1, HI "250 x|250 x|354 go|250 2.1.0 ok|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|<content>|r0=done,250,2.1.0|<sent>|"
	    BYE },
	{ "no connection", 1, "@", "close:host:retry,0,4.4.1|" },
	{ "no connection in time", 1, "-", "close:host:retry,0,4.4.1|" },
	{ "greeting 4xx", 1, "451 later|",
	    "QUIT|close:host:retry,451,4.0.0|" },
	{ "greeting 421", 1, "421 4.3.2 no|", "close:host:retry,421,4.3.2|" },
	{ "greeting 5xx", 1, "554 no|", "QUIT|close:host:failed,554,5.0.0|" },
	{ "greeting 250", 1, "250 hi|", "close:host:retry,0,4.5.0|" },
	{ "greeting HTTP", 1, "HTTP/1.1 400|", "close:host:retry,0,4.5.0|" },
	{ "ehlo refused, helo", 1,
	    "220 hi|502 what|250 x|550 5.7.1 no|221 bye|",
	    "EHLO me|HELO me|MAIL FROM:<s@y>|r0=failed,550,5.7.1|<sent>|"
	    BYE },
	{ "ehlo and helo refused", 1, "220 hi|502 what|502 what|",
	    "EHLO me|HELO me|QUIT|close:host:failed,502,5.0.0|" },
	{ "ehlo by the first digit", 1, "220 hi|251 x|450 no|221 bye|",
	    ENV "r0=retry,450,4.0.0|<sent>|" BYE },
	{ "helo by the first digit", 1, "220 hi|502 x|299 x|450 no|221 bye|",
	    "EHLO me|HELO me|MAIL FROM:<s@y>|r0=retry,450,4.0.0|<sent>|" BYE },
	{ "ehlo 3xx", 1, "220 hi|354 x|",
	    "EHLO me|QUIT|close:host:retry,354,4.0.0|" },
	{ "ehlo 4xx", 1, "220 hi|450 no|",
	    "EHLO me|QUIT|close:host:retry,450,4.0.0|" },
	{ "ehlo 421", 1, "220 hi|421 no|",
	    "EHLO me|close:host:retry,421,4.0.0|" },
	{ "ehlo broken", 1, "220 hi|@", "EHLO me|close:host:retry,0,4.4.2|" },
	{ "mail 4xx", 2, HI "451 4.7.1 grey|221 bye|",
	    ENV "r0=retry,451,4.7.1|r1=retry,451,4.7.1|<sent>|" BYE },
	{ "mail 5xx", 1, HI "550 no|221 bye|",
	    ENV "r0=failed,550,5.0.0|<sent>|" BYE },
	{ "mail 421", 1, HI "421 no|", ENV "close:host:retry,421,4.0.0|" },
	{ "mail 3xx", 1, HI "354 what|", ENV "close:host:retry,0,4.5.0|" },
	{ "rcpt mixed", 3,
	    HI "250 x|250 x|450 4.2.1 b|550 5.1.1 c|354 go|250 ok|221 bye|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|RCPT TO:<c@x>|"
	    "r1=retry,450,4.2.1|DATA|r2=failed,550,5.1.1|<content>|"
	    "r0=done,250,2.0.0|<sent>|" BYE },
	{ "rcpt too many is temporary", 1, HI "250 x|552 5.5.3 no|221 bye|",
	    ENV "RCPT TO:<a@x>|r0=retry,552,4.5.3|<sent>|" BYE },
	{ "rcpt 421 leaves the rest open", 2, HI "250 x|550 no|421 no|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|r0=failed,550,5.0.0|"
	    "close:host:retry,421,4.0.0|" },
	{ "rcpt all refused", 2, HI "250 x|550 no|450 no|221 bye|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|r0=failed,550,5.0.0|"
	    "r1=retry,450,4.0.0|<sent>|" BYE },
	{ "data 4xx", 1, HI "250 x|250 x|452 full|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|r0=retry,452,4.0.0|<sent>|" BYE },
	{ "data 5xx", 1, HI "250 x|250 x|554 5.5.1 no|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|r0=failed,554,5.5.1|<sent>|" BYE },
	{ "data 250", 1, HI "250 x|250 x|250 what|",
	    ENV "RCPT TO:<a@x>|DATA|close:host:retry,0,4.5.0|" },
	{ "final 4xx", 2, HI "250 x|250 x|250 x|354 go|451 no|221 bye|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|DATA|<content>|"
	    "r0=retry,451,4.0.0|r1=retry,451,4.0.0|<sent>|" BYE },
	{ "final 5xx", 1, HI "250 x|250 x|354 go|554 5.7.1 spam|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|<content>|r0=failed,554,5.7.1|<sent>|"
	    BYE },
	{ "final lost", 1, HI "250 x|250 x|354 go|@",
	    ENV "RCPT TO:<a@x>|DATA|<content>|close:doubt:retry,0,4.4.2|" },
	{ "nonsense for content: it may have arrived", 1,
	    HI "250 x|250 x|354 go|what|",
	    ENV "RCPT TO:<a@x>|DATA|<content>|close:doubt:retry,0,4.5.0|" },
	{ "final late", 1, HI "250 x|250 x|354 go|-",
	    ENV "RCPT TO:<a@x>|DATA|<content>|close:doubt:retry,0,4.4.2|" },
	{ "final of the wrong class of status", 1,
	    HI "250 x|250 x|354 go|550 2.0.0 odd|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|<content>|r0=failed,550,5.0.0|<sent>|"
	    BYE },
	{ "quit ignored", 1, HI "250 x|250 x|354 go|250 ok|@",
	    ENV "RCPT TO:<a@x>|DATA|<content>|r0=done,250,2.0.0|<sent>|QUIT|"
	    "close:quit:retry,0,4.4.2|" },
	{ "pipelined", 2, PIPE "250 x|^250 a|^250 b|^354 go|250 ok|221 bye|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|DATA|<content>|"
	    "r0=done,250,2.0.0|r1=done,250,2.0.0|<sent>|" BYE },
	{ "pipelined, all refused, 354: a dot for nobody", 1,
	    PIPE "250 x|550 a|354 go|250 x|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|r0=failed,550,5.0.0|.|<sent>|" BYE },
	{ "pipelined, all refused, 503", 1,
	    PIPE "250 x|550 a|503 no|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|r0=failed,550,5.0.0|<sent>|" BYE },
	{ "pipelined, mail refused", 2,
	    PIPE "451 x|503 a|503 b|503 no|221 bye|",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|DATA|r0=retry,451,4.0.0|"
	    "r1=retry,451,4.0.0|<sent>|" BYE },
	{ "pipelined, mail refused, 354 all the same", 1,
	    PIPE "451 x|250 a|354 go|554 x|221 bye|",
	    ENV "RCPT TO:<a@x>|DATA|r0=retry,451,4.0.0|.|<sent>|" BYE },
	{ "pipelined, lost in the middle", 2, PIPE "250 x|550 a|@",
	    ENV "RCPT TO:<a@x>|RCPT TO:<b@x>|DATA|r0=failed,550,5.0.0|"
	    "close:host:retry,0,4.4.2|" },
	{ "starttls", 1,
	    "220 hi|250-x\\250 STARTTLS|220 go|250 y|550 no|221 bye|",
	    "EHLO me|STARTTLS|<tls>|EHLO me|MAIL FROM:<s@y>|"
	    "r0=failed,550,5.0.0|<sent>|" BYE },
	{ "starttls forgets offers", 1,
	    "220 hi|250-x\\250-SIZE 1\\250 STARTTLS|220 go|250 y|550 no|"
	    "221 bye|", "EHLO me|STARTTLS|<tls>|EHLO me|MAIL FROM:<s@y>|"
	    "r0=failed,550,5.0.0|<sent>|" BYE },
	{ "starttls refused", 1,
	    "220 hi|250-x\\250 STARTTLS|454 no|550 no|221 bye|",
	    "EHLO me|STARTTLS|MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|"
	    BYE },
	{ "starttls with octets behind", 1,
	    "220 hi|250-x\\250 STARTTLS|220 go|^250 injected|",
	    "EHLO me|STARTTLS|close:host+tls:retry,0,4.7.0|" },
	/* What TLS-Required: No would have go on without. */
	{ "starttls, and gone", 1, "220 hi|250-x\\250 STARTTLS|@",
	    "EHLO me|STARTTLS|close:host+tls:retry,0,4.4.2|" },
	{ "starttls 421", 1, "220 hi|250-x\\250 STARTTLS|421 no|",
	    "EHLO me|STARTTLS|close:host+tls:retry,421,4.0.0|" },
	{ "nothing good behind tls", 1,
	    "220 hi|250-x\\250 STARTTLS|220 go|550 no|",
	    "EHLO me|STARTTLS|<tls>|EHLO me|QUIT|"
	    "close:host+tls:failed,550,5.0.0|" },
	{ "gone behind tls", 1, "220 hi|250-x\\250 STARTTLS|220 go|250 x|@",
	    "EHLO me|STARTTLS|<tls>|EHLO me|MAIL FROM:<s@y>|"
	    "close:host:retry,0,4.4.2|" },
	{ "starttls refused, and gone", 1,
	    "220 hi|250-x\\250 STARTTLS|454 no|@",
	    "EHLO me|STARTTLS|MAIL FROM:<s@y>|close:host:retry,0,4.4.2|" },
	{ "codes disagree", 1, "220 hi|250-x\\251 y|",
	    "EHLO me|close:host:retry,0,4.5.0|" },
};

static void
run_stage(const struct stage *s, size_t cut, struct rig *r)
{
	struct smtp_client_settings set = plain_settings();

	*r = (struct rig){
		.server = s->server,
		.nrcpts = s->nrcpts,
		.mails = 1,
		.cut = cut,
		.size = 10,
	};
	run(r, &set);
}

static void
test_each_code_at_each_stage(void **state UNUSED)
{
	static struct rig r;

	for (size_t i = 0; i < COUNT(stages); i++) {
		run_stage(&stages[i], 0, &r);
		CHECK_STR(r.trace, stages[i].trace, "%s", stages[i].name);
	}
}

static bool
has_octets_behind(const struct stage *s)
{
	return strstr(s->server, "injected") != NULL;
}

/*
 * Replies mean the same wherever they are cut; what comes behind STARTTLS in a
 * packet of its own is the stream's to see.
 */
static void
test_cut_anywhere(void **state UNUSED)
{
	static struct rig r;

	for (size_t i = 0; i < COUNT(stages); i++)
		for (size_t cut = 1; cut < 40; cut++) {
			if (has_octets_behind(&stages[i]))
				continue;
			run_stage(&stages[i], cut, &r);
			CHECK_STR(r.trace, stages[i].trace, "%s, cut %zu",
			    stages[i].name, cut);
		}
}

/* RFC 5321 4.5.3.2, turned by hand. */
static void
test_deadlines(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	r = (struct rig){ .mails = 1, .nrcpts = 1, .shows_time = true,
		.server = HI "250 x|250 x|354 go|250 ok|221 bye|" };
	run(&r, &set);
	CHECK_STR(r.trace, "300s|EHLO me|300s|0s|MAIL FROM:<s@y>|300s|"
	    "RCPT TO:<a@x>|300s|DATA|120s|180s|<content>|600s|"
	    "0s|r0=done,250,2.0.0|<sent>|QUIT|5s|"
	    "close:quit:done,221,2.0.0|", "deadlines");
}

/* A piece of content that has left gives the server new time. */
static void
test_blocks_renew_the_deadline(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	r = (struct rig){ .mails = 1, .nrcpts = 1, .is_content_stuck = true,
		.server = HI "250 x|250 x|354 go|" };
	smtp_client_init(&r.c, &set);
	smtp_client_connected(&r.c, false);
	for (int i = 0; i < 5; i++)
		feed_reply(&r);
	r.shows_time = true;
	r.trace[0] = '\0';
	smtp_client_block_sent(&r.c);
	run_actions(&r);
	CHECK_STR(r.trace, "180s|", "block");
	smtp_client_timeout(&r.c);
	run_actions(&r);
	CHECK_STR(r.trace, "180s|close:doubt:retry,0,4.4.2|", "block");
	smtp_client_free(&r.c);
}

static const struct {
	const char *name, *server, *trace;
	uint64_t size;
	bool is_8bit;
} offers[] = {
	{ "size", "220 hi|250-x\\250 SIZE 1000|550 no|221 bye|",
	    "EHLO me|MAIL FROM:<s@y> SIZE=1000|r0=failed,550,5.0.0|<sent>|"
	    BYE, 1000, false },
	{ "one octet too large", "220 hi|250-x\\250 size 1000|221 bye|",
	    "EHLO me|r0=failed,0,5.3.4|<sent>|" BYE,
	    1001, false },
	{ "size without a limit", "220 hi|250-x\\250 SIZE 0|550 no|221 bye|",
	    "EHLO me|MAIL FROM:<s@y> SIZE=5|r0=failed,550,5.0.0|<sent>|" BYE,
	    5, false },
	{ "8bit", "220 hi|250-x\\250 8BITMIME|550 no|221 bye|",
	    "EHLO me|MAIL FROM:<s@y> BODY=8BITMIME|r0=failed,550,5.0.0|"
	    "<sent>|" BYE, 5, true },
	{ "8bit to a server that cannot", "220 hi|250 x|221 bye|",
	    "EHLO me|unfit=failed,0,5.6.3|" BYE, 5, true },
	{ "7bit to one that could", "220 hi|250-x\\250 8BITMIME|550 no|"
	    "221 bye|", "EHLO me|MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|"
	    BYE, 5, false },
	{ "a server named like an offer", "220 hi|250 SIZE 1|550 no|221 bye|",
	    "EHLO me|MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|" BYE, 5,
	    false },
};

static void
test_offers(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	for (size_t i = 0; i < COUNT(offers); i++) {
		r = (struct rig){ .mails = 1, .nrcpts = 1,
			.server = offers[i].server, .size = offers[i].size,
			.is_8bit = offers[i].is_8bit };
		run(&r, &set);
		CHECK_STR(r.trace, offers[i].trace, "%s", offers[i].name);
	}
}

/* RSET only where a transaction was left open. */
static const struct {
	const char *name, *server, *trace;
} second[] = {
	{ "after 250", HI "250 x|250 x|354 go|250 ok|550 no|221 bye|",
	    "RCPT TO:<a@x>|DATA|<content>|r0=done,250,2.0.0|<sent>|"
	    "MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|" BYE },
	{ "after mail refused", HI "450 no|550 no|221 bye|",
	    "r0=retry,450,4.0.0|<sent>|MAIL FROM:<s@y>|"
	    "r0=failed,550,5.0.0|<sent>|" BYE },
	{ "after all refused", HI "250 x|550 no|250 reset|550 no|221 bye|",
	    "RCPT TO:<a@x>|r0=failed,550,5.0.0|<sent>|RSET|"
	    "MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|" BYE },
	{ "after data refused",
	    HI "250 x|250 x|451 no|250 reset|550 no|221 bye|",
	    "RCPT TO:<a@x>|DATA|r0=retry,451,4.0.0|<sent>|RSET|"
	    "MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|" BYE },
	{ "reset refused", HI "250 x|550 no|500 no reset|",
	    "RCPT TO:<a@x>|r0=failed,550,5.0.0|<sent>|RSET|QUIT|"
	    "close:host:retry,500,5.0.0|" },
};

static void
test_second_message(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	for (size_t i = 0; i < COUNT(second); i++) {
		r = (struct rig){ .mails = 2, .nrcpts = 1,
			.server = second[i].server };
		run(&r, &set);
		CHECK_STR(r.trace + strlen(ENV), second[i].trace, "%s",
		    second[i].name);
	}
}

/* Who was answered on one connection is not asked for on the next. */
static void
test_answered_stay_answered(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();
	struct smtp_client_message m = { .reverse_path = SPAN(""),
		.rcpts = r.rcpts, .nrcpts = 2 };

	run_stage(&(struct stage){ "", 2, HI "250 x|450 no|@", "" }, 0, &r);
	r.trace[0] = '\0';
	r.is_closed = false;
	r.server = HI "250 x|250 x|354 go|250 ok|221 bye|";
	smtp_client_init(&r.c, &set);
	smtp_client_connected(&r.c, false);
	r.mails = 1;
	for (int i = 0; i < 3; i++) {
		struct span none = SPAN("");
		struct smtp_client_action a;

		/* begin by hand: the rig's begin forgets */
		if (i < 2) {
			size_t n = 0;

			while (*r.server != '|')
				put(&r, &n, *r.server++);
			put(&r, &n, *r.server++);
			none = span_of(r.fed, n);
		} else
			smtp_client_begin(&r.c, &m);
		do {
			a = smtp_client_next(&r.c, &none);
			if (a.kind == SMTP_CLIENT_SEND)
				note_said(&r, a.text);
		} while (a.kind != SMTP_CLIENT_WAIT);
	}
	r.mails = 0;
	for (int i = 0; i < 5; i++)
		feed_reply(&r);
	CHECK_STR(r.trace, "EHLO me|MAIL FROM:<>|RCPT TO:<b@x>|DATA|<content>|"
	    "r1=done,250,2.0.0|<sent>|" BYE, "second connection");
	smtp_client_free(&r.c);
}

/* The connection broke behind the last answer: nothing is said again. */
static void
test_all_answered_before(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();
	struct smtp_client_message m = { .reverse_path = SPAN(""),
		.rcpts = r.rcpts, .nrcpts = 2 };
	struct span in = SPAN("220 hi\r\n250 x\r\n");
	struct smtp_client_action a;

	run_stage(&(struct stage){ "", 2, HI "450 no|@", "" }, 0, &r);
	smtp_client_init(&r.c, &set);
	smtp_client_connected(&r.c, false);
	do
		a = smtp_client_next(&r.c, &in);
	while (a.kind != SMTP_CLIENT_READY && a.kind != SMTP_CLIENT_WAIT);
	CHECK_NUM(a.kind, SMTP_CLIENT_READY, "ready");
	smtp_client_begin(&r.c, &m);
	do
		a = smtp_client_next(&r.c, &in);
	while (a.kind == SMTP_CLIENT_DEADLINE);
	CHECK_NUM(a.kind, SMTP_CLIENT_MESSAGE_DONE, "done at once");
	smtp_client_free(&r.c);
}

static const struct {
	const char *name;
	enum smtp_client_tls tls;
	const char *server, *trace;
} logins[] = {
	{ "plain", SMTP_CLIENT_TLS_IMPLICIT,
	    "220 hi|250-x\\250 AUTH LOGIN PLAIN|235 ok|550 no|221 bye|",
	    "EHLO me|AUTH PLAIN AHUAcA==|MAIL FROM:<s@y>|"
	    "r0=failed,550,5.0.0|<sent>|" BYE },
	{ "login", SMTP_CLIENT_TLS_IMPLICIT,
	    "220 hi|250-x\\250 AUTH LOGIN|334 VXNlcg==|334 UGFzcw==|235 ok|"
	    "550 no|221 bye|", "EHLO me|AUTH LOGIN|dQ==|cA==|"
	    "MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|" BYE },
	{ "refused is our trouble", SMTP_CLIENT_TLS_IMPLICIT,
	    "220 hi|250-x\\250 AUTH PLAIN|535 5.7.8 no|",
	    "EHLO me|AUTH PLAIN AHUAcA==|QUIT|close:login:retry,535,5.7.8|" },
	{ "asked for more", SMTP_CLIENT_TLS_IMPLICIT,
	    "220 hi|250-x\\250 AUTH PLAIN|334 more|",
	    "EHLO me|AUTH PLAIN AHUAcA==|QUIT|close:login:retry,334,4.0.0|" },
	{ "no mechanism of ours", SMTP_CLIENT_TLS_IMPLICIT,
	    "220 hi|250-x\\250 AUTH CRAM-MD5|",
	    "EHLO me|close:login:retry,0,4.7.0|" },
	{ "never in plain", SMTP_CLIENT_TLS_OFFERED,
	    "220 hi|250-x\\250 AUTH PLAIN|",
	    "EHLO me|close:login:retry,0,4.7.0|" },
	{ "required and not offered", SMTP_CLIENT_TLS_REQUIRED,
	    "220 hi|250-x\\250 AUTH PLAIN|",
	    "EHLO me|close:host:retry,0,4.7.4|" },
	{ "required and refused", SMTP_CLIENT_TLS_REQUIRED,
	    "220 hi|250-x\\250 STARTTLS|554 no|",
	    "EHLO me|STARTTLS|QUIT|close:host+tls:retry,554,5.0.0|" },
	{ "required", SMTP_CLIENT_TLS_REQUIRED,
	    "220 hi|250-x\\250 STARTTLS|220 go|250-x\\250 AUTH PLAIN|235 ok|"
	    "550 no|221 bye|", "EHLO me|STARTTLS|<tls>|EHLO me|"
	    "AUTH PLAIN AHUAcA==|MAIL FROM:<s@y>|r0=failed,550,5.0.0|<sent>|"
	    BYE },
};

static void
test_logins(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	set.user = SPAN("u");
	set.password = SPAN("p");
	for (size_t i = 0; i < COUNT(logins); i++) {
		set.tls = logins[i].tls;
		r = (struct rig){ .mails = 1, .nrcpts = 1,
			.server = logins[i].server };
		run(&r, &set);
		CHECK_STR(r.trace, logins[i].trace, "%s", logins[i].name);
	}
}

/* Not in the middle of TLS: the plain host may be tried again. */
static void
test_handshake_lost(void **state UNUSED)
{
	static char text[] = "220 hi\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n";
	struct smtp_client_settings set = plain_settings();
	struct smtp_client c;
	struct smtp_client_action a;
	struct span in = span_str(text);
	size_t n;

	smtp_client_init(&c, &set);
	smtp_client_connected(&c, false);
	for (n = 0; n < 100; n++)
		if ((a = smtp_client_next(&c, &in)).kind ==
		    SMTP_CLIENT_START_TLS)
			break;
	CHECK(n < 100, "it asks for TLS");
	smtp_client_lost(&c, "bad record");
	do
		a = smtp_client_next(&c, &in);
	while (a.kind != SMTP_CLIENT_CLOSE && a.kind != SMTP_CLIENT_WAIT);
	CHECK_NUM(a.kind, SMTP_CLIENT_CLOSE, "close");
	CHECK_NUM(a.end, SMTP_CLIENT_END_TLS, "end");
	CHECK_NUM(a.fate, SMTP_CLIENT_RETRY, "fate");
	smtp_client_free(&c);
}

static const struct CMUnitTest tests[] = {
	TEST(test_each_code_at_each_stage, "DLV-6 TLS-1 SMTP-9"),
	TEST(test_cut_anywhere, "PRS-2"),
	TEST(test_deadlines, ""),
	TEST(test_blocks_renew_the_deadline, ""),
	TEST(test_offers, ""),
	TEST(test_second_message, ""),
	TEST(test_answered_stay_answered, "DLV-6"),
	TEST(test_all_answered_before, "DLV-6"),
	TEST(test_logins, ""),
	TEST(test_handshake_lost, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
