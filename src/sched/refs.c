/*
 * refs.c - open addressing with linear steps; removal moves followers back, so
 * that no gravestones pile up.
 */
#include "sched/refs.h"

#include <stdlib.h>
#include <string.h>

#define REFS_FIRST	64u		/* places at first */
#define REFS_MAX		(1u << 30)

void
refs_free(struct refs *m)
{
	free(m->places);
	*m = (struct refs){ 0 };
}

static void
refs_set(struct refs *m, uint32_t hash, uint32_t ref)
{
	uint32_t i = hash & m->mask;

	while (m->places[i].ref != REFS_NONE)
		i = (i + 1) & m->mask;
	m->places[i] = (struct refs_place){ ref, hash };
}

static enum err
refs_grow(struct refs *m)
{
	uint32_t old_n = m->places == NULL ? 0 : m->mask + 1;
	uint32_t n = old_n == 0 ? REFS_FIRST : old_n * 2;
	struct refs_place *old = m->places;

	if (old_n >= REFS_MAX)
		return ERR_FULL;
	m->places = malloc((size_t)n * sizeof(*old));
	if (m->places == NULL) {
		m->places = old;
		return ERR_NOMEM;
	}
	memset(m->places, 0xff, (size_t)n * sizeof(*old));
	m->mask = n - 1;
	for (uint32_t i = 0; i < old_n; i++)
		if (old[i].ref != REFS_NONE)
			refs_set(m, old[i].hash, old[i].ref);
	free(old);
	return ERR_OK;
}

enum err
refs_put(struct refs *m, uint32_t hash, uint32_t ref)
{
	ASSERT(ref != REFS_NONE);
	if (m->places == NULL || m->used + 1 > m->mask / 5 * 4) {
		enum err e = refs_grow(m);

		if (e != ERR_OK)
			return e;
	}
	refs_set(m, hash, ref);
	m->used++;
	return ERR_OK;
}

uint32_t
refs_next(struct refs *m, uint32_t hash, uint32_t *at)
{
	if (m->places == NULL)
		return REFS_NONE;
	for (;; ) {
		const struct refs_place *p =
		    &m->places[(hash + (*at)++) & m->mask];

		m->steps++;
		if (p->ref == REFS_NONE || p->hash == hash)
			return p->ref;
	}
}

static uint32_t
refs_place_of(struct refs *m, uint32_t hash, uint32_t ref)
{
	uint32_t i = hash & m->mask;

	if (m->places == NULL)
		return REFS_NONE;
	while (m->places[i].ref != REFS_NONE) {
		m->steps++;
		if (m->places[i].ref == ref && m->places[i].hash == hash)
			return i;
		i = (i + 1) & m->mask;
	}
	return REFS_NONE;
}

bool
refs_remove(struct refs *m, uint32_t hash, uint32_t ref)
{
	uint32_t hole = refs_place_of(m, hash, ref), i;

	if (hole == REFS_NONE)
		return false;
	/* A follower may move into the hole unless it would leave its run. */
	for (i = (hole + 1) & m->mask; m->places[i].ref != REFS_NONE;
	    i = (i + 1) & m->mask) {
		uint32_t home = m->places[i].hash & m->mask;

		if (((i - home) & m->mask) < ((i - hole) & m->mask))
			continue;
		m->places[hole] = m->places[i];
		hole = i;
	}
	m->places[hole].ref = REFS_NONE;
	m->used--;
	return true;
}

bool
refs_replace(struct refs *m, uint32_t hash, uint32_t ref, uint32_t by)
{
	uint32_t i = refs_place_of(m, hash, ref);

	if (i == REFS_NONE)
		return false;
	m->places[i].ref = by;
	return true;
}
