/*
 * result.c - what workers answer, and what follows from it.
 *
 * A worker speaks for its own jobs only, once for each recipient; anything
 * else is a lie and ends the channel (PRV-3).  DONE is settled as it comes, so
 * that a worker's death repeats as little as may be (DLV-1); refusals wait for
 * the job's end, where one bounce is made of them.
 */
#include "role/queue/queue.h"

#include "mail/date.h"
#include "os/clock.h"

#include <stdlib.h>

static uint64_t
now_ms(const struct queue *q)
{
	return loop_now_ms(q->role->loop);
}

static struct job_slot *
slots_of(const struct job *j, const struct job_message *jm)
{
	return (struct job_slot *)(void *)j->slots.p + jm->slot;
}

static struct job *
find_job(struct queue *q, uint64_t number, const struct role_peer *worker,
    uint32_t *place)
{
	struct job *j = q->jobs[number % QUEUE_JOBS_MAX];

	*place = (uint32_t)(number % QUEUE_JOBS_MAX);
	return j != NULL && j->number == number && j->worker == worker &&
	    j->build == NULL ? j : NULL;
}

/* One message may be in a job twice, for two destinations. */
static struct job_slot *
find_slot(struct job *j, const struct msg_id *id, uint32_t slot,
    struct job_message **message)
{
	for (uint32_t i = 0; i < j->nmessages; i++) {
		struct job_message *jm = &j->messages[i];
		struct job_slot *s = slots_of(j, jm);

		if (!msg_id_eq(&jm->id, id))
			continue;
		for (uint32_t k = 0; k < jm->nslots; k++)
			if (s[k].slot == slot) {
				*message = jm;
				return &s[k];
			}
	}
	return NULL;
}

struct said {
	struct span	status, remote, text, tls;
	uint16_t	code;
	uint64_t	next_ms;	/* wall clock */
};

static struct queue_words
keep_words(struct job *j, const struct deliver_result *m)
{
	struct queue_words w = { .code = m->code, .at = (uint32_t)j->words.n };
	size_t before = j->words.n;

	/* Without room the code alone must do. */
	if (buf_add(&j->words, m->status) != ERR_OK ||
	    buf_add(&j->words, m->remote) != ERR_OK ||
	    buf_add(&j->words, m->text) != ERR_OK) {
		buf_cut(&j->words, before);
		return w;
	}
	w.nstatus = (uint16_t)m->status.n;
	w.nremote = (uint16_t)m->remote.n;
	w.ntext = (uint16_t)m->text.n;
	return w;
}

/* doc/design/events.md: one line a recipient; next_ms 0: it has no next. */
static void
log_slot(struct queue *q, const struct job *j, const struct msg_id *id,
    const struct job_slot *s, const char *event, const struct said *m)
{
	char next[DATE_MAX];
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, id, event);
	log_span(&l, "to", span_of(j->text.p + s->address, s->naddress));
	if (m->remote.n > 0)
		log_span(&l, "remote", m->remote);
	if (m->code > 0)
		log_num(&l, "code", m->code);
	log_span(&l, "status", m->status);
	log_span(&l, "reply", m->text);
	if (m->tls.n > 0)
		log_span(&l, "tls", m->tls);
	if (m->next_ms > 0) {
		date_print_utc(m->next_ms, next);
		log_str(&l, "next", next);
	}
	if (j->worker != NULL)
		log_num(&l, "ms", now_ms(q) - j->started_ms);
	queue_log(q, &l);
}

static void
log_result(struct queue *q, const struct job *j, const struct job_slot *s,
    const struct deliver_result *m)
{
	const struct said said = {
		.status = m->status, .remote = m->remote, .text = m->text,
		.tls = m->tls, .code = m->code,
	};

	log_slot(q, j, &m->id, s, m->fate == DELIVER_DONE ? "delivered" :
	    "failed", &said);
}

