/*
 * channel.c - packets of frames over SOCK_SEQPACKET.
 *
 * Outgoing packets wait in a list; the last one stays open for further frames
 * of the same turn unless it carries descriptors.  The first packet of a turn
 * asks for a task at the turn's end, which sends them all.
 *
 * What the system has too little of for a moment ends no conversation.  Room in
 * the peer's buffer wakes us; memory does not, nor the count of descriptors
 * that processes of one user have under way to each other (ETOOMANYREFS, for
 * who has no rights beyond it): after these we look again LATER_MS later.
 */
#include "io/channel.h"

#include "base/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A kernel buffer counts its own overhead too; four packets fit surely. */
#define KERNEL_ROOM	(8 * (int)CHANNEL_PACKET_MAX)
#define FDS_ROOM	(CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX))
/* Packets taken in one turn, so that one peer cannot hold the loop. */
#define BURST		16u
#define LATER_MS	10u

struct packet {
	struct packet	*next;
	unsigned int	 nfds;
	int		 fds[CHANNEL_FDS_MAX];
	size_t		 nframes;
	struct buf	 octets;
};

struct channel {
	struct loop			*loop;
	struct loop_watch		*watch;
	int				 fd;
	const struct channel_ops	*ops;
	void				*ctx;
	bool				 is_lossy;
	bool				 is_over;	/* closed is called
							 * by the task */
	bool				 is_broken;
	struct packet			*first, *last;
	size_t				 waiting;	/* octets */
	uint64_t			 dropped;
	struct loop_task		 flush;
	struct loop_timer		*later;
	bool				*is_gone;	/* freed inside */
};

enum err
channel_frame_next(struct span *packet, uint16_t *type, struct span *payload)
{
	struct unpack r = { .in = *packet };
	struct span octets;
	uint32_t length;
	uint16_t t;

	if (packet->n == 0)
		return ERR_NONE;
	t = unpack_u16(&r);
	length = unpack_u32(&r);
	octets = unpack_raw(&r, length);
	if (r.is_bad || t == 0)
		return ERR_SYNTAX;
	*packet = r.in;
	*type = t;
	*payload = octets;
	return ERR_OK;
}

enum err
channel_pair(int fds[2])
{
	static const int room = KERNEL_ROOM;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return ERR_IO;
	/* What the system's limit cuts is still enough for one packet. */
	for (int i = 0; i < 2; i++) {
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room,
		    sizeof room);
		(void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &room,
		    sizeof room);
	}
	return ERR_OK;
}

static void
fds_close(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void
packet_free(struct packet *p)
{
	fds_close(p->fds, p->nfds);
	/* MEM-7: passwords and keys of tickets cross here. */
	buf_wipe(&p->octets);
	free(p);
}

static void
packets_drop(struct channel *c)
{
	struct packet *p;

	while ((p = c->first) != NULL) {
		c->first = p->next;
		packet_free(p);
	}
	c->last = NULL;
	c->waiting = 0;
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	if (c->is_gone != NULL)
		*c->is_gone = true;
	if (!c->is_over)
		channel_flush(c);
	loop_task_cancel(&c->flush);
	loop_timer_free(c->later);
	loop_watch_free(c->watch);
	packets_drop(c);
	(void)close(c->fd);
	free(c);
}

bool
channel_is_over(const struct channel *c)
{
	return c->is_over;
}

bool
channel_is_broken(const struct channel *c)
{
	return c->is_broken;
}

/* Silence at once; closed is called from the end of this turn. */
static void
channel_over(struct channel *c)
{
	if (c->is_over)
		return;
	c->is_over = true;
	loop_timer_stop(c->later);
	loop_watch_want(c->watch, 0);
	packets_drop(c);
	loop_task_ask(c->loop, &c->flush);
}

/* Receiving */

/*
 * The descriptors that came along.  False: more came than a packet may carry;
 * the kernel has closed the surplus, we close the rest.
 */
static bool
fds_take(struct msghdr *m, int fds[CHANNEL_FDS_MAX], unsigned int *nfds)
{
	bool is_good = !(m->msg_flags & MSG_CTRUNC);
	struct cmsghdr *h;

	*nfds = 0;
	for (h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (*nfds < CHANNEL_FDS_MAX)
				fds[(*nfds)++] = fd;
			else
				is_good = close(fd) != 0 && false;
		}
	}
	return is_good;
}

enum took {
	TOOK_PACKET,
	TOOK_NOTHING,
	TOOK_END,	/* the peer has gone or broken the conversation */
	TOOK_GONE	/* the channel was freed by its owner */
};

