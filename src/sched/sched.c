/*
 * sched.c - items on their way: due, routed, ready, running, back again.
 */
#include "sched/sched.h"

#include "sched/parts.h"

#include <stdlib.h>

#define ITEMS_MAX	(1u << 28)
#define SOON_MS		5000u	/* after a worker's death */
#define SOON_ATTEMPTS	3u

enum err
sched_new(const struct sched_limits *limits, struct sched **s)
{
	struct sched *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return ERR_NOMEM;
	*n = (struct sched){
		.limits = *limits,
		.dice = { limits->seed },
		.items = pool_make(sizeof(struct item)),
		.dests = pool_make(sizeof(struct dest)),
		.sites = pool_make(sizeof(struct site)),
		.flows = pool_make(sizeof(struct flow)),
		.timers = heap_make(ITEMS_MAX),
		.suspended = heap_make(ITEMS_MAX),
		.dest_names = map_make(limits->key),
		.site_names = map_make(limits->key),
		.runnable = { CHAIN_EMPTY, CHAIN_EMPTY },
		.idle = CHAIN_EMPTY,
		.drain = CHAIN_EMPTY,
	};
	n->limits.start = MAX(n->limits.start, 1u);
	n->limits.most = MAX(n->limits.most, n->limits.start);
	*s = n;
	return ERR_OK;
}

void
sched_free(struct sched *s)
{
	if (s == NULL)
		return;
	/* Sites first lose their users, then what is left of them goes. */
	dest_drop_all(s);
	site_drop_all(s);
	map_free(&s->dest_names);
	map_free(&s->site_names);
	refs_free(&s->messages);
	refs_free(&s->flow_refs);
	heap_free(&s->timers);
	heap_free(&s->suspended);
	pool_free(&s->items);
	pool_free(&s->dests);
	pool_free(&s->sites);
	pool_free(&s->flows);
	free(s);
}

/* Items of one message hang together: the table knows the newest. */
static enum err
sibling_add(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);
	uint32_t hash = refs_mix(it->message);
	uint32_t first = sched_first_of(s, it->message);

	it->sibling = first;
	if (first == SCHED_NONE)
		return refs_put(&s->messages, hash, item);
	refs_replace(&s->messages, hash, first, item);
	return ERR_OK;
}

static void
sibling_remove(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);
	uint32_t hash = refs_mix(it->message);
	uint32_t i = sched_first_of(s, it->message);

	if (i == item && it->sibling == SCHED_NONE)
		refs_remove(&s->messages, hash, item);
	else if (i == item)
		refs_replace(&s->messages, hash, item, it->sibling);
	else {
		while (item_at(s, i)->sibling != item)
			i = item_at(s, i)->sibling;
		item_at(s, i)->sibling = it->sibling;
	}
}

uint32_t
sched_first_of(struct sched *s, uint64_t message)
{
	uint32_t at = 0, ref, hash = refs_mix(message);

	while ((ref = refs_next(&s->messages, hash, &at)) != REFS_NONE)
		if (item_at(s, ref)->message == message)
			return ref;
	return SCHED_NONE;
}

uint32_t
sched_next_of(const struct sched *s, uint32_t item)
{
	return item_at(s, item)->sibling;
}

uint32_t
sched_item_for(struct sched *s, uint64_t message, struct span destination)
{
	struct map_node *n = map_find(&s->dest_names, destination);
	uint32_t dest, i;

	if (n == NULL)
		return SCHED_NONE;
	dest = MAP_OWNER(n, struct dest, node)->self;
	i = sched_first_of(s, message);
	while (i != SCHED_NONE && item_at(s, i)->dest != dest)
		i = item_at(s, i)->sibling;
	return i;
}

uint64_t
sched_message(const struct sched *s, uint32_t item)
{
	return item_at(s, item)->message;
}

static uint64_t
lifetime_of(const struct sched *s, bool is_bounce)
{
	return is_bounce ? s->limits.retry.bounce_lifetime_ms :
	    s->limits.retry.lifetime_ms;
}

static uint64_t
expires(const struct sched *s, const struct item *it)
{
	int64_t end = (int64_t)it->born_s * 1000 + 
	    (int64_t)lifetime_of(s, it->is_bounce);

	return end < 0 ? 0 : (uint64_t)end;
}

