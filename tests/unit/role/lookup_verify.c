#include "role/lookup/verify.h"

#include "check.h"

#include <crypt.h>

/* The cheapest yescrypt: the kind matters here, not the cost. */
static void
make_hash(const char *password, char *hash, size_t room)
{
	static struct crypt_data data;
	const char *made = crypt_rn(password,
	    "$y$j75$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data);

	CHECK(made != NULL && made[0] == '$', "crypt");
	(void)snprintf(hash, room, "%s", made);
}

static struct verify
check(const char *password, const char *hash, bool is_known)
{
	struct verify v = { .is_known = is_known };

	v.password_n = strlen(password);
	memcpy(v.password, password, v.password_n);
	(void)snprintf(v.hash, sizeof v.hash, "%s", hash);
	verify_run(&v);
	return v;
}

static void
test_verify(void **state)
{
	char hash[USERS_HASH_MAX + 1];
	struct verify v;

	(void)state;
	make_hash("secret", hash, sizeof hash);
	CHECK(users_is_hash(span_str(hash)), "%s", hash);
	v = check("secret", hash, true);
	CHECK(v.is_right && !v.has_failed, "the right one");
	for (size_t i = 0; i < sizeof v.password; i++)
		CHECK_NUM(v.password[i], 0, "wiped at %zu", i);
	v = check("secret", hash, false);
	CHECK(!v.is_right, "right, but nobody is known");
	v = check("Secret", hash, true);
	CHECK(!v.is_right && !v.has_failed, "wrong");
	v = check("", hash, true);
	CHECK(!v.is_right, "empty");
	v = check("secret", "*", true);
	CHECK(!v.is_right, "no login");
	v = check("secret", "$y$", true);
	CHECK(!v.is_right && v.has_failed, "broken hash");
	v = check("x", VERIFY_DUMMY, false);
	CHECK(!v.is_right && !v.has_failed, "the dummy is computed");
	hash[strlen(hash) - 1] = '\0';
	v = check("secret", hash, true);
	CHECK(!v.is_right, "a shorter hash");
}

static void
test_same(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	memset(a, 7, sizeof a);
	memset(b, 7, sizeof b);
	CHECK(verify_same(a, b, sizeof a) && verify_same(a, b, 0), "same");
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		CHECK(!verify_same(a, b, sizeof a), "differs at %zu", i);
		b[i] ^= 0x80;
	}
}

static const struct {
	const char *user, *password, *hash;
} triples[] = {
	{ "anna@a.b", "secret", "h" },
	{ "anna@a.b", "secres", "h" },
	{ "anna@a.c", "secret", "h" },
	{ "anna@a.b", "secret", "i" },		/* a changed password */
	{ "anna@a.bs", "ecret", "h" },		/* the same octets in a row */
	{ "anna@a.b", "secreth", "" },
};

static void
test_kept(void **state)
{
	static struct verify_kept k = { .key = { 1, 2, 3, 4 } }, other;
	struct verify_proof p, q;

	(void)state;
	CHECK(verify_prove(&k, span_str(triples[0].user),
	    span_str(triples[0].password), span_str(triples[0].hash), &p),
	    "prove");
	CHECK(!verify_is_kept(&k, &p, 1000), "not yet");
	verify_keep(&k, &p, 1000, VERIFY_KEEP_MS);
	CHECK(verify_is_kept(&k, &p, 1000 + VERIFY_KEEP_MS - 1), "kept");
	other.key[0] = 2;
	memcpy(other.seen, k.seen, sizeof other.seen);
	CHECK(verify_prove(&other, span_str(triples[0].user),
	    span_str(triples[0].password), span_str(triples[0].hash), &q) &&
	    !verify_is_kept(&other, &q, 1000), "by another key");
	CHECK(!verify_is_kept(&k, &p, 1000 + VERIFY_KEEP_MS), "no longer");
	for (size_t i = 1; i < COUNT(triples); i++) {
		CHECK(verify_prove(&k, span_str(triples[i].user),
		    span_str(triples[i].password), span_str(triples[i].hash),
		    &p), "prove");
		CHECK(!verify_is_kept(&k, &p, 1000), "row %zu", i);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_verify, "AUTH-4"),
	TEST(test_same, "AUTH-4"),
	TEST(test_kept, "AUTH-4"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
