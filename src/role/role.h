/*
 * role.h - what every role does alike: start, sandbox, channels, log, stop.
 *
 * A role's main() is `return role_main(&desc);`.  Control is descriptor 3.
 * Order (ARCHITECTURE 2): START, FILE, LISTEN, CHANNEL, GO are read; load()
 * reads what only the start may read; ids are dropped and the drop is checked
 * (PRV-2); no_new_privs; Landlock; start() makes every thread; seccomp over all
 * of them; READY; then channels and listeners are served.
 */
#ifndef POSTHORSE_ROLE_ROLE_H
#define POSTHORSE_ROLE_ROLE_H

#include "base/log.h"
#include "config/config.h"
#include "io/channel.h"
#include "io/loop.h"
#include "ipc/control.h"
#include "ipc/ipc.h"
#include "os/sandbox.h"

struct role {			/* given to every callback; one a process */
	struct loop		*loop;
	const struct config	*config;
	enum ipc_role		 kind;
	uint32_t		 index;
	uint64_t		 instance;
	void			*self;		/* the role's own context */
	struct role_private	*priv;
};

struct role_peer;
/* One row a message that the role understands, as in talk tables. */
struct role_row {
	enum ipc_role		 from;	/* which peer may send it */
	const struct ipc_type	*type;
	/* msg: decoded struct; its spans end with the call.  fds (as many as
	 * the type says) are the handler's, whatever it returns.
	 * False: the peer has broken the conversation and is cut off. */
	bool (*handle)(struct role *r, struct role_peer *from, const void *msg,
	    const int *fds);
};

struct role_peer {
	struct role_peer *next;
	struct role	*role;
	enum ipc_role	 kind;
	uint32_t	 index;
	uint64_t	 instance;
	struct channel	*channel;
	void		*data;		/* the role's own, for this peer */
	/* private: */
	struct loop_task cut;
	int		 fd;		/* until the channel is opened */
	bool		 is_cut;
};

struct role_desc {
	enum ipc_role		 kind;
	enum sandbox_profile	 profile;	/* a back end's; else by kind */
	size_t			 self_size;	/* of role->self, born zeroed */
	const struct role_row	*rows;
	size_t			 nrows;
	/*
	 * All optional.  False from file, listener, load or start: the role
	 * cannot begin (it has said why on standard error).  file comes again
	 * while serving when the supervisor passes a new descriptor.
	 */
	bool (*file)(struct role *r, struct span purpose, int fd);
	bool (*listener)(struct role *r, uint32_t row, int fd);
	bool (*load)(struct role *r);	/* may read files; says its reach */
	bool (*start)(struct role *r);	/* threads, timers; no stranger yet */
	void (*serve)(struct role *r);	/* sandboxed: begin to accept */
	void (*peer_came)(struct role *r, struct role_peer *p);
	/* Questions put to it end as "temporary".  p is freed afterwards. */
	void (*peer_went)(struct role *r, struct role_peer *p);
	void (*stop)(struct role *r);	/* finish, then role_done() */
	/* Admin's alone: where its own lines go, for it has no admin. */
	void (*log)(struct role *r, const struct log_line *l);
};
int role_main(const struct role_desc *desc);
/* From stop() or later: everything promised is kept; ends the process. */
void role_done(struct role *r);

/*
 * From work that keeps the loop waiting for long and cannot be cut into turns:
 * the supervisor replaces a role that is silent for 30 s.  Call it often.
 */
void role_working(struct role *r);
/*
 * Before a sync that the loop has to wait for: a slow disk may take minutes, and
 * the supervisor is patient for five.  It holds until the next word or answer.
 */
void role_syncing(struct role *r);

/*
 * From load() only: what stays in reach of this role under Landlock.  fd is
 * borrowed for good.  ERR_FULL.
 */
MUST_USE enum err role_reach_dir(struct role *r, int fd, bool is_writable);
MUST_USE enum err role_reach_port(struct role *r, uint16_t port);
void role_reach_any_port(struct role *r);

/*
 * Encode and queue; it leaves at the end of this turn.  ERR_CLOSED: to is
 * NULL; ERR_FULL: the peer does not read, or a bound of ours.
 */
MUST_USE enum err role_send(struct role *r, struct role_peer *to,
    const struct ipc_type *type, const void *msg, const int *fds);
/* Half of what may wait for it waits: put off what can be asked again. */
bool role_is_slow(const struct role_peer *p);
/* The peer broke the conversation: its channel ends, peer_went follows. */
void role_cut(struct role *r, struct role_peer *p, const char *why);
/* A living peer of a kind, or the one with that index; or NULL. */
struct role_peer *role_peer(struct role *r, enum ipc_role kind);
struct role_peer *role_peer_at(struct role *r, enum ipc_role kind,
    uint32_t index);
/* Walk all: start with NULL; NULL at the end. */
struct role_peer *role_peer_next(struct role *r, struct role_peer *p);

/*
 * A line for admin; never waits, never fails.  Lines of 20 ms leave together,
 * an alarm at once; what a crash finds waiting is lost.
 */
void role_log(struct role *r, const struct log_line *l);
/* Unpredictable octets, and a fresh message id. */
void role_random(struct role *r, void *to, size_t n);
struct msg_id role_new_id(struct role *r);

#endif