/* It comes at its deadline, when that is still to come and before it is due. */
static uint64_t
due_at(const struct sched *s, const struct item *it, uint64_t now,
    uint64_t due)
{
	uint64_t end = expires(s, it);

	return it->is_strict && end > now ? MIN(due, end) : due;
}

/* Monotonic seconds, below zero for what is older than this machine's start. */
static int32_t
born_s(const struct sched *s, uint64_t now, const struct sched_entry *e)
{
	uint64_t life = lifetime_of(s, e->is_bounce);
	/* Before or behind now: a deadline is the end of a life. */
	uint64_t ahead = e->unborn_ms, behind = e->age_ms;
	int64_t born;

	if (e->deadline_ms != 0) {
		uint64_t end = MIN(e->deadline_ms, life + e->unborn_ms);

		ahead = end > life ? end - life : 0;
		behind = end > life ? 0 : life - end;
	}
	born = (int64_t)MIN(now / 1000, (uint64_t)INT32_MAX) +
	    (int64_t)MIN(ahead / 1000, (uint64_t)INT32_MAX) -
	    (int64_t)MIN(behind / 1000, (uint64_t)INT32_MAX);
	return (int32_t)MIN(born, (int64_t)INT32_MAX);
}

enum err
sched_add(struct sched *s, uint64_t now, const struct sched_entry *e,
    uint32_t *item)
{
	uint32_t dest, ref;
	struct item *it;
	enum err err = dest_get(s, e->destination, &dest);

	if (err != ERR_OK)
		return err;
	dest_use(s, dest_at(s, dest));
	err = pool_get(&s->items, &ref);
	if (err != ERR_OK)
		goto no_item;
	it = item_at(s, ref);
	*it = (struct item){
		.message = e->message,
		.born_s = born_s(s, now, e),
		.dest = dest,
		.originator = e->originator,
		.size_kib = (uint32_t)MIN(e->size / 1024 + 1, UINT32_MAX),
		.self = ref,
		.attempts = (uint16_t)MIN(e->attempts, UINT16_MAX),
		.state = SCHED_STATE_SCHEDULED,
		.is_bounce = e->is_bounce,
		.is_strict = e->deadline_ms != 0,
		.level = e->level & 3u,
	};
	err = heap_add(&s->timers, &it->timer,
	    due_at(s, it, now, now + e->wait_ms));
	if (err != ERR_OK)
		goto no_timer;
	err = sibling_add(s, ref);
	if (err == ERR_OK) {
		*item = ref;
		return ERR_OK;
	}
	heap_remove(&s->timers, &it->timer);
no_timer:
	pool_put(&s->items, ref);
no_item:
	dest_unuse(s, dest_at(s, dest));
	return err;
}

/* A list that an item is in, left; the timer stays. */
static void
item_unlist(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);

	if (it->state == SCHED_STATE_READY)
		site_remove(s, item);
	else if (it->state == SCHED_STATE_UNROUTED)
		REMOVE(&s->items, item, link, &dest_at(s, it->dest)->waiting,
		    item);
}

/* Into the caller's hands. */
static void
item_hand_out(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);

	item_unlist(s, item);
	heap_move(&s->timers, &it->timer, UINT64_MAX);
	it->state = SCHED_STATE_RUNNING;
}

static void
item_schedule(struct sched *s, uint64_t now, uint32_t item, uint64_t due)
{
	struct item *it = item_at(s, item);

	it->state = SCHED_STATE_SCHEDULED;
	heap_move(&s->timers, &it->timer, due_at(s, it, now, due));
}

/* While it waits in a list, its timer is the end of its lifetime. */
static void
item_await(struct sched *s, uint64_t now, struct item *it)
{
	uint64_t end = expires(s, it);

	/* What comes out of a long stop gets a chance before it ends. */
	heap_move(&s->timers, &it->timer, it->is_strict ? end :
	    MAX(end, now + s->limits.retry.first_ms));
}

/* To the site's ready queue; no memory for that: a little later. */
static void
item_ready(struct sched *s, uint64_t now, uint32_t item, struct site *site)
{
	if (site_add(s, site, item) != ERR_OK)
		item_schedule(s, now, item, now + SOON_MS);
	else
		item_await(s, now, item_at(s, item));
}

