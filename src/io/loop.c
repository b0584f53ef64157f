/*
 * loop.c - libuv behind our own few verbs.
 *
 * libuv ends a handle only in a later turn.  So a watch or timer that its
 * owner has freed stays ours, marked freed, until libuv has let go of it; no
 * callback reaches the owner in between.
 *
 * End of turn: libuv's prepare handle runs after all callbacks of a turn and
 * right before it sleeps.  There hooks and tasks take turns until no task is
 * left; after ROUNDS_MAX the loop goes round once more without sleeping, so
 * that two tasks asking for each other starve nobody.
 *
 * Quiet is a turn whose poll, made without sleeping, brought nothing.
 */
#include "io/loop.h"

#include "os/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#define ROUNDS_MAX	8u
#define QUIET_TURNS_MAX	8u	/* turns that one task waits for quiet */

struct loop_turn {
	struct loop		*loop;
	loop_due		*run;		/* NULL: freed */
	void			*ctx;
	struct loop_turn	*next;
};

struct loop {
	uv_loop_t		 uv;
	uv_prepare_t		 prepare;
	uv_idle_t		 again;		/* active: do not sleep */
	struct loop_turn	*turns;
	struct loop_task	*first, *last;
	struct loop_task	*quiet;		/* waits for a quiet turn */
	unsigned int		 quiet_turns;	/* that it has waited */
	bool			 is_stirred;	/* a watch was ready this turn */
	bool			 is_in_turns;
	bool			 has_freed_turns;
	uint8_t			*scratch;
};

struct loop_watch {
	uv_poll_t	 uv;		/* first: libuv's pointer is ours */
	loop_ready	*ready;		/* NULL: freed */
	void		*ctx;
	struct loop	*loop;
	unsigned int	 wanted;
};

struct loop_timer {
	uv_timer_t	 uv;
	loop_due	*due;		/* NULL: freed */
	void		*ctx;
};

struct loop_signal {
	struct loop_watch	*watch;
	int			 fd;
	loop_due		*came;
	void			*ctx;
};

static void
turns_sweep(struct loop *loop)
{
	struct loop_turn *t, **link = &loop->turns;

	while ((t = *link) != NULL) {
		if (t->run != NULL) {
			link = &t->next;
			continue;
		}
		*link = t->next;
		free(t);
	}
	loop->has_freed_turns = false;
}

static void
turns_run(struct loop *loop)
{
	loop->is_in_turns = true;
	for (struct loop_turn *t = loop->turns; t != NULL; t = t->next)
		if (t->run != NULL)
			t->run(t->ctx);
	loop->is_in_turns = false;
	if (loop->has_freed_turns)
		turns_sweep(loop);
}

/* Those that wait now; what they ask for anew waits for the next round. */
static void
tasks_run(struct loop *loop)
{
	struct loop_task *last = loop->last, *t;
	bool is_last;

	while ((t = loop->first) != NULL) {
		is_last = t == last;
		loop_task_cancel(t);
		t->run(t->ctx);
		/* `last` may have been cancelled by a task before it; then
		 * the round goes on to the end of the list. */
		if (is_last)
			return;
	}
}

static void
again_nothing(uv_idle_t *idle UNUSED)
{
}

/* The task's time has come, or another turn without sleep goes before it. */
static void
quiet_look(struct loop *loop)
{
	struct loop_task *t = loop->quiet;

	if (t == NULL)
		return;
	if (loop->is_stirred && loop->quiet_turns++ < QUIET_TURNS_MAX) {
		(void)uv_idle_start(&loop->again, again_nothing);
		return;
	}
	loop_task_cancel(t);
	t->run(t->ctx);
}

static void
turn_ends(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;

	(void)uv_idle_stop(&loop->again);
	quiet_look(loop);
	loop->is_stirred = false;
	for (unsigned int i = 0; i < ROUNDS_MAX; i++) {
		turns_run(loop);
		if (loop->first == NULL)
			return;
		tasks_run(loop);
	}
	(void)uv_idle_start(&loop->again, again_nothing);
}

