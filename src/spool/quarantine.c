/*
 * quarantine.c - what nobody can explain is kept, never deleted (SPL-5, I8).
 *
 * Octets are copied under a temporary name, synced, renamed: a name without
 * ".new" is whole.  The name says where they came from, so that the same find
 * is kept and reported once, however often recovery runs.
 */
#include "spool/store_priv.h"

#include "spool/plant.h"

#include <errno.h>
#include <stdio.h>

#define COPY_OCTETS	65536u

static bool
quarantine_has(struct store *s, const char *name)
{
	int fd = s->files->open(s->files->self, s->quarantine, name,
	    SPOOL_READ);

	if (fd < 0)
		return errno != ENOENT;
	(void)s->files->close(s->files->self, fd);
	return true;
}

static enum err
copy_octets(struct store *s, int from, uint64_t at, uint64_t to, int into)
{
	uint64_t start = at;

	while (at < to) {
		size_t n = (size_t)MIN(to - at, (uint64_t)COPY_OCTETS), got;
		struct iovec part;
		enum err e;

		buf_cut(&s->bulk, 0);
		e = buf_room(&s->bulk, n);
		if (e == ERR_OK)
			e = spool_read_at(s->files, from, s->bulk.p, n, at, &got);
		if (e != ERR_OK || got == 0)
			return e;
		part = (struct iovec){ s->bulk.p, got };
		e = spool_write_at(s->files, into, &part, 1, at - start);
		if (e != ERR_OK)
			return e;
		at += got;
	}
	return ERR_OK;
}

bool
quarantine_octets(struct store *s, int fd, const char *name, uint64_t from,
    uint64_t to)
{
	const struct spool_files *f = s->files;
	char fresh[SPOOL_NAME_MAX + 8];
	enum err e = ERR_IO;
	int into;

	if (quarantine_has(s, name))
		return false;
	(void)snprintf(fresh, sizeof fresh, "%s.new", name);
	(void)f->unlink(f->self, s->quarantine, fresh);
	into = f->open(f->self, s->quarantine, fresh,
	    SPOOL_WRITE | SPOOL_CREATE);
	if (into < 0)
		return true;	/* nowhere to keep it; the alarm still goes */
	e = copy_octets(s, fd, from, to, into);
	if (e == ERR_OK)
		e = spool_sync(f, into);
	(void)f->close(f->self, into);
	if (e == ERR_OK &&
	    f->rename(f->self, s->quarantine, fresh, s->quarantine, name) == 0)
		(void)!spool_sync_dir(f, s->quarantine);
	return true;
}

bool
quarantine_segment(struct store *s, const struct segment *g, uint64_t from,
    uint64_t to)
{
	char name[SPOOL_NAME_MAX];

	(void)snprintf(name, sizeof name, "s%llx-%llx-%llx",
	    (unsigned long long)g->number, (unsigned long long)g->generation,
	    (unsigned long long)from);
	return quarantine_octets(s, g->fd, name, from, to);
}

enum err
quarantine_file(struct store *s, const char *name)
{
	const struct spool_files *f = s->files;
	struct store_alarm a = { .kind = STORE_ALARM_STRANGE, .name = name };
	char to[256];
	int got;

	(void)snprintf(to, sizeof to, "%.240s", name);
	/* What is kept there already stays. */
	for (unsigned int i = 1; i < 1000 && quarantine_has(s, to); i++)
		(void)snprintf(to, sizeof to, "%.240s.%u", name, i);

	if (PLANTED(PLANT_UNKNOWN_DELETED))
		got = f->unlink(f->self, s->dir, name);
	else
		got = f->rename(f->self, s->dir, name, s->quarantine, to);
	if (got < 0)
		return ERR_IO;
	/* First where it is now: at no moment it is nowhere. */
	if (spool_sync_dir(f, s->quarantine) != ERR_OK ||
	    spool_sync_dir(f, s->dir) != ERR_OK)
		return ERR_IO;
	s->counts.strange++;
	s->events->alarm(s->events->arg, &a);
	return ERR_OK;
}
