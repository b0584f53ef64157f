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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_acked_in_two_segments, "SPL-1 SPL-7"),
	};

	return RUN_TESTS(tests);
}
