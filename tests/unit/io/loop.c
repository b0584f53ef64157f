/*
 * loop.c - turns, tasks, freeing from within, signals, and worker threads.
 */
#include "rig.h"

#include "io/worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe {
	struct rig		 rig;
	struct loop_watch	*watch;
	struct loop_timer	*timer;
	struct loop_turn	*turn;
	struct loop_signal	*signal;
	struct loop_task	 task;
	int			 fds[2];
	unsigned int		 ran, turns, tasks;
	unsigned int		 ran_before;	/* the quiet turn */
	bool			 is_endless;
};

static void
probe_begin(struct probe *p)
{
	*p = (struct probe){ 0 };
	rig_begin(&p->rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fds), 0);
}

static void
probe_end(struct probe *p)
{
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
	rig_end(&p->rig);
}

static void
free_all_inside(void *ctx, unsigned int events)
{
	struct probe *p = ctx;

	CHECK_NUM(events, LOOP_READ, "readable");
	p->ran++;
	/* Set here, lest a stall lets it be due before anything is read. */
	loop_timer_set(p->timer, 5);
	loop_watch_free(p->watch);
	loop_timer_free(p->timer);
	(void)close(p->fds[0]);
	p->fds[0] = -1;
}

static void
never(void *ctx)
{
	(void)ctx;
	fail_msg("a freed thing called back");
}

static void
test_free_inside_own_callback(void **state UNUSED)
{
	struct probe p;

	probe_begin(&p);
	assert_int_equal(loop_watch_new(p.rig.loop, p.fds[0], free_all_inside,
	    &p, &p.watch), ERR_OK);
	assert_int_equal(loop_timer_new(p.rig.loop, never, &p, &p.timer),
	    ERR_OK);
	loop_watch_want(p.watch, LOOP_READ);
	assert_int_equal(write(p.fds[1], "x", 1), 1);
	rig_run_ms(&p.rig, 20);
	CHECK_NUM(p.ran, 1, "once");
	probe_end(&p);
}

static void
timer_frees_itself(void *ctx)
{
	struct probe *p = ctx;

	p->ran++;
	loop_timer_free(p->timer);
	loop_quit(p->rig.loop);
}

static void
test_timer_frees_itself(void **state UNUSED)
{
	struct probe p;

	probe_begin(&p);
	assert_int_equal(loop_timer_new(p.rig.loop, timer_frees_itself, &p,
	    &p.timer), ERR_OK);
	loop_timer_set(p.timer, 0);
	rig_run(&p.rig);
	CHECK_NUM(p.ran, 1, "once");
	probe_end(&p);
}

static void
count_turn(void *ctx)
{
	struct probe *p = ctx;

	p->turns++;
}

static void
count_task(void *ctx)
{
	struct probe *p = ctx;

	p->tasks++;
	if (p->tasks < 100)
		loop_task_ask(p->rig.loop, &p->task);
	else
		loop_quit(p->rig.loop);
}

/* Tasks that ask for more run at once, and a hook sees what they did. */
static void
test_tasks_before_sleep(void **state UNUSED)
{
	struct probe p;

	probe_begin(&p);
	p.task = (struct loop_task){ .run = count_task, .ctx = &p };
	assert_int_equal(loop_turn_new(p.rig.loop, count_turn, &p, &p.turn),
	    ERR_OK);
	loop_task_ask(p.rig.loop, &p.task);
	loop_task_ask(p.rig.loop, &p.task);
	rig_run(&p.rig);
	CHECK_NUM(p.tasks, 100, "asked twice, runs once");
	CHECK(p.turns >= 100, "a hook after each round: %u", p.turns);
	loop_turn_free(p.turn);
	probe_end(&p);
}

static void
test_task_cancelled(void **state UNUSED)
{
	struct probe p;
	struct loop_task other = { .run = never, .ctx = &p };

	probe_begin(&p);
	p.task = (struct loop_task){ .run = never, .ctx = &p };
	loop_task_ask(p.rig.loop, &p.task);
	loop_task_ask(p.rig.loop, &other);
	loop_task_cancel(&p.task);
	loop_task_cancel(&p.task);
	loop_task_cancel(&other);
	rig_run_ms(&p.rig, 2);
	probe_end(&p);
}