/* True when its destination must be resolved first, and nobody asked yet. */
static bool
item_came_due(struct sched *s, uint64_t now, uint32_t item)
{
	struct item *it = item_at(s, item);
	struct dest *d = dest_at(s, it->dest);

	if (d->route == ROUTE_KNOWN && now < d->until) {
		item_ready(s, now, item, site_at(s, d->site));
		return false;
	}
	it->state = SCHED_STATE_UNROUTED;
	APPEND(&s->items, item, link, &d->waiting, item);
	item_await(s, now, it);
	if (d->route == ROUTE_ASKED)
		return false;
	if (d->route == ROUTE_NONE && now < d->until) {
		dest_drain(s, d);
		return false;
	}
	d->route = ROUTE_ASKED;
	return true;
}

static void
decide_item(struct sched *s, struct sched_decision *d, enum sched_what what,
    uint32_t item)
{
	item_hand_out(s, item);
	d->what = what;
	d->dest = item_at(s, item)->dest;
	d->items[0] = item;
	d->nitems = 1;
}

/* One waiting item of a destination whose question was answered. */
static bool
drain_step(struct sched *s, uint64_t now, struct sched_decision *d)
{
	struct dest *dest = dest_at(s, s->drain.first);
	uint32_t item = dest->waiting.first;

	if (item == SCHED_NONE || dest->route == ROUTE_ASKED) {
		REMOVE(&s->dests, dest, drain, &s->drain, dest->self);
		dest->is_draining = false;
		return false;
	}
	if (dest->route == ROUTE_KNOWN) {
		item_unlist(s, item);
		item_ready(s, now, item, site_at(s, dest->site));
		return false;
	}
	decide_item(s, d, SCHED_UNROUTED, item);
	return true;
}

/* One timer that has run down; true: there is a decision. */
static bool
timer_step(struct sched *s, uint64_t now, struct heap_node *n,
    struct sched_decision *d)
{
	struct item *it = HEAP_OWNER(n, struct item, timer);
	uint32_t item = it->self;

	if (it->state != SCHED_STATE_SCHEDULED ||
	    (it->is_strict && expires(s, it) <= now)) {
		decide_item(s, d, SCHED_EXPIRE, item);
		return true;
	}
	if (!item_came_due(s, now, item))
		return false;
	d->what = SCHED_RESOLVE;
	d->dest = it->dest;
	return true;
}

static void
sites_wake(struct sched *s, uint64_t now)
{
	for (unsigned int i = 0; i < SLICE; i++) {
		struct heap_node *n = heap_first(&s->suspended);

		if (n == NULL || n->due > now)
			return;
		site_wake(s, HEAP_OWNER(n, struct site, timer));
	}
}

void
sched_next(struct sched *s, uint64_t now, struct sched_decision *d)
{
	d->what = SCHED_IDLE;
	d->dest = d->site = SCHED_NONE;
	d->nitems = 0;
	sites_wake(s, now);
	for (unsigned int i = 0; i < SLICE; i++) {
		struct heap_node *n = heap_first(&s->timers);

		if (s->drain.first != SCHED_NONE) {
			if (drain_step(s, now, d))
				return;
		} else if (n != NULL && n->due <= now) {
			if (timer_step(s, now, n, d))
				return;
		} else {
			(void)site_start(s, d);
			return;
		}
	}
	/* A slice is over: a job may start before the rest is sorted. */
	if (!site_start(s, d))
		d->what = SCHED_MORE;
}

uint64_t
sched_due(const struct sched *s)
{
	const struct heap_node *n = heap_first(&s->timers);
	const struct heap_node *site = heap_first(&s->suspended);
	uint64_t due = n == NULL ? UINT64_MAX : n->due;

	if (s->drain.first != SCHED_NONE || site_may_start(s))
		return 0;
	return site == NULL ? due : MIN(due, site->due);
}

enum err
sched_routed(struct sched *s, uint32_t dest,
    const struct sched_route *route)
{
	struct dest *d = dest_at(s, dest);
	uint32_t site;
	enum err e = site_get(s, route, &site);

	if (e != ERR_OK) {
		sched_unrouted(s, dest, 0, SPAN("out of memory"));
		return e;
	}
	d->route = ROUTE_KNOWN;
	d->until = route->until;
	dest_set_site(s, d, site);
	dest_drain(s, d);
	return ERR_OK;
}

