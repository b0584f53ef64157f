/*
 * worker.c - threads that take jobs from one ring.
 *
 * Two rings under one lock: jobs that wait, and jobs that are done.  Both have
 * room for every job that can be under way (nwaiting + nthreads), so neither
 * side ever waits for the other.  An eventfd tells the loop.
 */
#include "io/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
	void	(*run)(void *job);
	void	(*done)(void *job);
	void	*job;
};

struct ring {
	struct job	*jobs;
	size_t		 room;
	size_t		 first, n;
};

struct worker {
	pthread_mutex_t		 lock;
	pthread_cond_t		 wake;
	struct ring		 waiting, ended;
	size_t			 under_way;	/* given, done not yet called */
	unsigned int		 nwaiting;
	bool			 is_ending;
	unsigned int		 nthreads;
	pthread_t		*threads;
	int			 bell;		/* eventfd */
	struct loop_watch	*watch;
	bool			*is_gone;	/* set when freed in a done() */
};

static bool
ring_make(struct ring *r, size_t room)
{
	r->jobs = calloc(room, sizeof *r->jobs);
	r->room = room;
	return r->jobs != NULL;
}

static void
ring_put(struct ring *r, struct job job)
{
	ASSERT(r->n < r->room);
	r->jobs[(r->first + r->n) % r->room] = job;
	r->n++;
}

static struct job
ring_take(struct ring *r)
{
	struct job job = r->jobs[r->first];

	ASSERT(r->n > 0);
	r->first = (r->first + 1) % r->room;
	r->n--;
	return job;
}

static void
lock(struct worker *w)
{
	ASSERT(pthread_mutex_lock(&w->lock) == 0);
}

static void
unlock(struct worker *w)
{
	ASSERT(pthread_mutex_unlock(&w->lock) == 0);
}

static void *
thread_main(void *arg)
{
	static const uint64_t one = 1;
	struct worker *w = arg;
	struct job job;

	for (;;) {
		lock(w);
		while (w->waiting.n == 0 && !w->is_ending)
			ASSERT(pthread_cond_wait(&w->wake, &w->lock) == 0);
		if (w->waiting.n == 0) {
			unlock(w);
			return NULL;
		}
		job = ring_take(&w->waiting);
		unlock(w);

		job.run(job.job);

		lock(w);
		ring_put(&w->ended, job);
		unlock(w);
		ASSERT(write(w->bell, &one, sizeof one) == sizeof one);
	}
}

/* False: a done() has freed the worker. */
static bool
ended_take(struct worker *w)
{
	bool is_gone = false;
	struct job job;

	w->is_gone = &is_gone;
	for (;;) {
		lock(w);
		if (w->ended.n == 0)
			break;
		job = ring_take(&w->ended);
		w->under_way--;
		unlock(w);
		job.done(job.job);
		if (is_gone)
			return false;
	}
	unlock(w);
	w->is_gone = NULL;
	return true;
}

static void
bell_rang(void *ctx, unsigned int events UNUSED)
{
	struct worker *w = ctx;
	uint64_t rings;

	if (read(w->bell, &rings, sizeof rings) == sizeof rings)
		(void)ended_take(w);
}

/* Signals are the loop's business: no thread is interrupted by one. */
static enum err
threads_start(struct worker *w, unsigned int n)
{
	sigset_t all, before;
	enum err e = ERR_OK;

	(void)sigfillset(&all);
	ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	while (w->nthreads < n && e == ERR_OK) {
		if (pthread_create(&w->threads[w->nthreads], NULL, thread_main,
		    w) != 0)
			e = ERR_IO;
		else
			w->nthreads++;
	}
	ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return e;
}

static void
threads_end(struct worker *w)
{
	lock(w);
	w->is_ending = true;
	ASSERT(pthread_cond_broadcast(&w->wake) == 0);
	unlock(w);
	for (unsigned int i = 0; i < w->nthreads; i++)
		ASSERT(pthread_join(w->threads[i], NULL) == 0);
}

static void
worker_release(struct worker *w)
{
	loop_watch_free(w->watch);
	if (w->bell >= 0)
		(void)close(w->bell);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->threads);
	free(w->waiting.jobs);
	free(w->ended.jobs);
	free(w);
}

static enum err
worker_fill(struct worker *w, struct loop *loop, unsigned int nthreads)
{
	size_t room = (size_t)w->nwaiting + nthreads;
	enum err e;

	w->threads = calloc(nthreads, sizeof *w->threads);
	if (w->threads == NULL || !ring_make(&w->waiting, room) ||
	    !ring_make(&w->ended, room))
		return ERR_NOMEM;
	w->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->bell < 0)
		return ERR_IO;
	e = loop_watch_new(loop, w->bell, bell_rang, w, &w->watch);
	if (e != ERR_OK)
		return e;
	loop_watch_want(w->watch, LOOP_READ);
	return threads_start(w, nthreads);
}

enum err
worker_new(struct loop *loop, unsigned int nthreads, unsigned int nwaiting,
    struct worker **worker)
{
	struct worker *w;
	enum err e;

	ASSERT(nthreads > 0);
	w = calloc(1, sizeof *w);
	if (w == NULL)
		return ERR_NOMEM;
	w->bell = -1;
	w->nwaiting = nwaiting;
	ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
	ASSERT(pthread_cond_init(&w->wake, NULL) == 0);
	e = worker_fill(w, loop, nthreads);
	if (e != ERR_OK) {
		threads_end(w);
		worker_release(w);
		return e;
	}
	*worker = w;
	return ERR_OK;
}

enum err
worker_give(struct worker *w, void (*run)(void *job), void (*done)(void *job),
    void *job)
{
	lock(w);
	if (w->under_way >= (size_t)w->nwaiting + w->nthreads) {
		unlock(w);
		return ERR_FULL;
	}
	w->under_way++;
	ring_put(&w->waiting, (struct job){ run, done, job });
	unlock(w);
	/* Behind the lock: who wakes up finds it free. */
	ASSERT(pthread_cond_signal(&w->wake) == 0);
	return ERR_OK;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->is_gone != NULL)
		*w->is_gone = true;
	threads_end(w);
	if (ended_take(w))
		worker_release(w);
}
