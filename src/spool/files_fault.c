/*
 * files_fault.c - the n-th file call meets a fault (test builds only).
 *
 * The form of the environment is in files.h.  One counter a process, shared by
 * its threads.
 */
#include "spool/files_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define STALL_S	5u

enum fault_kind {
	FAULT_NONE,
	FAULT_KILL,
	FAULT_LATE,
	FAULT_FAIL,
	FAULT_SHORT,
	FAULT_STALL
};
struct fault {
	struct spool_files	real;
	atomic_ulong		calls;
	unsigned long		at;
	enum fault_kind		kind;
	atomic_bool		must_stall, must_die;
	int			why;
	int			count_fd;
};

static const char *const kinds[] = {
	[FAULT_NONE] = "none",
	[FAULT_KILL] = "kill",
	[FAULT_LATE] = "late",
	[FAULT_FAIL] = "fail",
	[FAULT_SHORT] = "short",
	[FAULT_STALL] = "stall",
};

static const struct {
	const char	*name;
	int		 why;
} errors[] = {
	{ "EIO", EIO },
	{ "ENOSPC", ENOSPC },
	{ "EDQUOT", EDQUOT },
	{ "EMFILE", EMFILE },
	{ "ENOMEM", ENOMEM },
};

static void
fault_say(const struct fault *x, unsigned long n)
{
	char text[64];
	int len = snprintf(text, sizeof text, "fault %s %lu\n",
	    kinds[x->kind], n);

	(void)!write(STDERR_FILENO, text, (size_t)len);
}

/* True: fail now, errno is set.  *is_short: write half of it. */
static bool
fault_strikes(struct fault *x, bool *is_short)
{
	unsigned long n = atomic_fetch_add(&x->calls, 1) + 1;
	char text[24];

	if (x->count_fd >= 0) {
		int len = snprintf(text, sizeof text, "%20lu\n", n);

		(void)!pwrite(x->count_fd, text, (size_t)len, 0);
	}
	if (n != x->at)
		return false;
	fault_say(x, n);
	if (x->kind == FAULT_KILL)
		(void)raise(SIGKILL);
	if (x->kind == FAULT_LATE)
		atomic_store(&x->must_die, true);
	if (x->kind == FAULT_STALL)
		atomic_store(&x->must_stall, true);
	*is_short = x->kind == FAULT_SHORT;
	errno = x->why;
	return x->kind == FAULT_FAIL;
}

static int
fault_open(void *self, int dir, const char *name, unsigned int how)
{
	struct fault *x = self;
	bool is_short;

	if (how & SPOOL_CREATE && fault_strikes(x, &is_short))
		return -1;
	return x->real.open(x->real.self, dir, name, how);
}

static ssize_t
fault_pwritev(void *self, int fd, const struct iovec *parts, int n,
    uint64_t at)
{
	struct fault *x = self;
	bool is_short = false;
	struct iovec half;

	if (fault_strikes(x, &is_short))
		return -1;
	if (!is_short)
		return x->real.pwritev(x->real.self, fd, parts, n, at);
	half = parts[0];
	half.iov_len = half.iov_len / 2 + half.iov_len % 2;
	return x->real.pwritev(x->real.self, fd, &half, 1, at);
}

static int
fault_sync(void *self, int fd)
{
	struct fault *x = self;
	bool is_short;
	int got;

	if (atomic_exchange(&x->must_stall, false))
		(void)sleep(STALL_S);
	if (fault_strikes(x, &is_short))
		return -1;
	got = x->real.sync(x->real.self, fd);
	/* It is on the disk, and nobody was told. */
	if (got == 0 && atomic_exchange(&x->must_die, false))
		(void)raise(SIGKILL);
	return got;
}

static int
fault_sync_dir(void *self, int dir)
{
	struct fault *x = self;
	bool is_short;

	return fault_strikes(x, &is_short) ? -1
	    : x->real.sync_dir(x->real.self, dir);
}