static void
turn_frees_itself(void *ctx)
{
	struct probe *p = ctx;

	p->turns++;
	loop_turn_free(p->turn);
}

static void
test_turn_frees_itself(void **state UNUSED)
{
	struct probe p;

	probe_begin(&p);
	assert_int_equal(loop_turn_new(p.rig.loop, turn_frees_itself, &p,
	    &p.turn), ERR_OK);
	rig_run_ms(&p.rig, 5);
	CHECK_NUM(p.turns, 1, "never again");
	probe_end(&p);
}

static void
write_in_hook(void *ctx)
{
	struct probe *p = ctx;

	if (p->turns++ == 0)
		(void)!write(p->fds[1], "x", 1);
}

static void
quit_ready(void *ctx, unsigned int events)
{
	struct probe *p = ctx;

	(void)events;
	p->ran++;
	loop_quit(p->rig.loop);
}

static void
test_hook_before_sleep(void **state UNUSED)
{
	struct probe p;

	probe_begin(&p);
	assert_int_equal(loop_watch_new(p.rig.loop, p.fds[0], quit_ready, &p,
	    &p.watch), ERR_OK);
	loop_watch_want(p.watch, LOOP_READ);
	assert_int_equal(loop_turn_new(p.rig.loop, write_in_hook, &p,
	    &p.turn), ERR_OK);
	rig_run(&p.rig);
	CHECK_NUM(p.ran, 1, "what the hook wrote has come");
	loop_turn_free(p.turn);
	loop_watch_free(p.watch);
	probe_end(&p);
}

/* One octet a turn, the last one never: then it is always ready. */
static void
read_one(void *ctx, unsigned int events)
{
	struct probe *p = ctx;
	char octet;

	(void)events;
	p->ran++;
	if (!p->is_endless)
		CHECK_NUM(read(p->fds[0], &octet, 1), 1, "an octet");
	loop_quiet_ask(p->rig.loop, &p->task);
}

static void
quiet_came(void *ctx)
{
	struct probe *p = ctx;

	p->tasks++;
	p->ran_before = p->ran;
	loop_quit(p->rig.loop);
}

static void
ask_quiet(void *ctx)
{
	struct probe *p = ctx;

	loop_quiet_ask(p->rig.loop, &p->task);
}

