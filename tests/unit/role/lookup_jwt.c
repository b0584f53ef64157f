/*
 * lookup_jwt.c - tokens: the vectors of RFC 7515 A.3 and RFC 8037 A.4, ours, and
 * all that must be none.
 */
#include "jwt_make.h"

#define NOW	1800000000

enum kind {
	RSA_2048, EC_P256, ED25519, RSA_1024, OTHER_EC, KINDS
};
static EVP_PKEY *keys[KINDS];
static struct jwks *set;

static int
set_up(void **state)
{
	struct buf text = buf_make(65536);

	(void)state;
	keys[RSA_2048] = EVP_RSA_gen(2048);
	keys[EC_P256] = EVP_EC_gen("P-256");
	keys[ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	keys[RSA_1024] = EVP_RSA_gen(1024);
	keys[OTHER_EC] = EVP_EC_gen("P-256");
	assert_int_equal(buf_addf(&text, "{\"keys\":["), ERR_OK);
	add_jwk(&text, keys[RSA_2048], "r", "");
	assert_int_equal(buf_addc(&text, ','), ERR_OK);
	add_jwk(&text, keys[EC_P256], "e", ",\"use\":\"sig\"");
	assert_int_equal(buf_addc(&text, ','), ERR_OK);
	add_jwk(&text, keys[ED25519], "d", ",\"alg\":\"EdDSA\"");
	assert_int_equal(buf_addc(&text, ','), ERR_OK);
	add_jwk(&text, keys[RSA_1024], "weak", "");
	assert_int_equal(buf_addc(&text, ','), ERR_OK);
	add_jwk(&text, keys[OTHER_EC], "enc", ",\"use\":\"enc\"");
	assert_int_equal(buf_addf(&text, ",{\"kty\":\"oct\",\"kid\":\"h\","
	    "\"k\":\"c2VjcmV0\"}]}"), ERR_OK);
	assert_int_equal(jwks_parse(buf_span(&text), &set), ERR_OK);
	buf_free(&text);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		EVP_PKEY_free(keys[i]);
	jwks_drop(set);
	return 0;
}

static void
test_set(void **state)
{
	(void)state;
	CHECK_NUM(set->n, 3, "weak, secret and encryption keys are no use");
}

#define CLAIMS	"{\"iss\":\"https://id\",\"aud\":\"smtp\",\"exp\":1800000100," \
	"\"email\":\"anna@example.org\"}"

static const struct {
	const char	*name;
	enum kind	 kind;
	const char	*header;
	enum err	 e;
} signed_by[] = {
	{ "RS256", RSA_2048, "{\"alg\":\"RS256\",\"kid\":\"r\"}", ERR_OK },
	{ "ES256", EC_P256, "{\"alg\":\"ES256\",\"kid\":\"e\"}", ERR_OK },
	{ "EdDSA", ED25519, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", ERR_OK },
	{ "no kid", ED25519, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", ERR_OK },
	{ "another's kid", EC_P256, "{\"alg\":\"ES256\",\"kid\":\"r\"}",
		ERR_DENIED },
	{ "a weak key", RSA_1024, "{\"alg\":\"RS256\",\"kid\":\"weak\"}",
		ERR_DENIED },
	{ "a key for encryption", OTHER_EC,
		"{\"alg\":\"ES256\",\"kid\":\"enc\"}", ERR_DENIED },
	{ "an unknown key", OTHER_EC, "{\"alg\":\"ES256\"}", ERR_DENIED },
	{ "none", RSA_2048, "{\"alg\":\"none\"}", ERR_DENIED },
	{ "None", RSA_2048, "{\"alg\":\"None\"}", ERR_DENIED },
	{ "HS256", RSA_2048, "{\"alg\":\"HS256\",\"kid\":\"h\"}", ERR_DENIED },
	{ "HS256 with a public key", RSA_2048,
		"{\"alg\":\"HS256\",\"kid\":\"r\"}", ERR_DENIED },
	{ "another alg than the key's", RSA_2048,
		"{\"alg\":\"ES256\",\"kid\":\"r\"}", ERR_DENIED },
	{ "PS256", RSA_2048, "{\"alg\":\"PS256\",\"kid\":\"r\"}", ERR_DENIED },
	{ "no alg", RSA_2048, "{\"kid\":\"r\"}", ERR_DENIED },
	{ "alg twice", RSA_2048, "{\"alg\":\"none\",\"alg\":\"RS256\"}",
		ERR_DENIED },
	{ "crit", RSA_2048, "{\"alg\":\"RS256\",\"crit\":[\"b64\"],"
		"\"b64\":false}", ERR_DENIED },
	{ "no JSON", RSA_2048, "RS256", ERR_DENIED },
	{ "more behind it", RSA_2048, "{\"alg\":\"RS256\"}x", ERR_DENIED },
	{ "too deep", RSA_2048, "{\"alg\":\"RS256\",\"x\":[[[[[[[[1]]]]]]]]}",
		ERR_DENIED },
};

static void
test_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(signed_by); i++) {
		struct buf token = make_token(keys[signed_by[i].kind],
		    signed_by[i].header, CLAIMS);
		struct buf payload = buf_make(JWT_MAX);

		CHECK_NUM(jwt_verify(buf_span(&token), set, &payload),
		    signed_by[i].e, "%s", signed_by[i].name);
		if (signed_by[i].e == ERR_OK)
			CHECK(span_eq(buf_span(&payload), SPAN(CLAIMS)), "%s",
			    signed_by[i].name);
		buf_free(&token);
		buf_free(&payload);
	}
}

/* One bit of another: no token, or not signed. */
static void
test_bent(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		static const char *const headers[] = { "{\"alg\":\"RS256\"}",
			"{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}" };
		struct buf token = make_token(keys[k], headers[k], CLAIMS);
		struct buf payload = buf_make(JWT_MAX);

		for (size_t i = 0; i < token.n; i++) {
			token.p[i] ^= 1;
			CHECK(jwt_verify(buf_span(&token), set, &payload) !=
			    ERR_OK, "%s at %zu", headers[k], i);
			token.p[i] ^= 1;
			CHECK(jwt_verify(span_of(token.p, i), set, &payload) !=
			    ERR_OK, "%s cut at %zu", headers[k], i);
		}
		buf_free(&token);
		buf_free(&payload);
	}
}