static void
settle(struct queue *q, struct store_message *m, uint32_t slot,
    const struct store_outcome *o)
{
	uint64_t ticket;

	if (o->fate != STORE_RETRY)
		queue_bounces_late(q, m, slot);
	/* Without memory it stays as it was and is tried again: twice delivered
	 * is better than never settled. */
	if (store_settle(q->store, m, slot, o, &ticket) != ERR_OK &&
	    o->fate != STORE_RETRY)
		queue_miss(q, m);
}

static bool
are_all_settled(const struct job *j, const struct job_message *jm)
{
	const struct job_slot *s = slots_of(j, jm);

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (!s[i].is_settled)
			return false;
	return true;
}

/*
 * Is the sender told that it is done?  DSN_ACTION_COUNT: no.  RFC 3461 5.2.2
 * and 5.2.3; RFC 2852 4.1.4 where a time was given that the next server does not
 * know of, or that is to be traced.
 */
static enum dsn_action
success_of(const struct job *j, const struct job_message *jm,
    const struct job_slot *s)
{
	bool is_relayed = j->worker != NULL &&
	    j->worker->kind == IPC_ROLE_SENDER;
	bool is_asked = (s->notify & ENVELOPE_SUCCESS) != 0;
	bool is_by = jm->by_ms > 0 && (s->notify & ENVELOPE_NEVER) == 0 &&
	    ((s->passed & DELIVER_PASSED_BY) == 0 ||
		(jm->by_mode & ENVELOPE_BY_TRACE) != 0);

	if (s->fate != DELIVER_DONE || jm->nreverse == 0)
		return DSN_ACTION_COUNT;
	if (!is_relayed)
		return is_asked ? DSN_DELIVERED : DSN_ACTION_COUNT;
	return is_by || (is_asked && (s->passed & DELIVER_PASSED_DSN) == 0) ?
	    DSN_RELAYED : DSN_ACTION_COUNT;
}

static void
settle_done(struct queue *q, struct job_message *jm, struct job_slot *s)
{
	const struct store_outcome done = { .fate = STORE_DONE };

	settle(q, jm->m, s->slot, &done);
	s->is_settled = true;
}

bool
queue_result(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct deliver_result *m = msg;
	struct job_message *jm;
	struct job_slot *s;
	struct job *j;
	uint32_t place;

	(void)fds;
	j = find_job(q, m->job, from, &place);
	if (j == NULL)
		return false;
	s = find_slot(j, &m->id, m->slot, &jm);
	if (s == NULL || s->fate != JOB_SLOT_OPEN)
		return false;
	s->fate = m->fate;
	s->passed = m->passed;
	if (m->fate != DELIVER_RETRY)
		log_result(q, j, s, m);
	/* Who is to be told of it is settled with that, at the job's end. */
	if (m->fate != DELIVER_DONE ||
	    success_of(j, jm, s) != DSN_ACTION_COUNT) {
		s->words = keep_words(j, m);
		return true;
	}
	if (jm->m == NULL)
		return true;
	settle_done(q, jm, s);
	/* With its last slot the message is gone, and so is the handle. */
	if (are_all_settled(j, jm)) {
		sched_finish(q->sched, jm->item);
		jm->item = SCHED_NONE;
		jm->m = NULL;
	}
	return true;
}

static struct span
word(const struct job *j, uint32_t at, uint16_t n)
{
	return span_of(j->words.p + at, n);
}

static struct bounce_failure
failure_of(const struct job *j, const struct job_slot *s)
{
	const struct queue_words *w = &s->words;
	uint32_t remote = w->at + w->nstatus, text = remote + w->nremote;

	if (j->words.n == 0)
		return (struct bounce_failure){ .slot = s->slot,
			.code = w->code };
	return (struct bounce_failure){
		.slot = s->slot,
		.is_expired = s->fate != DELIVER_FAILED,
		.status = word(j, w->at, w->nstatus),
		.remote = word(j, remote, w->nremote),
		.text = word(j, text, w->ntext),
		.code = w->code,
	};
}

/* RFC 3461 4.1: failures are told unless other words were said. */
static bool
wants(const struct job_slot *s, uint8_t what)
{
	return s->notify == 0 ? what == ENVELOPE_FAILURE ||
	    what == ENVELOPE_DELAY : (s->notify & what) != 0;
}

