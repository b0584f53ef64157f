/*
 * parts.h - the scheduler's own structs.  Only for src/sched.
 */
#ifndef POSTHORSE_SCHED_PARTS_H
#define POSTHORSE_SCHED_PARTS_H

#include "base/heap.h"
#include "base/map.h"
#include "base/rand.h"
#include "sched/pool.h"
#include "sched/refs.h"
#include "sched/sched.h"

#define SLICE	64u		/* items looked at in one sched_next */

/* A chain of pool members, by number. */
struct chain {
	uint32_t	first, last;
};
#define CHAIN_EMPTY	((struct chain){ SCHED_NONE, SCHED_NONE })
struct link {
	uint32_t	prev, next;
};

/* 64 octets: a million letters are 64 MB of these. */
struct item {
	struct heap_node	timer;		/* due, or the lifetime's end;
						 * RUNNING: never */
	uint64_t		message;
	struct link		link;		/* in dest->waiting or a flow */
	uint32_t		dest;
	uint32_t		flow;		/* READY: where */
	uint32_t		originator;
	uint32_t		sibling;	/* next of the same message */
	uint32_t		size_kib;
	uint32_t		self;
	int32_t			born_s;		/* when its age was zero */
	uint16_t		attempts;
	uint8_t			state;		/* enum sched_state */
	bool			is_bounce : 1;
	bool			is_disowned : 1;	/* not in s->messages */
	bool			is_strict : 1;	/* not a moment longer */
	uint8_t			level : 2;	/* enum sched_level */
};
_Static_assert(sizeof(struct item) == 64, "the budget of ARCHITECTURE 9");

/* Octets of our own, in exactly their size. */
struct copy {
	uint8_t	*p;
	size_t	 n;
};
static inline struct span
copy_span(const struct copy *c)
{
	return (struct span){ c->p, c->n };
}

enum route_state {
	ROUTE_UNKNOWN,
	ROUTE_ASKED,
	ROUTE_KNOWN,
	ROUTE_NONE		/* the answer was: none */
};
struct dest {
	struct map_node	node;
	struct chain	waiting;	/* UNROUTED items */
	struct link	idle;		/* no items: kept for its route */
	struct link	drain;		/* waiting items have an answer */
	uint64_t	until;
	struct copy	name, why;
	uint32_t	self;
	uint32_t	nitems;
	uint32_t	site;
	uint8_t		route;		/* enum route_state */
	bool		is_idle, is_draining;
};
struct site {
	struct map_node		node;
	struct heap_node	timer;		/* suspended until then */
	struct chain		flows[SCHED_LEVEL_COUNT]; /* whose turn: the
							   * first */
	struct link		runnable;
	struct copy		name, hosts;
	uint32_t		self;
	uint32_t		ndests, nready, running;
	uint32_t		window, most;
	uint32_t		failures;	/* in a row */
	uint8_t			class;		/* enum sched_class */
	uint8_t			turn;		/* items taken, round and round */
	bool			is_runnable;
};
/* READY items of one originator at one site; exists while there are any. */
struct flow {
	struct chain	items;
	struct link	link;
	uint32_t	site, originator;
	uint8_t		level;
};

struct sched {
	struct sched_limits	limits;
	struct rand		dice;
	struct pool		items, dests, sites, flows;
	struct heap		timers;		/* of items */
	struct heap		suspended;	/* of sites */
	struct map		dest_names, site_names;
	struct refs		messages;	/* first item of each */
	struct refs		flow_refs;
	struct chain		runnable[SCHED_CLASS_COUNT];	/* sites */
	struct chain		idle;		/* dests, oldest first */
	struct chain		drain;		/* dests */
	uint32_t		nidle;
	uint32_t		njobs[SCHED_CLASS_COUNT];
};

static inline struct item *
item_at(const struct sched *s, uint32_t ref)
{
	return pool_at(&s->items, ref);
}
static inline struct dest *
dest_at(const struct sched *s, uint32_t ref)
{
	return pool_at(&s->dests, ref);
}
static inline struct site *
site_at(const struct sched *s, uint32_t ref)
{
	return pool_at(&s->sites, ref);
}
static inline struct flow *
flow_at(const struct sched *s, uint32_t ref)
{
	return pool_at(&s->flows, ref);
}

/* chain.c: member n of a pool, whose link lies at that offset. */
void chain_append(const struct pool *p, size_t link, struct chain *c,
    uint32_t n);
void chain_remove(const struct pool *p, size_t link, struct chain *c,
    uint32_t n);
#define APPEND(pool, type, member, chain, n) \
	chain_append(pool, offsetof(struct type, member), chain, n)
#define REMOVE(pool, type, member, chain, n) \
	chain_remove(pool, offsetof(struct type, member), chain, n)

/* The old octets go when there is memory for the new ones; ERR_NOMEM. */
MUST_USE enum err copy_set(struct copy *c, struct span s);
void copy_free(struct copy *c);

/* dest.c */
MUST_USE enum err dest_get(struct sched *s, struct span name, uint32_t *ref);
void dest_use(struct sched *s, struct dest *d);
void dest_unuse(struct sched *s, struct dest *d);
void dest_set_site(struct sched *s, struct dest *d, uint32_t site);
void dest_drain(struct sched *s, struct dest *d);
void dest_drop_all(struct sched *s);

/* site.c */
MUST_USE enum err site_get(struct sched *s, const struct sched_route *route,
    uint32_t *ref);
void site_release(struct sched *s, struct site *site);
/* ERR_NOMEM: the item is where it was. */
MUST_USE enum err site_add(struct sched *s, struct site *site, uint32_t item);
void site_remove(struct sched *s, uint32_t item);
bool site_may_start(const struct sched *s);
bool site_start(struct sched *s, struct sched_decision *d);
void site_wake(struct sched *s, struct site *site);
/* How long a READY item of it waits at least. */
uint64_t site_until(const struct site *site);
void site_drop_all(struct sched *s);

#endif
