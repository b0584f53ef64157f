/*
 * main.c - the admin role: what is wired to what, and its end.
 */
#include "role/admin/admin.h"

#include "os/clock.h"
#include "os/file.h"

#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#define TICK_MS		2000u	/* the index is saved so often */
#define LINGER_MS	30u	/* last lines of those who ended before us */

static bool
complain(const char *what)
{
	(void)fprintf(stderr, "posthorse: admin/0: %s\n", what);
	return false;
}

static bool
admin_file(struct role *r, struct span purpose, int fd)
{
	struct admin *a = r->self;

	if (span_eq(purpose, SPAN("history"))) {
		a->history_dir = fd;
		return true;
	}
	if (!span_eq(purpose, SPAN("stdout")) &&
	    !span_eq(purpose, SPAN("log-file")) &&
	    !span_eq(purpose, SPAN("syslog"))) {
		file_close(fd);
		return false;
	}
	if (a->sink != NULL)
		sink_use(a->sink, fd);
	else
		a->sink_fd = fd;
	return true;
}

/* Kept until the sandbox is closed: nobody is accepted before. */
static bool
admin_listener(struct role *r, uint32_t row UNUSED, int fd)
{
	((struct admin *)r->self)->control = fd;
	return true;
}

static bool
find_group(const char *name, struct permit_rule *rule)
{
	const struct group *g;
	uint64_t number;

	if (name[0] == '\0')
		return true;
	rule->has_group = true;
	if (span_u64(span_str(name), UINT32_MAX - 1, &number) == ERR_OK) {
		rule->group = (gid_t)number;
		return true;
	}
	g = getgrnam(name);
	if (g == NULL)
		return complain("there is no such control group");
	rule->group = g->gr_gid;
	return true;
}

static bool
admin_load(struct role *r)
{
	struct admin *a = r->self;

	if (a->history_dir == 0 || a->control == 0)
		return complain("has no history folder or no control socket");
	a->role = r;
	a->scratch = buf_make(LOG_LINE_MAX * 8);
	a->payload = buf_make(IPC_PAYLOAD_MAX);
	if (buf_room(&a->payload, IPC_PAYLOAD_MAX) != ERR_OK)
		return complain("has no memory");
	/* Not yet dropped: as root our later user is nobody to obey. */
	a->rule.own = getuid();
	admin_counts_begin(a);
	if (role_reach_dir(r, a->history_dir, true) != ERR_OK)
		return false;
	return find_group(r->config->control_group, &a->rule);
}

static void
turn_ended(void *ctx)
{
	admin_flush(ctx);
}

static void
tick(void *ctx)
{
	struct admin *a = ctx;

	history_save_index(a->history);
	admin_flush(a);
	loop_timer_set(a->tick, TICK_MS);
}

/* Once the sink has taken all, or STOP's patience ends. */
static void
try_end(void *ctx)
{
	struct admin *a = ctx;

	admin_flush(a);
	if (!sink_is_idle(a->sink)) {
		loop_timer_set(a->end, LINGER_MS);
		return;
	}
	history_close(a->history, clock_wall_ms());
	role_done(a->role);
}

/* Threads and files: before seccomp, under Landlock already. */
static bool
admin_start(struct role *r)
{
	struct admin *a = r->self;
	struct history_limits limits = {
		.keep_s = r->config->history_keep,
		.size = r->config->history_size,
	};

	if (sink_new(r->loop, &a->sink) != ERR_OK ||
	    loop_turn_new(r->loop, turn_ended, a, &a->turn) != ERR_OK ||
	    loop_timer_new(r->loop, tick, a, &a->tick) != ERR_OK ||
	    loop_timer_new(r->loop, try_end, a, &a->end) != ERR_OK)
		return false;
	if (r->config->log_to == CONFIG_LOG_SYSLOG)
		sink_cut_lines(a->sink);
	if (a->sink_fd > 0)
		sink_use(a->sink, a->sink_fd);
	if (history_open(a->history_dir, limits, clock_wall_ms(),
	    &a->history) != ERR_OK)
		return complain("cannot write into the history directory");
	return true;
}

static void
admin_serve(struct role *r)
{
	struct admin *a = r->self;

	loop_timer_set(a->tick, TICK_MS);
	if (listener_new(r->loop, a->control, &admin_control_ops, a,
	    &a->listener) != ERR_OK)
		(void)complain("cannot watch the control socket");
}

static void
admin_peer_came(struct role *r, struct role_peer *p)
{
	admin_role_came(r->self, p);
}

static void
admin_peer_went(struct role *r, struct role_peer *p)
{
	admin_role_went(r->self, p);
	if (p->kind == IPC_ROLE_QUEUE || p->kind == IPC_ROLE_LOOKUP)
		admin_asked_went(r->self, p->kind);
}

static void
admin_stop(struct role *r)
{
	struct admin *a = r->self;

	loop_timer_set(a->end, LINGER_MS);
}

#define LINES_FROM(role) \
	{ IPC_ROLE_##role, &ipc_event_line, admin_line_came }, \
	{ IPC_ROLE_##role, &ipc_event_dropped, admin_dropped_came }
static const struct role_row rows[] = {
	LINES_FROM(SUPERVISOR),
	LINES_FROM(LOOKUP),
	LINES_FROM(RESOLVER),
	LINES_FROM(QUEUE),
	LINES_FROM(LOCAL),
	LINES_FROM(SENDER),
	LINES_FROM(RECEIVER),
	LINES_FROM(KEYS),
	LINES_FROM(STATE),
	LINES_FROM(BACKEND),
	{ IPC_ROLE_QUEUE, &ipc_steer_row, admin_row_came },
	{ IPC_ROLE_QUEUE, &ipc_steer_end, admin_end_came },
	{ IPC_ROLE_LOOKUP, &ipc_steer_row, admin_row_came },
	{ IPC_ROLE_LOOKUP, &ipc_steer_end, admin_end_came },
};

static const struct role_desc desc = {
	.kind = IPC_ROLE_ADMIN,
	.self_size = sizeof(struct admin),
	.rows = rows,
	.nrows = COUNT(rows),
	.file = admin_file,
	.listener = admin_listener,
	.load = admin_load,
	.start = admin_start,
	.serve = admin_serve,
	.peer_came = admin_peer_came,
	.peer_went = admin_peer_went,
	.stop = admin_stop,
	.log = admin_log,
};

int
main(void)
{
	return role_main(&desc);
}
