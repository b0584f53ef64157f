/* AUTH exchanges: a user, or nothing (AUTH-7). */
#include "proto/sasl.h"

#include "base/base64.h"

#include "check.h"

#define W(s)	{ (const uint8_t *)s, sizeof(s) - 1 }
static const struct {
	const char	*text;
	struct span	 octets;
	bool		 is_good;
} codes[] = {
	/* RFC 4648 section 10 */
	{ "", W(""), true }, { "Zg==", W("f"), true },
	{ "Zm8=", W("fo"), true }, { "Zm9v", W("foo"), true },
	{ "Zm9vYg==", W("foob"), true }, { "Zm9vYmE=", W("fooba"), true },
	{ "Zm9vYmFy", W("foobar"), true }, { "/+8A", W("\xff\xef\0"), true },
	{ "Z", W(""), false }, { "Zg", W(""), false }, { "Zg=", W(""), false },
	{ "Zh==", W(""), false }, { "Zm9=", W(""), false },
	{ "Z===", W(""), false }, { "====", W(""), false },
	{ "Zg==Zg==", W(""), false }, { "Zm 9", W(""), false },
	{ "Zm9v\n", W(""), false }, { "Zm-v", W(""), false },
	{ "Zm9v====", W(""), false }, { "=m9v", W(""), false },
};

static void
test_base64(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(codes); i++) {
		struct buf to = buf_make(64), back = buf_make(64);
		enum err e = base64_decode(span_str(codes[i].text), &to);

		CHECK_NUM(e == ERR_OK, codes[i].is_good, "%s", codes[i].text);
		if (e == ERR_OK) {
			CHECK(span_eq(buf_span(&to), codes[i].octets), "%s",
			    codes[i].text);
			assert_true(base64_encode(codes[i].octets, &back) ==
			    ERR_OK);
			CHECK(span_eq(buf_span(&back),
			    span_str(codes[i].text)), "%s", codes[i].text);
		}
		buf_free(&to);
		buf_free(&back);
	}
}

static const struct {
	const char	*name, *mechanism;
	const char	*lines[3];	/* the first: initial response, or NULL */
	enum sasl_step	 end;
	const char	*user, *password;
} cases[] = {
	{ "plain", "PLAIN", { "AHVzZXIAcGFzcw==" }, SASL_ASK, "user", "pass" },
	{ "plain later", "plain", { NULL, "AHVzZXIAcGFzcw==" }, SASL_ASK,
		"user", "pass" },
	{ "plain as oneself", "PLAIN", { "dXNlcgB1c2VyAHBhc3M=" }, SASL_ASK,
		"user", "pass" },
	{ "plain as another", "PLAIN", { "cm9vdAB1c2VyAHBhc3M=" },
		SASL_REFUSED, NULL, NULL },
	{ "plain with one NUL", "PLAIN", { "dXNlcgBwYXNz" }, SASL_BAD, NULL,
		NULL },
	{ "plain with three", "PLAIN", { "AHVzZXIAcGEAcw==" }, SASL_BAD, NULL,
		NULL },
	{ "plain, no user", "PLAIN", { "AABwYXNz" }, SASL_BAD, NULL, NULL },
	{ "plain, no password", "PLAIN", { "AHVzZXIA" }, SASL_BAD, NULL, NULL },
	{ "empty initial", "PLAIN", { "=" }, SASL_BAD, NULL, NULL },
	{ "no base64", "PLAIN", { "AHVz*XIA" }, SASL_BAD, NULL, NULL },
	{ "cancelled", "PLAIN", { NULL, "*" }, SASL_CANCELLED, NULL, NULL },
	{ "login", "LOGIN", { NULL, "dXNlcg==", "cGFzcw==" }, SASL_ASK, "user",
		"pass" },
	{ "login, initial", "login", { "dXNlcg==", "cGFzcw==" }, SASL_ASK,
		"user", "pass" },
	{ "login, no base64", "LOGIN", { NULL, "user" "!", "x" }, SASL_BAD,
		NULL, NULL },
	{ "login, cancelled late", "LOGIN", { NULL, "dXNlcg==", "*" },
		SASL_CANCELLED, NULL, NULL },
	{ "login, empty password", "LOGIN", { NULL, "dXNlcg==", "" }, SASL_BAD,
		NULL, NULL },
	{ "login with NUL", "LOGIN", { NULL, "dQBy", "cGFzcw==" }, SASL_BAD,
		NULL, NULL },
};