/* Nobody wants to hear of it: that is the end of this recipient. */
static void
fail_silently(struct queue *q, const struct job *j, struct job_message *jm,
    struct job_slot *s)
{
	struct bounce_failure f = failure_of(j, s);
	const struct store_outcome o = {
		.fate = STORE_FAILED,
		.words = span_of(f.text.p, MIN(f.text.n, STORE_WORDS_MAX)),
	};
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, &jm->id, "no-bounce");
	log_span(&l, "to", span_of(j->text.p + s->address, s->naddress));
	log_str(&l, "why", "NOTIFY said so");
	queue_log(q, &l);
	settle(q, jm->m, s->slot, &o);
	s->is_settled = true;
}

/* What there is to tell about one slot now; DSN_ACTION_COUNT: nothing. */
static enum dsn_action
action_of(const struct job *j, const struct job_message *jm,
    const struct job_slot *s, bool is_expired)
{
	if (s->is_settled)
		return DSN_ACTION_COUNT;
	if (s->fate == DELIVER_DONE)
		return success_of(j, jm, s);
	return s->fate == DELIVER_FAILED || is_expired ? DSN_FAILED :
	    DSN_ACTION_COUNT;
}

static enum err
add_notice(struct buf *list, const struct job *j, const struct job_slot *s,
    enum dsn_action action)
{
	struct bounce_failure f = failure_of(j, s);

	f.action = action;
	f.is_expired = action == DSN_FAILED && s->fate != DELIVER_FAILED;
	return buf_add(list, span_of(&f, sizeof(f)));
}

static bool
notice(struct queue *q, struct job_message *jm, const struct buf *list)
{
	return list->n == 0 || queue_bounce(q, jm->m,
	    (const struct bounce_failure *)(const void *)list->p,
	    (uint32_t)(list->n / sizeof(struct bounce_failure)));
}

/* No notice can be made now.  What is done stays done, untold. */
static void
settle_untold(struct queue *q, struct job *j, struct job_message *jm)
{
	struct job_slot *s = slots_of(j, jm);

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (!s[i].is_settled && s[i].fate == DELIVER_DONE)
			settle_done(q, jm, &s[i]);
}

/*
 * Tell the sender about those that are given up, or done and to be told of;
 * false: not now.
 */
static bool
tell_sender(struct queue *q, struct job *j, struct job_message *jm,
    bool is_expired)
{
	struct job_slot *s = slots_of(j, jm);
	struct buf list = buf_make(ENVELOPE_RECIPIENTS_MAX *
	    sizeof(struct bounce_failure));
	enum err e = ERR_OK;
	bool is_taken;

	for (uint32_t i = 0; e == ERR_OK && i < jm->nslots; i++) {
		enum dsn_action action = action_of(j, jm, &s[i], is_expired);

		if (action != DSN_ACTION_COUNT &&
		    (action != DSN_FAILED || wants(&s[i], ENVELOPE_FAILURE)))
			e = add_notice(&list, j, &s[i], action);
	}
	is_taken = e == ERR_OK && notice(q, jm, &list);
	buf_free(&list);
	if (!is_taken) {
		settle_untold(q, j, jm);
		return false;
	}
	for (uint32_t i = 0; i < jm->nslots; i++)
		if (action_of(j, jm, &s[i], is_expired) == DSN_FAILED &&
		    !wants(&s[i], ENVELOPE_FAILURE))
			fail_silently(q, j, jm, &s[i]);
	return true;
}

/*
 * RFC 2852 4.1.3: by-mode N, and its time is over: of each recipient the sender is
 * told once, behind the first attempt that fails then.
 */
static bool
is_late(const struct queue *q, const struct job_message *jm,
    const struct job_slot *s)
{
	return s->fate == DELIVER_RETRY && wants(s, ENVELOPE_DELAY) &&
	    !store_slot_is_told(jm->m, s->slot) &&
	    !queue_bounce_has_late(q, jm->m, s->slot);
}

