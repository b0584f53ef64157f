/*
 * mailbox.c - walk to a Maildir, trusting no name on the way.
 */
#include "role/local/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SWEEP_AGE_S	(36 * 3600)
#define SWEEP_MAX	1000u		/* names looked at in one sweep */
#define DIR_FLAGS	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int
system_open(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags, mode);
}

const struct mailbox_system mailbox_system = {
	.open = system_open,
	.mkdir = mkdirat,
	.stat = fstat,
	.writev = writev,
	.sync_file = fsync,
	.sync_all = syncfs,
	.rename = renameat,
	.unlink = unlinkat,
	.close = close,
};

size_t
mailbox_base(struct span template)
{
	size_t brace = span_find(template, '{');
	size_t slash = span_rfind(span_of(template.p, brace), '/');

	return slash == brace ? 0 : slash + 1;
}

bool
mailbox_is_name(struct span name)
{
	return name.n > 0 && name.n <= MAILBOX_NAME_MAX &&
	    span_find(name, '/') == name.n && span_find(name, '\0') == name.n &&
	    !span_eq(name, SPAN(".")) && !span_eq(name, SPAN(".."));
}

/* One step of the template with its placeholders filled in. */
static bool
step_expand(struct span step, struct span domain, struct span key,
    char name[MAILBOX_NAME_MAX + 1])
{
	static const struct span domain_word = { (const uint8_t *)"{domain}", 8 };
	static const struct span user_word = { (const uint8_t *)"{user}", 6 };
	size_t n = 0;

	while (step.n > 0) {
		struct span piece;

		if (span_starts(step, domain_word)) {
			piece = domain;
			step = span_skip(step, domain_word.n);
		} else if (span_starts(step, user_word)) {
			piece = key;
			step = span_skip(step, user_word.n);
		} else
			piece = span_take(&step, 1);
		if (piece.n > MAILBOX_NAME_MAX - n)
			return false;
		memcpy(name + n, piece.p, piece.n);
		n += piece.n;
	}
	name[n] = '\0';
	return mailbox_is_name(span_of(name, n));
}

/* A directory of ours that nobody else may write into. */
static enum err
dir_check(const struct mailbox_system *sys, int fd, const char **why)
{
	struct stat st;

	if (sys->stat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISDIR(st.st_mode)) {
		*why = "not a directory";
		return ERR_DENIED;
	}
	if (st.st_uid != geteuid()) {
		*why = "a foreign owner";
		return ERR_DENIED;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		*why = "others may write there";
		return ERR_DENIED;
	}
	return ERR_OK;
}

/* Open the directory name in dir; a missing one is made, and its name synced. */
static enum err
dir_enter(const struct mailbox_system *sys, int dir, const char *name, int *fd,
    const char **why)
{
	enum err e;
	int got = sys->open(dir, name, DIR_FLAGS, 0);

	if (got < 0 && errno == ENOENT) {
		if (sys->mkdir(dir, name, 0700) != 0 && errno != EEXIST)
			return ERR_IO;
		if (sys->sync_file(dir) != 0)
			return ERR_IO;
		got = sys->open(dir, name, DIR_FLAGS, 0);
	}
	if (got < 0 && (errno == ELOOP || errno == ENOTDIR)) {
		*why = "a link or no directory";
		return ERR_DENIED;
	}
	if (got < 0)
		return ERR_IO;
	e = dir_check(sys, got, why);
	if (e != ERR_OK) {
		(void)sys->close(got);
		return e;
	}
	*fd = got;
	return ERR_OK;
}

/* From base down to the mailbox's own directory. */
static enum err
walk(const struct mailbox_system *sys, int base, struct span rest,
    struct span domain, struct span key, int *dir, const char **why)
{
	char name[MAILBOX_NAME_MAX + 1];
	int at = base, next = -1;
	enum err e = ERR_OK;

	while (rest.n > 0) {
		struct span step = span_take(&rest, span_find(rest, '/'));

		rest = span_skip(rest, 1);
		if (!step_expand(step, domain, key, name)) {
			*why = "not a plain name";
			e = ERR_DENIED;
		} else
			e = dir_enter(sys, at, name, &next, why);
		if (at != base)
			(void)sys->close(at);
		if (e != ERR_OK)
			return e;
		at = next;
	}
	*dir = at;
	return ERR_OK;
}

enum err
mailbox_open(const struct mailbox_system *sys, int base, struct span template,
    struct span domain, struct span key, struct mailbox *box, const char **why)
{
	struct mailbox got = { -1, -1, -1 };
	struct span rest = span_skip(template, mailbox_base(template));
	int cur = -1;
	enum err e;

	*why = "";
	while (rest.n > 0 && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (rest.n == 0 || !mailbox_is_name(key) || !mailbox_is_name(domain)) {
		*why = "not a plain name";
		return ERR_DENIED;
	}
	e = walk(sys, base, rest, domain, key, &got.dir, why);
	if (e == ERR_OK)
		e = dir_enter(sys, got.dir, "tmp", &got.tmp, why);
	if (e == ERR_OK)
		e = dir_enter(sys, got.dir, "new", &got.new, why);
	if (e == ERR_OK)
		e = dir_enter(sys, got.dir, "cur", &cur, why);
	if (cur >= 0)
		(void)sys->close(cur);
	if (e != ERR_OK) {
		int saved = errno;

		mailbox_close(sys, &got);
		errno = saved;
		return e;
	}
	*box = got;
	return ERR_OK;
}

void
mailbox_close(const struct mailbox_system *sys, struct mailbox *box)
{
	int *const fds[] = { &box->new, &box->tmp, &box->dir };

	for (size_t i = 0; i < COUNT(fds); i++) {
		if (*fds[i] >= 0)
			(void)sys->close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool
is_stale(int dir, const char *name, int64_t now_s)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime < now_s - SWEEP_AGE_S;
}

unsigned int
mailbox_sweep(const struct mailbox *box, int64_t now_s)
{
	unsigned int removed = 0, seen = 0;
	struct dirent *e;
	DIR *d;
	int fd = openat(box->tmp, ".", DIR_FLAGS);

	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	if (d == NULL) {
		(void)close(fd);
		return 0;
	}
	while (seen++ < SWEEP_MAX && (e = readdir(d)) != NULL)
		if (is_stale(box->tmp, e->d_name, now_s) &&
		    unlinkat(box->tmp, e->d_name, 0) == 0)
			removed++;
	(void)closedir(d);
	return removed;
}
