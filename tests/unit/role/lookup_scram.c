/*
 * lookup_scram.c - the lookup program: salts and proofs (AUTH-4, AUTH-5).
 */
#include "lookup_stage.h"
#include "welch.h"

#include "config/verifier.h"

#define MESSAGE	"n=x,r=a,r=ab,s=c2FsdA==,i=4096,c=biws,r=ab"

/* The cheapest hash beside it: SCRAM does not look at it. */
static void
add_user(char *users, size_t room, const char *name, const char *password)
{
	struct buf text = buf_make(VERIFIER_TEXT_MAX);
	size_t n = strlen(users);
	struct verifier v;
	char salt[16];

	(void)snprintf(salt, sizeof salt, "%-15s", name);
	assert_int_equal(verifier_make(span_str(password), span_of(salt,
	    sizeof salt), 4096, &v), ERR_OK);
	assert_int_equal(verifier_print(&v, &text), ERR_OK);
	(void)snprintf(users + n, room - n, "%s:$6$abc$def:%.*s\n", name,
	    SPAN_FMT(buf_span(&text)));
	buf_free(&text);
}

struct salt {
	uint8_t		octets[64];
	size_t		n;
	uint32_t	iterations;
	bool		is_known;
};

static struct salt
ask_salt(struct stage *s, const char *user)
{
	struct login_salt q = { ++s->tag, span_str(user) };
	struct login_salt_answer a;
	struct salt salt = { 0 };

	send_msg(s->receiver, &ipc_login_salt, &q, -1);
	expect(s, &ipc_login_salt_answer, &a);
	CHECK_NUM(a.tag, s->tag, "%s", user);
	salt.n = a.salt.n;
	if (a.salt.n > 0)
		memcpy(salt.octets, a.salt.p, a.salt.n);
	salt.iterations = a.iterations;
	salt.is_known = a.is_known;
	return salt;
}

/* What a client computes (RFC 5802 3). */
static void
make_proof(const char *password, const struct salt *salt,
    uint8_t proof[VERIFIER_KEY])
{
	static const uint8_t zero[VERIFIER_KEY];
	uint8_t client[VERIFIER_KEY], salted[VERIFIER_KEY] = { 0 };
	uint8_t sum[VERIFIER_KEY], again[VERIFIER_KEY];
	struct verifier v;

	/* PBKDF2 by hand: one block is all of it. */
	memcpy(sum, zero, sizeof sum);
	assert_int_equal(verifier_hmac(span_str(password),
	    span_of(salt->octets, salt->n), SPAN("\0\0\0\1"), sum), ERR_OK);
	memcpy(salted, sum, sizeof salted);
	for (uint32_t i = 1; i < salt->iterations; i++) {
		assert_int_equal(verifier_hmac(span_str(password),
		    span_of(sum, sizeof sum), SPAN(""), again), ERR_OK);
		memcpy(sum, again, sizeof sum);
		for (size_t k = 0; k < sizeof sum; k++)
			salted[k] ^= sum[k];
	}
	assert_int_equal(verifier_hmac(span_of(salted, sizeof salted),
	    SPAN("Client Key"), SPAN(""), client), ERR_OK);
	assert_int_equal(verifier_make(span_str(password),
	    span_of(salt->octets, salt->n), salt->iterations, &v), ERR_OK);
	assert_int_equal(verifier_hmac(span_of(v.stored, sizeof v.stored),
	    SPAN(MESSAGE), SPAN(""), proof), ERR_OK);
	for (size_t k = 0; k < sizeof sum; k++)
		proof[k] ^= client[k];
}

static struct lookup_auth_answer
ask_proof(struct stage *s, const char *user, const uint8_t *proof,
    unsigned int client)
{
	uint8_t octets[4] = { 192, 0, (uint8_t)(client >> 8),
		(uint8_t)client };
	struct login_proof q = { ++s->tag, span_str(user), SPAN(MESSAGE),
		span_of(proof, VERIFIER_KEY), span_of(octets, 4) };
	struct lookup_auth_answer a;

	send_msg(s->receiver, &ipc_login_proof, &q, -1);
	expect(s, &ipc_lookup_auth_answer, &a);
	CHECK_NUM(a.tag, s->tag, "%s", user);
	CHECK_NUM(a.signature.n, a.result == LOOKUP_AUTH_OK ? VERIFIER_KEY : 0,
	    "who is proved gets a proof");
	return a;
}

