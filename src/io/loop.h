/*
 * loop.h - one process, one loop: descriptors, timers, turns, threads' ends.
 *
 * A thin coat over libuv so that no role knows it.  Callbacks run in the
 * loop's thread, never inside the call that registered them.
 */
#ifndef POSTHORSE_IO_LOOP_H
#define POSTHORSE_IO_LOOP_H

#include "base/base.h"

struct loop;
/* SIGPIPE is ignored in this process from now on. */
MUST_USE enum err loop_new(struct loop **loop);
void loop_free(struct loop *loop);
/* Returns once loop_quit was called. */
void loop_run(struct loop *loop);
void loop_quit(struct loop *loop);
/* Monotonic milliseconds of this turn; wall-clock milliseconds now. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_wall_ms(const struct loop *loop);

#define LOOP_READ	1u
#define LOOP_WRITE	2u
struct loop_watch;
typedef void loop_ready(void *ctx, unsigned int events);
/* Watches fd until loop_watch_free; starts with no events wanted. */
MUST_USE enum err loop_watch_new(struct loop *loop, int fd, loop_ready *ready,
    void *ctx, struct loop_watch **watch);
void loop_watch_want(struct loop_watch *watch, unsigned int events);
/* Does not close fd.  NULL is taken.  Safe inside its own callback. */
void loop_watch_free(struct loop_watch *watch);

struct loop_timer;
typedef void loop_due(void *ctx);
MUST_USE enum err loop_timer_new(struct loop *loop, loop_due *due, void *ctx,
    struct loop_timer **timer);
/* Once, after_ms from this turn; replaces what was set.  stop: never. */
void loop_timer_set(struct loop_timer *timer, uint64_t after_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/*
 * Called at the end of every turn in which something happened, before the loop
 * sleeps: where what was gathered is sent in one go.  Order: as registered.
 * What a hook causes (a stream that ends while it is flushed) is seen by all
 * hooks again before the loop sleeps, so a hook may run more than once a turn.
 */
struct loop_turn;
MUST_USE enum err loop_turn_new(struct loop *loop, loop_due *end_of_turn,
    void *ctx, struct loop_turn **turn);
void loop_turn_free(struct loop_turn *turn);

/*
 * Run once at the end of this turn, between the hooks above, and only when
 * asked for: ten thousand idle streams cost a turn nothing.
 */
struct loop_task {
	loop_due		*run;
	void			*ctx;
	/* private: */
	struct loop		*loop;		/* not NULL: waiting to run */
	struct loop_task	*prev, *next;
};
/* The task is the caller's memory; asking twice runs it once. */
void loop_task_ask(struct loop *loop, struct loop_task *task);
/*
 * Run once nothing else is to be done at the moment: behind a turn that, without
 * sleeping, found no descriptor ready, or behind eight turns.  For work that is
 * the cheaper the more has come before it.  One task a loop.
 */
void loop_quiet_ask(struct loop *loop, struct loop_task *task);
/* Must be called before its memory goes; harmless when it does not wait. */
void loop_task_cancel(struct loop_task *task);

/*
 * A signal wakes the loop; no handler runs (MEM-8).  The signal is blocked for
 * this thread and those made later, so call it before any thread is made; a
 * program that is started later inherits the block and must lift it.
 */
struct loop_signal;
MUST_USE enum err loop_signal_new(struct loop *loop, int signo, loop_due *came,
    void *ctx, struct loop_signal **signal);
void loop_signal_free(struct loop_signal *signal);

/*
 * One buffer a loop to receive into, LOOP_SCRATCH octets, borrowed by the
 * callback that runs until it returns; nothing is ever received inside a
 * callback.
 */
#define LOOP_SCRATCH	(64u * 1024)
uint8_t *loop_scratch(struct loop *loop);

#endif