static void
test_exchanges(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sasl s;
		enum sasl_step step = SASL_CHALLENGE;

		assert_true(sasl_begin(&s, span_str(cases[i].mechanism),
		    SASL_PASSWORDS) == ERR_OK);
		for (size_t k = 0; k < 3 && step == SASL_CHALLENGE; k++) {
			const char *line = cases[i].lines[k];

			step = sasl_feed(&s, line != NULL,
			    line != NULL ? span_str(line) : SPAN(""));
		}
		CHECK_NUM(step, cases[i].end, "%s", cases[i].name);
		if (step == SASL_ASK)
			CHECK(span_eq(s.user, span_str(cases[i].user)) &&
			    span_eq(s.password, span_str(cases[i].password)),
			    "%s", cases[i].name);
		sasl_end(&s);
		CHECK(s.user.n == 0 && s.octets.p == NULL, "%s", cases[i].name);
	}
}

static void
test_other_mechanisms(void **state UNUSED)
{
	static const char *const names[] = { "", "PLAI", "PLAINX", "NTLM",
		"GSSAPI", "DIGEST-MD5", "CRAM-MD5", "SCRAM-SHA-256",
		"SCRAM-SHA-1", "ANONYMOUS", "EXTERNAL", "OAUTHBEARER",
		"XOAUTH2", "OAUTH10A" };
	struct sasl s;

	for (size_t i = 0; i < COUNT(names); i++)
		CHECK(sasl_begin(&s, span_str(names[i]), SASL_PASSWORDS) ==
		    ERR_NONE, "%s", names[i]);
	CHECK(sasl_begin(&s, SPAN("PLAIN"), SASL_BIT(SASL_LOGIN)) == ERR_NONE,
	    "not offered");
}

/* RFC 7677 3, in the base64 of RFC 4954. */
#define FIRST	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define OURS	"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define FINAL	"c=biws,r=rOprNGfwEbeRWgbNEkqO" OURS \
	",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNED	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static enum sasl_step
say(struct sasl *s, const char *text)
{
	struct buf line = buf_make(1024);
	enum sasl_step step;

	assert_int_equal(base64_encode(span_str(text), &line), ERR_OK);
	step = sasl_feed(s, true, buf_span(&line));
	buf_free(&line);
	return step;
}

static void
check_challenge(const struct sasl *s, const char *text)
{
	struct buf line = buf_make(1024);

	assert_int_equal(base64_decode(sasl_challenge(s), &line), ERR_OK);
	CHECK(span_eq(buf_span(&line), span_str(text)), "%.*s",
	    SPAN_FMT(buf_span(&line)));
	buf_free(&line);
}

/* Where the exchange is left: at each step nobody is left behind. */
static const struct {
	const char	*name, *first, *final, *last;
	uint32_t	 offered;
	enum sasl_step	 end;
} scrams[] = {
	{ "whole", FIRST, FINAL, "", SASL_BIT(SASL_SCRAM), SASL_DONE },
	{ "talked down", "y,,n=user,r=x", NULL, NULL, SASL_BIT(SASL_SCRAM) |
		SASL_BIT(SASL_SCRAM_PLUS), SASL_DENIED },
	{ "for another", "n,a=root,n=user,r=x", NULL, NULL,
		SASL_BIT(SASL_SCRAM), SASL_REFUSED },
	{ "no such message", "hello", NULL, NULL, SASL_BIT(SASL_SCRAM),
		SASL_BAD },
	{ "another nonce", FIRST, "c=biws,r=x,p=AAAA", NULL,
		SASL_BIT(SASL_SCRAM), SASL_DENIED },
	{ "no proof", FIRST, "c=biws,r=x", NULL, SASL_BIT(SASL_SCRAM),
		SASL_BAD },
	{ "more behind", FIRST, FINAL, "x", SASL_BIT(SASL_SCRAM), SASL_BAD },
};

