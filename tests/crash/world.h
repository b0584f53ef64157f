/*
 * world.h - a spool on a disk in memory, and the ledger that judges it.
 *
 * The ledger stands outside of what crashes: what was submitted, what was
 * answered, what became of each recipient.  After every image of a crash a
 * store recovers it and world_judge compares (invariants I1 to I12).
 */
#ifndef POSTHORSE_TESTS_CRASH_WORLD_H
#define POSTHORSE_TESTS_CRASH_WORLD_H

#include "disk.h"

#include "spool/store.h"

#define WORLD_MESSAGES	768u
#define WORLD_SLOTS	3u
#define WORLD_RECEIVERS	2u
#define WORLD_SEGMENT	65536u
#define WORLD_TEN_YEARS	((uint64_t)3650 * 86400 * 1000)	/* ms */

enum answer {
	ANSWER_NONE,		/* submitted; nothing said yet */
	ANSWER_KEPT,		/* 250, or seen in a recovery that lasted */
	ANSWER_MAYBE,		/* 451 while no poison could be written */
	ANSWER_REFUSED		/* 451: must never be seen */
};
enum asked {
	ASKED_NOTHING,
	ASKED,			/* settled in memory */
	ASKED_DURABLE		/* and its ticket came back */
};
struct entry {
	struct msg_id		 id;
	uint64_t		 seed;		/* of its content */
	size_t			 size;
	uint32_t		 nslots;
	enum answer		 answer;
	uint64_t		 ticket;
	size_t			 receiver;	/* whose ticket it is */
	bool			 is_ours;	/* a bounce: the store's ticket */
	bool			 is_cancelled;
	enum asked		 asked[WORLD_SLOTS];
	uint64_t		 asked_ticket[WORLD_SLOTS];
	size_t			 bounce[WORLD_SLOTS];	/* entry + 1, or 0 */
	struct store_message	*m;		/* in the living store */
};

/* A job of the store: in one step, or while everything else goes on. */
enum flight {
	FLIGHT_NONE,
	FLIGHT_BEGUN,
	FLIGHT_RUN		/* and its end is still to come */
};
struct world_job {
	struct spool_job	job;
	enum flight		flight;
};

struct world_receiver {
	struct spool_writer	*writer;
	uint64_t		 owner;
	bool			 is_syncing;
	struct spool_job	 job;
};

struct world {
	uint64_t		 seed, chance;
	struct disk		*disk;
	struct spool_files	 files;
	struct store_events	 events;
	struct store		*store;
	struct world_receiver	 receivers[WORLD_RECEIVERS];
	size_t			 nreceivers, at;	/* at: whose turn it is */
	uint64_t		 last_owner;
	bool			 is_faulty;	/* a call was made to fail */
	struct entry		 entries[WORLD_MESSAGES];
	size_t			 nentries;
	uint64_t		 images, images_max;
	uint64_t		 steps;
	bool			 is_judging;
	bool			 is_planted;	/* a false alarm is not the find */
	bool			 has_bounces;	/* of all sizes, in bursts */
	bool			 has_flights;	/* jobs take their time */
	struct world_job	 syncing, making;
	unsigned int		 false_alarms;
};

/* How the workload may go wrong on purpose. */
struct world_plan {
	uint64_t	seed;
	unsigned int	steps;
	unsigned int	images_per_call;
	bool		has_faults;	/* EIO and ENOSPC */
	bool		has_large, has_restarts, has_jumps;
	bool		has_bounces, has_flights, has_two, has_illness;
	bool		is_planted;
};

/* Prints the invariant, the seed and how to see it again; ends the program. */
NORETURN void world_fail(const struct world *w, const char *why, ...)
    PRINTF(2, 3);
/* Run one workload, judging an image at each call that changes something. */
void world_run(const struct world_plan *plan, uint64_t *images,
    uint64_t images_max);
/* Judge what a crash left; depth: how often recovery may be cut in turn. */
void world_judge(struct world *w, struct disk *image, unsigned int depth);
/* Rot in segments and journal, n times one place each (F7, I12). */
void world_rot(struct world *w, unsigned int n);

/* What a recovery reported. */
struct view {
	struct world		*w;
	struct store_message	*m[WORLD_MESSAGES];
	size_t			 entry[WORLD_MESSAGES];
	size_t			 n;
	uint64_t		 mark;		/* of all ids and slots */
	unsigned int		 alarms[STORE_ALARM_COUNT], lost;
	/* cutting inside this recovery */
	unsigned int		 depth;
	uint64_t		 cut_at, calls;
};
struct store_events view_events(struct view *v);
bool view_has(const struct view *v, size_t entry, struct store_message **m);
/* I2: are its octets those of e? */
enum err claim_compare(struct world *w, struct store *s,
    struct store_message *m, const struct entry *e, struct spool_files *f,
    bool *is_same);

/* copies.c: where records lie, read without the store. */
struct copy {
	struct msg_id	id;
	uint64_t	from, to;	/* octets of the segment */
	bool		is_copy;
};
/* Calls each() for every record of a message in the octets of a segment. */
void copies_each(const char *name, struct span octets,
    void (*each)(void *arg, const struct copy *c), void *arg);
/* I6: the disk is about to lose what stands in this file. */
void copies_losing(void *arg, struct disk *d, int file);

/* small.c: little mail, every cut, every subset. */
struct small_figures {
	uint64_t	scripts, cuts, images, sampled;
};
struct small_figures small_run(unsigned int bits, bool is_long,
    uint64_t *images, bool is_planted);

/* world.c */
struct world *world_begin(uint64_t seed, bool is_planted);
void world_end(struct world *w);
void world_cut(void *arg, struct disk *d);

/* work.c */
void world_open(struct world *w);
static inline struct world_receiver *
world_receiver(struct world *w)
{
	return &w->receivers[w->at];
}
void work_make(struct world *w);
void work_supply(struct world *w);
void work_submit(struct world *w, bool is_large, uint32_t nslots);
void work_writer_sync(struct world *w, bool finish);
/* That, of all receivers. */
void work_writers_sync(struct world *w);
void work_store_sync(struct world *w);
/* What is in flight lands. */
void work_land(struct world *w);
void work_settle(struct world *w, struct entry *e, uint32_t slot,
    enum store_fate fate);
/* The next open recipient. */
void work_settle_any(struct world *w, enum store_fate fate);
void work_deliver(struct world *w);
void work_cancel(struct world *w);
/* The machine loses power; the receiver alone dies; the queue alone. */
void work_restart(struct world *w);
void work_receiver_dies(struct world *w);
void work_queue_dies(struct world *w);
/* A second queue is started by mistake (F12). */
void work_second(struct world *w);
void work_fault(struct world *w);
/* The disk takes no write; or it is well again. */
void work_illness(struct world *w);
/* I11: without faults everything drains and the disk is free again. */
void work_drain(struct world *w);

struct entry *world_find(struct world *w, const struct msg_id *id);
void world_content(const struct entry *e, uint8_t *to);
/* What of it is not sent: none, one range, or one at each end; how many. */
#define WORLD_CUTS	2u
size_t world_cuts(const struct entry *e, struct spool_cut cuts[WORLD_CUTS]);
uint64_t world_chance(struct world *w, uint64_t n);
extern const struct store_options world_options;

#endif
