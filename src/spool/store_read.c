/*
 * store_read.c - what writers made durable: records become messages.
 *
 * A hole below what is known to be durable is corruption: its octets go into
 * quarantine, somebody is told, and only what lay there is lost.  A hole above
 * is a batch that no sync finished: nobody was told 250 for it.
 */
#include "spool/store_priv.h"

#include "spool/plant.h"

#include <errno.h>

#define BULK_OCTETS	65536u	/* content read at once */

static struct walk
segment_walk(struct store *s, const struct segment *g, uint64_t limit)
{
	struct walk w = walk_make(s->files, g->fd, &g->seal, g->scanned,
	    limit, &s->window);

	w.sequence = g->sequence;
	return w;
}

static void
hole_found(struct store *s, struct segment *g, uint64_t from, uint64_t to,
    uint64_t evidence)
{
	if (from >= to || segment_has_dropped(g, from, to))
		return;
	if (from >= evidence && segment_drop_add(g, from, to) == ERR_OK) {
		s->counts.unfinished++;
		store_alarm(s, STORE_ALARM_UNFINISHED, g, from, to - from,
		    NULL);
		return;
	}
	if (!quarantine_segment(s, g, from, to))
		return;
	s->counts.corrupt++;
	store_alarm(s, STORE_ALARM_CORRUPT, g, from, to - from, NULL);
}

enum err
octets_check(struct store *s, int fd, uint64_t from, uint64_t n, uint64_t seed,
    uint64_t want)
{
	spool_hasher_begin(s->hasher, seed);
	buf_cut(&s->bulk, 0);
	while (n > 0) {
		size_t one = (size_t)MIN(n, (uint64_t)BULK_OCTETS), got;
		enum err e = buf_room(&s->bulk, one);

		if (e == ERR_OK)
			e = spool_read_at(s->files, fd, s->bulk.p, one, from,
			    &got);
		if (e != ERR_OK)
			return e;
		if (got == 0)
			return ERR_CORRUPT;
		spool_hasher_add(s->hasher, span_of(s->bulk.p, got));
		from += got;
		n -= got;
	}
	if (PLANTED(PLANT_HASH_IGNORED))
		return ERR_OK;
	return spool_hasher_end(s->hasher) == want ? ERR_OK : ERR_CORRUPT;
}

/*
 * What another process wrote is to be on the disk, and read from there: after a
 * failed sync that it alone was told of, a descriptor opened later syncs well
 * and memory shows what the disk has lost.
 */
static enum err
settle_fd(struct store *s, int fd)
{
	enum err e;

	store_syncing(s);
	e = spool_sync(s->files, fd);
	s->files->forget(s->files->self, fd, 0, 0);
	return e;
}

/* Without descriptors or memory nothing is known of the file: try later. */
enum err
large_open(struct store *s, uint64_t number, int *fd)
{
	char name[SPOOL_NAME_MAX];

	large_name(name, number);
	*fd = s->files->open(s->files->self, s->dir, name, SPOOL_READ);
	if (*fd >= 0)
		return ERR_OK;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	    errno == EINTR ? ERR_IO : ERR_CORRUPT;
}

/*
 * A large file's size must be exact, its octets must hash.
 * is_late: whoever wrote it may not have come to sync it.
 */
static enum err
large_check(struct store *s, const struct spool_record *r, bool is_late)
{
	uint64_t size;
	int fd;
	enum err e = large_open(s, r->extra, &fd);

	if (e != ERR_OK)
		return e;
	if (is_late && settle_fd(s, fd) != ERR_OK)
		e = ERR_CORRUPT;
	else if (s->files->size(s->files->self, fd, &size) < 0)
		e = ERR_IO;
	else if (size != r->content_n)
		e = ERR_CORRUPT;
	else
		e = octets_check(s, fd, 0, size, r->extra, r->content_hash);
	(void)s->files->close(s->files->self, fd);
	return e;
}

enum err
content_check(struct store *s, const struct segment *g,
    const struct spool_record *r, bool is_late)
{
	if (r->extra != 0)
		return large_check(s, r, is_late);
	return octets_check(s, g->fd, r->place + spool_record_front(r),
	    r->content_n, g->seal.seed, r->content_hash);
}

