/*
 * world.c - the workload: mail comes in, is tried, deferred, bounced, moved;
 * disks fail, processes die.  One seed decides it all.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define IMAGES_A_CALL	2u

const struct store_options world_options = {
	.segment_size = WORLD_SEGMENT,
	.ready = 2,
	.ready_large = 2,
};

void
world_fail(const struct world *w, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	(void)vprintf(why, ap);
	va_end(ap);
	(void)printf("; seed %llu, step %llu, image %llu\n",
	    (unsigned long long)w->seed, (unsigned long long)w->steps,
	    (unsigned long long)w->images);
	(void)fflush(stdout);
	exit(1);
}

uint64_t
world_chance(struct world *w, uint64_t n)
{
	uint64_t z = w->chance += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % n;
}

struct entry *
world_find(struct world *w, const struct msg_id *id)
{
	for (size_t i = w->nentries; i > 0; i--)
		if (msg_id_eq(&w->entries[i - 1].id, id))
			return &w->entries[i - 1];
	return NULL;
}

void
world_content(const struct entry *e, uint8_t *to)
{
	uint64_t v = e->seed;

	for (size_t i = 0; i < e->size; i++) {
		v = v * 6364136223846793005u + 1442695040888963407u;
		to[i] = (uint8_t)(v >> 33);
	}
}

size_t
world_cuts(const struct entry *e, struct spool_cut cuts[WORLD_CUTS])
{
	if (e->seed % 4 < 2)
		return 0;
	if (e->seed % 4 == 2) {
		cuts[0] = (struct spool_cut){ e->size / 3, e->size / 2 };
		return 1;
	}
	cuts[0] = (struct spool_cut){ 0, 7 };
	cuts[1] = (struct spool_cut){ e->size - 9, e->size };
	return 2;
}

/* --- what the living store says ------------------------------------------ */

static void
world_message(void *arg, struct store_message *m, const struct envelope *e,
    UNUSED const struct content_facts *facts, UNUSED uint64_t size)
{
	struct world *w = arg;
	struct entry *found = world_find(w, &e->id);

	if (found == NULL)
		world_fail(w, "I3: a message that nobody sent");
	if (found->answer == ANSWER_REFUSED)
		world_fail(w, "I9: refused, and reported");
	if (found->m != NULL)
		world_fail(w, "I4: reported twice");
	found->m = m;
	*store_user(m) = found;
}

static void
world_outcome(UNUSED void *arg, struct store_message *m, uint32_t slot,
    const struct store_outcome *o)
{
	struct entry *e = *store_user(m);

	if (o->fate == STORE_DONE && e->asked[slot] != ASKED_NOTHING)
		e->asked[slot] = ASKED_DURABLE;
}

static void
world_lost(void *arg, UNUSED struct store_message *m)
{
	world_fail(arg, "I1: the store lost a message");
}

static void
world_alarm(UNUSED void *arg, UNUSED const struct store_alarm *a)
{
}

/* --- cutting ------------------------------------------------------------- */

void
world_cut(void *arg, struct disk *d)
{
	struct world *w = arg;

	if (w->is_judging || w->images >= w->images_max)
		return;
	w->is_judging = true;
	for (unsigned int i = 0; i < IMAGES_A_CALL; i++) {
		enum disk_image kind =
		    (enum disk_image)world_chance(w, IMAGE_SUBSET);
		uint64_t which = world_chance(w, kind < IMAGE_SECTORS
		    ? d->nops + 1 : UINT32_MAX);

		world_judge(w, disk_crash(d, kind, which), 3);
	}
	w->is_judging = false;
}

/* --- the whole ----------------------------------------------------------- */

/* F9: there and, sometimes, back. */
static void
clock_jump(struct world *w)
{
	if (w->disk->clock > WORLD_TEN_YEARS && world_chance(w, 2) == 0)
		w->disk->clock -= WORLD_TEN_YEARS;
	else
		w->disk->clock += WORLD_TEN_YEARS;
}

/* A domain went away: all that wait for it bounce at once. */
static void
give_up(struct world *w)
{
	for (unsigned int i = 0; i < 4 && store_may_deliver(w->store); i++)
		work_settle_any(w, STORE_FAILED);
}

