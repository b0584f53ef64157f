/*
 * rig.h - a loop for tests that surely ends.
 */
#ifndef POSTHORSE_TESTS_IO_RIG_H
#define POSTHORSE_TESTS_IO_RIG_H

#include "check.h"
#include "io/loop.h"

#define RIG_MS	10000u	/* a test that takes longer has hung */

struct rig {
	struct loop		*loop;
	struct loop_timer	*guard;
	bool			 has_hung;
};

static inline void
rig_hung(void *ctx)
{
	struct rig *r = ctx;

	r->has_hung = true;
	loop_quit(r->loop);
}

static inline void
rig_begin(struct rig *r)
{
	*r = (struct rig){ 0 };
	assert_int_equal(loop_new(&r->loop), ERR_OK);
	assert_int_equal(loop_timer_new(r->loop, rig_hung, r, &r->guard),
	    ERR_OK);
}

static inline void
rig_run(struct rig *r)
{
	loop_timer_set(r->guard, RIG_MS);
	loop_run(r->loop);
	loop_timer_stop(r->guard);
	assert_false(r->has_hung);
}

static inline void
rig_quit(void *ctx)
{
	struct rig *r = ctx;

	loop_quit(r->loop);
}

/* Let the loop go round for so long. */
static inline void
rig_run_ms(struct rig *r, uint64_t ms)
{
	struct loop_timer *t;

	assert_int_equal(loop_timer_new(r->loop, rig_quit, r, &t), ERR_OK);
	/* On a busy machine the time may be over before anything was polled:
	 * a few more turns see what is ready. */
	for (int turn = 0; turn < 4; turn++) {
		loop_timer_set(t, turn == 0 ? ms : 1);
		rig_run(r);
	}
	loop_timer_free(t);
}

static inline void
rig_end(struct rig *r)
{
	loop_timer_free(r->guard);
	loop_free(r->loop);
}

#endif
