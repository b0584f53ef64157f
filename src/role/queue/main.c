/*
 * main.c - posthorse-queue: owner of the spool, the schedule, the journal.
 *
 * Everything happens at the end of a turn: what the messages of the turn have
 * changed is looked at once, a bounded number of decisions is carried out, and
 * the rest waits for the next turn, so that no peer waits for a long list.
 */
#include "role/queue/queue.h"

#include "os/clock.h"

#include <stdlib.h>
#include <sys/resource.h>

#define DECISIONS_A_TURN	64u
#define ROOM_MS			5000u	/* disk, memory */
#define STOP_MS			8000u	/* running jobs get so long */
#define IDLE_DESTINATIONS	10000u

static void
decide(struct queue *q, const struct sched_decision *d)
{
	switch (d->what) {
	case SCHED_RESOLVE:
		queue_resolve(q, d->dest);
		break;
	case SCHED_START:
		queue_start_job(q, d);
		break;
	case SCHED_EXPIRE:
		queue_untried(q, d->items[0], DELIVER_RETRY, SPAN("4.4.7"),
		    SPAN("delivery time expired"));
		break;
	case SCHED_UNROUTED:
		queue_unrouted(q, d->items[0], d->dest);
		break;
	case SCHED_IDLE:
	case SCHED_MORE:
		break;
	}
}

static bool
may_deliver(const struct queue *q)
{
	return !q->is_stopping && !q->config->is_delivery_held &&
	    store_may_deliver(q->store);
}

/* When the next turn comes if nobody says anything. */
static void
set_due(struct queue *q, bool has_more)
{
	uint64_t due = may_deliver(q) ? sched_due(q->sched) : UINT64_MAX;
	uint64_t now = loop_now_ms(q->role->loop), wait = ROOM_MS;

	if (due != UINT64_MAX)
		wait = due > now ? MIN(due - now, wait) : 0;
	if (q->nbounces > 0 || q->is_walk_blocked || q->is_stopping)
		wait = MIN(wait, (uint64_t)QUEUE_GROUP_MS);
	if (has_more || q->nturns > 0 || (q->nwalks > 0 && !q->is_walk_blocked))
		wait = 0;
	loop_timer_set(q->due_timer, wait);
}

/*
 * OPS-4: no new jobs, the running ones get their time, what they said becomes
 * durable.  What is left is in the spool and goes on at the next start.
 */
static void
stop_when_idle(struct queue *q)
{
	if (!q->is_stopping || (q->njobs > 0 && !q->is_stop_over) ||
	    !queue_disk_is_idle(q))
		return;
	store_close(q->store);
	q->store = NULL;
	role_done(q->role);
}

static void
stop_due(void *arg)
{
	struct queue *q = arg;

	q->is_stop_over = true;
}

static void
queue_stop(struct role *r)
{
	struct queue *q = r->self;

	q->is_stopping = true;
	if (q->store == NULL) {
		role_done(r);
		return;
	}
	loop_timer_set(q->stop_timer, STOP_MS);
	queue_wake(q);
}

/* The end of a turn, and whenever something may be due. */
static void
queue_turn(void *arg)
{
	struct queue *q = arg;
	struct sched_decision d = { .what = SCHED_IDLE };
	unsigned int n = 0;

	if (q->store == NULL)
		return;
	for (; may_deliver(q) && n < DECISIONS_A_TURN; n++) {
		sched_next(q->sched, loop_now_ms(q->role->loop), &d);
		if (d.what == SCHED_IDLE)
			break;
		decide(q, &d);
	}
	queue_bounces_turn(q);
	queue_steer_turn(q);
	queue_turns_step(q);
	queue_disk_turn(q);
	stop_when_idle(q);
	if (q->store == NULL)
		return;
	set_due(q, n == DECISIONS_A_TURN);
}

static void
due(void *arg)
{
	/* The turn's end does it all. */
	(void)arg;
}

static void
room_due(void *arg)
{
	struct queue *q = arg;

	if (q->store != NULL)
		queue_admit_missed(q);
	queue_watch_room(q);
	loop_timer_set(q->room_timer, ROOM_MS);
}

/* --- a role's life ------------------------------------------------------- */

