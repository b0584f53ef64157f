/*
 * local.c - the role that owns mailboxes: jobs in, Maildir files out.
 *
 * The loop takes jobs and sends results; a few threads do what blocks, a job
 * each at a time.  A thread touches its job and what never changes.
 */
#include "role/local/job.h"
#include "role/role.h"
#include "io/worker.h"
#include "ipc/deliver.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS		4u	/* jobs at work: their syncs overlap */
#define WAITING_MAX	64u	/* jobs that wait for a thread */

struct local {
	struct job_place	 place;
	struct job_sweeps	 sweeps;
	bool			 has_base[CONFIG_DOMAINS_MAX];
	struct worker		*worker;
	size_t			 nworking;
	atomic_ullong		 queue_now;	/* who gives jobs; threads look */
	bool			 is_stopping;
};

/* The queue may have been replaced meanwhile: its successor tries again. */
struct local_job {
	struct role		*role;
	uint64_t		 queue_instance;
	struct job		 job;
};

static void
log_outcome(struct role *r, const struct job *j, const struct job_drop *d)
{
	struct log_line line;

	if (d->fate == DELIVER_DONE)
		return;		/* the queue tells what was delivered */
	log_begin(&line, d->is_alarm ? LOG_LEVEL_ALARM : LOG_LEVEL_WARN,
	    &d->id, "mailbox-trouble");
	log_span(&line, "domain", d->domain);
	log_span(&line, "key", d->key);
	log_str(&line, "status", d->status);
	log_str(&line, "text", d->text);
	log_num(&line, "job", j->number);
	role_log(r, &line);
}

static void
send_results(struct role *r, struct role_peer *queue, const struct job *j)
{
	struct deliver_end end = { .job = j->number };

	for (size_t i = 0; i < j->ndrops; i++) {
		const struct job_drop *d = &j->drops[i];
		struct deliver_result result = {
			.job = j->number,
			.id = d->id,
			.slot = d->slot,
			.fate = (uint8_t)d->fate,
			.status = span_str(d->status),
			.remote = d->key,
			.text = span_str(d->text),
		};

		log_outcome(r, j, d);
		if (role_send(r, queue, &ipc_deliver_result, &result, NULL) !=
		    ERR_OK) {
			role_cut(r, queue, "it does not take results");
			return;
		}
	}
	if (role_send(r, queue, &ipc_deliver_end, &end, NULL) != ERR_OK)
		role_cut(r, queue, "it does not take results");
}

static void
job_over(struct local_job *lj)
{
	struct role *r = lj->role;
	struct local *l = r->self;
	struct role_peer *queue = role_peer(r, IPC_ROLE_QUEUE);

	if (queue != NULL && queue->instance == lj->queue_instance)
		send_results(r, queue, &lj->job);
	job_close(&lj->job);
	free(lj);
	l->nworking--;
	if (l->is_stopping && l->nworking == 0)
		role_done(r);
}

/* What waited for a thread while its queue died is its successor's again. */
static void
job_run(void *p)
{
	struct local_job *lj = p;
	struct local *l = lj->role->self;

	if (atomic_load(&l->queue_now) == lj->queue_instance)
		job_deliver(&lj->job);
}

static void
job_done(void *p)
{
	job_over(p);
}

/* Not now, and nobody's fault: unanswered is "try again soon". */
static bool
put_off(struct role *r, struct role_peer *from, uint64_t job)
{
	struct deliver_end end = { .job = job };

	return role_send(r, from, &ipc_deliver_end, &end, NULL) == ERR_OK;
}

static bool
handle_job(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	const struct deliver_job *m = msg;
	struct local *l = r->self;
	struct local_job *lj = calloc(1, sizeof *lj);
	bool is_starved;

	if (lj == NULL) {
		(void)close(fds[0]);
		return put_off(r, from, m->job);
	}
	lj->role = r;
	lj->queue_instance = from->instance;
	atomic_store(&l->queue_now, from->instance);
	if (!job_open(&lj->job, &l->place, m->job, fds[0], m->description)) {
		is_starved = lj->job.is_starved;
		job_close(&lj->job);
		free(lj);
		return is_starved && put_off(r, from, m->job);
	}
	if (l->is_stopping ||
	    worker_give(l->worker, job_run, job_done, lj) != ERR_OK) {
		job_close(&lj->job);
		free(lj);
		return put_off(r, from, m->job);
	}
	l->nworking++;
	return true;
}

static const struct role_row rows[] = {
	{ IPC_ROLE_QUEUE, &ipc_deliver_job, handle_job },
};

static bool
local_file(struct role *r, struct span purpose, int fd)
{
	struct local *l = r->self;
	uint64_t row;

	if (!span_starts(purpose, SPAN("mail:")) ||
	    span_u64(span_skip(purpose, 5), CONFIG_DOMAINS_MAX - 1, &row) !=
		ERR_OK)
		return false;
	l->place.bases[row] = fd;
	l->has_base[row] = true;
	return true;
}

static bool
local_load(struct role *r)
{
	struct local *l = r->self;

	l->place.config = r->config;
	l->place.sys = &mailbox_system;
	l->place.sweeps = &l->sweeps;
	for (size_t i = 0; i < r->config->ndomains; i++)
		if (l->has_base[i] &&
		    role_reach_dir(r, l->place.bases[i], true) != ERR_OK)
			return false;
	for (size_t i = 0; i < COUNT(l->place.bases); i++)
		if (!l->has_base[i])
			l->place.bases[i] = -1;
	return true;
}

static bool
local_start(struct role *r)
{
	struct local *l = r->self;

	return worker_new(r->loop, THREADS, WAITING_MAX, &l->worker) == ERR_OK;
}

static void
local_stop(struct role *r)
{
	struct local *l = r->self;

	l->is_stopping = true;
	if (l->nworking == 0)
		role_done(r);
}

int
main(void)
{
	static const struct role_desc desc = {
		.kind = IPC_ROLE_LOCAL,
		.self_size = sizeof(struct local),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = local_file,
		.load = local_load,
		.start = local_start,
		.stop = local_stop,
	};

	return role_main(&desc);
}
