/*
 * tables.c - keep the tables as the users files are.
 *
 * A file that cannot be read takes its table away: its domain's recipients
 * get "try again" (RLY-3), never "unknown".  A file with a bad line changes
 * nothing: the table stays as it was, and the log says which line.
 */
#include "config/users.h"
#include "os/file.h"
#include "role/lookup/lookup.h"

#include <errno.h>
#include <fcntl.h>

size_t
lookup_domain_index(const struct role *r, struct span name)
{
	const struct config_domain *d = config_domain_find(r->config, name);

	return d == NULL ? r->config->ndomains :
	    (size_t)(d - r->config->domains);
}

static void
complain(struct role *r, size_t i, const char *why, size_t line)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct log_line l;

	if (d->is_wrong)
		return;
	d->is_wrong = true;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "table-trouble");
	log_str(&l, "domain", r->config->domains[i].name);
	log_str(&l, "file", r->config->domains[i].users_file);
	if (line > 0)
		log_num(&l, "line", line);
	log_str(&l, "why", why);
	role_log(r, &l);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* True: the table has changed. */
static bool
take_text(struct role *r, size_t i, struct span text)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	size_t line = 0;
	enum err e = table_replace(&d->table, text, &line);

	if (e == ERR_OK)
		d->is_wrong = false;
	else
		complain(r, i, e == ERR_SYNTAX ?
		    "not name:hash, or a name twice" : err_name(e), line);
	return e == ERR_OK;
}

/* The table is gone until the file can be read again. */
static bool
lose(struct role *r, size_t i, const char *why)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	bool was_there = d->table.is_there;

	complain(r, i, why, 0);
	table_free(&d->table);
	memset(&d->seen, 0, sizeof d->seen);
	return was_there;
}

static bool
read_again(struct role *r, size_t i)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct buf text = buf_make(USERS_FILE_MAX);
	bool has_changed;
	int fd;
	enum err e = file_open_at(d->folder, d->file, O_RDONLY | O_NONBLOCK,
	    0, &fd);

	if (e != ERR_OK)
		return lose(r, i, strerror(errno));
	/* Of what is read, not of what has the name by then. */
	e = fstat(fd, &d->seen) == 0 && S_ISREG(d->seen.st_mode) ?
	    file_read_all(fd, &text) : ERR_DENIED;
	file_close(fd);
	has_changed = e == ERR_OK ? take_text(r, i, buf_span(&text)) :
	    lose(r, i, err_name(e));
	buf_wipe(&text);
	buf_free(&text);
	return has_changed;
}

static bool
poll_one(struct role *r, size_t i)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct stat now;

	if (d->folder < 0)
		return lose(r, i, "its folder was not given");
	if (fstatat(d->folder, d->file, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return lose(r, i, strerror(errno));
	return !is_same(&now, &d->seen) && read_again(r, i);
}

static void
tell_receivers(struct role *r)
{
	struct lookup_changed m = { lookup_of(r)->generation };

	for (struct role_peer *p = role_peer_next(r, NULL); p != NULL;
	    p = role_peer_next(r, p))
		if (p->kind == IPC_ROLE_RECEIVER && role_send(r, p,
		    &ipc_lookup_changed, &m, NULL) != ERR_OK)
			role_cut(r, p, "does not read");
}

static void
changed(struct role *r)
{
	lookup_of(r)->generation++;
	tell_receivers(r);
}

void
lookup_poll(struct role *r)
{
	bool has_changed = false;

	for (size_t i = 0; i < r->config->ndomains; i++)
		has_changed |= poll_one(r, i);
	if (has_changed)
		changed(r);
}

void
lookup_look(struct role *r, size_t domain)
{
	uint64_t *looked_ms = &lookup_of(r)->domains[domain].looked_ms;

	if (loop_now_ms(r->loop) - *looked_ms < LOOKUP_LOOK_MS)
		return;
	*looked_ms = loop_now_ms(r->loop);
	if (poll_one(r, domain))
		changed(r);
}
