/*
 * writer.c - batches into segments; the rules are in writer.h.
 *
 * Three parts: `full` waits for its last sync, `current` is written, `spare`
 * is untouched.  Tickets only grow, and full's are all before current's.
 */
#include "spool/writer_priv.h"

#include "spool/plant.h"

#include <errno.h>
#include <stdlib.h>

#define ITEMS_MAX	8192u	/* tickets of one batch that can be cancelled */
#define PENDING_MOST	(512u * 1024)	/* octets; more are written at once */

enum err
spool_writer_new(const struct spool_files *f, struct spool_writer **made)
{
	struct spool_writer *w = calloc(1, sizeof *w);

	if (w == NULL)
		return ERR_NOMEM;
	w->hasher = spool_hasher_new();
	if (w->hasher == NULL) {
		free(w);
		return ERR_NOMEM;
	}
	w->files = f;
	w->cuts = buf_make(SPOOL_CUTS_MAX * sizeof(struct spool_cut));
	w->items = buf_make(ITEMS_MAX * sizeof(struct writer_item));
	w->pending = buf_make(SIZE_MAX / 2);
	w->full = w->current = w->spare = PART_NONE;
	w->syncing = PART_NONE;
	*made = w;
	return ERR_OK;
}

static void
file_close(struct spool_writer *w, int fd)
{
	(void)w->files->close(w->files->self, fd);
}

void
spool_writer_free(struct spool_writer *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < COUNT(w->parts); i++)
		if (w->parts[i].is_held)
			file_close(w, w->parts[i].grant.fd);
	for (size_t i = 0; i < w->nempty; i++)
		file_close(w, w->empty[i].fd);
	for (size_t i = 0; i < w->nopen_large; i++)
		file_close(w, w->open_large[i].fd);
	buf_free(&w->pending);
	buf_free(&w->items);
	buf_free(&w->cuts);
	spool_hasher_free(w->hasher);
	free(w);
}

static int
part_unused(const struct spool_writer *w)
{
	for (int i = 0; i < (int)COUNT(w->parts); i++)
		if (!w->parts[i].is_held)
			return i;
	return PART_NONE;
}

unsigned int
spool_writer_wants(const struct spool_writer *w)
{
	return (w->current == PART_NONE ? 1u : 0) +
	    (w->spare == PART_NONE ? 1u : 0);
}

enum err
spool_writer_adopt(struct spool_writer *w, const struct spool_grant *g)
{
	int i = part_unused(w);
	struct spool_part *p;

	if (i == PART_NONE || spool_writer_wants(w) == 0) {
		file_close(w, g->fd);
		return ERR_FULL;
	}
	p = &w->parts[i];
	*p = (struct spool_part){
		.grant = *g,
		.seal = spool_seal_of(g->number, g->generation),
		.durable = g->offset,
		.is_held = true,
	};
	if (w->current == PART_NONE)
		w->current = i;
	else
		w->spare = i;
	writer_poison_write(w);
	return ERR_OK;
}

void
writer_note(struct spool_writer *w, const struct spool_note *note)
{
	/* A note that is lost is mended when the queue starts anew. */
	if (w->nnotes < COUNT(w->notes))
		w->notes[w->nnotes++] = *note;
}

/* Nothing more goes there: tell the queue, let it go. */
void
writer_part_end(struct spool_writer *w, int i, bool is_poisoned)
{
	struct spool_part *p = &w->parts[i];
	struct spool_note note = {
		.kind = SPOOL_NOTE_SEALED,
		.number = p->grant.number,
		.generation = p->grant.generation,
		.durable = p->durable,
		.is_bad = is_poisoned,
	};

	file_close(w, p->grant.fd);
	p->is_held = false;
	w->is_dirty[i] = false;
	if (w->full == i)
		w->full = PART_NONE;
	if (w->current == i)
		w->current = PART_NONE;
	writer_note(w, &note);
}

