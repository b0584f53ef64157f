/*
 * store_sync.c - outcomes into the journal.
 *
 * One sync does, in this order: our own segment, then the journal's group.  So
 * a bounce is durable before the outcome that relied on it, and a straggler's
 * copy before the word that it moved.
 *
 * All that the journal says is in memory too.  Whatever fails, the remedy is
 * the same: a fresh journal with everything in it (a checkpoint); until that is
 * durable nothing new is delivered.
 */
#include "spool/store_priv.h"

#include "spool/le.h"
#include "spool/plant.h"
#include "spool/writer_priv.h"

#include <errno.h>

#define GROUP_MAX	(256u * 1024)	/* octets of a checkpoint's write */
#define CHECKPOINT_LEAST (16u << 20)	/* octets of journal before the next */
#define JOURNAL_NAME	"journal"
#define JOURNAL_FRESH	"journal.new"
#define RESERVE_NAME	"reserve"

enum err
store_note(struct store *s, const struct journal_entry *e, uint64_t *ticket)
{
	enum err error = journal_add(&s->pending, e);

	if (error != ERR_OK)
		return error;
	s->npending++;
	*ticket = ++s->last_ticket;
	return ERR_OK;
}

static struct journal_entry
seal_entry(const struct segment *g)
{
	return (struct journal_entry){ .type = JOURNAL_SEALED,
		.number = g->number, .generation = g->generation,
		.value = g->end, .fate = g->is_poisoned };
}

enum err
store_seal_note(struct store *s, const struct segment *g, uint64_t *ticket)
{
	struct journal_entry e;
	enum err error = ERR_OK;
	uint8_t text[8];

	for (size_t i = 0; i < g->dropped.n / sizeof(struct spool_cut) &&
	     error == ERR_OK; i++) {
		e = segment_dropped_entry(g, i, text);
		error = store_note(s, &e, ticket);
	}
	e = seal_entry(g);
	return error == ERR_OK ? store_note(s, &e, ticket) : error;
}

static bool
fate_is_final(enum store_fate fate)
{
	return fate == STORE_DONE || fate == STORE_FAILED ||
	    fate == STORE_DELETED;
}

static struct journal_entry
slot_entry(const struct store_message *m, uint32_t slot)
{
	return (struct journal_entry){ .number = m->segment->number,
		.generation = m->segment->generation,
		.sequence = m->sequence, .slot = slot };
}

void
slot_put(struct store *s, struct store_slot *at, const struct journal_entry *e)
{
	words_drop(s->words, at->words);
	*at = (struct store_slot){
		.next_ms = e->value,
		.words = words_keep(s->words, e->text),
		.attempts = (uint16_t)MIN(e->attempts, (uint32_t)UINT16_MAX),
		.fate = (uint8_t)e->fate,
		.is_told = (e->fate & JOURNAL_TOLD) != 0,
	};
}

enum err
store_settle(struct store *s, struct store_message *m, uint32_t slot,
    const struct store_outcome *o, uint64_t *ticket)
{
	struct journal_entry e = slot_entry(m, slot);
	struct store_slot *at;
	uint64_t done;
	enum err error;

	*ticket = s->durable_ticket;
	if (store_slot_is_settled(m, slot))
		return ERR_OK;
	e.type = fate_is_final(o->fate) ? JOURNAL_SETTLED : JOURNAL_RETRY;
	e.fate = (uint16_t)o->fate;
	e.value = o->next_ms;
	e.attempts = o->attempts;
	if (e.type == JOURNAL_RETRY)
		e.text = span_of(o->words.p,
		    MIN(o->words.n, (size_t)STORE_WORDS_MAX));
	at = message_slot(m, slot, e.type == JOURNAL_RETRY);
	if (e.type == JOURNAL_RETRY && at == NULL)
		return ERR_NOMEM;
	if (e.type == JOURNAL_RETRY && at->is_told)
		e.fate |= JOURNAL_TOLD;
	error = store_note(s, &e, &done);
	if (error != ERR_OK)
		return error;
	*ticket = done;
	if (e.type == JOURNAL_SETTLED) {
		if (message_settle(m, slot))
			message_finish(s, m, done);
		return ERR_OK;
	}
	slot_put(s, at, &e);
	return ERR_OK;
}

void
store_tell(struct store *s, struct store_message *m, uint32_t slot)
{
	struct journal_entry key = slot_entry(m, slot), e;
	uint64_t ticket;

	if (store_slot_is_told(m, slot) ||
	    store_retry_note(s, &key, m, slot, &e) != ERR_OK)
		return;
	e.fate |= JOURNAL_TOLD;
	if (store_note(s, &e, &ticket) == ERR_OK)
		message_slot(m, slot, false)->is_told = true;
}

