/*
 * receiver.h - the role that takes mail in: what its files share.
 *
 *	accept.c	sockets into sessions, and who may connect
 *	load.c		how full it is, and what is shorter then
 *	session.c	a stream, a session machine, and what its actions ask
 *	ask.c		questions to lookup, and remembered answers
 *	content.c	content on its way: chunks, or a large file
 *	commit.c	records, syncs, and the 250s that follow them
 *	tell.c		log lines (doc/design/events.md)
 */
#ifndef POSTHORSE_ROLE_RECEIVER_RECEIVER_H
#define POSTHORSE_ROLE_RECEIVER_RECEIVER_H

#include "base/map.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/tls.h"
#include "io/worker.h"
#include "ipc/intake.h"
#include "ipc/lookup.h"
#include "proto/smtp_server.h"
#include "role/role.h"
#include "spool/writer.h"

#define RECEIVER_LISTENS_MAX	(CONFIG_LISTENS_MAX + 1)
#define RECEIVER_SESSIONS_MAX	60000u	/* a slot's number has 16 bits */
#define RECEIVER_CHUNK		(16u * 1024)	/* octets of content */
#define RECEIVER_CHUNKS_KEPT	64u		/* spare ones: 1 MiB */
#define RECEIVER_CHUNKS_MAX	(SPOOL_INLINE_MAX / RECEIVER_CHUNK)
#define RECEIVER_CACHE_MAX	4096u		/* answers about recipients */
#define RECEIVER_ASK_MS		10000u		/* then it is "temporary" */
#define RECEIVER_BUSY_PERCENT	75u		/* section 19: of its places */
#define RECEIVER_FULL_PERCENT	90u
#define RECEIVER_FULL_ERRORS	2u		/* then; section 19: "stress" */
#define RECEIVER_FULL_COMMANDS	10u

struct receiver;

enum receiver_load {
	LOAD_EASY,
	LOAD_BUSY,		/* clients wait shorter */
	LOAD_FULL,		/* shorter still, and may err less */
	LOAD_COUNT
};

struct chunk {
	struct chunk	*next;
	size_t		 n;
	uint8_t		 octets[RECEIVER_CHUNK];
};
/* Content of one transaction. */
struct content {
	struct chunk		*first, *last;
	size_t			 nchunks;
	struct spool_large	 large;
	bool			 is_large;
};

struct receiver_listen {
	struct receiver			*receiver;
	const struct config_listen	*config;	/* NULL: UNIX socket */
	struct smtp_policy		 policy;
	struct listener			*listener;
	int				 fd;
	const char			*name;
};

enum session_ask {
	ASK_NOTHING,
	ASK_CONNECT,
	ASK_RCPT,
	ASK_AUTH,
	ASK_STARTTLS
};
struct session {
	struct receiver		*receiver;
	struct receiver_listen	*listen;
	struct stream		*stream;
	struct loop_timer	*timer;
	struct loop_task	 end;		/* frees it, outside of callbacks */
	struct smtp_server	 server;
	struct content		 content;
	char			 client[64];
	struct address		 address;
	uint32_t		 slot;
	enum session_ask	 ask;
	uint64_t		 tag;		/* of the open question */
	uint64_t		 ticket;	/* not 0: its record awaits a sync */
	struct session		*prev, *next;	/* awaiting; by ticket */
	uint64_t		 began_ms, last_ms, mail_ms;
	uint64_t		 asked_ms, delay_ms, rate_ms, rate_n;
	uint64_t		 hold_ms;	/* of a wrong password's answer */
	const char		*why;		/* of its end */
	bool			 is_counted;	/* lookup counts this address */
	bool			 is_greeted, is_early, is_over, is_closing;
	bool			 is_quitting;
	bool			 is_shaking;	/* a handshake is unfinished */
};

struct sync {
	struct spool_job	 job;		/* first: what the thread sees */
	struct receiver		*receiver;
};
struct receiver {
	struct role		*role;
	struct tls_context	*tls;
	struct buf		 certificate, key;
	struct receiver_listen	 listens[RECEIVER_LISTENS_MAX];
	size_t			 nlistens;

