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

#include "config/users.h"

#define VERIFY_PASSWORD_MAX	511u	/* libxcrypt's */
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
 * that logs in again and again costs one hash.  Kept as HMAC-SHA-256 of user,
 * password and stored hash, under a key that is drawn once a process and never
 * leaves it: what changes in the users file is forgotten at once, and no table
 * of ours can be tried against.  A wrong password is never remembered.  Of two
 * that meet in one place the later one stays.
 */
#define VERIFY_KEEP_MS		300000u
/* Of what a back end has only said yes to: nobody tells us when that changes. */
#define VERIFY_TOLD_MS		60000u
#define VERIFY_KEPT		4096u
struct verify_proof {
	uint8_t	sum[VERIFIER_KEY];
};
struct verify_kept {
	uint8_t	key[VERIFIER_KEY];
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
    uint64_t now_ms, uint64_t for_ms);

#endif