static void
test_quiet(void **state UNUSED)
{
	static const struct {
		const char	*label;
		bool		 is_endless;
		unsigned int	 least, most;
	} rows[] = {
		{ "behind all that was ready", false, 5, 5 },
		{ "never later than eight turns", true, 8, 10 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct probe p;

		probe_begin(&p);
		p.is_endless = rows[i].is_endless;
		p.task = (struct loop_task){ .run = quiet_came, .ctx = &p };
		assert_int_equal(write(p.fds[1], "12345", 5), 5);
		assert_int_equal(loop_watch_new(p.rig.loop, p.fds[0],
		    read_one, &p, &p.watch), ERR_OK);
		loop_watch_want(p.watch, LOOP_READ);
		rig_run(&p.rig);
		CHECK_NUM(p.tasks, 1, "%s: once", rows[i].label);
		CHECK(p.ran_before >= rows[i].least &&
		    p.ran_before <= rows[i].most, "%s: %u", rows[i].label,
		    p.ran_before);
		loop_task_cancel(&p.task);
		loop_watch_free(p.watch);
		probe_end(&p);
	}
}

/* Asked where the turn has ended already: the loop does not sleep on it. */
static void
test_quiet_from_a_task(void **state UNUSED)
{
	struct probe p;
	struct loop_task first = { .run = ask_quiet, .ctx = &p };

	probe_begin(&p);
	p.task = (struct loop_task){ .run = quiet_came, .ctx = &p };
	loop_task_ask(p.rig.loop, &first);
	rig_run(&p.rig);
	CHECK_NUM(p.tasks, 1, "it ran");
	p.task.run = never;
	loop_quiet_ask(p.rig.loop, &p.task);
	loop_quiet_ask(p.rig.loop, &p.task);
	loop_task_cancel(&p.task);
	rig_run_ms(&p.rig, 2);
	probe_end(&p);
}

static void
signalled(void *ctx)
{
	struct probe *p = ctx;

	p->ran++;
	loop_quit(p->rig.loop);
}

static void
test_signal(void **state UNUSED)
{
	struct sigaction now;
	struct probe p;

	probe_begin(&p);
	assert_int_equal(loop_signal_new(p.rig.loop, SIGHUP, signalled, &p,
	    &p.signal), ERR_OK);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(kill(getpid(), SIGHUP), 0);
	rig_run(&p.rig);
	CHECK_NUM(p.ran, 1, "a storm is one wake-up");
	assert_int_equal(sigaction(SIGHUP, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL, "no handler");
	loop_signal_free(p.signal);
	probe_end(&p);
}

/* Workers */

#define JOBS	200u

struct work {
	struct rig	rig;
	pthread_mutex_t	lock;
	unsigned int	run, done;
};
struct work_job {
	struct work	*work;
	pthread_t	 in;
	unsigned int	 order;
};

static void
job_run(void *arg)
{
	struct work_job *j = arg;

	j->in = pthread_self();
	assert_int_equal(pthread_mutex_lock(&j->work->lock), 0);
	j->order = j->work->run++;
	assert_int_equal(pthread_mutex_unlock(&j->work->lock), 0);
}

static void
job_done(void *arg)
{
	struct work_job *j = arg;

	if (++j->work->done == JOBS)
		loop_quit(j->work->rig.loop);
}

static void
test_worker_order(void **state UNUSED)
{
	static struct work_job jobs[JOBS];
	struct work work = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct worker *w;

	rig_begin(&work.rig);
	assert_int_equal(worker_new(work.rig.loop, 1, JOBS, &w), ERR_OK);
	for (size_t i = 0; i < JOBS; i++) {
		jobs[i].work = &work;
		assert_int_equal(worker_give(w, job_run, job_done, &jobs[i]),
		    ERR_OK);
	}
	rig_run(&work.rig);
	for (size_t i = 0; i < JOBS; i++) {
		CHECK_NUM(jobs[i].order, i, "one thread keeps the order");
		CHECK(!pthread_equal(jobs[i].in, pthread_self()), "job %zu", i);
	}
	worker_free(w);
	rig_end(&work.rig);
}

static void
test_worker_full_then_freed(void **state UNUSED)
{
	struct work work = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct work_job jobs[8];
	unsigned int given = 0;
	struct worker *w;

	rig_begin(&work.rig);
	assert_int_equal(worker_new(work.rig.loop, 2, 3, &w), ERR_OK);
	while (given < COUNT(jobs)) {
		jobs[given].work = &work;
		if (worker_give(w, job_run, job_done, &jobs[given]) != ERR_OK)
			break;
		given++;
	}
	CHECK_NUM(given, 5, "two run, three wait, done not yet called");
	worker_free(w);
	CHECK_NUM(work.done, 5, "freed: each was told");
	rig_end(&work.rig);
}

static void
test_worker_sees_no_signal(void **state UNUSED)
{
	struct work work = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct worker *w;

	rig_begin(&work.rig);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(worker_new(work.rig.loop, 4, 1, &w), ERR_OK);
		worker_free(w);
	}
	rig_end(&work.rig);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_free_inside_own_callback, ""),
		TEST(test_timer_frees_itself, ""),
		TEST(test_tasks_before_sleep, ""),
		TEST(test_task_cancelled, ""),
		TEST(test_quiet, ""),
		TEST(test_quiet_from_a_task, ""),
		TEST(test_turn_frees_itself, ""),
		TEST(test_hook_before_sleep, ""),
		TEST(test_signal, "MEM-8"),
		TEST(test_worker_order, ""),
		TEST(test_worker_full_then_freed, ""),
		TEST(test_worker_sees_no_signal, ""),
	};

	return RUN_TESTS(tests);
}
