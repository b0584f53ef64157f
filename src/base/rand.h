/*
 * rand.h - numbers that only have to differ: jitter, shuffles, test inputs.
 *
 * SplitMix64.  Anybody can compute the next one from a few: never for ids,
 * keys or anything that a stranger should not guess (role_random does that).
 * The same seed gives the same numbers.
 */
#ifndef POSTHORSE_BASE_RAND_H
#define POSTHORSE_BASE_RAND_H

#include "base/base.h"

struct rand {
	uint64_t	state;
};

static inline uint64_t
rand_u64(struct rand *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* 0 .. n - 1, each as likely within n / 2^64; 0 for n = 0. */
static inline uint64_t
rand_below(struct rand *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)rand_u64(r) * n >> 64);
}

/* low .. high, both included; low <= high. */
static inline uint64_t
rand_between(struct rand *r, uint64_t low, uint64_t high)
{
	uint64_t n = high - low + 1;

	return n == 0 ? rand_u64(r) : low + rand_below(r, n);
}

#endif
