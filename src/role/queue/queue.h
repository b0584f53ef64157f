/*
 * queue.h - the queue role's own context.  Only for src/role/queue.
 *
 * The role joins three things and is thin: the store (what we hold), the
 * scheduler (when), and the channels (who does it).  What it remembers of a
 * message beyond those is in a job or a bounce, both bounded.
 *
 * A scheduler's item is one message for one destination; its message number is
 * the store's handle.  Which recipients belong to it is read from the envelope
 * again whenever that is asked: their destination has the item's name.
 */
#ifndef POSTHORSE_ROLE_QUEUE_QUEUE_H
#define POSTHORSE_ROLE_QUEUE_QUEUE_H

#include "base/map.h"
#include "ipc/deliver.h"
#include "ipc/intake.h"
#include "ipc/lookup.h"
#include "ipc/resolve.h"
#include "ipc/steer.h"
#include "io/worker.h"
#include "mail/dsn.h"
#include "mail/envelope.h"
#include "role/role.h"
#include "sched/sched.h"
#include "spool/store.h"

#define QUEUE_GROUP_MS		40u	/* outcomes wait so long for a sync */
/* Octets of their contents, which lie in memory: so many of the largest
 * messages that are taken (limit message-size); one job goes in any case. */
#define QUEUE_JOB_LARGEST	5u
#define QUEUE_JOB_SIZE		(4u << 20)
#define QUEUE_LOCAL_JOBS	4u	/* in flight; those of local */
#define QUEUE_SENDER_JOBS	1000u	/* of all senders together */
#define QUEUE_JOBS_MAX		(QUEUE_LOCAL_JOBS + QUEUE_SENDER_JOBS)
#define QUEUE_BOUNCES_MAX	256u	/* being made */
#define QUEUE_BOUNCES_AN_HOUR	500u	/* to one domain (RLY-4) */
#define QUEUE_WAITS_LEAST	4096u	/* octets that a message for later counts as */
#define QUEUE_TURNS_MAX		16u	/* domains of ETRN that wait */
#define QUEUE_ASKS_MAX		16u	/* questions of operators at a time */
#define QUEUE_WRITERS_MAX	128u	/* receivers and their predecessors */
#define QUEUE_SEGMENTS_HELD	2u	/* a receiver's current and spare */
#define QUEUE_LARGE_HELD	2u
#define QUEUE_AWAY_MS		1000u	/* a peer is away: look again */
#define QUEUE_KEPT_MAX		64u	/* sites remembered as kept open */

/* What was said of a recipient; offsets into its owner's words. */
struct queue_words {
	uint32_t	at;
	uint16_t	nstatus, nremote, ntext;
	uint16_t	code;
};
struct job_slot {
	uint32_t		slot;		/* in the envelope */
	uint32_t		address;	/* in job->text */
	uint16_t		naddress;
	uint8_t			fate;		/* enum deliver_fate, or OPEN */
	uint8_t			notify;		/* ENVELOPE_NEVER ... */
	uint8_t			passed;		/* DELIVER_PASSED_* */
	bool			is_settled;
	struct queue_words	words;
};
#define JOB_SLOT_OPEN	DELIVER_FATE_COUNT

struct job_message {
	struct store_message	*m;		/* NULL: lost meanwhile */
	struct msg_id		 id;
	uint32_t		 item;
	uint32_t		 slot, nslots;	/* in job->slots */
	/* In job->text: a deliver_message's words, then its recipients. */
	uint32_t		 text, nreverse, nenvid, nauth, nlist;
	uint64_t		 by_ms;
	uint16_t		 envelope;
	uint8_t			 by_mode;
	int8_t			 priority;
};
struct job_build;
struct job {
	uint64_t		 number;	/* its place in queue->jobs is the
						 * rest by QUEUE_JOBS_MAX */
	struct role_peer	*worker;	/* NULL: went while it was built */
	struct job_build	*build;		/* NULL: it was sent */
	uint32_t		 site;
	uint32_t		 nmessages;
	struct job_message	 messages[DELIVER_MESSAGES_MAX];
	struct buf		 slots;		/* of struct job_slot */
	struct buf		 words, text;
	uint64_t		 started_ms;
	uint64_t		 octets;	/* counted in queue->job_octets */
};

