/*
 * store_recover.c - store_open: what a crash left, and what of it counts.
 *
 * In this order, and nothing is changed before a newer format or a second
 * instance has been ruled out:
 *
 *	lock; look at every name, every head
 *	temporary files of ours away; what nobody knows into quarantine/
 *	each head synced and read from the disk: its generation is sure
 *	journal, first time: which segments are sealed, how far it knew them
 *	segments: poison and evidence first, then the records
 *	journal, second time: settled, deferred, moved
 *	a fresh journal with all that; from here on everything is as it says
 *	large files: needed, left over, or kept for an inquiry
 *	every living message is reported
 *
 * Whatever is cut short is simply done again: SPL-8.
 */
#include "spool/recover_priv.h"

#include "spool/writer_priv.h"

#include <errno.h>
#include <stdlib.h>

void
store_working(const struct store *s)
{
	if (s->is_opening && s->events->working != NULL)
		s->events->working(s->events->arg);
}

void
store_syncing(const struct store *s)
{
	if (s->events->syncing != NULL)
		s->events->syncing(s->events->arg);
}

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

		store_working(s);
		e = g->end != 0 ? segment_finish(s, g)
				: segment_learn(s, g, &evidence);
	}
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		struct segment *g = store_segment_at(s, i);

		if (g->state != SEGMENT_HELD)
			continue;
		store_working(s);
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
	store_syncing(s);
	spool_job_run(&job);
	if (!store_checkpoint_end(s, &job)) {
		errno = job.why;
		return ERR_IO;
	}
	s->durable_ticket = s->covered_ticket = s->last_ticket;
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
			store_working(s);
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
		e = journal_foresee(s, &holes);
	is_rotten = is_rotten || holes > 0 ||
	    (is_new && store_segment_count(s) > 0);
	if (e == ERR_OK && is_rotten)
		journal_alarm(s);
	if (e == ERR_OK)
		e = segments_read(s);
	if (e == ERR_OK)
		e = journal_apply(s);
	if (e == ERR_OK && is_rotten)
		e = copies_weigh(s);
	if (e != ERR_OK)
		return e;
	dormant_forget(s);
	/* Whoever lives still may hold what he wrote: nobody gets it (PRV-3). */
	if (s->options.has_writers)
		s->first_ours = s->next_segment;
	/*
	 * Before a file goes: the journal that was read may be in memory only,
	 * when its sync failed and its queue died of it.
	 */
	e = journal_renew(s);
	if (e == ERR_OK)
		e = larges_settle(s);
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
	s->kept = buf_make(2 * STORE_KEPT_MAX);
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
