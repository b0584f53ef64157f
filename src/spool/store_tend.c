/*
 * store_tend.c - stragglers copied forward; room on the disk.
 *
 * A few deferred messages would keep a whole segment.  Where less than a
 * quarter still lives, they are copied into our own segment as COPY records.
 * A copy counts only once the journal says MOVED, and that is written after the
 * copy is durable; until then, and when anything fails, the old one counts.
 * The old segment is used again once MOVED is not in the journal's last group.
 */
#include "spool/store_priv.h"

#include "spool/le.h"
#include "spool/plant.h"
#include "spool/writer_priv.h"

#define OLD_KEY		20u	/* octets of the old place in MOVED */
#define RESERVE_NAME	"reserve"
/* Section 19 says 2 GiB; of a disk that is hardly larger, a quarter. */
#define ROOM_LEAST	((uint64_t)2 << 30)

static struct store_move *
move_at(const struct buf *list, size_t i)
{
	return (struct store_move *)(void *)list->p + i;
}

static size_t
move_count(const struct buf *list)
{
	return list->n / sizeof(struct store_move);
}

static enum err
content_read(struct store *s, const struct segment *g,
    const struct spool_record *r, struct span *content)
{
	size_t n = (size_t)r->content_n, got;
	enum err e;

	if (r->extra != 0) {
		*content = (struct span){ 0 };
		return ERR_OK;
	}
	buf_cut(&s->bulk, 0);
	e = buf_room(&s->bulk, n);
	if (e == ERR_OK)
		e = spool_read_at(s->files, g->fd, s->bulk.p, n,
		    r->place + spool_record_front(r), &got);
	if (e != ERR_OK)
		return e;
	*content = span_of(s->bulk.p, n);
	if (got < n || (spool_hash(g->seal.seed, *content) != r->content_hash &&
	    !PLANTED(PLANT_HASH_IGNORED)))
		return ERR_CORRUPT;
	return ERR_OK;
}

static enum err
record_copy(struct store *s, const struct segment *g,
    const struct walk_item *item, struct spool_record *written)
{
	struct spool_message m = { .id = &item->r.id,
		.envelope = item->envelope, .added = item->added,
		.ncuts = item->r.ncuts, .ncontent = 1, .facts = &item->r.facts };
	struct span content;
	uint64_t ticket;
	enum err e = content_read(s, g, &item->r, &content);

	if (e != ERR_OK)
		return e;
	buf_cut(&s->cuts, 0);
	for (size_t i = 0; i < item->r.ncuts && e == ERR_OK; i++) {
		struct spool_cut c = spool_cut_at(item->cuts, i);

		e = buf_add(&s->cuts, span_of(&c, sizeof c));
	}
	if (e != ERR_OK)
		return e;
	m.cuts = (const struct spool_cut *)(const void *)s->cuts.p;
	m.content = &content;
	return own_write(s, &m, SPOOL_COPY,
	    item->r.extra != 0 ? &item->r : NULL, &ticket, written);
}

/* The part that was written last: copies and bounces go there. */
static struct segment *
own_segment(const struct store *s)
{
	if (s->own->current == PART_NONE)
		return NULL;
	return store_segment_find(s,
	    s->own->parts[s->own->current].grant.number);
}

static enum err
straggler_copy(struct store *s, struct store_message *m)
{
	struct walk_item item;
	struct spool_record r;
	struct store_move move = { .m = m, .from = m->segment,
		.from_sequence = m->sequence, .from_place16 = m->place16,
		.from_flags = m->flags, .length16 = m->length16 };
	enum err e = message_read(s, m, &item);

	if (e == ERR_OK)
		e = record_copy(s, m->segment, &item, &r);
	if (e != ERR_OK)
		return e;
	move.to = own_segment(s);
	move.to_sequence = r.sequence;
	move.to_place16 = (uint32_t)(r.place / SPOOL_ALIGN);
	e = buf_add(&s->moves, span_of(&move, sizeof move));
	if (e == ERR_OK)
		m->flags |= MESSAGE_MOVING;
	return e;
}

static bool
segment_is_sparse(const struct segment *g)
{
	return g->state == SEGMENT_READ && g->alive > 0 &&
	    g->alive_octets < (g->end - SPOOL_FIRST) / 4;
}

/* True: something was copied. */
static bool
segment_forward(struct store *s, struct segment *g, uint64_t octets)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < g->sequence && done < octets; i++) {
		struct store_message *m = segment_message(g, i);

		if (m == NULL)
			continue;
		if (straggler_copy(s, m) != ERR_OK)
			break;
		done += message_length(m);
	}
	return done > 0;
}

/* One straggler lives elsewhere now, in memory; the journal is to say so. */
static enum err
move_note(struct store *s, struct store_move *v)
{
	uint8_t text[OLD_KEY + ENVELOPE_RECIPIENTS_MAX / 8 + 1];
	struct journal_entry key = { .type = JOURNAL_MOVED,
		.number = v->to->number, .generation = v->to->generation,
		.sequence = v->to_sequence }, e;
	struct store_message *m = v->m;
	uint64_t ticket = 0;
	enum err error = ERR_OK;

	for (uint32_t i = 0; i < m->nslots && error == ERR_OK; i++)
		if (store_retry_note(s, &key, m, i, &e) == ERR_OK)
			error = store_note(s, &e, &ticket);
	le_put(text, v->from->number, 8);
	le_put(text + 8, v->from->generation, 8);
	le_put(text + 16, v->from_sequence, 4);
	key.text = span_of(text,
	    OLD_KEY + message_settled_bits(m, text + OLD_KEY).n);
	if (error == ERR_OK)
		error = segment_enter(v->to, v->to_sequence, m,
		    message_length(m));
	if (error != ERR_OK)
		return error;
	error = store_note(s, &key, &ticket);
	if (error != ERR_OK) {
		segment_leave(v->to, v->to_sequence, message_length(m));
		return error;
	}
	segment_leave(v->from, v->from_sequence, message_length(m));
	if (!PLANTED(PLANT_RECLAIM_EARLY)) {
		v->from->wait_ticket = MAX(v->from->wait_ticket, ticket);
		v->from->cover_ticket = s->cover_wanted = ticket;
	}
	m->segment = v->to;
	m->sequence = v->to_sequence;
	m->place16 = v->to_place16;
	m->flags |= MESSAGE_COPY;
	return ERR_OK;
}