static bool
queue_file(struct role *r, struct span purpose, int fd)
{
	struct queue *q = r->self;

	if (queue_memory_file(q, purpose, fd))
		return true;
	if (!span_eq(purpose, SPAN("spool")) || q->has_spool)
		return false;
	q->spool_dir = fd;
	q->has_spool = true;
	return true;
}

static bool
queue_load(struct role *r)
{
	struct queue *q = r->self;

	return q->has_spool && role_reach_dir(r, q->spool_dir, true) == ERR_OK;
}

static struct retry
retry_of(const struct config_retry *c)
{
	return (struct retry){
		.first_ms = c->first * 1000,
		.growth_percent = (uint32_t)c->growth,
		.jitter_percent = (uint32_t)c->jitter,
		.cap_ms = c->cap * 1000,
		.lifetime_ms = c->lifetime * 1000,
		.bounce_lifetime_ms = c->bounce_lifetime * 1000,
	};
}

/*
 * A job is two descriptors in its sender, content and connection; half of what
 * a process may have stays for idle connections and all the rest.
 */
static uint32_t
most_sender_jobs(void)
{
	struct rlimit files;
	uint64_t n = QUEUE_SENDER_JOBS;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur != RLIM_INFINITY)
		n = MIN(n, files.rlim_cur / 4);
	return (uint32_t)MAX(n, 1u);
}

static enum err
make_sched(struct queue *q)
{
	struct sched_limits limits = {
		.retry = q->retry,
		.start = (uint32_t)q->config->limits.concurrency_start,
		.most = (uint32_t)q->config->limits.concurrency,
		.jobs = most_sender_jobs(),
		.job_size = QUEUE_JOB_SIZE,
		.idle_max = IDLE_DESTINATIONS,
		.key = q->key,
	};

	clock_random(&limits.seed, sizeof(limits.seed));
	return sched_new(&limits, &q->sched);
}

static enum err
make_timers(struct queue *q)
{
	const struct {
		struct loop_timer	**timer;
		loop_due		 *due;
	} timers[] = {
		{ &q->due_timer, due },
		{ &q->sync_timer, queue_sync_now },
		{ &q->tend_timer, queue_tend },
		{ &q->room_timer, room_due },
		{ &q->stop_timer, stop_due },
	};

	for (size_t i = 0; i < COUNT(timers); i++) {
		enum err e = loop_timer_new(q->role->loop, timers[i].due, q,
		    timers[i].timer);

		if (e != ERR_OK)
			return e;
	}
	return loop_turn_new(q->role->loop, queue_turn, q, &q->turn);
}

/* Threads now; the sandbox comes behind. */
static bool
queue_start(struct role *r)
{
	struct queue *q = r->self;
	uint8_t key[SIPHASH_KEY_OCTETS];

	q->role = r;
	q->config = r->config;
	q->retry = retry_of(&q->config->retry);
	q->files = spool_files_posix();
	q->told_envelope = buf_make(ENVELOPE_MAX);
	q->scratch = buf_make(ENVELOPE_MAX);
	q->list = buf_make(ENVELOPE_MAX);
	q->name = buf_make(SCHED_NAME_MAX);
	clock_random(key, sizeof(key));
	q->key = siphash_key_make(key);
	q->waits = map_make(q->key);
	return make_sched(q) == ERR_OK &&
	    make_timers(q) == ERR_OK &&
	    worker_new(r->loop, 1, 1, &q->sync_worker) == ERR_OK &&
	    worker_new(r->loop, 1, 1, &q->make_worker) == ERR_OK &&
	    worker_new(r->loop, 1, QUEUE_JOBS_MAX, &q->copy_worker) == ERR_OK;
}

static void
log_start(struct queue *q, enum err e, uint64_t took_ms)
{
	struct store_counts c = { 0 };
	struct log_line l;

	log_begin(&l, e == ERR_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ALARM, NULL,
	    e == ERR_OK ? "queue-open" : "queue-closed");
	if (e == ERR_OK)
		c = store_counts(q->store);
	else
		log_str(&l, "why", e == ERR_DENIED ?
		    "another instance holds it, or its owner, "
		    "format or file system is not ours" :
		    err_name(e));
	log_num(&l, "messages", c.messages);
	log_num(&l, "segments", c.segments);
	log_num(&l, "corrupt", c.corrupt);
	log_num(&l, "ms", took_ms);
	queue_log(q, &l);
}

