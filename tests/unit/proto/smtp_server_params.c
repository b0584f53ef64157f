/* What MAIL's and RCPT's parameters lead to: replies, and the envelope. */
#include "smtp_play.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }
#define LIMITS	.has_tls = true, .message_size = 1000, .recipients = 3, \
	.errors_soft = 100000, .errors = 100000, .commands = 100000, \
	.mails = 1000, .bad_recipients = 1000, .body_line = 200, \
	.auth_per_session = 3, .hops = 5, .hops_own = 2, .hold = 3600

#define NOW_MS	UINT64_C(1795469357000)		/* 2026-11-23T21:29:17Z */

static const struct smtp_policy policies[SMTP_LISTENER_COUNT] = {
	[SMTP_MX] = { .listener = SMTP_MX, .hostname = HOST, .home = HOME,
		LIMITS },
	[SMTP_SUBMISSION] = { .listener = SMTP_SUBMISSION, .hostname = HOST,
		.home = HOME, LIMITS },
	[SMTP_RELAY] = { .listener = SMTP_RELAY, .hostname = HOST,
		.home = HOME, LIMITS },
	[SMTP_LOCAL] = { .listener = SMTP_LOCAL, .hostname = HOST,
		.home = HOME, LIMITS },
	[SMTP_LMTP] = { .listener = SMTP_LMTP, .hostname = HOST, .home = HOME,
		LIMITS },
};
#define ON(listener)	(1u << (listener))
#define ALL		(ON(SMTP_CLOSED) - 1)
#define SMTP		(ALL & ~ON(SMTP_LMTP))
#define OURS		(ON(SMTP_SUBMISSION) | ON(SMTP_LOCAL))
#define TRUSTED		(OURS | ON(SMTP_RELAY))

/* MAIL with these words is answered `good` on those, else `bad`. */
static const struct {
	const char	*words;
	unsigned int	 listeners;
	const char	*good, *bad;
} mails[] = {
	{ "SIZE=1000", ALL, "250 2.1.0", "" },
	{ "SIZE=1001", 0, "", "552 5.3.4" },
	{ "BODY=BINARYMIME", ALL, "250 2.1.0", "" },
	{ "RET=FULL ENVID=x", ALL, "250 2.1.0", "" },
	{ "REQUIRETLS", ALL, "250 2.1.0", "" },
	{ "PRDR", SMTP, "250 2.1.0", "555 5.5.4" },
	/* RFC 4865 section 3: submission only; 4.2: 501 5.5.4 */
	{ "HOLDFOR=3600", OURS, "250 2.1.0", "555 5.5.4" },
	{ "HOLDFOR=3601", OURS, "501 5.5.4", "555 5.5.4" },
	{ "HOLDUNTIL=2026-11-23T22:29:17Z", OURS, "250 2.1.0", "555 5.5.4" },
	{ "HOLDUNTIL=2026-11-23T22:29:18Z", OURS, "501 5.5.4", "555 5.5.4" },
	{ "HOLDUNTIL=1999-11-23T22:29:18Z", OURS, "250 2.1.0", "555 5.5.4" },
	{ "HOLDFOR=60 BY=60;N", OURS, "250 2.1.0", "555 5.5.4" },
	{ "HOLDFOR=61 BY=60;N", OURS, "501 5.5.4", "555 5.5.4" },
	/* RFC 6710 4.1 */
	{ "MT-PRIORITY=-4", ALL, "250 2.1.0", "" },
	{ "MT-PRIORITY=4", TRUSTED, "250 2.1.0", "250 2.3.6 0 " },
	{ "BY=60;R", ALL, "250 2.1.0", "" },
	{ "AUTH=<>", ALL, "250 2.1.0", "" },
};

static struct play *
begin(enum smtp_listener listener, bool is_tls)
{
	struct play *p = play_begin(&policies[listener], is_tls);

	p->s.wall_ms = NOW_MS;
	say_lines(p, listener == SMTP_LMTP ? "LHLO c\r\n" : "EHLO c\r\n");
	if (listener == SMTP_SUBMISSION)
		say_lines(p, "AUTH PLAIN AHVzZXIAcGFzcw==\r\n");
	p->nout = 0;
	p->out[0] = '\0';
	return p;
}