static void
test_scram(void **state UNUSED)
{
	static const uint8_t salt[16], signature[] = {
		0xea, 0xba, 0xe2, 0x4d, 0x10, 0x62, 0xdb, 0x75, 0xa9, 0x45,
		0x1f, 0xf0, 0xb6, 0xea, 0x7e, 0x98, 0xc8, 0x54, 0x65, 0x49,
		0xff, 0x74, 0x1e, 0x67, 0x2d, 0x32, 0x51, 0xb2, 0x39, 0x7d,
		0xe4, 0x6e };

	for (size_t i = 0; i < COUNT(scrams); i++) {
		enum sasl_step step;
		struct sasl s;

		assert_int_equal(sasl_begin(&s, SPAN("scram-sha-256"),
		    scrams[i].offered), ERR_OK);
		step = say(&s, scrams[i].first);
		if (step == SASL_ASK && s.question == SASL_ASK_SALT) {
			CHECK(span_eq(s.user, SPAN("user")), "user");
			step = sasl_salted(&s, SPAN(OURS),
			    span_of(salt, sizeof salt), 4096, SPAN(""));
			CHECK_NUM(step, SASL_CHALLENGE, "salted");
			check_challenge(&s, "r=rOprNGfwEbeRWgbNEkqO" OURS
			    ",s=AAAAAAAAAAAAAAAAAAAAAA==,i=4096");
			step = say(&s, scrams[i].final);
		}
		if (step == SASL_ASK) {
			CHECK_NUM(s.question, SASL_ASK_PROOF, "question");
			step = sasl_proved(&s, SPAN("user@example.org"),
			    span_of(signature, sizeof signature));
			CHECK_NUM(step, SASL_CHALLENGE, "proved");
			check_challenge(&s, SIGNED);
			step = say(&s, scrams[i].last);
		}
		CHECK_NUM(step, scrams[i].end, "%s", scrams[i].name);
		if (step == SASL_DONE)
			CHECK(span_eq(s.user, SPAN("user@example.org")),
			    "as it is known here");
		sasl_end(&s);
		CHECK(s.scram.text.p == NULL && s.challenge.p == NULL, "%s",
		    scrams[i].name);
	}
}

#define AUTH	"auth=Bearer to.ke.n"
static const struct {
	const char	*name, *mechanism, *said;	/* \1 ends a pair */
	enum sasl_step	 step;
	const char	*user, *token;
} tokens[] = {
	{ "whole", "OAUTHBEARER", "n,a=user,\1host=a\1port=587\1" AUTH "\1\1",
		SASL_ASK, "user", "to.ke.n" },
	{ "no name", "OAUTHBEARER", "n,,\1" AUTH "\1\1", SASL_ASK, "",
		"to.ke.n" },
	{ "a name's codes", "OAUTHBEARER", "y,a=u=2C=3D,\1" AUTH "\1\1",
		SASL_ASK, "u,=", "to.ke.n" },
	{ "case of a scheme", "oauthbearer", "n,,\1auth=bEARER  x\1\1",
		SASL_ASK, "", "x" },
	{ "bound", "OAUTHBEARER", "p=tls-exporter,,\1" AUTH "\1\1", SASL_BAD,
		NULL, NULL },
	{ "another scheme", "OAUTHBEARER", "n,,\1auth=Basic x\1\1", SASL_BAD,
		NULL, NULL },
	{ "no token", "OAUTHBEARER", "n,,\1auth=Bearer \1\1", SASL_BAD, NULL,
		NULL },
	{ "two words", "OAUTHBEARER", "n,,\1auth=Bearer a b\1\1", SASL_BAD,
		NULL, NULL },
	{ "twice", "OAUTHBEARER", "n,,\1" AUTH "\1" AUTH "\1\1", SASL_BAD,
		NULL, NULL },
	{ "no auth", "OAUTHBEARER", "n,,\1host=a\1\1", SASL_BAD, NULL, NULL },
	{ "no end", "OAUTHBEARER", "n,,\1" AUTH "\1", SASL_BAD, NULL, NULL },
	{ "no end of a pair", "OAUTHBEARER", "n,,\1" AUTH, SASL_BAD, NULL,
		NULL },
	{ "more behind", "OAUTHBEARER", "n,,\1" AUTH "\1\1x", SASL_BAD, NULL,
		NULL },
	{ "no key", "OAUTHBEARER", "n,,\1=x\1" AUTH "\1\1", SASL_BAD, NULL,
		NULL },
	{ "no pair", "OAUTHBEARER", "n,,\1x\1" AUTH "\1\1", SASL_BAD, NULL,
		NULL },
	{ "only the end", "OAUTHBEARER", "\1", SASL_BAD, NULL, NULL },
	{ "nothing", "OAUTHBEARER", "", SASL_BAD, NULL, NULL },
	{ "XOAUTH2", "XOAUTH2", "user=a@b\1" AUTH "\1\1", SASL_ASK, "a@b",
		"to.ke.n" },
	{ "of nobody", "XOAUTH2", "user=\1" AUTH "\1\1", SASL_BAD, NULL,
		NULL },
	{ "no user", "XOAUTH2", AUTH "\1\1", SASL_BAD, NULL, NULL },
	{ "the other's words", "XOAUTH2", "n,a=user,\1" AUTH "\1\1", SASL_BAD,
		NULL, NULL },
};

