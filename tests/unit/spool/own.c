/*
 * The store's own mail, bounces and copies, on a disk in memory: what it calls
 * durable is there after any crash.
 */
#include "disk_rig.h"

#define BOUNCE	30000u	/* octets; two do not fit into one segment */

static enum err
bounce_append(struct rig *r, size_t size, uint64_t *ticket)
{
	static uint8_t octets[SEGMENT];
	static const struct content_facts facts;
	struct buf envelope = buf_make(ENVELOPE_MAX);
	struct span content = span_of(octets, size);
	struct msg_id id;
	struct spool_message m = { .id = &id, .content = &content,
		.ncontent = 1, .facts = &facts };
	enum err e;

	rig_envelope(r, 1, &id, &envelope);
	m.envelope = buf_span(&envelope);
	e = store_append(r->store, &m, ticket);
	buf_free(&envelope);
	return e;
}

/* How many messages a power loss right now leaves. */
static size_t
left_by_crash(const struct disk *d)
{
	struct disk *image = disk_crash(d, IMAGE_NOTHING, 0);
	static struct rig after;
	size_t n;

	disk_rig_begin(&after, image);
	n = after.nmessages;
	CHECK_NUM(claimed(&after), n, "whole");
	disk_rig_end(&after);
	disk_free(image);
	return n;
}

/* A batch that began in one segment and goes on in the next: two syncs. */
static void
test_acked_in_two_segments(UNUSED void **state)
{
	struct disk *d = disk_new(1);
	static struct rig r;
	uint64_t tickets[2];

	disk_rig_begin(&r, d);
	make_all(&r);
	for (size_t i = 0; i < COUNT(tickets); i++)
		CHECK_NUM(bounce_append(&r, BOUNCE, &tickets[i]), ERR_OK,
		    "bounce %zu", i);
	for (unsigned int turn = 0; turn < 4; turn++) {
		uint64_t acked = rig_sync_store(&r);
		size_t want = (acked >= tickets[0] ? 1u : 0u) +
		    (acked >= tickets[1] ? 1u : 0u);

		CHECK(left_by_crash(d) >= want, "turn %u: %zu durable", turn,
		    want);
	}
	CHECK_NUM(left_by_crash(d), 2, "both in the end");
	disk_rig_end(&r);
	disk_free(d);
}

/*
 * Its sync failed, and then memory ran short: reads of the segment show what the
 * disk has, and the bounce is written again all the same.
 */
static void
test_failed_sync_under_pressure(UNUSED void **state)
{
	for (uint64_t call = 1; call <= 3; call++) {
		struct disk *d = disk_new(call);
		static struct rig r;
		uint64_t tickets[2], acked = 0;

		disk_rig_begin(&r, d);
		make_all(&r);
		for (size_t i = 0; i < COUNT(tickets); i++)
			CHECK_NUM(bounce_append(&r, BOUNCE / 4, &tickets[i]),
			    ERR_OK, "bounce %zu", i);
		d->fail_at = d->calls + call;
		d->fail_why = EIO;
		for (unsigned int turn = 0; turn < 6; turn++) {
			uint64_t now = rig_sync_store(&r);

			acked = MAX(acked, now);
			disk_pressure(d);
			d->clock += 2000;
			make_all(&r);
		}
		CHECK(acked >= tickets[1], "call %llu: durable in the end",
		    (unsigned long long)call);
		CHECK_NUM(left_by_crash(d), 2, "call %llu: both are there",
		    (unsigned long long)call);
		CHECK_NUM(r.nmessages, 2, "reported once");
		CHECK_NUM(r.alarms[STORE_ALARM_SYNC], 1, "told");
		disk_rig_end(&r);
		disk_free(d);
	}
}

/* One sector of the journal is zeros when the machine comes back. */
static void
journal_judge(const struct disk *d, uint64_t at, const struct msg_id *id)
{
	struct disk *image = disk_crash(d, IMAGE_ALL, 0);
	static struct rig r;

	if (disk_damage(image, "journal", DAMAGE_ZERO, at, 0)) {
		disk_rig_begin(&r, image);
		CHECK_NUM(r.nmessages, 1, "rot at %llu",
		    (unsigned long long)at);
		CHECK(msg_id_eq(&r.ids[0], id), "the straggler");
		CHECK_NUM(claimed(&r), 1, "whole");
		disk_rig_end(&r);
	}
	disk_free(image);
}

