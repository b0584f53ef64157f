#include "role/lookup/watched.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum watched_news
gone(struct watched *w, const char **why, const char *reason)
{
	memset(&w->seen, 0, sizeof w->seen);
	*why = reason;
	return WATCHED_GONE;
}

enum watched_news
watched_look(struct watched *w, struct buf *text, const char **why)
{
	struct stat now;
	enum err e;
	int fd;

	if (w->folder < 0)
		return gone(w, why, "its folder was not given");
	if (fstatat(w->folder, w->file, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return gone(w, why, strerror(errno));
	if (is_same(&now, &w->seen))
		return WATCHED_SAME;
	if (file_open_at(w->folder, w->file, O_RDONLY | O_NONBLOCK, 0, &fd) !=
	    ERR_OK)
		return gone(w, why, strerror(errno));
	/* Of what is read, not of what has the name by then. */
	e = fstat(fd, &w->seen) == 0 && S_ISREG(w->seen.st_mode) ?
	    file_read_all(fd, text) : ERR_DENIED;
	file_close(fd);
	return e == ERR_OK ? WATCHED_NEW : gone(w, why, err_name(e));
}