static void
test_proofs(void **state)
{
	static const uint8_t nothing[VERIFIER_KEY];
	uint8_t proof[VERIFIER_KEY];
	char users[2048] = "list:*\n";
	struct salt salt, other;
	struct stage s;
	struct lookup_auth_answer a = { 0 };

	(void)state;
	add_user(users, sizeof users, "anna", "secret");
	add_user(users, sizeof users, "bob", "secret");
	add_user(users, sizeof users, "j\xc3\xb6rg", "secret");
	stage_begin(&s, users);
	salt = ask_salt(&s, "Anna@Example.ORG");
	CHECK_NUM(s.can, LOOKUP_CAN_SCRAM, "offered");
	CHECK(salt.is_known && salt.n == 16 && salt.iterations == 4096, "salt");
	make_proof("secret", &salt, proof);
	for (unsigned int i = 0; i < 20; i++) {
		a = ask_proof(&s, i % 2 ? "anna" : "anna@example.org", proof,
		    1);
		CHECK_NUM(a.result, LOOKUP_AUTH_OK, "right");
		CHECK(span_eq(a.user, SPAN("anna@example.org")), "canonical");
	}
	CHECK_NUM(ask_proof(&s, "bob", proof, 2).result, LOOKUP_AUTH_BAD,
	    "the same password under another salt");
	CHECK_NUM(ask_proof(&s, "list", proof, 3).result, LOOKUP_AUTH_BAD,
	    "no password");
	CHECK_NUM(ask_proof(&s, "anna+x", proof, 4).result, LOOKUP_AUTH_BAD,
	    "no subaddress");
	CHECK_NUM(ask_proof(&s, "anna", nothing, 5).result, LOOKUP_AUTH_BAD,
	    "nothing");
	/* A name beyond ASCII, as the users file has it. */
	other = ask_salt(&s, "j\xc3\xb6rg@example.org");
	make_proof("secret", &other, proof);
	CHECK_NUM(ask_proof(&s, "j\xc3\xb6rg", proof, 7).result,
	    LOOKUP_AUTH_OK, "UTF-8");
	/* Who is not there has salts that look alike and prove nothing. */
	other = ask_salt(&s, "nobody@example.org");
	CHECK(other.is_known && other.n == 16 && other.iterations == 4096,
	    "nobody");
	make_proof("secret", &other, proof);
	CHECK_NUM(ask_proof(&s, "nobody", proof, 6).result, LOOKUP_AUTH_BAD,
	    "nobody");
	for (unsigned int i = 0; i < 10; i++)
		a = ask_proof(&s, "mallory", nothing, 300 + 256 * i);
	CHECK_NUM(a.result, LOOKUP_AUTH_BAD, "the tenth");
	CHECK(a.delay_ms > 0, "is kept waiting");
	CHECK_NUM(ask_proof(&s, "mallory", nothing, 10000).result,
	    LOOKUP_AUTH_LIMITED, "past it");
	stage_end(&s);
}

/* The same name, the same salt, also from another process; names differ. */
static void
test_fake_salts(void **state)
{
	static const char *const names[] = { "nobody", "list@example.org",
		"anna@example.com", "a\xc3\xa4@example.org", "x" };
	struct salt before[COUNT(names)];
	char users[2048] = "list:*\n";

	(void)state;
	add_user(users, sizeof users, "anna", "secret");
	for (unsigned int life = 0; life < 2; life++) {
		struct stage s;

		stage_begin(&s, users);
		for (size_t i = 0; i < COUNT(names); i++) {
			struct salt salt = ask_salt(&s, names[i]);

			CHECK(salt.is_known && salt.n == 16, "%s", names[i]);
			if (life == 1)
				assert_memory_equal(salt.octets,
				    before[i].octets, 16);
			before[i] = salt;
			for (size_t k = 0; k < i; k++)
				CHECK(memcmp(salt.octets, before[k].octets,
				    16) != 0, "%s", names[i]);
			salt = ask_salt(&s, names[i]);
			assert_memory_equal(salt.octets, before[i].octets, 16);
		}
		stage_end(&s);
	}
}