static void
test_tokens(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(tokens); i++) {
		enum sasl_step step;
		struct sasl s;

		assert_int_equal(sasl_begin(&s, span_str(tokens[i].mechanism),
		    UINT32_MAX), ERR_OK);
		step = say(&s, tokens[i].said);
		CHECK_NUM(step, tokens[i].step, "%s", tokens[i].name);
		if (step == SASL_ASK) {
			CHECK_NUM(s.question, SASL_ASK_TOKEN, "question");
			CHECK(span_eq(s.user, span_str(tokens[i].user)) &&
			    span_eq(s.password, span_str(tokens[i].token)),
			    "%s", tokens[i].name);
		}
		sasl_end(&s);
	}
}

static const struct {
	const char	*line;		/* NULL: none with the command */
	enum sasl_step	 step;
	const char	*user;
} externals[] = {
	{ "=", SASL_ASK, "" }, { "dUBh", SASL_ASK, "u@a" },
	{ NULL, SASL_CHALLENGE, NULL }, { "dQBh", SASL_BAD, NULL },
	{ "*", SASL_CANCELLED, NULL }, { "!", SASL_BAD, NULL },
};

static void
test_external(void **state UNUSED)
{
	char longest[4 * 86 + 1];

	for (size_t i = 0; i < COUNT(externals); i++) {
		const char *line = externals[i].line;
		enum sasl_step step;
		struct sasl s;

		assert_int_equal(sasl_begin(&s, SPAN("external"), UINT32_MAX),
		    ERR_OK);
		step = sasl_feed(&s, line != NULL, line != NULL ?
		    span_str(line) : SPAN(""));
		CHECK_NUM(step, externals[i].step, "row %zu", i);
		if (step == SASL_CHALLENGE)
			step = sasl_feed(&s, true, SPAN(""));
		if (step == SASL_ASK)
			CHECK(s.question == SASL_ASK_IDENTITY && span_eq(s.user,
			    span_str(externals[i].user != NULL ?
			    externals[i].user : "")), "row %zu", i);
		sasl_end(&s);
	}
	/* 252 octets, and 255 of them. */
	memset(longest, 'A' + 1, sizeof longest);
	for (size_t n = 84 * 4; n <= 85 * 4; n += 4) {
		struct sasl s;

		assert_int_equal(sasl_begin(&s, SPAN("EXTERNAL"), UINT32_MAX),
		    ERR_OK);
		CHECK_NUM(sasl_feed(&s, true, span_of(longest, n)),
		    n == 84 * 4 ? SASL_ASK : SASL_BAD, "%zu letters", n);
		sasl_end(&s);
	}
}

/* RFC 7628 3.2.3: an error is said, heard, and only then the end. */
static void
test_token_rejected(void **state UNUSED)
{
	static const char *const lines[] = { "AQ==", "", "QUJD", "*", "!" };
	static const char *const said[][2] = {
		{ "n,,\1" AUTH "\1\1", "{\"status\":\"invalid_token\"}" },
		{ "user=a\1" AUTH "\1\1",
		  "{\"status\":\"401\",\"schemes\":\"bearer\"}" },
	};

	for (size_t i = 0; i < 2 * COUNT(lines); i++) {
		size_t k = i / COUNT(lines);
		enum sasl_step step;
		struct sasl s;

		assert_int_equal(sasl_begin(&s, k == 0 ? SPAN("OAUTHBEARER") :
		    SPAN("XOAUTH2"), UINT32_MAX), ERR_OK);
		assert_int_equal(say(&s, said[k][0]), SASL_ASK);
		assert_int_equal(sasl_rejected(&s), SASL_CHALLENGE);
		check_challenge(&s, said[k][1]);
		step = sasl_feed(&s, true, span_str(lines[i % COUNT(lines)]));
		CHECK(step == SASL_DENIED || step == SASL_CANCELLED ||
		    step == SASL_BAD, "%s", lines[i % COUNT(lines)]);
		CHECK(i % COUNT(lines) > 2 || step == SASL_DENIED, "denied");
		sasl_end(&s);
	}
}