enum err
loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (loop == NULL)
		return ERR_NOMEM;
	loop->scratch = malloc(LOOP_SCRATCH);
	if (loop->scratch == NULL) {
		free(loop);
		return ERR_NOMEM;
	}
	if (uv_loop_init(&loop->uv) != 0) {
		free(loop->scratch);
		free(loop);
		return ERR_IO;
	}
	/* Neither can fail: they only link themselves into the loop. */
	(void)uv_prepare_init(&loop->uv, &loop->prepare);
	(void)uv_idle_init(&loop->uv, &loop->again);
	loop->prepare.data = loop;
	/* sendfile() to a peer that has gone has no flag against it. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)uv_prepare_start(&loop->prepare, turn_ends);
	*out = loop;
	return ERR_OK;
}

static void
handle_gone(uv_handle_t *handle)
{
	/* Watches and timers begin with their handle. */
	free(handle);
}

static void
handle_end(uv_handle_t *handle, void *arg UNUSED)
{
	if (!uv_is_closing(handle))
		uv_close(handle, handle_gone);
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	while (loop->first != NULL)
		loop_task_cancel(loop->first);
	for (struct loop_turn *t = loop->turns; t != NULL; t = t->next)
		t->run = NULL;
	turns_sweep(loop);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->again, NULL);
	/* What an owner did not free ends with the loop all the same. */
	uv_walk(&loop->uv, handle_end, NULL);
	while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
		;
	ASSERT(uv_loop_close(&loop->uv) == 0);
	free(loop->scratch);
	free(loop);
}

void
loop_run(struct loop *loop)
{
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_quit(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	return uv_now(&loop->uv);
}

uint64_t
loop_wall_ms(const struct loop *loop UNUSED)
{
	return clock_wall_ms();
}

uint8_t *
loop_scratch(struct loop *loop)
{
	return loop->scratch;
}

/* Watches */

static void
watch_came(uv_poll_t *uv, int status, int events)
{
	struct loop_watch *w = (struct loop_watch *)uv;
	unsigned int ready = 0;

	/* A failed descriptor is ready for what was wanted: the owner's own
	 * read or write then tells the reason. */
	if (status < 0)
		ready = w->wanted;
	if (events & UV_READABLE)
		ready |= LOOP_READ;
	if (events & UV_WRITABLE)
		ready |= LOOP_WRITE;
	ready &= w->wanted;
	if (status < 0)
		w->wanted = 0;
	w->loop->is_stirred = true;
	if (ready != 0 && w->ready != NULL)
		w->ready(w->ctx, ready);
}

enum err
loop_watch_new(struct loop *loop, int fd, loop_ready *ready, void *ctx,
    struct loop_watch **watch)
{
	struct loop_watch *w = calloc(1, sizeof *w);
	int e;

	if (w == NULL)
		return ERR_NOMEM;
	e = uv_poll_init(&loop->uv, &w->uv, fd);
	if (e != 0) {
		free(w);
		errno = -e;
		return ERR_IO;
	}
	w->ready = ready;
	w->ctx = ctx;
	w->loop = loop;
	*watch = w;
	return ERR_OK;
}

void
loop_watch_want(struct loop_watch *w, unsigned int events)
{
	int wanted = 0;

	/* Each change costs libuv two system calls. */
	if (events == w->wanted)
		return;
	w->wanted = events;
	if (events & LOOP_READ)
		wanted |= UV_READABLE;
	if (events & LOOP_WRITE)
		wanted |= UV_WRITABLE;
	if (wanted == 0)
		ASSERT(uv_poll_stop(&w->uv) == 0);
	else
		ASSERT(uv_poll_start(&w->uv, wanted, watch_came) == 0);
}

void
loop_watch_free(struct loop_watch *w)
{
	if (w == NULL)
		return;
	w->ready = NULL;
	uv_close((uv_handle_t *)&w->uv, handle_gone);
}

/* Timers */

static void
timer_came(uv_timer_t *uv)
{
	struct loop_timer *t = (struct loop_timer *)uv;

	if (t->due != NULL)
		t->due(t->ctx);
}

enum err
loop_timer_new(struct loop *loop, loop_due *due, void *ctx,
    struct loop_timer **timer)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return ERR_NOMEM;
	(void)uv_timer_init(&loop->uv, &t->uv);
	t->due = due;
	t->ctx = ctx;
	*timer = t;
	return ERR_OK;
}

