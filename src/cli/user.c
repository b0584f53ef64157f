/*
 * user.c - `posthorse user`: add a user, or give one another password; what is
 * asked of the server is in user_stop.c.
 */
#include "cli/cli.h"
#include "cli/password.h"
#include "cli/user_stop.h"
#include "cli/users_edit.h"
#include "config/users.h"
#include "mail/address.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char	*name;
	enum users_edit	 what;
	const char	*done;
} verbs[] = {
	{ "add", USERS_EDIT_ADD, "was added" },
	{ "passwd", USERS_EDIT_CHANGE, "has a new password" },
};

/* The domain of NAME@DOMAIN; with one domain only, NAME does too. */
static const struct config_domain *
find_domain(const struct config *c, struct span address, struct span *name)
{
	const struct config_domain *d;
	struct span domain;

	if (!addr_split(address, name, &domain)) {
		if (c->ndomains == 1)
			return &c->domains[0];
		cli_complain("%.*s in which of the %zu domains? say "
		    "NAME@DOMAIN", SPAN_FMT(address), c->ndomains);
		return NULL;
	}
	d = config_domain_find(c, domain);
	if (d == NULL)
		cli_complain("%.*s is no domain of the configuration",
		    SPAN_FMT(domain));
	return d;
}

/* Whom the lookup role runs as, so that it can read a file that root makes. */
static void
lookup_ids(const struct config *c, uid_t *uid, gid_t *gid)
{
	const char *text = c->user[CONFIG_USER_LOOKUP];
	size_t n = strcspn(text, ":");
	char user[CONFIG_WORD_MAX + 1];
	const struct passwd *pw;
	const struct group *gr;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	(void)snprintf(user, sizeof user, "%.*s", (int)n, text);
	pw = getpwnam(user);
	if (pw != NULL) {
		*gid = pw->pw_gid;
	} else if (ascii_is_digit((uint8_t)user[0])) {
		*gid = (gid_t)strtoul(user, NULL, 10);
	}
	if (text[n] != ':')
		return;
	gr = getgrnam(text + n + 1);
	*gid = gr != NULL ? gr->gr_gid : (gid_t)strtoul(text + n + 1, NULL,
	    10);
}

static int
explain(enum err e, const char *path, struct span name)
{
	static const struct {
		enum err	 e;
		int		 status;
		const char	*why;
	} rows[] = {
		{ ERR_FULL, EX_DATAERR, "is a user already" },
		{ ERR_NONE, EX_NOUSER, "is no user" },
		{ ERR_SYNTAX, EX_DATAERR,
		    "was not written: the file has a line that is no "
		    "\"name:hash\"" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].e == e) {
			cli_complain("%s: %.*s %s", path, SPAN_FMT(name),
			    rows[i].why);
			return rows[i].status;
		}
	cli_complain("%s cannot be written: %s", path,
	    e == ERR_IO || e == ERR_DENIED ? strerror(errno) : err_name(e));
	return EX_CANTCREAT;
}

static void
tell(const struct config_domain *d, size_t verb, struct span name,
    bool has_verifier, bool is_json)
{
	if (is_json)
		/* Neither name holds what JSON would quote. */
		(void)printf("{\"user\":\"%.*s@%s\",\"done\":\"%s\"}\n",
		    SPAN_FMT(name), d->name, verbs[verb].done);
	else
		(void)printf("%.*s@%s %s (%s)\n", SPAN_FMT(name), d->name,
		    verbs[verb].done, d->users_file);
	if (!has_verifier)
		cli_complain("this password has characters that SCRAM forbids "
		    "(RFC 4013): SCRAM is offered to nobody until it is "
		    "another");
}

static int
edit(const struct config *c, size_t verb, struct span address, bool is_json)
{
	struct buf password = buf_make(PASSWORD_MAX);
	struct buf secret = buf_make(USERS_SECRET_MAX);
	const struct config_domain *d;
	bool has_verifier = false;
	struct span name;
	uid_t uid;
	gid_t gid;
	enum err e;

	d = find_domain(c, address, &name);
	if (d == NULL)
		return EX_USAGE;
	if (!users_is_name(name)) {
		cli_complain("\"%.*s\" is no user's name: letters, digits, - "
		    "_ and . make one, at most %u", SPAN_FMT(name),
		    USERS_NAME_MAX);
		return EX_USAGE;
	}
	e = password_read(&password);
	if (e == ERR_OK)
		e = password_secret(buf_span(&password), &secret,
		    &has_verifier);
	else
		e = ERR_CLOSED;
	buf_wipe(&password);
	buf_free(&password);
	if (e == ERR_CLOSED)
		return EX_DATAERR;
	lookup_ids(c, &uid, &gid);
	if (e == ERR_OK)
		e = users_edit(d->users_file, verbs[verb].what, name,
		    buf_span(&secret), uid, gid);
	buf_wipe(&secret);
	buf_free(&secret);
	if (e != ERR_OK)
		return explain(e, d->users_file, name);
	tell(d, verb, name, has_verifier, is_json);
	return EX_OK;
}

int
cli_user(const struct cli *cli, int argc, char **argv)
{
	static const char *const names[] = { "add", "passwd", "stopped",
		"lift", NULL };
	struct config *c;
	const char *meant;
	size_t verb = 0;
	int status;

	if (argc == 2 && strcmp(argv[1], "stopped") == 0)
		return user_stopped(cli);
	if (argc == 3 && strcmp(argv[1], "lift") == 0)
		return user_lift(cli, argv[2]);
	/* Standard input is where the password comes from in any case. */
	if (argc == 4 && strcmp(argv[3], "--stdin") == 0)
		argc--;
	if (argc != 3)
		return cli_usage("user", "say: user add, passwd or lift "
		    "ADDRESS, or user stopped");
	while (verb < COUNT(verbs) && strcmp(argv[1], verbs[verb].name) != 0)
		verb++;
	meant = cli_meant(argv[1], names);
	if (verb == COUNT(verbs))
		return cli_usage("user", meant != NULL ?
		    "user has no \"%s\", did you mean \"%s\"?" :
		    "user has no \"%s\"", argv[1], meant);
	c = cli_config(cli);
	if (c == NULL)
		return EX_CONFIG;
	status = edit(c, verb, span_str(argv[2]), cli->is_json);
	config_free(c);
	return status;
}
