/*
 * steer.c - an operator's questions and orders, in small slices.
 *
 * A walk goes over the items; each turn it does so much and no more, so that a
 * look at a million letters stops nothing.  A list shows items; orders meet a
 * message with several items at the first of them.  An order for one id uses the same walk: rare,
 * and without a table that every letter would pay for.
 */
#include "role/queue/steer.h"

/* About 2 ms of work a turn: a row reads an envelope, a step does not. */
#define STEPS_A_TURN	4000u
#define ROWS_A_TURN	100u
#define READS_A_TURN	400u	/* envelopes that a filter asks for */

static void
walk_free(struct queue *q, struct steer_walk *w)
{
	buf_free(&w->words);
	*w = (struct steer_walk){ 0 };
	q->nwalks--;
}

static void
walk_end(struct queue *q, struct steer_walk *w, const char *why)
{
	const struct steer_end end = {
		.tag = w->ask.tag,
		.is_ok = why == NULL,
		.count = w->count,
		.busy = w->busy,
		.why = why == NULL ? SPAN("") : span_str(why),
	};

	/* An admin that reads nothing hears nothing. */
	if (role_send(q->role, w->peer, &ipc_steer_end, &end, NULL) != ERR_OK)
		role_cut(q->role, w->peer, "it does not take answers");
	walk_free(q, w);
}

static bool
send_row(struct queue *q, struct steer_walk *w, struct span json)
{
	const struct steer_row row = { .tag = w->ask.tag, .json = json };

	return role_send(q->role, w->peer, &ipc_steer_row, &row, NULL) ==
	    ERR_OK;
}

static enum steer_step
step_row(struct queue *q, struct steer_walk *w, uint32_t item, bool is_full)
{
	enum err e;

	buf_cut(&q->list, 0);
	e = queue_row(q, item, is_full, &q->list);
	if (e != ERR_OK)
		return STEER_SKIP;	/* lost, or not to be read now */
	return send_row(q, w, buf_span(&q->list)) ? STEER_SHOWN : STEER_WAIT;
}

static enum steer_step
step_list(struct queue *q, struct steer_walk *w, uint32_t item)
{
	return step_row(q, w, item, false);
}

static enum steer_step
step_show(struct queue *q, struct steer_walk *w, uint32_t item)
{
	return step_row(q, w, item, true);
}

static enum steer_step
step_retry(struct queue *q, struct steer_walk *w, uint32_t item)
{
	uint64_t message = sched_message(q->sched, item);
	uint32_t i = sched_first_of(q->sched, message);
	bool has_one = false;

	(void)w;
	if (queue_is_unborn(q, (struct store_message *)(uintptr_t)message))
		return STEER_SKIP;
	for (; i != SCHED_NONE; i = sched_next_of(q->sched, i))
		has_one |= sched_hurry(q->sched, loop_now_ms(q->role->loop), i);
	return has_one ? STEER_CHANGED : STEER_SKIP;
}

bool
queue_is_busy(struct queue *q, struct store_message *m)
{
	uint32_t i = sched_first_of(q->sched, (uint64_t)(uintptr_t)m);
	struct sched_view v;

	/* Items of a held one are out, and with nobody. */
	for (; i != SCHED_NONE && !queue_mark(m).is_held;
	    i = sched_next_of(q->sched, i))
		if (sched_view(q->sched, i, &v) &&
		    v.state == SCHED_STATE_RUNNING)
			return true;
	return queue_bounce_of(q, m);
}

static void
log_removed(struct queue *q, const struct envelope *e, struct span to)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, &e->id, "removed");
	log_span(&l, "to", to);
	log_str(&l, "by", "operator");
	queue_log(q, &l);
}

static enum steer_step
step_delete(struct queue *q, struct steer_walk *w, uint32_t item)
{
	const struct store_outcome o = {
		.fate = STORE_DELETED, .words = SPAN("by the operator"),
	};
	struct store_message *m = (struct store_message *)(uintptr_t)
	    sched_message(q->sched, item);
	uint8_t open[ENVELOPE_RECIPIENTS_MAX] = { 0 };
	struct envelope_recipient r;
	struct envelope e;
	struct span list;
	uint64_t ticket;

	(void)w;
	if (queue_is_busy(q, m))
		return STEER_BUSY;
	buf_cut(&q->scratch, 0);
	if (store_envelope(q->store, m, &q->scratch, &e) != ERR_OK)
		return STEER_SKIP;
	/* With the last one settled the handle is gone: ask before. */
	for (uint32_t i = 0; i < e.nrecipients && i < COUNT(open); i++)
		open[i] = !store_slot_is_settled(m, i);
	queue_waits_end(q, m, &e);
	queue_forget(q, m);
	list = e.recipients;
	for (uint32_t i = 0; i < COUNT(open) &&
	    envelope_next(&list, &r) == ERR_OK; i++) {
		if (!open[i])
			continue;
		if (store_settle(q->store, m, i, &o, &ticket) != ERR_OK) {
			/* No memory: what is left of it is scheduled again. */
			queue_miss(q, m);
			return STEER_BUSY;
		}
		log_removed(q, &e, r.address);
	}
	return STEER_CHANGED;
}

