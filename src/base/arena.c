/*
 * arena.c - blocks of memory that end together.
 */
#include "base/arena.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON	1
#endif
#endif
#ifdef POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)		((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n)	((void)(p), (void)(n))
#endif

#define ARENA_ALIGN	16u
#define ARENA_BLOCK	4096u	/* octets of an ordinary block */
/* Or so much of what is held, if that is more: of many allocations there are
 * few blocks, for each is looked at when the newest is full. */
#define ARENA_SHARE	8u

struct arena_block {
	struct arena_block	*next;
	size_t			 size;	/* octets in data */
	size_t			 used;
	size_t			 pad;
	uint8_t			 data[];
};
_Static_assert(sizeof(struct arena_block) % ARENA_ALIGN == 0, "aligned data");

struct arena
arena_make(size_t limit, size_t keep)
{
	return (struct arena){ .limit = limit, .keep = keep };
}

static void
block_free(struct arena *a, struct arena_block *b)
{
	a->held -= b->size;
	ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
	free(b);
}

void
arena_free(struct arena *a)
{
	struct arena_block *b;

	while ((b = a->blocks) != NULL) {
		a->blocks = b->next;
		block_free(a, b);
	}
	a->used = 0;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b, **link = &a->blocks;
	size_t kept = 0;

	while ((b = *link) != NULL) {
		if (b->size > a->keep - kept) {
			*link = b->next;
			block_free(a, b);
			continue;
		}
		kept += b->size;
		b->used = 0;
		ASAN_POISON_MEMORY_REGION(b->data, b->size);
		link = &b->next;
	}
	a->used = 0;
}

static enum err
block_add(struct arena *a, size_t need)
{
	struct arena_block *b;
	size_t size = MAX(MAX(need, ARENA_BLOCK - sizeof *b),
	    a->held / ARENA_SHARE & ~(size_t)(ARENA_ALIGN - 1));

	if (size > a->limit - MIN(a->limit, a->held))
		size = need;
	if (size > a->limit - MIN(a->limit, a->held))
		return ERR_FULL;
	b = malloc(sizeof *b + size);
	if (b == NULL)
		return ERR_NOMEM;
	*b = (struct arena_block){ .next = a->blocks, .size = size };
	ASAN_POISON_MEMORY_REGION(b->data, size);
	a->blocks = b;
	a->held += size;
	return ERR_OK;
}

static struct arena_block *
block_with_room(struct arena *a, size_t need)
{
	for (struct arena_block *b = a->blocks; b != NULL; b = b->next)
		if (b->size - b->used >= need)
			return b;
	return NULL;
}

enum err
arena_get(struct arena *a, size_t n, void **p)
{
	struct arena_block *b;
	size_t need;

	if (!size_add(n, ARENA_ALIGN - 1, &need))
		return ERR_FULL;
	need &= ~(size_t)(ARENA_ALIGN - 1);
	if (need > a->limit - MIN(a->limit, a->used))
		return ERR_FULL;
	b = block_with_room(a, need);
	if (b == NULL) {
		enum err e = block_add(a, need);

		if (e != ERR_OK)
			return e;
		b = a->blocks;
	}
	*p = b->data + b->used;
	ASAN_UNPOISON_MEMORY_REGION(*p, n);
	b->used += need;
	a->used += need;
	return ERR_OK;
}

enum err
arena_copy(struct arena *a, struct span s, struct span *copy)
{
	void *p;
	enum err e = arena_get(a, s.n, &p);

	if (e != ERR_OK)
		return e;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*copy = (struct span){ p, s.n };
	return ERR_OK;
}
