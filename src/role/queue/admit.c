/*
 * admit.c - what the store reports becomes items of the scheduler.
 *
 * At the start a message comes first and what the journal knows of it right
 * behind; so the envelope is kept until the next message shows that all was
 * said.  Later messages are new and go straight on.
 */
#include "role/queue/queue.h"

#include "mail/address.h"
#include "mail/date.h"

#include "os/clock.h"

#include <stdio.h>

/* Who takes turns with whom: the user, else the domain of the reverse-path. */
static uint32_t
originator_of(const struct queue *q, const struct envelope *e)
{
	struct span local, domain;

	if (e->originator.n > 0)
		return queue_hash(q, e->originator);
	(void)addr_split(e->reverse_path, &local, &domain);
	return queue_hash(q, domain);
}

#define MARK_HASH	0xffffffu
#define MARK_FLAGS	0x3u
#define MARK_MISSED	(UINT64_C(1) << 26)
#define MARK_WAITING	(UINT64_C(1) << 27)
#define MARK_HELD	(UINT64_C(1) << 28)
#define MARK_SIZE	((UINT64_C(1) << 35) - 1)

uint32_t
queue_id_hash(const struct queue *q, const struct msg_id *id)
{
	return queue_hash(q, span_of(id->octets, MSG_ID_OCTETS)) & MARK_HASH;
}

void
queue_set_mark(struct store_message *m, const struct queue_mark *mark)
{
	uint64_t v = mark->id_hash & MARK_HASH;

	v |= (uint64_t)(mark->flags & MARK_FLAGS) << 24;
	v |= mark->is_missed ? MARK_MISSED : 0;
	v |= mark->is_held ? MARK_HELD : 0;
	v |= mark->is_waiting ? MARK_WAITING : 0;
	v |= MIN(mark->size, MARK_SIZE) << 29;
	_Static_assert(sizeof(v) == sizeof(void *), "a mark is a pointer wide");
	memcpy(store_user(m), &v, sizeof(v));
}

struct queue_mark
queue_mark(struct store_message *m)
{
	uint64_t v;

	memcpy(&v, store_user(m), sizeof(v));
	return (struct queue_mark){
		.id_hash = (uint32_t)v & MARK_HASH,
		.flags = (uint8_t)(v >> 24 & MARK_FLAGS),
		.is_missed = (v & MARK_MISSED) != 0,
		.is_held = (v & MARK_HELD) != 0,
		.is_waiting = (v & MARK_WAITING) != 0,
		.size = v >> 29,
	};
}

static void
mark(const struct queue *q, struct store_message *m, const struct msg_id *id,
    const struct content_facts *facts, uint64_t size)
{
	const struct queue_mark it = {
		.id_hash = queue_id_hash(q, id),
		.flags = (uint8_t)(
		    (facts->flags & CONTENT_8BIT ? DELIVER_8BIT : 0) |
		    (facts->flags & CONTENT_DOT_LINE ? DELIVER_DOT : 0)),
		.size = size,
	};

	queue_set_mark(m, &it);
}

/* RFC 6710 section 5: above and below the middle is all that we tell apart. */
static enum sched_level
level_of(int8_t priority)
{
	return priority > 0 ? SCHED_URGENT :
	    priority < 0 ? SCHED_BULK : SCHED_NORMAL;
}

/* RFC 2852 4.1.3: what is to be returned then ends then; 0: no such time. */
static uint64_t
deadline_ms(const struct envelope *e, uint64_t wall)
{
	if (e->by_ms == 0 || (e->by_mode & ENVELOPE_BY_RETURN) == 0)
		return 0;
	return e->by_ms > wall ? e->by_ms - wall : 1;
}

/* What is left of a wait, or until its release (RFC 4865 4.2). */
static uint64_t
wait_ms(const struct queue *q, const struct envelope *e, uint64_t wall)
{
	uint64_t hold = e->hold_ms > wall ? e->hold_ms - wall : 0;

	if (deadline_ms(e, wall) == 1)
		return 0;
	return !q->told_has_next ? hold : MAX(hold, retry_left_ms(&q->retry,
	    q->told_attempts, q->told_next_ms, wall));
}

