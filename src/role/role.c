/*
 * role.c - a role's life: told by the supervisor, sandboxed, serving, done.
 */
#include "role/private.h"

#include "base/alloc_fault.h"
#include "base/leaks.h"
#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Before admin hears us: the supervisor's standard error is ours. */
static bool
complain(const struct role *r, const char *what)
{
	(void)fprintf(stderr, "posthorse: %s/%u: %s\n", ipc_role_name(r->kind),
	    r->index, what);
	return false;
}

static bool
handle_start(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds)
{
	const struct control_start *m = msg;
	struct config_report report = config_report_make();
	enum err e = ERR_DENIED;

	if (!r->priv->has_started && m->role == (uint8_t)r->kind)
		e = config_load_fd(fds[0], &r->priv->config, &report);
	(void)close(fds[0]);
	if (report.text.n > 0)
		(void)fwrite(report.text.p, 1, report.text.n, stderr);
	config_report_free(&report);
	if (e != ERR_OK)
		return false;
	r->priv->start = *m;
	r->priv->has_started = true;
	r->config = r->priv->config;
	r->index = m->index;
	r->instance = m->instance;
	return true;
}

static bool
handle_file(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds)
{
	const struct control_file *m = msg;

	if (r->priv->has_started && r->priv->desc->file != NULL)
		return r->priv->desc->file(r, m->purpose, fds[0]);
	(void)close(fds[0]);
	return false;
}

static bool
handle_listen(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds)
{
	const struct control_listen *m = msg;

	if (r->priv->has_started && r->priv->desc->listener != NULL)
		return r->priv->desc->listener(r, m->row, fds[0]);
	(void)close(fds[0]);
	return false;
}

static bool
handle_channel(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds)
{
	const struct control_channel *m = msg;
	struct role_peer *p = peer_add(r, (enum ipc_role)m->role, m->index,
	    m->instance, fds[0]);

	if (p == NULL) {
		(void)close(fds[0]);
		return false;
	}
	/* Before the sandbox nobody's octets are read but the supervisor's. */
	if (!r->priv->is_serving)
		return true;
	if (!peer_open(r, p, p->fd))
		return false;
	if (r->priv->desc->peer_came != NULL)
		r->priv->desc->peer_came(r, p);
	return true;
}

static bool
handle_go(struct role *r, struct role_peer *from UNUSED, const void *msg UNUSED,
    const int *fds UNUSED)
{
	if (!r->priv->has_started || r->priv->has_gone)
		return false;
	r->priv->has_gone = true;
	loop_quit(r->loop);
	return true;
}

static void
patience_over(void *ctx)
{
	role_done(ctx);
}

static bool
handle_stop(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	const struct control_stop *m = msg;

	loop_timer_set(r->priv->end, m->within_ms);
	if (r->priv->desc->stop != NULL && r->priv->is_serving)
		r->priv->desc->stop(r);
	else
		role_done(r);
	return true;
}

static enum err
say_alive(struct role *r, enum control_word word)
{
	const struct control_alive m = { .word = (uint8_t)word };

	return role_send(r, r->priv->supervisor, &ipc_control_alive, &m, NULL);
}

static bool
handle_ping(struct role *r, struct role_peer *from UNUSED,
    const void *msg UNUSED, const int *fds UNUSED)
{
	return say_alive(r, CONTROL_ANSWERS) == ERR_OK;
}

const struct role_row role_control_rows[] = {
	{ IPC_ROLE_SUPERVISOR, &ipc_control_start, handle_start },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_file, handle_file },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_listen, handle_listen },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_channel, handle_channel },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_go, handle_go },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_stop, handle_stop },
	{ IPC_ROLE_SUPERVISOR, &ipc_control_ping, handle_ping },
};
const size_t role_ncontrol_rows = COUNT(role_control_rows);

static const enum sandbox_profile profiles[] = {
	[IPC_ROLE_SUPERVISOR] = SANDBOX_SUPERVISOR,
	[IPC_ROLE_ADMIN] = SANDBOX_ADMIN,
	[IPC_ROLE_LOOKUP] = SANDBOX_LOOKUP,
	[IPC_ROLE_RESOLVER] = SANDBOX_RESOLVER,
	[IPC_ROLE_QUEUE] = SANDBOX_QUEUE,
	[IPC_ROLE_LOCAL] = SANDBOX_LOCAL,
	[IPC_ROLE_SENDER] = SANDBOX_SENDER,
	[IPC_ROLE_RECEIVER] = SANDBOX_RECEIVER,
	[IPC_ROLE_KEYS] = SANDBOX_KEYS,
	[IPC_ROLE_STATE] = SANDBOX_STATE,
};
_Static_assert(COUNT(profiles) == IPC_ROLE_BACKEND, "every role has a profile");

