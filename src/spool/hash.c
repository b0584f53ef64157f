/*
 * hash.c - XXH3-64, in one place so that it is compiled once.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "spool/record.h"

#include <stdlib.h>

struct spool_hasher {
	XXH3_state_t	*state;
};

uint64_t
spool_hash(uint64_t seed, struct span s)
{
	return XXH3_64bits_withSeed(s.n > 0 ? s.p : (const uint8_t *)"", s.n,
	    seed);
}

struct spool_hasher *
spool_hasher_new(void)
{
	struct spool_hasher *h = calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	h->state = XXH3_createState();
	if (h->state == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

void
spool_hasher_begin(struct spool_hasher *h, uint64_t seed)
{
	(void)XXH3_64bits_reset_withSeed(h->state, seed);
}

void
spool_hasher_add(struct spool_hasher *h, struct span s)
{
	if (s.n > 0)
		(void)XXH3_64bits_update(h->state, s.p, s.n);
}

uint64_t
spool_hasher_end(const struct spool_hasher *h)
{
	return XXH3_64bits_digest(h->state);
}

void
spool_hasher_free(struct spool_hasher *h)
{
	if (h == NULL)
		return;
	(void)XXH3_freeState(h->state);
	free(h);
}
