/*
 * lookup_token.c - the lookup program: tokens, checked in its sandbox.
 */
#include "lookup_stage.h"
#include "jwt_make.h"

#define OAUTH	"oauth issuer https://id audience smtp keys /keys.json\n"
#define CLAIMS	"{\"iss\":\"https://id\",\"aud\":\"smtp\",\"exp\":%lld," \
	"\"email\":\"%s\"}"

enum kind { KEY_RSA, KEY_EC, KEY_ED, OTHER, KINDS };
static EVP_PKEY *keys[KINDS];
static const char *const headers[KINDS] = { "{\"alg\":\"RS256\"}",
	"{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}", "{\"alg\":\"ES256\"}" };

static int
set_up(void **state)
{
	(void)state;
	keys[KEY_RSA] = EVP_RSA_gen(2048);
	keys[KEY_EC] = EVP_EC_gen("P-256");
	keys[KEY_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	keys[OTHER] = EVP_EC_gen("P-256");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

static void
write_keys(const struct stage *s, size_t n)
{
	struct buf text = buf_make(65536);

	assert_int_equal(buf_addf(&text, "{\"keys\":["), ERR_OK);
	for (size_t i = 0; i < n; i++) {
		add_jwk(&text, keys[i], "", "");
		assert_int_equal(buf_add(&text, i + 1 < n ? SPAN(",") :
		    SPAN("]}")), ERR_OK);
	}
	assert_int_equal(buf_addc(&text, '\0'), ERR_OK);
	write_named(s, "keys.json", (const char *)text.p);
	buf_free(&text);
}

static struct lookup_auth_answer
ask_token(struct stage *s, const char *said, struct span token,
    unsigned int client)
{
	uint8_t octets[4] = { 192, 0, (uint8_t)(client >> 8),
		(uint8_t)client };
	struct login_token q = { ++s->tag, span_str(said), token,
		span_of(octets, 4) };
	struct lookup_auth_answer a;

	send_msg(s->receiver, &ipc_login_token, &q, -1);
	expect(s, &ipc_lookup_auth_answer, &a);
	CHECK_NUM(a.tag, s->tag, "%s", said);
	return a;
}

static uint8_t
try_token(struct stage *s, const char *said, enum kind kind,
    const char *named, long long ends, unsigned int client)
{
	char claims[512];
	struct buf token;
	uint8_t result;

	(void)snprintf(claims, sizeof claims, CLAIMS, (long long)time(NULL) +
	    ends, named);
	token = make_token(keys[kind], headers[kind], claims);
	result = ask_token(s, said, buf_span(&token), client).result;
	buf_free(&token);
	return result;
}

/* The name of the file is fixed by the configuration: it must be absolute. */
static void
begin(struct stage *s, char *oauth, size_t room, size_t nkeys)
{
	static const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };

	(void)snprintf(oauth, room, "%s", OAUTH);
	stage_begin_with(s, "anna:*\nbob:*\n", oauth);
	write_keys(s, nkeys);
	/* The next look at the files brings them. */
	for (unsigned int i = 0; i < PATIENCE_MS / 50 &&
	    (s->can & LOOKUP_CAN_TOKEN) == 0; i++) {
		(void)try_token(s, "anna", OTHER, "anna@example.org", 100,
		    40000);
		(void)nanosleep(&moment, NULL);
	}
	CHECK(s->can & LOOKUP_CAN_TOKEN, "keys are there");
}

static const struct {
	const char	*name, *said;
	enum kind	 kind;
	const char	*named;
	int		 ends;
	uint8_t		 result;
} rows[] = {
	{ "RS256", "anna", KEY_RSA, "anna@example.org", 100, LOOKUP_AUTH_OK },
	{ "ES256", "anna@example.org", KEY_EC, "anna@example.org", 100,
		LOOKUP_AUTH_OK },
	{ "EdDSA", "", KEY_ED, "anna@example.org", 100, LOOKUP_AUTH_OK },
	{ "case", "ANNA", KEY_ED, "Anna@Example.org", 100, LOOKUP_AUTH_OK },
	{ "a name alone", "anna", KEY_ED, "anna", 100, LOOKUP_AUTH_OK },
	{ "for another", "bob", KEY_ED, "anna@example.org", 100,
		LOOKUP_AUTH_BAD },
	{ "of nobody here", "", KEY_ED, "eve@example.org", 100,
		LOOKUP_AUTH_BAD },
	{ "of another domain", "", KEY_ED, "anna@example.com", 100,
		LOOKUP_AUTH_BAD },
	{ "a subaddress", "", KEY_ED, "anna+x@example.org", 100,
		LOOKUP_AUTH_BAD },
	{ "over", "anna", KEY_ED, "anna@example.org", -100, LOOKUP_AUTH_BAD },
	{ "another's key", "anna", OTHER, "anna@example.org", 100,
		LOOKUP_AUTH_BAD },
};

static void
test_tokens(void **state)
{
	char oauth[256];
	struct stage s;

	(void)state;
	begin(&s, oauth, sizeof oauth, 3);
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_NUM(try_token(&s, rows[i].said, rows[i].kind,
		    rows[i].named, rows[i].ends, (unsigned int)i),
		    rows[i].result, "%s", rows[i].name);
	CHECK_NUM(ask_token(&s, "anna", SPAN("nonsense"), 100).result,
	    LOOKUP_AUTH_BAD, "nonsense");
	CHECK_NUM(ask_token(&s, "anna", SPAN(""), 101).result,
	    LOOKUP_AUTH_BAD, "nothing");
	stage_end(&s);
}

/* A new set is there within moments; what is none changes nothing. */
static void
test_keys_change(void **state)
{
	static const struct timespec look = { .tv_sec = 2,
		.tv_nsec = 500 * 1000 * 1000 };
	char oauth[256], path[128];
	struct stage s;

	(void)state;
	begin(&s, oauth, sizeof oauth, 1);
	CHECK_NUM(try_token(&s, "anna", KEY_ED, "anna", 100, 1),
	    LOOKUP_AUTH_BAD, "not in the set");
	write_named(&s, "keys.json", "{\"keys\":[]}");
	(void)nanosleep(&look, NULL);
	CHECK_NUM(try_token(&s, "anna", KEY_RSA, "anna", 100, 2),
	    LOOKUP_AUTH_OK, "an empty set changes nothing");
	write_keys(&s, 3);
	(void)nanosleep(&look, NULL);
	CHECK_NUM(try_token(&s, "anna", KEY_ED, "anna", 100, 3),
	    LOOKUP_AUTH_OK, "in the new set");
	(void)snprintf(path, sizeof path, "%s/keys.json", s.folder);
	assert_int_equal(unlink(path), 0);
	(void)nanosleep(&look, NULL);
	CHECK_NUM(try_token(&s, "anna", KEY_ED, "anna", 100, 4),
	    LOOKUP_AUTH_TEMPFAIL, "no file, no word");
	CHECK_NUM(s.can & LOOKUP_CAN_TOKEN, 0, "offered no more");
	stage_end(&s);
}

static void
test_limits(void **state)
{
	uint8_t last = LOOKUP_AUTH_BAD;
	char oauth[256];
	struct stage s;

	(void)state;
	begin(&s, oauth, sizeof oauth, 3);
	for (unsigned int i = 0; i < 10; i++)
		last = try_token(&s, "bob", OTHER, "bob", 100, 300 + 256 * i);
	CHECK_NUM(last, LOOKUP_AUTH_BAD, "the tenth");
	CHECK_NUM(try_token(&s, "bob", OTHER, "bob", 100, 10000),
	    LOOKUP_AUTH_LIMITED, "past it");
	for (unsigned int i = 0; i < 12; i++)
		last = ask_token(&s, "", SPAN("x"), 50000).result;
	CHECK_NUM(last, LOOKUP_AUTH_LIMITED, "of one address, named or not");
	CHECK_NUM(try_token(&s, "", KEY_ED, "anna", 100, 20000),
	    LOOKUP_AUTH_OK, "others are not touched");
	stage_end(&s);
}

static const struct CMUnitTest tests[] = {
	TEST(test_tokens, "AUTH-2 AUTH-3"),
	TEST(test_keys_change, "AUTH-2"),
	TEST(test_limits, "AUTH-5"),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
