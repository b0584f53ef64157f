/*
 * store_recover.c - store_open: what a crash left, and what of it counts.
 *
 * In this order, and nothing is changed before a newer format or a second
 * instance has been ruled out:
 *
 *	lock; look at every name, every head
 *	temporary files of ours away; what nobody knows into quarantine/
 *	journal, first time: which segments are sealed, how far it knew them
 *	segments: poison and evidence first, then the records
 *	journal, second time: settled, deferred, moved
 *	large files: needed, left over, or kept for an inquiry
 *	a fresh journal with all that; from here on everything is as it says
 *	every living message is reported
 *
 * Whatever is cut short is simply done again: SPL-8.
 */
#include "spool/store_priv.h"

#include "spool/le.h"
#include "spool/writer_priv.h"

#include <errno.h>
#include <stdlib.h>

#define JOURNAL_WINDOW	(128u * 1024)	/* octets of journal read at once */
#define LIST_MAX	(16u << 20)	/* octets of names */

/* --- names --------------------------------------------------------------- */

enum name_kind {
	NAME_STRANGE,
	NAME_OURS,		/* lock, reserve, journal, quarantine */
	NAME_FRESH,		/* *.new: was never in use */
	NAME_SEGMENT,
	NAME_LARGE
};

static bool
name_number(const char *name, const char *prefix, uint64_t *number)
{
	size_t n = strlen(prefix);
	uint64_t v = 0;

	if (strncmp(name, prefix, n) != 0 || strlen(name) != n + 16)
		return false;
	for (const char *p = name + n; *p != '\0'; p++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, *p);

		if (at == NULL)
			return false;
		v = v << 4 | (uint64_t)(at - digits);
	}
	*number = v;
	return v != 0;
}

static bool
name_is_fresh(const char *name)
{
	size_t n = strlen(name);
	char stem[SPOOL_NAME_MAX];
	uint64_t number;

	if (n < 5 || n >= sizeof stem || strcmp(name + n - 4, ".new") != 0)
		return false;
	memcpy(stem, name, n - 4);
	stem[n - 4] = '\0';
	return strcmp(stem, "journal") == 0 ||
	    name_number(stem, "segment-", &number) ||
	    name_number(stem, "large-", &number);
}

static enum name_kind
name_classify(const char *name, uint64_t *number)
{
	static const char *const ours[] = { "lock", "reserve", "journal",
		"quarantine" };

	for (size_t i = 0; i < COUNT(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return NAME_OURS;
	if (name_number(name, "segment-", number))
		return NAME_SEGMENT;
	if (name_number(name, "large-", number))
		return NAME_LARGE;
	return name_is_fresh(name) ? NAME_FRESH : NAME_STRANGE;
}

struct listing {
	struct buf	names;		/* each with its NUL */
	enum err	error;
};

static void
listing_add(void *arg, const char *name)
{
	struct listing *l = arg;

	if (l->error == ERR_OK)
		l->error = buf_add(&l->names, span_of(name, strlen(name) + 1));
}

/* --- segments ------------------------------------------------------------ */

/* The first n octets of a file, or what there is, into s->bulk. */
static enum err
front_read(struct store *s, int fd, size_t n)
{
	size_t got;
	enum err e;

	buf_cut(&s->bulk, 0);
	e = buf_room(&s->bulk, n);
	if (e == ERR_OK)
		e = spool_read_at(s->files, fd, s->bulk.p, n, 0, &got);
	if (e == ERR_OK)
		buf_grew(&s->bulk, got);
	return e;
}

/* ERR_CORRUPT: no head holds. */
static enum err
segment_open(struct store *s, const char *name, uint64_t number)
{
	struct spool_segment_head head;
	struct segment *g;
	uint64_t size;
	enum err e;
	int fd = s->files->open(s->files->self, s->dir, name,
	    SPOOL_READ | SPOOL_WRITE);

	if (fd < 0)
		return errno == EPERM || errno == ELOOP ? ERR_CORRUPT : ERR_IO;
	e = front_read(s, fd, SPOOL_FIRST);
	if (e == ERR_OK)
		e = spool_segment_head_decode(buf_span(&s->bulk), number,
		    &head);
	if (e == ERR_OK && s->files->size(s->files->self, fd, &size) < 0)
		e = ERR_IO;
	if (e == ERR_OK && (head.number != number || head.size > size ||
	    head.size < STORE_SEGMENT_SIZE_MIN ||
	    head.size % SPOOL_BLOCK != 0))
		e = ERR_CORRUPT;
	g = e == ERR_OK ? segment_new(number, head.generation, head.size, fd)
			: NULL;
	if (e == ERR_OK && g == NULL)
		e = ERR_NOMEM;
	if (e != ERR_OK) {
		(void)s->files->close(s->files->self, fd);
		return e;
	}
	g->state = SEGMENT_HELD;
	return store_segment_add(s, g);
}

/*
 * A queue may have died over a new head.  Which of the two counts is to be sure
 * before the journal is renewed, for that speaks of one generation: it is synced
 * and read from the disk once more.
 */
static enum err
head_settle(struct store *s, struct segment *g)
{
	struct spool_segment_head head;
	enum err e;

	if (spool_sync(s->files, g->fd) != ERR_OK) {
		g->is_poisoned = true;
		store_alarm(s, STORE_ALARM_SYNC, g, SPOOL_FIRST, 0, NULL);
	}
	s->files->forget(s->files->self, g->fd, 0, SPOOL_FIRST);
	e = front_read(s, g->fd, SPOOL_FIRST);
	if (e == ERR_OK && spool_segment_head_decode(buf_span(&s->bulk),
	    g->number, &head) == ERR_OK && head.size == g->size) {
		g->generation = head.generation;
		g->seal = spool_seal_of(head.number, head.generation);
	}
	return e;
}

static enum err
heads_settle(struct store *s)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < store_segment_count(s) && e == ERR_OK; i++)
		e = head_settle(s, store_segment_at(s, i));
	return e;
}

