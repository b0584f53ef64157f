/*
 * damage.c - rot: bits that turn, sectors of zeros, sectors of something else
 * (F7), in segments and in the journal.
 *
 * A segment may lose the messages whose records the damage touches, and no
 * other; the journal may lose outcomes, so that somebody gets a letter twice,
 * but never a message.  Nothing wrong is ever delivered, and each find is told
 * once.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

struct hurt {			/* messages whose record is touched */
	struct world	*w;
	uint64_t	 from, to;
	char		 name[SPOOL_NAME_MAX];
	enum disk_damage kind;
	bool		 is_hurt[WORLD_MESSAGES];
};

static void
hurt_add(void *arg, const struct copy *c)
{
	struct hurt *h = arg;
	const struct entry *e = world_find(h->w, &c->id);

	if (e != NULL && c->from < h->to && h->from < c->to)
		h->is_hurt[e - h->w->entries] = true;
}

static bool
entry_is_due(const struct entry *e)
{
	for (uint32_t k = 0; k < e->nslots; k++)
		if (e->asked[k] == ASKED_NOTHING)
			return e->answer == ANSWER_KEPT;
	return false;
}

static unsigned int
told(const struct view *v)
{
	return v->alarms[STORE_ALARM_CORRUPT] +
	    v->alarms[STORE_ALARM_CONTENT] + v->alarms[STORE_ALARM_LARGE] +
	    v->alarms[STORE_ALARM_JOURNAL] + v->alarms[STORE_ALARM_STRANGE];
}

/* Claim all; a message that is missing must have been touched. */
static unsigned int
missing_count(struct world *w, struct view *v, struct store *s,
    struct spool_files *f, const struct hurt *h)
{
	bool is_good[WORLD_MESSAGES] = { false };
	unsigned int missing = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct entry *e = &w->entries[v->entry[i]];
		bool is_same = true;
		enum err error = claim_compare(w, s, v->m[i], e, f, &is_same);

		if (error == ERR_OK && !is_same)
			world_fail(w, "I2: rotten octets are delivered");
		is_good[v->entry[i]] = error == ERR_OK;
	}
	for (size_t i = 0; i < w->nentries; i++) {
		if (is_good[i] || !entry_is_due(&w->entries[i]))
			continue;
		if (!h->is_hurt[i])
			world_fail(w, "I12: rot in %s at %llu, kind %d, costs "
			    "entry %zu", h->name, (unsigned long long)h->from,
			    (int)h->kind, i);
		missing++;
	}
	return missing;
}

/* What was found is written down: the next start has nothing to tell. */
static void
judge_told_once(struct world *w, struct store *s, const struct spool_files *f)
{
	struct view *v = calloc(1, sizeof *v);
	struct store_events events = view_events(v);
	struct spool_job job;

	if (v == NULL)
		abort();
	v->w = w;
	if (store_sync_wanted(s) && store_sync_begin(s, &job)) {
		spool_job_run(&job);
		(void)store_sync_end(s, &job);
	}
	store_close(s);
	if (store_open(f, DISK_ROOT, &world_options, &events, &s) != ERR_OK)
		world_fail(w, "I12: no second recovery after rot");
	if (told(v) > 0)
		world_fail(w, "I12: one find is told twice");
	store_close(s);
	free(v);
}

static void
judge_rot(struct world *w, struct disk *d, const struct hurt *h)
{
	struct view *v = calloc(1, sizeof *v);
	struct store_events events = view_events(v);
	struct spool_files f = disk_table(d);
	struct store *s;

	if (v == NULL)
		abort();
	v->w = w;
	w->images++;
	if (store_open(&f, DISK_ROOT, &world_options, &events, &s) != ERR_OK)
		world_fail(w, "I12: no recovery after rot");
	if (missing_count(w, v, s, &f, h) > 0 && told(v) == 0)
		world_fail(w, "I12: a message rotted, and nobody was told: "
		    "%s at %llu, kind %d", h->name,
		    (unsigned long long)h->from, (int)h->kind);
	judge_told_once(w, s, &f);
	free(v);
}

static bool
name_may_rot(const struct disk_name *n)
{
	return n->dir == DISK_ROOT && (strncmp(n->name, "segment-", 8) == 0 ||
	    strcmp(n->name, "journal") == 0);
}

/* Half of the damage goes where records are: a segment is mostly empty. */
static uint64_t
place_choose(struct world *w, struct span octets)
{
	uint64_t at = world_chance(w, octets.n);

	for (unsigned int i = 0; i < 64 && octets.p[at] == 0; i++)
		at = world_chance(w, octets.n);
	return at;
}

void
world_rot(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct disk *d = disk_crash(w->disk, IMAGE_ALL, i);
		enum disk_damage kind =
		    (enum disk_damage)world_chance(w, DAMAGE_COUNT);
		const struct disk_name *names[DISK_NAMES], *name;
		struct hurt h = { .w = w, .kind = kind };
		struct span octets;
		size_t nnames = 0;

		for (size_t k = 0; k < d->now.n; k++)
			if (name_may_rot(&d->now.at[k]))
				names[nnames++] = &d->now.at[k];
		name = names[world_chance(w, nnames)];
		memcpy(h.name, name->name, sizeof h.name);
		octets = disk_octets(d, DISK_ROOT, name->name);
		h.from = place_choose(w, octets);
		if (kind != DAMAGE_BIT)
			h.from -= h.from % DISK_SECTOR;
		h.to = h.from + (kind == DAMAGE_BIT ? 1 : DISK_SECTOR);
		copies_each(h.name, octets, hurt_add, &h);
		if (disk_damage(d, name->name, kind, h.from,
		    world_chance(w, UINT32_MAX)))
			judge_rot(w, d, &h);
		disk_free(d);
	}
}
