/* AUTH with more than two lines (RFC 4954): SCRAM, to its end and left. */
#include "smtp_play.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }
#define HELLO	"EHLO c.example\r\n"
#define MAIL	"MAIL FROM:<s@x>\r\n"

static const struct smtp_policy scram_too = {
	.listener = SMTP_SUBMISSION, .hostname = HOST, .home = HOME,
	.has_tls = true, .message_size = 1000, .recipients = 3,
	.errors_soft = 1000, .errors = 1000, .commands = 1000, .mails = 1000,
	.bad_recipients = 1000, .body_line = 200, .auth_per_session = 3,
	.hops = 5, .hops_own = 2, .mechanisms = SASL_BIT(SASL_SCRAM),
};
/* c: of "n,,"; the proof's first octet decides. */
#define S_FIRST	"biwsbj11c2VyLHI9eA=="
#define S_FINAL	"Yz1iaXdzLHI9eG91cnMscD1BUUVCQVFFQkFRRUJBUUVC" \
	"QVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFPQ=="
#define S_WRONG	"Yz1iaXdzLHI9eG91cnMscD1BQUFBQUFBQUFBQUFBQUFB" \
	"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ=="
/* "p=tls-exporter,," and "channel", or "another". */
#define P_FIRST	"cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPXg="
#define P_FINAL	"Yz1jRDEwYkhNdFpYaHdiM0owWlhJc0xHTm9ZVzV1Wld3" \
	"PSxyPXhvdXJzLHA9QVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRT0="
#define P_OTHER	"Yz1jRDEwYkhNdFpYaHdiM0owWlhJc0xHRnViM1JvWlhJ" \
	"PSxyPXhvdXJzLHA9QVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRT0="
#define Y_FIRST	"eSwsbj11c2VyLHI9eA=="

static const struct {
	const char	*name, *script, *codes;
	bool		 is_bound, is_user;
} scrams[] = {
	{ "whole", "AUTH SCRAM-SHA-256 " S_FIRST "\r\n" S_FINAL "\r\n\r\n" MAIL,
		"220 250 334 334 235 250", false, true },
	{ "later", "AUTH SCRAM-SHA-256\r\n" S_FIRST "\r\n" S_FINAL
		"\r\n\r\n", "220 250 334 334 334 235", false, true },
	{ "wrong", "AUTH SCRAM-SHA-256 " S_FIRST "\r\n" S_WRONG "\r\n" MAIL,
		"220 250 334 535 530", false, false },
	{ "not to the end", "AUTH SCRAM-SHA-256 " S_FIRST "\r\n" S_FINAL
		"\r\n*\r\n" MAIL, "220 250 334 334 501 530", false, false },
	{ "octets at the end", "AUTH SCRAM-SHA-256 " S_FIRST "\r\n" S_FINAL
		"\r\nYQ==\r\n" MAIL, "220 250 334 334 501 530", false, false },
	{ "not offered", "AUTH SCRAM-SHA-256-PLUS " P_FIRST "\r\n" MAIL,
		"220 250 504 530", false, false },
	{ "bound", "AUTH SCRAM-SHA-256-PLUS " P_FIRST "\r\n" P_FINAL
		"\r\n\r\n", "220 250 334 334 235", true, true },
	{ "bound to another", "AUTH SCRAM-SHA-256-PLUS " P_FIRST "\r\n" P_OTHER
		"\r\n" MAIL, "220 250 334 535 530", true, false },
	{ "talked down", "AUTH SCRAM-SHA-256 " Y_FIRST "\r\n" MAIL,
		"220 250 535 530", true, false },
	{ "not talked down", "AUTH SCRAM-SHA-256 " Y_FIRST "\r\n",
		"220 250 334", false, false },
};

static void
test_auth_scram(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(scrams); i++) {
		struct play *p = play_begin(&scram_too, true);
		char got[512];

		p->s.has_binding = scrams[i].is_bound;
		say_lines(p, HELLO);
		CHECK(strstr(p->out, scrams[i].is_bound ?
		    "AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n" :
		    "AUTH PLAIN LOGIN SCRAM-SHA-256\r\n") != NULL, "%s: %s",
		    scrams[i].name, p->out);
		say_lines(p, scrams[i].script);
		CHECK_STR(codes(p, got), scrams[i].codes, "%s",
		    scrams[i].name);
		CHECK_NUM(p->s.user.n > 0, scrams[i].is_user, "%s",
		    scrams[i].name);
		play_end(p);
	}
}

/* "n,," and "auth=Bearer good", "bad"; for XOAUTH2 "user=u". */
#define T_GOOD	"biwsAWF1dGg9QmVhcmVyIGdvb2QBAQ=="
#define T_BAD	"biwsAWF1dGg9QmVhcmVyIGJhZAEB"
#define X_BAD	"dXNlcj11AWF1dGg9QmVhcmVyIGJhZAEB"

