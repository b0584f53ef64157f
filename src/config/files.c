/*
 * files.c - do the files that a configuration names exist, and are secrets
 * secret?  For `check` and for a start, as whoever runs them.
 */
#include "config/finish.h"
#include "config/list.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
	const struct config	*c;
	struct config_report	*report;
};

/* Open to the world's eyes (LOG-5)? */
#define WORLD	(S_IROTH | S_IWOTH)

static void
file_at(struct files *f, struct place at, const char *what, const char *path,
    bool is_secret)
{
	struct stat st;

	if (path[0] == '\0')
		return;
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		report_error(f->report, at, "the %s %s cannot be read: %s",
		    what, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		report_error(f->report, at, "the %s %s is not a regular file",
		    what, path);
	else if (is_secret && (st.st_mode & WORLD))
		report_error(f->report, at, "the %s %s is open to everybody: "
		    "chmod o-rwx it", what, path);
}

static void
file(struct files *f, struct config_where where, const char *what,
    const char *path, bool is_secret)
{
	file_at(f, finish_place(f->c, where), what, path, is_secret);
}

/* Each line of a file of entries has to be one: that is told at its place. */
static void
entries(struct files *f, const struct config_list *l)
{
	/* Nobody chooses keys of ours to make this slow. */
	static const struct siphash_key key = { 0, 0 };
	struct list list = list_make(&key, l->kind);
	struct buf text = buf_make(LIST_FILE_MAX);
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t line = 0;
	enum err e = fd < 0 ? ERR_IO : file_read_all(fd, &text);

	if (e == ERR_OK)
		e = list_replace(&list, buf_span(&text), &line);
	if (e == ERR_SYNTAX)
		report_error(f->report, (struct place){ l->path,
		    (uint32_t)line, 1 }, "this is no entry of a %s file",
		    config_match_name(l->kind));
	else if (e == ERR_FULL)
		report_error(f->report, (struct place){ l->path, 0, 0 },
		    "more than a million entries, or 64 MiB");
	if (fd >= 0)
		(void)close(fd);
	list_free(&list);
	buf_free(&text);
}

static void
lists(struct files *f)
{
	const struct config_rules *all = f->c->rules;

	for (size_t i = 0; all != NULL && i < all->nlists; i++) {
		const struct config_list *l = &all->lists[i];
		size_t before = f->report->nerrors;

		file_at(f, (struct place){ l->file, l->line, 1 }, "file",
		    l->path, false);
		if (f->report->nerrors == before)
			entries(f, l);
	}
}

/* The part of a path in front of {user} that does not depend on the mail. */
static void
maildir(struct files *f, const struct config_domain *d)
{
	char fixed[2 * CONFIG_WORD_MAX];
	struct stat st;
	size_t n = strcspn(d->maildir, "{");

	while (n > 1 && d->maildir[n - 1] != '/')
		n--;
	if (n >= sizeof fixed)
		return;
	memcpy(fixed, d->maildir, n);
	fixed[n] = '\0';
	/* A missing one is made by serve. */
	if (stat(fixed, &st) == 0 && !S_ISDIR(st.st_mode))
		report_error(f->report, finish_place(f->c, d->where[3]),
		    "%s is not a folder", fixed);
}

static void
backend(struct files *f, const struct config_backend *b)
{
	/* The database may be its own user's alone: that is seen at the start. */
	file(f, b->where[0], "scram-secret file", b->scram_secret, true);
	file(f, b->where[0], "password file", b->password_file, true);
	file(f, b->where[0], "ca-file", b->ca_file, false);
}

enum err
config_check_files(const struct config *c, struct config_report *report)
{
	struct files f = { c, report };
	struct config_where none = { 0 };
	size_t before = report->nerrors;

	for (size_t i = 0; i < c->ntls; i++) {
		const struct config_tls_files *t = &c->tls[i];

		file(&f, t->where[0], "certificate", t->certificate, false);
		file(&f, t->where[1], "key", t->key, true);
	}
	file(&f, none, "trust-anchor", c->trust_anchor, false);
	file(&f, none, "ca-file", c->ca_file, false);
	for (size_t i = 0; i < c->nlistens; i++)
		if (c->listens[i].client.demand != CONFIG_CLIENT_NONE)
			file(&f, c->listens[i].where[0], "client ca",
			    c->listens[i].client.ca_file, false);
	for (size_t i = 0; i < c->ndomains; i++) {
		const struct config_domain *d = &c->domains[i];

		file(&f, d->where[1], "users file", d->users_file, true);
		maildir(&f, d);
		if (d->aliases_file[0] != '\0')
			file(&f, d->where[7], "aliases file", d->aliases_file,
			    false);
	}
	lists(&f);
	for (size_t i = 0; i < c->nrelays; i++)
		file(&f, c->relays[i].where[3], "password file",
		    c->relays[i].password_file, true);
	for (size_t i = 0; i < c->noauths; i++)
		file(&f, c->oauths[i].where[0], "JWK set",
		    c->oauths[i].keys_file, false);
	for (size_t i = 0; i < c->nbackends; i++)
		backend(&f, &c->backends[i]);
	return report->nerrors == before ? ERR_OK : ERR_SYNTAX;
}
