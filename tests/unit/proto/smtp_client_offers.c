/*
 * What a server offers, and what a message asks for: passed on, left out, or
 * not for this server (RFC 2852, 3030, 3461, 4954, 6531, 6710, 8689).
 */
#include "client_rig.h"
#include "mail/envelope.h"

#define OFFER(words)	"220 hi|250-x\\" words "\\250 HELP|"
#define MAIL(words)	"EHLO me|MAIL FROM:<s@y>" words "|"
#define REST	"RCPT TO:<a@x>|DATA|<content>|r0=done,250,2.0.0|<sent>|" BYE
#define GOOD	"250 x|250 x|354 go|250 ok|221 bye|"
#define UNFIT(status)	"EHLO me|unfit=failed,0," status "|" BYE

static struct smtp_client_rcpt notified[] = {
	{ .address = { (const uint8_t *)"a@x", 3 },
		.notify = ENVELOPE_SUCCESS | ENVELOPE_FAILURE,
		.orcpt = { (const uint8_t *)"rfc822;b@z", 10 } },
};
static struct smtp_client_rcpt never[] = {
	{ .address = { (const uint8_t *)"a@x", 3 }, .notify = ENVELOPE_NEVER },
};
static struct smtp_client_rcpt utf8[] = {
	{ .address = { (const uint8_t *)"\xc3\xa9@x", 4 } },
};
#define FROM	.reverse_path = { (const uint8_t *)"s@y", 3 }