	struct session	       **slots;		/* nslots */
	uint32_t		*free_slots;
	uint32_t		 nslots, nfree;
	uint32_t		 share;		/* of all sessions, ours */
	enum receiver_load	 load;
	uint64_t		 nasked;	/* questions so far: tags */
	uint64_t		 nshaking;	/* unfinished handshakes */

	struct map		 cache;		/* struct answer, ask.c */
	uint64_t		 generation;

	struct chunk		*spare;
	size_t			 nspare;

	struct spool_files	 files;
	struct spool_writer	*writer;
	struct worker		*worker;
	struct sync		 sync;
	struct loop_task	 kick;
	bool			 is_syncing;
	uint64_t		 nclosed;	/* tickets in closed batches */
	struct session		*awaiting, *awaiting_last;
	uint64_t		 last_ticket;
	struct buf		 added, envelope;
	enum intake_mode	 mode;
	enum intake_memory	 memory;
	struct loop_timer	*first;		/* patience for a segment */
	bool			 is_listening, is_stopping;
};

/* accept.c */
bool receiver_listener(struct role *r, uint32_t row, int fd);
bool receiver_listen_load(struct receiver *rc);
/* What each listener demands, at the load of now. */
void receiver_policy_load(struct receiver *rc);
/* Once: as soon as there is a segment, or patience has ended. */
void receiver_listen_start(struct receiver *rc);
void receiver_listen_stop(struct receiver *rc);

/* load.c */
/* How many sessions it may hold. */
uint32_t load_places(const struct config *c);
/* A session has come or gone. */
void load_look(struct receiver *rc);
/* How long a client may be silent now, in seconds. */
uint64_t load_idle(const struct receiver *rc);

/* session.c */
/* False: no place or no memory; fd stays the caller's. */
MUST_USE bool session_new(struct receiver_listen *l, int fd,
    const struct listener_peer *peer);
/* The answer whether it may be here: greet it, or send it away. */
void session_admit(struct session *s, bool is_allowed);
/* The answer to STARTTLS. */
void session_starttls(struct session *s, bool is_allowed);
/* Go on after an answer. */
void session_go_on(struct session *s);
/* Look at its time again when ms have passed, or something is due before. */
void session_watch(struct session *s, uint64_t ms);
/* It has less time from now on. */
void session_hurry(struct session *s);
/* Say 421 and end it, unless it waits for its record to be durable. */
void session_stop(struct session *s, enum smtp_reply re, const char *why);

/* ask.c: each answers by session_go_on, at once or later. */
void ask_connect(struct session *s);
void ask_starttls(struct session *s);
void ask_rcpt(struct session *s, struct span address);
void ask_auth(struct session *s);
/* The client has gone: forget the question, give its count back. */
void ask_forget(struct session *s);
/* The open question ends without an answer: temporary. */
void ask_fail(struct session *s);
/* Lookup had its time. */
void ask_late(struct session *s);
void ask_lookup_went(struct receiver *rc);
bool ask_rcpt_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_auth_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_connect_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_changed(struct role *, struct role_peer *, const void *,
    const int *);

/* content.c */
/* RE_NONE, or why it cannot be kept. */
enum smtp_reply content_add(struct receiver *rc, struct content *c,
    struct span octets);
void content_drop(struct receiver *rc, struct content *c);

/* commit.c */
void commit_message(struct session *s);
/* The client has gone while its record awaits a sync (SPL-12). */
void commit_forget(struct session *s);
void commit_kick(struct receiver *rc);
void commit_announce(struct receiver *rc);
void commit_tell(struct receiver *rc);
/* Everything written is durable and told; no sync runs. */
bool commit_is_idle(const struct receiver *rc);
bool commit_segment(struct role *, struct role_peer *, const void *,
    const int *);
bool commit_large(struct role *, struct role_peer *, const void *,
    const int *);
bool commit_state(struct role *, struct role_peer *, const void *,
    const int *);

/* tell.c */
void tell_connect(struct session *s);
void tell_tls(struct session *s);
void tell_auth(struct session *s, bool is_ok, struct span user);
void tell_accepted(struct session *s);
void tell_refused(struct session *s, enum smtp_reply re, struct span what);
void tell_disconnect(struct session *s);

/* receiver.c */
/* When the last session has gone and all is durable, a stop is complete. */
void receiver_may_end(struct receiver *rc);

#endif
