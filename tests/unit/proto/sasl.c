/* AUTH exchanges: a user and a password, or nothing (AUTH-7). */
#include "proto/sasl.h"

#include "proto/base64.h"

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
	{ "plain", "PLAIN", { "AHVzZXIAcGFzcw==" }, SASL_DONE, "user", "pass" },
	{ "plain later", "plain", { NULL, "AHVzZXIAcGFzcw==" }, SASL_DONE,
		"user", "pass" },
	{ "plain as oneself", "PLAIN", { "dXNlcgB1c2VyAHBhc3M=" }, SASL_DONE,
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
	{ "login", "LOGIN", { NULL, "dXNlcg==", "cGFzcw==" }, SASL_DONE, "user",
		"pass" },
	{ "login, initial", "login", { "dXNlcg==", "cGFzcw==" }, SASL_DONE,
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

		assert_true(sasl_begin(&s, span_str(cases[i].mechanism)) ==
		    ERR_OK);
		for (size_t k = 0; k < 3 && step == SASL_CHALLENGE; k++) {
			const char *line = cases[i].lines[k];

			step = sasl_feed(&s, line != NULL,
			    line != NULL ? span_str(line) : SPAN(""));
		}
		CHECK_NUM(step, cases[i].end, "%s", cases[i].name);
		if (step == SASL_DONE)
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
		"GSSAPI", "DIGEST-MD5", "CRAM-MD5", "SCRAM-SHA-256", "EXTERNAL" };
	struct sasl s;

	for (size_t i = 0; i < COUNT(names); i++)
		CHECK(sasl_begin(&s, span_str(names[i])) == ERR_NONE, "%s",
		    names[i]);
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
		assert_int_equal(sasl_begin(&s, SPAN("PLAIN")), ERR_OK);
		CHECK(sasl_feed(&s, true, span_str(base64_of(octets, n + 1,
		    line))) != SASL_DONE, "PLAIN at %zu", at);
		sasl_end(&s);
	}
	for (size_t at = 0; at <= 16; at++) {
		char line[17] = "AHVzZXIAcGFzcw==";
		struct sasl s;

		memmove(line + at + (at < 16), line + at, 16 - at);
		line[at] = '\0';
		assert_int_equal(sasl_begin(&s, SPAN("PLAIN")), ERR_OK);
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
		TEST(test_nul_anywhere, "MEM-4"),
	};

	return RUN_TESTS(tests);
}