/*
 * A straggler lives by the word that it moved.  When its old place is used
 * again that word is not in the last group, whose rot nobody can tell from a
 * sync that never ended.
 */
static void
test_moved_word_rots(UNUSED void **state)
{
	struct disk *d = disk_new(5);
	static struct rig r;
	struct msg_id id;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	id = rig_receive(&r, 1, "Subject: late\r\n\r\nlate\r\n");
	for (unsigned int i = 0; i < 12; i++) {
		(void)rig_receive(&r, 1, "Subject: quick\r\n\r\nquick\r\n");
		rig_settle(&r, r.messages[r.nmessages - 1], 0, STORE_DONE, "");
	}
	(void)rig_sync_store(&r);
	rig_restart(&r);
	for (unsigned int i = 0; i < 16 && generation_of(d) == 1; i++) {
		make_all(&r);
		(void)store_tend(r.store, 1 << 20);
		d->clock += 2000;
		(void)rig_sync_store(&r);
	}
	CHECK(generation_of(d) > 1, "the old place is used again");
	for (uint64_t at = 4096; at < disk_octets(d, DISK_ROOT, "journal").n;
	     at += DISK_SECTOR)
		journal_judge(d, at, &id);
	disk_rig_end(&r);
	disk_free(d);
}

/* A write fails while the sync before it is on its way: that one counts. */
static void
test_write_fails_behind_a_sync(UNUSED void **state)
{
	struct disk *d = disk_new(4);
	static struct rig r;
	struct spool_job job;
	uint64_t first, second;

	disk_rig_begin(&r, d);
	make_all(&r);
	CHECK_NUM(bounce_append(&r, 1000, &first), ERR_OK, "appended");
	CHECK(store_sync_begin(r.store, &job), "begun");
	d->fail_at = d->calls + 1;
	d->fail_why = EIO;
	CHECK_NUM(bounce_append(&r, 1000, &second), ERR_IO, "its write failed");
	spool_job_run(&job);
	CHECK(store_sync_end(r.store, &job).acked >= first, "durable");
	CHECK_NUM(left_by_crash(d), 1, "and there");
	CHECK_NUM(r.alarms[STORE_ALARM_SYNC], 1, "told");
	make_all(&r);
	CHECK_NUM(bounce_append(&r, 1000, &second), ERR_OK, "elsewhere");
	CHECK(rig_sync_store(&r) >= second, "durable");
	CHECK_NUM(left_by_crash(d), 2, "both");
	disk_rig_end(&r);
	disk_free(d);
}

/*
 * The disk takes no write for a while: what is to be saved cannot be written
 * again either, and again.  When the disk is well, all of it is saved.
 */
static void
test_disk_is_ill_for_long(UNUSED void **state)
{
	for (unsigned int ill = 1; ill <= 6; ill++) {
		struct disk *d = disk_new(ill);
		static struct rig r;
		uint64_t ticket, acked = 0;

		disk_rig_begin(&r, d);
		make_all(&r);
		CHECK_NUM(bounce_append(&r, 1000, &ticket), ERR_OK, "appended");
		/* There are segments enough: each of them fails in turn. */
		make_all(&r);
		d->full_why = EIO;
		d->full_after = 1;
		for (unsigned int turn = 0; turn < 20; turn++) {
			uint64_t now;

			if (turn == ill)
				d->full_after = 0;
			now = rig_sync_store(&r);
			acked = MAX(acked, now);
			disk_pressure(d);
			d->clock += 2000;
			make_all(&r);
		}
		CHECK(acked >= ticket, "ill for %u turns: durable", ill);
		CHECK_NUM(left_by_crash(d), 1, "ill for %u turns: there", ill);
		CHECK_NUM(r.nmessages, 1, "ill for %u turns: once", ill);
		disk_rig_end(&r);
		disk_free(d);
	}
}

