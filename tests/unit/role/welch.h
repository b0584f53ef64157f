/*
 * welch.h - do two kinds of work take the same time?  (AUTH-4)
 */
#ifndef POSTHORSE_TESTS_WELCH_H
#define POSTHORSE_TESTS_WELCH_H

#include "check.h"

#include <time.h>

#define WELCH_SAMPLES	2000u
#define WELCH_LIMIT	(4.5 * 4.5)	/* of t squared */

static double
cpu_ns(clockid_t clock)
{
	struct timespec t;

	assert_int_equal(clock_gettime(clock, &t), 0);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct figures {
	double	mean, variance, n;
};

static struct figures
figures_of(double *samples, size_t n)
{
	struct figures f = { .n = (double)(n - n / 10) };

	qsort(samples, n, sizeof *samples, compare);
	for (size_t i = 0; i < n - n / 10; i++)
		f.mean += samples[i] / f.n;
	for (size_t i = 0; i < n - n / 10; i++)
		f.variance += (samples[i] - f.mean) * (samples[i] - f.mean) /
		    (f.n - 1);
	return f;
}

/* The square of Welch's t. */
static double
welch_squared(const struct figures *a, const struct figures *b)
{
	double d = a->mean - b->mean;

	return d * d / (a->variance / a->n + b->variance / b->n);
}

#endif
