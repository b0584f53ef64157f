/*
 * refs.h - from a hash to a small number, the number's owner telling them apart.
 *
 * Open addressing in one array of eight octets a place, at most 4/5 full; the
 * map knows no keys: the caller looks at each candidate with the same hash.
 * O(1) expected when the hash is seeded with something nobody can guess.
 * Growing moves all places at once (a doubling, so O(1) a member over time).
 */
#ifndef POSTHORSE_SCHED_REFS_H
#define POSTHORSE_SCHED_REFS_H

#include "base/base.h"

#define REFS_NONE	UINT32_MAX	/* no such ref; never put in */

struct refs_place {
	uint32_t	ref;		/* REFS_NONE: empty */
	uint32_t	hash;
};
struct refs {
	struct refs_place	*places;
	uint32_t		 mask;		/* places - 1; 0: none yet */
	uint32_t		 used;
	uint64_t		 steps;		/* places looked at, for tests */
};

void refs_free(struct refs *m);
/* ERR_NOMEM or ERR_FULL (2^30 members): nothing changed. */
MUST_USE enum err refs_put(struct refs *m, uint32_t hash, uint32_t ref);
/*
 * Walk the refs that were put under this hash: *at starts at 0 and belongs to
 * the walk; REFS_NONE ends it.  The map must not change in between.
 */
uint32_t refs_next(struct refs *m, uint32_t hash, uint32_t *at);
/* Both must be in the map; false and nothing done when they are not. */
bool refs_remove(struct refs *m, uint32_t hash, uint32_t ref);
bool refs_replace(struct refs *m, uint32_t hash, uint32_t ref, uint32_t by);

/* A good mix of 64 bits for numbers as keys. */
static inline uint32_t
refs_mix(uint64_t key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdu;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(key >> 32);
}

#endif