void
loop_timer_set(struct loop_timer *t, uint64_t after_ms)
{
	ASSERT(uv_timer_start(&t->uv, timer_came, after_ms, 0) == 0);
}

void
loop_timer_stop(struct loop_timer *t)
{
	(void)uv_timer_stop(&t->uv);
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	t->due = NULL;
	uv_close((uv_handle_t *)&t->uv, handle_gone);
}

/* Turns and tasks */

enum err
loop_turn_new(struct loop *loop, loop_due *end_of_turn, void *ctx,
    struct loop_turn **turn)
{
	struct loop_turn **link = &loop->turns, *t = calloc(1, sizeof *t);

	if (t == NULL)
		return ERR_NOMEM;
	t->loop = loop;
	t->run = end_of_turn;
	t->ctx = ctx;
	while (*link != NULL)
		link = &(*link)->next;
	*link = t;
	*turn = t;
	return ERR_OK;
}

void
loop_turn_free(struct loop_turn *t)
{
	if (t == NULL)
		return;
	t->run = NULL;
	t->loop->has_freed_turns = true;
	if (!t->loop->is_in_turns)
		turns_sweep(t->loop);
}

void
loop_task_ask(struct loop *loop, struct loop_task *t)
{
	if (t->loop != NULL)
		return;
	t->loop = loop;
	t->next = NULL;
	t->prev = loop->last;
	if (loop->last != NULL)
		loop->last->next = t;
	else
		loop->first = t;
	loop->last = t;
}

void
loop_quiet_ask(struct loop *loop, struct loop_task *t)
{
	ASSERT(loop->quiet == NULL || loop->quiet == t);
	if (t->loop != NULL)
		return;
	t->loop = loop;
	loop->quiet = t;
	loop->quiet_turns = 0;
	loop->is_stirred = true;
	(void)uv_idle_start(&loop->again, again_nothing);
}

void
loop_task_cancel(struct loop_task *t)
{
	struct loop *loop = t->loop;

	if (loop == NULL)
		return;
	if (t == loop->quiet) {
		loop->quiet = NULL;
		t->loop = NULL;
		return;
	}
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		loop->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else
		loop->last = t->prev;
	t->loop = NULL;
}

/* Signals */

static void
signal_came(void *ctx, unsigned int events UNUSED)
{
	struct loop_signal *s = ctx;
	struct signalfd_siginfo info;

	/* One for many of the same: signals of a number do not queue. */
	if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
		s->came(s->ctx);
}

enum err
loop_signal_new(struct loop *loop, int signo, loop_due *came, void *ctx,
    struct loop_signal **signal)
{
	struct loop_signal *s = calloc(1, sizeof *s);
	sigset_t set;
	enum err e;

	if (s == NULL)
		return ERR_NOMEM;
	s->came = came;
	s->ctx = ctx;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signo);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    (s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0) {
		free(s);
		return ERR_IO;
	}
	e = loop_watch_new(loop, s->fd, signal_came, s, &s->watch);
	if (e != ERR_OK) {
		(void)close(s->fd);
		free(s);
		return e;
	}
	loop_watch_want(s->watch, LOOP_READ);
	*signal = s;
	return ERR_OK;
}

void
loop_signal_free(struct loop_signal *s)
{
	if (s == NULL)
		return;
	loop_watch_free(s->watch);
	(void)close(s->fd);
	free(s);
}
