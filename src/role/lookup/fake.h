/*
 * fake.h - what SCRAM tells who asks for a user that is not there (AUTH-4).
 *
 * A salt that is always the same for one name, and looks like a real one: a
 * keyed hash of it.  The key comes from a verifier of the same file, so that it
 * is secret, and stays when this process is replaced.  Pure.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_FAKE_H
#define POSTHORSE_ROLE_LOOKUP_FAKE_H

#include "config/verifier.h"

/*
 * user: as it is counted, in lower case.  like: a verifier that somebody has;
 * *fake has its iterations, as many octets of salt (32 at most), and keys that
 * nobody can prove.  ERR_NOMEM.
 */
MUST_USE enum err fake_verifier(const struct verifier *like, struct span user,
    struct verifier *fake);

/* The same where no users file has a verifier: from a secret that is given. */
struct fake_key {
	bool	is_there;
	uint8_t	key[VERIFIER_KEY];
};
MUST_USE enum err fake_key_make(struct span secret, struct fake_key *k);
/* One to give to fake_verifier: as `posthorse user` makes them. */
void fake_like(const struct fake_key *k, struct verifier *like);

#endif
