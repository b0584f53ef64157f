/*
 * files.c - programs, ids, folders, secrets: what only the supervisor opens.
 */
#include "role/supervisor/supervisor.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SUP_PATH_MAX	(CONFIG_WORD_MAX + 64u)	/* octets of a path of ours */

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

/* Installed they lie side by side; in a build each has a folder. */
bool
sup_open_programs(struct supervisor *s, const char *folder)
{
	char path[SUP_PATH_MAX];

	for (unsigned int k = IPC_ROLE_ADMIN; k < IPC_ROLE_COUNT; k++) {
		const char *name = ipc_role_name(k);

		(void)snprintf(path, sizeof path, "%s/posthorse-%s", folder,
		    name);
		s->programs[k] = open(path, O_PATH | O_CLOEXEC);
		if (s->programs[k] >= 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/../%s/posthorse-%s",
		    folder, name, name);
		s->programs[k] = open(path, O_PATH | O_CLOEXEC);
		if (s->programs[k] < 0)
			return sup_complain("no program posthorse-%s beside %s",
			    name, folder);
	}
	return true;
}

/* --- ids --------------------------------------------------------------- */

static const enum config_user users[] = {
	[IPC_ROLE_ADMIN] = CONFIG_USER_ADMIN,
	[IPC_ROLE_LOOKUP] = CONFIG_USER_LOOKUP,
	[IPC_ROLE_RESOLVER] = CONFIG_USER_DNS,
	[IPC_ROLE_QUEUE] = CONFIG_USER_QUEUE,
	[IPC_ROLE_LOCAL] = CONFIG_USER_MAIL,
	[IPC_ROLE_SENDER] = CONFIG_USER_SEND,
	[IPC_ROLE_RECEIVER] = CONFIG_USER_SMTP,
};

static bool
is_number(const char *text, uint32_t *n)
{
	uint64_t v;

	if (span_u64(span_str(text), UINT32_MAX - 1, &v) != ERR_OK)
		return false;
	*n = (uint32_t)v;
	return true;
}

static bool
find_user(const char *name, struct ids *ids)
{
	const struct passwd *p;

	if (is_number(name, &ids->uid)) {
		ids->gid = ids->uid;
		return true;
	}
	p = getpwnam(name);
	if (p == NULL)
		return sup_complain("there is no user %s; this makes the users:"
		    "\n  for u in smtp lookup dns queue send mail admin; do "
		    "useradd --system --user-group --no-create-home "
		    "--home-dir /nonexistent --shell /usr/sbin/nologin ph-$u; "
		    "done", name);
	ids->uid = p->pw_uid;
	ids->gid = p->pw_gid;
	return true;
}

static bool
find_group(const char *name, uint32_t *gid)
{
	const struct group *g;

	if (is_number(name, gid))
		return true;
	g = getgrnam(name);
	if (g == NULL)
		return sup_complain("there is no group %s", name);
	*gid = g->gr_gid;
	return true;
}

static bool
find_ids(const char *setting, struct ids *ids)
{
	char user[CONFIG_WORD_MAX + 1];
	struct span whole = span_str(setting);
	size_t colon = span_find(whole, ':');

	(void)snprintf(user, sizeof user, "%.*s", (int)colon, setting);
	if (!find_user(user, ids))
		return false;
	if (colon < whole.n && !find_group(setting + colon + 1, &ids->gid))
		return false;
	if (ids->uid == 0)
		return sup_complain("no role may run as root: `user` names %s",
		    setting);
	return true;
}

bool
sup_find_ids(struct supervisor *s)
{
	for (unsigned int k = IPC_ROLE_ADMIN; k < IPC_ROLE_COUNT; k++) {
		s->ids[k] = (struct ids){ UINT32_MAX, UINT32_MAX };
		if (geteuid() == 0 &&
		    !find_ids(s->config->user[users[k]], &s->ids[k]))
			return false;
	}
	s->control_gid = s->ids[IPC_ROLE_ADMIN].gid;
	return s->config->control_group[0] == '\0' ||
	    find_group(s->config->control_group, &s->control_gid);
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

/* The folder that a path lies in; "/" at least. */
static void
folder_of(const char *path, char folder[SUP_PATH_MAX])
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
	folder_of(c->control_socket, folder);
	if (!make_folder(folder, 0755, &ours))
		return false;
	folder_of(c->submission_socket, folder);
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
	enum err e = config_print(s->config, false, &text);

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
files_lookup(const struct supervisor *s, give_file *give, void *ctx)
{
	char folder[SUP_PATH_MAX];

	for (size_t i = 0; i < s->config->ndomains; i++) {
		folder_of(s->config->domains[i].users_file, folder);
		if (!give_row(give, ctx, "users", i, folder,
			O_RDONLY | O_DIRECTORY))
			return false;
	}
	return true;
}

static bool
files_receiver(const struct supervisor *s, give_file *give, void *ctx)
{
	const struct config *c = s->config;

	if (c->tls.certificate[0] == '\0')
		return true;
	return give_row(give, ctx, "tls-cert", 0, c->tls.certificate,
		   O_RDONLY) &&
	    give_row(give, ctx, "tls-key", 0, c->tls.key, O_RDONLY);
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
		folder_of(s->config->log_file, folder);
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
sup_each_file(const struct supervisor *s, enum ipc_role kind,
    give_file *give, void *ctx)
{
	for (size_t i = 0; i < s->npassed; i++)
		if (s->passed[i].kind == kind &&
		    !give(ctx, s->passed[i].purpose, s->passed[i].fd))
			return false;
	return true;
}