static void
queue_serve(struct role *r)
{
	struct queue *q = r->self;
	uint64_t before = clock_mono_ms();
	struct store_options options = {
		.segment_size = q->config->segment_size,
		.reserve = STORE_RESERVE,
		.prewrite = true,
		.refuse_new = (unsigned int)q->config->limits.disk_refuse_new,
		.refuse_all = (unsigned int)q->config->limits.disk_refuse_all,
	};
	enum err e;

	q->events = queue_store_events;
	q->events.arg = q;
	queue_await_writers(q);
	options.has_writers = q->nwriters > 0;
	q->is_opening = true;
	e = store_open(&q->files, q->spool_dir, &options, &q->events,
	    &q->store);
	q->is_opening = false;
	queue_admit_told(q);
	log_start(q, e, clock_mono_ms() - before);
	if (e != ERR_OK) {
		/* Nothing may be taken in: the supervisor decides. */
		q->store = NULL;
		role_done(r);
		return;
	}
	queue_watch_room(q);
	loop_timer_set(q->room_timer, ROOM_MS);
	loop_timer_set(q->tend_timer, 0);
	queue_wake(q);
}

static void
queue_peer_came(struct role *r, struct role_peer *p)
{
	struct queue *q = r->self;

	if (p->kind == IPC_ROLE_RECEIVER)
		queue_receiver_came(q, p);
	else if (p->kind == IPC_ROLE_SENDER || p->kind == IPC_ROLE_LOCAL)
		p->data = calloc(1, sizeof(struct queue_worker));
	if (q->store != NULL)
		queue_wake(q);
}

static void
queue_peer_went(struct role *r, struct role_peer *p)
{
	struct queue *q = r->self;

	if (p->kind == IPC_ROLE_RECEIVER)
		queue_receiver_went(q, p);
	else if (p->kind == IPC_ROLE_SENDER || p->kind == IPC_ROLE_LOCAL)
		queue_worker_went(q, p);
	else if (p->kind == IPC_ROLE_RESOLVER)
		queue_resolver_went(q);
	else if (p->kind == IPC_ROLE_LOOKUP)
		queue_lookup_went(q);
	else if (p->kind == IPC_ROLE_ADMIN)
		queue_asker_went(q, p);
}

static const struct role_row rows[] = {
	{ IPC_ROLE_SUPERVISOR, &ipc_control_ended, queue_ended },
	{ IPC_ROLE_RECEIVER, &ipc_intake_announced, queue_announced },
	{ IPC_ROLE_RECEIVER, &ipc_intake_accepted, queue_accepted },
	{ IPC_ROLE_RECEIVER, &ipc_intake_sealed, queue_sealed },
	{ IPC_ROLE_RECEIVER, &ipc_intake_large_used, queue_large_used },
	{ IPC_ROLE_RECEIVER, &ipc_intake_turn, queue_turn_asked },
	{ IPC_ROLE_RECEIVER, &ipc_intake_release, queue_release_asked },
	{ IPC_ROLE_RESOLVER, &ipc_resolve_route_answer, queue_resolved },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_rcpt_answer, queue_bounce_answer },
	{ IPC_ROLE_LOCAL, &ipc_deliver_result, queue_result },
	{ IPC_ROLE_LOCAL, &ipc_deliver_end, queue_job_ended },
	{ IPC_ROLE_SENDER, &ipc_deliver_result, queue_result },
	{ IPC_ROLE_SENDER, &ipc_deliver_end, queue_job_ended },
	{ IPC_ROLE_SENDER, &ipc_deliver_closed, queue_site_closed },
	{ IPC_ROLE_ADMIN, &ipc_steer_ask, queue_asked },
};

int
main(void)
{
	static const struct role_desc desc = {
		.kind = IPC_ROLE_QUEUE,
		.self_size = sizeof(struct queue),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = queue_file,
		.load = queue_load,
		.start = queue_start,
		.serve = queue_serve,
		.peer_came = queue_peer_came,
		.peer_went = queue_peer_went,
		.stop = queue_stop,
	};

	return role_main(&desc);
}