static void
step(struct world *w, const struct world_plan *plan)
{
	uint64_t dice = world_chance(w, 100);

	w->steps++;
	w->disk->clock += world_chance(w, 900);
	if (plan->has_jumps && world_chance(w, 60) == 0)
		clock_jump(w);
	if (plan->has_bounces && world_chance(w, 8) == 0)
		disk_pressure(w->disk);
	if (plan->has_illness &&
	    world_chance(w, w->disk->full_after == 0 ? 30 : 4) == 0)
		work_illness(w);
	if (plan->has_two)
		w->at = world_chance(w, w->nreceivers);
	if (plan->has_flights && world_chance(w, 2) == 0)
		work_store_sync(w);
	if (plan->has_flights && world_chance(w, 2) == 0)
		work_supply(w);
	if (dice < 26)
		work_submit(w, plan->has_large && world_chance(w, 8) == 0,
		    1 + (uint32_t)world_chance(w, WORLD_SLOTS));
	else if (dice < 42)
		work_writer_sync(w, world_chance(w, 3) != 0);
	else if (dice < 68 && plan->has_bounces && world_chance(w, 4) == 0)
		give_up(w);
	else if (dice < 68)
		work_deliver(w);
	else if (dice < 80)
		work_store_sync(w);
	else if (dice < 88)
		work_supply(w);
	else if (dice < 92)
		(void)store_tend(w->store, 20000);
	else if (dice < 94)
		work_cancel(w);
	else if (dice < 95)
		work_receiver_dies(w);
	else if (dice < 97 && plan->has_faults)
		work_fault(w);
	else if (dice < 98 && plan->has_restarts)
		work_restart(w);
	else if (dice < 99)
		work_queue_dies(w);
	else
		work_second(w);
}

/* Everything sealed and safe, then rot. */
static void
rot(struct world *w)
{
	bool was = w->is_judging;

	w->is_judging = true;
	w->disk->fail_at = w->disk->fail_read = w->disk->full_after = 0;
	work_land(w);
	work_writers_sync(w);
	work_writers_sync(w);
	work_store_sync(w);
	w->disk->clock += 2000;
	work_store_sync(w);
	work_restart(w);
	/* Groups of outcomes behind the fresh checkpoint. */
	for (unsigned int i = 0; i < 4; i++) {
		work_settle_any(w, i % 2 == 0 ? STORE_DONE : STORE_RETRY);
		work_store_sync(w);
	}
	w->disk->before = NULL;
	world_rot(w, 40);
	w->disk->before = world_cut;
	w->is_judging = was;
}

struct world *
world_begin(uint64_t seed, bool is_planted)
{
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL)
		abort();
	w->seed = seed;
	w->chance = seed * 0x2545f4914f6cdd1du + 1;
	w->is_planted = is_planted;
	w->nreceivers = 1;
	w->events = (struct store_events){ w, world_message, world_outcome,
		world_lost, world_alarm };
	w->disk = disk_new(seed);
	disk_plant(w->disk, DISK_ROOT, "strange", SPAN("who put this here?"));
	return w;
}

void
world_end(struct world *w)
{
	for (w->at = w->nreceivers; w->at-- > 0;)
		if (world_receiver(w)->is_syncing)
			work_writer_sync(w, true);
	w->at = 0;
	work_land(w);
	w->disk->before = NULL;
	store_close(w->store);
	for (size_t i = 0; i < w->nreceivers; i++)
		spool_writer_free(w->receivers[i].writer);
	disk_free(w->disk);
	free(w);
}

void
world_run(const struct world_plan *plan, uint64_t *images, uint64_t images_max)
{
	struct world *w = world_begin(plan->seed, plan->is_planted);

	w->images = *images;
	w->images_max = images_max;
	w->disk->odd = plan->seed % 2 == 0 ? 17 : 0;
	w->has_bounces = plan->has_bounces;
	w->has_flights = plan->has_flights;
	w->nreceivers = plan->has_two ? 2 : 1;
	w->is_judging = true;
	world_open(w);
	work_supply(w);
	w->is_judging = false;
	for (unsigned int i = 0; i < plan->steps && w->images < images_max; i++)
		step(w, plan);
	if (w->images < images_max) {
		rot(w);
		w->is_judging = true;
		work_drain(w);
	}
	*images = w->images;
	w->is_judging = true;
	world_end(w);
}