/* Each line may be the last: `*`, or no base64. */
static void
test_scram_aborted(void **state UNUSED)
{
	static const char *const lines[] = { "*", "!!!" };

	for (size_t i = 0; i < 2 * COUNT(lines) * 3; i++) {
		size_t after = i / 2 % 3;
		enum sasl_step step;
		struct sasl s;

		assert_int_equal(sasl_begin(&s, SPAN("SCRAM-SHA-256"),
		    SASL_BIT(SASL_SCRAM)), ERR_OK);
		assert_int_equal(sasl_feed(&s, false, SPAN("")),
		    SASL_CHALLENGE);
		if (after >= 1) {
			assert_int_equal(say(&s, FIRST), SASL_ASK);
			assert_int_equal(sasl_salted(&s, SPAN(OURS),
			    SPAN("salt"), 4096, SPAN("")), SASL_CHALLENGE);
		}
		if (after >= 2) {
			assert_int_equal(say(&s, FINAL), SASL_ASK);
			assert_int_equal(sasl_proved(&s, SPAN("user"),
			    SPAN("signature")), SASL_CHALLENGE);
		}
		step = sasl_feed(&s, true, span_str(lines[i % 2]));
		CHECK(step == SASL_CANCELLED || step == SASL_BAD,
		    "%s after %zu", lines[i % 2], after);
		sasl_end(&s);
	}
}

static const char *
base64_of(const uint8_t *p, size_t n, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t k = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 |
		    (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
		    (i + 2 < n ? p[i + 2] : 0);

		to[k++] = digits[v >> 18];
		to[k++] = digits[v >> 12 & 63];
		to[k++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		to[k++] = i + 2 < n ? digits[v & 63] : '=';
	}
	to[k] = '\0';
	return to;
}

/* One NUL more, at each place: nobody is authenticated by what is before it. */
static void
test_nul_anywhere(void **state UNUSED)
{
	static const uint8_t whole[] = "\0user\0pass";
	const size_t n = sizeof whole - 1;

	for (size_t at = 0; at <= n; at++) {
		uint8_t octets[sizeof whole];
		char line[64];
		struct sasl s;

		memcpy(octets, whole, at);
		octets[at] = 0;
		memcpy(octets + at + 1, whole + at, n - at);
		assert_int_equal(sasl_begin(&s, SPAN("PLAIN"),
		    SASL_PASSWORDS), ERR_OK);
		CHECK(sasl_feed(&s, true, span_str(base64_of(octets, n + 1,
		    line))) != SASL_ASK, "PLAIN at %zu", at);
		sasl_end(&s);
	}
	for (size_t at = 0; at <= 16; at++) {
		char line[17] = "AHVzZXIAcGFzcw==";
		struct sasl s;

		memmove(line + at + (at < 16), line + at, 16 - at);
		line[at] = '\0';
		assert_int_equal(sasl_begin(&s, SPAN("PLAIN"),
		    SASL_PASSWORDS), ERR_OK);
		CHECK(sasl_feed(&s, true, span_of(line, 17)) == SASL_BAD,
		    "in base64 at %zu", at);
		sasl_end(&s);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_base64, "AUTH-7"),
		TEST(test_exchanges, "AUTH-3 AUTH-7"),
		TEST(test_other_mechanisms, "AUTH-2"),
		TEST(test_scram, "AUTH-2 AUTH-3"),
		TEST(test_scram_aborted, "AUTH-7"),
		TEST(test_tokens, "AUTH-2 AUTH-7"),
		TEST(test_external, "AUTH-2 AUTH-3 MEM-4"),
		TEST(test_token_rejected, "AUTH-7"),
		TEST(test_nul_anywhere, "MEM-4"),
	};

	return RUN_TESTS(tests);
}
