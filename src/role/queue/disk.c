/*
 * disk.c - the store's slow work, in threads: group syncs and new files.
 *
 * Outcomes wait at most QUEUE_GROUP_MS for company, then one sync carries them
 * all.  New files are made by a thread of their own, so that writing zeros over
 * 64 MiB delays no sync.
 */
#include "role/queue/queue.h"

#define TEND_MS		100u
#define TEND_IDLE_MS	1000u
#define TEND_OCTETS	(1u << 20)	/* in TEND_MS: 10 MB/s */

static void
run_job(void *job)
{
	spool_job_run(job);
}

static void
sync_done(void *job)
{
	struct queue *q = (struct queue *)(void *)((char *)job -
	    offsetof(struct queue, sync_job));
	struct spool_synced synced = store_sync_end(q->store, job);

	q->is_syncing = false;
	queue_bounces_synced(q, &synced);
	queue_wake(q);
}

/* Due: what has gathered becomes durable. */
void
queue_sync_now(void *arg)
{
	struct queue *q = arg;

	q->is_sync_set = false;
	if (q->is_syncing || q->store == NULL ||
	    !store_sync_wanted(q->store) ||
	    !store_sync_begin(q->store, &q->sync_job))
		return;
	q->is_syncing = worker_give(q->sync_worker, run_job, sync_done,
	    &q->sync_job) == ERR_OK;
	if (q->is_syncing)
		return;
	/* One job at a time: its bound cannot be met.  Do it here then. */
	q->is_syncing = true;
	run_job(&q->sync_job);
	sync_done(&q->sync_job);
}

static void
make_done(void *job)
{
	struct queue *q = (struct queue *)(void *)((char *)job -
	    offsetof(struct queue, make_job));

	store_make_end(q->store, job);
	q->is_making = false;
	queue_refill(q);
	if (((struct spool_job *)job)->error != ERR_OK)
		queue_watch_room(q);
	queue_wake(q);
}

static void
make_more(struct queue *q)
{
	if (q->is_making || !store_make_wanted(q->store) ||
	    !store_make_begin(q->store, &q->make_job))
		return;
	q->is_making = worker_give(q->make_worker, run_job, make_done,
	    &q->make_job) == ERR_OK;
	if (q->is_making)
		return;
	q->is_making = true;
	run_job(&q->make_job);
	make_done(&q->make_job);
}

/* At the end of a turn: see what the store wants now. */
void
queue_disk_turn(struct queue *q)
{
	if (!q->is_stopping)
		make_more(q);
	if (q->is_syncing || q->is_sync_set || !store_sync_wanted(q->store))
		return;
	q->is_sync_set = true;
	loop_timer_set(q->sync_timer, q->is_stopping ? 0 : QUEUE_GROUP_MS);
}

bool
queue_disk_is_idle(const struct queue *q)
{
	return !q->is_syncing && !q->is_making &&
	    !store_sync_wanted(q->store);
}

void
queue_tend(void *arg)
{
	struct queue *q = arg;
	bool has_more = store_tend(q->store, TEND_OCTETS);

	queue_refill(q);
	loop_timer_set(q->tend_timer, has_more ? TEND_MS : TEND_IDLE_MS);
}