/* The large file is in use now.  ERR_CORRUPT: that writer had no such one. */
static enum err
large_refer(struct store *s, const struct segment *g,
    const struct spool_record *r)
{
	struct store_large fresh = { .number = r->extra, .state = LARGE_USED };
	struct store_large *large = store_large_find(s, r->extra);

	if (r->extra == 0)
		return ERR_OK;
	if (s->is_opening)
		fresh.state = LARGE_MENTIONED;
	else if (large == NULL || large->state != LARGE_HANDED ||
	    (large->owner != g->owner && large->owner != 0))
		return ERR_CORRUPT;
	if (large == NULL)
		return store_large_add(s, &fresh);
	large->state = fresh.state;
	return ERR_OK;
}

/*
 * Another writer's segment failed: nothing behind last_good counts.  It is
 * sealed by ended_seal, when this walk is over.
 */
static void
poison_apply(struct store *s, struct segment *in, const struct spool_record *r)
{
	struct segment *g = store_segment_find(s, r->extra);

	if (g == NULL || g == in || g->generation != r->content_hash ||
	    g->end != 0 || g->state != SEGMENT_HELD ||
	    r->content_n > g->size)
		return;
	g->end = MAX(r->content_n, g->scanned);
	g->is_poisoned = true;
}

static enum err
ended_seal(struct store *s)
{
	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);
		enum err e;

		if (g->state != SEGMENT_HELD || g->end == 0)
			continue;
		e = segment_seal(s, g, g->end, g->is_poisoned);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

void
message_report(struct store *s, struct store_message *m,
    const struct walk_item *item)
{
	struct envelope e;

	if (envelope_decode(item->envelope, &e) != ERR_OK)
		return;
	s->events->message(s->events->arg, m, &e, &item->r.facts,
	    item->r.content_n);
}

static enum err
message_enter(struct store *s, struct segment *g, const struct walk_item *item)
{
	struct store_message *m;
	struct envelope e;
	enum err error = large_refer(s, g, &item->r);

	if (error == ERR_NOMEM || error == ERR_FULL)
		return error;
	if (error != ERR_OK || envelope_decode(item->envelope, &e) != ERR_OK ||
	    e.nrecipients == 0 || e.nrecipients > ENVELOPE_RECIPIENTS_MAX) {
		/* The hash holds, so its writer lied: keep it, say so. */
		hole_found(s, g, item->r.place, item->r.place +
		    spool_record_length(&item->r), UINT64_MAX);
		return ERR_OK;
	}
	m = message_new(g, &item->r, e.nrecipients);
	if (m == NULL)
		return ERR_NOMEM;
	if (item->r.type == SPOOL_COPY)
		m->flags = MESSAGE_COPY | MESSAGE_DORMANT;
	if (!s->is_opening)
		message_report(s, m, item);
	return ERR_OK;
}

static enum err
record_enter(struct store *s, struct segment *g, const struct walk_item *item,
    uint64_t evidence)
{
	const struct spool_record *r = &item->r;
	uint64_t end = r->place + spool_record_length(r);
	enum err e = ERR_OK;

	if (r->type == SPOOL_POISON)
		poison_apply(s, g, r);
	/* Our own copies are known already while we live. */
	if (r->type == SPOOL_COPY && !s->is_opening)
		return ERR_OK;
	if (r->type != SPOOL_MESSAGE && r->type != SPOOL_COPY)
		return ERR_OK;
	if (segment_has_dropped(g, r->place, end))
		return ERR_OK;
	if (end > evidence)
		e = content_check(s, g, r, true);
	if (e == ERR_CORRUPT) {
		hole_found(s, g, r->place, end, evidence);
		return ERR_OK;
	}
	if (e == ERR_OK && s->is_opening && r->type == SPOOL_MESSAGE &&
	    !store_id_is_new(s, &r->id))
		return ERR_OK;
	return e == ERR_OK ? message_enter(s, g, item) : e;
}

