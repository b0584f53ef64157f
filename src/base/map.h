/*
 * map.h - find a thing by its octets; nobody outside can make it slow (PRS-7).
 *
 * uthash under a keyed hash.  A struct that wants to be found carries a
 * struct map_node; its key's octets are borrowed and must stay where they are
 * as long as the node is in the map.  A running-out of memory refuses the one
 * insertion and harms nothing (MEM-5).  Limits are the owner's: ask map_count().
 *
 *	struct site { struct map_node node; struct buf name; ... };
 *	struct map_node *n = map_find(&sites, name);
 *	struct site *site = n == NULL ? NULL : MAP_OWNER(n, struct site, node);
 */
#ifndef POSTHORSE_BASE_MAP_H
#define POSTHORSE_BASE_MAP_H

#include "base/siphash.h"

#define HASH_NONFATAL_OOM	1
#include <uthash.h>

struct map_node {
	UT_hash_handle	hh;
};
struct map {
	struct siphash_key	 key;
	struct map_node		*first;
};
#define MAP_OWNER(node, type, member) \
	((type *)(void *)((char *)(node) - offsetof(type, member)))

struct map map_make(struct siphash_key key);
/* Takes every node out and gives the table back; the nodes are their owners'. */
void map_free(struct map *m);
/* The key is not in the map yet (ASSERT).  ERR_NOMEM: nothing happened. */
MUST_USE enum err map_add(struct map *m, struct span key,
    struct map_node *node);
struct map_node *map_find(const struct map *m, struct span key);
/* The node is in the map. */
void map_remove(struct map *m, struct map_node *node);
size_t map_count(const struct map *m);
struct span map_key(const struct map_node *node);
/*
 * Oldest first; NULL: no more.  A walk that removes asks for the next one
 * before it removes.
 */
struct map_node *map_first(const struct map *m);
struct map_node *map_next(const struct map_node *node);

#endif