/* For all who have a password, or for nobody: a client asks once. */
static void
test_offered(void **state)
{
	char users[2048] = "";
	struct stage s;

	(void)state;
	add_user(users, sizeof users, "anna", "secret");
	(void)snprintf(users + strlen(users), 64, "old:$6$abc$def\n");
	stage_begin(&s, users);
	(void)ask_salt(&s, "anna");
	CHECK_NUM(s.can, 0, "an old line");
	stage_end(&s);
	stage_begin(&s, "old:$6$abc$def\n");
	CHECK(!ask_salt(&s, "old").is_known, "nobody has one");
	CHECK_NUM(s.can, 0, "old lines only");
	stage_end(&s);
	stage_begin(&s, NULL);
	CHECK(!ask_salt(&s, "anna").is_known, "no table");
	stage_end(&s);
}

/* A proof of another length is no question of ours. */
static void
test_broken_proof(void **state)
{
	struct login_proof q = { 1, SPAN("anna"), SPAN(MESSAGE), SPAN("short"),
		SPAN("1234") };
	struct stage s;

	(void)state;
	stage_begin(&s, "anna:*\n");
	send_msg(s.receiver, &ipc_login_proof, &q, -1);
	while (receive(s.receiver).n > 0)
		continue;
	CHECK_NUM(waitpid(s.pid, NULL, WNOHANG), 0, "still there");
	stage_end(&s);
}

#define KINDS	3u
/* As long as each other: the length is the client's own. */
static const char *const kinds[KINDS] = { "eve1@example.org",
	"anna@example.org", "list@example.org" };

static double
worst_of(struct stage *s, clockid_t clock, unsigned int n, bool is_salt)
{
	static const uint8_t nothing[VERIFIER_KEY];
	static double samples[KINDS][WELCH_SAMPLES];
	struct figures f[KINDS];
	double worst = 0;

	for (unsigned int i = 0; i < n * KINDS; i++) {
		unsigned int k = (i + i / KINDS) % KINDS;
		double before = cpu_ns(clock);

		if (is_salt)
			(void)ask_salt(s, kinds[k]);
		else
			CHECK_NUM(ask_proof(s, kinds[k], nothing, i).result,
			    LOOKUP_AUTH_BAD, "%s", kinds[k]);
		samples[k][i / KINDS] = cpu_ns(clock) - before;
	}
	for (unsigned int k = 0; k < KINDS; k++)
		f[k] = figures_of(samples[k], n);
	for (unsigned int k = 0; k < KINDS; k++)
		worst = MAX(worst, welch_squared(&f[k], &f[(k + 1) % KINDS]));
	return worst;
}

/* In a process of its own: where a name stands in its tables is chance. */
static double
worst_of_new(const char *users, bool is_salt)
{
	clockid_t clock;
	struct stage s;
	double worst;

	stage_begin_with(&s, users, "limit auth-per-account 100000\n"
	    "limit auth-per-minute 100000\nlimit auth-per-day 100000\n");
	assert_int_equal(clock_getcpuclockid(s.pid, &clock), 0);
	worst = worst_of(&s, clock, WELCH_SAMPLES, is_salt);
	stage_end(&s);
	return worst;
}

static void
test_timing(void **state)
{
	char users[2048] = "list:*\n";

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	/* Its allocator's own work is in the time: the release is measured. */
	skip();
#endif
	add_user(users, sizeof users, "anna", "secret");
	for (unsigned int what = 0; what < 2; what++) {
		double worst = WELCH_LIMIT;

		for (unsigned int i = 0; i < 4 && worst >= WELCH_LIMIT; i++)
			worst = worst_of_new(users, what == 0);
		CHECK(worst < WELCH_LIMIT, "%u: t squared is %g", what, worst);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_proofs, "AUTH-4 AUTH-5"),
	TEST(test_fake_salts, "AUTH-4"),
	TEST(test_offered, "AUTH-2"),
	TEST(test_broken_proof, "PRV-4"),
	TEST(test_timing, "AUTH-4"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
