/*
 * retry.c - the curve of waits and the age that is believed.
 */
#include "sched/retry.h"

/* Beyond it a lifetime has long ended; keeps the sums bounded. */
#define ATTEMPTS_MAX	10000u

static uint64_t
next_wait(const struct retry *r, uint64_t wait)
{
	if (wait >= r->cap_ms)
		return r->cap_ms;
	return MIN(wait / 100 * r->growth_percent +
	    wait % 100 * r->growth_percent / 100, r->cap_ms);
}

static uint64_t
plain_wait(const struct retry *r, uint32_t attempts)
{
	uint64_t wait = MIN(r->first_ms, r->cap_ms);

	/* The curve meets its cap soon, or never moves at all. */
	for (uint32_t i = 1; i < MIN(attempts, 200u); i++)
		wait = next_wait(r, wait);
	return wait;
}

uint64_t
retry_wait_ms(const struct retry *r, uint32_t attempts, uint32_t dice)
{
	uint64_t wait = plain_wait(r, attempts);
	uint64_t part = wait / 100 * MIN(r->jitter_percent, 100u);

	return wait - part + 2 * part * (dice & UINT16_MAX) / UINT16_MAX;
}

uint64_t
retry_span_ms(const struct retry *r, uint32_t attempts)
{
	uint64_t sum = 0, wait = MIN(r->first_ms, r->cap_ms);

	for (uint32_t i = 0; i < MIN(attempts, ATTEMPTS_MAX); i++) {
		sum += wait;
		wait = next_wait(r, wait);
	}
	return sum;
}

uint64_t
retry_age_ms(const struct retry *r, uint32_t attempts, uint64_t arrived_wall_ms,
    uint64_t now_wall_ms)
{
	uint64_t claim = now_wall_ms > arrived_wall_ms ?
	    now_wall_ms - arrived_wall_ms : 0;
	/* The wait after the last attempt may not be over yet. */
	uint64_t past = attempts == 0 ? 0 : retry_span_ms(r, attempts - 1);
	uint64_t likely = retry_span_ms(r, attempts) + 2 * r->cap_ms;

	return MAX(past / 4 * 3, MIN(claim, likely));
}

uint64_t
retry_left_ms(const struct retry *r, uint32_t attempts, uint64_t due_wall_ms,
    uint64_t now_wall_ms)
{
	uint64_t left = due_wall_ms > now_wall_ms ?
	    due_wall_ms - now_wall_ms : 0;

	return MIN(left, plain_wait(r, attempts));
}
