/*
 * store_replay.c - the journal, read twice.
 *
 * First what concerns whole segments: how far they were known, where they end,
 * what was dropped in them.  Then, with all records in memory, what became of
 * each message.
 */
#include "spool/recover_priv.h"

#include "spool/le.h"

#include <errno.h>

#define JOURNAL_WINDOW	(128u * 1024)	/* octets of journal read at once */

enum err
journal_open(struct store *s, bool *is_new)
{
	enum err e;

	*is_new = false;
	s->journal = s->files->open(s->files->self, s->dir, "journal",
	    SPOOL_READ | SPOOL_WRITE);
	if (s->journal < 0) {
		*is_new = errno == ENOENT;
		return *is_new ? ERR_OK : ERR_IO;
	}
	e = front_read(s, s->journal, JOURNAL_BLOCK);
	if (e == ERR_OK)
		e = journal_head_decode(buf_span(&s->bulk), &s->journal_head);
	if (e == ERR_OK)
		s->journal_seed = s->journal_head.seed;
	return e;
}


struct reader {
	struct store	*s;
	struct buf	 window;
	uint64_t	 at, base;	/* next octet; of the window */
	uint64_t	 size;
	uint64_t	 hole;		/* first octet skipped, or UINT64_MAX */
	uint64_t	 holes;		/* octets that were durable once */
	uint32_t	 have, want;	/* entries of the group; 0: any */
};

static enum err
reader_fill(struct reader *r, struct span *in)
{
	size_t want = (size_t)MIN(r->size - r->at, (uint64_t)JOURNAL_WINDOW);
	size_t got;
	enum err e;

	if (r->at >= r->base && r->at - r->base <= r->window.n &&
	    r->window.n - (r->at - r->base) >=
		MIN(want, (size_t)JOURNAL_WINDOW / 4)) {
		*in = span_skip(buf_span(&r->window), (size_t)(r->at - r->base));
		return ERR_OK;
	}
	store_working(r->s);
	buf_cut(&r->window, 0);
	e = buf_room(&r->window, want + 1);
	if (e == ERR_OK)
		e = spool_read_at(r->s->files, r->s->journal, r->window.p, want,
		    r->at, &got);
	if (e != ERR_OK)
		return e;
	buf_grew(&r->window, got);
	r->base = r->at;
	*in = buf_span(&r->window);
	return ERR_OK;
}

/* All before it was durable: a hole there, or an entry less, is rot. */
static void
reader_group(struct reader *r, const struct journal_entry *e)
{
	if (r->hole < e->value || (r->want != 0 && r->have != r->want))
		r->holes++;
	r->want = e->sequence;
	r->have = 0;
}

/* The next entry that holds.  ERR_NONE: the end. */
static enum err
reader_next(struct reader *r, struct journal_entry *e)
{
	for (;;) {
		struct span in;
		size_t length;
		enum err error = reader_fill(r, &in);

		if (error != ERR_OK)
			return error;
		if (in.n < JOURNAL_ENTRY_HEAD)
			return ERR_NONE;
		error = journal_decode(in, r->s->journal_seed, r->at, e,
		    &length);
		if (error == ERR_OK) {
			if (e->type == JOURNAL_GROUP)
				reader_group(r, e);
			else
				r->have++;
			r->at += length;
			return ERR_OK;
		}
		/* Zeros up to the next block end each group. */
		if (le_u64(in.p) == 0 && r->at % JOURNAL_BLOCK != 0) {
			r->at += 8;
			continue;
		}
		r->hole = MIN(r->hole, r->at);
		r->at += 8;
	}
}

static enum err
reader_begin(struct reader *r, struct store *s)
{
	*r = (struct reader){ .s = s, .window = buf_make(JOURNAL_WINDOW + 1),
		.at = JOURNAL_BLOCK, .base = UINT64_MAX, .hole = UINT64_MAX };
	return s->files->size(s->files->self, s->journal, &r->size) < 0
	    ? ERR_IO : ERR_OK;
}

static struct segment *
entry_segment(struct store *s, const struct journal_entry *e)
{
	struct segment *g = store_segment_find(s, e->number);

	return g != NULL && g->generation == e->generation ? g : NULL;
}

/*
 * The records that the entry speaks of end here: their writer may have said no
 * more to us than that they are durable.
 */
static uint32_t
dead_end(const struct journal_entry *e)
{
	uint64_t room = (uint64_t)e->sequence + e->text.n * 8;

	if (e->text.n == 0 || e->value > room || e->value <= e->sequence)
		return e->sequence;
	return (uint32_t)e->value;
}

/* A move speaks of two records: the one that it left is known as well. */
static void
moved_foresee(struct store *s, const struct journal_entry *e)
{
	struct journal_entry key = { 0 };
	struct segment *from;

	if (e->text.n < 20)
		return;
	key.number = le_u64(e->text.p);
	key.generation = le_u64(e->text.p + 8);
	from = entry_segment(s, &key);
	if (from != NULL)
		from->heard = MAX(from->heard, le_u32(e->text.p + 16) + 1);
}

