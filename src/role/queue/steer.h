/*
 * steer.h - rows for an operator.  Only for src/role/queue.
 */
#ifndef POSTHORSE_ROLE_QUEUE_STEER_H
#define POSTHORSE_ROLE_QUEUE_STEER_H

#include "role/queue/queue.h"

enum steer_step {
	STEER_SKIP,		/* not this one */
	STEER_SHOWN,
	STEER_CHANGED,
	STEER_BUSY,		/* a job or a bounce holds it */
	STEER_WAIT		/* no room, in the channel or for a bounce: again */
};

/* filter.c: does it name anything; a copy whose spans are of *words, which is
 * the caller's in any case; is this one meant. */
bool queue_filter_is_any(const struct steer_ask *ask);
/* Is the envelope needed for it? */
bool queue_filter_reads(const struct steer_ask *ask);
MUST_USE enum err queue_filter_keep(const struct steer_ask *from,
    struct steer_ask *to, struct buf *words);
bool queue_filter_fits(struct queue *q, const struct steer_ask *ask,
    const struct sched_view *v);
/* row.c: what a destination is called in rows. */
struct span queue_domain_of(const struct queue *q, struct span destination);

/* True while a job or a bounce holds the message's handle. */
bool queue_is_busy(struct queue *q, struct store_message *m);
/* hold.c */
enum steer_step queue_step_hold(struct queue *q, struct steer_walk *w,
    uint32_t item);
enum steer_step queue_step_release(struct queue *q, struct steer_walk *w,
    uint32_t item);
/*
 * row.c: one item (a message and a destination) as a JSON object on one line
 * (doc/design/events.md); is_full: each recipient and what was said of it.
 */
MUST_USE enum err queue_row(struct queue *q, uint32_t item, bool is_full,
    struct buf *to);
/* Counts of the whole queue as a JSON object. */
MUST_USE enum err queue_status(struct queue *q, struct buf *to);
/* A JSON string with its quotes; octets that are not ASCII as \u00NN. */
MUST_USE enum err json_string(struct buf *to, struct span s);

#endif