enum err
segment_scan(struct store *s, struct segment *g, uint64_t limit,
    uint64_t evidence)
{
	struct walk w = segment_walk(s, g, limit);
	struct walk_item item;
	enum err e;

	while ((e = walk_next(&w, &item)) == ERR_OK) {
		hole_found(s, g, item.hole_from, item.hole_to, evidence);
		e = record_enter(s, g, &item, evidence);
		if (e != ERR_OK)
			return e;
		g->scanned = w.at;
		g->sequence = w.sequence;
	}
	if (e != ERR_NONE)
		return e;
	hole_found(s, g, item.hole_from, MIN(item.hole_to, evidence),
	    evidence);
	g->scanned = MAX(g->scanned, MIN(evidence, limit));
	return ERR_OK;
}

enum err
segment_learn(struct store *s, struct segment *g, uint64_t *evidence)
{
	struct walk w = segment_walk(s, g, g->size);
	struct walk_item item;
	enum err e;

	while ((e = walk_next(&w, &item)) == ERR_OK) {
		struct segment *other;

		if (item.r.type == SPOOL_BATCH && item.r.extra <= g->size)
			*evidence = MAX(*evidence, item.r.extra);
		if (item.r.sequence < g->heard)
			*evidence = MAX(*evidence, w.at);
		if (item.r.type != SPOOL_POISON)
			continue;
		other = store_segment_find(s, item.r.extra);
		if (other == NULL || other == g || other->end != 0 ||
		    other->generation != item.r.content_hash ||
		    item.r.content_n > other->size)
			continue;
		other->end = MAX(item.r.content_n, (uint64_t)SPOOL_FIRST);
		other->is_poisoned = true;
	}
	return e == ERR_NONE ? ERR_OK : e;
}

/*
 * Mail that waits does not fill the page cache: what is behind the last few
 * sealed segments and still lives there is waiting for a retry.  A segment
 * without living mail keeps its pages, for it is written again soon.
 */
static void
sealed_note(struct store *s, uint64_t number)
{
	uint64_t *slot = &s->sealed[s->sealed_next++ % STORE_CACHED];
	const struct segment *old = *slot == 0 ? NULL
	    : store_segment_find(s, *slot);

	*slot = number;
	if (old != NULL && old->state == SEGMENT_READ && old->alive > 0 &&
	    old->fd >= 0)
		s->files->forget(s->files->self, old->fd, 0, 0);
}

enum err
segment_seal(struct store *s, struct segment *g, uint64_t end,
    bool is_poisoned)
{
	enum err e = segment_scan(s, g, end, end);
	uint64_t ticket;

	if (e != ERR_OK)
		return e;
	g->end = MAX(end, (uint64_t)SPOOL_FIRST);
	g->state = SEGMENT_READ;
	sealed_note(s, g->number);
	g->is_poisoned = g->is_poisoned || is_poisoned;
	e = store_seal_note(s, g, &ticket);
	if (e == ERR_OK)
		g->wait_ticket = MAX(g->wait_ticket, ticket);
	return e;
}

enum err
segment_finish(struct store *s, struct segment *g)
{
	uint64_t evidence = g->scanned;
	enum err e;

	if (g->end != 0)
		return segment_seal(s, g, g->end, g->is_poisoned);
	/*
	 * An earlier write-back error reaches our descriptor too.  That says
	 * nothing of the last batch, which its writer may have synced, and
	 * promised, before: what the disk has of it is kept.  Where the writer's
	 * own sync failed, it has said how far it was sure: g->end.
	 */
	if (settle_fd(s, g->fd) != ERR_OK) {
		g->is_poisoned = true;
		store_alarm(s, STORE_ALARM_SYNC, g, g->scanned, 0, NULL);
	}
	e = segment_learn(s, g, &evidence);
	if (e == ERR_OK)
		e = segment_scan(s, g, g->size, evidence);
	return e == ERR_OK ? segment_seal(s, g, g->scanned, g->is_poisoned) : e;
}

static enum err
segment_of(struct store *s, uint64_t owner, uint64_t number,
    uint64_t generation, uint64_t durable, struct segment **found)
{
	struct segment *g = store_segment_find(s, number);

	if (g == NULL || g->generation != generation || durable > g->size ||
	    durable < SPOOL_FIRST || owner == 0)
		return ERR_DENIED;
	/* A new queue learns from the writer who it is. */
	if (g->owner == 0 && g->state == SEGMENT_HELD)
		g->owner = owner;
	if (g->owner != owner)
		return ERR_DENIED;
	*found = g;
	return ERR_OK;
}

