/*
 * backend.c - questions in, lanes, answers out.
 */
#include "role/backend/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_MS	200u

void
backend_trouble(struct backend_job *job, const char *fmt, ...)
{
	va_list ap;

	job->result = BACKEND_TROUBLE;
	va_start(ap, fmt);
	(void)vsnprintf(job->why, sizeof job->why, fmt, ap);
	va_end(ap);
}

bool
backend_complain(const struct backend *b, const char *why)
{
	(void)fprintf(stderr, "posthorse: backend %s: %s\n", b->config->name,
	    why);
	return false;
}

static void
log_trouble(struct backend *b, const char *why)
{
	uint64_t now = loop_now_ms(b->role->loop);
	struct log_line l;

	if (b->trouble_ms != 0 && now - b->trouble_ms < BACKEND_TROUBLE_MS)
		return;
	b->trouble_ms = now;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "backend-trouble");
	log_str(&l, "backend", b->config->name);
	log_str(&l, "why", why);
	role_log(b->role, &l);
}

/* --- answers ------------------------------------------------------------- */

static void
tell(struct backend *b, uint64_t instance, const struct backend_answer *m)
{
	struct role_peer *to = role_peer(b->role, IPC_ROLE_LOOKUP);

	if (to != NULL && to->instance == instance && role_send(b->role, to,
	    &ipc_backend_answer, m, NULL) != ERR_OK)
		role_cut(b->role, to, "does not read");
}

static void
answer(struct backend_job *job)
{
	struct backend_answer m = { .tag = job->tag,
		.result = (uint8_t)job->result };

	if (job->is_told)
		return;
	job->is_told = true;
	if (job->result == BACKEND_TROUBLE)
		log_trouble(job->b, job->why);
	else
		job->b->trouble_ms = 0;
	if (job->result == BACKEND_OK && job->what == BACKEND_SECRET)
		m.secret = span_str(job->secret);
	if (job->result == BACKEND_OK && job->what == BACKEND_TOKEN)
		m.user = span_str(job->whose);
	tell(job->b, job->instance, &m);
}

static void
job_free(struct backend_job *job)
{
	struct backend *b = job->b;
	struct backend_job **link = &b->jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	b->njobs--;
	explicit_bzero(job, sizeof *job);
	free(job);
}

void
backend_done(struct backend_job *job)
{
	answer(job);
	job_free(job);
}

/* --- lanes --------------------------------------------------------------- */

static void next_job(struct backend_lane *lane);

static void
run(void *ctx)
{
	struct backend_lane *lane = ctx;

	lane->b->kind->run(lane, lane->job);
}

static void
done(void *ctx)
{
	struct backend_lane *lane = ctx;

	if (lane->b->kind->learn != NULL)
		lane->b->kind->learn(lane->b, lane->job);
	backend_done(lane->job);
	lane->job = NULL;
	next_job(lane);
}

static struct backend_job *
first_waiting(const struct backend *b)
{
	struct backend_job *job = b->jobs;

	while (job != NULL && job->is_begun)
		job = job->next;
	return job;
}

static void
next_job(struct backend_lane *lane)
{
	struct backend_job *job = first_waiting(lane->b);

	if (job == NULL)
		return;
	job->began_ms = loop_now_ms(lane->b->role->loop);
	job->is_begun = true;
	lane->job = job;
	/* Its queue is empty: there is room. */
	ASSERT(worker_give(lane->worker, run, done, lane) == ERR_OK);
}

static void
next_lane(struct backend *b)
{
	for (size_t i = 0; i < b->kind->nlanes; i++)
		if (b->lanes[i].job == NULL) {
			next_job(&b->lanes[i]);
			return;
		}
}

/* --- time ---------------------------------------------------------------- */

/* No thread can be ended alone: all of it is, and another one started. */
static void
give_up(struct backend *b)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_ALARM, NULL, "backend-stuck");
	log_str(&l, "backend", b->config->name);
	role_log(b->role, &l);
	role_done(b->role);
}

static bool
is_due(const struct backend_job *job, uint64_t now)
{
	return !job->is_told && now - job->asked_ms >= BACKEND_WITHIN_MS;
}

static void
expire(struct backend_job *job)
{
	/* A thread may be writing its answer: this one is ours. */
	job->is_told = true;
	log_trouble(job->b, "no answer in time");
	tell(job->b, job->instance, &(struct backend_answer){ .tag = job->tag,
		.result = BACKEND_TROUBLE });
	if (job->is_begun && job->b->kind->expired == NULL)
		return;
	if (job->is_begun)
		job->b->kind->expired(job->b, job);
	job_free(job);
}

static void
tick(void *ctx)
{
	struct backend *b = ctx;
	uint64_t now = loop_now_ms(b->role->loop);

	for (struct backend_job *job = b->jobs; job != NULL; job = job->next)
		if (job->is_begun &&
		    now - job->began_ms >= BACKEND_STUCK_MS)
			give_up(b);
	/* From the first on each time: one may take others with it. */
	for (struct backend_job *job = b->jobs; job != NULL;) {
		bool is_first = is_due(job, now);

		if (is_first)
			expire(job);
		job = is_first ? b->jobs : job->next;
	}
	if (b->jobs != NULL)
		loop_timer_set(b->tick, TICK_MS);
}