/* What we remember of a worker (sender, local). */
struct queue_worker {
	uint32_t	njobs;
	uint64_t	kept[QUEUE_KEPT_MAX];	/* hashes of sites, a ring */
	uint32_t	nkept;
};
/* What we remember of a receiver. */
struct queue_receiver {
	uint32_t	segments, large;	/* that it holds */
	bool		is_announced;
};

struct queue;
struct bounce;
struct steer_walk {
	struct role_peer	*peer;		/* NULL: free */
	struct steer_ask	 ask;		/* its spans are of words */
	struct buf		 words;
	struct msg_id		 id;
	bool			 has_id;
	uint32_t		 id_hash;
	uint32_t		 next;		/* item */
	uint64_t		 count, busy;
};

struct queue_rate {		/* bounces to a domain in one hour */
	uint32_t	hour, n;
};

/*
 * What is kept beside the store's handle, in the handle's own eight octets:
 * enough to find a letter by its id among a million, and to describe it.
 */
struct queue_mark {
	uint32_t	id_hash;	/* 24 bits */
	uint8_t		flags;		/* DELIVER_*: 2 bits */
	bool		is_missed;	/* see queue_miss() */
	bool		is_held;	/* see hold.c */
	bool		is_waiting;	/* see waits.c */
	uint64_t	size;		/* octets: 35 bits */
};
struct queue_mark queue_mark(struct store_message *m);
void queue_set_mark(struct store_message *m, const struct queue_mark *mark);
uint32_t queue_id_hash(const struct queue *q, const struct msg_id *id);

/* ETRN: a domain whose items are looked over. */
struct queue_turn {
	uint8_t		node[256];
	size_t		n;
	uint32_t	relay;		/* row + 1 of config->relays, or 0 */
	uint32_t	next;		/* item */
	uint64_t	count;		/* hurried */
};

struct queue {
	struct role		*role;
	const struct config	*config;
	struct spool_files	 files;
	struct store_events	 events;
	int			 spool_dir;
	int			 memory_stat, memory_max;
	bool			 has_memory_stat, has_memory_max;
	enum intake_memory	 memory;
	struct store		*store;
	struct sched		*sched;
	struct retry		 retry;
	struct siphash_key	 key;
	struct worker		*sync_worker, *make_worker, *copy_worker;
	struct spool_job	 sync_job, make_job;
	bool			 is_syncing, is_making, is_sync_set;
	bool			 is_opening;	/* inside store_open */
	bool			 has_missed;	/* queue_admit_missed() is due */
	bool			 has_spool;
	bool			 is_stopping, is_stop_over;
	uint8_t			 mode;		/* enum intake_mode */
	struct loop_timer	*due_timer, *sync_timer, *tend_timer,
				*room_timer, *stop_timer;
	struct loop_turn	*turn;

	/* Instances that may hold segments of an earlier queue's. */
	uint64_t		 writers[QUEUE_WRITERS_MAX];
	uint32_t		 nwriters;
	uint64_t		 ended[QUEUE_WRITERS_MAX]; /* before we served */
	uint32_t		 nended;

	struct job		*jobs[QUEUE_JOBS_MAX];
	uint32_t		 njobs;
	uint64_t		 job_octets;	/* of the jobs in flight */
	uint64_t		 next_job;
	struct bounce		*bounces[QUEUE_BOUNCES_MAX];
	uint32_t		 nbounces;
	uint64_t		 next_tag;
	struct queue_turn	 turns[QUEUE_TURNS_MAX];	/* oldest first */
	uint32_t		 nturns;
	struct map		 waits;		/* by user */
	struct queue_rate	 rates[1024];	/* by hash of the domain */
	struct steer_walk	 walks[QUEUE_ASKS_MAX];
	uint32_t		 nwalks, next_walk;
	bool			 is_walk_blocked; /* its channel is full */

