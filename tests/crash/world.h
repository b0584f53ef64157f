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
#define WORLD_SEGMENT	65536u

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
	bool			 is_ours;	/* a bounce: the store's ticket */
	bool			 is_cancelled;
	enum asked		 asked[WORLD_SLOTS];
	uint64_t		 asked_ticket[WORLD_SLOTS];
	size_t			 bounce[WORLD_SLOTS];	/* entry + 1, or 0 */
	struct store_message	*m;		/* in the living store */
};

struct world {
	uint64_t		 seed, chance;
	struct disk		*disk;
	struct spool_files	 files;
	struct store_events	 events;
	struct store		*store;
	struct spool_writer	*writer;
	uint64_t		 owner;
	bool			 is_syncing;
	bool			 is_faulty;	/* a call was made to fail */
	struct spool_job	 job;
	struct entry		 entries[WORLD_MESSAGES];
	size_t			 nentries;
	uint64_t		 images, images_max;
	uint64_t		 steps;
	bool			 is_judging;
};

/* How the workload may go wrong on purpose. */
struct world_plan {
	uint64_t	seed;
	unsigned int	steps;
	unsigned int	images_per_call;
	bool		has_faults;	/* EIO and ENOSPC */
	bool		has_large, has_restarts;
};

/* Prints the invariant, the seed and how to see it again; ends the program. */
NORETURN void world_fail(const struct world *w, const char *why, ...)
    PRINTF(2, 3);
/* Run one workload, judging an image at each call that changes something. */
void world_run(const struct world_plan *plan, uint64_t *images,
    uint64_t images_max);
/* Judge what a crash left; depth: how often recovery may be cut in turn. */
void world_judge(struct world *w, struct disk *image, unsigned int depth);
/* Every bit of a sealed segment, one at a time (I12). */
void world_flips(struct world *w, unsigned int n);

struct entry *world_find(struct world *w, const struct msg_id *id);
void world_content(const struct entry *e, uint8_t *to);
uint64_t world_chance(struct world *w, uint64_t n);
extern const struct store_options world_options;

#endif
