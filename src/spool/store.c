/*
 * store.c - the tables behind the store: segments, large files, messages.
 */
#include "spool/store_priv.h"

#include "spool/le.h"

#include <stdio.h>
#include <stdlib.h>

size_t
store_segment_count(const struct store *s)
{
	return s->segments.n / sizeof(struct segment *);
}

struct segment *
store_segment_at(const struct store *s, size_t i)
{
	return ((struct segment **)(void *)s->segments.p)[i];
}

/* Index of the first segment whose number is not below. */
static size_t
segment_index(const struct store *s, uint64_t number)
{
	size_t from = 0, to = store_segment_count(s);

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (store_segment_at(s, middle)->number < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct segment *
store_segment_find(const struct store *s, uint64_t number)
{
	size_t i = segment_index(s, number);

	if (i == store_segment_count(s) ||
	    store_segment_at(s, i)->number != number)
		return NULL;
	return store_segment_at(s, i);
}

enum err
store_segment_add(struct store *s, struct segment *g)
{
	size_t i = segment_index(s, g->number), n = store_segment_count(s);
	struct segment **table;
	enum err e = buf_add(&s->segments, span_of(&g, sizeof(struct segment *)));

	if (e != ERR_OK)
		return e;
	table = (struct segment **)(void *)s->segments.p;
	memmove(table + i + 1, table + i, (n - i) * sizeof *table);
	table[i] = g;
	return ERR_OK;
}

void
store_segment_drop(struct store *s, struct segment *g)
{
	size_t i = segment_index(s, g->number), n = store_segment_count(s);
	struct segment **table = (struct segment **)(void *)s->segments.p;

	memmove(table + i, table + i + 1, (n - i - 1) * sizeof *table);
	buf_cut(&s->segments, (n - 1) * sizeof *table);
	(void)s->files->close(s->files->self, g->fd);
	segment_free(g);
}

struct segment *
segment_new(uint64_t number, uint64_t generation, uint64_t size, int fd)
{
	struct segment *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->number = number;
	g->size = size;
	g->fd = fd;
	g->messages = buf_make((size_t)UINT32_MAX);
	g->dropped = buf_make((size_t)size);
	segment_renew(g, generation);
	return g;
}

/* Empty, in a new generation. */
void
segment_renew(struct segment *g, uint64_t generation)
{
	g->generation = generation;
	g->seal = spool_seal_of(g->number, generation);
	g->scanned = SPOOL_FIRST;
	g->told = g->end = 0;
	g->is_left = false;
	g->sequence = g->heard = 0;
	g->state = SEGMENT_READY;
	buf_free(&g->messages);
	buf_free(&g->dropped);
}

static struct spool_cut
dropped_at(const struct segment *g, size_t i)
{
	return ((const struct spool_cut *)(const void *)g->dropped.p)[i];
}

bool
segment_has_dropped(const struct segment *g, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < g->dropped.n / sizeof(struct spool_cut); i++) {
		struct spool_cut d = dropped_at(g, i);

		if (d.from <= from && to <= d.to)
			return true;
	}
	return false;
}

enum err
segment_drop_add(struct segment *g, uint64_t from, uint64_t to)
{
	struct spool_cut d = { from, to };

	if (segment_has_dropped(g, from, to))
		return ERR_OK;
	return buf_add(&g->dropped, span_of(&d, sizeof d));
}

struct journal_entry
segment_dropped_entry(const struct segment *g, size_t i, uint8_t text[8])
{
	struct spool_cut d = dropped_at(g, i);

	le_put(text, d.to, 8);
	return (struct journal_entry){ .type = JOURNAL_DROPPED,
		.number = g->number, .generation = g->generation,
		.value = d.from, .text = span_of(text, 8) };
}

void
segment_free(struct segment *g)
{
	struct store_message **m = (struct store_message **)(void *)g->messages.p;

	for (size_t i = 0; i < g->messages.n / sizeof *m; i++) {
		if (m[i] == NULL)
			continue;
		if (m[i]->nslots > 64)
			free(m[i]->settled.many);
		if (m[i]->nslots > 1)
			free(m[i]->slot.many);
		free(m[i]);
	}
	buf_free(&g->messages);
	buf_free(&g->dropped);
	free(g);
}

void
segment_name(char name[SPOOL_NAME_MAX], uint64_t number)
{
	(void)snprintf(name, SPOOL_NAME_MAX, "segment-%016llx",
	    (unsigned long long)number);
}

void
large_name(char name[SPOOL_NAME_MAX], uint64_t number)
{
	(void)snprintf(name, SPOOL_NAME_MAX, "large-%016llx",
	    (unsigned long long)number);
}

struct store_large *
store_large_find(struct store *s, uint64_t number)
{
	struct store_large *large = (void *)s->larges.p;

	for (size_t i = 0; i < s->larges.n / sizeof *large; i++)
		if (large[i].number == number)
			return &large[i];
	return NULL;
}

enum err
store_large_add(struct store *s, const struct store_large *large)
{
	return buf_add(&s->larges, span_of(large, sizeof *large));
}

void
store_large_remove(struct store *s, uint64_t number)
{
	struct store_large *all = (void *)s->larges.p;
	size_t n = s->larges.n / sizeof *all;
	char name[SPOOL_NAME_MAX];

	large_name(name, number);
	(void)s->files->unlink(s->files->self, s->dir, name);
	for (size_t i = 0; i < n; i++)
		if (all[i].number == number) {
			all[i] = all[n - 1];
			buf_cut(&s->larges, (n - 1) * sizeof *all);
			return;
		}
}

struct store_message *
segment_message(const struct segment *g, uint32_t sequence)
{
	struct store_message **m = (struct store_message **)(void *)g->messages.p;

	return sequence < g->messages.n / sizeof *m ? m[sequence] : NULL;
}

enum err
segment_enter(struct segment *g, uint32_t sequence, struct store_message *m,
    uint64_t octets)
{
	size_t need, have = g->messages.n;
	enum err e;

	if (!size_mul((size_t)sequence + 1, sizeof m, &need))
		return ERR_FULL;
	if (need > have) {
		e = buf_room(&g->messages, need - have);
		if (e != ERR_OK)
			return e;
		memset(g->messages.p + have, 0, need - have);
		buf_grew(&g->messages, need - have);
	}
	memcpy(g->messages.p + (size_t)sequence * sizeof m, &m,
	    sizeof(struct store_message *));
	g->alive++;
	g->alive_octets += octets;
	return ERR_OK;
}

void
segment_leave(struct segment *g, uint32_t sequence, uint64_t octets)
{
	memset(g->messages.p + (size_t)sequence * sizeof(void *), 0,
	    sizeof(void *));
	g->alive--;
	g->alive_octets -= octets;
}

struct store_message *
message_new(struct segment *g, const struct spool_record *r, uint32_t nslots)
{
	struct store_message *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->segment = g;
	m->large = r->extra;
	m->place16 = (uint32_t)(r->place / SPOOL_ALIGN);
	m->length16 = (uint32_t)(spool_record_length(r) / SPOOL_ALIGN);
	m->sequence = r->sequence;
	m->nslots = m->left = (uint16_t)nslots;
	if (nslots > 64)
		m->settled.many = calloc((nslots + 63) / 64, sizeof(uint64_t));
	if ((nslots > 64 && m->settled.many == NULL) ||
	    segment_enter(g, m->sequence, m, message_length(m)) != ERR_OK) {
		if (nslots > 64)
			free(m->settled.many);
		free(m);
		return NULL;
	}
	return m;
}

/* From this sequence number of the i-th segment on. */
static struct store_message *
first_from(const struct store *s, size_t i, size_t sequence)
{
	for (; i < store_segment_count(s); i++, sequence = 0) {
		const struct segment *g = store_segment_at(s, i);
		size_t n = g->messages.n / sizeof(struct store_message *);

		for (; sequence < n; sequence++) {
			struct store_message *m =
			    segment_message(g, (uint32_t)sequence);

			if (m != NULL)
				return m;
		}
	}
	return NULL;
}

struct store_message *
store_next(const struct store *s, const struct store_message *m)
{
	if (m == NULL)
		return first_from(s, 0, 0);
	return first_from(s, segment_index(s, m->segment->number),
	    (size_t)m->sequence + 1);
}

struct store_slot *
message_slot(struct store_message *m, uint32_t slot, bool make)
{
	if (m->nslots == 1)
		return &m->slot.one;
	if (m->slot.many == NULL && make)
		m->slot.many = calloc(m->nslots, sizeof *m->slot.many);
	return m->slot.many == NULL ? NULL : &m->slot.many[slot];
}

void
message_finish(struct store *s, struct store_message *m, uint64_t ticket)
{
	struct segment *g = m->segment;
	struct store_large *large;

	if (m->flags & MESSAGE_MOVING)
		moves_forget(s, m);
	segment_leave(g, m->sequence, message_length(m));
	g->wait_ticket = MAX(g->wait_ticket, ticket);
	large = m->large != 0 ? store_large_find(s, m->large) : NULL;
	if (large != NULL) {
		large->state = LARGE_DOOMED;
		large->ticket = ticket;
	}
	for (uint32_t i = 0; i < m->nslots; i++) {
		struct store_slot *slot = message_slot(m, i, false);

		if (slot != NULL)
			words_drop(s->words, slot->words);
	}
	if (m->nslots > 64)
		free(m->settled.many);
	if (m->nslots > 1)
		free(m->slot.many);
	free(m);
}

static uint64_t *
settled_word(struct store_message *m, uint32_t slot)
{
	return m->nslots > 64 ? &m->settled.many[slot / 64] : &m->settled.one;
}

bool
store_slot_is_settled(const struct store_message *m, uint32_t slot)
{
	uint64_t word = m->nslots > 64 ? m->settled.many[slot / 64]
				       : m->settled.one;

	return slot >= m->nslots || (word >> slot % 64 & 1) != 0;
}

bool
message_settle(struct store_message *m, uint32_t slot)
{
	if (!store_slot_is_settled(m, slot)) {
		*settled_word(m, slot) |= (uint64_t)1 << slot % 64;
		m->left--;
	}
	return m->left == 0;
}

void **
store_user(struct store_message *m)
{
	return &m->user;
}

void
store_alarm(struct store *s, enum store_alarm_kind kind,
    const struct segment *g, uint64_t offset, uint64_t octets,
    const struct msg_id *id)
{
	struct store_alarm a = { kind, g != NULL ? g->number : 0, offset,
		octets, id, NULL };

	s->events->alarm(s->events->arg, &a);
}

/* A table of hashes, at most half full; 0 is an empty place. */
static uint64_t *
seen_place(uint64_t *table, size_t room, uint64_t h)
{
	size_t i = (size_t)h & (room - 1);

	while (table[i] != 0 && table[i] != h)
		i = (i + 1) & (room - 1);
	return &table[i];
}

static enum err
seen_grow(struct store *s)
{
	size_t old = s->seen.n / sizeof(uint64_t);
	size_t room = old == 0 ? 1024 : old * 2;
	struct buf more = buf_make(s->seen.limit);
	enum err e = buf_room(&more, room * sizeof(uint64_t));

	if (e != ERR_OK)
		return e;
	memset(more.p, 0, room * sizeof(uint64_t));
	buf_grew(&more, room * sizeof(uint64_t));
	for (size_t i = 0; i < old; i++) {
		uint64_t h = ((const uint64_t *)(const void *)s->seen.p)[i];

		if (h != 0)
			*seen_place((void *)more.p, room, h) = h;
	}
	buf_free(&s->seen);
	s->seen = more;
	return ERR_OK;
}

bool
store_id_is_new(struct store *s, const struct msg_id *id)
{
	size_t room = s->seen.n / sizeof(uint64_t);
	uint64_t h = spool_hash(4, span_of(id->octets, MSG_ID_OCTETS)) | 1;
	uint64_t *at;

	/* No memory: rather twice than not at all. */
	if (s->nseen * 2 >= room && seen_grow(s) != ERR_OK)
		return true;
	at = seen_place((void *)s->seen.p, s->seen.n / sizeof(uint64_t), h);
	if (*at == h)
		return false;
	*at = h;
	s->nseen++;
	return true;
}

uint64_t
store_now(const struct store *s)
{
	return s->files->wall_ms(s->files->self);
}

/* A clock that was set back makes no pause longer (DLV-9). */
bool
store_is_pausing(const struct store *s, uint64_t until)
{
	uint64_t now = store_now(s);

	return until > now && until - now <= STORE_PAUSE_MS;
}

struct store_counts
store_counts(const struct store *s)
{
	struct store_counts c = s->counts;

	c.messages = c.octets = c.free_segments = 0;
	c.segments = store_segment_count(s);
	c.large = s->larges.n / sizeof(struct store_large);
	c.journal_octets = s->journal_end;
	for (size_t i = 0; i < c.segments; i++) {
		const struct segment *g = store_segment_at(s, i);

		c.messages += g->alive;
		c.octets += g->alive_octets;
		c.free_segments += g->state == SEGMENT_READY;
	}
	return c;
}

static void
fd_drop(struct store *s, int fd)
{
	if (fd >= 0)
		(void)s->files->close(s->files->self, fd);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	spool_writer_free(s->own);
	while (store_segment_count(s) > 0)
		store_segment_drop(s, store_segment_at(s, 0));
	buf_free(&s->segments);
	buf_free(&s->larges);
	buf_free(&s->window);
	buf_free(&s->front);
	buf_free(&s->bulk);
	buf_free(&s->cuts);
	buf_free(&s->seen);
	buf_free(&s->pending);
	buf_free(&s->out);
	buf_free(&s->kept);
	buf_free(&s->moves);
	buf_free(&s->moved);
	words_free(s->words);
	spool_hasher_free(s->hasher);
	fd_drop(s, s->journal);
	fd_drop(s, s->fresh);
	fd_drop(s, s->large_fd);
	fd_drop(s, s->quarantine);
	fd_drop(s, s->lock);
	free(s);
}