bool
store_slot_is_told(struct store_message *m, uint32_t slot)
{
	const struct store_slot *at = message_slot(m, slot, false);

	return at != NULL && at->is_told;
}

enum err
store_outcome(struct store *s, struct store_message *m, uint32_t slot,
    struct buf *to, struct store_outcome *o)
{
	const struct store_slot *at = message_slot(m, slot, false);
	enum err e;

	if (slot >= m->nslots || at == NULL || at->fate == 0 ||
	    store_slot_is_settled(m, slot))
		return ERR_NONE;
	buf_cut(to, 0);
	e = buf_add(to, words_text(s->words, at->words));
	if (e == ERR_OK)
		*o = (struct store_outcome){ (enum store_fate)at->fate,
			at->next_ms, at->attempts, buf_span(to) };
	return e;
}

/* --- checkpoint ---------------------------------------------------------- */

/* Write what has gathered as one group of the fresh journal. */
static enum err
fresh_flush(struct store *s)
{
	size_t gap = (JOURNAL_BLOCK - s->out.n % JOURNAL_BLOCK) % JOURNAL_BLOCK;
	struct iovec part;
	enum err e = ERR_OK;

	if (s->out.n == 0)
		return ERR_OK;
	journal_seal(s->out.p, s->out.n, s->fresh_seed, s->fresh_end);
	if (gap > 0)
		e = buf_room(&s->out, gap);
	if (e != ERR_OK)
		return e;
	memset(buf_end(&s->out), 0, gap);
	buf_grew(&s->out, gap);
	spool_hasher_add(s->hasher, buf_span(&s->out));
	part = (struct iovec){ s->out.p, s->out.n };
	e = spool_write_at(s->files, s->fresh, &part, 1, s->fresh_end);
	s->fresh_end += s->out.n;
	buf_cut(&s->out, 0);
	return e;
}

static enum err
fresh_add(struct store *s, const struct journal_entry *e)
{
	enum err error = journal_add(&s->out, e);

	if (error == ERR_OK && s->out.n >= GROUP_MAX)
		error = fresh_flush(s);
	return error;
}

/* One bit a record: set when nothing in it is still to be delivered. */
static enum err
fresh_dead(struct store *s, const struct segment *g)
{
	uint8_t bits[1024];
	struct journal_entry e = { .type = JOURNAL_DEAD, .number = g->number,
		.generation = g->generation };
	enum err error = ERR_OK;

	for (uint32_t at = 0; at < g->sequence && error == ERR_OK;
	     at += 8 * (uint32_t)sizeof bits) {
		uint32_t n = MIN(g->sequence - at, 8 * (uint32_t)sizeof bits);

		memset(bits, 0, sizeof bits);
		for (uint32_t i = 0; i < n; i++)
			if (segment_message(g, at + i) == NULL)
				bits[i / 8] |= (uint8_t)(1u << i % 8);
		e.sequence = at;
		e.value = at + n;
		e.text = span_of(bits, (n + 7) / 8);
		error = fresh_add(s, &e);
	}
	return error;
}

/* The settled slots as octets, the first slot in the lowest bit. */
struct span
message_settled_bits(const struct store_message *m, uint8_t *bits)
{
	memset(bits, 0, (m->nslots + 7u) / 8u);
	for (uint32_t i = 0; i < m->nslots; i++)
		if (store_slot_is_settled(m, i))
			bits[i / 8] |= (uint8_t)(1u << i % 8);
	return span_of(bits, (m->nslots + 7u) / 8u);
}

enum err
store_retry_note(struct store *s, const struct journal_entry *key,
    struct store_message *m, uint32_t slot, struct journal_entry *e)
{
	const struct store_slot *at = message_slot(m, slot, false);

	if (at == NULL || at->fate == 0 || store_slot_is_settled(m, slot))
		return ERR_NONE;
	*e = *key;
	e->type = JOURNAL_RETRY;
	e->slot = slot;
	e->fate = (uint16_t)(at->fate | (at->is_told ? JOURNAL_TOLD : 0));
	e->value = at->next_ms;
	e->attempts = at->attempts;
	e->text = words_text(s->words, at->words);
	return ERR_OK;
}

static enum err
fresh_message(struct store *s, struct store_message *m)
{
	uint8_t bits[ENVELOPE_RECIPIENTS_MAX / 8 + 1];
	struct journal_entry key = slot_entry(m, 0), e = key;
	enum err error = ERR_OK;

	e.type = JOURNAL_LIVE;
	e.text = message_settled_bits(m, bits);
	if (m->flags & MESSAGE_COPY || m->left < m->nslots)
		error = fresh_add(s, &e);
	for (uint32_t i = 0; i < m->nslots && error == ERR_OK; i++) {
		if (store_retry_note(s, &key, m, i, &e) == ERR_OK)
			error = fresh_add(s, &e);
	}
	return error;
}

