/*
 * job.c - choose who delivers a batch, and hand it over as one sealed file.
 */
#include "role/queue/queue.h"

#include "os/file.h"

#include <stdlib.h>

#define DESCRIPTION_MAX	(16u << 20)
#define JOB_WORDS_MAX	(16u << 20)

void
queue_job_free(struct queue *q, struct job *j)
{
	if (j == NULL)
		return;
	q->job_octets -= j->octets;
	buf_free(&j->slots);
	buf_free(&j->words);
	buf_free(&j->text);
	free(j);
}

bool
queue_kept_has(const struct queue_worker *w, uint64_t site)
{
	for (uint32_t i = 0; i < QUEUE_KEPT_MAX; i++)
		if (w->kept[i] == site)
			return true;
	return false;
}

void
queue_kept_set(struct queue_worker *w, uint64_t site, bool is_kept)
{
	for (uint32_t i = 0; i < QUEUE_KEPT_MAX; i++)
		if (w->kept[i] == site) {
			w->kept[i] = is_kept ? site : 0;
			return;
		}
	if (is_kept)
		w->kept[w->nkept++ % QUEUE_KEPT_MAX] = site;
}

/* The sender with a connection to this site, else the one with fewest jobs. */
static struct role_peer *
choose_sender(struct queue *q, uint64_t site)
{
	struct role_peer *best = NULL;
	bool is_best_kept = false;

	for (uint32_t i = 0; i < q->config->senders; i++) {
		struct role_peer *p = role_peer_at(q->role, IPC_ROLE_SENDER, i);
		const struct queue_worker *w, *b;
		bool is_kept;

		if (p == NULL || p->data == NULL)
			continue;
		w = p->data;
		b = best == NULL ? NULL : best->data;
		is_kept = queue_kept_has(w, site);
		if (b != NULL && (is_kept < is_best_kept ||
		    (is_kept == is_best_kept && w->njobs >= b->njobs)))
			continue;
		best = p;
		is_best_kept = is_kept;
	}
	return best;
}

static struct role_peer *
choose_worker(struct queue *q, struct span site)
{
	struct role_peer *p;

	if (!queue_destination_is_local(site))
		return choose_sender(q, siphash(&q->key, site));
	p = role_peer(q->role, IPC_ROLE_LOCAL);
	return p == NULL || p->data == NULL ? NULL : p;
}

/* All were lost while we looked at them: ERR_NONE. */
static enum err
send_job(struct queue *q, struct job *j, int fd, uint32_t description)
{
	struct deliver_job msg = {
		.job = j->number,
		.description = description,
		.relay = queue_relay_of(sched_site_name(q->sched, j->site)),
		.site = sched_site_name(q->sched, j->site),
		.hosts = sched_site_hosts(q->sched, j->site),
	};
	enum err e = description == 0 ? ERR_NONE :
	    role_send(q->role, j->worker, &ipc_deliver_job, &msg, &fd);

	file_close(fd);
	return e;
}

struct job *
queue_job_new(struct queue *q)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->slots = buf_make((size_t)DELIVER_MESSAGES_MAX *
	    ENVELOPE_RECIPIENTS_MAX * sizeof(struct job_slot));
	j->words = buf_make(JOB_WORDS_MAX);
	j->text = buf_make(DESCRIPTION_MAX);
	j->started_ms = loop_now_ms(q->role->loop);
	return j;
}

/* Nothing was tried: all items go back, and nobody is to blame. */
static void
give_back(struct queue *q, const struct sched_decision *d, struct job *j)
{
	uint64_t now = loop_now_ms(q->role->loop);

	for (uint32_t i = 0; i < d->nitems; i++)
		sched_return(q->sched, now, d->items[i], QUEUE_AWAY_MS);
	sched_job_end(q->sched, now, d->site, SCHED_END_LOST);
	queue_job_free(q, j);
}

/* The same for one that has its place already. */
static void
give_up_job(struct queue *q, struct job *j)
{
	struct queue_worker *w = j->worker == NULL ? NULL : j->worker->data;
	uint64_t now = loop_now_ms(q->role->loop);

	for (uint32_t i = 0; i < j->nmessages; i++)
		if (j->messages[i].m == NULL)
			sched_finish(q->sched, j->messages[i].item);
		else
			sched_return(q->sched, now, j->messages[i].item,
			    QUEUE_AWAY_MS);
	sched_job_end(q->sched, now, j->site, SCHED_END_LOST);
	q->jobs[j->number % QUEUE_JOBS_MAX] = NULL;
	q->njobs--;
	if (w != NULL)
		w->njobs--;
	queue_job_free(q, j);
}

