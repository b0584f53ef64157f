/*
 * listener.h - take connections off a listening socket that was given to us.
 *
 * At most LISTENER_BURST a turn, so that those we already talk to are served
 * between.  When descriptors run out (OPS-3) a reserve descriptor is spent to
 * take one connection and turn it away, then accepting rests for
 * LISTENER_REST_MS: no busy loop, and it goes on by itself.
 *
 * The only place where an IPv4-mapped IPv6 address becomes IPv4 (SMTP-12).
 */
#ifndef POSTHORSE_IO_LISTENER_H
#define POSTHORSE_IO_LISTENER_H

#include "io/loop.h"

#include <sys/types.h>

#define LISTENER_BURST		64u
#define LISTENER_REST_MS	100u

struct listener_peer {
	uint8_t		naddress;	/* 4 or 16; 0: a UNIX socket */
	uint8_t		address[16];	/* network order */
	uint16_t	port;
	/* UNIX: who connected, told by the kernel (SO_PEERCRED). */
	uid_t		uid;
	gid_t		gid;
	pid_t		pid;
};

struct listener;
struct listener_ops {
	/* fd is the callee's: non-blocking, close-on-exec, TCP_NODELAY. */
	void (*accepted)(void *ctx, int fd, const struct listener_peer *peer);
	/* May be NULL.  Out of descriptors (error is errno); resting now.
	 * fd: who was taken all the same, the callee's to turn away and
	 * close; -1: nobody. */
	void (*starved)(void *ctx, int fd, int error);
};
/* Takes fd over: bound and listening, TCP or UNIX. */
MUST_USE enum err listener_new(struct loop *loop, int fd,
    const struct listener_ops *ops, void *ctx, struct listener **l);
/* Closes the socket.  Safe inside its own callbacks. */
void listener_free(struct listener *l);
/* Connections wait in the kernel's backlog between pause and resume. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);

/* Our end and the peer's end of a connected socket; IPv4-mapped as above. */
MUST_USE enum err listener_peer_of(int fd, struct listener_peer *peer);
MUST_USE enum err listener_local_of(int fd, struct listener_peer *local);

#endif