static const struct {
	const char	*name;
	struct smtp_client_message m;
	bool		 is_logged_in;
	const char	*server, *trace;
} rows[] = {
	{ "DSN", { FROM, .flags = ENVELOPE_RET_FULL, .envid = SPAN("a+2Bb"),
		.rcpts = notified }, false, OFFER("250-DSN") GOOD,
		MAIL(" RET=FULL ENVID=a+2Bb") "RCPT TO:<a@x> "
		"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@z|DATA|<content>|"
		"r0=done,250,2.0.0|<sent>|" BYE },
	{ "headers, never", { FROM, .flags = ENVELOPE_RET_HEADERS,
		.rcpts = never }, false, OFFER("250-DSN") GOOD,
		MAIL(" RET=HDRS") "RCPT TO:<a@x> NOTIFY=NEVER|DATA|<content>|"
		"r0=done,250,2.0.0|<sent>|" BYE },
	{ "no DSN", { FROM, .flags = ENVELOPE_RET_FULL, .envid = SPAN("e"),
		.rcpts = notified }, false, OFFER("250-SIZE") GOOD,
		MAIL(" SIZE=0") REST },
	{ "priority", { FROM, .priority = -3 }, false,
		OFFER("250-MT-PRIORITY") GOOD, MAIL(" MT-PRIORITY=-3") REST },
	{ "no priority", { FROM, .priority = 3 }, false, OFFER("250-X") GOOD,
		MAIL("") REST },
	{ "AUTH= without AUTH", { FROM, .auth = SPAN("<>") }, false,
		OFFER("250-AUTH PLAIN") GOOD, MAIL("") REST },
	/* RFC 6531 3.2 */
	{ "UTF-8", { FROM, .flags = ENVELOPE_SMTPUTF8, .rcpts = utf8 }, false,
		OFFER("250-SMTPUTF8") GOOD, MAIL(" SMTPUTF8")
		"RCPT TO:<\xc3\xa9@x>|DATA|<content>|r0=done,250,2.0.0|"
		"<sent>|" BYE },
	{ "UTF-8 not taken", { FROM, .flags = ENVELOPE_SMTPUTF8,
		.rcpts = utf8 }, false, OFFER("250-8BITMIME") "221 bye|",
		UNFIT("5.6.7") },
	{ "UTF-8 header not taken", { FROM, .flags = ENVELOPE_SMTPUTF8,
		.is_8bit = true, .is_8bit_header = true }, false,
		OFFER("250-8BITMIME") "221 bye|", UNFIT("5.6.7") },
	{ "UTF-8 sender not taken", { .reverse_path = SPAN("\xc3\xa9@y"),
		.flags = ENVELOPE_SMTPUTF8 }, false,
		OFFER("250-8BITMIME") "221 bye|", UNFIT("5.6.7") },
	{ "SMTPUTF8 that was not needed", { FROM,
		.flags = ENVELOPE_SMTPUTF8 }, false,
		OFFER("250-8BITMIME") GOOD, MAIL("") REST },
	/* RFC 3030 section 3 */
	{ "binary", { FROM, .flags = ENVELOPE_BINARY, .size = 77,
		.is_8bit = true }, false, OFFER("250-CHUNKING\\250-BINARYMIME")
		"250 x|250 x|250 ok|221 bye|", MAIL(" BODY=BINARYMIME")
		"RCPT TO:<a@x>|BDAT 77 LAST|<chunk>|r0=done,250,2.0.0|<sent>|"
		BYE },
	{ "binary, pipelined", { FROM, .flags = ENVELOPE_BINARY, .size = 7 },
		false, OFFER("250-CHUNKING\\250-BINARYMIME\\250-PIPELINING")
		"250 x|250 x|250 ok|221 bye|", MAIL(" BODY=BINARYMIME")
		"RCPT TO:<a@x>|BDAT 7 LAST|<chunk>|r0=done,250,2.0.0|<sent>|"
		BYE },
	{ "binary, nobody", { FROM, .flags = ENVELOPE_BINARY, .size = 7 },
		false, OFFER("250-CHUNKING\\250-BINARYMIME\\250-PIPELINING")
		"250 x|550 5.1.1 x|221 bye|", MAIL(" BODY=BINARYMIME")
		"RCPT TO:<a@x>|r0=failed,550,5.1.1|<sent>|" BYE },
	{ "binary refused", { FROM, .flags = ENVELOPE_BINARY, .size = 7 },
		false, OFFER("250-CHUNKING\\250-BINARYMIME")
		"250 x|250 x|554 5.6.0 x|221 bye|", MAIL(" BODY=BINARYMIME")
		"RCPT TO:<a@x>|BDAT 7 LAST|<chunk>|r0=failed,554,5.6.0|<sent>|"
		BYE },
	{ "binary, lost", { FROM, .flags = ENVELOPE_BINARY, .size = 7 },
		false, OFFER("250-CHUNKING\\250-BINARYMIME")
		"250 x|250 x|@", MAIL(" BODY=BINARYMIME")
		"RCPT TO:<a@x>|BDAT 7 LAST|<chunk>|"
		"close:doubt:retry,0,4.4.2|" },
	{ "binary not taken", { FROM, .flags = ENVELOPE_BINARY }, false,
		OFFER("250-CHUNKING\\250-8BITMIME") "221 bye|",
		UNFIT("5.6.3") },
	{ "binary without chunks", { FROM, .flags = ENVELOPE_BINARY }, false,
		OFFER("250-BINARYMIME") "221 bye|", UNFIT("5.6.3") },
	/* RFC 2852 4.1.4 */
	{ "by", { FROM, .has_by = true, .by_s = 60,
		.by_mode = ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE }, false,
		OFFER("250-DELIVERBY") GOOD, MAIL(" BY=60;RT") REST },
	{ "late already", { FROM, .has_by = true, .by_s = -6 }, false,
		OFFER("250-DELIVERBY") GOOD, MAIL(" BY=-6;N") REST },
	{ "return, and nobody who does", { FROM, .has_by = true, .by_s = 60,
		.by_mode = ENVELOPE_BY_RETURN }, false,
		OFFER("250-DSN") "221 bye|", UNFIT("5.3.3") },
	{ "not so soon", { FROM, .has_by = true, .by_s = 60,
		.by_mode = ENVELOPE_BY_RETURN }, false,
		OFFER("250-DELIVERBY 61") "221 bye|", UNFIT("5.3.3") },
	{ "return, and no time", { FROM, .has_by = true, .by_s = 0,
		.by_mode = ENVELOPE_BY_RETURN }, false,
		OFFER("250-DELIVERBY") "221 bye|", UNFIT("5.4.7") },
	{ "just so soon", { FROM, .has_by = true, .by_s = 60,
		.by_mode = ENVELOPE_BY_RETURN }, false,
		OFFER("250-DELIVERBY 60") GOOD, MAIL(" BY=60;R") REST },
	{ "tell, and nobody who does", { FROM, .has_by = true, .by_s = 60 },
		false, OFFER("250-DSN") GOOD, MAIL("") "RCPT TO:<a@x> "
		"NOTIFY=FAILURE,DELAY|DATA|<content>|r0=done,250,2.0.0|<sent>|"
		BYE },
	{ "and never", { FROM, .has_by = true, .by_s = 60, .rcpts = never },
		false, OFFER("250-DSN") GOOD, MAIL("") "RCPT TO:<a@x> "
		"NOTIFY=NEVER|DATA|<content>|r0=done,250,2.0.0|<sent>|" BYE },
	/* RFC 8689 4.2.1, in plain */
	{ "requires TLS", { FROM, .flags = ENVELOPE_REQUIRETLS }, false,
		OFFER("250-REQUIRETLS") "221 bye|", UNFIT("5.7.10") },
	{ "a bounce goes all the same", { .flags = ENVELOPE_REQUIRETLS },
		false, OFFER("250-REQUIRETLS") GOOD, "EHLO me|MAIL FROM:<>|"
		REST },
};

