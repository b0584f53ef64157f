/*
 * store_make.c - files for writers: new ones, used ones again, used ones away.
 *
 * Commit order (SECURITY-REQUIREMENTS 20): a file is made under a temporary
 * name, allocated, given its head, synced, renamed, its directory synced, and
 * only then used.  A segment is used again when nothing lives in it and every
 * outcome and every copy that made it so is durable; a poisoned one never.
 */
#include "spool/store_priv.h"

#include "spool/plant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUSY_MS	2000u	/* two segments taken within so long */

#define GENERATIONS_MAX	((uint64_t)1 << (64 - SPOOL_GENERATION_RANDOM))

static bool
segment_is_spent(const struct store *s, const struct segment *g)
{
	return g->state == SEGMENT_READ && g->alive == 0 && !g->is_busy &&
	    g->wait_ticket <= s->durable_ticket &&
	    g->cover_ticket <= s->covered_ticket;
}

static size_t
ready_count(const struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < store_segment_count(s); i++)
		n += store_segment_at(s, i)->state == SEGMENT_READY;
	return n;
}

static size_t
ready_free_count(const struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < store_segment_count(s); i++) {
		const struct segment *g = store_segment_at(s, i);

		n += g->state == SEGMENT_READY && g->owner == 0;
	}
	return n;
}

static size_t
ready_large_count(const struct store *s)
{
	const struct store_large *large = (const void *)s->larges.p;
	size_t n = 0;

	for (size_t i = 0; i < s->larges.n / sizeof *large; i++)
		n += large[i].state == LARGE_READY;
	return n;
}

static struct segment *
spent_find(const struct store *s)
{
	for (size_t i = 0; i < store_segment_count(s); i++)
		if (segment_is_spent(s, store_segment_at(s, i)))
			return store_segment_at(s, i);
	return NULL;
}

static enum make_kind
make_choose(const struct store *s, struct segment **g)
{
	*g = spent_find(s);
	if (*g != NULL && ((*g)->is_poisoned ||
	    (*g)->number < s->first_ours ||
	    ready_count(s) >= s->options.ready + 2 ||
	    (*g)->size != s->options.segment_size ||
	    ((*g)->generation >> SPOOL_GENERATION_RANDOM) + 1 >=
		GENERATIONS_MAX))
		return MAKE_REMOVE;
	if (*g != NULL)
		return MAKE_AGAIN;
	/* A large file costs nothing beside a segment: the first of them soon,
	 * yet never two in a row while segments are wanted. */
	if (ready_large_count(s) == 0 && s->options.ready_large > 0 &&
	    store_segment_count(s) > 0 && !s->was_large)
		return MAKE_LARGE;
	if (ready_free_count(s) < s->options.ready &&
	    store_segment_count(s) < STORE_SEGMENTS_MAX)
		return MAKE_SEGMENT;
	if (ready_large_count(s) < s->options.ready_large)
		return MAKE_LARGE;
	return MAKE_NONE;
}

bool
store_is_full(const struct store *s)
{
	return s->has_no_room && ready_free_count(s) == 0;
}

bool
store_make_wanted(const struct store *s)
{
	struct segment *g;

	if (s->making != MAKE_NONE || store_is_pausing(s, s->make_pause))
		return false;
	return make_choose(s, &g) != MAKE_NONE;
}

static uint64_t
generation_next(struct store *s, uint64_t old)
{
	uint64_t random = 0;

	if (PLANTED(PLANT_ID_REUSED))
		return (uint64_t)1 << SPOOL_GENERATION_RANDOM;
	if (s->files->random(s->files->self, &random, sizeof random) < 0)
		return 0;
	random >>= 64 - SPOOL_GENERATION_RANDOM;
	return ((old >> SPOOL_GENERATION_RANDOM) + 1)
	    << SPOOL_GENERATION_RANDOM | random;
}

/* The head of a generation, as the job's text. */
static void
head_plan(struct store *s, struct spool_job *job, uint64_t size)
{
	struct spool_segment_head head = { s->making_number,
		s->making_generation, size };

	spool_segment_head_encode(&head, s->making_text);
	job->text = span_of(s->making_text, sizeof s->making_text);
	job->at = spool_segment_head_place(head.generation);
	job->is_writing = true;
}

/*
 * Segments go faster than one in BUSY_MS: writing zeros first would cost the
 * disk and the processor twice when they are short.  An fallocated one serves;
 * when it is used again it is as good as pre-written.
 */
static bool
is_busy(const struct store *s)
{
	uint64_t now = s->files->wall_ms(s->files->self);

	return s->taken_ms[1] != 0 && now >= s->taken_ms[1] &&
	    now - s->taken_ms[1] < BUSY_MS;
}

static void
make_segment(struct store *s, struct spool_job *job)
{
	s->making_number = s->next_segment++;
	if (PLANTED(PLANT_ID_REUSED))
		for (s->making_number = 1;
		     store_segment_find(s, s->making_number) != NULL;)
			s->making_number++;
	s->making_generation = generation_next(s, 0);
	segment_name(job->to, s->making_number);
	job->is_making = true;
	job->how = SPOOL_READ | SPOOL_WRITE;
	job->size = s->options.segment_size;
	job->prewrite = s->options.prewrite && !is_busy(s);
	head_plan(s, job, s->options.segment_size);
}

static void
make_large(struct store *s, struct spool_job *job)
{
	s->making_number = s->next_large++;
	large_name(job->to, s->making_number);
	job->is_making = true;
	job->how = SPOOL_WRITE;
}

static void
make_again(struct store *s, struct spool_job *job)
{
	struct segment *g = s->making_segment;

	s->making_number = g->number;
	s->making_generation = generation_next(s, g->generation);
	job->write_fd = g->fd;
	head_plan(s, job, g->size);
}

