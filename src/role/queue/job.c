/*
 * job.c - make a batch into one sealed file and hand it to a worker.
 *
 * The description stands first and its size is known from the envelopes; the
 * contents follow, copied in the kernel from where the store says they lie.
 * A content that does not hold is left out: the store has put it aside.
 */
#include "role/queue/queue.h"

#include "os/file.h"

#include <stdlib.h>
#include <unistd.h>

#define PIECES_MAX	512u	/* of one message: cuts and two more */
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
		if (w->njobs >= QUEUE_SENDER_JOBS || (b != NULL &&
		    (is_kept < is_best_kept || (is_kept == is_best_kept &&
		    w->njobs >= b->njobs))))
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

static enum err
describe_all(const struct job *j, uint64_t (*places)[2], struct buf *to)
{
	buf_cut(to, 0);
	for (uint32_t i = 0; i < j->nmessages; i++) {
		enum err e;

		if (j->messages[i].m == NULL)
			continue;
		e = queue_job_describe(j, &j->messages[i], places[i], to);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* Append one message's octets; place: where, how many. */
static enum err
copy_message(struct queue *q, struct job_message *jm, int fd, uint64_t at,
    uint64_t *place)
{
	struct store_piece pieces[64];
	struct store_piece *p = pieces, *more = NULL;
	size_t n;
	enum err e = store_claim(q->store, jm->m, p, COUNT(pieces), &n);

	if (e == ERR_FULL) {
		more = calloc(PIECES_MAX, sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		p = more;
		e = store_claim(q->store, jm->m, p, PIECES_MAX, &n);
	}
	place[0] = at;
	place[1] = 0;
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = file_copy(fd, p[i].fd, p[i].at, p[i].n);
		place[1] += p[i].n;
	}
	free(more);
	return e;
}

static enum err
copy_all(struct queue *q, struct job *j, int fd, uint64_t at,
    uint64_t (*places)[2])
{
	for (uint32_t i = 0; i < j->nmessages; i++) {
		struct job_message *jm = &j->messages[i];
		enum err e;

		/* Lost while we copied another: queue_forget cleared it. */
		if (jm->m == NULL)
			continue;
		e = copy_message(q, jm, fd, at, places[i]);
		if (e == ERR_CORRUPT)
			continue;
		if (e != ERR_OK)
			return e;
		at += places[i][1];
	}
	return ERR_OK;
}

static bool
write_at_start(int fd, struct span s)
{
	return pwrite(fd, s.p, s.n, 0) == (ssize_t)s.n;
}

/* *fd is a sealed file, *size the octets of the description in it. */
static enum err
build(struct queue *q, struct job *j, int *fd, uint32_t *size)
{
	uint64_t places[DELIVER_MESSAGES_MAX][2] = { { 0 } };
	struct buf text = buf_make(DESCRIPTION_MAX);
	enum err e = describe_all(j, places, &text);
	size_t room = text.n;

	if (e != ERR_OK)
		goto out;
	e = file_memfd("job", fd);
	if (e != ERR_OK)
		goto out;
	e = ERR_IO;
	if (lseek(*fd, (off_t)room, SEEK_SET) != (off_t)room)
		goto close;
	e = copy_all(q, j, *fd, room, places);
	if (e == ERR_OK)
		e = describe_all(j, places, &text);
	if (e == ERR_OK && (text.n > room ||
	    !write_at_start(*fd, buf_span(&text))))
		e = ERR_IO;
	if (e == ERR_OK)
		e = file_seal(*fd);
	*size = (uint32_t)text.n;
close:
	if (e != ERR_OK)
		file_close(*fd);
out:
	buf_free(&text);
	return e;
}

static enum err
send_job(struct queue *q, struct job *j)
{
	struct deliver_job msg = {
		.job = j->number,
		.relay = queue_relay_of(sched_site_name(q->sched, j->site)),
		.site = sched_site_name(q->sched, j->site),
		.hosts = sched_site_hosts(q->sched, j->site),
	};
	int fd;
	enum err e = build(q, j, &fd, &msg.description);

	if (e != ERR_OK)
		return e;
	/* All were lost while we looked at them. */
	e = msg.description == 0 ? ERR_NONE :
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
	j->number = ++q->next_job;
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

	for (uint32_t i = 0; i < d->nitems; i++) {
		bool is_lost = false;

		for (uint32_t k = 0; j != NULL && k < j->nmessages; k++)
			if (j->messages[k].item == d->items[i])
				is_lost = j->messages[k].m == NULL;
		if (is_lost)
			sched_finish(q->sched, d->items[i]);
		else
			sched_return(q->sched, now, d->items[i],
			    QUEUE_AWAY_MS);
	}
	sched_job_end(q->sched, now, d->site, SCHED_END_LOST);
	queue_job_free(q, j);
}

/* Leaves those in *d that go along. */
static void
fill_job(struct queue *q, struct job *j, struct sched_decision *d)
{
	uint64_t now = loop_now_ms(q->role->loop);
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->nitems; i++) {
		enum err e = queue_job_add(q, j, d->items[i]);

		if (e == ERR_OK)
			d->items[n++] = d->items[i];
		else if (e == ERR_NONE || e == ERR_CORRUPT)
			sched_finish(q->sched, d->items[i]);
		else
			sched_return(q->sched, now, d->items[i],
			    QUEUE_AWAY_MS);
	}
	d->nitems = n;
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

void
queue_start_job(struct queue *q, const struct sched_decision *decision)
{
	struct sched_decision d = *decision;
	uint32_t place = free_place(q);
	struct job *j = place < QUEUE_JOBS_MAX ? queue_job_new(q) : NULL;

	if (j != NULL) {
		j->site = d.site;
		j->worker = choose_worker(q,
		    sched_site_name(q->sched, d.site));
	}
	if (j == NULL || j->worker == NULL) {
		give_back(q, &d, j);
		return;
	}
	/* In its place first: whatever is lost meanwhile is found there. */
	q->jobs[place] = j;
	fill_job(q, j, &d);
	if (j->nmessages == 0 || !take_octets(q, j) ||
	    send_job(q, j) != ERR_OK) {
		q->jobs[place] = NULL;
		give_back(q, &d, j);
		return;
	}
	log_attempt(q, j);
	q->njobs++;
	((struct queue_worker *)j->worker->data)->njobs++;
}