static void
tell_late(struct queue *q, struct job *j, struct job_message *jm)
{
	const struct job_slot *s = slots_of(j, jm);
	struct buf list = buf_make(ENVELOPE_RECIPIENTS_MAX *
	    sizeof(struct bounce_failure));
	enum err e = ERR_OK;

	if (jm->by_ms == 0 || (jm->by_mode & ENVELOPE_BY_RETURN) != 0 ||
	    clock_wall_ms() < jm->by_ms)
		return;
	for (uint32_t i = 0; e == ERR_OK && i < jm->nslots; i++)
		if (is_late(q, jm, &s[i]))
			e = add_notice(&list, j, &s[i], DSN_DELAYED);
	if (e == ERR_OK)
		(void)notice(q, jm, &list);	/* or the next time */
	buf_free(&list);
}

static void
say_why(struct queue *q, const struct job *j, const struct job_message *jm)
{
	const struct job_slot *s = slots_of(j, jm);
	struct sched_view v;

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (s[i].fate == DELIVER_RETRY &&
		    sched_view(q->sched, jm->item, &v)) {
			sched_say(q->sched, v.dest, failure_of(j, &s[i]).text);
			return;
		}
}

static void
log_kept(struct queue *q, const struct job *j, const struct job_message *jm,
    const struct job_slot *s, const char *event, uint64_t next_ms)
{
	struct bounce_failure f = failure_of(j, s);
	const struct said said = {
		.status = f.status, .remote = f.remote, .text = f.text,
		.code = f.code, .next_ms = next_ms,
	};

	log_slot(q, j, &jm->id, s, event, &said);
}

/* Those that are to be tried again: when, and what was said. */
static void
settle_retries(struct queue *q, const struct job *j,
    const struct job_message *jm, uint64_t wait_ms)
{
	const struct job_slot *s = slots_of(j, jm);
	struct sched_view v;
	struct store_outcome o = {
		.fate = STORE_RETRY,
		.next_ms = clock_wall_ms() + wait_ms,
	};

	if (!sched_view(q->sched, jm->item, &v))
		return;
	o.attempts = v.attempts;
	for (uint32_t i = 0; i < jm->nslots; i++) {
		struct bounce_failure f = failure_of(j, &s[i]);

		if (s[i].fate != DELIVER_RETRY)
			continue;
		o.words = span_of(f.text.p, MIN(f.text.n, STORE_WORDS_MAX));
		settle(q, jm->m, s[i].slot, &o);
		log_kept(q, j, jm, &s[i], "deferred", o.next_ms);
	}
}

static void
log_expired(struct queue *q, const struct job *j, const struct job_message *jm)
{
	const struct job_slot *s = slots_of(j, jm);

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (s[i].fate == DELIVER_RETRY || s[i].fate == JOB_SLOT_OPEN)
			log_kept(q, j, jm, &s[i], "expired", 0);
}

static bool
has_fate(const struct job *j, const struct job_message *jm, uint8_t fate)
{
	const struct job_slot *s = slots_of(j, jm);

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (s[i].fate == fate)
			return true;
	return false;
}

/* The job has ended for this message: bounce, wait again, or be done. */
static void
end_message(struct queue *q, struct job *j, struct job_message *jm)
{
	bool is_expired, has_open;
	uint64_t wait;

	if (jm->item == SCHED_NONE)
		return;
	if (jm->m == NULL) {
		sched_finish(q->sched, jm->item);
		return;
	}
	say_why(q, j, jm);
	is_expired = sched_is_expired(q->sched, now_ms(q), jm->item) &&
	    has_fate(j, jm, DELIVER_RETRY);
	has_open = has_fate(j, jm, JOB_SLOT_OPEN);
	if (!tell_sender(q, j, jm, is_expired)) {
		if (are_all_settled(j, jm))
			sched_finish(q->sched, jm->item);
		else
			sched_return(q->sched, now_ms(q), jm->item,
			    60 * QUEUE_AWAY_MS);
		return;
	}
	if (is_expired)
		log_expired(q, j, jm);
	if (is_expired || (!has_open && !has_fate(j, jm, DELIVER_RETRY)))
		sched_finish(q->sched, jm->item);
	else if (sched_defer(q->sched, now_ms(q), jm->item,
	    !has_fate(j, jm, DELIVER_RETRY), &wait)) {
		settle_retries(q, j, jm, wait);
		tell_late(q, j, jm);
	} else
		/* Its life ended while nobody could say why: once more. */
		sched_return(q->sched, now_ms(q), jm->item,
		    60 * QUEUE_AWAY_MS);
}

