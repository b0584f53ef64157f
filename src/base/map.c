/*
 * map.c - uthash with hash values of our own making.
 */
#include "base/map.h"

static unsigned int
hash(const struct map *m, struct span key)
{
	return (unsigned int)siphash(&m->key, key);
}

struct map
map_make(struct siphash_key key)
{
	return (struct map){ .key = key };
}

void
map_free(struct map *m)
{
	HASH_CLEAR(hh, m->first);
}

/* uthash compares with memcmp, which wants a place even for no octets. */
static struct span
key_of(struct span key)
{
	static const uint8_t nothing[1];

	return key.p == NULL ? span_of(nothing, 0) : key;
}

enum err
map_add(struct map *m, struct span key, struct map_node *node)
{
	key = key_of(key);
	ASSERT(key.n <= UINT32_MAX);
	ASSERT(map_find(m, key) == NULL);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->first, key.p, (unsigned int)key.n,
	    hash(m, key), node);
	/* uthash's sign of a refused insertion. */
	return node->hh.tbl == NULL ? ERR_NOMEM : ERR_OK;
}

struct map_node *
map_find(const struct map *m, struct span key)
{
	struct map_node *node = NULL;

	key = key_of(key);
	HASH_FIND_BYHASHVALUE(hh, m->first, key.p, key.n, hash(m, key), node);
	return node;
}

void
map_remove(struct map *m, struct map_node *node)
{
	HASH_DELETE(hh, m->first, node);
}

size_t
map_count(const struct map *m)
{
	return HASH_COUNT(m->first);
}

struct span
map_key(const struct map_node *node)
{
	return span_of(node->hh.key, node->hh.keylen);
}

struct map_node *
map_first(const struct map *m)
{
	return m->first;
}

struct map_node *
map_next(const struct map_node *node)
{
	return node->hh.next;
}
