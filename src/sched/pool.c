/*
 * pool.c - blocks of a thousand, a list of what was given back.
 */
#include "sched/pool.h"

#include <stdlib.h>

#define BLOCK		1024u
#define POOL_MAX	(1u << 28)

struct pool
pool_make(size_t size)
{
	return (struct pool){
		.blocks = buf_make(POOL_MAX / BLOCK * sizeof(void *)),
		.size = MAX(size, sizeof(uint64_t)),
		.free = POOL_NONE,
	};
}

void
pool_free(struct pool *p)
{
	size_t n = p->blocks.n / sizeof(void *);

	for (size_t i = 0; i < n; i++) {
		void *block;

		memcpy(&block, p->blocks.p + i * sizeof(void *), sizeof(block));
		free(block);
	}
	buf_free(&p->blocks);
	*p = pool_make(p->size);
}

void *
pool_at(const struct pool *p, uint32_t ref)
{
	uint8_t *block;

	ASSERT(ref < p->made);
	memcpy(&block, p->blocks.p + ref / BLOCK * sizeof(void *),
	    sizeof(block));
	return block + (size_t)(ref % BLOCK) * p->size;
}

static enum err
pool_grow(struct pool *p)
{
	void *block;
	enum err e;

	if (p->made >= POOL_MAX)
		return ERR_FULL;
	block = calloc(BLOCK, p->size);
	if (block == NULL)
		return ERR_NOMEM;
	e = buf_add(&p->blocks, span_of(&block, sizeof(block)));
	if (e != ERR_OK)
		free(block);
	return e;
}

enum err
pool_get(struct pool *p, uint32_t *ref)
{
	if (p->free != POOL_NONE) {
		*ref = p->free;
		memcpy(&p->free, pool_at(p, *ref), sizeof(p->free));
	} else {
		if (p->made % BLOCK == 0) {
			enum err e = pool_grow(p);

			if (e != ERR_OK)
				return e;
		}
		*ref = p->made++;
	}
	memset(pool_at(p, *ref), 0, p->size);
	p->used++;
	return ERR_OK;
}

void
pool_put(struct pool *p, uint32_t ref)
{
	memcpy(pool_at(p, ref), &p->free, sizeof(p->free));
	p->free = ref;
	p->used--;
}