enum err
moves_note(struct store *s)
{
	for (size_t i = 0; i < move_count(&s->moves); i++) {
		struct store_move *v = move_at(&s->moves, i);
		enum err e;

		if (v->m == NULL)
			continue;
		e = buf_add(&s->moved, span_of(v, sizeof *v));
		if (e == ERR_OK) {
			e = move_note(s, v);
			if (e != ERR_OK)
				buf_cut(&s->moved, s->moved.n - sizeof *v);
		}
		if (e != ERR_OK)
			v->m->flags &= (uint8_t)~MESSAGE_MOVING;
	}
	buf_cut(&s->moves, 0);
	return ERR_OK;
}

static void
moves_clear(struct buf *list)
{
	for (size_t i = 0; i < move_count(list); i++)
		if (move_at(list, i)->m != NULL)
			move_at(list, i)->m->flags &= (uint8_t)~MESSAGE_MOVING;
	buf_cut(list, 0);
}

void
moves_done(struct store *s)
{
	moves_clear(&s->moved);
}

void
moves_drop(struct store *s)
{
	moves_clear(&s->moves);
}

void
moves_revert(struct store *s)
{
	for (size_t i = 0; i < move_count(&s->moved); i++) {
		const struct store_move *v = move_at(&s->moved, i);
		struct store_message *m = v->m;
		enum err e;

		if (m == NULL)
			continue;
		segment_leave(v->to, v->to_sequence, message_length(m));
		/* It was there before: the table has its place. */
		e = segment_enter(v->from, v->from_sequence, m,
		    message_length(m));
		ASSERT(e == ERR_OK);
		m->segment = v->from;
		m->sequence = v->from_sequence;
		m->place16 = v->from_place16;
		m->flags = v->from_flags | MESSAGE_MOVING;
	}
	moves_clear(&s->moved);
	moves_clear(&s->moves);
}

void
moves_forget(struct store *s, const struct store_message *m)
{
	struct buf *lists[] = { &s->moves, &s->moved };

	for (size_t k = 0; k < COUNT(lists); k++)
		for (size_t i = 0; i < move_count(lists[k]); i++)
			if (move_at(lists[k], i)->m == m)
				move_at(lists[k], i)->m = NULL;
}

/* Our own segment with nothing left in it goes back. */
static void
own_release(struct store *s)
{
	const struct segment *g = own_segment(s);
	int i = s->own->current;

	if (g == NULL || g->alive > 0 || g->scanned == SPOOL_FIRST ||
	    s->own->parts[i].is_open || s->own->parts[i].is_bad ||
	    s->own->syncing != PART_NONE || s->moves.n > 0)
		return;
	writer_part_end(s->own, i, false);
	own_notes(s);
}

bool
store_tend(struct store *s, uint64_t octets)
{
	bool copied = false;

	segments_mend(s);
	if (s->is_syncing || s->is_broken || s->salvage_ticket != 0)
		return false;
	own_release(s);
	if (spool_writer_wants(s->own) == 2 && s->moves.n == 0) {
		bool is_needed = false;

		for (size_t i = 0; i < store_segment_count(s); i++)
			is_needed |= segment_is_sparse(
			    store_segment_at(s, i));
		if (!is_needed || own_supply(s) != ERR_OK)
			return false;
	}
	for (size_t i = 0; i < store_segment_count(s) && !copied; i++) {
		struct segment *g = store_segment_at(s, i);

		if (s->moves.n == 0 && segment_is_sparse(g))
			copied = segment_forward(s, g, octets);
	}
	if (PLANTED(PLANT_RECLAIM_EARLY) && copied)
		(void)!moves_note(s);
	return copied;
}

static void
reserve_take(struct store *s)
{
	const struct spool_files *f = s->files;
	int fd;

	if (s->has_reserve || s->options.reserve == 0)
		return;
	(void)f->unlink(f->self, s->dir, RESERVE_NAME);
	fd = f->open(f->self, s->dir, RESERVE_NAME,
	    SPOOL_WRITE | SPOOL_CREATE);
	if (fd < 0)
		return;
	s->has_reserve = f->allocate(f->self, fd, s->options.reserve) == 0;
	(void)f->close(f->self, fd);
	if (!s->has_reserve)
		(void)f->unlink(f->self, s->dir, RESERVE_NAME);
}

/* On a disk that is small itself a quarter of it counts instead of 2 GiB. */
static bool
is_under(const struct spool_space *space, unsigned int percent, uint64_t least)
{
	return percent > 0 && (space->free < space->total / 100 * percent ||
	    space->free < MIN(least, space->total / 4));
}

enum store_room
store_room(struct store *s)
{
	struct spool_space space;

	if (store_is_full(s))
		return STORE_ROOM_NONE;
	if (s->files->space(s->files->self, s->dir, &space) < 0)
		return STORE_ROOM_OK;
	if (is_under(&space, s->options.refuse_all, ROOM_LEAST))
		return STORE_ROOM_NONE;
	if (is_under(&space, s->options.refuse_new, 0))
		return STORE_ROOM_NO_NEW;
	reserve_take(s);
	return STORE_ROOM_OK;
}