static enum sandbox_profile
profile_of(const struct role *r)
{
	return r->kind == IPC_ROLE_BACKEND ? r->priv->desc->profile :
	    profiles[r->kind];
}

/*
 * PAM's modules open, load and run what they like, and a helper of theirs is
 * setuid: no list of ours holds there.  Who runs us as root chose that.
 */
static bool
has_helpers(const struct role *r)
{
	return profile_of(r) == SANDBOX_PAM;
}

static enum err
harden(const struct role *r)
{
	return has_helpers(r) && r->priv->start.uid != UINT32_MAX ?
	    sandbox_harden_for_helpers(profile_of(r)) :
	    sandbox_harden(profile_of(r), false);
}

static bool
give_up_rights(struct role *r, unsigned int *laid)
{
	const struct role_private *pr = r->priv;
	struct sandbox_reach reach = {
		.dirs = pr->dirs,
		.ndirs = pr->ndirs,
		.connect_ports = pr->ports,
		.nconnect_ports = pr->nports,
		.is_connect_free = pr->is_port_free,
	};
	uid_t uid = pr->start.uid == UINT32_MAX ? getuid() : pr->start.uid;
	gid_t gid = pr->start.gid == UINT32_MAX ? getgid() : pr->start.gid;

	if (sandbox_drop_ids(&sandbox_system, uid, gid) != ERR_OK)
		return complain(r, "cannot drop its user and group");
	if (harden(r) != ERR_OK)
		return complain(r, "cannot give up its rights");
	if (has_helpers(r))
		return true;
	if (sandbox_landlock(&sandbox_system, &reach, laid) != ERR_OK)
		return complain(r, "cannot lay Landlock over itself");
	return true;
}

static bool
close_sandbox(struct role *r, unsigned int laid)
{
	struct control_ready ready = { 0 };
	unsigned int calls = 0;

	if (!has_helpers(r) && sandbox_seccomp(&sandbox_system, profile_of(r), &calls) !=
	    ERR_OK)
		return complain(r, "cannot lay seccomp over itself");
	laid |= calls;
	if ((laid & SANDBOX_NEEDED) != SANDBOX_NEEDED && !has_helpers(r) &&
	    !r->priv->start.is_sandbox_optional)
		return complain(r, "this kernel has no Landlock or no seccomp; "
		    "`allow no sandbox yes` starts it all the same");
	ready.sandbox = (uint8_t)(laid & SANDBOX_NEEDED);
	return role_send(r, r->priv->supervisor, &ipc_control_ready, &ready,
		   NULL) == ERR_OK;
}

static void
log_weak_sandbox(struct role *r, unsigned int laid)
{
	struct log_line line;

	if ((laid & SANDBOX_LANDLOCK) != 0 || has_helpers(r))
		return;
	log_begin(&line, LOG_LEVEL_ALARM, NULL, "no-sandbox");
	log_str(&line, "missing", "Landlock");
	role_log(r, &line);
}

static bool
prepare(struct role *r, unsigned int *laid)
{
	const struct role_desc *d = r->priv->desc;

	if (d->load != NULL && !d->load(r))
		return complain(r, "could not read what it needs");
	if (!give_up_rights(r, laid))
		return false;
	if (d->start != NULL && !d->start(r))
		return complain(r, "could not start");
	return close_sandbox(r, *laid);
}

/* Peers that were told of before the sandbox. */
static bool
open_peers(struct role *r)
{
	for (struct role_peer *p = r->priv->peers; p != NULL; p = p->next)
		if (p->channel == NULL && !peer_open(r, p, p->fd))
			return complain(r, "cannot open a channel");
	for (struct role_peer *p = r->priv->peers, *next; p != NULL; p = next) {
		next = p->next;
		if (p != r->priv->supervisor && r->priv->desc->peer_came != NULL)
			r->priv->desc->peer_came(r, p);
	}
	return true;
}

static bool
live(struct role *r)
{
	const struct role_desc *d = r->priv->desc;
	unsigned int laid = 0;

	loop_run(r->loop);		/* until GO */
	if (!r->priv->has_gone || !prepare(r, &laid))
		return false;
	r->priv->is_serving = true;
	if (!open_peers(r))
		return false;
	log_weak_sandbox(r, laid);
	alloc_fault_arm();
	if (d->serve != NULL)
		d->serve(r);
	loop_run(r->loop);		/* until role_done */
	return true;
}