/* First time: only what concerns whole segments. */
static void
entry_foresee(struct store *s, const struct journal_entry *e)
{
	struct segment *g;

	if (e->type == JOURNAL_NUMBERS) {
		s->next_segment = MAX(s->next_segment, e->value);
		s->next_large = MAX(s->next_large, e->number);
		return;
	}
	if (e->type == JOURNAL_MOVED)
		moved_foresee(s, e);
	g = entry_segment(s, e);
	if (g == NULL)
		return;
	if (e->type == JOURNAL_DROPPED) {
		/* Without it a hole is taken for corruption, no worse. */
		if (e->text.n >= 8)
			(void)!segment_drop_add(g, e->value,
			    le_u64(e->text.p));
	} else if (e->type == JOURNAL_SEALED) {
		g->end = MIN(MAX(e->value, (uint64_t)SPOOL_FIRST), g->size);
		g->is_poisoned = g->is_poisoned || e->fate != 0;
	} else if (e->type == JOURNAL_DEAD) {
		g->heard = MAX(g->heard, dead_end(e));
	} else if (e->type != JOURNAL_GROUP) {
		g->heard = MAX(g->heard, e->sequence + 1);
	}
}

void
message_forget(struct store *s, struct store_message *m)
{
	m->large = 0;
	message_finish(s, m, 0);
}

static void
bits_settle(struct store *s, struct store_message *m, struct span bits)
{
	for (uint32_t i = 0; i < m->nslots && i / 8 < bits.n; i++)
		if (bits.p[i / 8] >> i % 8 & 1)
			(void)message_settle(m, i);
	m->flags &= (uint8_t)~MESSAGE_DORMANT;
	if (m->left == 0)
		message_forget(s, m);
}

static void
do_settled(struct store *s, struct store_message *m,
    const struct journal_entry *e)
{
	if (e->slot < m->nslots && message_settle(m, e->slot))
		message_forget(s, m);
}

static void
do_retry(struct store *s, struct store_message *m,
    const struct journal_entry *e)
{
	struct store_slot *at;

	if (e->slot >= m->nslots ||
	    (at = message_slot(m, e->slot, true)) == NULL)
		return;
	slot_put(s, at, e);
}

static void
do_live(struct store *s, struct store_message *m,
    const struct journal_entry *e)
{
	bits_settle(s, m, e->text);
}

static void
do_moved(struct store *s, struct store_message *m,
    const struct journal_entry *e)
{
	struct segment *from;
	struct store_message *old;
	struct journal_entry key = { 0 };

	if (e->text.n < 20)
		return;
	key.number = le_u64(e->text.p);
	key.generation = le_u64(e->text.p + 8);
	from = entry_segment(s, &key);
	old = from == NULL ? NULL : segment_message(from,
	    le_u32(e->text.p + 16));
	if (old != NULL && old != m)
		message_forget(s, old);
	bits_settle(s, m, span_skip(e->text, 20));
}

static void
do_lost(struct store *s, struct store_message *m,
    UNUSED const struct journal_entry *e)
{
	message_forget(s, m);
}

static void
entry_dead(struct store *s, struct segment *g, const struct journal_entry *e)
{
	for (uint32_t i = 0; i < e->text.n * 8; i++) {
		struct store_message *m = segment_message(g, e->sequence + i);

		if (m != NULL && (e->text.p[i / 8] >> i % 8 & 1))
			message_forget(s, m);
	}
}

/* Second time: what became of messages. */
static void
entry_apply(struct store *s, const struct journal_entry *e)
{
	static void (*const rows[JOURNAL_TYPE_COUNT])(struct store *,
	    struct store_message *, const struct journal_entry *) = {
		[JOURNAL_SETTLED] = do_settled,
		[JOURNAL_RETRY] = do_retry,
		[JOURNAL_LIVE] = do_live,
		[JOURNAL_MOVED] = do_moved,
		[JOURNAL_LOST] = do_lost,
	};
	struct segment *g = entry_segment(s, e);
	struct store_message *m;

	if (g == NULL)
		return;
	if (e->type == JOURNAL_DEAD) {
		entry_dead(s, g, e);
		return;
	}
	m = segment_message(g, e->sequence);
	if (m != NULL && rows[e->type] != NULL)
		rows[e->type](s, m, e);
}

static enum err
journal_read(struct store *s,
    void (*each)(struct store *, const struct journal_entry *),
    uint64_t *holes)
{
	struct journal_entry entry;
	struct reader r;
	enum err e;

	if (s->journal < 0)
		return ERR_OK;
	e = reader_begin(&r, s);
	while (e == ERR_OK && (e = reader_next(&r, &entry)) == ERR_OK)
		each(s, &entry);
	buf_free(&r.window);
	*holes = r.holes;
	s->journal_end = r.size;
	return e == ERR_NONE ? ERR_OK : e;
}

void
journal_alarm(struct store *s)
{
	char name[SPOOL_NAME_MAX] = "j";
	uint64_t size;

	for (size_t i = 0; i < 16; i++)
		name[1 + i] =
		    "0123456789abcdef"[s->journal_seed >> (60 - 4 * i) & 15];
	name[17] = '\0';
	if (s->journal >= 0 &&
	    s->files->size(s->files->self, s->journal, &size) == 0 &&
	    !quarantine_octets(s, s->journal, name, 0, size))
		return;
	s->counts.corrupt++;
	store_alarm(s, STORE_ALARM_JOURNAL, NULL, 0, 0, NULL);
}

enum err
journal_foresee(struct store *s, uint64_t *holes)
{
	return journal_read(s, entry_foresee, holes);
}

enum err
journal_apply(struct store *s)
{
	uint64_t holes;

	return journal_read(s, entry_apply, &holes);
}