static void
play(const struct smtp_client_settings *set,
    const struct smtp_client_message *m, bool is_verified, const char *server,
    size_t cut, struct rig *r)
{
	*r = (struct rig){ .server = server, .cut = cut, .nrcpts = 1,
		.mails = 1, .is_verified = is_verified, .like = m };
	run(r, set);
}

static void
test_rows(void **state UNUSED)
{
	static struct rig r;
	struct smtp_client_settings set = plain_settings();

	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut < 4; cut++) {
			play(&set, &rows[i].m, false, rows[i].server, cut, &r);
			CHECK_STR(r.trace, rows[i].trace, "%s, cut %zu",
			    rows[i].name, cut);
		}
}

/* RFC 8689 4.2.1, over TLS: name, certificate and promise are all needed. */
static void
test_requiretls(void **state UNUSED)
{
	static const struct {
		bool		 is_verified, is_name_secure, is_offered;
		const char	*status;
	} tries[] = {
		{ true, true, true, NULL },
		{ false, true, true, "5.7.10" },
		{ true, false, true, "5.7.10" },
		{ true, true, false, "5.7.30" },
	};
	static const struct smtp_client_message m = { FROM,
		.flags = ENVELOPE_REQUIRETLS };
	/* Section 5: a bounce goes all the same, section 2: so said or not. */
	static const struct smtp_client_message bounce = {
		.flags = ENVELOPE_REQUIRETLS };
	static struct rig r;

	for (size_t i = 0; i < COUNT(tries); i++) {
		struct smtp_client_settings set = plain_settings();
		char want[64];

		set.is_name_secure = tries[i].is_name_secure;
		play(&set, &m, tries[i].is_verified, tries[i].is_offered ?
		    "220 hi|250-x\\250 STARTTLS|220 go|250-x\\250 REQUIRETLS|" GOOD :
		    "220 hi|250-x\\250 STARTTLS|220 go|250 x|221 bye|", 0, &r);
		(void)snprintf(want, sizeof want, "unfit=failed,0,%s|",
		    tries[i].status == NULL ? "" : tries[i].status);
		CHECK_NUM(strstr(r.trace, want) == NULL,
		    tries[i].status == NULL, "%zu: %s", i, r.trace);
		CHECK_NUM(strstr(r.trace, "MAIL FROM:<s@y> REQUIRETLS|") != NULL,
		    tries[i].status == NULL, "%zu: %s", i, r.trace);
		play(&set, &bounce, tries[i].is_verified, tries[i].is_offered ?
		    "220 hi|250-x\\250 STARTTLS|220 go|250-x\\250 REQUIRETLS|" GOOD :
		    "220 hi|250-x\\250 STARTTLS|220 go|250 x|" GOOD, 0, &r);
		CHECK(strstr(r.trace, tries[i].status == NULL ?
		    "MAIL FROM:<> REQUIRETLS|" : "MAIL FROM:<>|") != NULL,
		    "%zu: %s", i, r.trace);
	}
}

/* RFC 4954 section 5: to a server that we have logged in to. */
static void
test_auth(void **state UNUSED)
{
	const struct smtp_client_message m = { FROM, .auth = SPAN("u@z") };
	struct smtp_client_settings set = plain_settings();
	static struct rig r;

	set.tls = SMTP_CLIENT_TLS_IMPLICIT;
	set.user = SPAN("u");
	set.password = SPAN("p");
	play(&set, &m, true, OFFER("250-AUTH PLAIN") "235 ok|" GOOD, 0, &r);
	CHECK(strstr(r.trace, "MAIL FROM:<s@y> AUTH=u@z|") != NULL, "%s",
	    r.trace);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_rows, "SMTP-14"),
		TEST(test_requiretls, "TLS-10"),
		TEST(test_auth, ""),
	};

	return RUN_TESTS(tests);
}
