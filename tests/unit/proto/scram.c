/* SCRAM's messages: the vector of RFC 7677, and all that is none of it. */
#include "proto/scram.h"

#include "base/base64.h"
#include "config/verifier.h"

#include "check.h"

/* RFC 7677 section 3. */
#define FIRST	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define OURS	"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define NONCE	"rOprNGfwEbeRWgbNEkqO" OURS
#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
#define PROOF	"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL	"c=biws,r=" NONCE ",p=" PROOF
#define SIGNED	"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct buf
decoded(const char *text)
{
	struct buf b = buf_make(256);

	assert_int_equal(base64_decode(span_str(text), &b), ERR_OK);
	return b;
}

static void
test_vector(void **state UNUSED)
{
	struct scram s = scram_make();
	struct buf salt = decoded(SALT), ours = decoded(SIGNED);
	uint8_t signature[VERIFIER_KEY];
	struct verifier v;

	assert_int_equal(scram_first(&s, SPAN(FIRST), false, false),
	    SCRAM_GOOD);
	CHECK(span_eq(scram_user(&s), SPAN("user")), "user");
	assert_int_equal(scram_salted(&s, SPAN(OURS), buf_span(&salt), 4096),
	    SCRAM_GOOD);
	CHECK(span_eq(scram_server_first(&s), SPAN("r=" NONCE ",s=" SALT
	    ",i=4096")), "%.*s", SPAN_FMT(scram_server_first(&s)));
	assert_int_equal(scram_final(&s, SPAN(FINAL), SPAN("")), SCRAM_GOOD);
	assert_int_equal(verifier_make(SPAN("pencil"), buf_span(&salt), 4096,
	    &v), ERR_OK);
	assert_int_equal(verifier_check(&v, scram_auth_message(&s), scram_proof(&s).p,
	    signature), ERR_OK);
	assert_memory_equal(signature, ours.p, sizeof signature);
	for (size_t i = 0; i < 8 * VERIFIER_KEY; i++) {
		uint8_t bent[VERIFIER_KEY];

		memcpy(bent, scram_proof(&s).p, sizeof bent);
		bent[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(verifier_check(&v, scram_auth_message(&s), bent,
		    signature) == ERR_DENIED, "bit %zu", i);
	}
	scram_end(&s);
	buf_free(&salt);
	buf_free(&ours);
}

static const struct {
	const char		*name, *message;
	bool			 is_plus, is_offered;
	enum scram_result	 result;
	const char		*user;
	enum scram_binding	 binding;
} firsts[] = {
	{ "plain", FIRST, false, true, SCRAM_GOOD, "user", SCRAM_UNBOUND },
	{ "y, no PLUS", "y,,n=user,r=x", false, false, SCRAM_GOOD, "user",
		SCRAM_UNBOUND },
	{ "y, but PLUS was there", "y,,n=user,r=x", false, true, SCRAM_DENIED,
		NULL, SCRAM_UNBOUND },
	{ "exporter", "p=tls-exporter,,n=user,r=x", true, true, SCRAM_GOOD,
		"user", SCRAM_EXPORTER },
	{ "end point", "p=tls-server-end-point,,n=user,r=x", true, true,
		SCRAM_GOOD, "user", SCRAM_END_POINT },
	{ "another binding", "p=tls-unique,,n=user,r=x", true, true,
		SCRAM_DENIED, NULL, SCRAM_UNBOUND },
	{ "case of a binding", "p=TLS-Exporter,,n=user,r=x", true, true,
		SCRAM_DENIED, NULL, SCRAM_UNBOUND },
	{ "no binding's name", "p=,,n=user,r=x", true, true, SCRAM_SYNTAX,
		NULL, SCRAM_UNBOUND },
	{ "bound without PLUS", "p=tls-exporter,,n=user,r=x", false, true,
		SCRAM_DENIED, NULL, SCRAM_UNBOUND },
	{ "PLUS unbound", "n,,n=user,r=x", true, true, SCRAM_DENIED, NULL,
		SCRAM_UNBOUND },
	{ "PLUS with y", "y,,n=user,r=x", true, true, SCRAM_DENIED, NULL,
		SCRAM_UNBOUND },
	{ "as oneself", "n,a=user,n=user,r=x", false, false, SCRAM_GOOD,
		"user", SCRAM_UNBOUND },
	{ "as oneself, coded", "n,a=u=2Cs,n=u=2Cs,r=x", false, false,
		SCRAM_GOOD, "u,s", SCRAM_UNBOUND },
	{ "as another", "n,a=root,n=user,r=x", false, false, SCRAM_FOREIGN,
		NULL, SCRAM_UNBOUND },
	{ "as nobody", "n,a=,n=user,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "a name's codes", "n,,n=a=2Cb=3Dc,r=x", false, false, SCRAM_GOOD,
		"a,b=c", SCRAM_UNBOUND },
	{ "no such code", "n,,n=a=2cb,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "half a code", "n,,n=a=2,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "no name", "n,,n=,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "no nonce", "n,,n=user,r=", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "a space in it", "n,,n=user,r=a b", false, false, SCRAM_SYNTAX,
		NULL, SCRAM_UNBOUND },
	{ "8 bits in it", "n,,n=user,r=\xc3\xa4", false, false, SCRAM_SYNTAX,
		NULL, SCRAM_UNBOUND },
	{ "an extension", "n,,n=user,r=x,e=1,f=2", false, false, SCRAM_GOOD,
		"user", SCRAM_UNBOUND },
	{ "a must", "n,,m=1,n=user,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "a must behind", "n,,n=user,r=x,m=1", false, false, SCRAM_SYNTAX,
		NULL, SCRAM_UNBOUND },
	{ "a comma behind", "n,,n=user,r=x,", false, false, SCRAM_SYNTAX,
		NULL, SCRAM_UNBOUND },
	{ "no flag", ",,n=user,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "a GSS flag", "F,n,,n=user,r=x", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "nonce first", "n,,r=x,n=user", false, false, SCRAM_SYNTAX, NULL,
		SCRAM_UNBOUND },
	{ "nothing", "", false, false, SCRAM_SYNTAX, NULL, SCRAM_UNBOUND },
};

static void
test_first(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(firsts); i++) {
		struct scram s = scram_make();

		CHECK_NUM(scram_first(&s, span_str(firsts[i].message),
		    firsts[i].is_plus, firsts[i].is_offered), firsts[i].result,
		    "%s", firsts[i].name);
		if (firsts[i].user != NULL) {
			CHECK(span_eq(scram_user(&s), span_str(firsts[i].user)),
			    "%s", firsts[i].name);
			CHECK_NUM(s.binding, firsts[i].binding, "%s",
			    firsts[i].name);
		}
		scram_end(&s);
		CHECK(s.text.p == NULL && s.user.n == 0, "%s", firsts[i].name);
	}
}

