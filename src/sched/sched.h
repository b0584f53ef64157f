/*
 * sched.h - which letter is tried when, and how many at a time.
 *
 * Two levels.  The scheduled queue holds every item until it is due; the ready
 * queue of a site (a destination as its set of hosts) holds what may leave as
 * soon as the site has room.  An item is one message for one destination; the
 * scheduler knows neither recipients nor content, only the caller's number of
 * the message.  Pure: (now, event) in, one decision at a time out, all clocks
 * monotonic milliseconds; the dice come from a seed.
 *
 *	add ──► SCHEDULED ──due──► route known? ──no──► UNROUTED ─ RESOLVE
 *	           ▲                   │yes                 │ routed
 *	           │                   ▼                    ▼
 *	         defer ◄── RUNNING ◄─START── READY (site, originator)
 *	                      │
 *	                   finish: the item is gone
 *
 * What it promises:
 * - at most `most` jobs at a time per site, `start` of them at first, one more
 *   after each that went well (slow start), half after one that did not;
 * - a site that could not be reached waits as a whole, on the retry curve, and
 *   costs one job to try again: its items hold up nobody else's;
 * - at most `jobs` jobs at a time to all SCHED_SPREAD sites together: however
 *   many do not answer, a SCHED_GULP one has its own, and comes first;
 * - originators (users, or domains of reverse-paths) take turns in a site;
 * - what is more urgent leaves a site first, but one in eight that leave is of
 *   the least urgent that wait: nothing waits for ever behind what is urgent;
 * - every call does bounded work; nothing costs more than O(log n).
 */
#ifndef POSTHORSE_SCHED_SCHED_H
#define POSTHORSE_SCHED_SCHED_H

#include "base/siphash.h"
#include "sched/retry.h"

#define SCHED_NONE	UINT32_MAX	/* no item, destination or site */
#define SCHED_BATCH_MAX	64u		/* items of one job */
#define SCHED_NAME_MAX	8192u		/* octets of a name */
#define SCHED_WHY_MAX	160u		/* octets of a reason that is kept */

struct sched;
struct sched_limits {
	struct retry		retry;
	uint32_t		start, most;	/* jobs at a time per site */
	uint32_t		jobs;		/* to all SCHED_SPREAD sites */
	uint64_t		job_size;	/* octets of one job; one item
						 * may be larger alone */
	uint32_t		idle_max;	/* destinations remembered that
						 * have no items */
	struct siphash_key	key;		/* nobody can guess */
	uint64_t		seed;		/* of the jitter */
};
MUST_USE enum err sched_new(const struct sched_limits *limits,
    struct sched **s);
void sched_free(struct sched *s);

enum sched_level {		/* RFC 6710 section 5: three of 19 */
	SCHED_NORMAL,
	SCHED_URGENT,
	SCHED_BULK,
	SCHED_LEVEL_COUNT
};
struct sched_entry {
	uint64_t	message;	/* the caller's; not unique */
	struct span	destination;	/* any octets, 1 .. SCHED_NAME_MAX */
	uint32_t	originator;	/* hash of who sent it */
	uint64_t	size;		/* octets, for job_size */
	uint64_t	age_ms;		/* already; see retry_age_ms */
	uint64_t	wait_ms;	/* before it is due; see retry_left_ms */
	uint64_t	unborn_ms;	/* before its lifetime begins */
	uint32_t	attempts;	/* already made */
	/* Not 0: its lifetime ends so soon, to the second, wherever it waits;
	 * no attempt is made behind that (RFC 2852 4.1.3). */
	uint64_t	deadline_ms;
	enum sched_level level;
	bool		is_bounce;	/* has the shorter lifetime */
};
/* ERR_NOMEM, ERR_FULL: nothing changed. */
MUST_USE enum err sched_add(struct sched *s, uint64_t now,
    const struct sched_entry *e, uint32_t *item);

enum sched_what {
	SCHED_IDLE,		/* nothing until sched_due() */
	SCHED_MORE,		/* a slice is over, there is more: call again */
	SCHED_RESOLVE,		/* dest: say sched_routed or sched_unrouted */
	SCHED_START,		/* site, items: one job, then sched_job_end */
	SCHED_EXPIRE,		/* items[0] waited beyond its lifetime: it is
				 * yours, end with finish or defer */
	SCHED_UNROUTED		/* items[0] has no route now (dest): likewise */
};
struct sched_decision {
	enum sched_what	what;
	uint32_t	dest;
	uint32_t	site;
	uint32_t	nitems;
	uint32_t	items[SCHED_BATCH_MAX];
};
void sched_next(struct sched *s, uint64_t now, struct sched_decision *d);
/* When sched_next has something again; UINT64_MAX: only after an event. */
uint64_t sched_due(const struct sched *s);

