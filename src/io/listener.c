/*
 * listener.c - accept, a few at a time, and survive running out.
 */
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
	struct loop			*loop;
	struct loop_watch		*watch;
	struct loop_timer		*rest;
	const struct listener_ops	*ops;
	void				*ctx;
	int				 fd;
	int				 reserve;	/* -1: spent */
	bool				 is_paused;	/* by the owner */
	bool				 is_resting;
	bool				*is_gone;	/* freed inside */
};

union address {
	struct sockaddr		any;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_storage	room;
};

/* Any descriptor will do; an eventfd needs no file system and no name. */
static int
reserve_make(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void
peer_from_in6(struct listener_peer *p, const struct sockaddr_in6 *in6)
{
	const uint8_t *octets = in6->sin6_addr.s6_addr;

	p->port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		p->naddress = 4;
		memcpy(p->address, octets + 12, 4);
		return;
	}
	p->naddress = 16;
	memcpy(p->address, octets, 16);
}

static enum err
peer_make(int fd, const union address *a, struct listener_peer *peer)
{
	struct listener_peer p = { 0 };
	struct ucred who;
	socklen_t n = sizeof who;

	if (a->any.sa_family == AF_INET) {
		p.naddress = 4;
		p.port = ntohs(a->in.sin_port);
		memcpy(p.address, &a->in.sin_addr, 4);
	} else if (a->any.sa_family == AF_INET6) {
		peer_from_in6(&p, &a->in6);
	} else {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
			return ERR_IO;
		p.uid = who.uid;
		p.gid = who.gid;
		p.pid = who.pid;
	}
	*peer = p;
	return ERR_OK;
}

enum err
listener_peer_of(int fd, struct listener_peer *peer)
{
	union address a = { 0 };
	socklen_t n = sizeof a;

	if (getpeername(fd, &a.any, &n) != 0)
		return ERR_IO;
	return peer_make(fd, &a, peer);
}

enum err
listener_local_of(int fd, struct listener_peer *local)
{
	union address a = { 0 };
	socklen_t n = sizeof a;

	if (getsockname(fd, &a.any, &n) != 0)
		return ERR_IO;
	return peer_make(fd, &a, local);
}

static void
wants(struct listener *l)
{
	loop_watch_want(l->watch,
	    l->is_paused || l->is_resting ? 0 : LOOP_READ);
}

static void
rested(void *ctx)
{
	struct listener *l = ctx;

	if (l->reserve < 0)
		l->reserve = reserve_make();
	l->is_resting = false;
	wants(l);
}

/*
 * Out of descriptors.  With the reserve's place one waiting connection is
 * taken and closed: it learns at once that we are full, and a level-triggered
 * loop is not woken by it for ever.
 */
static void
starve(struct listener *l, int error)
{
	int fd = -1;

	if (l->reserve >= 0) {
		(void)close(l->reserve);
		l->reserve = -1;
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	l->is_resting = true;
	wants(l);
	loop_timer_set(l->rest, LISTENER_REST_MS);
	/* The reserve is made anew after the rest, when fd is closed. */
	if (l->ops->starved != NULL)
		l->ops->starved(l->ctx, fd, error);
	else if (fd >= 0)
		(void)close(fd);
}

/* accept(2): the connection itself has failed; take the next one. */
static bool
is_passing(int error)
{
	static const int errors[] = {
		EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENETUNREACH,
		EHOSTDOWN, EHOSTUNREACH, ENONET, ENOPROTOOPT, EOPNOTSUPP,
	};

	for (size_t i = 0; i < COUNT(errors); i++)
		if (errors[i] == error)
			return true;
	return false;
}

/* False: nothing more to take now, or l was freed. */
static bool
accept_one(struct listener *l)
{
	union address a = { 0 };
	socklen_t n = sizeof a;
	struct listener_peer peer;
	bool is_gone = false;
	int fd;

	fd = accept4(l->fd, &a.any, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (is_passing(errno))
			return true;
		/* Whatever else it is, it must not keep the loop busy. */
		if (errno != EAGAIN)
			starve(l, errno);
		return false;
	}
	if (peer_make(fd, &a, &peer) != ERR_OK) {
		(void)close(fd);
		return true;
	}
	l->is_gone = &is_gone;
	l->ops->accepted(l->ctx, fd, &peer);
	if (is_gone)
		return false;
	l->is_gone = NULL;
	return !l->is_paused;
}

static void
ready(void *ctx, unsigned int events UNUSED)
{
	struct listener *l = ctx;

	for (unsigned int i = 0; i < LISTENER_BURST; i++)
		if (!accept_one(l))
			return;
}

enum err
listener_new(struct loop *loop, int fd, const struct listener_ops *ops,
    void *ctx, struct listener **out)
{
	struct listener *l = calloc(1, sizeof *l);
	enum err e;

	if (l == NULL)
		return ERR_NOMEM;
	*l = (struct listener){ .loop = loop, .ops = ops, .ctx = ctx,
	    .fd = fd, .reserve = reserve_make() };
	e = loop_timer_new(loop, rested, l, &l->rest);
	if (e == ERR_OK)
		e = loop_watch_new(loop, fd, ready, l, &l->watch);
	if (e != ERR_OK) {
		l->fd = -1;	/* not taken over */
		listener_free(l);
		return e;
	}
	wants(l);
	*out = l;
	return ERR_OK;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->is_gone != NULL)
		*l->is_gone = true;
	loop_watch_free(l->watch);
	loop_timer_free(l->rest);
	if (l->fd >= 0)
		(void)close(l->fd);
	if (l->reserve >= 0)
		(void)close(l->reserve);
	free(l);
}

void
listener_pause(struct listener *l)
{
	l->is_paused = true;
	wants(l);
}

void
listener_resume(struct listener *l)
{
	l->is_paused = false;
	wants(l);
}