/* --- questions ----------------------------------------------------------- */

/* No NUL inside: what a C library takes for the end is none of ours. */
static bool
take(struct span s, char *to, size_t room)
{
	if (s.n >= room || span_find(s, '\0') < s.n)
		return false;
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static bool
take_question(struct backend_job *job, const struct backend_ask *m)
{
	if (!take(m->name, job->name, sizeof job->name) ||
	    !take(m->domain, job->domain, sizeof job->domain) ||
	    !take(m->password, job->password, sizeof job->password))
		return false;
	(void)snprintf(job->user, sizeof job->user, "%s@%s", job->name,
	    job->domain);
	if (m->client.n > 0)
		memcpy(job->octets, m->client.p, m->client.n);
	job->client = span_of(job->octets, m->client.n);
	job->what = (enum backend_what)m->what;
	job->tag = m->tag;
	return true;
}

static void
refuse(struct backend *b, const struct role_peer *from, uint64_t tag)
{
	tell(b, from->instance, &(struct backend_answer){ .tag = tag,
		.result = BACKEND_TROUBLE });
}

static void
enqueue(struct backend *b, struct backend_job *job)
{
	struct backend_job **link = &b->jobs;

	while (*link != NULL)
		link = &(*link)->next;
	*link = job;
	b->njobs++;
	if (b->njobs == 1)
		loop_timer_set(b->tick, TICK_MS);
	if (b->kind->known != NULL && b->kind->known(b, job)) {
		backend_done(job);
		return;
	}
	if (b->kind->begin == NULL) {
		next_lane(b);
		return;
	}
	job->is_begun = true;
	job->began_ms = job->asked_ms;
	b->kind->begin(b, job);
}

static bool
on_ask(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct backend_ask *m = msg;
	struct backend *b = r->self;
	/* A lookup that was replaced has left questions of its own. */
	struct backend_job *job = b->njobs < BACKEND_ASKED_MAX ?
	    calloc(1, sizeof *job) : NULL;
	bool is_good = true;

	if (job == NULL) {
		refuse(b, from, m->tag);
	} else if (!take_question(job, m)) {
		explicit_bzero(job, sizeof *job);
		free(job);
		is_good = false;
	} else {
		job->b = b;
		job->instance = from->instance;
		job->asked_ms = loop_now_ms(r->loop);
		enqueue(b, job);
	}
	/* It lies in the channel's memory, which nobody else reads again. */
	explicit_bzero((void *)(uintptr_t)m->password.p, m->password.n);
	return is_good;
}

/* Nobody waits for the rest: what has not begun is not begun. */
static void
peer_went(struct role *r, struct role_peer *p)
{
	struct backend *b = r->self;

	for (struct backend_job *job = b->jobs, *next; job != NULL;
	    job = next) {
		next = job->next;
		if (job->instance == p->instance && !job->is_begun)
			job_free(job);
	}
}

/* --- a role's life -------------------------------------------------------- */

/* Which row is ours is known once we were told who we are. */
static bool
find_self(struct backend *b, struct role *r)
{
	if (b->config != NULL)
		return true;
	if (r->index >= r->config->nbackends ||
	    r->config->backends[r->index].kind != backend_kind.kind)
		return false;
	b->kind = &backend_kind;
	b->role = r;
	b->config = &r->config->backends[r->index];
	return true;
}

static bool
on_file(struct role *r, struct span purpose, int fd)
{
	struct backend *b = r->self;
	size_t colon = span_rfind(purpose, ':');

	if (find_self(b, r) && b->kind->file != NULL && colon < purpose.n)
		return b->kind->file(b, span_skip(purpose, colon + 1), fd);
	(void)close(fd);
	return false;
}

static bool
on_load(struct role *r)
{
	struct backend *b = r->self;

	return find_self(b, r) && (b->kind->load == NULL || b->kind->load(b));
}

static bool
on_start(struct role *r)
{
	struct backend *b = r->self;

	b->state = calloc(1, MAX(b->kind->state_size, (size_t)1));
	if (b->state == NULL)
		return false;
	for (size_t i = 0; i < b->kind->nlanes; i++) {
		struct backend_lane *lane = &b->lanes[i];

		lane->b = b;
		lane->state = calloc(1, MAX(b->kind->lane_size, (size_t)1));
		if (lane->state == NULL ||
		    worker_new(r->loop, 1, 1, &lane->worker) != ERR_OK)
			return false;
	}
	return loop_timer_new(r->loop, tick, b, &b->tick) == ERR_OK &&
	    (b->kind->start == NULL || b->kind->start(b));
}

static void
on_stop(struct role *r)
{
	role_done(r);
}

int
main(void)
{
	static const struct role_row rows[] = {
		{ IPC_ROLE_LOOKUP, &ipc_backend_ask, on_ask },
	};
	struct role_desc desc = {
		.kind = IPC_ROLE_BACKEND,
		.profile = backend_kind.profile,
		.self_size = sizeof(struct backend),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = on_file,
		.load = on_load,
		.start = on_start,
		.peer_went = peer_went,
		.stop = on_stop,
	};

	return role_main(&desc);
}