enum err
store_advance(struct store *s, uint64_t owner, uint64_t segment,
    uint64_t generation, uint64_t durable)
{
	struct segment *g;
	enum err e = segment_of(s, owner, segment, generation, durable, &g);

	if (e != ERR_OK)
		return e;
	if (g->end != 0)
		durable = MIN(durable, g->end);
	if (g->state != SEGMENT_HELD || durable <= g->scanned)
		return ERR_OK;
	g->told = MAX(g->told, durable);
	e = segment_scan(s, g, durable, durable);
	return e == ERR_OK ? ended_seal(s) : e;
}

/*
 * Done with already: read to its end, used again or removed.  A writer whose
 * segment failed says so until it has been heard.
 */
static bool
segment_is_past(const struct store *s, uint64_t number, uint64_t generation)
{
	const struct segment *g = store_segment_find(s, number);

	if (g == NULL)
		return number < s->next_segment;
	return generation < g->generation ||
	    (generation == g->generation && g->state == SEGMENT_READ &&
		g->owner == 0);
}

enum err
store_sealed(struct store *s, uint64_t owner, uint64_t segment,
    uint64_t generation, uint64_t durable, bool is_poisoned)
{
	struct segment *g;
	enum err e;

	if (segment_is_past(s, segment, generation))
		return ERR_OK;
	e = segment_of(s, owner, segment, generation, durable, &g);
	if (e != ERR_OK)
		return e;
	if (g->state != SEGMENT_HELD)
		return ERR_OK;
	if (g->end != 0)
		durable = MIN(durable, g->end);
	/* Said before it is read: if a read fails, segments_mend goes on. */
	g->end = MAX(durable, g->scanned);
	g->is_poisoned = g->is_poisoned || is_poisoned;
	e = segment_seal(s, g, g->end, g->is_poisoned);
	return e == ERR_OK ? ended_seal(s) : e;
}

/* All HELD segments of that owner, one after the other. */
static void
segments_end(struct store *s, uint64_t owner)
{
	size_t n = store_segment_count(s);

	for (size_t i = 0; i < n; i++) {
		struct segment *g = store_segment_at(s, i);
		uint64_t evidence = g->scanned;

		if (g->owner != owner || g->state != SEGMENT_HELD)
			continue;
		/* For the poison in it; the tail is read below. */
		(void)!segment_learn(s, g, &evidence);
	}
	for (size_t i = 0; i < n; i++) {
		struct segment *g = store_segment_at(s, i);

		if (g->owner != owner)
			continue;
		/* Unread: it stays HELD by nobody; see segments_mend. */
		if (g->state == SEGMENT_HELD && segment_finish(s, g) != ERR_OK) {
			g->is_left = true;
			store_alarm(s, STORE_ALARM_SYNC, g, g->scanned, 0, NULL);
		}
		g->owner = 0;
	}
}

void
segments_mend(struct store *s)
{
	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);
		enum err e = ERR_OK;

		if (g->state != SEGMENT_HELD)
			continue;
		if (g->is_left)
			e = segment_finish(s, g);
		else if (g->end == 0 && g->told > g->scanned)
			e = segment_scan(s, g, g->told, g->told);
		if (e != ERR_OK)
			return;
	}
	if (ended_seal(s) != ERR_OK)
		return;
}

void
store_writer_ended(struct store *s, uint64_t owner)
{
	struct store_large *large;

	segments_end(s, owner);
	for (size_t i = s->larges.n / sizeof *large; i > 0; i--) {
		large = (struct store_large *)(void *)s->larges.p + i - 1;
		if (large->state == LARGE_HANDED && large->owner == owner)
			store_large_remove(s, large->number);
	}
}

void
store_writers_known(struct store *s)
{
	/*
	 * Large files stay: nobody names those that he holds empty or is
	 * filling.  What was never used goes at the next start.
	 */
	segments_end(s, 0);
}

enum err
store_large_used(struct store *s, uint64_t owner, uint64_t number,
    bool is_spoilt)
{
	struct store_large *large = store_large_find(s, number);

	if (large == NULL || (large->owner != owner && large->owner != 0))
		return ERR_DENIED;
	/* Used: its record, which may still be on the way, says so. */
	if (is_spoilt && large->state == LARGE_HANDED)
		store_large_remove(s, number);
	return ERR_OK;
}
