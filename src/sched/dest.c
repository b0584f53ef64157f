/*
 * dest.c - destinations: a name, its items that wait for a route, its route.
 *
 * One without items is kept a while for its route and its site's memory; the
 * oldest such goes when there are too many.
 */
#include "sched/parts.h"

static void
dest_drop(struct sched *s, struct dest *d)
{
	dest_set_site(s, d, SCHED_NONE);
	map_remove(&s->dest_names, &d->node);
	copy_free(&d->name);
	copy_free(&d->why);
	d->route = ROUTE_UNKNOWN;
	pool_put(&s->dests, d->self);
}

bool
sched_is_asked(const struct sched *s, uint32_t dest)
{
	return dest < s->dests.made && dest_at(s, dest)->route == ROUTE_ASKED;
}

uint32_t
sched_end_of_dests(const struct sched *s)
{
	return s->dests.made;
}

static void
dest_forget_oldest(struct sched *s)
{
	struct dest *d = dest_at(s, s->idle.first);

	REMOVE(&s->dests, dest, idle, &s->idle, d->self);
	s->nidle--;
	dest_drop(s, d);
}

static enum err
dest_new(struct sched *s, struct span name, uint32_t *ref)
{
	enum err e = pool_get(&s->dests, ref);
	struct dest *d;

	if (e != ERR_OK)
		return e;
	d = dest_at(s, *ref);
	*d = (struct dest){
		.waiting = CHAIN_EMPTY,
		.self = *ref,
		.site = SCHED_NONE,
	};
	e = copy_set(&d->name, name);
	if (e == ERR_OK)
		e = map_add(&s->dest_names, copy_span(&d->name), &d->node);
	if (e != ERR_OK) {
		copy_free(&d->name);
		pool_put(&s->dests, *ref);
	}
	return e;
}

enum err
dest_get(struct sched *s, struct span name, uint32_t *ref)
{
	struct map_node *n = map_find(&s->dest_names, name);

	if (n == NULL)
		return dest_new(s, name, ref);
	*ref = MAP_OWNER(n, struct dest, node)->self;
	return ERR_OK;
}

void
dest_use(struct sched *s, struct dest *d)
{
	d->nitems++;
	if (!d->is_idle)
		return;
	REMOVE(&s->dests, dest, idle, &s->idle, d->self);
	d->is_idle = false;
	s->nidle--;
}

void
dest_unuse(struct sched *s, struct dest *d)
{
	ASSERT(d->nitems > 0);
	if (--d->nitems > 0)
		return;
	/* A question that is still open must find its destination again. */
	if (d->route == ROUTE_ASKED)
		return;
	if (d->is_draining) {
		REMOVE(&s->dests, dest, drain, &s->drain, d->self);
		d->is_draining = false;
	}
	APPEND(&s->dests, dest, idle, &s->idle, d->self);
	d->is_idle = true;
	if (++s->nidle > s->limits.idle_max)
		dest_forget_oldest(s);
}

void
dest_set_site(struct sched *s, struct dest *d, uint32_t site)
{
	uint32_t old = d->site;

	if (site != SCHED_NONE)
		site_at(s, site)->ndests++;
	d->site = site;
	if (old == SCHED_NONE)
		return;
	site_at(s, old)->ndests--;
	site_release(s, site_at(s, old));
}

void
dest_drain(struct sched *s, struct dest *d)
{
	if (d->nitems == 0) {
		d->nitems = 1;
		dest_unuse(s, d);
		return;
	}
	if (d->is_draining || d->waiting.first == SCHED_NONE)
		return;
	APPEND(&s->dests, dest, drain, &s->drain, d->self);
	d->is_draining = true;
}

void
dest_drop_all(struct sched *s)
{
	struct map_node *n, *next;

	for (n = map_first(&s->dest_names); n != NULL; n = next) {
		next = map_next(n);
		dest_drop(s, MAP_OWNER(n, struct dest, node));
	}
}

void
sched_say(struct sched *s, uint32_t dest, struct span why)
{
	struct dest *d = dest_at(s, dest);
	struct span kept = { why.p, MIN(why.n, SCHED_WHY_MAX) };

	/* For show only: many letters fail for one reason. */
	if (span_eq(copy_span(&d->why), kept))
		return;
	if (copy_set(&d->why, kept) != ERR_OK)
		copy_free(&d->why);
}

struct span
sched_dest_name(const struct sched *s, uint32_t dest)
{
	return copy_span(&dest_at(s, dest)->name);
}

struct span
sched_dest_why(const struct sched *s, uint32_t dest)
{
	return copy_span(&dest_at(s, dest)->why);
}
