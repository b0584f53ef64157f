/*
 * retry.h - when a letter is tried again, and when it is given up.
 *
 * The waits grow: first, first x growth, ... up to a cap, each moved by a
 * random part of itself so that letters which failed together do not come back
 * together (RFC 5321 4.5.4.1).  Pure: the clock and the dice come in.
 *
 * Two clocks.  Waits are monotonic.  A letter's age is wall time, because it
 * must outlive a restart; but a wall clock can jump, so what it claims is
 * believed only as far as the attempts made so far make it likely (DLV-9):
 * a clock that jumped ten years ahead expires nothing, one that jumped back
 * keeps nothing for ever.  Time during which the server stood still counts
 * little; a letter is tried again before it is given up.
 */
#ifndef POSTHORSE_SCHED_RETRY_H
#define POSTHORSE_SCHED_RETRY_H

#include "base/base.h"

struct retry {
	uint64_t	first_ms;
	uint32_t	growth_percent;	/* 150: each wait half as long again */
	uint32_t	jitter_percent;	/* 20: 0.8 to 1.2 of the wait */
	uint64_t	cap_ms;		/* before the jitter */
	uint64_t	lifetime_ms;
	uint64_t	bounce_lifetime_ms;
};
#define RETRY_DEFAULT                                                         \
	((struct retry){ 300000, 150, 20, 7200000, 432000000, 172800000 })

/*
 * The wait after the attempt that was number `attempts` (from 1) has failed.
 * dice: any number, evenly spread.
 */
uint64_t retry_wait_ms(const struct retry *r, uint32_t attempts, uint32_t dice);
/* What all waits after that many attempts come to, without jitter. */
uint64_t retry_span_ms(const struct retry *r, uint32_t attempts);
/*
 * The age of a letter that arrived at that wall time and was tried so often:
 * the wall clock's claim, held between three quarters of the span and the span
 * plus twice the cap.
 */
uint64_t retry_age_ms(const struct retry *r, uint32_t attempts,
    uint64_t arrived_wall_ms, uint64_t now_wall_ms);
/*
 * What is left, after a restart, of a wait that was to end at due_wall_ms:
 * never more than one wait of that number.
 */
uint64_t retry_left_ms(const struct retry *r, uint32_t attempts,
    uint64_t due_wall_ms, uint64_t now_wall_ms);

#endif