static struct sched_entry
entry_of(const struct queue *q, struct store_message *m,
    const struct envelope *e)
{
	const struct retry *retry = &q->retry;
	uint64_t wall = clock_wall_ms();

	return (struct sched_entry){
		.message = (uint64_t)(uintptr_t)m,
		.originator = originator_of(q, e),
		.size = queue_mark(m).size,
		.attempts = q->told_attempts,
		/* Its life begins with its release. */
		.age_ms = retry_age_ms(retry, q->told_attempts,
		    MAX(e->arrived_ms, e->hold_ms), wall),
		.wait_ms = wait_ms(q, e, wall),
		.unborn_ms = e->hold_ms > wall ? e->hold_ms - wall : 0,
		.deadline_ms = deadline_ms(e, wall),
		.level = level_of(e->priority),
		.is_bounce = e->reverse_path.n == 0,
	};
}

static enum err
admit_recipient(struct queue *q, struct sched_entry *entry,
    const struct envelope_recipient *r)
{
	uint32_t item;
	enum err e = queue_destination(q->config, r, &q->name);

	if (e != ERR_OK)
		return e;
	entry->destination = buf_span(&q->name);
	if (sched_item_for(q->sched, entry->message, entry->destination) !=
	    SCHED_NONE)
		return ERR_OK;
	return sched_add(q->sched, loop_now_ms(q->role->loop), entry, &item);
}

static void
admit(struct queue *q, struct store_message *m, const struct envelope *e)
{
	struct sched_entry entry = entry_of(q, m, e);
	struct span list = e->recipients;
	struct envelope_recipient r;
	enum err error = ERR_OK;

	for (uint32_t slot = 0; envelope_next(&list, &r) == ERR_OK; slot++) {
		if (store_slot_is_settled(m, slot) ||
		    queue_bounce_has(q, m, slot))
			continue;
		error = admit_recipient(q, &entry, &r);
		if (error != ERR_OK)
			break;
	}
	if (error != ERR_OK) {
		struct log_line l;

		log_begin(&l, LOG_LEVEL_ALARM, &e->id, "not-scheduled");
		log_str(&l, "why", err_name(error));
		queue_log(q, &l);
		queue_miss(q, m);
	}
}

void
queue_miss(struct queue *q, struct store_message *m)
{
	struct queue_mark mark = queue_mark(m);

	mark.is_missed = true;
	queue_set_mark(m, &mark);
	q->has_missed = true;
}

static void
admit_again(struct queue *q, struct store_message *m)
{
	struct queue_mark mark = queue_mark(m);
	struct envelope e;
	enum err error;

	mark.is_missed = false;
	queue_set_mark(m, &mark);
	error = store_envelope(q->store, m, &q->scratch, &e);
	if (error == ERR_OK) {
		admit(q, m, &e);
		if (!mark.is_waiting)
			queue_waits_begin(q, m, &e);
		if (mark.is_held)
			queue_hold_items(q, m);
	} else if (error != ERR_CORRUPT)	/* else it is gone */
		queue_miss(q, m);
}

void
queue_admit_missed(struct queue *q)
{
	struct store_message *m, *next;

	if (!q->has_missed)
		return;
	q->has_missed = false;
	for (m = store_next(q->store, NULL); m != NULL; m = next) {
		next = store_next(q->store, m);
		if (queue_mark(m).is_missed)
			admit_again(q, m);
	}
	queue_wake(q);
}

static const char *
priority_text(int8_t priority, char to[8])
{
	(void)snprintf(to, 8, "%d", priority);
	return to;
}

static const char *
utc(uint64_t wall_ms, char to[DATE_MAX])
{
	date_print_utc(wall_ms, to);
	return to;
}

static void
log_queued(struct queue *q, const struct envelope *e, uint64_t size)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, &e->id, "queued");
	log_span(&l, "from", e->reverse_path);
	log_num(&l, "recipients", e->nrecipients);
	log_num(&l, "size", size);
	if (e->priority != 0)
		log_str(&l, "priority", priority_text(e->priority,
		    (char[8]){ 0 }));
	if (e->by_ms > 0)
		log_str(&l, "by", utc(e->by_ms, (char[DATE_MAX]){ 0 }));
	if (e->flags & ENVELOPE_TLS_OPTIONAL)
		log_str(&l, "tls-required", "no");
	if (e->hold_ms > 0)
		log_str(&l, "release", utc(e->hold_ms, (char[DATE_MAX]){ 0 }));
	queue_log(q, &l);
}

void
queue_admit_told(struct queue *q)
{
	struct envelope e;

	if (q->told != NULL &&
	    envelope_decode(buf_span(&q->told_envelope), &e) == ERR_OK) {
		admit(q, q->told, &e);
		queue_waits_begin(q, q->told, &e);
		/* A rule's hold counts until somebody released it. */
		if (q->told_is_held || (!q->told_has_next &&
		    (e.flags & ENVELOPE_HOLD) != 0))
			queue_hold_items(q, q->told);
	}
	q->told = NULL;
	q->told_attempts = 0;
	q->told_has_next = q->told_is_held = false;
}