/* Octets up to the next block. */
static uint64_t
gap_after(uint64_t offset)
{
	return (SPOOL_BLOCK - offset % SPOOL_BLOCK) % SPOOL_BLOCK;
}

/* A failed write: what was in it cannot become durable any more. */
static enum err
pending_flush(struct spool_writer *w)
{
	struct iovec part = { w->pending.p, w->pending.n };
	enum err e = ERR_OK;

	if (w->pending.n > 0)
		e = spool_write_at(w->files, w->parts[w->current].grant.fd,
		    &part, 1, w->pending_at);
	if (e != ERR_OK)
		w->parts[w->current].is_bad = true;
	if (w->pending.room > 2 * PENDING_MOST)
		buf_free(&w->pending);
	else
		buf_cut(&w->pending, 0);
	return e;
}

static bool
is_current(const struct spool_writer *w, const struct spool_part *p)
{
	return w->current != PART_NONE && p == &w->parts[w->current];
}

static enum err
pending_add(struct spool_writer *w, const struct iovec *parts, size_t n,
    uint64_t at)
{
	enum err e = ERR_OK;

	if (w->pending.n == 0)
		w->pending_at = at;
	ASSERT(w->pending_at + w->pending.n == at);
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = buf_add(&w->pending, span_of(parts[i].iov_base,
		    parts[i].iov_len));
	return e;
}

/*
 * Octets for the file of p: current's wait for the batch to be closed, so that
 * whole pages are written in one call.
 */
static enum err
part_put(struct spool_writer *w, const struct spool_part *p,
    struct iovec *parts, size_t n, uint64_t at)
{
	if (is_current(w, p) && !w->is_direct)
		return pending_add(w, parts, n, at);
	return spool_write_at(w->files, p->grant.fd, parts, n, at);
}

/* Parts of one record on their way, put when enough have come. */
struct gather {
	struct spool_writer	*w;
	struct spool_part	*p;
	uint64_t		 at;
	size_t			 n;
	struct iovec		 parts[48];
};

static enum err
gather_flush(struct gather *g)
{
	uint64_t octets = 0;
	enum err e;

	for (size_t i = 0; i < g->n; i++)
		octets += g->parts[i].iov_len;
	e = part_put(g->w, g->p, g->parts, g->n, g->at);
	g->at += octets;
	g->n = 0;
	return e;
}

static enum err
gather_add(struct gather *g, struct span s)
{
	enum err e = ERR_OK;

	if (g->n == COUNT(g->parts))
		e = gather_flush(g);
	g->parts[g->n++] = (struct iovec){ (void *)(uintptr_t)s.p, s.n };
	return e;
}

/* A BATCH, PAD or POISON: a head with nothing behind it. */
static void
plain_encode(struct spool_part *p, struct spool_record *r, uint8_t *to)
{
	r->sequence = p->sequence++;
	spool_record_encode(r, &p->seal, NULL, 0, to);
}

/* A failed write: only a full disk leaves the segment usable. */
static enum err
part_failed_write(struct spool_part *p, enum err e)
{
	if (e == ERR_IO && errno != ENOSPC && errno != EDQUOT)
		p->is_bad = true;
	return e;
}

struct record_text {
	struct span	 rest[3];	/* envelope, added, cuts */
	const struct span *content;
	size_t		 ncontent;
};

/* Write r at the part's end, before it a batch head when none is open. */
static enum err
part_write(struct spool_writer *w, struct spool_part *p,
    struct spool_record *r, const struct record_text *text)
{
	static const uint8_t zeros[SPOOL_ALIGN];
	uint8_t batch[SPOOL_RECORD_HEAD], head[SPOOL_RECORD_HEAD];
	struct gather g = { .w = w, .p = p, .at = p->grant.offset };
	uint32_t sequence = p->sequence;
	size_t before = w->pending.n;
	uint64_t front, length;
	enum err e = ERR_OK;