	/* The message that store_open is telling us about. */
	struct store_message	*told;
	struct buf		 told_envelope;	/* encoded */
	uint32_t		 told_attempts;
	uint64_t		 told_next_ms;
	bool			 told_has_next, told_is_held;

	/* Scratch, reused; borrowed within one call only. */
	struct buf		 scratch, name, list;
};

/* main.c */
void queue_wake(struct queue *q);	/* something may be due: look */
void queue_log(struct queue *q, const struct log_line *l);
uint32_t queue_hash(const struct queue *q, struct span s);

/* admit.c: from the store into the scheduler */
extern const struct store_events queue_store_events;
void queue_admit_told(struct queue *q);
/*
 * MEM-5: there was no memory to keep a recipient in mind.  It is safe on the
 * disk, and looked for again there in a few seconds.
 */
void queue_miss(struct queue *q, struct store_message *m);
void queue_admit_missed(struct queue *q);

/* hold.c: nobody gets its items.  new: because a rule said so. */
void queue_hold_items(struct queue *q, struct store_message *m);
void queue_hold_new(struct queue *q, struct store_message *m,
    const struct envelope *e);

/*
 * waits.c: it has a time of release that is to come; is that still so (yes, when
 * its envelope cannot be read; q->scratch is used); it is tried, or removed.
 */
void queue_waits_begin(struct queue *q, struct store_message *m,
    const struct envelope *e);
bool queue_is_unborn(struct queue *q, struct store_message *m);
void queue_waits_end(struct queue *q, struct store_message *m,
    const struct envelope *e);
bool queue_release_asked(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);

