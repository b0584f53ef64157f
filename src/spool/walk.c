/*
 * walk.c - records one after the other.
 */
#include "spool/walk.h"

#include "spool/le.h"
#include "spool/plant.h"

#define WALK_READ	16384u	/* octets at once */
#define WALK_FRONT	1024u	/* where contents lie between the fronts */

struct walk
walk_make(const struct spool_files *f, int fd, const struct spool_seal *seal,
    uint64_t from, uint64_t limit, struct buf *window)
{
	buf_cut(window, 0);
	return (struct walk){ .files = f, .fd = fd, .seal = *seal, .at = from,
		.limit = limit, .window = window, .window_at = from,
		.ahead = WALK_FRONT };
}

/* Octets at .. at + n, or fewer at the limit or the file's end. */
static enum err
walk_read(struct walk *w, uint64_t at, size_t n, struct span *got)
{
	struct buf *b = w->window;
	size_t want, have;
	enum err e;

	n = (size_t)MIN((uint64_t)n, w->limit - at);
	if (at < w->window_at || at + n > w->window_at + b->n) {
		want = (size_t)MIN(w->limit - at, (uint64_t)MAX(n, w->ahead));
		buf_cut(b, 0);
		e = buf_room(b, want);
		if (e != ERR_OK)
			return e;
		e = spool_read_at(w->files, w->fd, b->p, want, at, &have);
		if (e != ERR_OK)
			return e;
		b->n = have;
		w->window_at = at;
	}
	*got = span_skip(buf_span(b), (size_t)(at - w->window_at));
	got->n = MIN(got->n, n);
	return ERR_OK;
}

enum err
walk_here(struct walk *w, struct walk_item *item)
{
	struct span in;
	enum err e;

	if (w->at >= w->limit)
		return ERR_CORRUPT;
	e = walk_read(w, w->at, SPOOL_RECORD_HEAD, &in);
	if (e != ERR_OK)
		return e;
	e = spool_record_peek(in, &w->seal, w->at, w->limit - w->at, &item->r);
	if (e != ERR_OK)
		return ERR_CORRUPT;
	e = walk_read(w, w->at, (size_t)spool_record_front(&item->r), &in);
	if (e != ERR_OK)
		return e;
	e = spool_record_check(in, &w->seal, &item->r, &item->envelope,
	    &item->added, &item->cuts);
	if (e != ERR_OK)
		return ERR_CORRUPT;
	if (item->r.sequence < w->sequence && !PLANTED(PLANT_IDENTITY_IGNORED))
		return ERR_CORRUPT;
	return ERR_OK;
}

/* The next place from w->at on where the tag stands, or the limit. */
static enum err
walk_find_tag(struct walk *w)
{
	while (w->at < w->limit) {
		struct span in;
		enum err e = walk_read(w, w->at, WALK_READ, &in);

		if (e != ERR_OK)
			return e;
		for (size_t i = 0; i + 8 <= in.n; i += SPOOL_ALIGN)
			if (le_u64(in.p + i) == w->seal.tag) {
				w->at += i;
				return ERR_OK;
			}
		if (in.n < SPOOL_ALIGN)
			break;
		w->at += in.n - in.n % SPOOL_ALIGN;
	}
	w->at = w->limit;
	return ERR_OK;
}

/* A batch leaves fewer octets than a head unused at its end. */
static uint64_t
gap_skip(uint64_t from)
{
	uint64_t left = (SPOOL_BLOCK - from % SPOOL_BLOCK) % SPOOL_BLOCK;

	return left < SPOOL_RECORD_HEAD ? from + left : from;
}

enum err
walk_next(struct walk *w, struct walk_item *item)
{
	uint64_t from = w->at;
	enum err e = walk_here(w, item);

	if (PLANTED(PLANT_TYPE_ZERO) && e == ERR_OK && item->r.type == 0)
		item->r.type = SPOOL_MESSAGE;
	while (e == ERR_CORRUPT) {
		w->at = MIN(w->at + SPOOL_ALIGN, w->limit);
		e = walk_find_tag(w);
		if (e == ERR_OK && w->at >= w->limit)
			e = ERR_NONE;
		if (e == ERR_OK)
			e = walk_here(w, item);
	}
	if (e != ERR_OK && e != ERR_NONE)
		return e;
	item->hole_from = w->at == from ? from : MIN(gap_skip(from), w->at);
	item->hole_to = w->at;
	if (e != ERR_OK)
		return e;
	w->at += spool_record_length(&item->r);
	w->sequence = item->r.sequence + 1;
	/* Contents that nobody asked for are not read along. */
	if (item->r.type == SPOOL_MESSAGE || item->r.type == SPOOL_COPY)
		w->ahead = spool_record_length(&item->r) < WALK_READ / 4 ?
		    WALK_READ : WALK_FRONT;
	return ERR_OK;
}
