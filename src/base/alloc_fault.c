/*
 * alloc_fault.c - the linker leads malloc and its kin here (--wrap).
 */
#include "base/alloc_fault.h"
#include "base/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

/* The one state that has no owner: malloc has no argument for it. */
static atomic_ulong every, calls;

void
alloc_fault_arm(void)
{
	const char *what = getenv("POSTHORSE_FAULT");
	const char *role = getenv("POSTHORSE_FAULT_ROLE");
	const char *we = program_invocation_short_name;

	if (what == NULL || strncmp(what, "alloc:", 6) != 0)
		return;
	if (role != NULL && (strlen(we) < strlen(role) ||
	    strcmp(we + strlen(we) - strlen(role), role) != 0))
		return;
	atomic_store(&every, strtoul(what + 6, NULL, 10));
}

/*
 * One of n, but never the same of each message: the count is scattered
 * (splitmix64), and the same in each run.
 */
static bool
fails_now(void)
{
	unsigned long n = atomic_load(&every);
	uint64_t x;

	if (n == 0)
		return false;
	x = (atomic_fetch_add(&calls, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	if ((x ^ x >> 31) % n != 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}
