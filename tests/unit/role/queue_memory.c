/*
 * queue_memory.c - what a hundred thousand deferred letters cost in memory:
 * the store's part and the scheduler's, on a real spool.
 */
#include "check.h"

#include "mail/content.h"
#include "role/queue/queue.h"
#include "spool/writer.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#define LETTERS		100000u
#define DOMAINS		500u
#define BUDGET		256u	/* octets a letter: ARCHITECTURE 9 */

#ifndef __has_feature
#define __has_feature(x)	0
#endif

struct world {
	char			 dir_name[64];
	int			 dir;
	struct spool_files	 files;
	struct store		*store;
	struct sched		*sched;
	struct buf		 name;
	uint32_t		 n;
};

/* As admit.c does it for a new letter; then it is deferred. */
static void
take(void *arg, struct store_message *m, const struct envelope *e,
    const struct content_facts *facts UNUSED, uint64_t size)
{
	static const struct config none;
	struct world *w = arg;
	struct sched_entry entry = {
		.message = (uint64_t)(uintptr_t)m, .size = size,
		.originator = w->n % 100, .wait_ms = 300000, .attempts = 1,
	};
	const struct store_outcome later = { .fate = STORE_RETRY,
		.next_ms = e->arrived_ms + 300000, .attempts = 1,
		.words = SPAN("451 4.7.1 greylisted") };
	struct envelope_recipient r;
	struct span list = e->recipients;
	uint64_t ticket;
	uint32_t item;

	assert_int_equal(envelope_next(&list, &r), ERR_OK);
	assert_int_equal(queue_destination(&none, &r, &w->name), ERR_OK);
	entry.destination = buf_span(&w->name);
	assert_int_equal(sched_add(w->sched, 1000, &entry, &item), ERR_OK);
	assert_int_equal(store_settle(w->store, m, 0, &later, &ticket),
	    ERR_OK);
	w->n++;
}

static void
no_alarm(void *arg UNUSED, const struct store_alarm *a UNUSED)
{
}

static void
make_files(struct world *w)
{
	struct spool_job job;

	while (store_make_wanted(w->store) &&
	    store_make_begin(w->store, &job)) {
		spool_job_run(&job);
		store_make_end(w->store, &job);
	}
}

static void
sync_all(struct world *w)
{
	struct spool_job job;

	while (store_sync_wanted(w->store) &&
	    store_sync_begin(w->store, &job)) {
		spool_job_run(&job);
		(void)store_sync_end(w->store, &job);
	}
}

static void
append(struct world *w, uint32_t i)
{
	struct buf list = buf_make(4096), envelope = buf_make(4096);
	struct span content = SPAN("Subject: x\r\n\r\nhello\r\n");
	struct content_facts facts = { .size = content.n, .header_size = 14 };
	struct msg_id id = { { 1, 2, 3, 4, 5, 6, 7, 8, (uint8_t)(i >> 16),
	    (uint8_t)(i >> 8), (uint8_t)i } };
	char address[64];
	struct envelope_recipient r = { .route = ENVELOPE_REMOTE };
	struct envelope e = { .id = id, .arrived_ms = 1,
		.reverse_path = SPAN("eve@example.com"), .nrecipients = 1 };
	const struct spool_message m = { .id = &id, .content = &content,
		.ncontent = 1, .facts = &facts };
	struct spool_message full = m;
	uint64_t ticket;

	(void)snprintf(address, sizeof(address), "bob@d%u.example.net",
	    i % DOMAINS);
	r.address = span_str(address);
	assert_int_equal(envelope_add_recipient(&list, &r), ERR_OK);
	e.recipients = buf_span(&list);
	assert_int_equal(envelope_encode(&e, &envelope), ERR_OK);
	full.envelope = buf_span(&envelope);
	for (int tries = 0; tries < 4; tries++) {
		if (store_append(w->store, &full, &ticket) == ERR_OK)
			break;
		sync_all(w);
		make_files(w);
		assert_true(tries < 3);
	}
	buf_free(&list);
	buf_free(&envelope);
}

static size_t
in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
world_open(struct world *w, struct store_events *events)
{
	const struct store_options options = { .segment_size = 64u << 20 };
	const struct sched_limits limits = { .retry = RETRY_DEFAULT,
		.start = 5, .most = 20, .jobs = 100, .job_size = 4u << 20,
		.idle_max = 1000, .key = { 1, 2 } };

	(void)strcpy(w->dir_name, "/tmp/posthorse-memory-XXXXXX");
	assert_non_null(mkdtemp(w->dir_name));
	w->dir = open(w->dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dir >= 0);
	w->files = spool_files_posix();
	w->name = buf_make(SCHED_NAME_MAX);
	assert_int_equal(sched_new(&limits, &w->sched), ERR_OK);
	assert_int_equal(store_open(&w->files, w->dir, &options, events,
	    &w->store), ERR_OK);
	make_files(w);
}

static void
world_close(struct world *w)
{
	char command[128];

	store_close(w->store);
	sched_free(w->sched);
	buf_free(&w->name);
	(void)close(w->dir);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", w->dir_name);
	assert_int_equal(system(command), 0);
}

static void
test_deferred_letters_stay_small(void **state UNUSED)
{
	struct world w = { 0 };
	struct store_events events = { .arg = &w, .message = take,
		.alarm = no_alarm };
	size_t before, used;

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
	skip();
#endif
	world_open(&w, &events);
	before = in_use();
	for (uint32_t i = 0; i < LETTERS; i++) {
		append(&w, i);
		if (i % 10000 == 9999)
			sync_all(&w);
	}
	sync_all(&w);
	CHECK_NUM(w.n, LETTERS, "all are scheduled");
	used = (in_use() - before) / LETTERS;
	print_message("%zu octets a deferred letter\n", used);
	CHECK(used <= BUDGET, "%zu octets", used);
	world_close(&w);
}

static const struct CMUnitTest tests[] = {
	TEST(test_deferred_letters_stay_small, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
