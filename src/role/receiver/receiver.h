/*
 * receiver.h - the role that takes mail in: what its files share.
 *
 *	accept.c	sockets into sessions, and who may connect
 *	load.c		how full it is, and what is shorter then
 *	tls.c		the certificates that clients are shown
 *	members.c	whom an alias stands for
 *	signer.c	what handshakes have asked keys to sign
 *	shake.c		handshakes that are not finished
 *	session.c	a stream, a session machine, and what its actions ask
 *	greet.c		who is greeted
 *	client.c	who the client is, and a proxy's word for it
 *	check.c		what the DNS says of a stranger
 *	grey.c		greylisting
 *	ask.c		questions to lookup, and remembered answers
 *	ask_auth.c	those of AUTH
 *	rules.c		rules at each stage, rules_load.c their making,
 *			rules_via.c by which route recipients go
 *	content.c	content on its way: chunks, or a large file
 *	commit.c	records, syncs, and the 250s that follow them
 *	tell.c		log lines (doc/design/events.md)
 */
#ifndef POSTHORSE_ROLE_RECEIVER_RECEIVER_H
#define POSTHORSE_ROLE_RECEIVER_RECEIVER_H

#include "base/map.h"
#include "config/match.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/tls.h"
#include "io/tls_tickets.h"
#include "io/worker.h"
#include "ipc/intake.h"
#include "ipc/login.h"
#include "ipc/lookup.h"
#include "policy/check.h"
#include "proto/proxy_protocol.h"
#include "policy/fields.h"
#include "proto/smtp_server.h"
#include "role/receiver/signer.h"
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
	struct tls_context		*tls;		/* NULL: none here */
	struct listener			*listener;
	int				 fd;
	const char			*name;
};

enum session_ask {
	ASK_NOTHING,
	ASK_CONNECT,
	ASK_LISTS,
	ASK_RCPT,
	ASK_COPY,
	ASK_EXPN,
	ASK_AUTH,
	ASK_STARTTLS,
	ASK_MAIL,		/* may this user begin? */
	ASK_CONTENT,		/* and send this? */
	ASK_SENDER,		/* does its domain take mail? */
	ASK_RELEASE_MAIL,	/* is there room until its time? */
	ASK_RELEASE_CONTENT,
	ASK_GREYLIST
};
/*
 * Of a recipient that was taken, in the order of RCPT, while some rule says
 * `route` or each is answered behind the content; in the transaction's arena.
 */
struct rules_rcpt {
	struct rules_rcpt	*next;
	struct rules_recipient	 said;
	struct span		 address;	/* as it was given */
	struct smtp_each	 each;		/* its answer, once it is decided */
	uint8_t			 via;		/* number + 1 of its route, or 0 */
	uint32_t		 n;		/* recipients of the envelope: its
						 * members, or 1 */
	uint8_t			 notify;	/* as it was said, whatever
						 * members are told */
	struct span		 orcpt;
};
/* What rules know and have said, of a session and its transaction. */
struct session_rules {
	struct rules_facts	 facts;
	struct rules_fields	*fields;	/* while content comes, or NULL */
	enum rules_stage	 stage;		/* files are asked for */
	uint8_t			 nasked;
	bool			 is_held, may_relay, has_hello;
	bool			 has_no_memory;	/* for an address */
	bool			 is_accepted;	/* by a rule of the last stage */
	uint64_t		 first_tags;	/* of connect */
	uint64_t		 session_tags;	/* and of HELO */
	uint64_t		 mail_tags;	/* and of MAIL */
	uint64_t		 rcpt_tags;	/* of recipients that were taken */
	uint64_t		 copies;	/* still to be added */
	struct msg_id		 id;		/* from MAIL on */
	struct span		 origin;	/* of the rule that said no */
	/* As they were before the recipient that is asked about. */
	uint64_t		 copies_before;
	bool			 was_held;
	struct rules_rcpt	*rcpts, *last_rcpt;	/* who was taken */
	struct rules_rcpt	*asked;
	struct rules_rcpt	*now;		/* content rules are asked of it */
};
struct session {
	struct receiver		*receiver;
	struct receiver_listen	*listen;
	struct stream		*stream;
	struct loop_timer	*timer;
	struct loop_task	 end;		/* frees it, outside of callbacks */
	struct smtp_server	 server;
	struct content		 content;
	struct session_rules	 rules;
	char			 client[64];
	struct address		 address;
	struct address		 via;		/* the proxy; n == 0: none */
	struct proxy_header	*proxy;		/* awaited; else NULL */
	char			 name[ADDR_DOMAIN_MAX + 1]; /* verified; "" */
	enum smtp_xstate	 named;		/* whether XCLIENT said so */
	struct checks		*checks;	/* check.c; NULL: none */
	struct held		*held;		/* grey.c, while it asks */
	uint32_t		 slot;
	enum session_ask	 ask;
	uint64_t		 tag;		/* of the open question */
	uint64_t		 ticket;	/* not 0: its record awaits a sync */
	struct session		*prev, *next;	/* awaiting; by ticket */
	uint64_t		 began_ms, last_ms, mail_ms;
	uint64_t		 asked_ms, delay_ms, rate_ms, rate_n;
	struct buf		 members;	/* of the alias that was asked for */
	uint32_t		 nmembers;	/* that lookup has told of */
	bool			 has_first;	/* who is asked for success */
	uint8_t			 ntorn;		/* how often the files changed */
	uint64_t		 generation;	/* of the tables then */
	uint64_t		 hold_ms;	/* of a wrong password's answer */
	const char		*why;		/* of its end */
	bool			 is_counted;	/* lookup counts this address */
	uint64_t		 shake;		/* a handshake that it counted
						 * already; 0: ask it */
	uint64_t		 shake_until_ms;
	bool			 is_greeted, is_early, is_over, is_closing;
	bool			 is_quitting;
	bool			 is_shaking;	/* a handshake is unfinished */
	uint64_t		 shake_ms;	/* since when */
	bool			 is_become;	/* XCLIENT named another client */
};

