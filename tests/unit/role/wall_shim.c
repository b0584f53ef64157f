/*
 * wall_shim.c - loaded before a program's own libraries: its wall clock is off
 * by as many seconds as the file says that WALL_OFFSET names (DLV-9).  The
 * monotonic clock stays the system's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void
shim_open(void)
{
	const char *path = getenv("WALL_OFFSET");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p != MAP_FAILED)
		offset = p;
}

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int got = (int)syscall(SYS_clock_gettime, which, t);

	if (got == 0 && which == CLOCK_REALTIME && offset != NULL)
		t->tv_sec += *offset;
	return got;
}
