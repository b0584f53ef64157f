/*
 * content.c - content between the socket and the spool.
 *
 * Up to SPOOL_INLINE_MAX octets wait in chunks, which go back to a pool; what
 * grows beyond flows into a large file, and the write is what holds the client
 * back.
 */
#include "role/receiver/receiver.h"

#include <errno.h>
#include <stdlib.h>

static struct chunk *
chunk_get(struct receiver *rc)
{
	struct chunk *k = rc->spare;

	if (k != NULL) {
		rc->spare = k->next;
		rc->nspare--;
	} else if ((k = malloc(sizeof *k)) == NULL) {
		return NULL;
	}
	k->next = NULL;
	k->n = 0;
	return k;
}

static void
chunks_free(struct receiver *rc, struct content *c)
{
	struct chunk *k;

	while ((k = c->first) != NULL) {
		c->first = k->next;
		if (rc->nspare == RECEIVER_CHUNKS_KEPT) {
			free(k);
			continue;
		}
		k->next = rc->spare;
		rc->spare = k;
		rc->nspare++;
	}
	c->last = NULL;
	c->nchunks = 0;
}

static enum smtp_reply
large_add(struct receiver *rc, struct content *c, struct span octets)
{
	if (spool_large_add(rc->writer, &c->large, octets) == ERR_OK)
		return RE_NONE;
	return errno == ENOSPC || errno == EDQUOT ? RE_NO_SPACE : RE_NOT_STORED;
}

/* Too much for chunks: what they hold goes first. */
static enum smtp_reply
become_large(struct receiver *rc, struct content *c)
{
	enum smtp_reply re = RE_NONE;

	if (spool_large_begin(rc->writer, &c->large) != ERR_OK)
		return RE_NO_LARGE;
	c->is_large = true;
	for (struct chunk *k = c->first; k != NULL && re == RE_NONE;
	    k = k->next)
		re = large_add(rc, c, span_of(k->octets, k->n));
	chunks_free(rc, c);
	return re;
}

static bool
is_full(const struct content *c)
{
	return c->last == NULL || c->last->n == sizeof c->last->octets;
}

enum smtp_reply
content_add(struct receiver *rc, struct content *c, struct span octets)
{
	while (octets.n > 0 && !c->is_large) {
		struct span part;

		if (is_full(c) && c->nchunks == RECEIVER_CHUNKS_MAX) {
			enum smtp_reply re = become_large(rc, c);

			if (re != RE_NONE)
				return re;
			break;
		}
		if (is_full(c)) {
			struct chunk *k = chunk_get(rc);

			if (k == NULL)
				return RE_NOT_STORED;
			*(c->last == NULL ? &c->first : &c->last->next) = k;
			c->last = k;
			c->nchunks++;
		}
		part = span_take(&octets, sizeof c->last->octets - c->last->n);
		memcpy(c->last->octets + c->last->n, part.p, part.n);
		c->last->n += part.n;
	}
	return octets.n > 0 ? large_add(rc, c, octets) : RE_NONE;
}

void
content_drop(struct receiver *rc, struct content *c)
{
	chunks_free(rc, c);
	if (c->is_large) {
		spool_large_drop(rc->writer, &c->large);
		/* The queue makes room of it, and no sync may follow. */
		loop_task_ask(rc->role->loop, &rc->kick);
	}
	*c = (struct content){ 0 };
}
