/*
 * files.c - do the files that a configuration names exist, and are secrets
 * secret?  For `check` and for a start, as whoever runs them.
 */
#include "config/finish.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
	const struct config	*c;
	struct config_report	*report;
};

/* Open to the world's eyes (LOG-5)? */
#define WORLD	(S_IROTH | S_IWOTH)

static void
file(struct files *f, struct config_where where, const char *what,
    const char *path, bool is_secret)
{
	struct place at = finish_place(f->c, where);
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
		report_error(f->report, finish_place(f->c, d->where[2]),
		    "%s is not a folder", fixed);
}

enum err
config_check_files(const struct config *c, struct config_report *report)
{
	struct files f = { c, report };
	struct config_where none = { 0 };
	size_t before = report->nerrors;

	file(&f, c->tls.where[0], "certificate", c->tls.certificate, false);
	file(&f, c->tls.where[1], "key", c->tls.key, true);
	file(&f, none, "trust-anchor", c->trust_anchor, false);
	file(&f, none, "ca-file", c->ca_file, false);
	for (size_t i = 0; i < c->ndomains; i++) {
		const struct config_domain *d = &c->domains[i];

		file(&f, d->where[1], "users file", d->users_file, true);
		maildir(&f, d);
	}
	for (size_t i = 0; i < c->nrelays; i++)
		file(&f, c->relays[i].where[2], "password file",
		    c->relays[i].password_file, true);
	return report->nerrors == before ? ERR_OK : ERR_SYNTAX;
}