static enum err
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

/* Only looks: ERR_DENIED before anything has been changed. */
static enum err
names_look(struct store *s, const struct listing *l, struct buf *strange)
{
	for (size_t at = 0; at < l->names.n;) {
		const char *name = (const char *)l->names.p + at;
		uint64_t number = 0;
		enum err e = ERR_OK;

		at += strlen(name) + 1;
		switch (name_classify(name, &number)) {
		case NAME_SEGMENT:
			e = segment_open(s, name, number);
			s->next_segment = MAX(s->next_segment, number + 1);
			break;
		case NAME_LARGE:
			s->next_large = MAX(s->next_large, number + 1);
			e = store_large_add(s, &(struct store_large){
			    .number = number, .state = LARGE_HANDED });
			break;
		case NAME_STRANGE:
			e = ERR_CORRUPT;
			break;
		case NAME_OURS:
		case NAME_FRESH:
			break;
		}
		if (e == ERR_CORRUPT)
			e = buf_add(strange, span_of(name, strlen(name) + 1));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
names_tidy(struct store *s, const struct listing *l, const struct buf *strange)
{
	for (size_t at = 0; at < strange->n;) {
		const char *name = (const char *)strange->p + at;
		enum err e = quarantine_file(s, name);

		if (e != ERR_OK)
			return e;
		at += strlen(name) + 1;
	}
	for (size_t at = 0; at < l->names.n;) {
		const char *name = (const char *)l->names.p + at;
		uint64_t number;

		at += strlen(name) + 1;
		if (name_classify(name, &number) == NAME_FRESH)
			(void)s->files->unlink(s->files->self, s->dir, name);
		if (strcmp(name, "reserve") == 0)
			s->has_reserve = true;
	}
	return ERR_OK;
}

/* --- the journal --------------------------------------------------------- */

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

/* Out of memory, without the consequences of being delivered. */
static void
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
	words_drop(s->words, at->words);
	*at = (struct store_slot){ e->value, words_keep(s->words, e->text),
		(uint16_t)MIN(e->attempts, (uint32_t)UINT16_MAX),
		(uint8_t)e->fate };
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

/* The journal does not hold as it should: its octets are kept. */
static void
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

/* --- putting it together ------------------------------------------------- */

/* A live writer's segment: no further than what surely was announced. */
static enum err
segment_read_known(struct store *s, struct segment *g)
{
	uint64_t evidence = SPOOL_FIRST;
	enum err e = segment_learn(s, g, &evidence);

	return e == ERR_OK ? segment_scan(s, g, evidence, evidence) : e;
}

/* First all that may hold poison, then the tails that it may concern. */
static enum err
segments_read(struct store *s)
{
	size_t n = store_segment_count(s);
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		struct segment *g = store_segment_at(s, i);
		uint64_t evidence = SPOOL_FIRST;

		e = g->end != 0 ? segment_finish(s, g)
				: segment_learn(s, g, &evidence);
	}
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		struct segment *g = store_segment_at(s, i);

		if (g->state != SEGMENT_HELD)
			continue;
		e = g->end != 0 || !s->options.has_writers
		    ? segment_finish(s, g) : segment_read_known(s, g);
	}
	return e;
}

