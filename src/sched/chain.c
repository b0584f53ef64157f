/*
 * chain.c - lists of pool members that hold numbers instead of pointers; and
 * octets without slack.
 */
#include "sched/parts.h"

#include <stdlib.h>

enum err
copy_set(struct copy *c, struct span s)
{
	uint8_t *p = malloc(MAX(s.n, (size_t)1));

	if (p == NULL)
		return ERR_NOMEM;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	free(c->p);
	*c = (struct copy){ p, s.n };
	return ERR_OK;
}

void
copy_free(struct copy *c)
{
	free(c->p);
	*c = (struct copy){ 0 };
}

static struct link *
link_of(const struct pool *p, size_t offset, uint32_t n)
{
	return (struct link *)(void *)((uint8_t *)pool_at(p, n) + offset);
}

void
chain_append(const struct pool *p, size_t offset, struct chain *c, uint32_t n)
{
	*link_of(p, offset, n) = (struct link){ c->last, SCHED_NONE };
	if (c->last == SCHED_NONE)
		c->first = n;
	else
		link_of(p, offset, c->last)->next = n;
	c->last = n;
}

void
chain_remove(const struct pool *p, size_t offset, struct chain *c, uint32_t n)
{
	struct link *l = link_of(p, offset, n);

	if (l->prev == SCHED_NONE)
		c->first = l->next;
	else
		link_of(p, offset, l->prev)->next = l->next;
	if (l->next == SCHED_NONE)
		c->last = l->prev;
	else
		link_of(p, offset, l->next)->prev = l->prev;
	*l = (struct link){ SCHED_NONE, SCHED_NONE };
}