/* It may be lost while one of its items is looked at, and its handle with it. */
static bool
is_of_message(const struct queue *q, uint32_t item, uint64_t message)
{
	struct sched_view v;

	return item != SCHED_NONE && sched_view(q->sched, item, &v) &&
	    v.message == message;
}

/* The operator gives it up: its senders hear of it as of any failure. */
static enum steer_step
step_bounce(struct queue *q, struct steer_walk *w UNUSED, uint32_t item)
{
	uint64_t message = sched_message(q->sched, item);
	struct store_message *m = (struct store_message *)(uintptr_t)message;
	uint32_t n = 0, next;

	if (queue_is_busy(q, m))
		return STEER_BUSY;
	for (uint32_t i = item; i != SCHED_NONE; i = sched_next_of(q->sched, i))
		n++;
	/* One notice an item; more than there can be at all come later. */
	if (q->nbounces + MIN(n, QUEUE_BOUNCES_MAX) > QUEUE_BOUNCES_MAX)
		return STEER_WAIT;
	for (uint32_t i = item; is_of_message(q, i, message); i = next) {
		next = sched_next_of(q->sched, i);
		if (queue_mark(m).is_held || sched_hold(q->sched, i))
			queue_untried(q, i, DELIVER_FAILED, SPAN("5.0.0"),
			    SPAN("given up by the operator"));
		/* No memory for it now: what was held stays so. */
		if (is_of_message(q, i, message) && queue_mark(m).is_held)
			(void)sched_hold(q->sched, i);
	}
	return STEER_CHANGED;
}

static const struct {
	enum steer_step (*step)(struct queue *q, struct steer_walk *w,
	    uint32_t item);
	bool	needs_id;
	bool	is_by_item;	/* else once a message */
} verbs[STEER_VERB_COUNT] = {
	[STEER_QUEUE_LIST] = { step_list, false, true },
	[STEER_QUEUE_SHOW] = { step_show, true, true },
	[STEER_QUEUE_RETRY] = { step_retry, false, false },
	[STEER_QUEUE_DELETE] = { step_delete, true, false },
	[STEER_QUEUE_HOLD] = { queue_step_hold, true, false },
	[STEER_QUEUE_RELEASE] = { queue_step_release, true, false },
	[STEER_QUEUE_BOUNCE] = { step_bounce, true, false },
};

/* By the few bits beside the handle, then by the envelope itself. */
static bool
has_id(struct queue *q, const struct steer_walk *w, struct store_message *m)
{
	struct envelope e;

	if (!w->has_id)
		return true;
	if (queue_mark(m).id_hash != w->id_hash)
		return false;
	buf_cut(&q->scratch, 0);
	return store_envelope(q->store, m, &q->scratch, &e) == ERR_OK &&
	    msg_id_eq(&e.id, &w->id);
}

/* An order is of the whole message when one of its destinations is meant. */
static bool
fits_one(struct queue *q, const struct steer_walk *w, uint32_t item)
{
	struct sched_view v;

	if (!queue_filter_is_any(&w->ask))
		return true;
	for (; item != SCHED_NONE; item = sched_next_of(q->sched, item))
		if (sched_view(q->sched, item, &v) &&
		    queue_filter_fits(q, &w->ask, &v))
			return true;
	return false;
}

static bool
is_meant(struct queue *q, const struct steer_walk *w, uint32_t item)
{
	struct sched_view v;

	/* 0: it was lost while a job carries it. */
	if (!sched_view(q->sched, item, &v) || v.message == 0)
		return false;
	if (verbs[w->ask.verb].is_by_item)
		return has_id(q, w, (struct store_message *)(uintptr_t)
		    v.message) && queue_filter_fits(q, &w->ask, &v);
	return sched_first_of(q->sched, v.message) == item &&
	    has_id(q, w, (struct store_message *)(uintptr_t)v.message) &&
	    fits_one(q, w, item);
}

/* What is to be said when an order changes nothing. */
static const char *
why_not(struct queue *q, const struct steer_walk *w, uint32_t item)
{
	struct store_message *m = (struct store_message *)(uintptr_t)
	    sched_message(q->sched, item);

	if (queue_mark(m).is_held)
		return "it is held: release it first";
	if (w->ask.verb == STEER_QUEUE_RELEASE)
		return "it is not held";
	return queue_is_unborn(q, m) ? "its sender wants it to leave later" :
	    "it is being delivered just now";
}

/* What the order would be to this one. */
static enum steer_step
step_dry(struct queue *q, const struct steer_walk *w, uint32_t item)
{
	struct store_message *m = (struct store_message *)(uintptr_t)
	    sched_message(q->sched, item);
	bool is_held = queue_mark(m).is_held;

	switch (w->ask.verb) {
	case STEER_QUEUE_RELEASE:
		return is_held ? STEER_CHANGED : STEER_SKIP;
	case STEER_QUEUE_RETRY:
		return is_held || queue_is_unborn(q, m) || queue_is_busy(q, m) ?
		    STEER_SKIP : STEER_CHANGED;
	default:
		return queue_is_busy(q, m) ? STEER_BUSY : STEER_CHANGED;
	}
}

