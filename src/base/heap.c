/*
 * heap.c - sift up, sift down.  Places count from one: the parent of i is i/2.
 */
#include "base/heap.h"

static struct heap_node **
slots(const struct heap *h)
{
	return (struct heap_node **)(void *)h->places.p;
}

static void
put(struct heap *h, struct heap_node *node, size_t place)
{
	slots(h)[place - 1] = node;
	node->place = place;
	h->steps++;
}

static void
sift_up(struct heap *h, struct heap_node *node)
{
	size_t i = node->place;

	for (; i > 1 && slots(h)[i / 2 - 1]->due > node->due; i /= 2)
		put(h, slots(h)[i / 2 - 1], i);
	put(h, node, i);
}

static void
sift_down(struct heap *h, struct heap_node *node)
{
	size_t i = node->place, n = heap_count(h), child;

	for (; (child = i * 2) <= n; i = child) {
		if (child < n &&
		    slots(h)[child]->due < slots(h)[child - 1]->due)
			child++;
		if (slots(h)[child - 1]->due >= node->due)
			break;
		put(h, slots(h)[child - 1], i);
	}
	put(h, node, i);
}

struct heap
heap_make(size_t limit)
{
	size_t octets;

	if (!size_mul(limit, sizeof(struct heap_node *), &octets))
		octets = SIZE_MAX;
	return (struct heap){ .places = buf_make(octets) };
}

void
heap_free(struct heap *h)
{
	for (size_t i = 0; i < heap_count(h); i++)
		slots(h)[i]->place = 0;
	buf_free(&h->places);
}

enum err
heap_add(struct heap *h, struct heap_node *node, uint64_t due)
{
	enum err e;

	ASSERT(!heap_has(node));
	e = buf_add(&h->places, span_of(&node, sizeof node));
	if (e != ERR_OK)
		return e;
	node->due = due;
	node->place = heap_count(h);
	sift_up(h, node);
	return ERR_OK;
}

void
heap_remove(struct heap *h, struct heap_node *node)
{
	size_t n = heap_count(h), place = node->place;
	struct heap_node *last;

	ASSERT(place >= 1 && place <= n && slots(h)[place - 1] == node);
	last = slots(h)[n - 1];
	buf_cut(&h->places, (n - 1) * sizeof(struct heap_node *));
	node->place = 0;
	if (last == node)
		return;
	put(h, last, place);
	sift_up(h, last);
	sift_down(h, last);
}

void
heap_move(struct heap *h, struct heap_node *node, uint64_t due)
{
	ASSERT(heap_has(node) && slots(h)[node->place - 1] == node);
	node->due = due;
	sift_up(h, node);
	sift_down(h, node);
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->places.n == 0 ? NULL : slots(h)[0];
}

size_t
heap_count(const struct heap *h)
{
	return h->places.n / sizeof(struct heap_node *);
}