/*
 * Whose word counts when a message lies in two places: a copy of which the
 * journal spoke, then the original, then a copy of which it did not.
 */
enum rank {
	RANK_COPY,
	RANK_MESSAGE,
	RANK_DORMANT,
	RANK_COUNT
};

static enum rank
message_rank(const struct store_message *m)
{
	if (!(m->flags & MESSAGE_COPY))
		return RANK_MESSAGE;
	return m->flags & MESSAGE_DORMANT ? RANK_DORMANT : RANK_COPY;
}

/* m is of the rank that is looked at: does a better one of its id live? */
static enum err
message_weigh(struct store *s, struct store_message *m)
{
	struct walk_item item;
	enum err e = message_read(s, m, &item);

	if (e != ERR_OK)
		return e == ERR_CORRUPT ? ERR_OK : e;
	if (!store_id_is_new(s, &item.r.id)) {
		message_forget(s, m);
		return ERR_OK;
	}
	m->flags &= (uint8_t)~MESSAGE_DORMANT;
	return ERR_OK;
}

static enum err
rank_weigh(struct store *s, enum rank rank)
{
	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);

		for (uint32_t q = 0; q < g->sequence; q++) {
			struct store_message *m = segment_message(g, q);
			enum err e;

			if (m == NULL || message_rank(m) != rank)
				continue;
			e = message_weigh(s, m);
			if (e != ERR_OK)
				return e;
		}
	}
	return ERR_OK;
}

/*
 * The journal has rotted, and with it perhaps the word that a copy counts, or
 * that its original does not: one of them is to live, whatever it said.  Rather
 * tried twice than not at all.
 */
static enum err
copies_weigh(struct store *s)
{
	enum err e = ERR_OK;

	buf_free(&s->seen);
	s->nseen = 0;
	for (unsigned int rank = 0; rank < RANK_COUNT && e == ERR_OK; rank++)
		e = rank_weigh(s, (enum rank)rank);
	return e;
}

/* Copies that the journal never came to speak of do not count. */
static void
dormant_forget(struct store *s)
{
	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);

		for (uint32_t q = 0; q < g->sequence; q++) {
			struct store_message *m = segment_message(g, q);
			struct store_large *large;

			if (m != NULL && m->flags & MESSAGE_DORMANT) {
				message_forget(s, m);
				continue;
			}
			large = m != NULL && m->large != 0
			    ? store_large_find(s, m->large) : NULL;
			if (large != NULL)
				large->state = LARGE_USED;
		}
	}
}

/*
 * Used: stays.  Mentioned: its message is finished.  Neither: an upload that
 * never ended, or the record that named it has rotted; then it is evidence.
 */
static enum err
larges_settle(struct store *s)
{
	for (size_t i = s->larges.n / sizeof(struct store_large); i > 0; i--) {
		const struct store_large large =
		    ((const struct store_large *)(void *)s->larges.p)[i - 1];
		char name[SPOOL_NAME_MAX];

		if (large.state == LARGE_USED || (s->options.has_writers &&
		    large.state == LARGE_HANDED))
			continue;
		large_name(name, large.number);
		if (large.state == LARGE_HANDED && s->counts.corrupt > 0 &&
		    quarantine_file(s, name) != ERR_OK)
			return ERR_IO;
		store_large_remove(s, large.number);
	}
	return ERR_OK;
}

