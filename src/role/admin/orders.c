/*
 * orders.c - the control socket: who asks, what may be asked, who answers.
 *
 * One question at a time a connection (ipc/steer.h).  A question for the queue
 * goes on under a tag of ours, so that no client can name another's.
 */
#include "role/admin/admin.h"

#include "os/clock.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX	256u	/* supplementary groups looked at */

/* Answers */

static bool
send_to(struct client *c, const struct ipc_type *type, const void *msg)
{
	struct buf *b = &c->admin->payload;

	buf_cut(b, 0);
	return ipc_encode(type, msg, b) == ERR_OK &&
	    channel_send(c->channel, type->number, buf_span(b), NULL, 0) ==
	    ERR_OK;
}

bool
admin_row(struct client *c, struct span json)
{
	const struct steer_row m = { .tag = c->tag, .json = json };

	return send_to(c, &ipc_steer_row, &m);
}

static void
end(struct client *c, bool is_ok, uint64_t count, const char *why)
{
	const struct steer_end m = {
		.tag = c->tag,
		.is_ok = is_ok,
		.count = count,
		.why = span_str(why),
	};

	c->queue_tag = 0;
	(void)send_to(c, &ipc_steer_end, &m);
}

void
admin_follow(struct admin *a, const struct event *e)
{
	struct buf *b = &a->scratch;
	bool has_row = false;

	for (struct client *c = a->clients; c != NULL; c = c->next) {
		if (!c->is_following)
			continue;
		buf_cut(b, 0);
		has_row = event_json(e, b) == ERR_OK;
		/* Who follows too slowly misses lines, as a sink does. */
		if (has_row && !admin_row(c, buf_span(b)))
			a->dropped++;
	}
}

/* Questions */

static bool
pass_on(struct client *c, enum ipc_role to, const struct steer_ask *ask)
{
	struct admin *a = c->admin;
	struct steer_ask m = *ask;

	m.tag = ++a->last_tag;
	if (role_send(a->role, role_peer(a->role, to), &ipc_steer_ask, &m,
	    NULL) != ERR_OK)
		return false;
	c->queue_tag = m.tag;
	c->asked = to;
	return true;
}

static void
ask_queue(struct client *c, const struct steer_ask *ask)
{
	if (!pass_on(c, IPC_ROLE_QUEUE, ask))
		end(c, false, 0, "the queue is away for a moment; ask again");
}

static void
ask_lookup(struct client *c, const struct steer_ask *ask)
{
	if (!pass_on(c, IPC_ROLE_LOOKUP, ask))
		end(c, false, 0, "lookup is away for a moment; ask again");
}

static bool
show_event(void *ctx, const struct event *e)
{
	struct client *c = ctx;
	struct buf *b = &c->admin->scratch;

	buf_cut(b, 0);
	return event_json(e, b) != ERR_OK || admin_row(c, buf_span(b));
}

static void
ask_trace(struct client *c, const struct steer_ask *ask)
{
	struct msg_id id;
	uint64_t n;

	if (msg_id_parse(ask->argument, &id) != ERR_OK) {
		end(c, false, 0, "that is no message id: 26 letters and digits");
		return;
	}
	n = history_trace(c->admin->history, &id, clock_wall_ms(), show_event,
	    c);
	end(c, n > 0, n, n > 0 ? "" :
	    "nothing is known of that message, or no longer");
}

static void
ask_log(struct client *c, const struct steer_ask *ask UNUSED)
{
	c->is_following = true;
}

static void
ask_status(struct client *c, const struct steer_ask *ask UNUSED)
{
	end(c, true, admin_status(c), "");
}

static void
ask_stop(struct client *c, const struct steer_ask *ask UNUSED)
{
	const struct control_stop_all m = { .uid = (uint32_t)c->uid };
	struct role *r = c->admin->role;
	bool is_told = role_send(r, role_peer(r, IPC_ROLE_SUPERVISOR),
	    &ipc_control_stop_all, &m, NULL) == ERR_OK;

	end(c, is_told, 0, is_told ? "" : "the supervisor does not listen");
}

static void (*const orders[])(struct client *, const struct steer_ask *) = {
	[STEER_QUEUE_LIST] = ask_queue,
	[STEER_QUEUE_SHOW] = ask_queue,
	[STEER_QUEUE_RETRY] = ask_queue,
	[STEER_QUEUE_DELETE] = ask_queue,
	[STEER_QUEUE_HOLD] = ask_queue,
	[STEER_QUEUE_RELEASE] = ask_queue,
	[STEER_QUEUE_BOUNCE] = ask_queue,
	[STEER_TRACE] = ask_trace,
	[STEER_LOG] = ask_log,
	[STEER_STATUS] = ask_status,
	[STEER_STOP] = ask_stop,
	[STEER_USER_STOPPED] = ask_lookup,
	[STEER_USER_LIFT] = ask_lookup,
};
_Static_assert(COUNT(orders) == STEER_VERB_COUNT, "every verb is answered");