static const struct {
	const char	*name, *claims;
	const char	*user;		/* NULL: denied */
} claims[] = {
#define BASE	"\"iss\":\"https://id\",\"aud\":\"smtp\",\"exp\":1800000100"
#define WHO	",\"email\":\"anna@example.org\""
	{ "all", "{" BASE WHO "}", "anna@example.org" },
	{ "many audiences", "{\"iss\":\"https://id\",\"aud\":[\"imap\",\"smtp\"],"
		"\"exp\":1800000100" WHO "}", "anna@example.org" },
	{ "another audience", "{\"iss\":\"https://id\",\"aud\":\"imap\","
		"\"exp\":1800000100" WHO "}", NULL },
	{ "no audience", "{\"iss\":\"https://id\",\"exp\":1800000100" WHO "}",
		NULL },
	{ "another issuer", "{\"iss\":\"https://id/\",\"aud\":\"smtp\","
		"\"exp\":1800000100" WHO "}", NULL },
	{ "no issuer", "{\"aud\":\"smtp\",\"exp\":1800000100" WHO "}", NULL },
	{ "just over", "{\"iss\":\"https://id\",\"aud\":\"smtp\","
		"\"exp\":1799999941" WHO "}", "anna@example.org" },
	{ "over", "{\"iss\":\"https://id\",\"aud\":\"smtp\","
		"\"exp\":1799999940" WHO "}", NULL },
	{ "endless", "{\"iss\":\"https://id\",\"aud\":\"smtp\"" WHO "}", NULL },
	{ "an end in words", "{\"iss\":\"https://id\",\"aud\":\"smtp\","
		"\"exp\":\"1800000100\"" WHO "}", NULL },
	{ "an end in parts", "{\"iss\":\"https://id\",\"aud\":\"smtp\","
		"\"exp\":1800000100.5" WHO "}", "anna@example.org" },
	{ "a beginning", "{" BASE WHO ",\"nbf\":1800000060}",
		"anna@example.org" },
	{ "not yet", "{" BASE WHO ",\"nbf\":1800000061}", NULL },
	{ "a beginning in words", "{" BASE WHO ",\"nbf\":\"1\"}", NULL },
	{ "nobody", "{" BASE "}", NULL },
	{ "an empty name", "{" BASE ",\"email\":\"\"}", NULL },
	{ "a number", "{" BASE ",\"email\":17}", NULL },
	{ "a list", "{" BASE ",\"email\":[\"anna@example.org\"]}", NULL },
	{ "NUL in a name", "{" BASE ",\"email\":\"anna\\u0000x\"}", NULL },
	{ "twice", "{" BASE WHO WHO "}", NULL },
	{ "no object", "[1]", NULL }, { "nothing", "", NULL },
};

static void
test_claims(void **state)
{
	const struct jwt_rule rule = { "https://id", "smtp", "email", set };

	(void)state;
	for (size_t i = 0; i < COUNT(claims); i++) {
		struct buf user = buf_make(JWT_USER_MAX);
		enum err e = jwt_claims(span_str(claims[i].claims), &rule, NOW,
		    &user);

		CHECK_NUM(e == ERR_OK, claims[i].user != NULL, "%s",
		    claims[i].name);
		if (e == ERR_OK)
			CHECK(span_eq(buf_span(&user),
			    span_str(claims[i].user)), "%s", claims[i].name);
		buf_free(&user);
	}
}