/* False: the walk has ended, or waits for the channel. */
static bool
walk_item(struct queue *q, struct steer_walk *w, uint32_t item)
{
	const char *why = why_not(q, w, item);
	enum steer_step step = w->ask.is_dry ? step_dry(q, w, item) :
	    verbs[w->ask.verb].step(q, w, item);
	bool is_once = w->has_id && !verbs[w->ask.verb].is_by_item;

	if (step == STEER_WAIT) {
		w->next--;
		q->is_walk_blocked = true;
		return false;
	}
	w->count += step == STEER_SHOWN || step == STEER_CHANGED;
	w->busy += step == STEER_BUSY;
	if ((step != STEER_BUSY || !w->has_id) && !is_once &&
	    (w->ask.limit == 0 || w->count < w->ask.limit))
		return true;
	walk_end(q, w, step == STEER_BUSY || w->count == 0 ? why : NULL);
	return false;
}

static void
walk_slice(struct queue *q, struct steer_walk *w)
{
	uint32_t nrows = 0;

	uint32_t steps = queue_filter_reads(&w->ask) ? READS_A_TURN :
	    STEPS_A_TURN;

	for (uint32_t i = 0; i < steps && nrows < ROWS_A_TURN; i++) {
		uint32_t item = w->next;

		if (item >= sched_end_of_items(q->sched)) {
			walk_end(q, w, w->has_id && w->count == 0 ?
			    "no such message" : NULL);
			return;
		}
		w->next++;
		if (!is_meant(q, w, item))
			continue;
		nrows++;
		if (!walk_item(q, w, item))
			return;
	}
}

/* One walk a turn, in turns. */
void
queue_steer_turn(struct queue *q)
{
	q->is_walk_blocked = false;
	for (uint32_t i = 0; q->nwalks > 0 && i < QUEUE_ASKS_MAX; i++) {
		struct steer_walk *w =
		    &q->walks[(q->next_walk + i) % QUEUE_ASKS_MAX];

		if (w->peer == NULL)
			continue;
		q->next_walk = (q->next_walk + i + 1) % QUEUE_ASKS_MAX;
		walk_slice(q, w);
		return;
	}
}

static bool
refuse(struct role *r, struct role_peer *to, uint64_t tag, const char *why)
{
	const struct steer_end end = { .tag = tag, .why = span_str(why) };

	return role_send(r, to, &ipc_steer_end, &end, NULL) == ERR_OK;
}

static bool
answer_status(struct queue *q, struct role_peer *to, uint64_t tag)
{
	struct steer_row row = { .tag = tag };
	const struct steer_end end = { .tag = tag, .is_ok = 1, .count = 1 };

	buf_cut(&q->list, 0);
	if (queue_status(q, &q->list) != ERR_OK)
		return refuse(q->role, to, tag, "out of memory");
	row.json = buf_span(&q->list);
	return role_send(q->role, to, &ipc_steer_row, &row, NULL) == ERR_OK &&
	    role_send(q->role, to, &ipc_steer_end, &end, NULL) == ERR_OK;
}

static struct steer_walk *
free_walk(struct queue *q)
{
	for (uint32_t i = 0; i < QUEUE_ASKS_MAX; i++)
		if (q->walks[i].peer == NULL)
			return &q->walks[i];
	return NULL;
}

bool
queue_asked(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct steer_ask *ask = msg;
	struct steer_walk *w, walk = { .peer = from };

	(void)fds;
	if (ask->verb == STEER_STATUS)
		return answer_status(q, from, ask->tag);
	/* Admin answers the rest itself: it does not belong here. */
	if (ask->verb >= STEER_VERB_COUNT || verbs[ask->verb].step == NULL)
		return false;
	if (ask->argument.n > 0) {
		if (msg_id_parse(ask->argument, &walk.id) != ERR_OK)
			return refuse(r, from, ask->tag,
			    "this is not a message's id");
		walk.has_id = true;
		walk.id_hash = queue_id_hash(q, &walk.id);
	}
	if (verbs[ask->verb].needs_id && !walk.has_id && !ask->is_all)
		return refuse(r, from, ask->tag, "which message?");
	w = free_walk(q);
	if (w == NULL)
		return refuse(r, from, ask->tag, "too many questions at once");
	if (queue_filter_keep(ask, &walk.ask, &walk.words) != ERR_OK) {
		buf_free(&walk.words);
		return refuse(r, from, ask->tag, "out of memory");
	}
	*w = walk;
	q->nwalks++;
	queue_wake(q);
	return true;
}

void
queue_asker_went(struct queue *q, const struct role_peer *p)
{
	for (uint32_t i = 0; i < QUEUE_ASKS_MAX; i++)
		if (q->walks[i].peer == p)
			walk_free(q, &q->walks[i]);
}