static bool
client_frame(void *ctx, struct channel *ch UNUSED, uint16_t type,
    struct span payload, const int *fds UNUSED, unsigned int nfds)
{
	struct client *c = ctx;
	struct steer_ask ask;

	if (nfds != 0 || type != ipc_steer_ask.number ||
	    ipc_decode(&ipc_steer_ask, payload, &ask) != ERR_OK)
		return false;
	/* One at a time, and a follower only listens. */
	if (c->queue_tag != 0 || c->is_following || ask.verb == 0)
		return false;
	c->tag = ask.tag;
	if (!permit_allows(c->permit, (enum steer_verb)ask.verb)) {
		end(c, false, 0, "you may not do that");
		return true;
	}
	orders[ask.verb](c, &ask);
	return true;
}

static void
client_closed(void *ctx, struct channel *ch)
{
	struct client *c = ctx, **link = &c->admin->clients;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	channel_free(ch);
	free(c);
}

static const struct channel_ops client_ops = {
	.frame = client_frame,
	.closed = client_closed,
};

/* Connections */

/* More groups than we look at: none of them counts. */
static size_t
groups_of(int fd, gid_t groups[GROUPS_MAX])
{
	socklen_t n = GROUPS_MAX * sizeof groups[0];

#ifdef SO_PEERGROUPS
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) == 0)
		return n / sizeof groups[0];
#endif
	(void)fd;
	return 0;
}

static size_t
count_clients(const struct admin *a)
{
	size_t n = 0;

	for (const struct client *c = a->clients; c != NULL; c = c->next)
		n++;
	return n;
}

/* Who only looks cannot keep out who may do all: the oldest looker goes. */
static bool
make_room(struct admin *a)
{
	struct client *oldest = NULL;

	for (struct client *c = a->clients; c != NULL; c = c->next)
		if (c->permit != PERMIT_ALL)
			oldest = c;
	if (oldest == NULL)
		return false;
	client_closed(oldest, oldest->channel);
	return true;
}

static void
control_accepted(void *ctx, int fd, const struct listener_peer *peer)
{
	struct admin *a = ctx;
	gid_t groups[GROUPS_MAX];
	enum permit permit = permit_of(&a->rule, peer->uid, peer->gid, groups,
	    groups_of(fd, groups));
	bool is_full = count_clients(a) >= ADMIN_CLIENTS_MAX;
	struct client *c = calloc(1, sizeof *c);

	if (c == NULL ||
	    (is_full && (permit != PERMIT_ALL || !make_room(a)))) {
		free(c);
		(void)close(fd);
		return;
	}
	c->admin = a;
	c->uid = peer->uid;
	c->permit = permit;
	if (channel_new(a->role->loop, fd, false, &client_ops, c,
	    &c->channel) != ERR_OK) {
		(void)close(fd);
		free(c);
		return;
	}
	c->next = a->clients;
	a->clients = c;
}

const struct listener_ops admin_control_ops = {
	.accepted = control_accepted,
};

/* Answers of queue and lookup */

static struct client *
client_of_tag(const struct admin *a, const struct role_peer *from,
    uint64_t tag)
{
	for (struct client *c = a->clients; c != NULL; c = c->next)
		if (tag != 0 && c->queue_tag == tag && c->asked == from->kind)
			return c;
	return NULL;		/* it has gone meanwhile */
}

bool
admin_row_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct steer_row *m = msg;
	struct client *c = client_of_tag(r->self, from, m->tag);

	if (c != NULL && !admin_row(c, m->json))
		end(c, false, 0, "you read too slowly; ask for fewer");
	return true;
}

bool
admin_end_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct steer_end *m = msg;
	struct client *c = client_of_tag(r->self, from, m->tag);
	struct steer_end answer = *m;

	if (c == NULL)
		return true;
	answer.tag = c->tag;
	c->queue_tag = 0;
	(void)send_to(c, &ipc_steer_end, &answer);
	return true;
}

void
admin_asked_went(struct admin *a, enum ipc_role kind)
{
	for (struct client *c = a->clients; c != NULL; c = c->next)
		if (c->queue_tag != 0 && c->asked == kind)
			end(c, false, 0, kind == IPC_ROLE_QUEUE ?
			    "the queue was replaced meanwhile; ask again" :
			    "lookup was replaced meanwhile; ask again");
}