static enum err
fresh_segment(struct store *s, const struct segment *g)
{
	struct journal_entry e = seal_entry(g);
	enum err error = ERR_OK;
	uint8_t text[8];
	uint32_t n;

	if (g->end != 0)
		error = fresh_add(s, &e);
	n = (uint32_t)(g->dropped.n / sizeof(struct spool_cut));
	for (uint32_t i = 0; i < n && error == ERR_OK; i++) {
		e = segment_dropped_entry(g, i, text);
		error = fresh_add(s, &e);
	}
	if (error == ERR_OK)
		error = fresh_dead(s, g);
	/* A straggler's copy may stand behind what has been scanned. */
	n = (uint32_t)(g->messages.n / sizeof(struct store_message *));
	for (uint32_t i = 0; i < n && error == ERR_OK; i++) {
		struct store_message *m = segment_message(g, i);

		if (m != NULL)
			error = fresh_message(s, m);
	}
	return error;
}

static enum err
fresh_open(struct store *s)
{
	const struct spool_files *f = s->files;

	(void)f->unlink(f->self, s->dir, JOURNAL_FRESH);
	if (f->random(f->self, &s->fresh_seed, sizeof s->fresh_seed) < 0)
		return ERR_IO;
	s->fresh = f->open(f->self, s->dir, JOURNAL_FRESH,
	    SPOOL_READ | SPOOL_WRITE | SPOOL_CREATE);
	if (s->fresh < 0)
		return ERR_IO;
	s->fresh_end = JOURNAL_BLOCK;
	spool_hasher_begin(s->hasher, s->fresh_seed);
	buf_cut(&s->out, 0);
	return ERR_OK;
}

/* Last: it vouches for every octet behind it. */
static enum err
fresh_head(struct store *s)
{
	const struct journal_head head = { s->fresh_seed, s->fresh_end,
		spool_hasher_end(s->hasher) };
	struct iovec part;

	if (buf_room(&s->out, JOURNAL_BLOCK) != ERR_OK)
		return ERR_NOMEM;
	journal_head_encode(&head, s->out.p);
	part = (struct iovec){ s->out.p, JOURNAL_BLOCK };
	return spool_write_at(s->files, s->fresh, &part, 1, 0);
}

static void
fresh_drop(struct store *s)
{
	if (s->fresh < 0)
		return;
	(void)s->files->close(s->files->self, s->fresh);
	s->fresh = -1;
}

enum err
store_checkpoint(struct store *s, struct spool_job *job)
{
	struct journal_entry numbers = { .type = JOURNAL_NUMBERS,
		.value = s->next_segment, .number = s->next_large };
	enum err e = fresh_open(s);

	if (e == ERR_OK)
		e = fresh_add(s, &numbers);
	for (size_t i = 0; i < store_segment_count(s) && e == ERR_OK; i++)
		e = fresh_segment(s, store_segment_at(s, i));
	if (e == ERR_OK)
		e = fresh_flush(s);
	if (e == ERR_OK)
		e = fresh_head(s);
	if (e != ERR_OK) {
		if (e == ERR_IO && (errno == ENOSPC || errno == EDQUOT))
			store_reserve_release(s);
		fresh_drop(s);
		buf_cut(&s->out, 0);
		return e;
	}
	buf_cut(&s->pending, 0);
	s->npending = 0;
	job->write_fd = s->fresh;
	job->is_writing = true;
	job->text = (struct span){ 0 };
	job->dir = s->dir;
	memcpy(job->from, JOURNAL_FRESH, sizeof JOURNAL_FRESH);
	memcpy(job->to, JOURNAL_NAME, sizeof JOURNAL_NAME);
	return ERR_OK;
}

bool
store_checkpoint_end(struct store *s, const struct spool_job *job)
{
	if (job->error != ERR_OK) {
		fresh_drop(s);
		return false;
	}
	if (s->journal >= 0)
		(void)s->files->close(s->files->self, s->journal);
	s->journal = s->fresh;
	s->journal_seed = s->fresh_seed;
	s->journal_end = s->journal_base = s->fresh_end;
	s->fresh = -1;
	s->is_broken = false;
	return true;
}

/* --- one sync ------------------------------------------------------------ */

static bool
checkpoint_is_due(const struct store *s)
{
	return s->is_broken ||
	    s->journal_end > MAX((uint64_t)CHECKPOINT_LEAST,
		s->journal_base * 4);
}

/* MOVED is durable, in the last group: another one is to stand behind it. */
static bool
cover_is_due(const struct store *s)
{
	return s->cover_wanted > s->covered_ticket &&
	    s->cover_wanted <= s->durable_ticket;
}

bool
store_sync_wanted(const struct store *s)
{
	if (s->is_syncing || store_is_pausing(s, s->sync_pause))
		return false;
	return s->pending.n > 0 || s->moves.n > 0 || cover_is_due(s) || s->salvage_ticket != 0 ||
	    checkpoint_is_due(s) || spool_writer_wants_sync(s->own);
}