/* Some of it is saved, then a write fails: each is there once in the end. */
static void
test_saved_in_part(UNUSED void **state)
{
	for (uint64_t k = 1; k <= 9; k++)
		for (unsigned int ill = 0; ill <= 4; ill++) {
			struct disk *d = disk_new(k * 10 + ill);
			static struct rig r;
			uint64_t ticket = 0, acked = 0;

			disk_rig_begin(&r, d);
			make_all(&r);
			for (unsigned int i = 0; i < 3; i++)
				CHECK_NUM(bounce_append(&r, 20000, &ticket),
				    ERR_OK, "bounce %u", i);
			make_all(&r);
			d->fail_at = d->calls + 2;
			d->fail_why = EIO;
			for (unsigned int turn = 0; turn < 24; turn++) {
				uint64_t now;

				/* All writes from the k-th on, or it alone. */
				if (turn == 1 && ill > 0) {
					d->full_after = k;
					d->full_why = EIO;
				} else if (turn == 1) {
					d->fail_at = d->calls + k;
				} else if (turn == 1 + ill) {
					d->full_after = 0;
				}
				now = rig_sync_store(&r);
				acked = MAX(acked, now);
				disk_pressure(d);
				d->clock += 2000;
				make_all(&r);
			}
			CHECK(acked >= ticket, "write %llu, %u turns",
			    (unsigned long long)k, ill);
			CHECK_NUM(left_by_crash(d), 3, "write %llu, %u turns",
			    (unsigned long long)k, ill);
			CHECK_NUM(r.nmessages, 3, "write %llu, %u turns: once",
			    (unsigned long long)k, ill);
			disk_rig_end(&r);
			disk_free(d);
		}
}

static void
message_ignore(UNUSED void *arg, UNUSED struct store_message *m,
    UNUSED const struct envelope *e, UNUSED const struct content_facts *facts,
    UNUSED uint64_t size)
{
}

/* What waits for a sync in memory has a bound, and the sync frees it. */
static void
test_kept_is_bounded(UNUSED void **state)
{
	static struct rig r;
	uint64_t ticket, octets = 0;
	enum err e;

	rig_begin(&r);
	store_close(r.store);
	r.options.segment_size = 32u << 20;
	CHECK_NUM(rig_open_store(&r), ERR_OK, "open");
	make_all(&r);
	while ((e = bounce_append(&r, SEGMENT, &ticket)) == ERR_OK)
		octets += SEGMENT;
	CHECK_NUM(e, ERR_AGAIN, "the bound");
	CHECK(octets > (7u << 20) && octets <= (8u << 20), "%llu octets",
	    (unsigned long long)octets);
	r.events.message = message_ignore;
	CHECK(rig_sync_store(&r) >= ticket, "durable");
	CHECK_NUM(bounce_append(&r, SEGMENT, &ticket), ERR_OK, "room again");
	rig_end(&r);
}

/*
 * A writer has synced its last batch and said 250; the queue died before it
 * heard of that.  The next one's own sync of the segment fails: that says nothing
 * of what was durable before.
 */
static void
test_promised_before_our_sync_failed(UNUSED void **state)
{
	unsigned int alarms = 0;

	for (uint64_t call = 1; call <= 60; call++) {
		struct disk *d = disk_new(call);
		static struct rig r;
		struct msg_id id;
		uint64_t ticket;

		disk_rig_begin(&r, d);
		rig_supply(&r);
		CHECK_NUM(rig_append(&r, 1, SPAN("promised\r\n"), &id, &ticket),
		    ERR_OK, "append");
		CHECK(rig_sync_writer(&r).acked >= ticket, "250");
		store_close(r.store);
		d->fail_at = d->calls + call;
		d->fail_why = EIO;
		if (rig_open_store(&r) != ERR_OK) {
			d->fail_at = 0;
			CHECK_NUM(rig_open_store(&r), ERR_OK, "call %llu",
			    (unsigned long long)call);
		}
		alarms += r.alarms[STORE_ALARM_SYNC];
		CHECK_NUM(r.nmessages, 1, "call %llu", (unsigned long long)call);
		CHECK_NUM(claimed(&r), 1, "whole");
		for (unsigned int turn = 0; turn < 6; turn++) {
			(void)rig_sync_store(&r);
			d->clock += 2000;
			make_all(&r);
		}
		CHECK_NUM(left_by_crash(d), 1, "call %llu: after a crash",
		    (unsigned long long)call);
		disk_rig_end(&r);
		disk_free(d);
	}
	CHECK(alarms > 0, "no sync of the segment failed");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_acked_in_two_segments, "SPL-1 SPL-7"),
		TEST(test_failed_sync_under_pressure, "SPL-3"),
		TEST(test_promised_before_our_sync_failed, "SPL-1 SPL-3"),
		TEST(test_write_fails_behind_a_sync, "SPL-1 SPL-3"),
		TEST(test_disk_is_ill_for_long, "SPL-3"),
		TEST(test_saved_in_part, "SPL-3"),
		TEST(test_kept_is_bounded, ""),
		TEST(test_moved_word_rots, "SPL-5 SPL-6"),
	};

	return RUN_TESTS(tests);
}
