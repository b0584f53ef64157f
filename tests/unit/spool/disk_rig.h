/*
 * disk_rig.h - the rig on a disk in memory.
 */
#ifndef POSTHORSE_TESTS_SPOOL_DISK_RIG_H
#define POSTHORSE_TESTS_SPOOL_DISK_RIG_H

#include "rig.h"

#include "../../crash/disk.h"

#define SEGMENT		65536u
#define SEGMENT_NAME	"segment-0000000000000001"

/* A rig on a disk, which the caller frees. */
static inline void
disk_rig_begin(struct rig *r, struct disk *d)
{
	*r = (struct rig){ .files = disk_table(d),
		.options = { .segment_size = SEGMENT }, .dir = DISK_ROOT };
	r->events = (struct store_events){ r, rig_message, rig_outcome,
		rig_lost, rig_alarm };
	assert_int_equal(rig_open_store(r), ERR_OK);
	assert_int_equal(spool_writer_new(&r->files, &r->writer), ERR_OK);
}

static inline void
disk_rig_end(struct rig *r)
{
	store_close(r->store);
	spool_writer_free(r->writer);
}

static inline unsigned int
claimed(struct rig *r)
{
	struct store_piece pieces[4];
	unsigned int good = 0;
	size_t n;

	for (size_t i = 0; i < r->nmessages; i++)
		good += store_claim(r->store, r->messages[i], pieces, 4, &n) ==
		    ERR_OK;
	return good;
}

static inline unsigned int
generation_of(const struct disk *d)
{
	struct spool_segment_head head;

	CHECK_NUM(spool_segment_head_decode(disk_octets(d, DISK_ROOT,
	    SEGMENT_NAME), 1, &head), ERR_OK, "its head");
	return (unsigned int)(head.generation >> SPOOL_GENERATION_RANDOM);
}

static inline void
make_all(struct rig *r)
{
	struct spool_job job;

	for (unsigned int i = 0; i < 16 && store_make_wanted(r->store); i++) {
		if (!store_make_begin(r->store, &job))
			return;
		spool_job_run(&job);
		store_make_end(r->store, &job);
	}
}

#endif