/* A frame with descriptors is alone in its packet. */
static enum took
frames_give(struct channel *c, struct span packet, const int *fds,
    unsigned int nfds)
{
	struct span payload;
	bool is_gone = false, is_wanted;
	uint16_t type;
	enum err e;

	c->is_gone = &is_gone;
	while ((e = channel_frame_next(&packet, &type, &payload)) == ERR_OK) {
		if (nfds > 0 && packet.n > 0)
			break;
		is_wanted = c->ops->frame(c->ctx, c, type, payload, fds, nfds);
		if (!is_wanted)
			fds_close(fds, nfds);
		nfds = 0;
		if (is_gone)
			return TOOK_GONE;
		if (!is_wanted || c->is_over)
			break;
	}
	c->is_gone = NULL;
	fds_close(fds, nfds);
	c->is_broken |= e != ERR_NONE;
	return e == ERR_NONE ? TOOK_PACKET : TOOK_END;
}

static enum took
packet_take(struct channel *c)
{
	_Alignas(struct cmsghdr) char control[FDS_ROOM];
	uint8_t *scratch = loop_scratch(c->loop);
	struct iovec iov = { scratch, CHANNEL_PACKET_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control, .msg_controllen = sizeof control };
	int fds[CHANNEL_FDS_MAX];
	unsigned int nfds;
	enum took took;
	ssize_t n;

	n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TOOK_NOTHING;
	if (n < 0)
		return TOOK_END;
	/* An empty packet looks like the end; we never send one. */
	if (!fds_take(&m, fds, &nfds) || (m.msg_flags & MSG_TRUNC) || n == 0) {
		fds_close(fds, nfds);
		c->is_broken = n > 0;
		return TOOK_END;
	}
	took = frames_give(c, span_of(scratch, (size_t)n), fds, nfds);
	/* MEM-7; c may be gone by now, the loop is not. */
	explicit_bzero(scratch, (size_t)n);
	return took;
}

static void
channel_receive(struct channel *c)
{
	enum took took = TOOK_PACKET;

	for (unsigned int i = 0; i < BURST && took == TOOK_PACKET; i++)
		took = packet_take(c);
	if (took == TOOK_END)
		channel_over(c);
}

/* Sending */

static ssize_t
parts_send(struct channel *c, struct iovec *parts, size_t nparts,
    const int *fds, unsigned int nfds)
{
	_Alignas(struct cmsghdr) char control[FDS_ROOM] = { 0 };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = nparts };
	struct cmsghdr *h;

	if (nfds > 0) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		h = CMSG_FIRSTHDR(&m);
		ASSERT(h != NULL);	/* there is room for it */
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t
packet_send(struct channel *c, const struct packet *p)
{
	struct iovec iov = { p->octets.p, p->octets.n };

	return parts_send(c, &iov, 1, p->fds, p->nfds);
}

static void
packet_done(struct channel *c)
{
	struct packet *p = c->first;

	c->first = p->next;
	if (c->first == NULL)
		c->last = NULL;
	c->waiting -= p->octets.n;
	packet_free(p);
}

/* Why sendmsg() sent nothing, and has no quarrel with the peer. */
static enum err
unsent(int error)
{
	if (error == EAGAIN)
		return ERR_AGAIN;
	if (error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS)
		return ERR_NOMEM;
	return ERR_CLOSED;
}

/* ERR_AGAIN: the peer is slow; ERR_NOMEM: the system is short of something. */
static enum err
packets_send(struct channel *c)
{
	while (c->first != NULL) {
		if (packet_send(c, c->first) >= 0)
			packet_done(c);
		else if (errno != EINTR)
			return unsent(errno);
	}
	return ERR_OK;
}

