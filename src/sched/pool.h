/*
 * pool.h - many small structs of one size, named by number.
 *
 * Taken from blocks that never move, so that a pointer stays good until its
 * struct is given back; a number takes half the room of a pointer.  Blocks are
 * kept for the next one.  Zeroed when given out.
 */
#ifndef POSTHORSE_SCHED_POOL_H
#define POSTHORSE_SCHED_POOL_H

#include "base/buf.h"

#define POOL_NONE	UINT32_MAX

struct pool {
	struct buf	blocks;		/* of pointers */
	size_t		size;		/* octets of one, at least 8 */
	uint32_t	made;		/* numbers given out so far */
	uint32_t	used;
	uint32_t	free;		/* first of the given back, or POOL_NONE */
};

struct pool pool_make(size_t size);
void pool_free(struct pool *p);
/* ERR_NOMEM or ERR_FULL (2^28). */
MUST_USE enum err pool_get(struct pool *p, uint32_t *ref);
void pool_put(struct pool *p, uint32_t ref);
/* ref must be in use. */
void *pool_at(const struct pool *p, uint32_t ref);

#endif
