/*
 * alloc_fault.c - the linker leads malloc and its kin here (--wrap).
 */
#include "base/alloc_fault.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);

/* What a test and this process share; the header says it in words. */
struct shared {
	_Atomic uint64_t	nth, calls, failed;
	uint64_t		callers[10];
};
#define FRAMES_SPAN	8192u		/* octets of stack that are looked at */
extern const char __executable_start[];	/* the linker's */

struct frame {			/* -fno-omit-frame-pointer */
	const struct frame	*up;
	uintptr_t		 back;
};

/* The one state that has no owner: malloc has no argument for it. */
static atomic_ulong every, calls;
static struct shared *opened;
static struct shared *_Atomic shared;

void
alloc_fault_open(void)
{
	const char *folder = getenv("POSTHORSE_FAULT_ALLOC");
	char path[1024];
	void *p;
	int fd;

	if (folder == NULL)
		return;
	(void)snprintf(path, sizeof path, "%s/%s", folder,
	    program_invocation_short_name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	(void)close(fd);
	if (p != MAP_FAILED)
		opened = p;
}

void
alloc_fault_arm(void)
{
	const char *what = getenv("POSTHORSE_FAULT");
	const char *role = getenv("POSTHORSE_FAULT_ROLE");
	const char *we = program_invocation_short_name;

	atomic_store(&shared, opened);
	if (what == NULL || strncmp(what, "alloc:", 6) != 0)
		return;
	if (role != NULL && (strlen(we) < strlen(role) ||
	    strcmp(we + strlen(we) - strlen(role), role) != 0))
		return;
	atomic_store(&every, strtoul(what + 6, NULL, 10));
}

/* Who asked, from here up, counted from the program's start. */
static void
tell_callers(struct shared *s, const struct frame *f)
{
	uintptr_t low = (uintptr_t)f;

	for (size_t i = 0; i < COUNT(s->callers); i++) {
		/* A library's frame may hold anything: it ends the walk. */
		if (f < (const struct frame *)low ||
		    (uintptr_t)f - low > FRAMES_SPAN ||
		    (uintptr_t)f % sizeof f != 0) {
			s->callers[i] = 0;
			continue;
		}
		s->callers[i] = f->back - (uintptr_t)__executable_start;
		f = f->up;
	}
}

/* The one whose turn it is. */
static bool
fails_by_number(struct shared *s)
{
	uint64_t n = atomic_fetch_add(&s->calls, 1) + 1;

	if (n != atomic_load(&s->nth))
		return false;
	tell_callers(s, __builtin_frame_address(0));
	(void)atomic_fetch_add(&s->failed, 1);
	return true;
}

/*
 * One of n, but never the same of each message: the count is scattered
 * (splitmix64), and the same in each run.
 */
static bool
fails_by_chance(unsigned long n)
{
	uint64_t x;

	x = (atomic_fetch_add(&calls, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % n == 0;
}

static bool
fails_now(void)
{
	struct shared *s = atomic_load(&shared);
	unsigned long n = atomic_load(&every);

	if ((s == NULL || !fails_by_number(s)) &&
	    (n == 0 || !fails_by_chance(n)))
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

char *
__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : __real_strdup(text);
}