/* intake.c */
/* Once, before the store is opened. */
void queue_await_writers(struct queue *q);
void queue_receiver_came(struct queue *q, struct role_peer *p);
void queue_receiver_went(struct queue *q, struct role_peer *p);
bool queue_announced(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool queue_accepted(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool queue_sealed(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool queue_large_used(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool queue_ended(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
/* Give receivers what they lack, as far as the store has it ready. */
void queue_refill(struct queue *q);
void queue_watch_room(struct queue *q);

/* memory.c: fd is taken over; false: it is no such file */
bool queue_memory_file(struct queue *q, struct span purpose, int fd);
enum intake_memory queue_memory(const struct queue *q);

/* disk.c: syncs, new files and housekeeping, off the loop */
void queue_disk_turn(struct queue *q);
bool queue_disk_is_idle(const struct queue *q);
void queue_sync_now(void *q);
void queue_tend(void *q);

/* route.c */
enum err queue_destination(const struct config *c,
    const struct envelope_recipient *r, struct buf *name);
/* Names of a list of resolve_host, sorted, as the name of their site. */
enum err queue_site_name(struct span hosts, struct buf *name);
/* Its parts: the way, and the owner of a list, or "". */
struct span queue_destination_way(struct span name);
struct span queue_destination_owner(struct span name);
bool queue_destination_is_local(struct span name);
/* Of a route that the configuration does not have. */
bool queue_destination_is_lost(struct span name);
/* Row of config->relays + 1 when the name is a relay's; 0. */
uint32_t queue_relay_of(struct span name);
void queue_resolve(struct queue *q, uint32_t dest);
bool queue_resolved(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
void queue_resolver_went(struct queue *q);
/* An item that has no route: DNS said why. */
void queue_unrouted(struct queue *q, uint32_t item, uint32_t dest);

/*
 * build.c: a job's sealed file.  What lies in segments is checked and copied at
 * once; large files in a thread, meanwhile the job waits in its place.
 */
struct job_build {
	struct queue	*queue;
	struct job	*job;
	int		 fd;			/* the memfd */
	uint64_t	 end;			/* octets laid out in it */
	size_t		 room;			/* for the description */
	uint32_t	 description;		/* its octets */
	enum err	 error;			/* of the seal */
	/* Of each message: where its octets begin, and how many. */
	uint64_t	 places[DELIVER_MESSAGES_MAX][2];
	struct buf	 larges;		/* of struct build_large */
};
/* True in *is_waiting: queue_job_built follows.  Else *fd is as below. */
MUST_USE enum err queue_build(struct queue *q, struct job *j, int *fd,
    uint32_t *description, bool *is_waiting);
/*
 * *fd is sealed, the caller's; *description the octets of the description in
 * it, 0: all messages were lost.  Frees j->build.
 */
MUST_USE enum err queue_build_end(struct job *j, int *fd,
    uint32_t *description);

/* job.c */
void queue_job_built(struct job *j);
void queue_start_job(struct queue *q, const struct sched_decision *d);
struct job *queue_job_new(struct queue *q);
void queue_job_free(struct queue *q, struct job *j);
bool queue_kept_has(const struct queue_worker *w, uint64_t site);
void queue_kept_set(struct queue_worker *w, uint64_t site, bool is_kept);
bool queue_site_closed(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
/* The message is gone: nobody may use its handle again. */
void queue_forget(struct queue *q, struct store_message *m);

/* job_item.c: what one item of a job is made of.  ERR_NONE: nothing is left to
 * deliver.  ERR_CORRUPT: lost. */
MUST_USE enum err queue_job_add(struct queue *q, struct job *j, uint32_t item);
/* Its line of the description; place: offset and octets of the content. */
MUST_USE enum err queue_job_describe(const struct job *j,
    const struct job_message *jm, const uint64_t *place, struct buf *to);

/* result.c */
bool queue_result(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
bool queue_job_ended(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
void queue_worker_went(struct queue *q, struct role_peer *p);
void queue_untried(struct queue *q, uint32_t item, enum deliver_fate fate,
    struct span status, struct span why);

/* bounce.c */
/*
 * One recipient about whom the sender is told: given up (FAILED), done (RELAYED,
 * DELIVERED), or only late (DELAYED).
 */
struct bounce_failure {
	enum dsn_action	action;
	uint32_t	slot;
	bool		is_expired;
	struct span	status, remote, text;
	uint16_t	code;
};
/*
 * Take charge of these recipients: tell the reverse-path, then settle them as
 * failed or done; who is late stays as they are.  False: no more bounces can be made now; try later.
 */
bool queue_bounce(struct queue *q, struct store_message *m,
    const struct bounce_failure *failures, uint32_t n);
/* Is it to be settled by a notice that is being made? */
bool queue_bounce_has(const struct queue *q, const struct store_message *m,
    uint32_t slot);
/* Or is one being made that says that it is late? */
bool queue_bounce_has_late(const struct queue *q,
    const struct store_message *m, uint32_t slot);
bool queue_bounce_of(const struct queue *q, const struct store_message *m);
bool queue_bounce_answer(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
void queue_bounces_turn(struct queue *q);
void queue_bounces_synced(struct queue *q, const struct spool_synced *s);
/*
 * This recipient ends: that it is late has not to be told any more.  Before the
 * store hears it, for with the last one the message is gone.
 */
void queue_bounces_late(struct queue *q, const struct store_message *m,
    uint32_t slot);
void queue_bounces_forget(struct queue *q, const struct store_message *m);
void queue_lookup_went(struct queue *q);
void queue_bounces_free(struct queue *q);

/* turn.c */
bool queue_turn_asked(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
void queue_turns_step(struct queue *q);

/* steer.c */
bool queue_asked(struct role *r, struct role_peer *from, const void *msg,
    const int *fds);
void queue_steer_turn(struct queue *q);
void queue_asker_went(struct queue *q, const struct role_peer *p);

#endif