static void
test_mail(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(mails); i++)
		for (unsigned int l = 0; l < SMTP_CLOSED; l++) {
			struct play *p = begin((enum smtp_listener)l, true);
			const char *want = mails[i].listeners & ON(l) ?
			    mails[i].good : mails[i].bad;
			char line[100];

			(void)snprintf(line, sizeof line, "MAIL FROM:<s@x> "
			    "%s\r\n", mails[i].words);
			say_lines(p, line);
			CHECK(strncmp(p->out, want, strlen(want)) == 0,
			    "%s on %u: %s", mails[i].words, l, p->out);
			play_end(p);
		}
}

/* RFC 8689 section 2: only over TLS. */
static void
test_requiretls_in_plain(void **state UNUSED)
{
	struct play *p = begin(SMTP_MX, false);

	say_lines(p, "MAIL FROM:<s@x> REQUIRETLS\r\n");
	assert_true(strncmp(p->out, "555 5.5.4", 9) == 0);
	say_lines(p, "EHLO c\r\n");
	assert_null(strstr(p->out, "REQUIRETLS"));
	play_end(p);
}

/* RFC 6531 3.4 and 3.5. */
static void
test_smtputf8(void **state UNUSED)
{
	static const char eacute[] = "\xc3\xa9";
	static const struct {
		const char	*from, *to, *want;
	} rows[] = {
		{ "<%s@x>", NULL, "550 5.6.7" },
		{ "<%s@x> SMTPUTF8", "<u@example.org>", "250 2.1.0 250 2.1.5" },
		{ "<%s@x> SMTPUTF8", "<%s@example.org>",
			"250 2.1.0 250 2.1.5" },
		{ "<s@x>", "<%s@example.org>", "250 2.1.0 553 5.6.7" },
		{ "<s@x>", "<u@example.org> ORCPT=utf-8;%s@x",
			"250 2.1.0 553 5.6.7" },
		{ "<s@x> SMTPUTF8", "<u@example.org> ORCPT=utf-8;%s@x",
			"250 2.1.0 250 2.1.5" },
		{ "<%s@x\xc3> SMTPUTF8", NULL, "501 5.1.7" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = begin(SMTP_MX, true);
		char path[100], line[120], got[64] = "";

		for (unsigned int k = 0; k < 2; k++) {
			const char *form = k == 0 ? rows[i].from : rows[i].to;
			const char *at = form == NULL ? NULL :
			    strstr(form, "%s");

			if (form == NULL)
				break;
			(void)snprintf(path, sizeof path, "%.*s%s%s",
			    at == NULL ? (int)strlen(form) : (int)(at - form),
			    form, at == NULL ? "" : eacute,
			    at == NULL ? "" : at + 2);
			(void)snprintf(line, sizeof line, "%s:%s\r\n",
			    k == 0 ? "MAIL FROM" : "RCPT TO", path);
			p->nout = 0;
			say_lines(p, line);
			(void)snprintf(got + strlen(got),
			    sizeof got - strlen(got), "%s%.9s",
			    k == 0 ? "" : " ", p->out);
		}
		CHECK_STR(got, rows[i].want, "%zu", i);
		play_end(p);
	}
}

/* What the queue will read. */
static const struct {
	enum smtp_listener	 listener;
	const char		*mail, *rcpt, *text;
	uint8_t			 flags, by_mode;
	int			 priority;
	uint64_t		 by_ms, hold_ms;
} kept[] = {
	{ SMTP_MX, "", "", " |u@example.org 0 ", 0, 0, 0, 0, 0 },
	{ SMTP_MX, "BODY=8BITMIME", "", " |u@example.org 0 ",
		ENVELOPE_8BITMIME, 0, 0, 0, 0 },
	{ SMTP_MX, "BODY=BINARYMIME REQUIRETLS SMTPUTF8", "",
		" |u@example.org 0 ", ENVELOPE_BINARY | ENVELOPE_REQUIRETLS |
		ENVELOPE_SMTPUTF8, 0, 0, 0, 0 },
	{ SMTP_MX, "RET=FULL ENVID=a+2Bb", "NOTIFY=SUCCESS,DELAY "
		"ORCPT=rfc822;v@y", "a+2Bb |u@example.org 10 rfc822;v@y",
		ENVELOPE_RET_FULL, 0, 0, 0, 0 },
	{ SMTP_MX, "RET=HDRS", "NOTIFY=NEVER", " |u@example.org 1 ",
		ENVELOPE_RET_HEADERS, 0, 0, 0, 0 },
	/* RFC 4954 section 5: believed of whom we know, else nobody. */
	{ SMTP_MX, "AUTH=a@b", "", " <>|u@example.org 0 ", 0, 0, 0, 0, 0 },
	{ SMTP_RELAY, "AUTH=a@b", "", " a@b|u@example.org 0 ", 0, 0, 0, 0, 0 },
	{ SMTP_SUBMISSION, "AUTH=<>", "", " <>|u@example.org 0 ", 0, 0, 0, 0,
		0 },
	{ SMTP_MX, "BY=60;RT", "", " |u@example.org 0 ", 0,
		ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE, 0, NOW_MS + 60000, 0 },
	{ SMTP_MX, "BY=-60;N", "", " |u@example.org 0 ", 0, 0, 0,
		NOW_MS - 60000, 0 },
	{ SMTP_SUBMISSION, "HOLDFOR=10", "", " |u@example.org 0 ", 0, 0, 0, 0,
		NOW_MS + 10000 },
	{ SMTP_SUBMISSION, "HOLDUNTIL=2026-11-23T21:30:00Z", "",
		" |u@example.org 0 ", 0, 0, 0, 0, NOW_MS + 43000 },
	{ SMTP_SUBMISSION, "MT-PRIORITY=5", "", " |u@example.org 0 ", 0, 0, 5,
		0, 0 },
	{ SMTP_MX, "MT-PRIORITY=5", "", " |u@example.org 0 ", 0, 0, 0, 0, 0 },
	{ SMTP_MX, "MT-PRIORITY=-5", "", " |u@example.org 0 ", 0, 0, -5, 0,
		0 },
};

static void
test_envelope(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(kept); i++) {
		struct play *p = begin(kept[i].listener, true);
		char script[300];

		(void)snprintf(script, sizeof script, "MAIL FROM:<s@x> %s\r\n"
		    "RCPT TO:<u@example.org> %s\r\nBDAT 11 LAST\r\n"
		    "From: a@b\r\n", kept[i].mail, kept[i].rcpt);
		say_lines(p, script);
		CHECK_NUM(p->ncommits, 1, "%s", kept[i].mail);
		CHECK_STR(p->text, kept[i].text, "%s", kept[i].mail);
		CHECK_NUM(p->envelope.flags, kept[i].flags, "%s", kept[i].mail);
		CHECK_NUM(p->envelope.by_mode, kept[i].by_mode, "%s",
		    kept[i].mail);
		CHECK(p->envelope.priority == kept[i].priority, "%s",
		    kept[i].mail);
		CHECK_NUM(p->envelope.by_ms, kept[i].by_ms, "%s", kept[i].mail);
		CHECK_NUM(p->envelope.hold_ms, kept[i].hold_ms, "%s",
		    kept[i].mail);
		/* Nothing is left for the next one. */
		say_lines(p, "MAIL FROM:<s@x>\r\nRCPT TO:<v@example.org>\r\n"
		    "BDAT 11 LAST\r\nFrom: a@b\r\n");
		CHECK_STR(p->text, " |v@example.org 0 ", "%s", kept[i].mail);
		CHECK(p->envelope.flags == 0 && p->envelope.by_ms == 0 &&
		    p->envelope.hold_ms == 0 && p->envelope.priority == 0,
		    "%s", kept[i].mail);
		play_end(p);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_mail, "PRS-5"),
		TEST(test_requiretls_in_plain, ""),
		TEST(test_smtputf8, "PRS-4 PRS-5"),
		TEST(test_envelope, "SMTP-4"),
	};

	return RUN_TESTS(tests);
}
