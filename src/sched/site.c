/*
 * site.c - the ready queue of one set of hosts: whose turn, how many at a time.
 */
#include "sched/parts.h"

#define FAIR_TURN	8u	/* one in so many is of the least urgent */

static uint32_t
flow_hash(uint32_t site, const struct item *it)
{
	return refs_mix(((uint64_t)site << 32 | it->originator) +
	    ((uint64_t)it->level << 62));
}

/* A site runs jobs while it may and has something to send. */
static void
site_update(struct sched *s, struct site *site)
{
	struct chain *runnable = &s->runnable[site->class];
	bool can = site->nready > 0 && site->running < site->window &&
	    !heap_has(&site->timer);

	if (can == site->is_runnable)
		return;
	site->is_runnable = can;
	if (can)
		APPEND(&s->sites, site, runnable, runnable, site->self);
	else
		REMOVE(&s->sites, site, runnable, runnable, site->self);
}

static void
site_drop(struct sched *s, struct site *site)
{
	if (heap_has(&site->timer))
		heap_remove(&s->suspended, &site->timer);
	map_remove(&s->site_names, &site->node);
	copy_free(&site->name);
	copy_free(&site->hosts);
	pool_put(&s->sites, site->self);
}

void
site_release(struct sched *s, struct site *site)
{
	if (site->ndests == 0 && site->nready == 0 && site->running == 0)
		site_drop(s, site);
}

static enum err
site_new(struct sched *s, const struct sched_route *route, uint32_t *ref)
{
	enum err e = pool_get(&s->sites, ref);
	struct site *site;

	if (e != ERR_OK)
		return e;
	site = site_at(s, *ref);
	*site = (struct site){
		.flows = { CHAIN_EMPTY, CHAIN_EMPTY, CHAIN_EMPTY },
		.self = *ref,
		.class = (uint8_t)route->class,
		.window = route->most > 0 ? route->most : s->limits.start,
		.most = route->most > 0 ? route->most : s->limits.most,
	};
	e = copy_set(&site->name, route->site);
	if (e == ERR_OK)
		e = map_add(&s->site_names, copy_span(&site->name),
		    &site->node);
	if (e != ERR_OK) {
		copy_free(&site->name);
		pool_put(&s->sites, *ref);
	}
	return e;
}

enum err
site_get(struct sched *s, const struct sched_route *route, uint32_t *ref)
{
	struct map_node *n = map_find(&s->site_names, route->site);
	struct site *site;
	enum err e = ERR_OK;

	if (n != NULL)
		*ref = MAP_OWNER(n, struct site, node)->self;
	else
		e = site_new(s, route, ref);
	if (e != ERR_OK)
		return e;
	site = site_at(s, *ref);
	/* The newest answer: addresses change behind one name. */
	e = copy_set(&site->hosts, route->hosts);
	if (e != ERR_OK)
		site_release(s, site);
	return e;
}

static uint32_t
flow_find(struct sched *s, uint32_t site, const struct item *it)
{
	uint32_t at = 0, ref, hash = flow_hash(site, it);

	while ((ref = refs_next(&s->flow_refs, hash, &at)) != REFS_NONE) {
		const struct flow *f = flow_at(s, ref);

		if (f->site == site && f->originator == it->originator &&
		    f->level == it->level)
			return ref;
	}
	return SCHED_NONE;
}

static enum err
flow_new(struct sched *s, struct site *site, const struct item *it,
    uint32_t *ref)
{
	enum err e = pool_get(&s->flows, ref);

	if (e != ERR_OK)
		return e;
	e = refs_put(&s->flow_refs, flow_hash(site->self, it), *ref);
	if (e != ERR_OK) {
		pool_put(&s->flows, *ref);
		return e;
	}
	*flow_at(s, *ref) = (struct flow){
		.items = CHAIN_EMPTY,
		.site = site->self,
		.originator = it->originator,
		.level = it->level,
	};
	APPEND(&s->flows, flow, link, &site->flows[it->level], *ref);
	return ERR_OK;
}

enum err
site_add(struct sched *s, struct site *site, uint32_t item)
{
	struct item *it = item_at(s, item);
	uint32_t flow = flow_find(s, site->self, it);
	enum err e;

	if (flow == SCHED_NONE) {
		e = flow_new(s, site, it, &flow);
		if (e != ERR_OK)
			return e;
	}
	APPEND(&s->items, item, link, &flow_at(s, flow)->items, item);
	it->flow = flow;
	it->state = SCHED_STATE_READY;
	site->nready++;
	site_update(s, site);
	return ERR_OK;
}

/* Take an item out of the ready queue; the site may be gone afterwards. */
void
site_remove(struct sched *s, uint32_t item)
{
	struct item *it = item_at(s, item);
	uint32_t ref = it->flow;
	struct flow *f = flow_at(s, ref);
	struct site *site = site_at(s, f->site);

	REMOVE(&s->items, item, link, &f->items, item);
	if (f->items.first == SCHED_NONE) {
		REMOVE(&s->flows, flow, link, &site->flows[f->level], ref);
		refs_remove(&s->flow_refs, flow_hash(f->site, it), ref);
		pool_put(&s->flows, ref);
	}
	site->nready--;
	site_update(s, site);
	site_release(s, site);
}

/*
 * How many items the next job takes: a share of what is ready for each job that
 * the site may have.  Sharing it over those that are free just now would give
 * all to the one that is, and nothing to the others that are free soon.
 */
