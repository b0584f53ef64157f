/*
 * result.c - what workers answer, and what follows from it.
 *
 * A worker speaks for its own jobs only, once for each recipient; anything
 * else is a lie and ends the channel (PRV-3).  DONE is settled as it comes, so
 * that a worker's death repeats as little as may be (DLV-1); refusals wait for
 * the job's end, where one bounce is made of them.
 */
#include "role/queue/queue.h"

#include "os/clock.h"

#include <stdlib.h>
#include <time.h>

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
	for (uint32_t i = 0; i < QUEUE_JOBS_MAX; i++)
		if (q->jobs[i] != NULL && q->jobs[i]->number == number &&
		    q->jobs[i]->worker == worker &&
		    q->jobs[i]->build == NULL) {
			*place = i;
			return q->jobs[i];
		}
	return NULL;
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

/* "2026-11-23T21:29:17Z" */
static const char *
utc(uint64_t wall_ms, char to[24])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(to, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		to[0] = '\0';
	return to;
}

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
	if (m->next_ms > 0)
		log_str(&l, "next", utc(m->next_ms, (char[24]){ 0 }));
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

	/* Without memory it stays as it was and is tried again: twice delivered
	 * is better than never settled. */
	if (store_settle(q->store, m, slot, o, &ticket) != ERR_OK &&
	    o->fate != STORE_RETRY)
		queue_miss(q, m);
}

static bool
is_last_open(const struct job *j, const struct job_message *jm)
{
	const struct job_slot *s = slots_of(j, jm);

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (s[i].fate != DELIVER_DONE)
			return false;
	return true;
}

bool
queue_result(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct deliver_result *m = msg;
	const struct store_outcome done = { .fate = STORE_DONE };
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
	if (m->fate != DELIVER_RETRY)
		log_result(q, j, s, m);
	if (m->fate != DELIVER_DONE) {
		s->words = keep_words(j, m);
		return true;
	}
	if (jm->m == NULL)
		return true;
	settle(q, jm->m, m->slot, &done);
	/* With its last slot the message is gone, and so is the handle. */
	if (is_last_open(j, jm)) {
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

/* Tell the sender about those that are given up; false: not now. */
static bool
bounce_failed(struct queue *q, const struct job *j,
    const struct job_message *jm, bool is_expired, uint32_t *nfailed)
{
	const struct job_slot *s = slots_of(j, jm);
	struct buf list = buf_make(ENVELOPE_RECIPIENTS_MAX *
	    sizeof(struct bounce_failure));
	enum err e = ERR_OK;
	bool is_taken;

	*nfailed = 0;
	for (uint32_t i = 0; e == ERR_OK && i < jm->nslots; i++) {
		struct bounce_failure f = failure_of(j, &s[i]);

		if (s[i].fate == DELIVER_DONE ||
		    (s[i].fate != DELIVER_FAILED && !is_expired))
			continue;
		f.is_expired = s[i].fate != DELIVER_FAILED;
		e = buf_add(&list, span_of(&f, sizeof(f)));
		(*nfailed)++;
	}
	is_taken = e == ERR_OK && (*nfailed == 0 || queue_bounce(q, jm->m,
	    (const struct bounce_failure *)(const void *)list.p, *nfailed));
	buf_free(&list);
	return is_taken;
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
end_message(struct queue *q, const struct job *j, struct job_message *jm)
{
	bool is_expired, has_open;
	uint32_t nfailed;
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
	if (!bounce_failed(q, j, jm, is_expired, &nfailed)) {
		sched_return(q->sched, now_ms(q), jm->item,
		    60 * QUEUE_AWAY_MS);
		return;
	}
	if (is_expired)
		log_expired(q, j, jm);
	if (is_expired || (!has_open && !has_fate(j, jm, DELIVER_RETRY)))
		sched_finish(q->sched, jm->item);
	else if (sched_defer(q->sched, now_ms(q), jm->item,
	    !has_fate(j, jm, DELIVER_RETRY), &wait))
		settle_retries(q, j, jm, wait);
	else
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

bool
queue_site_closed(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct deliver_closed *m = msg;

	(void)fds;
	if (from->data != NULL)
		queue_kept_set(from->data, siphash(&q->key, m->site), false);
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
log_refused(struct queue *q, const struct job *j, const struct job_message *jm)
{
	for (uint32_t i = 0; i < jm->nslots; i++)
		log_kept(q, j, jm, &slots_of(j, jm)[i], "failed", 0);
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
		if (fate == DELIVER_FAILED)
			log_refused(q, j, &j->messages[0]);
		end_message(q, j, &j->messages[0]);
	}
	queue_job_free(q, j);
}

void
queue_forget(struct queue *q, struct store_message *m)
{
	uint64_t number = (uint64_t)(uintptr_t)m;
	uint32_t item = sched_first_of(q->sched, number), next;

	queue_bounces_forget(q, m);
	for (; item != SCHED_NONE; item = next) {
		next = sched_next_of(q->sched, item);
		if (sched_hold(q->sched, item))
			sched_finish(q->sched, item);
		else
			/* Its job ends it; m may be a new message by then. */
			sched_disown(q->sched, item);
	}
	for (uint32_t i = 0; i < QUEUE_JOBS_MAX; i++) {
		struct job *j = q->jobs[i];

		for (uint32_t k = 0; j != NULL && k < j->nmessages; k++)
			if (j->messages[k].m == m)
				j->messages[k].m = NULL;
	}
}