/* The rule whose key signed it is the one whose issuer it must name. */
static void
test_rules(void **state)
{
	struct buf text = buf_make(4096), user = buf_make(JWT_USER_MAX);
	struct buf token = make_token(keys[OTHER_EC], "{\"alg\":\"ES256\"}",
	    CLAIMS);
	struct jwks *other;

	(void)state;
	assert_int_equal(buf_addf(&text, "{\"keys\":["), ERR_OK);
	add_jwk(&text, keys[OTHER_EC], "", "");
	assert_int_equal(buf_addf(&text, "]}"), ERR_OK);
	assert_int_equal(jwks_parse(buf_span(&text), &other), ERR_OK);

	struct jwt_rule rules[] = {
		{ "https://id", "smtp", "email", set },
		{ "https://other", "smtp", "email", other },
	};

	CHECK_NUM(jwt_user(buf_span(&token), rules, 2, NOW, &user), ERR_DENIED,
	    "signed by one, said to be of the other");
	rules[1].issuer = "https://id";
	CHECK_NUM(jwt_user(buf_span(&token), rules, 2, NOW, &user), ERR_OK,
	    "of the second");
	CHECK_NUM(jwt_user(buf_span(&token), rules, 0, NOW, &user), ERR_DENIED,
	    "of nobody");
	jwks_drop(other);
	buf_free(&text);
	buf_free(&user);
	buf_free(&token);
}

static const struct {
	const char *name, *jwk, *token, *payload;
} vectors[] = {
	{ "RFC 7515 A.3", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
		"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz"
		"ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3"
		"ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ"
		"xfKTUJqPP3-Kg6NU1Q",
		"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com"
		"/is_root\":true}" },
	{ "RFC 8037 A.4", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY"
		"0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhV"
		"sPt9g7sVvpAr_MuM0KAg", "Example of Ed25519 signing" },
};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct buf payload = buf_make(JWT_MAX);
		struct jwks *k;

		assert_int_equal(jwks_parse(span_str(vectors[i].jwk), &k),
		    ERR_OK);
		CHECK_NUM(jwt_verify(span_str(vectors[i].token), k, &payload),
		    ERR_OK, "%s", vectors[i].name);
		CHECK(span_eq(buf_span(&payload),
		    span_str(vectors[i].payload)), "%s", vectors[i].name);
		jwks_drop(k);
		buf_free(&payload);
	}
}

static const struct {
	const char	*text;
	enum err	 e;
} sets[] = {
	{ "", ERR_SYNTAX }, { "[]", ERR_SYNTAX }, { "{}", ERR_SYNTAX },
	{ "{\"keys\":{}}", ERR_SYNTAX }, { "{\"keys\":[]}", ERR_NONE },
	{ "{\"keys\":[1,\"a\",null,[],{}]}", ERR_NONE },
	{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\"}]}",
		ERR_NONE },
	/* Not on the curve. */
	{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}", ERR_NONE },
	{ "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
		ERR_NONE },
	{ "{\"keys\":[[[[[[[[[1]]]]]]]]]}", ERR_SYNTAX },
};

static void
test_sets(void **state)
{
	struct jwks *k = NULL;
	struct buf many = buf_make(65536);

	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++)
		CHECK_NUM(jwks_parse(span_str(sets[i].text), &k), sets[i].e,
		    "%s", sets[i].text);
	assert_int_equal(buf_addf(&many, "{\"keys\":["), ERR_OK);
	for (size_t i = 0; i < JWKS_KEYS_MAX + 8; i++) {
		add_jwk(&many, keys[ED25519], "k", "");
		assert_int_equal(buf_add(&many, i < JWKS_KEYS_MAX + 7 ?
		    SPAN(",") : SPAN("]}")), ERR_OK);
	}
	assert_int_equal(jwks_parse(buf_span(&many), &k), ERR_OK);
	CHECK_NUM(k->n, JWKS_KEYS_MAX, "no more");
	jwks_drop(jwks_hold(k));
	jwks_drop(k);
	buf_free(&many);
}

/* A megabyte of brackets ends at the ninth, not on the stack (MEM-3). */
static void
test_deep(void **state)
{
	static char text[1 << 20];

	(void)state;
	memset(text, '[', sizeof text);
	CHECK(jwks_json(span_of(text, sizeof text)) == NULL, "deep");
}

static void
test_too_long(void **state)
{
	static char token[JWT_MAX + 1];
	struct buf payload = buf_make(JWT_MAX);

	(void)state;
	memset(token, 'A', sizeof token);
	CHECK_NUM(jwt_verify(span_of(token, sizeof token), set, &payload),
	    ERR_SYNTAX, "past the limit");
	token[100] = token[200] = '.';
	CHECK_NUM(jwt_verify(span_of(token, JWT_MAX), set, &payload),
	    ERR_DENIED, "at the limit");
	buf_free(&payload);
}

static const struct CMUnitTest tests[] = {
	TEST(test_set, "AUTH-2"),
	TEST(test_signatures, "AUTH-2"),
	TEST(test_bent, "AUTH-2"),
	TEST(test_claims, "AUTH-2"),
	TEST(test_rules, "AUTH-2"),
	TEST(test_vectors, "AUTH-2"),
	TEST(test_sets, "AUTH-9"),
	TEST(test_deep, "MEM-3"),
	TEST(test_too_long, "AUTH-7"),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
