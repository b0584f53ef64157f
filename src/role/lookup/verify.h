/*
 * verify.h - is this the password of that hash?  Takes 50 to 300 ms: only in a
 * thread (AUTH-5).
 *
 * An unknown user costs the same work as a known one (AUTH-4): the caller
 * gives the hash of somebody else, or VERIFY_DUMMY, and says that nobody is
 * known; the answer is then no.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_VERIFY_H
#define POSTHORSE_ROLE_LOOKUP_VERIFY_H

#include "base/siphash.h"
#include "config/users.h"

#define VERIFY_PASSWORD_MAX	512u
/* yescrypt at libxcrypt's default cost, as `posthorse user add` makes it. */
#define VERIFY_DUMMY		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"

struct verify {
	char	password[VERIFY_PASSWORD_MAX + 1];
	size_t	password_n;
	char	hash[USERS_HASH_MAX + 1];
	bool	is_known;
	bool	is_right;	/* the answer */
	bool	has_failed;	/* the hash could not be computed: try later */
};
/* Compute; wipes the password. */
void verify_run(struct verify *v);
/* The same octets?  In a time that depends on n only. */
bool verify_same(const void *a, const void *b, size_t n);

/*
 * Passwords that were right within the last VERIFY_KEEP_MS, so that a client
 * with many sessions costs one hash.  Kept as keyed hashes over user, password
 * and stored hash, under a key that never leaves this process: a changed
 * password is forgotten at once.
 */
#define VERIFY_KEEP_MS		60000u
#define VERIFY_KEPT		256u
struct verify_proof {
	uint64_t	sums[2];
};
struct verify_kept {
	struct siphash_key	keys[2];
	struct verify_seen {
		struct verify_proof	proof;
		uint64_t		until_ms;	/* 0: empty */
	} seen[VERIFY_KEPT];
};
/* False: out of memory; then nothing is remembered. */
MUST_USE bool verify_prove(const struct verify_kept *k, struct span user,
    struct span password, struct span hash, struct verify_proof *proof);
bool verify_is_kept(const struct verify_kept *k,
    const struct verify_proof *proof, uint64_t now_ms);
void verify_keep(struct verify_kept *k, const struct verify_proof *proof,
    uint64_t now_ms);

#endif