/* The group: GROUP, then what waits.  Two buffers change places. */
static enum err
group_make(struct store *s, struct spool_job *job)
{
	struct journal_entry head = { .type = JOURNAL_GROUP,
		.value = s->journal_end, .sequence = s->npending };
	enum err e;

	if (s->pending.n == 0 && !cover_is_due(s))
		return ERR_OK;
	buf_cut(&s->out, 0);
	e = journal_add(&s->out, &head);
	if (e == ERR_OK)
		e = buf_add(&s->out, buf_span(&s->pending));
	if (e != ERR_OK)
		return e;
	buf_cut(&s->pending, 0);
	s->npending = 0;
	journal_seal(s->out.p, s->out.n, s->journal_seed, s->journal_end);
	job->write_fd = s->journal;
	job->is_writing = true;
	job->text = buf_span(&s->out);
	job->at = s->journal_end;
	if (PLANTED(PLANT_OUTCOME_NOT_SYNCED)) {
		struct iovec part = { s->out.p, s->out.n };

		job->is_writing = false;
		return spool_write_at(s->files, s->journal, &part, 1, job->at);
	}
	return ERR_OK;
}

static void
sync_failed(struct store *s)
{
	s->is_broken = true;
	s->sync_pause = store_now(s) + STORE_PAUSE_MS;
}

bool
store_sync_begin(struct store *s, struct spool_job *job)
{
	enum err e;

	ASSERT(!s->is_syncing);
	if (!store_sync_wanted(s))
		return false;
	e = own_salvage(s);
	if (e != ERR_OK && !own_has_failed(s))
		return false;
	*job = (struct spool_job){ .files = s->files };
	/* A segment that failed meanwhile is let go first, alone. */
	if (own_sync_begin(s, job) || e != ERR_OK) {
		s->sync_ticket = s->durable_ticket;
		s->is_syncing = true;
		return true;
	}
	e = moves_note(s);
	s->sync_ticket = s->last_ticket;
	/* What relies on our own mail must not get ahead of it. */
	if (s->is_own_syncing && s->own->parts[s->own->syncing].is_bad)
		e = ERR_IO;
	if (e == ERR_OK && checkpoint_is_due(s))
		e = store_checkpoint(s, job);
	else if (e == ERR_OK)
		e = group_make(s, job);
	if (e != ERR_OK) {
		sync_failed(s);
		/* Our own part of the job may still be done. */
		if (!s->is_own_syncing)
			return false;
		job->is_writing = false;
		job->from[0] = '\0';
		s->sync_ticket = s->durable_ticket;
	}
	s->is_syncing = true;
	return true;
}

static void
larges_remove(struct store *s)
{
	for (size_t i = s->larges.n / sizeof(struct store_large); i > 0; i--) {
		const struct store_large *large =
		    (const struct store_large *)(void *)s->larges.p + i - 1;

		if (large->state == LARGE_DOOMED &&
		    large->ticket <= s->durable_ticket)
			store_large_remove(s, large->number);
	}
}

struct spool_synced
store_sync_end(struct store *s, const struct spool_job *job)
{
	bool was_fresh = s->fresh >= 0, is_good;
	const struct segment *failed;

	ASSERT(s->is_syncing);
	s->is_syncing = false;
	failed = own_sync_end(s, job);
	is_good = failed == NULL;
	if (was_fresh)
		is_good = store_checkpoint_end(s, job) && is_good;
	if (job->error != ERR_OK || !is_good) {
		store_alarm(s, STORE_ALARM_SYNC, failed, 0, 0, NULL);
		if (job->why == ENOSPC || job->why == EDQUOT)
			store_reserve_release(s);
		moves_revert(s);
		sync_failed(s);
	} else {
		if (was_fresh)
			s->covered_ticket = s->sync_ticket;
		else if (s->out.n > 0)
			s->covered_ticket = s->durable_ticket;
		s->journal_end += was_fresh ? 0
		    : (s->out.n + JOURNAL_BLOCK - 1) / JOURNAL_BLOCK *
			JOURNAL_BLOCK;
		s->durable_ticket = MAX(s->durable_ticket, s->sync_ticket);
		s->sync_pause = 0;
		moves_done(s);
		larges_remove(s);
	}
	buf_cut(&s->out, 0);
	own_notes(s);
	return (struct spool_synced){ .acked = s->durable_ticket };
}

bool
store_may_deliver(const struct store *s)
{
	return !s->is_broken;
}

void
store_reserve_release(struct store *s)
{
	if (!s->has_reserve)
		return;
	(void)s->files->unlink(s->files->self, s->dir, RESERVE_NAME);
	s->has_reserve = false;
}