/* The name and the nonce at their limits, and one past them. */
static void
test_limits(void **state UNUSED)
{
	for (size_t over = 0; over < 3; over++) {
		struct buf m = buf_make(2048);
		struct scram s = scram_make();

		assert_int_equal(buf_add(&m, SPAN("n,,n=")), ERR_OK);
		for (size_t i = 0; i < SCRAM_USER_MAX + (over == 1); i++)
			assert_int_equal(buf_add(&m, SPAN("=3D")), ERR_OK);
		assert_int_equal(buf_add(&m, SPAN(",r=")), ERR_OK);
		for (size_t i = 0; i < SCRAM_NONCE_MAX + (over == 2); i++)
			assert_int_equal(buf_addc(&m, 'r'), ERR_OK);
		CHECK_NUM(scram_first(&s, buf_span(&m), false, false),
		    over == 0 ? SCRAM_GOOD : SCRAM_SYNTAX, "over %zu", over);
		buf_free(&m);
		scram_end(&s);
	}
}

/* NUL in each place, and a message that ends in each. */
static void
test_nul_and_cut(void **state UNUSED)
{
	for (size_t at = 0; at < strlen(FIRST); at++) {
		char m[] = FIRST;
		struct scram s = scram_make();

		CHECK(at > strlen(FIRST) - 20 || scram_first(&s, span_of(m, at),
		    false, false) == SCRAM_SYNTAX, "cut at %zu", at);
		scram_end(&s);
		m[at] = '\0';
		s = scram_make();
		CHECK(scram_first(&s, span_of(m, sizeof m - 1), false, false)
		    != SCRAM_GOOD, "NUL at %zu", at);
		scram_end(&s);
	}
}