enum sched_class {
	SCHED_SPREAD,		/* what is ready, shared over its jobs */
	SCHED_GULP,		/* as much as goes into each job */
	SCHED_CLASS_COUNT
};
struct sched_route {
	struct span		site;		/* name, 1 .. SCHED_NAME_MAX */
	struct span		hosts;		/* kept with the site as it is */
	uint64_t		until;		/* now + ttl; UINT64_MAX */
	enum sched_class	class;
	uint32_t		most;		/* 0: the limits' start, most */
};
/* ERR_NOMEM: as sched_unrouted. */
MUST_USE enum err sched_routed(struct sched *s, uint32_t dest,
    const struct sched_route *route);
/*
 * No route: each item that waits for one comes out as SCHED_UNROUTED, and so
 * does what comes due before `until`, unasked.
 */
void sched_unrouted(struct sched *s, uint32_t dest, uint64_t until,
    struct span why);

/* True between RESOLVE and its answer; any number may be asked about. */
bool sched_is_asked(const struct sched *s, uint32_t dest);
uint32_t sched_end_of_dests(const struct sched *s);

/* The item is done with (all its recipients have ended, or it was deleted). */
void sched_finish(struct sched *s, uint32_t item);
/*
 * Tried in vain.  True: it waits again, *wait_ms long.  False: its lifetime is
 * over and it is still yours.  is_soon: nobody's fault (a worker died); the
 * first few times it is back within seconds.
 */
bool sched_defer(struct sched *s, uint64_t now, uint32_t item, bool is_soon,
    uint64_t *wait_ms);
/* Its lifetime is over: sched_defer would say false. */
bool sched_is_expired(const struct sched *s, uint64_t now, uint32_t item);
/* Give an item back untried, due after wait_ms. */
void sched_return(struct sched *s, uint64_t now, uint32_t item,
    uint64_t wait_ms);

enum sched_end {
	SCHED_END_OK,		/* the site answers */
	SCHED_END_BAD,		/* no host of it could be used */
	SCHED_END_LOST		/* says nothing about the site */
};
/* The job is over.  Its items are finished or deferred apart from this. */
void sched_job_end(struct sched *s, uint64_t now, uint32_t site,
    enum sched_end end);
/* Remember a reason for whoever asks about items of this destination. */
void sched_say(struct sched *s, uint32_t dest, struct span why);

/* Orders of an operator.  An item that is RUNNING is left alone: false. */
bool sched_hurry(struct sched *s, uint64_t now, uint32_t item);
/* Take it out of the queue: then it is yours, as after SCHED_EXPIRE. */
bool sched_hold(struct sched *s, uint32_t item);
/*
 * The message of a RUNNING item has gone, and its number may be another one's
 * soon: the item has message 0 and is not found any more, until sched_finish.
 */
void sched_disown(struct sched *s, uint32_t item);

enum sched_state {
	SCHED_STATE_FREE,
	SCHED_STATE_SCHEDULED,
	SCHED_STATE_UNROUTED,
	SCHED_STATE_READY,
	SCHED_STATE_RUNNING	/* yours: in a job, or after EXPIRE, hold … */
};
struct sched_view {
	uint64_t		message;
	enum sched_state	state;
	uint32_t		attempts;
	uint32_t		dest;
	uint64_t		born_ms;	/* monotonic; 0 when before */
	uint64_t		next_ms;	/* monotonic; 0: now or running */
	uint64_t		expires_ms;	/* monotonic */
	bool			is_bounce;
	struct span		destination;	/* borrowed until the next call */
	struct span		site;		/* "" while not known */
	struct span		why;		/* the last reason said */
};
/* False: there is no such item (numbers 0 .. sched_end_of_items() - 1). */
bool sched_view(const struct sched *s, uint32_t item, struct sched_view *v);
uint32_t sched_end_of_items(const struct sched *s);
/* The items of one message: first of them, then the next; SCHED_NONE. */
uint32_t sched_first_of(struct sched *s, uint64_t message);
uint32_t sched_next_of(const struct sched *s, uint32_t item);
/* The item of that message for that destination, or SCHED_NONE. */
uint32_t sched_item_for(struct sched *s, uint64_t message,
    struct span destination);
uint64_t sched_message(const struct sched *s, uint32_t item);
/* The hosts that sched_routed left at this site. */
struct span sched_site_hosts(const struct sched *s, uint32_t site);
struct span sched_site_name(const struct sched *s, uint32_t site);
struct span sched_dest_name(const struct sched *s, uint32_t dest);
struct span sched_dest_why(const struct sched *s, uint32_t dest);

struct sched_counts {
	uint32_t	items, running_jobs, destinations, sites;
	uint32_t	sites_waiting;		/* as a whole */
	uint64_t	steps;			/* taken in heaps and tables */
};
struct sched_counts sched_counts(const struct sched *s);

#endif
