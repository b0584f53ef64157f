/*
 * store.h - what greylisting remembers, in an SQLite file.
 *
 * One process owns the file, alone (locking_mode exclusive).  Asked in batches:
 * what store_ask() learned is durable as far as it ever is with store_end(),
 * which does not wait for the disk: a triplet that a crash forgets waits once
 * more.  A file that is none, or damaged, is moved aside (NAME.bad) and a new
 * one begun: it holds nothing that does not come again.
 */
#ifndef POSTHORSE_ROLE_STATE_STORE_H
#define POSTHORSE_ROLE_STATE_STORE_H

#include "policy/greylist.h"

#define STORE_TRIPLETS_MAX	1000000u	/* then nothing new is learned */
#define STORE_SWEEP_MAX		1000u		/* forgotten at a time */

struct store;
struct store_triplet {
	struct span	network;	/* greylist_network() */
	struct span	sender, recipient;
};

/*
 * name: in the working directory, without a slash; a path would have to be
 * walked, and whoever we are may not.  ERR_IO, ERR_NOMEM.
 */
MUST_USE enum err store_open(const char *name, struct store **s);
void store_close(struct store *s);
/* ERR_IO: nothing was learned, and there is no verdict (RLY-7).  ERR_FULL: so,
 * because no more triplets fit. */
MUST_USE enum err store_ask(struct store *s, uint64_t now_ms, uint64_t delay_s,
    const struct store_triplet *t, struct greylist_verdict *v);
/* Of the batch that store_ask() began; no batch: nothing.  ERR_IO: all of it is
 * forgotten. */
MUST_USE enum err store_end(struct store *s);
/* Forget some of what is too old. */
MUST_USE enum err store_sweep(struct store *s, uint64_t now_ms);
/* In plain words, of the last ERR_IO. */
const char *store_why(const struct store *s);

#endif