	if (!p->is_open) {
		struct spool_record b = { .type = SPOOL_BATCH,
			.place = p->grant.offset, .extra = p->durable };

		plain_encode(p, &b, batch);
		e = gather_add(&g, span_of(batch, sizeof batch));
	}
	r->place = g.at + (p->is_open ? 0 : SPOOL_RECORD_HEAD);
	r->sequence = p->sequence++;
	spool_record_encode(r, &p->seal, text->rest, COUNT(text->rest), head);
	if (e == ERR_OK)
		e = gather_add(&g, span_of(head, sizeof head));
	for (size_t i = 0; i < COUNT(text->rest) && e == ERR_OK; i++)
		e = gather_add(&g, text->rest[i]);
	for (size_t i = 0; i < text->ncontent && e == ERR_OK; i++)
		e = gather_add(&g, text->content[i]);
	length = spool_record_length(r);
	front = spool_record_front(r);
	if (r->type == SPOOL_MESSAGE || r->type == SPOOL_COPY)
		front += r->extra == 0 ? r->content_n : 0;
	if (e == ERR_OK)
		e = gather_add(&g, span_of(zeros, (size_t)(length - front)));
	if (e == ERR_OK)
		e = gather_flush(&g);
	if (e != ERR_OK) {
		p->sequence = sequence;
		buf_cut(&w->pending, before);
		return part_failed_write(p, e);
	}
	p->is_open = true;
	p->grant.offset = r->place + length;
	return w->pending.n < PENDING_MOST ? ERR_OK : pending_flush(w);
}

/* Does a record of so many octets fit, whatever stands around it? */
static bool
part_fits(const struct spool_part *p, uint64_t length)
{
	uint64_t need = length + (p->is_open ? 0 : SPOOL_RECORD_HEAD);

	return !p->is_bad && need <= p->grant.size - p->grant.offset;
}

/* Current takes no more: let the spare be current. */
static bool
turn_over(struct spool_writer *w)
{
	int was = w->current;

	if (w->spare == PART_NONE)
		return false;
	/* Failed: it is bad now, and its sync says so to who waits. */
	if (pending_flush(w) != ERR_OK)
		ASSERT(w->parts[was].is_bad);
	if (w->parts[was].is_open || w->parts[was].is_bad ||
	    w->syncing == was) {
		if (w->full != PART_NONE)
			return false;
		w->full = was;
	} else {
		writer_part_end(w, was, false);
	}
	w->current = w->spare;
	w->spare = PART_NONE;
	return true;
}

/* The name of a failed segment goes first into the one that follows it. */
void
writer_poison_write(struct spool_writer *w)
{
	static const struct record_text nothing;

	while (w->npoison > w->npoison_written && w->current != PART_NONE) {
		const struct writer_poison *x = &w->poison[w->npoison_written];
		struct spool_part *p = &w->parts[w->current];
		struct spool_record r = { .type = SPOOL_POISON,
			.content_n = x->last_good, .extra = x->number,
			.content_hash = x->generation };

		if (!part_fits(p, SPOOL_RECORD_HEAD) ||
		    part_write(w, p, &r, &nothing) != ERR_OK)
			return;
		w->npoison_written++;
		w->poison_in = p->grant.number;
	}
}

static enum err
message_bounds(const struct spool_message *m, struct spool_record *r)
{
	uint64_t size = 0;

	for (size_t i = 0; i < m->ncontent; i++)
		if (!u64_add(size, m->content[i].n, &size))
			return ERR_SYNTAX;
	if (m->envelope.n > ENVELOPE_MAX || m->added.n > SPOOL_ADDED_MAX ||
	    m->ncuts > SPOOL_CUTS_MAX || (m->large != NULL && size > 0))
		return ERR_SYNTAX;
	*r = (struct spool_record){
		.type = SPOOL_MESSAGE,
		.envelope_n = (uint32_t)m->envelope.n,
		.added_n = (uint32_t)m->added.n,
		.ncuts = (uint32_t)m->ncuts,
		.content_n = m->large != NULL ? m->large->size : size,
		.id = *m->id,
		.facts = *m->facts,
		.extra = m->large != NULL ? m->large->number : 0,
	};
	return ERR_OK;
}

