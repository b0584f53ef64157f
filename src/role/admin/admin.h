/*
 * admin.h - the admin role's own context.  Only for src/role/admin.
 *
 * Lines come in from every role and go to a sink, the history and whoever
 * follows; orders come in over the control socket and go to the queue or the
 * supervisor.  It sends messages and owns no mail.
 */
#ifndef POSTHORSE_ROLE_ADMIN_ADMIN_H
#define POSTHORSE_ROLE_ADMIN_ADMIN_H

#include "io/listener.h"
#include "ipc/event.h"
#include "ipc/steer.h"
#include "role/admin/history.h"
#include "role/admin/permit.h"
#include "role/admin/sink.h"
#include "role/role.h"

#define ADMIN_CLIENTS_MAX	64u	/* control connections at a time */
#define ADMIN_ROLES_MAX		160u	/* processes that status remembers */

/* A control connection. */
struct client {
	struct client	*next;
	struct admin	*admin;
	struct channel	*channel;
	enum permit	 permit;
	uid_t		 uid;
	uint64_t	 tag;		/* the client's, of its question */
	uint64_t	 queue_tag;	/* ours, while that role answers; or 0 */
	enum ipc_role	 asked;		/* queue or lookup */
	bool		 is_following;
};

struct admin_role {			/* for status */
	enum ipc_role	 kind;
	uint32_t	 index;
	uint64_t	 instance;	/* 0: away */
	uint64_t	 since_ms;	/* wall clock */
	uint64_t	 starts;
};

struct admin_count {
	const char	*event;
	uint64_t	 n;
};
#define ADMIN_COUNTS	10u

struct admin {
	struct role		*role;
	struct sink		*sink;
	int			 sink_fd;	/* until there is a sink */
	int			 history_dir, control;
	struct history		*history;
	struct listener		*listener;
	struct client		*clients;
	struct permit_rule	 rule;
	uint64_t		 last_tag;
	struct admin_role	 roles[ADMIN_ROLES_MAX];
	size_t			 nroles;
	struct admin_count	 counts[ADMIN_COUNTS];
	uint64_t		 dropped;	/* lines lost, by whomever */
	uint64_t		 unsaid;	/* of them not yet in the log */
	struct loop_turn	*turn;
	struct loop_timer	*tick, *end;
	struct buf		 scratch;	/* within one call */
	/* MEM-5: has its room from the start, for an answer without its end is
	 * waited for. */
	struct buf		 payload;
};

/* events.c: lines in, lines out */
void admin_event(struct admin *a, const struct event *e);
/* A line of our own. */
void admin_log(struct role *r, const struct log_line *l);
bool admin_line_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool admin_dropped_came(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
/* Whatever waits goes on: to the thread, to the disk. */
void admin_flush(struct admin *a);

/* orders.c: the control socket */
extern const struct listener_ops admin_control_ops;
bool admin_row_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool admin_end_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
/* It has gone: nobody answers what it was asked. */
void admin_asked_went(struct admin *a, enum ipc_role kind);
/* A row for each client that follows the log. */
void admin_follow(struct admin *a, const struct event *e);
/* False: the client reads too slowly, or is going. */
bool admin_row(struct client *c, struct span json);

/* status.c */
void admin_role_came(struct admin *a, const struct role_peer *p);
void admin_role_went(struct admin *a, const struct role_peer *p);
void admin_count(struct admin *a, const struct event *e);
void admin_counts_begin(struct admin *a);
/* Rows to this client; how many. */
uint64_t admin_status(struct client *c);

#endif