void
channel_flush(struct channel *c)
{
	enum err e;

	if (c->is_over)
		return;
	e = packets_send(c);
	if (e == ERR_CLOSED) {
		channel_over(c);
		return;
	}
	if (c->is_lossy)
		for (; c->first != NULL; packet_done(c))
			c->dropped += c->first->nframes;
	else if (e == ERR_NOMEM)
		loop_timer_set(c->later, LATER_MS);
	loop_watch_want(c->watch, c->first != NULL && e == ERR_AGAIN ?
	    LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void
time_came(void *ctx)
{
	channel_flush(ctx);
}

/* The task: flush, or tell the owner that it is over. */
static void
turn_ended(void *ctx)
{
	struct channel *c = ctx;

	if (c->is_over)
		c->ops->closed(c->ctx, c);
	else
		channel_flush(c);
}

static enum err
packet_new(const int *fds, unsigned int nfds, struct packet **out)
{
	struct packet *p = calloc(1, sizeof *p);

	if (p == NULL)
		return ERR_NOMEM;
	p->octets = buf_make(CHANNEL_PACKET_MAX);
	for (; p->nfds < nfds; p->nfds++) {
		p->fds[p->nfds] = fcntl(fds[p->nfds], F_DUPFD_CLOEXEC, 0);
		if (p->fds[p->nfds] < 0) {
			packet_free(p);
			return ERR_IO;
		}
	}
	*out = p;
	return ERR_OK;
}

static enum err
frame_add(struct packet *p, uint16_t type, struct span payload)
{
	struct pack w = { .to = &p->octets };
	size_t before = p->octets.n;

	pack_u16(&w, type);
	pack_octets(&w, payload);
	if (w.error != ERR_OK) {
		buf_cut(&p->octets, before);
		return w.error;
	}
	p->nframes++;
	return ERR_OK;
}

static bool
packet_takes(const struct packet *p, size_t need)
{
	return p != NULL && p->nfds == 0 &&
	    need <= CHANNEL_PACKET_MAX - p->octets.n;
}

static enum err
frame_queue(struct channel *c, uint16_t type, struct span payload,
    const int *fds, unsigned int nfds)
{
	struct packet *p;
	enum err e;

	if (nfds == 0 && packet_takes(c->last, CHANNEL_HEAD + payload.n))
		return frame_add(c->last, type, payload);
	e = packet_new(fds, nfds, &p);
	if (e != ERR_OK)
		return e;
	e = frame_add(p, type, payload);
	if (e != ERR_OK) {
		packet_free(p);
		return e;
	}
	if (c->last != NULL)
		c->last->next = p;
	else
		c->first = p;
	c->last = p;
	return ERR_OK;
}

/*
 * MEM-5: no memory to let it wait.  What waits goes out first, then this, so
 * that a short moment of want costs no conversation.
 */
static enum err
frame_send_now(struct channel *c, uint16_t type, struct span payload,
    const int *fds, unsigned int nfds)
{
	uint8_t head[CHANNEL_HEAD] = {
		(uint8_t)type, (uint8_t)(type >> 8), (uint8_t)payload.n,
		(uint8_t)(payload.n >> 8), (uint8_t)(payload.n >> 16), 0,
	};
	struct iovec parts[] = {
		{ head, sizeof head },
		{ (void *)(uintptr_t)payload.p, payload.n },
	};

	channel_flush(c);
	if (c->is_over)
		return ERR_CLOSED;
	if (c->first != NULL ||
	    parts_send(c, parts, COUNT(parts), fds, nfds) < 0)
		return ERR_NOMEM;
	return ERR_OK;
}

enum err
channel_send(struct channel *c, uint16_t type, struct span payload,
    const int *fds, unsigned int nfds)
{
	enum err e;

	ASSERT(type != 0 && nfds <= CHANNEL_FDS_MAX);
	if (c->is_over)
		return ERR_CLOSED;
	if (payload.n > CHANNEL_PACKET_MAX - CHANNEL_HEAD)
		return ERR_FULL;
	if (c->waiting + CHANNEL_HEAD + payload.n > CHANNEL_BACKLOG_MAX) {
		c->dropped += c->is_lossy;
		return ERR_FULL;
	}
	e = frame_queue(c, type, payload, fds, nfds);
	if (e == ERR_NOMEM)
		return frame_send_now(c, type, payload, fds, nfds);
	if (e != ERR_OK)
		return e;
	c->waiting += CHANNEL_HEAD + payload.n;
	loop_task_ask(c->loop, &c->flush);
	return ERR_OK;
}

size_t
channel_backlog(const struct channel *c)
{
	return c->waiting;
}

uint64_t
channel_take_dropped(struct channel *c)
{
	uint64_t n = c->dropped;

	c->dropped = 0;
	return n;
}

static void
ready(void *ctx, unsigned int events)
{
	struct channel *c = ctx;

	if (events & LOOP_WRITE)
		channel_flush(c);
	if ((events & LOOP_READ) && !c->is_over)
		channel_receive(c);
}

enum err
channel_new(struct loop *loop, int fd, bool is_lossy,
    const struct channel_ops *ops, void *ctx, struct channel **out)
{
	struct channel *c = calloc(1, sizeof *c);
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	*c = (struct channel){ .loop = loop, .fd = fd, .ops = ops, .ctx = ctx,
	    .is_lossy = is_lossy, .flush = { .run = turn_ended, .ctx = c } };
	e = loop_timer_new(loop, time_came, c, &c->later);
	if (e == ERR_OK)
		e = loop_watch_new(loop, fd, ready, c, &c->watch);
	if (e != ERR_OK) {
		loop_timer_free(c->later);
		free(c);
		return e;
	}
	loop_watch_want(c->watch, LOOP_READ);
	*out = c;
	return ERR_OK;
}