static uint64_t
message_hash(struct spool_writer *w, const struct spool_part *p,
    const struct spool_message *m)
{
	if (m->large != NULL)
		return spool_hasher_end(m->large->hasher);
	spool_hasher_begin(w->hasher, p->seal.seed);
	for (size_t i = 0; i < m->ncontent; i++)
		spool_hasher_add(w->hasher, m->content[i]);
	return spool_hasher_end(w->hasher);
}

/* Find the part that takes so many octets. */
static enum err
part_for(struct spool_writer *w, uint64_t length, struct spool_part **part)
{
	if (w->current == PART_NONE)
		return ERR_FULL;
	if (length + 2 * SPOOL_RECORD_HEAD >
	    w->parts[w->current].grant.size - SPOOL_FIRST)
		return ERR_SYNTAX;
	if (!part_fits(&w->parts[w->current], length)) {
		if (!turn_over(w))
			return ERR_FULL;
		if (!part_fits(&w->parts[w->current], length))
			return ERR_FULL;
	}
	*part = &w->parts[w->current];
	return ERR_OK;
}

/* The large file now belongs to the batch. */
static void
large_taken(struct spool_writer *w, struct spool_large *large)
{
	struct spool_note note = { .kind = SPOOL_NOTE_LARGE,
		.number = large->number };

	w->open_large[w->nopen_large++] =
	    (struct writer_open_large){ large->fd, w->current };
	spool_hasher_free(large->hasher);
	*large = (struct spool_large){ .fd = -1 };
	writer_note(w, &note);
}

static void
item_add(struct spool_writer *w, uint64_t ticket, const struct spool_record *r)
{
	struct writer_item item = { ticket, r->place, spool_record_length(r),
		r->sequence, w->current };

	/* Full or no memory: this one cannot be cancelled any more. */
	if (buf_add(&w->items, span_of(&item, sizeof item)) != ERR_OK)
		return;
}

/* The head of a record that is to say what m says. */
static enum err
record_plan(const struct spool_writer *w, const struct spool_message *m,
    enum spool_type type, const struct spool_record *like,
    struct spool_record *r)
{
	enum err e = message_bounds(m, r);

	if (e == ERR_OK && m->large != NULL && m->large->is_spoilt)
		e = ERR_SYNTAX;
	if (e != ERR_OK)
		return e;
	if (m->large != NULL && w->nopen_large == COUNT(w->open_large))
		return ERR_AGAIN;
	r->type = type;
	if (like == NULL)
		return ERR_OK;
	r->content_n = like->content_n;
	r->content_hash = like->content_hash;
	r->extra = like->extra;
	return ERR_OK;
}

static enum err
cuts_encode(struct spool_writer *w, const struct spool_message *m)
{
	struct pack p = { .to = &w->cuts };

	buf_cut(&w->cuts, 0);
	for (size_t i = 0; i < m->ncuts; i++) {
		pack_u64(&p, m->cuts[i].from);
		pack_u64(&p, m->cuts[i].to);
	}
	return p.error;
}

static enum err
writer_append_type(struct spool_writer *w, const struct spool_message *m,
    enum spool_type type, const struct spool_record *like, uint64_t *ticket,
    struct spool_record *r)
{
	struct record_text text = { { m->envelope, m->added, { 0 } },
		m->content, m->ncontent };
	struct spool_part *p;
	enum err e = record_plan(w, m, type, like, r);

