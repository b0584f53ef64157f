/*
 * files.c - programs, folders, secrets: what only the supervisor opens.
 */
#include "role/supervisor/supervisor.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool
sup_complain(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("posthorse: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return false;
}

bool
sup_open_program(const char *folder, const char *name, const char *built,
    int *program)
{
	char path[SUP_PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/posthorse-%s", folder, name);
	*program = open(path, O_PATH | O_CLOEXEC);
	if (*program >= 0)
		return true;
	(void)snprintf(path, sizeof path, "%s/../%s/posthorse-%s", folder,
	    built, name);
	*program = open(path, O_PATH | O_CLOEXEC);
	return *program >= 0 || sup_complain("no program posthorse-%s "
	    "beside %s", name, folder);
}

bool
sup_open_programs(struct supervisor *s, const char *folder)
{
	for (unsigned int k = IPC_ROLE_ADMIN; k < IPC_ROLE_BACKEND; k++)
		if (!sup_open_program(folder, ipc_role_name(k),
		    ipc_role_name(k), &s->programs[k]))
			return false;
	return sup_open_backends(s, folder);
}

/* --- folders ----------------------------------------------------------- */

/* Make what is missing of a path; the last folder gets owner and mode. */
static bool
make_folder(const char *path, mode_t mode, const struct ids *owner)
{
	char at[SUP_PATH_MAX];
	size_t n = strlen(path);
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ||
		    sup_complain("%s is not a folder", path);
	if (n >= sizeof at)
		return sup_complain("%s is too long", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(at, path, i);
		at[i] = '\0';
		if (mkdir(at, i == n ? mode : 0755) != 0 && errno != EEXIST)
			return sup_complain("cannot make %s: %s", at,
			    strerror(errno));
	}
	if (owner->uid != UINT32_MAX &&
	    chown(path, owner->uid, owner->gid) != 0)
		return sup_complain("cannot give %s away: %s", path,
		    strerror(errno));
	return true;
}

void
sup_folder_of(const char *path, char folder[SUP_PATH_MAX])
{
	size_t n = span_rfind(span_str(path), '/');

	(void)snprintf(folder, SUP_PATH_MAX, "%.*s",
	    (int)(path[n] == '\0' || n == 0 ? 1 : n), n == 0 ? "/" : path);
}

/* The fixed part of a template: up to the last slash before a brace. */
static void
fixed_part(const char *template, char folder[SUP_PATH_MAX])
{
	size_t brace = span_find(span_str(template), '{');

	(void)snprintf(folder, SUP_PATH_MAX, "%.*s", (int)brace, template);
	brace = span_rfind(span_str(folder), '/');
	folder[brace == 0 ? 1 : brace] = '\0';
}

/*
 * The same with the domain's name put in: up to the folder in which local makes
 * mailboxes.  /var/mail belongs to root, and so may any place for mail.
 */
static void
domain_part(const struct config_domain *d, char folder[SUP_PATH_MAX])
{
	const char *rest = d->maildir, *at = strstr(rest, "{domain}");
	char path[SUP_PATH_MAX] = "";
	size_t n = 0;

	for (; at != NULL && n < sizeof path; at = strstr(rest, "{domain}")) {
		n += (size_t)snprintf(path + n, sizeof path - n, "%.*s%s",
		    (int)(at - rest), rest, d->name);
		rest = at + strlen("{domain}");
	}
	if (n < sizeof path)
		n += (size_t)snprintf(path + n, sizeof path - n, "%s", rest);
	/* Too long for one of ours: local makes what it may. */
	fixed_part(n < sizeof path ? path : d->maildir, folder);
}

bool
sup_make_folders(struct supervisor *s)
{
	static const struct ids ours = { UINT32_MAX, UINT32_MAX };
	const struct config *c = s->config;
	char folder[SUP_PATH_MAX];

	if (!make_folder(c->spool, 0700, &s->ids[IPC_ROLE_QUEUE]) ||
	    !make_folder(c->history, 0700, &s->ids[IPC_ROLE_ADMIN]))
		return false;
	if (c->greylist > 0 &&
	    !make_folder(c->state, 0700, &s->ids[IPC_ROLE_STATE]))
		return false;
	sup_folder_of(c->control_socket, folder);
	if (!make_folder(folder, 0755, &ours))
		return false;
	sup_folder_of(c->submission_socket, folder);
	if (!make_folder(folder, 0755, &ours))
		return false;
	for (size_t i = 0; i < c->ndomains; i++) {
		fixed_part(c->domains[i].maildir, folder);
		if (!make_folder(folder, 0711, &s->ids[IPC_ROLE_LOCAL]))
			return false;
		domain_part(&c->domains[i], folder);
		if (!make_folder(folder, 0711, &s->ids[IPC_ROLE_LOCAL]))
			return false;
	}
	return true;
}

/* --- what is passed on ------------------------------------------------- */

bool
sup_snapshot(struct supervisor *s)
{
	struct buf text = buf_make(CONFIG_PRINT_MAX);
	enum err e = config_print_snapshot(s->config, &text);

	if (e == ERR_OK)
		e = file_memfd("configuration", &s->snapshot);
	if (e == ERR_OK)
		e = file_write_all(s->snapshot, buf_span(&text));
	if (e == ERR_OK)
		e = file_seal(s->snapshot);
	buf_free(&text);
	return e == ERR_OK ||
	    sup_complain("cannot keep the configuration: %s", err_name(e));
}

static bool
give_path(give_file *give, void *ctx, const char *purpose, const char *path,
    int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
	bool ok;

	if (fd < 0)
		return sup_complain("cannot open %s: %s", path,
		    strerror(errno));
	ok = give(ctx, purpose, fd);
	(void)close(fd);
	return ok;
}

bool
sup_give_path(give_file *give, void *ctx, const char *purpose,
    const char *path, int flags)
{
	return give_path(give, ctx, purpose, path, flags, 0);
}

static bool
give_row(give_file *give, void *ctx, const char *purpose, size_t row,
    const char *path, int flags)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s:%zu", purpose, row);
	return give_path(give, ctx, name, path, flags, 0);
}

static bool
files_queue(const struct supervisor *s, give_file *give, void *ctx)
{
	return give_path(give, ctx, "spool", s->config->spool,
		   O_RDONLY | O_DIRECTORY, 0) &&
	    sup_give_memory(give, ctx);
}

static bool
files_local(const struct supervisor *s, give_file *give, void *ctx)
{
	char folder[SUP_PATH_MAX];

	for (size_t i = 0; i < s->config->ndomains; i++) {
		fixed_part(s->config->domains[i].maildir, folder);
		if (!give_row(give, ctx, "mail", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
	}
	return true;
}

static bool
files_of_rules(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct config_rules *all = s->config->rules;
	char folder[SUP_PATH_MAX];

	for (size_t i = 0; all != NULL && i < all->nlists; i++) {
		sup_folder_of(all->lists[i].path, folder);
		if (!give_row(give, ctx, "list", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
	}
	return true;
}

static bool
files_lookup(const struct supervisor *s, give_file *give, void *ctx)
{
	char folder[SUP_PATH_MAX];

	for (size_t i = 0; i < s->config->ndomains; i++) {
		sup_folder_of(s->config->domains[i].users_file, folder);
		if (!give_row(give, ctx, "users", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
		if (s->config->domains[i].aliases_file[0] == '\0')
			continue;
		sup_folder_of(s->config->domains[i].aliases_file, folder);
		if (!give_row(give, ctx, "aliases", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
	}
	for (size_t i = 0; i < s->config->noauths; i++) {
		if (s->config->oauths[i].keys_file[0] == '\0')
			continue;
		sup_folder_of(s->config->oauths[i].keys_file, folder);
		if (!give_row(give, ctx, "keys", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
	}
	/* What SCRAM tells of nobody is lookup's to know. */
	for (size_t i = 0; i < s->config->nbackends; i++)
		if (s->config->backends[i].scram_secret[0] != '\0' &&
		    !give_row(give, ctx, "scram-secret", i,
			s->config->backends[i].scram_secret, O_RDONLY))
			return false;
	return files_of_rules(s, give, ctx);
}

static bool
files_receiver(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct config *c = s->config;

	for (size_t i = 0; i < c->ntls; i++)
		if (!give_row(give, ctx, "tls-cert", i, c->tls[i].certificate,
			O_RDONLY))
			return false;
	for (size_t i = 0; i < c->nlistens; i++) {
		const struct config_client *client = &c->listens[i].client;

		if (client->demand != CONFIG_CLIENT_NONE &&
		    client->ca_file[0] != '\0' &&
		    !give_row(give, ctx, "client-ca", i, client->ca_file,
			O_RDONLY))
			return false;
	}
	return true;
}

/* TLS-7: nobody else gets a private key. */
static bool
files_keys(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct config *c = s->config;

	for (size_t i = 0; i < c->ntls; i++)
		if (!give_row(give, ctx, "tls-cert", i, c->tls[i].certificate,
			O_RDONLY) ||
		    !give_row(give, ctx, "tls-key", i, c->tls[i].key,
			O_RDONLY))
			return false;
	return true;
}

static bool
files_sender(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct config *c = s->config;

	for (size_t i = 0; i < c->nrelays; i++)
		if (c->relays[i].password_file[0] != '\0' &&
		    !give_row(give, ctx, "relay-secret", i,
			c->relays[i].password_file, O_RDONLY))
			return false;
	return true;
}

/*
 * A log file is admin's, and so may be its folder: what root without rights
 * over files cannot open, admin's own user can.  The way there may be closed to
 * both, so the folder was opened at the start.
 */
static int
open_log(const struct supervisor *s, const char *path)
{
	static const int flags =
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
	const struct ids *admin = &s->ids[IPC_ROLE_ADMIN];
	int fd = open(path, flags, 0640);
	size_t slash = span_rfind(span_str(path), '/');
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (fd >= 0 || errno != EACCES || admin->uid == UINT32_MAX)
		return fd;
	if (setegid(admin->gid) != 0 || seteuid(admin->uid) != 0)
		return -1;
	fd = open(path, flags, 0640);
	if (fd < 0 && errno == EACCES && s->log_folder >= 0 &&
	    path[slash] == '/')
		fd = openat(s->log_folder, path + slash + 1, flags, 0640);
	/* Not to come back to ourselves is the end of us. */
	ASSERT(seteuid(uid) == 0 && setegid(gid) == 0);
	return fd;
}

static bool
give_log_file(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct ids *admin = &s->ids[IPC_ROLE_ADMIN];
	const char *path = s->config->log_file;
	int fd = open_log(s, path);
	bool ok;

	if (fd < 0)
		return sup_complain("cannot open %s: %s", path,
		    strerror(errno));
	ok = admin->uid == UINT32_MAX ||
	    fchown(fd, admin->uid, admin->gid) == 0 ||
	    sup_complain("cannot give %s away: %s", path, strerror(errno));
	ok = ok && give(ctx, "log-file", fd);
	(void)close(fd);
	return ok;
}

/*
 * A datagram socket that is connected here: admin may open nothing.  It never
 * waits at the start; a logger that stands still is the sink's matter.
 */
static bool
give_syslog(const struct supervisor *s, give_file *give, void *ctx)
{
	const char *path = s->config->log_file;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool ok;

	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	ok = fd >= 0 && strlen(path) < sizeof to.sun_path &&
	    connect(fd, (const struct sockaddr *)&to, sizeof to) == 0;
	if (!ok)
		(void)sup_complain("no system logger answers at %s: %s", path,
		    strerror(errno));
	ok = ok && give(ctx, "syslog", fd);
	file_close(fd);
	return ok;
}

typedef bool give_log(const struct supervisor *s, give_file *give, void *ctx);
/* Sinks that SIGHUP opens anew; standard output cannot be. */
static const struct log_sink {
	const char	*purpose;
	give_log	*give;
} log_sinks[] = {
	[CONFIG_LOG_STDOUT] = { "stdout", NULL },
	[CONFIG_LOG_FILE] = { "log-file", give_log_file },
	[CONFIG_LOG_SYSLOG] = { "syslog", give_syslog },
};

static bool
files_admin(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct log_sink *sink = &log_sinks[s->config->log_to];

	if (!give_path(give, ctx, "history", s->config->history,
		O_RDONLY | O_DIRECTORY, 0))
		return false;
	if (sink->give == NULL)
		return give(ctx, sink->purpose, STDOUT_FILENO);
	return sink->give(s, give, ctx);
}

static bool
files_state(const struct supervisor *s, give_file *give, void *ctx)
{
	return s->config->greylist == 0 ||
	    give_path(give, ctx, "state", s->config->state,
	    O_RDONLY | O_DIRECTORY, 0);
}

static bool
files_none(const struct supervisor *s UNUSED, give_file *give UNUSED,
    void *ctx UNUSED)
{
	return true;
}

static bool (*const files[])(const struct supervisor *, give_file *, void *) = {
	[IPC_ROLE_NONE] = files_none,
	[IPC_ROLE_SUPERVISOR] = files_none,
	[IPC_ROLE_ADMIN] = files_admin,
	[IPC_ROLE_LOOKUP] = files_lookup,
	[IPC_ROLE_RESOLVER] = files_none,
	[IPC_ROLE_QUEUE] = files_queue,
	[IPC_ROLE_LOCAL] = files_local,
	[IPC_ROLE_SENDER] = files_sender,
	[IPC_ROLE_RECEIVER] = files_receiver,
	[IPC_ROLE_KEYS] = files_keys,
	[IPC_ROLE_STATE] = files_state,
	[IPC_ROLE_BACKEND] = sup_files_backends,
};
_Static_assert(COUNT(files) == IPC_ROLE_COUNT, "every role has its files");

/* Keep one for whoever is started: now, and again when it is replaced. */
static bool
keep_file(void *ctx, const char *purpose, int fd)
{
	struct supervisor *s = ctx;
	struct passed *p = &s->passed[s->npassed];

	if (s->npassed == PASSED_MAX)
		return sup_complain("more than %u files", PASSED_MAX);
	(void)snprintf(p->purpose, sizeof p->purpose, "%s", purpose);
	p->kind = s->keeping;
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (p->fd < 0)
		return sup_complain("cannot keep %s: %s", purpose,
		    strerror(errno));
	s->npassed++;
	return true;
}

bool
sup_open_files(struct supervisor *s)
{
	char folder[SUP_PATH_MAX];

	s->log_folder = -1;
	if (s->config->log_to == CONFIG_LOG_FILE) {
		sup_folder_of(s->config->log_file, folder);
		s->log_folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	s->passed = calloc(PASSED_MAX, sizeof *s->passed);
	if (s->passed == NULL)
		return sup_complain("no memory");
	for (unsigned int k = IPC_ROLE_ADMIN; k < IPC_ROLE_COUNT; k++) {
		s->keeping = k;
		if (!files[k](s, keep_file, s))
			return false;
	}
	return true;
}

static bool
replace_log(void *ctx, const char *purpose UNUSED, int fd)
{
	struct passed *p = ctx;

	/* The number stays, what it stands for changes. */
	return dup3(fd, p->fd, O_CLOEXEC) == p->fd;
}

bool
sup_reopen_log(struct supervisor *s, give_file *give, void *ctx)
{
	const struct log_sink *sink = &log_sinks[s->config->log_to];

	for (size_t i = 0; sink->give != NULL && i < s->npassed; i++) {
		struct passed *p = &s->passed[i];

		if (strcmp(p->purpose, sink->purpose) == 0)
			return sink->give(s, replace_log, p) &&
			    give(ctx, p->purpose, p->fd);
	}
	return true;
}

bool
sup_each_file(const struct child *c, give_file *give, void *ctx)
{
	const struct supervisor *s = c->s;

	for (size_t i = 0; i < s->npassed; i++)
		if (s->passed[i].kind == c->kind &&
		    sup_is_for(c, s->passed[i].purpose) &&
		    !give(ctx, s->passed[i].purpose, s->passed[i].fd))
			return false;
	return true;
}