bool
store_make_begin(struct store *s, struct spool_job *job)
{
	struct segment *g;
	enum make_kind kind = make_choose(s, &g);

	if (s->making != MAKE_NONE || kind == MAKE_NONE)
		return false;
	*job = (struct spool_job){ .files = s->files, .dir = s->dir,
		.write_fd = -1 };
	s->making = kind;
	s->was_large = kind == MAKE_LARGE;
	s->making_segment = g;
	if (g != NULL)
		g->is_busy = true;
	if (kind == MAKE_SEGMENT)
		make_segment(s, job);
	else if (kind == MAKE_LARGE)
		make_large(s, job);
	else if (kind == MAKE_AGAIN)
		make_again(s, job);
	else
		segment_name(job->from, g->number);
	if (job->is_making)
		(void)snprintf(job->from, sizeof job->from, "%.40s.new",
		    job->to);
	return true;
}

static void
make_failed(struct store *s, const struct spool_job *job)
{
	s->make_pause = store_now(s) + STORE_PAUSE_MS;
	if (s->making_segment != NULL) {
		/* Its head may be either: it goes, when it can. */
		if (s->making == MAKE_AGAIN)
			s->making_segment->is_poisoned = true;
		return;
	}
	if (job->write_fd >= 0)
		(void)s->files->close(s->files->self, job->write_fd);
	(void)s->files->unlink(s->files->self, s->dir, job->from);
	(void)s->files->unlink(s->files->self, s->dir, job->to);
}

/* Numbers are not used twice, even when their files are gone. */
static void
numbers_note(struct store *s)
{
	struct journal_entry e = { .type = JOURNAL_NUMBERS,
		.value = s->next_segment, .number = s->next_large };
	uint64_t ticket;

	/* Without it the next start counts on from the files it finds. */
	(void)!store_note(s, &e, &ticket);
}

static void
made_segment(struct store *s, const struct spool_job *job)
{
	struct segment *g = segment_new(s->making_number,
	    s->making_generation, s->options.segment_size, job->write_fd);

	if (g == NULL || store_segment_add(s, g) != ERR_OK) {
		if (g != NULL)
			segment_free(g);
		make_failed(s, job);
		return;
	}
	numbers_note(s);
}

static void
made_large(struct store *s, const struct spool_job *job)
{
	struct store_large large = { .number = s->making_number,
		.state = LARGE_READY };

	if (store_large_add(s, &large) != ERR_OK) {
		make_failed(s, job);
		return;
	}
	(void)s->files->close(s->files->self, job->write_fd);
	numbers_note(s);
}

void
store_make_end(struct store *s, const struct spool_job *job)
{
	struct segment *g = s->making_segment;
	uint64_t owner;

	ASSERT(s->making != MAKE_NONE);
	if (g != NULL)
		g->is_busy = false;
	s->has_no_room = job->error != ERR_OK &&
	    (job->why == ENOSPC || job->why == EDQUOT);
	if (job->error != ERR_OK) {
		make_failed(s, job);
	} else if (s->making == MAKE_SEGMENT) {
		made_segment(s, job);
	} else if (s->making == MAKE_LARGE) {
		made_large(s, job);
	} else if (s->making == MAKE_AGAIN) {
		ASSERT(g != NULL);	/* make_choose has found it */
		owner = g->owner == STORE_OWN ? 0 : g->owner;
		segment_renew(g, s->making_generation);
		g->owner = owner;
	} else {
		store_segment_drop(s, g);
	}
	s->making = MAKE_NONE;
	s->making_segment = NULL;
}

/* One that only this process may have first: others may have the rest. */
static struct segment *
ready_find(const struct store *s, uint64_t owner)
{
	struct segment *found = NULL;

	for (size_t i = 0; i < store_segment_count(s); i++) {
		struct segment *g = store_segment_at(s, i);

		if (g->state != SEGMENT_READY)
			continue;
		if (g->owner == owner)
			return g;
		if (g->owner == 0 && found == NULL)
			found = g;
	}
	return found;
}

enum err
store_take_segment(struct store *s, uint64_t owner, struct spool_grant *grant)
{
	struct segment *g = ready_find(s, owner);
	char name[SPOOL_NAME_MAX];
	int fd;

	ASSERT(owner != 0);
	if (g == NULL)
		return ERR_NONE;
	segment_name(name, g->number);
	fd = s->files->open(s->files->self, s->dir, name, SPOOL_WRITE);
	if (fd < 0)
		return ERR_IO;
	g->state = SEGMENT_HELD;
	g->owner = owner;
	s->taken_ms[1] = s->taken_ms[0];
	s->taken_ms[0] = s->files->wall_ms(s->files->self);
	*grant = (struct spool_grant){ g->number, g->generation, SPOOL_FIRST,
		g->size, fd };
	return ERR_OK;
}

enum err
store_take_large(struct store *s, uint64_t owner, uint64_t *number, int *fd)
{
	struct store_large *large = (void *)s->larges.p;
	char name[SPOOL_NAME_MAX];

	ASSERT(owner != 0);
	for (size_t i = 0; i < s->larges.n / sizeof *large; i++) {
		if (large[i].state != LARGE_READY)
			continue;
		large_name(name, large[i].number);
		*fd = s->files->open(s->files->self, s->dir, name,
		    SPOOL_WRITE | SPOOL_APPEND);
		if (*fd < 0)
			return ERR_IO;
		large[i].state = LARGE_HANDED;
		large[i].owner = owner;
		*number = large[i].number;
		return ERR_OK;
	}
	return ERR_NONE;
}
