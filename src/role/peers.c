/*
 * peers.c - the other processes: their channels, and who may say what.
 */
#include "role/private.h"

#include "ipc/event.h"
#include "os/clock.h"

#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_MAX	512u	/* octets of the largest message struct */

static const struct role_row *
row_find(const struct role_row *rows, size_t n, enum ipc_role from,
    uint16_t number)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].type->number == number && rows[i].from == from)
			return &rows[i];
	return NULL;
}

static bool
take_frame(struct role *r, struct role_peer *p, uint16_t number,
    struct span payload, const int *fds, unsigned int nfds)
{
	_Alignas(16) uint8_t msg[MESSAGE_MAX];
	const struct role_desc *desc = r->priv->desc;
	const struct role_row *row =
	    row_find(desc->rows, desc->nrows, p->kind, number);

	if (row == NULL)
		row = row_find(role_control_rows, role_ncontrol_rows, p->kind,
		    number);
	if (row == NULL || nfds != row->type->fds)
		return false;
	ASSERT(row->type->size <= sizeof msg);
	if (ipc_decode(row->type, payload, msg) != ERR_OK)
		return false;
	/* From here on the handler owns the descriptors: cut, don't refuse. */
	if (!row->handle(r, p, msg, fds))
		role_cut(r, p, row->type->name);
	return true;
}

static void
peer_unlink(struct role *r, struct role_peer *p)
{
	struct role_peer **link = &r->priv->peers;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	if (r->priv->admin == p)
		r->priv->admin = NULL;
}

static void
peer_gone(struct role *r, struct role_peer *p)
{
	/* Without a supervisor nobody would replace us or stop us. */
	if (p == r->priv->supervisor)
		_exit(r->priv->is_done ? 0 : 1);
	peer_unlink(r, p);
	if (r->priv->desc->peer_went != NULL)
		r->priv->desc->peer_went(r, p);
	/* Cut by us and broken by it in one turn: the other end came first. */
	loop_task_cancel(&p->cut);
	channel_free(p->channel);
	free(p);
}

/*
 * It broke the conversation.  It is replaced, or we are: the supervisor decides
 * (PRV-3).
 */
static void
condemn(struct role *r, const struct role_peer *p, const char *why)
{
	const struct control_cut m = { (uint8_t)p->kind, p->index,
		p->instance };
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ALARM, NULL, "peer-cut");
	log_str(&line, "peer", ipc_role_name(p->kind));
	log_num(&line, "index", p->index);
	log_str(&line, "why", why);
	role_log(r, &line);
	/* A supervisor that does not read has worse to answer for. */
	if (p != r->priv->supervisor && role_send(r, r->priv->supervisor,
	    &ipc_control_cut, &m, NULL) != ERR_OK)
		return;
}

static void
cut_now(void *ctx)
{
	struct role_peer *p = ctx;

	peer_gone(p->role, p);
}

void
role_cut(struct role *r, struct role_peer *p, const char *why)
{
	if (p->is_cut)
		return;
	p->is_cut = true;
	/* Who has ended is no liar. */
	if (!channel_is_over(p->channel))
		condemn(r, p, why);
	/* At the end of this turn: whoever called may still hold p. */
	p->cut = (struct loop_task){ .run = cut_now, .ctx = p };
	loop_task_ask(r->loop, &p->cut);
}

static bool
on_frame(void *ctx, struct channel *c UNUSED, uint16_t type,
    struct span payload, const int *fds, unsigned int nfds)
{
	struct role_peer *p = ctx;

	if (p->is_cut)
		return false;
	if (take_frame(p->role, p, type, payload, fds, nfds))
		return true;
	role_cut(p->role, p, "no message that it may send");
	return false;
}

static void
on_closed(void *ctx, struct channel *c)
{
	struct role_peer *p = ctx;

	if (!p->is_cut && channel_is_broken(c))
		condemn(p->role, p, "no message at all");
	peer_gone(p->role, p);
}

static const struct channel_ops ops = {
	.frame = on_frame,
	.closed = on_closed,
};

struct role_peer *
peer_add(struct role *r, enum ipc_role kind, uint32_t index, uint64_t instance,
    int fd)
{
	struct role_peer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	*p = (struct role_peer){
		.next = r->priv->peers,
		.role = r,
		.kind = kind,
		.index = index,
		.instance = instance,
		.fd = fd,
	};
	r->priv->peers = p;
	return p;
}