#define EXPORTED	"0123456789abcdef0123456789abcdef"
static const struct {
	const char		*name, *gs2, *message, *channel;
	enum scram_result	 result;
} finals[] = {
	{ "plain", "n,,", FINAL, "", SCRAM_GOOD },
	{ "an extension", "n,,", "c=biws,r=" NONCE ",x=1,p=" PROOF, "",
		SCRAM_GOOD },
	{ "a must", "n,,", "c=biws,r=" NONCE ",m=1,p=" PROOF, "",
		SCRAM_SYNTAX },
	{ "another header", "n,,", "c=eSws,r=" NONCE ",p=" PROOF, "",
		SCRAM_DENIED },
	{ "no base64", "n,,", "c=b!ws,r=" NONCE ",p=" PROOF, "",
		SCRAM_DENIED },
	{ "the client's nonce only", "n,,",
		"c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" PROOF, "", SCRAM_DENIED },
	{ "a longer nonce", "n,,", "c=biws,r=" NONCE "x,p=" PROOF, "",
		SCRAM_DENIED },
	{ "no proof", "n,,", "c=biws,r=" NONCE, "", SCRAM_SYNTAX },
	{ "an empty proof", "n,,", "c=biws,r=" NONCE ",p=", "", SCRAM_SYNTAX },
	{ "a short proof", "n,,", "c=biws,r=" NONCE ",p=YWJj", "",
		SCRAM_SYNTAX },
	{ "a long proof", "n,,", "c=biws,r=" NONCE ",p=YWJj" PROOF, "",
		SCRAM_SYNTAX },
	{ "proof in front", "n,,", "p=" PROOF ",c=biws,r=" NONCE, "",
		SCRAM_SYNTAX },
	{ "nonce in front", "n,,", "r=" NONCE ",c=biws,p=" PROOF, "",
		SCRAM_SYNTAX },
	{ "nothing", "n,,", "", "", SCRAM_SYNTAX },
	/* "p=tls-exporter,," and 32 octets */
	{ "bound", "p=tls-exporter,,", "c=cD10bHMtZXhwb3J0ZXIsLDAxMjM0NTY3ODlh"
		"YmNkZWYwMTIzNDU2Nzg5YWJjZGVm,r=" NONCE ",p=" PROOF, EXPORTED,
		SCRAM_GOOD },
	{ "another channel", "p=tls-exporter,,", "c=cD10bHMtZXhwb3J0ZXIsLDAx"
		"MjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVn,r=" NONCE ",p="
		PROOF, EXPORTED, SCRAM_DENIED },
	{ "no channel said", "p=tls-exporter,,", "c=cD10bHMtZXhwb3J0ZXIsLA==,"
		"r=" NONCE ",p=" PROOF, EXPORTED, SCRAM_DENIED },
	{ "no channel known", "p=tls-exporter,,", "c=cD10bHMtZXhwb3J0ZXIsLA==,"
		"r=" NONCE ",p=" PROOF, "", SCRAM_DENIED },
	{ "said to be unbound", "p=tls-exporter,,", FINAL, EXPORTED,
		SCRAM_DENIED },
};

static void
test_final(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(finals); i++) {
		bool is_plus = finals[i].gs2[0] == 'p';
		struct scram s = scram_make();
		struct buf m = buf_make(256);

		assert_int_equal(buf_addf(&m, "%s%s", finals[i].gs2,
		    &FIRST[3]), ERR_OK);
		assert_int_equal(scram_first(&s, buf_span(&m), is_plus,
		    is_plus), SCRAM_GOOD);
		assert_int_equal(scram_salted(&s, SPAN(OURS), SPAN("salt"),
		    4096), SCRAM_GOOD);
		CHECK_NUM(scram_final(&s, span_str(finals[i].message),
		    span_str(finals[i].channel)), finals[i].result, "%s",
		    finals[i].name);
		buf_free(&m);
		scram_end(&s);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_vector, "AUTH-2 AUTH-4"),
		TEST(test_first, "AUTH-2 AUTH-3"),
		TEST(test_limits, "AUTH-7"),
		TEST(test_nul_and_cut, "MEM-4"),
		TEST(test_final, "AUTH-2 AUTH-7"),
	};

	return RUN_TESTS(tests);
}
