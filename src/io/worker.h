/*
 * worker.h - a thread for what blocks: one job at a time, in order.
 *
 * Threads exist from worker_new on, so that a sandbox can be laid over all of
 * them (ARCHITECTURE 2).  A queue has a bound; at the bound ERR_FULL.
 */
#ifndef POSTHORSE_IO_WORKER_H
#define POSTHORSE_IO_WORKER_H

#include "io/loop.h"

struct worker;
/* nthreads take jobs from one queue of at most nwaiting. */
MUST_USE enum err worker_new(struct loop *loop, unsigned int nthreads,
    unsigned int nwaiting, struct worker **worker);
/*
 * run: in a thread, touches nothing but *job.  done: afterwards in the loop's
 * thread.  *job belongs to the worker between.
 */
MUST_USE enum err worker_give(struct worker *w, void (*run)(void *job),
    void (*done)(void *job), void *job);
/* Waits for what runs; done is still called for each job given. */
void worker_free(struct worker *w);

#endif