bool
peer_open(struct role *r, struct role_peer *p, int fd)
{
	bool is_lossy = p->kind == IPC_ROLE_ADMIN &&
	    r->kind != IPC_ROLE_QUEUE && r->kind != IPC_ROLE_SUPERVISOR;

	if (channel_new(r->loop, fd, is_lossy, &ops, p, &p->channel) != ERR_OK)
		return false;
	p->fd = -1;
	if (p->kind == IPC_ROLE_ADMIN)
		r->priv->admin = p;
	return true;
}

struct role_peer *
role_peer_next(struct role *r, struct role_peer *p)
{
	return p == NULL ? r->priv->peers : p->next;
}

static bool
is_alive(const struct role_peer *p)
{
	return p->channel != NULL && !p->is_cut;
}

struct role_peer *
role_peer(struct role *r, enum ipc_role kind)
{
	for (struct role_peer *p = r->priv->peers; p != NULL; p = p->next)
		if (p->kind == kind && is_alive(p))
			return p;
	return NULL;
}

struct role_peer *
role_peer_at(struct role *r, enum ipc_role kind, uint32_t index)
{
	for (struct role_peer *p = r->priv->peers; p != NULL; p = p->next)
		if (p->kind == kind && p->index == index && is_alive(p))
			return p;
	return NULL;
}

enum err
role_send(struct role *r, struct role_peer *to, const struct ipc_type *type,
    const void *msg, const int *fds)
{
	struct buf *b = &r->priv->payload;
	enum err e;

	if (to == NULL || !is_alive(to))
		return ERR_CLOSED;
	buf_cut(b, 0);
	e = ipc_encode(type, msg, b);
	if (e != ERR_OK)
		return e;
	e = channel_send(to->channel, type->number, buf_span(b), fds,
	    type->fds);
	/* MEM-7: it may be a password. */
	explicit_bzero(b->p, b->n);
	return e;
}

bool
role_is_slow(const struct role_peer *p)
{
	return channel_backlog(p->channel) > CHANNEL_BACKLOG_MAX / 2;
}

/* How many were lost is said as soon as a line gets through again. */
static void
say_dropped(struct role *r, struct role_peer *admin)
{
	struct event_dropped m = { .lines = r->priv->dropped };

	if (m.lines == 0)
		return;
	r->priv->dropped = 0;
	if (role_send(r, admin, &ipc_event_dropped, &m, NULL) != ERR_OK)
		r->priv->dropped = m.lines;
}

static void
send_line(struct role *r, struct role_peer *admin, const struct event_line *m)
{
	if (admin == NULL || !is_alive(admin) ||
	    role_send(r, admin, &ipc_event_line, m, NULL) != ERR_OK)
		r->priv->dropped++;
}

void
peers_flush_log(struct role *r)
{
	struct buf *waiting = &r->priv->lines;
	struct unpack u = { .in = buf_span(waiting) };
	struct role_peer *admin = r->priv->admin;
	struct event_line m;

	if (waiting->n == 0)
		return;
	if (admin == NULL || !is_alive(admin)) {
		/* It is being replaced: a few lines can wait for the next. */
		if (waiting->n < ROLE_LOG_WAITING / 2) {
			loop_timer_set(r->priv->log_due, ROLE_LOG_WITHIN_MS);
			return;
		}
		admin = NULL;
	} else {
		r->priv->dropped += channel_take_dropped(admin->channel);
		say_dropped(r, admin);
	}
	while (u.in.n > 0) {
		m.wall_ms = unpack_u64(&u);
		m.level = unpack_u8(&u);
		m.text = unpack_octets(&u, LOG_LINE_MAX);
		send_line(r, admin, &m);
	}
	buf_cut(waiting, 0);
}

void
role_log(struct role *r, const struct log_line *l)
{
	struct buf *waiting = &r->priv->lines;
	struct pack w = { .to = waiting };
	size_t was = waiting->n;

	if (r->config != NULL && l->level > r->config->log_level)
		return;
	pack_u64(&w, clock_wall_ms());
	pack_u8(&w, (uint8_t)l->level);
	pack_octets(&w, log_text(l));
	if (w.error != ERR_OK) {
		buf_cut(waiting, was);
		r->priv->dropped++;
		return;
	}
	/* An alarm, or half a packet: now.  Else a moment later, together. */
	if (waiting->n >= ROLE_LOG_WAITING / 2 ||
	    (l->level == LOG_LEVEL_ALARM && r->priv->admin != NULL))
		peers_flush_log(r);
	else if (was == 0)
		loop_timer_set(r->priv->log_due, ROLE_LOG_WITHIN_MS);
}
