/*
 * files_posix.c - the real files.
 */
#include "spool/files_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int
close_saying(int fd, int why)
{
	(void)close(fd);
	errno = why;
	return -1;
}

/* SPL-16: ours alone, and known by no other name. */
static bool
is_ours(const struct stat *st, mode_t kind)
{
	return (st->st_mode & S_IFMT) == kind && st->st_uid == geteuid() &&
	    (st->st_mode & 077) == 0;
}

static int
posix_open(UNUSED void *self, int dir, const char *name, unsigned int how)
{
	int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	int fd;

	flags |= !(how & SPOOL_WRITE)	? O_RDONLY
	    : how & SPOOL_READ		? O_RDWR
					: O_WRONLY;
	if (how & SPOOL_CREATE)
		flags |= O_CREAT | O_EXCL;
	if (how & SPOOL_APPEND)
		flags |= O_APPEND;
	fd = openat(dir, name, flags, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return close_saying(fd, errno);
	if (!is_ours(&st, S_IFREG) || st.st_nlink != 1)
		return close_saying(fd, EPERM);
	return fd;
}

static int
posix_open_dir(UNUSED void *self, int dir, const char *name)
{
	struct stat st;
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return close_saying(fd, errno);
	return is_ours(&st, S_IFDIR) ? fd : close_saying(fd, EPERM);
}

static int
posix_close(UNUSED void *self, int fd)
{
	return close(fd);
}

static ssize_t
posix_pwritev(UNUSED void *self, int fd, const struct iovec *parts, int n,
    uint64_t at)
{
	return pwritev(fd, parts, n, (off_t)at);
}

static ssize_t
posix_pread(UNUSED void *self, int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at);
}

static int
posix_sync(UNUSED void *self, int fd)
{
	return fdatasync(fd);
}

static int
posix_sync_dir(UNUSED void *self, int dir)
{
	return fsync(dir);
}

static int
posix_rename(UNUSED void *self, int from_dir, const char *from, int to_dir,
    const char *to)
{
	return renameat(from_dir, from, to_dir, to);
}

static int
posix_unlink(UNUSED void *self, int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

static int
posix_allocate(UNUSED void *self, int fd, uint64_t size)
{
	int why = posix_fallocate(fd, 0, (off_t)size);

	if (why == 0)
		return 0;
	errno = why;
	return -1;
}

static int
posix_size(UNUSED void *self, int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	*size = (uint64_t)st.st_size;
	return 0;
}

static void
posix_forget(UNUSED void *self, int fd, uint64_t at, uint64_t n)
{
	(void)posix_fadvise(fd, (off_t)at, (off_t)n, POSIX_FADV_DONTNEED);
}

static int
posix_list(UNUSED void *self, int dir, void (*each)(void *, const char *),
    void *arg)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (d == NULL)
		return close_saying(fd, errno);
	errno = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			each(arg, e->d_name);
	if (errno != 0) {
		int why = errno;

		(void)closedir(d);
		errno = why;
		return -1;
	}
	return closedir(d);
}

static int
posix_lock(UNUSED void *self, int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static int
posix_space(UNUSED void *self, int dir, struct spool_space *space)
{
	struct statfs v;

	if (fstatfs(dir, &v) < 0)
		return -1;
	space->free = (uint64_t)v.f_bavail * (uint64_t)v.f_frsize;
	space->total = (uint64_t)v.f_blocks * (uint64_t)v.f_frsize;
	space->magic = (uint32_t)v.f_type;
	return 0;
}

static uint64_t
posix_wall_ms(UNUSED void *self)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
posix_random(UNUSED void *self, void *to, size_t n)
{
	ASSERT(n <= 256);	/* so much comes whole or not at all */
	return getrandom(to, n, 0) == (ssize_t)n ? 0 : -1;
}

struct spool_files
files_posix_plain(void)
{
	return (struct spool_files){
		.open = posix_open,
		.open_dir = posix_open_dir,
		.close = posix_close,
		.pwritev = posix_pwritev,
		.pread = posix_pread,
		.sync = posix_sync,
		.sync_dir = posix_sync_dir,
		.rename = posix_rename,
		.unlink = posix_unlink,
		.allocate = posix_allocate,
		.size = posix_size,
		.forget = posix_forget,
		.list = posix_list,
		.lock = posix_lock,
		.space = posix_space,
		.wall_ms = posix_wall_ms,
		.random = posix_random,
	};
}

#ifndef POSTHORSE_TEST_HOOKS
struct spool_files
spool_files_posix(void)
{
	return files_posix_plain();
}
#endif
