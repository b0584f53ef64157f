/*
 * supervisor.c - from a configuration file to a running server, and its end.
 *
 *	posthorse-supervisor CONFIG-FILE FOLDER-OF-PROGRAMS
 */
#include "role/supervisor/supervisor.h"

#include "base/alloc_fault.h"
#include "ipc/event.h"
#include "os/clock.h"
#include "os/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * Who ends with whom, and how long they may take for it (OPS-4).  The queue
 * waits for what it gave away, so it ends before those who carry it: the other
 * way round their "not now" would put mail off.
 */
static const struct {
	enum ipc_role	roles[2];
	uint32_t	within_ms;
} phases[] = {
	{ { IPC_ROLE_NONE, IPC_ROLE_NONE }, 0 },
	{ { IPC_ROLE_RECEIVER, IPC_ROLE_NONE }, 8000 },
	{ { IPC_ROLE_QUEUE, IPC_ROLE_NONE }, 8000 },
	{ { IPC_ROLE_SENDER, IPC_ROLE_LOCAL }, 8000 },
	{ { IPC_ROLE_LOOKUP, IPC_ROLE_RESOLVER }, 2000 },
	{ { IPC_ROLE_KEYS, IPC_ROLE_BACKEND }, 2000 },
	{ { IPC_ROLE_STATE, IPC_ROLE_NONE }, 2000 },
	{ { IPC_ROLE_ADMIN, IPC_ROLE_NONE }, 2000 },
};

/* One that may still read what it is told. */
static struct child *
find_admin(struct supervisor *s)
{
	for (size_t i = 0; i < s->nchildren; i++)
		if (s->children[i].kind == IPC_ROLE_ADMIN &&
		    s->children[i].control != NULL &&
		    s->children[i].watched.nsilent < WATCH_SILENT_MAX)
			return &s->children[i];
	return NULL;
}

void
sup_log(struct supervisor *s, const struct log_line *l)
{
	struct child *admin = find_admin(s);
	struct event_line m = {
		.wall_ms = clock_wall_ms(),
		.level = (uint8_t)l->level,
		.text = log_text(l),
	};

	if (admin != NULL &&
	    sup_say(admin, &ipc_event_line, &m, -1) == ERR_OK)
		return;
	/* That admin itself ended as it was told to is no news. */
	if (l->level < LOG_LEVEL_INFO)
		(void)fprintf(stderr, "posthorse: %.*s\n", (int)l->n, l->text);
}

/* --- the end ----------------------------------------------------------- */

static bool
is_in_phase(const struct child *c, size_t phase)
{
	return c->kind == phases[phase].roles[0] ||
	    c->kind == phases[phase].roles[1];
}

static size_t
count_alive(const struct supervisor *s, size_t phase)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nchildren; i++)
		n += s->children[i].pid > 0 &&
		    is_in_phase(&s->children[i], phase);
	return n;
}

/* Go on to the next phase with somebody in it; after the last we end. */
static void
next_phase(struct supervisor *s)
{
	while (s->phase < COUNT(phases) && count_alive(s, s->phase) == 0) {
		struct control_stop m;

		if (++s->phase == COUNT(phases)) {
			loop_quit(s->loop);
			return;
		}
		m.within_ms = phases[s->phase].within_ms;
		loop_timer_set(s->patience, m.within_ms + 1000);
		for (size_t i = 0; i < s->nchildren; i++)
			if (is_in_phase(&s->children[i], s->phase))
				sup_tell(&s->children[i], &ipc_control_stop,
				    &m);
	}
}

/* Asked twice or hung: it has had its time. */
static void
patience_over(void *ctx)
{
	struct supervisor *s = ctx;

	for (size_t i = 0; i < s->nchildren; i++)
		if (s->children[i].pid > 0 &&
		    is_in_phase(&s->children[i], s->phase))
			(void)kill(s->children[i].pid, SIGKILL);
}

void
sup_stop(struct supervisor *s, int status)
{
	struct log_line line;

	if (s->phase > 0)
		return;
	s->status = status;
	log_begin(&line, LOG_LEVEL_INFO, NULL, "stopping");
	sup_log(s, &line);
	s->phase = 1;
	struct control_stop m = { .within_ms = phases[1].within_ms };

	loop_timer_set(s->patience, m.within_ms + 1000);
	for (size_t i = 0; i < s->nchildren; i++)
		if (is_in_phase(&s->children[i], 1))
			sup_tell(&s->children[i], &ipc_control_stop, &m);
	next_phase(s);
}

/* --- signals ----------------------------------------------------------- */

static void
on_stop(void *ctx)
{
	sup_stop(ctx, 0);
}

static struct child *
find_pid(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->nchildren; i++)
		if (s->children[i].pid == pid)
			return &s->children[i];
	return NULL;
}

static void
on_child(void *ctx)
{
	struct supervisor *s = ctx;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_pid(s, pid);

		if (c != NULL)
			sup_ended(c, status);
	}
	if (s->phase > 0)
		next_phase(s);
}

static bool
give_log(void *ctx, const char *purpose, int fd)
{
	struct control_file m = { .purpose = span_str(purpose) };

	return sup_say(ctx, &ipc_control_file, &m, fd) == ERR_OK;
}

/* The log file was moved away: open it anew. */
static void
on_hangup(void *ctx)
{
	struct child *admin = find_admin(ctx);

	if (admin != NULL)
		(void)sup_reopen_log(ctx, give_log, admin);
}