/* Who types Ctrl-C reaches us too: the supervisor decides what it means. */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < COUNT(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
log_due(void *ctx)
{
	peers_flush_log(ctx);
}

static bool
begin(struct role *r)
{
	struct role_private *pr = r->priv;

	/* A helper that a library runs is none of ours. */
	if (fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	if (loop_new(&r->loop) != ERR_OK ||
	    loop_timer_new(r->loop, patience_over, r, &pr->end) != ERR_OK)
		return false;
	if (loop_timer_new(r->loop, log_due, r, &pr->log_due) != ERR_OK)
		return false;
	pr->payload = buf_make(IPC_PAYLOAD_MAX + 64);
	pr->lines = buf_make(ROLE_LOG_WAITING);
	pr->supervisor =
	    peer_add(r, IPC_ROLE_SUPERVISOR, 0, 0, ROLE_CONTROL_FD);
	/* MEM-5: what is said later must not want for room. */
	return buf_room(&pr->payload, IPC_PAYLOAD_MAX) == ERR_OK &&
	    pr->supervisor != NULL &&
	    peer_open(r, pr->supervisor, ROLE_CONTROL_FD);
}

int
role_main(const struct role_desc *desc)
{
	struct role r = { .kind = desc->kind };

	alloc_fault_open();
	ignore_signals();
	r.priv = calloc(1, sizeof *r.priv);
	r.self = calloc(1, MAX(desc->self_size, (size_t)1));
	if (r.priv == NULL || r.self == NULL) {
		free(r.priv);
		free(r.self);
		return 1;
	}
	r.priv->desc = desc;
	if (!begin(&r)) {
		(void)complain(&r, "is started by `posthorse serve`, "
		    "not by hand");
		free(r.priv);
		free(r.self);
		return 1;
	}
	return live(&r) ? 0 : 1;
}

void
role_done(struct role *r)
{
	r->priv->is_done = true;
	peers_flush_log(r);
	for (struct role_peer *p = r->priv->peers; p != NULL; p = p->next)
		if (p->channel != NULL)
			channel_flush(p->channel);
	leaks_check();
	/* Threads and what they hold end with us; nothing is owed any more. */
	_exit(0);
}

/* Unasked, the same word once a second at most. */
static void
say_unasked(struct role *r, enum control_word word)
{
	struct role_private *pr = r->priv;
	uint64_t now = clock_mono_ms();

	if (word == pr->last_word && now - pr->worked_ms < ROLE_WORKING_EVERY_MS)
		return;
	pr->last_word = word;
	pr->worked_ms = now;
	/* A supervisor that does not read is not served by waiting for it. */
	if (say_alive(r, word) == ERR_OK)
		channel_flush(pr->supervisor->channel);
}

void
role_working(struct role *r)
{
	say_unasked(r, CONTROL_WORKS);
}

void
role_syncing(struct role *r)
{
	say_unasked(r, CONTROL_SYNCS);
}

enum err
role_reach_dir(struct role *r, int fd, bool is_writable)
{
	struct role_private *pr = r->priv;

	if (pr->ndirs == COUNT(pr->dirs))
		return ERR_FULL;
	pr->dirs[pr->ndirs++] = (struct sandbox_dir){ fd, is_writable };
	return ERR_OK;
}

enum err
role_reach_port(struct role *r, uint16_t port)
{
	struct role_private *pr = r->priv;

	if (pr->nports == COUNT(pr->ports))
		return ERR_FULL;
	pr->ports[pr->nports++] = port;
	return ERR_OK;
}

void
role_reach_any_port(struct role *r)
{
	r->priv->is_port_free = true;
}

void
role_random(struct role *r, void *to, size_t n)
{
	struct role_private *pr = r->priv;

	ASSERT(n <= sizeof pr->random);
	if (pr->nrandom < n) {
		clock_random(pr->random, sizeof pr->random);
		pr->nrandom = sizeof pr->random;
	}
	pr->nrandom -= n;
	memcpy(to, pr->random + pr->nrandom, n);
	explicit_bzero(pr->random + pr->nrandom, n);
}

struct msg_id
role_new_id(struct role *r)
{
	uint8_t random[10];

	role_random(r, random, sizeof random);
	return msg_id_make(loop_wall_ms(r->loop), random);
}