void
sched_unrouted(struct sched *s, uint32_t dest, uint64_t until,
    struct span why)
{
	struct dest *d = dest_at(s, dest);

	d->route = ROUTE_NONE;
	d->until = until;
	sched_say(s, dest, why);
	dest_drain(s, d);
}

void
sched_finish(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);

	item_unlist(s, item);
	heap_remove(&s->timers, &it->timer);
	if (!it->is_disowned)
		sibling_remove(s, item);
	it->state = SCHED_STATE_FREE;
	dest_unuse(s, dest_at(s, it->dest));
	pool_put(&s->items, item);
}

bool
sched_is_expired(const struct sched *s, uint64_t now, uint32_t item)
{
	return expires(s, item_at(s, item)) <= now;
}

bool
sched_defer(struct sched *s, uint64_t now, uint32_t item, bool is_soon,
    uint64_t *wait_ms)
{
	struct item *it = item_at(s, item);

	if (it->attempts < UINT16_MAX)
		it->attempts++;
	if (expires(s, it) <= now)
		return false;
	*wait_ms = is_soon && it->attempts <= SOON_ATTEMPTS ? SOON_MS :
	    retry_wait_ms(&s->limits.retry, it->attempts,
		(uint32_t)rand_u64(&s->dice));
	item_schedule(s, now, item, now + *wait_ms);
	return true;
}

void
sched_return(struct sched *s, uint64_t now, uint32_t item, uint64_t wait_ms)
{
	item_schedule(s, now, item, now + wait_ms);
}

bool
sched_hurry(struct sched *s, uint64_t now, uint32_t item)
{
	struct item *it = item_at(s, item);
	struct dest *d = dest_at(s, it->dest);

	if (it->state == SCHED_STATE_RUNNING)
		return false;
	if (d->site != SCHED_NONE)
		site_wake(s, site_at(s, d->site));
	if (it->state == SCHED_STATE_SCHEDULED)
		heap_move(&s->timers, &it->timer, now);
	return true;
}

bool
sched_hold(struct sched *s, uint32_t item)
{
	if (item_at(s, item)->state == SCHED_STATE_RUNNING)
		return false;
	item_hand_out(s, item);
	return true;
}

void
sched_disown(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);

	ASSERT(it->state == SCHED_STATE_RUNNING && !it->is_disowned);
	sibling_remove(s, item);
	it->message = 0;
	it->is_disowned = true;
}

uint32_t
sched_end_of_items(const struct sched *s)
{
	return s->items.made;
}

bool
sched_view(const struct sched *s, uint32_t item, struct sched_view *v)
{
	const struct item *it;
	const struct dest *d;
	uint64_t site_end = 0;

	if (item >= s->items.made)
		return false;
	it = item_at(s, item);
	if (it->state == SCHED_STATE_FREE)
		return false;
	d = dest_at(s, it->dest);
	if (d->site != SCHED_NONE)
		site_end = site_until(site_at(s, d->site));
	*v = (struct sched_view){
		.message = it->message,
		.state = (enum sched_state)it->state,
		.attempts = it->attempts,
		.dest = it->dest,
		.born_ms = (uint64_t)MAX(it->born_s, 0) * 1000,
		.next_ms = it->state == SCHED_STATE_SCHEDULED ?
		    MAX(it->timer.due, site_end) :
		    it->state == SCHED_STATE_READY ? site_end : 0,
		.expires_ms = expires(s, it),
		.is_bounce = it->is_bounce,
		.destination = copy_span(&d->name),
		.site = d->site == SCHED_NONE ? SPAN("") :
		    sched_site_name(s, d->site),
		.why = copy_span(&d->why),
	};
	return true;
}

struct sched_counts
sched_counts(const struct sched *s)
{
	return (struct sched_counts){
		.items = s->items.used,
		.running_jobs = s->njobs[SCHED_SPREAD] +
		    s->njobs[SCHED_GULP],
		.destinations = (uint32_t)map_count(&s->dest_names),
		.sites = (uint32_t)map_count(&s->site_names),
		.sites_waiting = (uint32_t)heap_count(&s->suspended),
		.steps = s->timers.steps + s->suspended.steps +
		    s->messages.steps + s->flow_refs.steps,
	};
}
