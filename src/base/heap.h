/*
 * heap.h - what is due next, among many.
 *
 * A binary heap of nodes that live inside their owners' structs; a node knows
 * its place, so that taking any one out costs O(log n) too.  Nodes of one due
 * come in no promised order.
 */
#ifndef POSTHORSE_BASE_HEAP_H
#define POSTHORSE_BASE_HEAP_H

#include "base/buf.h"

struct heap_node {
	uint64_t	due;		/* read it freely; heap_move changes it */
	size_t		place;		/* 1.. while in a heap; 0: in none */
};
struct heap {
	struct buf	places;		/* of struct heap_node * */
	uint64_t	steps;		/* nodes moved so far, for tests */
};
#define HEAP_OWNER(node, type, member) \
	((type *)(void *)((char *)(node) - offsetof(type, member)))

/* At most limit nodes. */
struct heap heap_make(size_t limit);
/* The nodes are their owners'; they are in no heap afterwards. */
void heap_free(struct heap *h);
/* The node is in no heap.  ERR_FULL or ERR_NOMEM: nothing happened. */
MUST_USE enum err heap_add(struct heap *h, struct heap_node *node,
    uint64_t due);
/* The node is in this heap. */
void heap_remove(struct heap *h, struct heap_node *node);
void heap_move(struct heap *h, struct heap_node *node, uint64_t due);
/* The one with the smallest due, or NULL. */
struct heap_node *heap_first(const struct heap *h);
size_t heap_count(const struct heap *h);
static inline bool
heap_has(const struct heap_node *node)
{
	return node->place != 0;
}

#endif
