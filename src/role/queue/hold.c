/*
 * hold.c - mail that is kept until an operator lets it go.
 *
 * A hold is of a whole message.  A rule's stands in the envelope and counts
 * until the journal knows of a retry; an operator's, and every release, is an
 * outcome in the journal.  Items of a held message are handed out to nobody.
 */
#include "role/queue/steer.h"

#include "os/clock.h"

static void
set_held(struct store_message *m, bool is_held)
{
	struct queue_mark mark = queue_mark(m);

	mark.is_held = is_held;
	queue_set_mark(m, &mark);
}

static void
log_hold(struct queue *q, const struct envelope *e, const char *event,
    const char *by)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, &e->id, event);
	log_str(&l, "by", by);
	queue_log(q, &l);
}

void
queue_hold_items(struct queue *q, struct store_message *m)
{
	uint32_t item = sched_first_of(q->sched, (uint64_t)(uintptr_t)m);

	set_held(m, true);
	for (; item != SCHED_NONE; item = sched_next_of(q->sched, item))
		(void)sched_hold(q->sched, item);
}

void
queue_hold_new(struct queue *q, struct store_message *m,
    const struct envelope *e)
{
	queue_hold_items(q, m);
	log_hold(q, e, "held", "rule");
}

/* How often a recipient was tried; 0 when the journal knows nothing. */
static uint32_t
attempts_of(struct queue *q, struct store_message *m, uint32_t slot)
{
	struct buf words = buf_make(STORE_WORDS_MAX + 64);
	struct store_outcome o = { 0 };
	uint32_t attempts = 0;

	if (store_outcome(q->store, m, slot, &words, &o) == ERR_OK)
		attempts = o.attempts;
	buf_free(&words);
	return attempts;
}

/* The journal hears it for each recipient that is not finished. */
static bool
note(struct queue *q, struct store_message *m, const struct envelope *e,
    enum store_fate fate)
{
	uint64_t ticket;

	for (uint32_t i = 0; i < e->nrecipients; i++) {
		const struct store_outcome o = {
			.fate = fate,
			.next_ms = fate == STORE_RETRY ? e->arrived_ms : 0,
			.attempts = attempts_of(q, m, i),
			.words = fate == STORE_RETRY ? SPAN("released") :
			    SPAN("held by the operator"),
		};

		if (!store_slot_is_settled(m, i) &&
		    store_settle(q->store, m, i, &o, &ticket) != ERR_OK)
			return false;
	}
	return true;
}

static struct store_message *
message_of(struct queue *q, uint32_t item)
{
	return (struct store_message *)(uintptr_t)sched_message(q->sched,
	    item);
}

static bool
envelope_of(struct queue *q, struct store_message *m, struct envelope *e)
{
	buf_cut(&q->scratch, 0);
	return store_envelope(q->store, m, &q->scratch, e) == ERR_OK;
}

enum steer_step
queue_step_hold(struct queue *q, struct steer_walk *w UNUSED, uint32_t item)
{
	struct store_message *m = message_of(q, item);
	struct envelope e;

	if (queue_mark(m).is_held)
		return STEER_CHANGED;	/* as it was to be */
	if (queue_is_busy(q, m))
		return STEER_BUSY;
	if (!envelope_of(q, m, &e) || !note(q, m, &e, STORE_HOLD))
		return STEER_SKIP;
	queue_hold_items(q, m);
	log_hold(q, &e, "held", "operator");
	queue_wake(q);
	return STEER_CHANGED;
}

enum steer_step
queue_step_release(struct queue *q, struct steer_walk *w UNUSED,
    uint32_t item)
{
	struct store_message *m = message_of(q, item);
	uint64_t now = loop_now_ms(q->role->loop), wall = clock_wall_ms(), wait;
	struct envelope e;

	if (!queue_mark(m).is_held)
		return STEER_SKIP;
	if (!envelope_of(q, m, &e) || !note(q, m, &e, STORE_RETRY))
		return STEER_SKIP;
	set_held(m, false);
	/* RFC 4865 4.2: not before the time that its sender asked for. */
	wait = e.hold_ms > wall ? e.hold_ms - wall : 0;
	item = sched_first_of(q->sched, (uint64_t)(uintptr_t)m);
	for (; item != SCHED_NONE; item = sched_next_of(q->sched, item))
		sched_return(q->sched, now, item, wait);
	log_hold(q, &e, "released", "operator");
	queue_wake(q);
	return STEER_CHANGED;
}