static int
fault_rename(void *self, int from_dir, const char *from, int to_dir,
    const char *to)
{
	struct fault *x = self;
	bool is_short;

	if (fault_strikes(x, &is_short))
		return -1;
	return x->real.rename(x->real.self, from_dir, from, to_dir, to);
}

static int
fault_unlink(void *self, int dir, const char *name)
{
	struct fault *x = self;
	bool is_short;

	return fault_strikes(x, &is_short) ? -1
	    : x->real.unlink(x->real.self, dir, name);
}

static int
fault_allocate(void *self, int fd, uint64_t size)
{
	struct fault *x = self;
	bool is_short;

	return fault_strikes(x, &is_short) ? -1
	    : x->real.allocate(x->real.self, fd, size);
}

static unsigned long
drawn(unsigned long from, unsigned long to)
{
	unsigned long chance;

	if (to < from || getrandom(&chance, sizeof chance, 0) !=
	    (ssize_t)sizeof chance)
		return from;
	return from + chance % (to - from + 1);
}

/* KIND:N, KIND:LO-HI, and for fail :ERRNO behind it. */
static void
fault_parse(struct fault *x, const char *text)
{
	unsigned long from, to;
	char *end;

	for (size_t k = FAULT_KILL; k < COUNT(kinds); k++) {
		size_t n = strlen(kinds[k]);

		if (strncmp(text, kinds[k], n) == 0 && text[n] == ':') {
			x->kind = (enum fault_kind)k;
			text += n + 1;
		}
	}
	from = to = strtoul(text, &end, 10);
	if (*end == '-')
		to = strtoul(end + 1, &end, 10);
	x->at = drawn(from, to);
	if (x->kind != FAULT_FAIL || *end != ':')
		return;
	x->why = (int)strtol(end + 1, NULL, 10);
	for (size_t i = 0; i < COUNT(errors); i++)
		if (strncmp(end + 1, errors[i].name,
		    strlen(errors[i].name)) == 0)
			x->why = errors[i].why;
}

/* One of the faults that commas keep apart. */
static const char *
fault_choose(const char *text)
{
	unsigned long n = 0, which;

	for (const char *p = text; *p != '\0'; p++)
		n += *p == ',';
	for (which = drawn(0, n); which > 0; which--)
		text = strchr(text, ',') + 1;
	return text;
}

/* FILE.ROLE holds the calls so far, whatever ends the process. */
static int
fault_count_open(const char *file)
{
	char path[1024];

	(void)snprintf(path, sizeof path, "%s.%s", file,
	    program_invocation_short_name);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static bool
fault_is_for_us(void)
{
	const char *role = getenv("POSTHORSE_FAULT_ROLE");
	const char *gate = getenv("POSTHORSE_FAULT_GATE");
	const char *we = program_invocation_short_name;

	if (gate != NULL && access(gate, F_OK) != 0)
		return false;
	if (role == NULL)
		return true;
	return strlen(we) >= strlen(role) &&
	    strcmp(we + strlen(we) - strlen(role), role) == 0;
}

struct spool_files
spool_files_posix(void)
{
	const char *what = getenv("POSTHORSE_FAULT");
	const char *count = getenv("POSTHORSE_FAULT_COUNT");
	struct spool_files f = files_posix_plain();
	struct fault *x;

	if ((what == NULL && count == NULL) || !fault_is_for_us())
		return f;
	x = calloc(1, sizeof *x);
	ASSERT(x != NULL);
	x->real = f;
	x->count_fd = count != NULL ? fault_count_open(count) : -1;
	if (what != NULL)
		fault_parse(x, fault_choose(what));
	f.self = x;
	f.open = fault_open;
	f.pwritev = fault_pwritev;
	f.sync = fault_sync;
	f.sync_dir = fault_sync_dir;
	f.rename = fault_rename;
	f.unlink = fault_unlink;
	f.allocate = fault_allocate;
	return f;
}
