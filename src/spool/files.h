/*
 * files.h - every file operation, the clock and chance, as one table.
 *
 * The spool reaches the world through this and nothing else, so that a test
 * can be the disk (SECURITY-REQUIREMENTS 20).  The calls are raw: they may be
 * interrupted or fall short like the system's; spool_write_at and its
 * neighbours below are the one place that deals with it.
 *
 * Descriptors are small ints; names are relative to a directory descriptor and
 * hold no slash.  int calls return 0 or a descriptor, and -1 with errno.
 * Calls may come from a worker thread: an implementation keeps no state that
 * is not safe for that.
 */
#ifndef POSTHORSE_SPOOL_FILES_H
#define POSTHORSE_SPOOL_FILES_H

#include "base/span.h"

#include <sys/types.h>
#include <sys/uio.h>

#define SPOOL_READ	0x01u
#define SPOOL_WRITE	0x02u
#define SPOOL_CREATE	0x04u	/* must not exist yet; mode 0600 */
#define SPOOL_APPEND	0x08u
#define SPOOL_NAME_MAX	64u	/* octets of a name, its NUL included */

struct spool_space {
	uint64_t	free;		/* octets that we may still use */
	uint64_t	total;
	uint32_t	magic;		/* the file system's; 0: not known */
};

/* Does a sync on such a file system keep its promise (SPL-14)? */
enum spool_disk_trust {
	SPOOL_DISK_GOOD,
	SPOOL_DISK_DOUBTFUL,	/* said at the start */
	SPOOL_DISK_REFUSED
};
struct spool_disk_kind {
	enum spool_disk_trust	 trust;
	const char		*why;	/* its name and what is wrong with it */
};
struct spool_disk_kind spool_disk_kind(uint32_t magic);

struct spool_files {
	void	*self;
	/*
	 * No symbolic link is followed.  What is not a plain file of our own
	 * user with mode 0600 and one link is refused: EPERM (SPL-16).
	 */
	int	(*open)(void *self, int dir, const char *name,
		    unsigned int how);
	/* Made with mode 0700 when missing.  Another owner or mode: EPERM. */
	int	(*open_dir)(void *self, int dir, const char *name);
	int	(*close)(void *self, int fd);
	ssize_t	(*pwritev)(void *self, int fd, const struct iovec *parts, int n,
		    uint64_t at);
	ssize_t	(*pread)(void *self, int fd, void *to, size_t n, uint64_t at);
	int	(*sync)(void *self, int fd);		/* fdatasync */
	int	(*sync_dir)(void *self, int dir);	/* fsync */
	int	(*rename)(void *self, int from_dir, const char *from,
		    int to_dir, const char *to);
	int	(*unlink)(void *self, int dir, const char *name);
	int	(*allocate)(void *self, int fd, uint64_t size);
	int	(*size)(void *self, int fd, uint64_t *size);
	/*
	 * What has been synced of n octets from `at` on (0: to the end) need
	 * not stay in memory: the next read asks the disk.  A wish: the system
	 * may leave pages that are in use.
	 */
	void	(*forget)(void *self, int fd, uint64_t at, uint64_t n);
	/* Without . and ..; each() may not change the directory. */
	int	(*list)(void *self, int dir,
		    void (*each)(void *arg, const char *name), void *arg);
	int	(*lock)(void *self, int fd);	/* EAGAIN: another holds it */
	int	(*space)(void *self, int dir, struct spool_space *space);
	uint64_t (*wall_ms)(void *self);
	int	(*random)(void *self, void *to, size_t n);
};

/* The real ones. */
struct spool_files spool_files_posix(void);
/*
 * Only with -Dtest_hooks=true, and then used by spool_files_posix itself: the
 * n-th call of this process that changes something (open with CREATE, pwritev,
 * sync, sync_dir, rename, unlink, allocate; counted from 1) meets a fault.
 *
 *	POSTHORSE_FAULT=kill:N		SIGKILL to ourselves before the call
 *	POSTHORSE_FAULT=fail:N:ERRNO	that one call fails; ERRNO is a number
 *					or one of EIO ENOSPC EDQUOT EMFILE ENOMEM
 *	POSTHORSE_FAULT=short:N		that pwritev writes half of its octets
 *	POSTHORSE_FAULT=late:N		SIGKILL when the first sync from there on has
 *					returned: before anybody is told of it
 *	POSTHORSE_FAULT=stall:N		the first sync behind it takes 5 seconds
 *	POSTHORSE_FAULT=A,B,...		one of these, drawn by each process
 *			with LO-HI in the place of N, N is drawn, too; what strikes
 *			is said on standard error first: "fault KIND N"
 *	POSTHORSE_FAULT_GATE=FILE	only while that file is there at our start
 *	POSTHORSE_FAULT_ROLE=queue	only in the process whose argv[0] ends in
 *					this name; not set: in each process
 *	POSTHORSE_FAULT_COUNT=FILE	FILE.NAME (of the program) holds the number
 *					of calls so far, to learn the greatest N
 */

/*
 * All octets of the parts, whatever interrupts.  Changes *parts.  ERR_IO with
 * errno; ENOSPC when a write ended at nothing.
 */
MUST_USE enum err spool_write_at(const struct spool_files *f, int fd,
    struct iovec *parts, size_t nparts, uint64_t at);
/* *got is less than n only at the end of the file. */
MUST_USE enum err spool_read_at(const struct spool_files *f, int fd, void *to,
    size_t n, uint64_t at, size_t *got);
/* Interrupted: again.  Failed: final, ERR_IO; never call it twice (SPL-3). */
MUST_USE enum err spool_sync(const struct spool_files *f, int fd);
MUST_USE enum err spool_sync_dir(const struct spool_files *f, int dir);

#endif
