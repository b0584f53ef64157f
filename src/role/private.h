/*
 * private.h - what role.c and peers.c share, and nobody else.
 */
#ifndef POSTHORSE_ROLE_PRIVATE_H
#define POSTHORSE_ROLE_PRIVATE_H

#include "os/sandbox.h"
#include "role/role.h"

#define ROLE_CONTROL_FD		3
#define ROLE_DIRS_MAX		1100u	/* a directory a domain, and a few */
#define ROLE_PORTS_MAX		300u	/* a port a relay, and a few */
#define ROLE_LOG_WITHIN_MS	20u	/* lines go to admin together */
#define ROLE_LOG_WAITING	(32u * 1024)	/* octets of lines at most */
#define ROLE_WORKING_EVERY_MS	1000u
#define ROLE_RANDOM_POOL	1024u	/* octets asked of the kernel at once */

struct role_private {
	const struct role_desc	*desc;
	struct role_peer	*peers;		/* the supervisor is one of them */
	struct role_peer	*supervisor;
	struct role_peer	*admin;
	struct control_start	 start;
	struct config		*config;
	bool			 has_started, has_gone, is_serving, has_failed;
	bool			 is_done;
	struct loop_timer	*end;		/* STOP's patience */
	uint64_t		 worked_ms;	/* when that was said unasked */
	enum control_word	 last_word;
	struct buf		 payload;	/* of what is being encoded */
	uint64_t		 dropped;	/* log lines lost so far */
	struct buf		 lines;		/* waiting for their packet */
	struct loop_timer	*log_due;
	size_t			 ndirs, nports;
	struct sandbox_dir	 dirs[ROLE_DIRS_MAX];
	uint16_t		 ports[ROLE_PORTS_MAX];
	bool			 is_port_free;
	size_t			 nrandom;	/* octets left in random */
	uint8_t			 random[ROLE_RANDOM_POOL];
};

/* A peer from its descriptor; open: its channel reads from now on. */
struct role_peer *peer_add(struct role *r, enum ipc_role kind, uint32_t index,
    uint64_t instance, int fd);
bool peer_open(struct role *r, struct role_peer *p, int fd);
/* The waiting lines go to admin's channel. */
void peers_flush_log(struct role *r);
/* Rows of the supervisor that every role understands. */
extern const struct role_row role_control_rows[];
extern const size_t role_ncontrol_rows;
bool is_control_of(const struct role_peer *p);

#endif
