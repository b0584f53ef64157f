/*
 * clock.c - the kernel's clocks and its random octets.
 */
#include "os/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t
clock_ms(clockid_t which)
{
	struct timespec t;

	ASSERT(clock_gettime(which, &t) == 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
clock_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t
clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

void
clock_random(void *to, size_t n)
{
	uint8_t *p = to;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		ASSERT(got > 0 || errno == EINTR);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}