struct sync {
	struct spool_job	 job;		/* first: what the thread sees */
	struct receiver		*receiver;
};
struct receiver {
	struct role		*role;
	struct tls_tickets	*tickets;
	struct buf		 certificates[CONFIG_TLS_MAX];
	struct buf		 client_cas[CONFIG_LISTENS_MAX];
	struct signer		 signer;
	struct receiver_listen	 listens[RECEIVER_LISTENS_MAX];
	size_t			 nlistens;

	struct session	       **slots;		/* nslots */
	uint32_t		*free_slots;
	uint32_t		 nslots, nfree;
	uint32_t		 share;		/* of all sessions, ours */
	enum receiver_load	 load;
	uint64_t		 nasked;	/* questions so far: tags */
	uint64_t		 nshaking;	/* unfinished handshakes */

	struct rules		 rules;
	struct arena		 rules_memory;
	uint64_t		 lists[LOOKUP_FACT_COUNT]; /* files to ask */
	uint32_t		 ncopies;	/* of a message, at most */
	bool			 asks_hello, has_headers, has_routes;
	bool			 has_content_rules;

	struct map		 cache;		/* struct answer, ask.c */
	uint64_t		 generation;
	uint32_t		 mechanisms;	/* that lookup can check */

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
	struct buf		 added, envelope, cuts;	/* of one record */
	struct buf		 routed;	/* its recipients, if rules say */
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

/* tls.c */
bool receiver_file(struct role *r, struct span purpose, int fd);
bool receiver_tls_load(struct receiver *rc);
bool receiver_tls_start(struct receiver *rc);
void receiver_keys_went(struct receiver *rc);
bool receiver_signature(struct role *, struct role_peer *, const void *,
    const int *fds);
bool receiver_ticket_key(struct role *, struct role_peer *, const void *,
    const int *);

/* Who the client is, as its certificate has proved; false: a stranger. */
bool receiver_identity(const struct session *s, struct tls_identity *id);
/* Does it come from a network under `from`, or has it a certificate that its
 * listener knows? */
bool receiver_is_trusted(const struct session *s);

/* shake.c: a handshake begins, may begin, has ended. */
void shake_start(struct session *s);
bool shake_may(struct session *s);
void shake_end(struct session *s);

/* load.c */
/* How many sessions it may hold. */
uint32_t load_places(const struct config *c);
/* May one more session begin there?  The last places are kept for users (OPS-1). */
bool load_is_for_users(const struct receiver_listen *l);
bool load_may_begin(const struct receiver *rc, const struct receiver_listen *l);
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
/* Its connection is gone, or goes now; it is freed later. */
void session_over(struct session *s);
/* Go on after an answer. */
void session_go_on(struct session *s);
/* Look at its time again when ms have passed, or something is due before. */
void session_watch(struct session *s, uint64_t ms);
/* It has less time from now on. */
void session_hurry(struct session *s);
/* Say 421 and end it, unless it waits for its record to be durable. */
void session_stop(struct session *s, enum smtp_reply re, const char *why);

/* greet.c: RE_GREETING once nothing holds it back; or why there is none. */
void session_greet(struct session *s, enum smtp_reply re);

/* client.c */
MUST_USE bool client_name(struct session *s, const struct listener_peer *peer);
/* It is known who it is: ask whether it may be here. */
void client_begin(struct session *s);
/* For whom its logins, messages and handshakes count: what lookup is told. */
struct span client_counted(const struct session *s);
/* A listed proxy has to say first for whom it comes: client_begin() later. */
bool client_awaits_proxy(struct session *s);
/* While s->proxy is there. */
void client_proxy_data(struct session *s, struct span *in);
void client_over(struct session *s, bool is_timeout);
/* XCLIENT: it is another client now, and is let in, or not, anew. */
void client_become(struct session *s);

/* check.c */
/* The client may be here: ask about it, anew after XCLIENT. */
void check_begin(struct session *s);
void check_forget(struct session *s);
/* Answers are missing: session_greet() comes when they are there. */
bool check_holds_greeting(struct session *s);
/* RE_GREETING, or why there is none, and what is said behind that; logged. */
enum smtp_reply check_verdict(struct session *s, struct span *more);
/* What was found so far, for rules and for the log; borrowed. */
const struct check *check_results(const struct session *s, size_t *n);
void check_resolver_went(struct receiver *rc);
bool check_reverse_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool check_list_answer(struct role *, struct role_peer *, const void *,
    const int *);

/* Nobody that is known: no user, no listed host, nobody whom lists vouch for. */
bool check_is_stranger(const struct session *s);

/* sender.c: true: release_mail() follows, with what came of it. */
bool sender_ask(struct session *s);
void sender_fail(struct session *s);
void sender_resolver_went(struct receiver *rc);
bool sender_answer(struct role *, struct role_peer *, const void *,
    const int *);

/* grey.c */
/* A stranger's: taken, or not, once state has answered; rules_rcpt_done(). */
MUST_USE bool grey_rcpt(struct session *s, enum smtp_route route,
    struct span domain, struct span key);
/* No verdict: the recipient is taken. */
void grey_fail(struct session *s);
void grey_forget(struct session *s);
void grey_state_went(struct receiver *rc);
bool grey_answer(struct role *, struct role_peer *, const void *,
    const int *);

/*
 * rules_via.c: a recipient is asked about (false: no memory), a rule has a route
 * for it, it was taken; a rule at content has a route for those that it speaks of
 * (NO: for none; IN_DOUBT: for one of them a file could not be asked), or for the
 * one that it is asked about alone; was it refused behind the content, does its
 * mail not stay here for that or for a route (NULL: not that we know); the
 * envelope's list without who was refused.
 */
MUST_USE bool rules_via_begin(struct session *s);
void rules_via_asked(struct session *s, const struct rules_rule *rule);
void rules_via_taken(struct session *s, const struct rules_recipient *said);
MUST_USE enum rules_answer rules_via_content(struct session *s,
    struct rules_rcpt *only, const struct rules_rule *rule);
bool rules_via_is_refused(const struct rules_rcpt *one);
bool rules_via_is_elsewhere(const struct rules_rcpt *one);
/* Of the next recipient of the envelope; *member: which one of an alias it is. */
const struct rules_rcpt *rules_via_next(const struct rules_rcpt *one,
    uint32_t *member);
MUST_USE enum err rules_via_list(struct session *s, struct envelope *to);

/* rules_load.c.  False: no memory. */
MUST_USE bool rules_load(struct receiver *rc);

/* rules.c: each ends in a question of ask.c or a verb of the machine. */
void rules_connect(struct session *s);
void rules_hello(struct session *s);
void rules_mail(struct session *s, const struct msg_id *id);
void rules_rcpt(struct session *s);
/* MAIL has its answer: RE_NONE, or why not. */
void rules_mail_end(struct session *s, enum smtp_reply re);
/* The answers: of files (neither when it is missing), of a recipient. */
void rules_listed(struct session *s, uint64_t yes, uint64_t known);
void rules_routed(struct session *s, enum smtp_route route,
    struct span domain, struct span key);
/* What the client was told of it. */
void rules_rcpt_done(struct session *s, enum smtp_reply re);
/* RE_GREETING, or why there is none. */
enum smtp_reply rules_greeting(struct session *s);
void rules_begin_content(struct session *s);
void rules_end_content(struct session *s);
/* All of it is known: RE_NONE, or the answer. */
enum smtp_reply rules_content(struct session *s);
/* Add what copies are due, then commit_message(). */
void rules_commit(struct session *s);
struct span rules_copy(const struct session *s);
/* False: the message is refused for want of it. */
MUST_USE bool rules_copy_routed(struct session *s, enum smtp_route route,
    struct span domain, struct span key);
/* The tags of a message, a space between. */
struct span rules_tags(const struct session *s,
    uint8_t room[ENVELOPE_TAGS_MAX]);

/*
 * release.c: lookup and the rules have spoken of MAIL, or of the content, and
 * said re; rules_mail_end() or rules_commit() follow, at once or later.
 */
void release_mail(struct session *s, enum smtp_reply re);
void release_content(struct session *s, enum smtp_reply re);
/* No answer came. */
void release_fail(struct session *s, enum session_ask ask);
void release_queue_went(struct receiver *rc);
bool release_answer(struct role *, struct role_peer *, const void *,
    const int *);

/* ask.c: each answers by session_go_on, at once or later. */
void ask_connect(struct session *s);
void ask_starttls(struct session *s);
/* members.c */
/*
 * A part of an alias' members, into s->server.members.  ERR_SYNTAX: it is no
 * list, or not the next part.
 */
MUST_USE enum err members_add(struct session *s, enum session_ask ask,
    const struct lookup_rcpt_answer *m);
/* They were taken, or will not be. */
void members_end(struct session *s);
void ask_rcpt(struct session *s, struct span address);
void ask_expn(struct session *s, struct span address);
/* True: it was added at once.  Else rules_commit() follows, or a refusal did. */
bool ask_copy(struct session *s, struct span address);
/* False: nobody can be asked. */
bool ask_lists(struct session *s, enum lookup_fact fact, struct span subject);
/*
 * What lookup has to say on a user's MAIL and content.  False: nothing, go on
 * at once.
 */
bool ask_mail(struct session *s);
bool ask_content(struct session *s);
/* Set s->tag to it: the question that is open from now on. */
uint64_t ask_tag(struct session *s, enum session_ask ask);
/* The session whose open question this tag is, or NULL; it is open no more. */
struct session *ask_asker(struct receiver *rc, uint64_t tag,
    enum session_ask ask);
/* False: lookup is not there, or does not read. */
bool ask_send(struct session *s, const struct ipc_type *type,
    const void *msg);
/* The client has gone: forget the question, give its count back. */
void ask_forget(struct session *s);
/* The open question ends without an answer: temporary. */
void ask_fail(struct session *s);
/* Lookup had its time. */
void ask_late(struct session *s);
void ask_lookup_went(struct receiver *rc);
bool ask_rcpt_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_lists_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_connect_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_submit_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_changed(struct role *, struct role_peer *, const void *,
    const int *);

/* ask_auth.c */
/* What lookup can check from now on: LOOKUP_CAN_*. */
void ask_auth_can(struct receiver *rc, uint8_t can);
void ask_auth(struct session *s);
/* Behind a handshake: what a login can be bound to, and who it proved to be. */
void ask_auth_connected(struct session *s);
bool ask_auth_answer(struct role *, struct role_peer *, const void *,
    const int *);
bool ask_auth_salt_answer(struct role *, struct role_peer *, const void *,
    const int *);

/* content.c */
/* RE_NONE, or why it cannot be kept. */
enum smtp_reply content_add(struct receiver *rc, struct content *c,
    struct span octets);
void content_drop(struct receiver *rc, struct content *c);

/* commit.c */
void commit_message(struct session *s);
/* It is not wanted after all: forget the content, say why. */
void commit_refuse(struct session *s, enum smtp_reply re);
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
/* What a listed proxy sent instead of a header. */
void tell_proxy(struct session *s, enum proxy_result result);
/* ETRN: what waits for a domain is to be tried now. */
void tell_turn(struct session *s, struct span node, bool is_told);
/* XCLIENT made it another client's; was: whose it had been. */
void tell_become(struct session *s, const char *was);
void tell_tls(struct session *s);
void tell_auth(struct session *s, bool is_ok, struct span user);
/* What was found about the client, under the transaction's id. */
void tell_checks(struct session *s);
/* What is known of the domain of MAIL. */
void tell_sender(struct session *s, const char *word);
void tell_greylist(struct session *s, const char *word, uint64_t wait_s);
void tell_accepted(struct session *s);
void tell_forwarded(struct session *s);		/* what XFORWARD said */
void tell_rule(struct session *s, enum rules_stage stage,
    const struct rules_verdict *v);
void tell_no_copy(struct session *s, struct span to, const char *why);
void tell_refused(struct session *s, enum smtp_reply re, struct span what);
void tell_disconnect(struct session *s);

/* receiver.c */
/* When the last session has gone and all is durable, a stop is complete. */
void receiver_may_end(struct receiver *rc);

#endif
