/*
 * disk.c - the disk in memory.
 */
#include "disk_priv.h"

#include "spool/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void *
disk_need(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* SplitMix64. */
uint64_t
disk_mix(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t
disk_random(struct disk *d)
{
	return disk_mix(&d->seed);
}

/* --- files and names ----------------------------------------------------- */

void
disk_file_room(struct disk_file *f, size_t n)
{
	size_t room = f->room;
	uint8_t *now, *safe;

	if (n <= room)
		return;
	while (room < n)
		room = room == 0 ? 4096 : room * 2;
	now = disk_need(calloc(1, room));
	safe = disk_need(calloc(1, room));
	if (f->room > 0) {
		memcpy(now, f->now, f->now_n);
		memcpy(safe, f->safe, f->safe_n);
	}
	free(f->now);
	free(f->safe);
	f->now = now;
	f->safe = safe;
	f->room = room;
}

int
disk_file_new(struct disk *d)
{
	if (d->nfiles == DISK_FILES)
		abort();
	d->files[d->nfiles] = (struct disk_file){ 0 };
	return (int)d->nfiles++;
}

struct disk_name *
disk_name_find(struct disk_names *t, int dir, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->at[i].dir == dir && strcmp(t->at[i].name, name) == 0)
			return &t->at[i];
	return NULL;
}

void
disk_name_remove(struct disk_names *t, int dir, const char *name)
{
	struct disk_name *e = disk_name_find(t, dir, name);

	if (e != NULL)
		*e = t->at[--t->n];
}

void
disk_name_set(struct disk_names *t, int dir, const char *name, int file)
{
	struct disk_name *e = disk_name_find(t, dir, name);

	if (e == NULL) {
		if (t->n == DISK_NAMES)
			abort();
		e = &t->at[t->n++];
	}
	e->dir = dir;
	e->file = file;
	(void)snprintf(e->name, sizeof e->name, "%s", name);
}

void
disk_names_apply(struct disk_names *t, const struct disk_op *op)
{
	if (op->from_dir != 0)
		disk_name_remove(t, op->from_dir, op->from);
	if (op->to_dir != 0)
		disk_name_set(t, op->to_dir, op->to, op->file);
}

/* --- operations ---------------------------------------------------------- */

static struct disk_op *
op_add(struct disk *d, enum disk_kind kind, int file)
{
	struct disk_op *more;

	if (d->nops == d->room) {
		d->room = d->room == 0 ? 64 : d->room * 2;
		more = disk_need(calloc(d->room, sizeof *more));
		if (d->nops > 0)
			memcpy(more, d->ops, d->nops * sizeof *more);
		free(d->ops);
		d->ops = more;
	}
	d->ops[d->nops] = (struct disk_op){ .kind = kind, .file = file };
	return &d->ops[d->nops++];
}

/* Put an operation's octets from..to of it into the safe state. */
void
disk_op_save(struct disk_file *f, const struct disk_op *op, uint64_t from,
    uint64_t to)
{
	if (op->kind == DISK_ALLOCATE) {
		disk_file_room(f, op->n);
		f->safe_n = MAX(f->safe_n, (size_t)op->n);
		return;
	}
	disk_file_room(f, op->at + to);
	memcpy(f->safe + op->at + from, op->octets + from, to - from);
	f->safe_n = MAX(f->safe_n, (size_t)(op->at + to));
}

void
disk_op_forget(struct disk_op *op)
{
	free(op->octets);
	op->octets = NULL;
}

/* True: go on.  Else errno is set. */
static bool
call_begins(struct disk *d)
{
	if (d->before != NULL)
		d->before(d->arg, d);
	d->calls++;
	d->clock += 3;
	if (d->fail_at != d->calls)
		return true;
	errno = d->fail_why;
	return false;
}

static bool
is_full_now(struct disk *d)
{
	if (d->full_after > 1)
		d->full_after--;
	else if (d->full_after == 1)
		errno = d->full_why;
	return d->full_after == 1;
}

static bool
is_odd_now(struct disk *d)
{
	return d->odd > 0 && disk_mix(&d->seed) % d->odd == 0;
}

/* --- the table ----------------------------------------------------------- */

static int
fd_new(struct disk *d, int file)
{
	for (int i = 0; i < (int)DISK_FDS; i++)
		if (!d->fds[i].is_open) {
			d->fds[i].file = file;
			d->fds[i].failures = d->files[file].failures;
			d->fds[i].is_open = true;
			return i;
		}
	errno = EMFILE;
	return -1;
}

static int
disk_open(void *self, int dir, const char *name, unsigned int how)
{
	struct disk *d = self;
	struct disk_name *e = disk_name_find(&d->now, dir, name);
	struct disk_op *op;

	if (!(how & SPOOL_CREATE)) {
		if (e != NULL)
			return fd_new(d, e->file);
		errno = ENOENT;
		return -1;
	}
	if (!call_begins(d))
		return -1;
	if (e != NULL) {
		errno = EEXIST;
		return -1;
	}
	op = op_add(d, DISK_NAME, disk_file_new(d));
	op->to_dir = dir;
	(void)snprintf(op->to, sizeof op->to, "%s", name);
	disk_names_apply(&d->now, op);
	return fd_new(d, op->file);
}

static int
disk_open_dir(UNUSED void *self, UNUSED int dir, UNUSED const char *name)
{
	return DISK_KEEP;
}

static int
disk_close(void *self, int fd)
{
	struct disk *d = self;

	if (fd >= 0 && fd < (int)DISK_FDS)
		d->fds[fd].is_open = false;
	if (d->lock_fd == fd + 1)
		d->lock_fd = 0;
	return 0;
}

static int
fd_file(const struct disk *d, int fd)
{
	if (fd < 0 || fd >= (int)DISK_FDS || !d->fds[fd].is_open)
		abort();
	return d->fds[fd].file;
}

/* Somebody wants to see what is lost by it. */
static void
say_losing(struct disk *d, int file)
{
	if (d->losing != NULL)
		d->losing(d->losing_arg, d, file);
}

static bool
file_has_name(const struct disk *d, int file)
{
	for (size_t i = 0; i < d->safe.n; i++)
		if (d->safe.at[i].file == file)
			return true;
	return false;
}

static ssize_t
disk_pwritev(void *self, int fd, const struct iovec *parts, int n, uint64_t at)
{
	struct disk *d = self;
	int file = fd_file(d, fd);
	struct disk_file *f = &d->files[file];
	struct disk_op *op;
	size_t octets = 0, done = 0;

	if (!call_begins(d) || is_full_now(d))
		return -1;
	if (is_odd_now(d)) {
		errno = EINTR;
		return -1;
	}
	if (at < SPOOL_FIRST && file_has_name(d, file))
		say_losing(d, file);
	for (int i = 0; i < n; i++)
		octets += parts[i].iov_len;
	if (octets > 1 && is_odd_now(d))
		octets = 1 + disk_mix(&d->seed) % (octets - 1);
	op = op_add(d, DISK_WRITE, file);
	op->at = at;
	op->n = octets;
	op->octets = disk_need(malloc(octets));
	for (int i = 0; i < n && done < octets; i++) {
		size_t one = MIN(parts[i].iov_len, octets - done);

		if (one > 0)
			memcpy(op->octets + done, parts[i].iov_base, one);
		done += one;
	}
	disk_file_room(f, at + octets);
	memcpy(f->now + at, op->octets, octets);
	f->now_n = MAX(f->now_n, at + octets);
	return (ssize_t)octets;
}

static ssize_t
disk_pread(void *self, int fd, void *to, size_t n, uint64_t at)
{
	struct disk *d = self;
	const struct disk_file *f = &d->files[fd_file(d, fd)];

	if (++d->reads == d->fail_read) {
		errno = EIO;
		return -1;
	}
	if (at >= f->now_n)
		return 0;
	n = MIN(n, f->now_n - at);
	memcpy(to, f->now + at, n);
	return (ssize_t)n;
}

static int
disk_sync(void *self, int fd)
{
	struct disk *d = self;
	int file = fd_file(d, fd);
	bool is_good = call_begins(d);
	size_t kept = 0;

	for (size_t i = 0; i < d->nops; i++) {
		struct disk_op *op = &d->ops[i];

		if (op->kind == DISK_NAME || op->file != file) {
			d->ops[kept++] = *op;
			continue;
		}
		/* After a failure some of it is there, some never will be. */
		if (is_good || disk_mix(&d->seed) % 2 == 0)
			disk_op_save(&d->files[file], op, 0, op->n);
		disk_op_forget(op);
	}
	d->nops = kept;
	if (!is_good)
		d->files[file].failures++;
	if (d->fds[fd].failures == d->files[file].failures)
		return 0;
	d->fds[fd].failures = d->files[file].failures;
	errno = is_good ? EIO : d->fail_why;
	return -1;
}

static int
disk_sync_dir(void *self, int dir)
{
	struct disk *d = self;
	bool is_good = call_begins(d);
	size_t kept = 0;

	for (size_t i = 0; i < d->nops; i++) {
		struct disk_op *op = &d->ops[i];

		if (op->kind == DISK_NAME && is_good &&
		    (op->from_dir == dir || op->to_dir == dir))
			disk_names_apply(&d->safe, op);
		else
			d->ops[kept++] = *op;
	}
	d->nops = kept;
	return is_good ? 0 : -1;
}

static int
disk_rename(void *self, int from_dir, const char *from, int to_dir,
    const char *to)
{
	struct disk *d = self;
	struct disk_name *e;
	struct disk_op *op;

	if (!call_begins(d))
		return -1;
	e = disk_name_find(&d->now, from_dir, from);
	if (e == NULL) {
		errno = ENOENT;
		return -1;
	}
	op = op_add(d, DISK_NAME, e->file);
	op->from_dir = from_dir;
	op->to_dir = to_dir;
	(void)snprintf(op->from, sizeof op->from, "%s", from);
	(void)snprintf(op->to, sizeof op->to, "%s", to);
	disk_names_apply(&d->now, op);
	return 0;
}

static int
disk_unlink(void *self, int dir, const char *name)
{
	struct disk *d = self;
	const struct disk_name *e = disk_name_find(&d->now, dir, name);
	struct disk_op *op;

	if (e == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (dir == DISK_ROOT)
		say_losing(d, e->file);
	if (!call_begins(d))
		return -1;
	op = op_add(d, DISK_NAME, -1);
	op->from_dir = dir;
	(void)snprintf(op->from, sizeof op->from, "%s", name);
	disk_names_apply(&d->now, op);
	return 0;
}

static int
disk_allocate(void *self, int fd, uint64_t size)
{
	struct disk *d = self;
	int file = fd_file(d, fd);
	struct disk_op *op;

	if (!call_begins(d) || is_full_now(d))
		return -1;
	op = op_add(d, DISK_ALLOCATE, file);
	op->n = size;
	disk_file_room(&d->files[file], size);
	d->files[file].now_n = MAX(d->files[file].now_n, (size_t)size);
	return 0;
}

static int
disk_size(void *self, int fd, uint64_t *size)
{
	struct disk *d = self;

	*size = d->files[fd_file(d, fd)].now_n;
	return 0;
}

/* Reads show the disk again, and what is still on its way there. */
static void
file_forget(struct disk *d, int file, uint64_t at, uint64_t end)
{
	struct disk_file *f = &d->files[file];

	end = MIN(end, (uint64_t)MIN(f->safe_n, f->now_n));
	if (at < end)
		memcpy(f->now + at, f->safe + at, end - at);
	for (size_t i = 0; i < d->nops; i++) {
		const struct disk_op *op = &d->ops[i];

		if (op->kind == DISK_WRITE && op->file == file)
			memcpy(f->now + op->at, op->octets, op->n);
	}
}

static void
disk_forget(void *self, int fd, uint64_t at, uint64_t n)
{
	file_forget(self, fd_file(self, fd), at, n > 0 ? at + n : UINT64_MAX);
}

void
disk_pressure(struct disk *d)
{
	for (size_t i = 0; i < d->nfiles; i++)
		file_forget(d, (int)i, 0, UINT64_MAX);
}

static int
disk_list(void *self, int dir, void (*each)(void *, const char *), void *arg)
{
	struct disk *d = self;

	for (size_t i = 0; i < d->now.n; i++)
		if (d->now.at[i].dir == dir)
			each(arg, d->now.at[i].name);
	return 0;
}

static int
disk_lock(void *self, int fd)
{
	struct disk *d = self;

	if (d->lock_fd != 0 && d->lock_fd != fd + 1) {
		errno = EAGAIN;
		return -1;
	}
	d->lock_fd = fd + 1;
	return 0;
}

static int
disk_space(void *self, UNUSED int dir, struct spool_space *space)
{
	*space = (struct spool_space){ (uint64_t)1 << 40, (uint64_t)1 << 40,
		((struct disk *)self)->magic };
	return 0;
}

static uint64_t
disk_wall_ms(void *self)
{
	return ((struct disk *)self)->clock;
}

static int
disk_chance(void *self, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] =
		    (uint8_t)disk_mix(&((struct disk *)self)->seed);
	return 0;
}

struct spool_files
disk_table(struct disk *d)
{
	return (struct spool_files){
		.self = d,
		.open = disk_open,
		.open_dir = disk_open_dir,
		.close = disk_close,
		.pwritev = disk_pwritev,
		.pread = disk_pread,
		.sync = disk_sync,
		.sync_dir = disk_sync_dir,
		.rename = disk_rename,
		.unlink = disk_unlink,
		.allocate = disk_allocate,
		.size = disk_size,
		.forget = disk_forget,
		.list = disk_list,
		.lock = disk_lock,
		.space = disk_space,
		.wall_ms = disk_wall_ms,
		.random = disk_chance,
	};
}

