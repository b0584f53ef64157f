#include "cli/users_edit.h"
#include "base/buf.h"
#include "config/users.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct edit {
	int		 folder;
	const char	*file;		/* in it */
	char		 temporary[300];
	struct stat	 st;		/* of the old file */
	bool		 is_new;
	struct buf	 old, text;
};

static enum err
read_old(struct edit *e)
{
	int fd;
	enum err r = file_open_at(e->folder, e->file, O_RDONLY, 0, &fd);

	if (r == ERR_NONE) {
		e->is_new = true;
		return ERR_OK;
	}
	if (r != ERR_OK)
		return r;
	r = fstat(fd, &e->st) == 0 ? file_read_all(fd, &e->old) : ERR_IO;
	file_close(fd);
	return r;
}

/* Comments and order stay; only the one line is new. */
static enum err
make_text(struct edit *e, enum users_edit what, struct span name,
    struct span secret)
{
	struct span rest = buf_span(&e->old), before = rest;
	struct users_line line;
	bool is_there = false;
	enum err r;

	while ((r = users_next(&rest, &line)) == ERR_OK) {
		if (!span_eq_nocase(line.name, name))
			continue;
		if (what == USERS_EDIT_ADD)
			return ERR_FULL;
		is_there = true;
		r = buf_add(&e->text, span_of(before.p,
		    (size_t)(line.secret.p - before.p)));
		if (r == ERR_OK)
			r = buf_add(&e->text, secret);
		if (r != ERR_OK)
			return r;
		before = span_of(line.secret.p + line.secret.n, before.n -
		    (size_t)(line.secret.p + line.secret.n - before.p));
	}
	if (r != ERR_NONE)
		return r;
	r = buf_add(&e->text, before);
	if (r != ERR_OK || what == USERS_EDIT_CHANGE)
		return is_there ? r : ERR_NONE;
	if (e->text.n > 0 && e->text.p[e->text.n - 1] != '\n' &&
	    buf_addc(&e->text, '\n') != ERR_OK)
		return ERR_NOMEM;
	return buf_addf(&e->text, "%.*s:%.*s\n", SPAN_FMT(name),
	    SPAN_FMT(secret));
}

static enum err
write_new(struct edit *e, uid_t uid, gid_t gid)
{
	mode_t mode = e->is_new ? 0640 : e->st.st_mode & 0660;
	enum err r;
	int fd;

	(void)snprintf(e->temporary, sizeof e->temporary, ".%.200s.%ld",
	    e->file, (long)getpid());
	r = file_open_at(e->folder, e->temporary, O_WRONLY | O_CREAT | O_EXCL,
	    0600, &fd);
	if (r != ERR_OK)
		return r;
	if (!e->is_new) {
		uid = e->st.st_uid;
		gid = e->st.st_gid;
	}
	/* Only root gives files away; everybody else keeps their own. */
	if (geteuid() == 0 && fchown(fd, uid, gid) != 0)
		r = ERR_IO;
	if (r == ERR_OK && fchmod(fd, mode) != 0)
		r = ERR_IO;
	if (r == ERR_OK)
		r = file_write_all(fd, buf_span(&e->text));
	if (r == ERR_OK && fsync(fd) != 0)
		r = ERR_IO;
	file_close(fd);
	if (r == ERR_OK && renameat(e->folder, e->temporary, e->folder,
	    e->file) == 0)
		return fsync(e->folder) == 0 ? ERR_OK : ERR_IO;
	(void)unlinkat(e->folder, e->temporary, 0);
	return r != ERR_OK ? r : ERR_IO;
}

static enum err
open_folder(const char *path, struct edit *e)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (slash == NULL || slash[1] == '\0' || strlen(slash) > 200) {
		errno = EINVAL;
		return ERR_IO;
	}
	folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL)
		return ERR_NOMEM;
	e->file = slash + 1;
	e->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return e->folder >= 0 ? ERR_OK : ERR_IO;
}

enum err
users_edit(const char *path, enum users_edit what, struct span name,
    struct span secret, uid_t uid, gid_t gid)
{
	struct edit e = { .folder = -1, .old = buf_make(USERS_FILE_MAX),
		.text = buf_make(USERS_FILE_MAX) };
	enum err r = open_folder(path, &e);

	if (r == ERR_OK && flock(e.folder, LOCK_EX) != 0)
		r = ERR_IO;
	if (r == ERR_OK)
		r = read_old(&e);
	if (r == ERR_OK)
		r = make_text(&e, what, name, secret);
	if (r == ERR_OK)
		r = write_new(&e, uid, gid);
	buf_wipe(&e.old);
	buf_wipe(&e.text);
	buf_free(&e.old);
	buf_free(&e.text);
	file_close(e.folder);
	return r;
}