static uint32_t
batch_of(const struct site *site)
{
	if (site->class == SCHED_GULP)
		return SCHED_BATCH_MAX;
	return MIN(SCHED_BATCH_MAX,
	    (site->nready + site->window - 1) / site->window);
}

/* The flow whose turn it is at a site with something ready. */
static uint32_t
next_flow(const struct site *site)
{
	static const uint8_t orders[2][SCHED_LEVEL_COUNT] = {
		{ SCHED_URGENT, SCHED_NORMAL, SCHED_BULK },
		{ SCHED_BULK, SCHED_NORMAL, SCHED_URGENT },
	};
	const uint8_t *order = orders[site->turn % FAIR_TURN == FAIR_TURN - 1];
	uint32_t ref = SCHED_NONE;

	for (size_t i = 0; i < SCHED_LEVEL_COUNT && ref == SCHED_NONE; i++)
		ref = site->flows[order[i]].first;
	ASSERT(ref != SCHED_NONE);
	return ref;
}

/* One from the flow whose turn it is, which then goes to the end. */
static uint32_t
site_take(struct sched *s, struct site *site)
{
	uint32_t ref = next_flow(site);
	struct chain *flows = &site->flows[flow_at(s, ref)->level];
	uint32_t item = flow_at(s, ref)->items.first;
	struct item *it = item_at(s, item);

	site->turn++;
	REMOVE(&s->flows, flow, link, flows, ref);
	APPEND(&s->flows, flow, link, flows, ref);
	site_remove(s, item);
	heap_move(&s->timers, &it->timer, UINT64_MAX);
	it->state = SCHED_STATE_RUNNING;
	return item;
}

static bool
fits(const struct sched *s, const struct site *site, uint64_t size_kib)
{
	const struct flow *f = flow_at(s, next_flow(site));

	return size_kib + item_at(s, f->items.first)->size_kib <=
	    s->limits.job_size / 1024;
}

/* The first site that may run a job now; SCHED_NONE. */
static uint32_t
next_to_start(const struct sched *s)
{
	if (s->runnable[SCHED_GULP].first != SCHED_NONE)
		return s->runnable[SCHED_GULP].first;
	return s->njobs[SCHED_SPREAD] < s->limits.jobs ?
	    s->runnable[SCHED_SPREAD].first : SCHED_NONE;
}

bool
site_may_start(const struct sched *s)
{
	return next_to_start(s) != SCHED_NONE;
}

/* It goes behind the others that may run a job. */
static void
site_to_end(struct sched *s, struct site *site)
{
	struct chain *runnable = &s->runnable[site->class];

	if (!site->is_runnable)
		return;
	REMOVE(&s->sites, site, runnable, runnable, site->self);
	APPEND(&s->sites, site, runnable, runnable, site->self);
}

/* Fill a job from the first site that may run one; sites take turns. */
bool
site_start(struct sched *s, struct sched_decision *d)
{
	uint32_t batch, ref = next_to_start(s);
	uint64_t size_kib = 0;
	struct site *site;

	if (ref == SCHED_NONE)
		return false;
	site = site_at(s, ref);
	batch = batch_of(site);
	d->what = SCHED_START;
	d->site = site->self;
	site->running++;
	s->njobs[site->class]++;
	while (d->nitems < batch && site->nready > 0 &&
	    (d->nitems == 0 || fits(s, site, size_kib))) {
		uint32_t item = site_take(s, site);

		size_kib += item_at(s, item)->size_kib;
		d->items[d->nitems++] = item;
	}
	site_update(s, site);
	site_to_end(s, site);
	return true;
}

void
site_wake(struct sched *s, struct site *site)
{
	if (heap_has(&site->timer))
		heap_remove(&s->suspended, &site->timer);
	site_update(s, site);
}

uint64_t
site_until(const struct site *site)
{
	return heap_has(&site->timer) ? site->timer.due : 0;
}

static void
site_failed(struct sched *s, uint64_t now, struct site *site)
{
	uint64_t wait;

	site->window = MAX(site->window / 2, 1u);
	/* Jobs that ran side by side failed for one reason. */
	if (heap_has(&site->timer))
		return;
	wait = retry_wait_ms(&s->limits.retry, ++site->failures,
	    (uint32_t)rand_u64(&s->dice));
	/* Without memory for the wait the items' own waits must do. */
	if (heap_add(&s->suspended, &site->timer, now + wait) != ERR_OK)
		site->window = 1;
}

static void
site_worked(struct sched *s, struct site *site)
{
	site->failures = 0;
	if (site->window < site->most)
		site->window++;
	site_wake(s, site);
}

void
sched_job_end(struct sched *s, uint64_t now, uint32_t ref, enum sched_end end)
{
	struct site *site = site_at(s, ref);

	ASSERT(site->running > 0);
	site->running--;
	s->njobs[site->class]--;
	if (end == SCHED_END_BAD)
		site_failed(s, now, site);
	else if (end == SCHED_END_OK)
		site_worked(s, site);
	site_update(s, site);
	site_release(s, site);
}

void
site_drop_all(struct sched *s)
{
	struct map_node *n, *next;

	for (n = map_first(&s->site_names); n != NULL; n = next) {
		next = map_next(n);
		site_drop(s, MAP_OWNER(n, struct site, node));
	}
}

struct span
sched_site_hosts(const struct sched *s, uint32_t site)
{
	return copy_span(&site_at(s, site)->hosts);
}

struct span
sched_site_name(const struct sched *s, uint32_t site)
{
	return copy_span(&site_at(s, site)->name);
}