static void
fill_job(struct queue *q, struct job *j, const struct sched_decision *d)
{
	uint64_t now = loop_now_ms(q->role->loop);

	for (uint32_t i = 0; i < d->nitems; i++) {
		enum err e = queue_job_add(q, j, d->items[i]);

		if (e == ERR_NONE || e == ERR_CORRUPT)
			sched_finish(q->sched, d->items[i]);
		else if (e != ERR_OK)
			sched_return(q->sched, now, d->items[i],
			    QUEUE_AWAY_MS);
	}
}

static void
log_attempt(struct queue *q, const struct job *j)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_DEBUG, NULL, "attempt");
	log_span(&l, "site", sched_site_name(q->sched, j->site));
	log_num(&l, "messages", j->nmessages);
	log_str(&l, "worker", ipc_role_name(j->worker->kind));
	queue_log(q, &l);
}

static uint32_t
free_place(const struct queue *q)
{
	uint32_t i = 0;

	while (i < QUEUE_JOBS_MAX && q->jobs[i] != NULL)
		i++;
	return i;
}

/*
 * Contents of jobs lie in memory: what goes beyond the bound waits a moment,
 * but one job goes in any case, however large.
 */
static bool
take_octets(struct queue *q, struct job *j)
{
	uint64_t most = QUEUE_JOB_LARGEST * q->config->limits.message_size;
	uint64_t octets = 0;

	for (uint32_t i = 0; i < j->nmessages; i++)
		if (j->messages[i].m != NULL)
			octets += queue_mark(j->messages[i].m).size;
	if (q->job_octets > 0 && octets > most - MIN(q->job_octets, most))
		return false;
	j->octets = octets;
	q->job_octets += octets;
	return true;
}

/* A thread has copied what is large. */
void
queue_job_built(struct job *j)
{
	struct queue *q = j->build->queue;
	uint32_t description;
	enum err e;
	int fd;

	/* With the store its messages have gone, and so does this process. */
	if (q->store == NULL)
		return;
	e = queue_build_end(j, &fd, &description);
	if (e == ERR_OK && (j->worker == NULL || q->is_stopping ||
	    !store_may_deliver(q->store))) {
		file_close(fd);
		e = ERR_AGAIN;
	}
	if (e == ERR_OK)
		e = send_job(q, j, fd, description);
	if (e != ERR_OK)
		give_up_job(q, j);
	else
		log_attempt(q, j);
	queue_wake(q);
}

void
queue_start_job(struct queue *q, const struct sched_decision *d)
{
	uint32_t place = free_place(q), description;
	struct job *j = place < QUEUE_JOBS_MAX ? queue_job_new(q) : NULL;
	bool is_waiting = false;
	enum err e;
	int fd;

	if (j != NULL) {
		j->site = d->site;
		j->worker = choose_worker(q,
		    sched_site_name(q->sched, d->site));
	}
	if (j == NULL || j->worker == NULL) {
		give_back(q, d, j);
		return;
	}
	/* In its place first: whatever is lost meanwhile is found there. */
	j->number = ++q->next_job * QUEUE_JOBS_MAX + place;
	q->jobs[place] = j;
	q->njobs++;
	((struct queue_worker *)j->worker->data)->njobs++;
	fill_job(q, j, d);
	e = j->nmessages == 0 || !take_octets(q, j) ? ERR_NONE :
	    queue_build(q, j, &fd, &description, &is_waiting);
	if (e == ERR_OK && is_waiting)
		return;
	if (e == ERR_OK)
		e = send_job(q, j, fd, description);
	if (e != ERR_OK)
		give_up_job(q, j);
	else
		log_attempt(q, j);
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

void
queue_forget(struct queue *q, struct store_message *m)
{
	uint64_t number = (uint64_t)(uintptr_t)m;
	uint32_t item = sched_first_of(q->sched, number), next;

	queue_bounces_forget(q, m);
	for (; item != SCHED_NONE; item = next) {
		next = sched_next_of(q->sched, item);
		if (sched_hold(q->sched, item) || queue_mark(m).is_held)
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