static const struct {
	const char	*name, *script, *codes;
	bool		 is_user;
} tokens[] = {
	{ "good", "AUTH OAUTHBEARER " T_GOOD "\r\n" MAIL, "220 250 235 250",
		true },
	{ "later", "AUTH OAUTHBEARER\r\n" T_GOOD "\r\n", "220 250 334 235",
		true },
	{ "bad", "AUTH OAUTHBEARER " T_BAD "\r\nAQ==\r\n" MAIL,
		"220 250 334 535 530", false },
	{ "bad, an empty line", "AUTH XOAUTH2 " X_BAD "\r\n\r\n" MAIL,
		"220 250 334 535 530", false },
	{ "bad, then cancelled", "AUTH OAUTHBEARER " T_BAD "\r\n*\r\n" MAIL,
		"220 250 334 501 530", false },
	{ "bad, then a command", "AUTH OAUTHBEARER " T_BAD "\r\nMAIL FROM:<a@b>"
		"\r\nNOOP\r\n", "220 250 334 501 250", false },
	{ "no such grammar", "AUTH OAUTHBEARER " S_FIRST "\r\n" MAIL,
		"220 250 501 530", false },
};

static void
test_auth_token(void **state UNUSED)
{
	struct smtp_policy policy = scram_too;

	policy.mechanisms = SASL_BIT(SASL_OAUTHBEARER) | SASL_BIT(SASL_XOAUTH2);
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct play *p = play_begin(&policy, true);
		char got[512];

		say_lines(p, HELLO);
		CHECK(strstr(p->out, "AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2\r\n")
		    != NULL, "%s", p->out);
		say_lines(p, tokens[i].script);
		CHECK_STR(codes(p, got), tokens[i].codes, "%s",
		    tokens[i].name);
		CHECK_NUM(p->s.user.n > 0, tokens[i].is_user, "%s",
		    tokens[i].name);
		play_end(p);
	}
}

static const struct {
	const char	*name, *script, *codes;
	bool		 has_identity, is_user;
} externals[] = {
	{ "as itself", "AUTH EXTERNAL =\r\n" MAIL, "220 250 235 250", true,
		true },
	{ "later", "AUTH EXTERNAL\r\n\r\n", "220 250 334 235", true, true },
	{ "as its own name", "AUTH EXTERNAL dXNlcg==\r\n", "220 250 235",
		true, true },
	{ "as another", "AUTH EXTERNAL cm9vdA==\r\n" MAIL, "220 250 535 530",
		true, false },
	{ "of nobody", "AUTH EXTERNAL =\r\n" MAIL, "220 250 504 530", false,
		false },
};

static void
test_auth_external(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(externals); i++) {
		struct play *p = play_begin(&scram_too, true);
		char got[512];

		p->s.has_identity = externals[i].has_identity;
		say_lines(p, HELLO);
		CHECK((strstr(p->out, " EXTERNAL\r\n") != NULL) ==
		    externals[i].has_identity, "%s", p->out);
		say_lines(p, externals[i].script);
		CHECK_STR(codes(p, got), externals[i].codes, "%s",
		    externals[i].name);
		CHECK_NUM(p->s.user.n > 0, externals[i].is_user, "%s",
		    externals[i].name);
		play_end(p);
	}
}

#define LONG_64	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name, *key, *domain, *reply;
} mailboxes[] = {
	{ "good", "anna", "a.org", "250 2.1.5 <anna@a.org>\r\n" },
	{ "at the limit", LONG_64, "a.org",
		"250 2.1.5 <" LONG_64 "@a.org>\r\n" },
	{ "past it", "b" LONG_64, "a.org", NULL },
	{ "far past it", LONG_64 LONG_64 LONG_64 LONG_64, "a.org", NULL },
	{ "a line more", "anna\r\n250", "a.org", NULL },
	{ "a space", "anna x", "a.org", NULL },
	{ "a line more of the domain", "anna", "a.org>\r\n250 <a@b", NULL },
	{ "a domain beyond ASCII", "anna", "\303\244.org", NULL },
};

/* EXPN: what lookup says goes into a reply only if it is an address. */
static void
test_expn_of_a_liar(void **state UNUSED)
{
	struct smtp_policy policy = scram_too;

	policy.administrators = SPAN("user");
	for (size_t i = 0; i < COUNT(mailboxes); i++) {
		struct play *p = play_begin(&policy, true);

		assert_int_equal(buf_add(&p->s.user, SPAN("user")), ERR_OK);
		say_lines(p, HELLO);
		p->holds_answers = true;
		say_lines(p, "EXPN x@a.org\r\n");
		p->nout = 0;
		CHECK_NUM(smtp_server_expn(&p->s, SMTP_ROUTE_LOCAL,
		    span_str(mailboxes[i].domain), span_str(mailboxes[i].key)),
		    mailboxes[i].reply != NULL ? RE_EXPN : RE_BAD_TABLE, "%s",
		    mailboxes[i].name);
		say_lines(p, "NOOP\r\n");
		CHECK(span_starts(span_of(p->out, p->nout),
		    mailboxes[i].reply != NULL ? span_str(mailboxes[i].reply) :
		    SPAN("451 4.3.0 Cannot look that up now\r\n250 2.0.0 OK")),
		    "%s: %s", mailboxes[i].name, p->out);
		play_end(p);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_expn_of_a_liar, "SMTP-10"),
		TEST(test_auth_scram, "AUTH-2 AUTH-7"),
		TEST(test_auth_token, "AUTH-2 AUTH-7"),
		TEST(test_auth_external, "AUTH-2 AUTH-3"),
	};

	return RUN_TESTS(tests);
}