static enum err
journal_renew(struct store *s)
{
	struct spool_job job = { .files = s->files };
	enum err e = store_checkpoint(s, &job);

	if (e != ERR_OK)
		return e;
	spool_job_run(&job);
	if (!store_checkpoint_end(s, &job)) {
		errno = job.why;
		return ERR_IO;
	}
	s->durable_ticket = s->last_ticket;
	return ERR_OK;
}

static void
slots_report(struct store *s, struct store_message *m)
{
	for (uint32_t i = 0; i < m->nslots; i++) {
		const struct store_slot *at = message_slot(m, i, false);
		struct store_outcome o = { .fate = STORE_DONE };

		if (store_slot_is_settled(m, i)) {
			s->events->outcome(s->events->arg, m, i, &o);
			continue;
		}
		if (at == NULL || at->fate == 0)
			continue;
		o = (struct store_outcome){ (enum store_fate)at->fate,
			at->next_ms, at->attempts,
			words_text(s->words, at->words) };
		s->events->outcome(s->events->arg, m, i, &o);
	}
}

/* No event may settle here; the queue is still taking stock. */
static enum err
messages_report(struct store *s)
{
	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);

		for (uint32_t q = 0; q < g->sequence; q++) {
			struct store_message *m = segment_message(g, q);
			struct walk_item item;
			enum err e;

			if (m == NULL)
				continue;
			e = message_read(s, m, &item);
			if (e == ERR_IO || e == ERR_NOMEM)
				return e;
			if (e != ERR_OK)
				continue;
			message_report(s, m, &item);
			slots_report(s, m);
		}
	}
	return ERR_OK;
}

/* Does what the journal began with hold, to the last octet? */
static enum err
checkpoint_check(struct store *s, bool *is_rotten)
{
	const struct journal_head *h = &s->journal_head;
	enum err e;

	if (s->journal < 0 || h->end <= JOURNAL_BLOCK)
		return ERR_OK;
	e = octets_check(s, s->journal, JOURNAL_BLOCK, h->end - JOURNAL_BLOCK,
	    h->seed, h->hash);
	*is_rotten = e == ERR_CORRUPT;
	return *is_rotten ? ERR_OK : e;
}

static enum err
recover(struct store *s, const struct listing *l, const struct buf *strange,
    bool is_new, bool is_rotten)
{
	uint64_t holes = 0;
	enum err e = names_tidy(s, l, strange);

	if (e == ERR_OK)
		e = heads_settle(s);
	if (e == ERR_OK && !is_rotten)
		e = checkpoint_check(s, &is_rotten);
	if (e == ERR_OK)
		e = journal_read(s, entry_foresee, &holes);
	is_rotten = is_rotten || holes > 0 ||
	    (is_new && store_segment_count(s) > 0);
	if (e == ERR_OK && is_rotten)
		journal_alarm(s);
	if (e == ERR_OK)
		e = segments_read(s);
	if (e == ERR_OK)
		e = journal_read(s, entry_apply, &holes);
	if (e == ERR_OK && is_rotten)
		e = copies_weigh(s);
	if (e != ERR_OK)
		return e;
	dormant_forget(s);
	e = larges_settle(s);
	if (e == ERR_OK)
		e = journal_renew(s);
	return e == ERR_OK ? messages_report(s) : e;
}

static enum err
store_look(struct store *s)
{
	struct listing l = { .names = buf_make(LIST_MAX) };
	struct buf strange = buf_make(LIST_MAX);
	bool is_new, is_rotten;
	enum err e = journal_open(s, &is_new);

	is_rotten = e == ERR_CORRUPT;
	if (is_rotten)
		e = ERR_OK;
	if (e == ERR_OK && s->files->list(s->files->self, s->dir, listing_add,
	    &l) < 0)
		e = ERR_IO;
	if (e == ERR_OK)
		e = l.error;
	if (e == ERR_OK)
		e = names_look(s, &l, &strange);
	if (e == ERR_OK) {
		s->quarantine = s->files->open_dir(s->files->self, s->dir,
		    "quarantine");
		e = s->quarantine < 0 ? ERR_IO
		    : spool_sync_dir(s->files, s->dir);
	}
	if (e == ERR_OK)
		e = recover(s, &l, &strange, is_new, is_rotten);
	buf_free(&l.names);
	buf_free(&strange);
	return e;
}