static bool
take_signals(struct supervisor *s)
{
	static const struct {
		int		 signo;
		loop_due	*came;
	} rows[] = {
		{ SIGCHLD, on_child },
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_hangup },
	};
	_Static_assert(COUNT(rows) == COUNT(s->signals), "a place for each");

	for (size_t i = 0; i < COUNT(rows); i++)
		if (loop_signal_new(s->loop, rows[i].signo, rows[i].came, s,
			&s->signals[i]) != ERR_OK)
			return sup_complain("cannot watch signals");
	return loop_timer_new(s->loop, patience_over, s, &s->patience) ==
	    ERR_OK;
}

/* --- the beginning ----------------------------------------------------- */

static uint32_t
how_many(const struct supervisor *s, enum ipc_role kind)
{
	if (kind == IPC_ROLE_RECEIVER)
		return (uint32_t)s->config->receivers;
	if (kind == IPC_ROLE_SENDER)
		return (uint32_t)s->config->senders;
	if (kind == IPC_ROLE_KEYS)
		return s->config->ntls > 0 ? 1 : 0;
	if (kind == IPC_ROLE_STATE)
		return s->config->greylist > 0 ? 1 : 0;
	if (kind == IPC_ROLE_BACKEND)
		return (uint32_t)s->config->nbackends;
	return 1;
}

/* No process or no descriptor is left. */
static void
log_not_started(struct child *c)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ALARM, NULL, "role-not-started");
	log_str(&line, "role", ipc_role_name(c->kind));
	log_num(&line, "index", c->index);
	log_str(&line, "why", strerror(errno));
	sup_log(c->s, &line);
}

static void
restart_due(void *ctx)
{
	struct child *c = ctx;

	if (c->s->phase > 0 || c->pid > 0 || sup_spawn(c))
		return;
	/* Half born: its end brings the next try.  Not born: we do. */
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		return;
	}
	log_not_started(c);
	loop_timer_set(c->restart, RESTART_LAST_MS);
}

static bool
start_all(struct supervisor *s)
{
	for (unsigned int kind = IPC_ROLE_ADMIN; kind < IPC_ROLE_COUNT; kind++)
		for (uint32_t i = 0; i < how_many(s, kind); i++) {
			struct child *c = sup_add_child(s, kind, i);

			if (c == NULL)
				return sup_complain("more than %u processes",
				    CHILDREN_MAX);
			if (loop_timer_new(s->loop, restart_due, c,
				&c->restart) != ERR_OK)
				return false;
		}
	for (size_t i = 0; i < s->nchildren; i++)
		if (!sup_spawn(&s->children[i]))
			return sup_complain("cannot start the %s: %s",
			    ipc_role_name(s->children[i].kind), strerror(errno));
	return true;
}

static bool
read_config(struct supervisor *s, const char *path)
{
	struct config_report report = config_report_make();
	enum err e = config_load_file(path, &s->config, &report);

	/* Folders that are missing are made, as the owner they are to have;
	 * files that are missing are an error. */
	if (e == ERR_OK && (!sup_find_ids(s) || !sup_make_folders(s)))
		e = ERR_IO;
	if (e == ERR_OK)
		e = config_check_files(s->config, &report);
	if (report.text.n > 0)
		(void)fwrite(report.text.p, 1, report.text.n, stderr);
	config_report_free(&report);
	return e == ERR_OK;
}

static void
raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* What we forbid ourselves is forbidden to PAM's helpers as well. */
static bool
harden(const struct supervisor *s, unsigned int *laid)
{
	const enum sandbox_profile own = SANDBOX_SUPERVISOR;

	if (geteuid() == 0 && config_backend_first(s->config,
	    CONFIG_BACKEND_PAM) != CONFIG_NO_BACKEND)
		return sandbox_seccomp(&sandbox_system, own, laid) == ERR_OK &&
		    sandbox_harden_for_helpers(own) == ERR_OK;
	return sandbox_harden(own, false) == ERR_OK &&
	    sandbox_seccomp(&sandbox_system, own, laid) == ERR_OK;
}

static bool
give_up_rights(struct supervisor *s)
{
	unsigned int laid;

	if (!harden(s, &laid))
		return sup_complain("cannot give up its rights");
	if (laid == 0 && !s->config->is_no_sandbox_allowed)
		return sup_complain("this kernel has no seccomp; "
		    "`allow no sandbox yes` starts it all the same");
	return true;
}

int
main(int argc, char **argv)
{
	struct supervisor *s = argc == 3 ? calloc(1, sizeof *s) : NULL;

	if (s == NULL) {
		(void)sup_complain("is started by `posthorse serve`");
		return EX_USAGE;
	}
	alloc_fault_open();
	raise_limits();
	if (!read_config(s, argv[1]))
		return EX_CONFIG;
	if (!sup_open_programs(s, argv[2]) || !sup_snapshot(s) ||
	    !sup_listen(s) || !sup_open_files(s) || !sup_pairs_begin(s))
		return EX_OSERR;
	if (loop_new(&s->loop) != ERR_OK || !take_signals(s) ||
	    !sup_watch_all(s) ||
	    !give_up_rights(s))
		return EX_OSERR;
	if (!start_all(s))
		sup_stop(s, EX_OSERR);
	if (s->phase < COUNT(phases))
		loop_run(s->loop);
	sup_unlink_sockets(s);
	return s->status;
}