static void
end_job(struct queue *q, uint32_t place, enum sched_end end)
{
	struct job *j = q->jobs[place];

	for (uint32_t i = 0; i < j->nmessages; i++)
		end_message(q, j, &j->messages[i]);
	sched_job_end(q->sched, now_ms(q), j->site, end);
	q->jobs[place] = NULL;
	q->njobs--;
	queue_job_free(q, j);
	queue_wake(q);
}

bool
queue_job_ended(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct deliver_end *m = msg;
	struct queue_worker *w = from->data;
	uint32_t place;
	struct job *j = find_job(q, m->job, from, &place);

	(void)fds;
	/* What it left unanswered is tried again soon. */
	if (j == NULL || w == NULL)
		return false;
	w->njobs--;
	if (from->kind == IPC_ROLE_SENDER)
		queue_kept_set(w, siphash(&q->key,
		    sched_site_name(q->sched, j->site)), m->is_kept != 0);
	end_job(q, place, m->is_site_bad ? SCHED_END_BAD : SCHED_END_OK);
	return true;
}

/* What a dead worker did not answer is tried again soon. */
void
queue_worker_went(struct queue *q, struct role_peer *p)
{
	for (uint32_t i = 0; i < QUEUE_JOBS_MAX; i++) {
		struct job *j = q->jobs[i];

		if (j == NULL || j->worker != p)
			continue;
		/* One that it was not given yet goes back when it is built. */
		if (j->build != NULL)
			j->worker = NULL;
		else
			end_job(q, i, SCHED_END_LOST);
	}
	free(p->data);
	p->data = NULL;
}

/* All recipients of the only message are told the same. */
static bool
say_all(struct job *j, uint8_t fate, struct span status, struct span why)
{
	struct job_slot *s = (struct job_slot *)(void *)j->slots.p;
	const struct queue_words w = {
		.nstatus = (uint16_t)status.n,
		.ntext = (uint16_t)MIN(why.n, STORE_WORDS_MAX),
	};

	for (uint32_t i = 0; i < j->messages[0].nslots; i++) {
		s[i].fate = fate;
		s[i].words = w;
	}
	return buf_add(&j->words, status) == ERR_OK &&
	    buf_add(&j->words, span_of(why.p, w.ntext)) == ERR_OK;
}

static void
log_all(struct queue *q, const struct job *j, const struct job_message *jm,
    const char *event)
{
	for (uint32_t i = 0; i < jm->nslots; i++)
		log_kept(q, j, jm, &slots_of(j, jm)[i], event, 0);
}

/*
 * An item that no worker was given: its route is missing, or its life ended
 * while it waited.  The item is ours; as at a job's end it is bounced, waits
 * again, or is done.
 */
void
queue_untried(struct queue *q, uint32_t item, enum deliver_fate fate,
    struct span status, struct span why)
{
	struct job *j = queue_job_new(q);
	enum err e = j == NULL ? ERR_NOMEM : queue_job_add(q, j, item);

	if (e == ERR_NONE || e == ERR_CORRUPT)
		sched_finish(q->sched, item);
	else if (e != ERR_OK || !say_all(j, (uint8_t)fate, status, why))
		/* No memory or no read: nobody's fault, and soon over. */
		sched_return(q->sched, now_ms(q), item, 5 * QUEUE_AWAY_MS);
	else {
		if (fate == DELIVER_FAILED || fate == DELIVER_DONE)
			log_all(q, j, &j->messages[0],
			    fate == DELIVER_DONE ? "delivered" : "failed");
		end_message(q, j, &j->messages[0]);
	}
	queue_job_free(q, j);
}