	if (e != ERR_OK)
		return e;
	e = cuts_encode(w, m);
	if (e != ERR_OK)
		return e;
	text.rest[2] = buf_span(&w->cuts);
	e = part_for(w, spool_record_length(r), &p);
	if (e != ERR_OK)
		return e;
	if (like == NULL)
		r->content_hash = message_hash(w, p, m);
	e = part_write(w, p, r, &text);
	if (e != ERR_OK)
		return e;
	p->last_ticket = *ticket = ++w->last_ticket;
	if (m->large == NULL)
		item_add(w, *ticket, r);
	return ERR_OK;
}

enum err
writer_append_as(struct spool_writer *w, const struct spool_message *m,
    enum spool_type type, const struct spool_record *like, uint64_t *ticket,
    struct spool_record *r)
{
	enum err e = writer_append_type(w, m, type, like, ticket, r);

	if (e == ERR_OK && m->large != NULL)
		large_taken(w, m->large);
	return e;
}

enum err
spool_append(struct spool_writer *w, const struct spool_message *m,
    uint64_t *ticket)
{
	struct spool_record r;

	return writer_append_as(w, m, SPOOL_MESSAGE, NULL, ticket, &r);
}

static bool
item_cancel(struct spool_writer *w, const struct writer_item *item)
{
	struct spool_part *p = &w->parts[item->part];
	struct spool_record pad = { .type = SPOOL_PAD, .place = item->at,
		.content_n = item->length - SPOOL_RECORD_HEAD,
		.sequence = item->sequence };
	uint8_t head[SPOOL_RECORD_HEAD];
	struct iovec part = { head, sizeof head };

	if (!p->is_open || p->is_bad || item->at < p->batch)
		return false;
	spool_record_encode(&pad, &p->seal, NULL, 0, head);
	if (is_current(w, p) && w->pending.n > 0 &&
	    item->at >= w->pending_at) {
		memcpy(w->pending.p + (item->at - w->pending_at), head,
		    sizeof head);
		return true;
	}
	if (spool_write_at(w->files, p->grant.fd, &part, 1, item->at) ==
	    ERR_OK)
		return true;
	p->is_bad = true;
	return false;
}

/* The record becomes a PAD of its own length; no sync has seen it yet. */
bool
spool_cancel(struct spool_writer *w, uint64_t ticket)
{
	const struct writer_item *items = (const void *)w->items.p;
	size_t n = w->items.n / sizeof *items;

	for (size_t i = 0; i < n; i++)
		if (items[i].ticket == ticket && items[i].part != PART_NONE)
			return item_cancel(w, &items[i]);
	return false;
}

/* Fill up to the next block, so that no synced sector is written again. */
static enum err
pad_put(struct spool_writer *w, struct spool_part *p, uint64_t gap)
{
	static const uint8_t zeros[SPOOL_BLOCK];
	struct spool_record pad = { .type = SPOOL_PAD,
		.place = p->grant.offset };
	uint8_t head[SPOOL_RECORD_HEAD];
	struct iovec parts[] = { { head, 0 },
		{ (void *)(uintptr_t)zeros, (size_t)gap } };

	if (gap >= SPOOL_RECORD_HEAD) {
		pad.content_n = gap - SPOOL_RECORD_HEAD;
		plain_encode(p, &pad, head);
		parts[0].iov_len = sizeof head;
		parts[1].iov_len -= sizeof head;
	}
	return part_put(w, p, parts, COUNT(parts), pad.place);
}

void
writer_batch_close(struct spool_writer *w, struct spool_part *p)
{
	uint64_t gap = gap_after(p->grant.offset);
	enum err e = ERR_OK;

	if (!p->is_bad && gap > 0)
		e = pad_put(w, p, gap);
	if (e == ERR_OK && is_current(w, p))
		e = pending_flush(w);
	if (e != ERR_OK)
		p->is_bad = true;
	p->grant.offset += gap;
	p->batch = p->grant.offset;
	p->is_open = false;
}