static void
tell_message(void *arg, struct store_message *m, const struct envelope *e,
    const struct content_facts *facts, uint64_t size)
{
	struct queue *q = arg;

	queue_admit_told(q);
	mark(q, m, &e->id, facts, size);
	if (!q->is_opening) {
		admit(q, m, e);
		queue_waits_begin(q, m, e);
		log_queued(q, e, size);
		if ((e->flags & ENVELOPE_HOLD) != 0)
			queue_hold_new(q, m, e);
		queue_wake(q);
		return;
	}
	buf_cut(&q->told_envelope, 0);
	if (envelope_encode(e, &q->told_envelope) == ERR_OK)
		q->told = m;
}

static void
tell_outcome(void *arg, struct store_message *m, uint32_t slot,
    const struct store_outcome *o)
{
	struct queue *q = arg;

	(void)slot;
	if (m != q->told || (o->fate != STORE_RETRY && o->fate != STORE_HOLD))
		return;
	if (o->fate == STORE_HOLD) {
		q->told_is_held = true;
		q->told_attempts = MAX(q->told_attempts, o->attempts);
		return;
	}
	q->told_attempts = MAX(q->told_attempts, o->attempts);
	if (!q->told_has_next || o->next_ms < q->told_next_ms)
		q->told_next_ms = o->next_ms;
	q->told_has_next = true;
}

/* Its id, when a job has read its head; else that is lost as well: NULL. */
static const struct msg_id *
id_in_job(const struct queue *q, const struct store_message *m)
{
	for (uint32_t i = 0; i < QUEUE_JOBS_MAX; i++) {
		const struct job *j = q->jobs[i];

		for (uint32_t k = 0; j != NULL && k < j->nmessages; k++)
			if (j->messages[k].m == m)
				return &j->messages[k].id;
	}
	return NULL;
}

static void
tell_lost(void *arg, struct store_message *m)
{
	struct queue *q = arg;
	struct log_line l;

	/* Where its record lies is said by the alarm. */
	log_begin(&l, LOG_LEVEL_ALARM, id_in_job(q, m), "lost");
	log_str(&l, "why", "what was stored of it does not hold");
	queue_log(q, &l);
	if (q->told == m)
		q->told = NULL;
	queue_forget(q, m);
}

static const char *const alarm_words[STORE_ALARM_COUNT] = {
	[STORE_ALARM_CORRUPT] = "hole in a segment",
	[STORE_ALARM_CONTENT] = "content does not hold",
	[STORE_ALARM_LARGE] = "large file short, wrong or missing",
	[STORE_ALARM_JOURNAL] = "journal does not hold",
	[STORE_ALARM_STRANGE] = "strange file",
	[STORE_ALARM_SYNC] = "sync failed",
	[STORE_ALARM_UNFINISHED] = "unfinished batch dropped",
	[STORE_ALARM_DISK] = "file system refused",
	[STORE_ALARM_DOUBT] = "file system doubtful",
};

static void
tell_alarm(void *arg, const struct store_alarm *a)
{
	struct queue *q = arg;
	struct log_line l;

	log_begin(&l, a->kind == STORE_ALARM_UNFINISHED ||
	    a->kind == STORE_ALARM_DOUBT ? LOG_LEVEL_INFO : LOG_LEVEL_ALARM,
	    a->id, "spool");
	log_str(&l, "what", alarm_words[a->kind]);
	log_num(&l, "segment", a->segment);
	log_num(&l, "offset", a->offset);
	log_num(&l, "octets", a->octets);
	if (a->name != NULL)
		log_str(&l, "file", a->name);
	queue_log(q, &l);
}

/* A big spool takes its time, in which our loop does not turn. */
static void
tell_working(void *arg)
{
	struct queue *q = arg;

	role_working(q->role);
}

/* Of a dead receiver's segment, say: no thread can do that for us. */
static void
tell_syncing(void *arg)
{
	struct queue *q = arg;

	role_syncing(q->role);
}

const struct store_events queue_store_events = {
	.message = tell_message,
	.outcome = tell_outcome,
	.lost = tell_lost,
	.alarm = tell_alarm,
	.working = tell_working,
	.syncing = tell_syncing,
};
