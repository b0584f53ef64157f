/*
 * arena.h - memory of one transaction, given back all at once.
 *
 * Allocations are 16-octet aligned and live until arena_reset().  Blocks are
 * kept over a reset up to `keep` octets, so that a warmed-up session asks the
 * system for nothing.  They grow with what is held: many allocations are few
 * blocks, and no more than an eighth is asked for in vain.  The sum is capped from
 * birth: beyond it ERR_FULL.
 * Under ASan what was reset is poisoned until it is given out again (MEM-1).
 */
#ifndef POSTHORSE_BASE_ARENA_H
#define POSTHORSE_BASE_ARENA_H

#include "base/span.h"

struct arena_block;
struct arena {
	struct arena_block	*blocks;	/* newest first */
	size_t			 used;		/* octets given out */
	size_t			 held;		/* octets asked of the system */
	size_t			 limit;
	size_t			 keep;
};

struct arena arena_make(size_t limit, size_t keep);
void arena_free(struct arena *a);
void arena_reset(struct arena *a);
/* Not zeroed.  ERR_FULL or ERR_NOMEM. */
MUST_USE enum err arena_get(struct arena *a, size_t n, void **p);
/* A copy of s that lives as long as the arena. */
MUST_USE enum err arena_copy(struct arena *a, struct span s, struct span *copy);

#endif