/* SPL-11: one instance. */
static enum err
store_lock(struct store *s)
{
	const struct spool_files *f = s->files;

	s->lock = f->open(f->self, s->dir, "lock", SPOOL_WRITE);
	if (s->lock < 0 && errno == ENOENT)
		s->lock = f->open(f->self, s->dir, "lock",
		    SPOOL_WRITE | SPOOL_CREATE);
	if (s->lock < 0)
		return errno == EPERM || errno == ELOOP ? ERR_DENIED : ERR_IO;
	if (f->lock(f->self, s->lock) == 0)
		return ERR_OK;
	return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_DENIED : ERR_IO;
}

/* SPL-14: before anything is touched. */
static enum err
store_disk(struct store *s)
{
	struct spool_space space = { 0 };
	struct store_alarm a = { .kind = STORE_ALARM_DISK };
	struct spool_disk_kind kind;

	if (s->files->space(s->files->self, s->dir, &space) < 0)
		return ERR_IO;
	kind = spool_disk_kind(space.magic);
	if (kind.trust == SPOOL_DISK_GOOD)
		return ERR_OK;
	if (kind.trust == SPOOL_DISK_DOUBTFUL)
		a.kind = STORE_ALARM_DOUBT;
	a.name = kind.why;
	s->events->alarm(s->events->arg, &a);
	return kind.trust == SPOOL_DISK_REFUSED ? ERR_DENIED : ERR_OK;
}

static enum err
store_new(const struct spool_files *f, int dir,
    const struct store_options *options, const struct store_events *events,
    struct store **made)
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_NOMEM;
	s->files = f;
	s->dir = dir;
	s->options = *options;
	s->events = events;
	s->segments = buf_make(STORE_SEGMENTS_MAX * sizeof(struct segment *));
	s->larges = buf_make(STORE_LARGE_MAX * sizeof(struct store_large));
	s->window = buf_make(WALK_WINDOW_MAX);
	s->front = buf_make(WALK_WINDOW_MAX);
	s->bulk = buf_make(2 * SPOOL_INLINE_MAX);
	s->cuts = buf_make(SPOOL_CUTS_MAX * sizeof(struct spool_cut));
	s->seen = buf_make(LIST_MAX * 16u);
	s->pending = buf_make(STORE_PENDING_MAX);
	s->out = buf_make(STORE_PENDING_MAX + JOURNAL_BLOCK);
	s->moves = buf_make(STORE_PENDING_MAX);
	s->moved = buf_make(STORE_PENDING_MAX);
	s->next_segment = s->next_large = 1;
	s->quarantine = s->lock = s->journal = s->fresh = s->large_fd = -1;
	if (s->options.segment_size == 0)
		s->options.segment_size = STORE_SEGMENT_SIZE;
	if (s->options.ready == 0)
		s->options.ready = 2;
	if (s->options.ready_large == 0)
		s->options.ready_large = 4;
	s->words = words_new();
	s->hasher = spool_hasher_new();
	if (s->words == NULL || s->hasher == NULL ||
	    spool_writer_new(f, &s->own) != ERR_OK) {
		store_close(s);
		return ERR_NOMEM;
	}
	s->own->is_direct = true;
	*made = s;
	return ERR_OK;
}

enum err
store_open(const struct spool_files *f, int dir,
    const struct store_options *options, const struct store_events *events,
    struct store **made)
{
	struct store *s;
	enum err e = store_new(f, dir, options, events, &s);
	int why;

	if (e != ERR_OK)
		return e;
	s->is_opening = true;
	e = store_disk(s);
	if (e == ERR_OK)
		e = store_lock(s);
	if (e == ERR_OK)
		e = store_look(s);
	s->is_opening = false;
	buf_free(&s->seen);
	if (e != ERR_OK) {
		why = errno;
		store_close(s);
		errno = why;
		return e;
	}
	*made = s;
	return ERR_OK;
}
