/*
 * The store on real files: what came in, what became of it, what a restart
 * finds.  The crashes are in tests/crash.
 */
#include "rig.h"

#include <errno.h>

static void
test_receive_and_claim(UNUSED void **state)
{
	struct rig r;
	struct msg_id id;
	char text[256];

	rig_begin(&r);
	rig_supply(&r);
	id = rig_receive(&r, 2, "Subject: a\r\n\r\nhello\r\n");
	CHECK_NUM(r.nmessages, 1, "reported");
	CHECK(msg_id_eq(&r.ids[0], &id), "its id");
	rig_text(&r, r.messages[0], text, sizeof text);
	CHECK_STR(text, "X: y\r\nSubject: a\r\n\r\nhello\r\n", "as sent");
	rig_end(&r);
}

static void
test_restart_finds_it(UNUSED void **state)
{
	struct rig r;
	struct msg_id id;
	char text[256];

	rig_begin(&r);
	rig_supply(&r);
	id = rig_receive(&r, 1, "one\r\n");
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 1, "found");
	CHECK(msg_id_eq(&r.ids[0], &id), "its id");
	rig_text(&r, r.messages[0], text, sizeof text);
	CHECK_STR(text, "X: y\r\none\r\n", "as sent");
	CHECK_NUM(r.alarms[STORE_ALARM_CORRUPT], 0, "no alarm");
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 1, "found again");
	rig_end(&r);
}

static void
test_outcomes_survive(UNUSED void **state)
{
	struct rig r;
	struct buf words = buf_make(4096);
	struct store_outcome o;

	rig_begin(&r);
	rig_supply(&r);
	(void)rig_receive(&r, 3, "one\r\n");
	(void)rig_receive(&r, 1, "two\r\n");
	rig_settle(&r, r.messages[0], 0, STORE_DONE, "");
	rig_settle(&r, r.messages[0], 1, STORE_RETRY, "450 later\n\0x");
	rig_settle(&r, r.messages[1], 0, STORE_DONE, "");
	CHECK(rig_sync_store(&r) >= 3, "durable");
	for (unsigned int i = 0; i < 3; i++) {
		rig_restart(&r);
		CHECK_NUM(r.nmessages, 1, "restart %u", i);
		CHECK_NUM(r.outcomes, 2, "restart %u", i);
		CHECK(store_slot_is_settled(r.messages[0], 0), "done");
		CHECK(!store_slot_is_settled(r.messages[0], 1), "open");
		CHECK_NUM(store_outcome(r.store, r.messages[0], 1, &words, &o),
		    ERR_OK, "deferred");
		CHECK_NUM(o.next_ms, 12345, "when");
		CHECK_NUM(o.attempts, 3, "attempts");
		CHECK(span_eq(o.words, SPAN("450 later\n")), "words");
	}
	buf_free(&words);
	rig_end(&r);
}

static void
check_told(struct rig *r, const char *when)
{
	static const bool want[] = { false, false, true, true };

	for (uint32_t i = 0; i < COUNT(want); i++)
		CHECK_NUM(store_slot_is_told(r->messages[0], i), want[i],
		    "%s, slot %u", when, i);
	CHECK(store_slot_is_told(r->messages[1], 0), "%s, the only slot", when);
}

/* That its sender knows is remembered, whatever is said of it later. */
static void
test_told_survives(UNUSED void **state)
{
	struct buf words = buf_make(4096);
	struct store_outcome o;
	struct rig r;

	rig_begin(&r);
	rig_supply(&r);
	(void)rig_receive(&r, 4, "one\r\n");
	(void)rig_receive(&r, 1, "two\r\n");
	rig_settle(&r, r.messages[0], 0, STORE_DONE, "");
	rig_settle(&r, r.messages[0], 2, STORE_RETRY, "450 later");
	rig_settle(&r, r.messages[0], 3, STORE_RETRY, "450 later");
	rig_settle(&r, r.messages[1], 0, STORE_RETRY, "450 later");
	for (uint32_t i = 0; i < 4; i++)
		for (unsigned int twice = 0; twice < 2; twice++)
			store_tell(r.store, r.messages[0], i);
	store_tell(r.store, r.messages[1], 0);
	check_told(&r, "at once");
	rig_settle(&r, r.messages[0], 3, STORE_HOLD, "held");
	rig_settle(&r, r.messages[1], 0, STORE_RETRY, "451 again");
	check_told(&r, "settled again");
	(void)rig_sync_store(&r);
	for (unsigned int i = 0; i < 3; i++) {
		rig_restart(&r);
		CHECK_NUM(r.nmessages, 2, "restart %u", i);
		check_told(&r, "restarted");
		CHECK_NUM(store_outcome(r.store, r.messages[0], 2, &words, &o),
		    ERR_OK, "as it was");
		CHECK(o.fate == STORE_RETRY && o.next_ms == 12345 &&
		    o.attempts == 3 && span_eq(o.words, SPAN("450 later")),
		    "restart %u", i);
		CHECK_NUM(store_outcome(r.store, r.messages[0], 3, &words, &o),
		    ERR_OK, "held");
		CHECK(o.fate == STORE_HOLD, "restart %u", i);
	}
	buf_free(&words);
	rig_end(&r);
}

static int
open_without_descriptors(UNUSED void *self, UNUSED int dir,
    UNUSED const char *name, UNUSED unsigned int how)
{
	errno = EMFILE;
	return -1;
}

/* Without a descriptor nothing is known of the file, so nothing is lost. */
static void
check_claims(struct rig *r, struct store_message *m)
{
	int (*open)(void *, int, const char *, unsigned int) = r->files.open;
	struct store_piece pieces[4];
	struct store_content c;
	size_t n;

	r->files.open = open_without_descriptors;
	CHECK_NUM(store_claim(r->store, m, pieces, 4, &n), ERR_IO, "full");
	CHECK_NUM(store_claim_large(r->store, m, pieces, 4, &n, &c), ERR_IO,
	    "full");
	r->files.open = open;
	CHECK_NUM(store_claim_large(r->store, m, pieces, 4, &n, &c), ERR_OK,
	    "for a thread");
	CHECK_NUM(n, 1, "one piece");
	CHECK_NUM(pieces[0].fd, c.fd, "of the caller's descriptor");
	CHECK_NUM(store_content_check(&c), ERR_OK, "holds");
	c.hash++;
	CHECK_NUM(store_content_check(&c), ERR_CORRUPT, "another hash");
	c.hash--;
	c.size--;
	CHECK_NUM(store_content_check(&c), ERR_CORRUPT, "another size");
	store_content_close(&c);
}

/* store_next: each that lives, once, in the order of the spool. */
static void
test_walk_of_messages(UNUSED void **state)
{
	struct store_message *m;
	struct rig r;
	size_t n = 0;

	rig_begin(&r);
	rig_supply(&r);
	CHECK(store_next(r.store, NULL) == NULL, "none");
	for (unsigned int i = 0; i < 4; i++)
		(void)rig_receive(&r, 1, "x\r\n");
	rig_settle(&r, r.messages[1], 0, STORE_DONE, "");
	for (m = store_next(r.store, NULL); m != NULL;
	    m = store_next(r.store, m), n++)
		CHECK(m == r.messages[n == 0 ? 0 : n + 1], "at %zu", n);
	CHECK_NUM(n, 3, "living");
	rig_end(&r);
}

static void
test_large(UNUSED void **state)
{
	struct rig r;
	struct spool_large large;
	struct buf envelope = buf_make(ENVELOPE_MAX);
	static const struct content_facts facts;
	struct msg_id id;
	struct spool_message m = { .id = &id, .large = &large,
		.facts = &facts };
	struct store_piece pieces[4];
	uint64_t ticket;
	size_t n;

	rig_begin(&r);
	rig_supply(&r);
	CHECK_NUM(spool_large_begin(r.writer, &large), ERR_OK, "begun");
	for (unsigned int i = 0; i < 100; i++)
		CHECK_NUM(spool_large_add(r.writer, &large,
		    SPAN("0123456789\r\n")), ERR_OK, "piece %u", i);
	rig_envelope(&r, 1, &id, &envelope);
	m.envelope = buf_span(&envelope);
	CHECK_NUM(spool_append(r.writer, &m, &ticket), ERR_OK, "append");
	CHECK(rig_sync_writer(&r).acked >= ticket, "acked");
	rig_notes(&r);
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 1, "found");
	check_claims(&r, r.messages[0]);
	CHECK_NUM(store_claim(r.store, r.messages[0], pieces, 4, &n), ERR_OK,
	    "claim");
	CHECK_NUM(n, 1, "one piece");
	CHECK_NUM(pieces[0].n, 1200, "octets");
	CHECK_NUM(store_counts(r.store).large, 1, "kept");
	rig_settle(&r, r.messages[0], 0, STORE_DONE, "");
	(void)rig_sync_store(&r);
	CHECK_NUM(store_counts(r.store).large, 0, "removed");
	buf_free(&envelope);
	rig_end(&r);
}

static void
test_one_instance(UNUSED void **state)
{
	struct rig r;
	struct store *second;

	rig_begin(&r);
	CHECK_NUM(store_open(&r.files, r.dir, &r.options, &r.events, &second),
	    ERR_DENIED, "a second one");
	rig_end(&r);
}

static void
test_cancelled_is_not_queued(UNUSED void **state)
{
	struct rig r;
	struct msg_id gone, kept;
	uint64_t first, second;

	rig_begin(&r);
	rig_supply(&r);
	CHECK_NUM(rig_append(&r, 1, SPAN("gone\r\n"), &gone, &first), ERR_OK,
	    "first");
	CHECK_NUM(rig_append(&r, 1, SPAN("kept\r\n"), &kept, &second), ERR_OK,
	    "second");
	CHECK(spool_cancel(r.writer, first), "before its batch is closed");
	CHECK(rig_sync_writer(&r).acked >= second, "acked");
	CHECK(!spool_cancel(r.writer, second), "too late");
	rig_notes(&r);
	CHECK_NUM(r.nmessages, 1, "one of them");
	CHECK(msg_id_eq(&r.ids[0], &kept), "the right one");
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 1, "after a restart");
	rig_end(&r);
}

/* SPL-16: each of these in the place of a file of ours. */
static void
test_planted_links_are_refused(UNUSED void **state)
{
	struct rig r;
	struct stat st;

	rig_begin(&r);
	store_close(r.store);
	r.store = NULL;
	CHECK_NUM(symlinkat("/etc/hostname", r.dir,
	    "segment-00000000000000aa"), 0, "link");
	CHECK_NUM(linkat(r.dir, "journal", r.dir, "segment-00000000000000bb",
	    0), 0, "second name");
	CHECK_NUM(rig_open_store(&r), ERR_IO, "the journal has two names");
	CHECK_NUM(unlinkat(r.dir, "segment-00000000000000bb", 0), 0, "away");
	CHECK_NUM(rig_open_store(&r), ERR_OK, "without it");
	CHECK_NUM(r.alarms[STORE_ALARM_STRANGE], 1, "told once");
	CHECK_NUM(fstatat(r.dir, "quarantine/segment-00000000000000aa", &st,
	    AT_SYMLINK_NOFOLLOW), 0, "kept");
	CHECK_NUM(fstatat(r.dir, "quarantine", &st, 0), 0, "directory");
	CHECK_NUM(st.st_mode & 07777, 0700, "its mode");
	CHECK_NUM(fstatat(r.dir, "journal", &st, 0), 0, "journal");
	CHECK_NUM(st.st_mode & 07777, 0600, "its mode");
	rig_end(&r);
}

static int
sync_fails(void *self, int fd)
{
	(void)self;
	(void)fd;
	errno = EIO;
	return -1;
}

/* SPL-3: 451 for the batch, later mail unaffected, none of it delivered. */
static void
test_failed_sync_is_final(UNUSED void **state)
{
	struct rig r;
	struct msg_id lost, kept;
	struct spool_synced s;
	struct spool_files good;
	uint64_t ticket;

	rig_begin(&r);
	rig_supply(&r);
	good = r.files;
	kept = rig_receive(&r, 1, "before\r\n");
	CHECK_NUM(rig_append(&r, 1, SPAN("lost\r\n"), &lost, &ticket), ERR_OK,
	    "append");
	r.files.sync = sync_fails;
	s = rig_sync_writer(&r);
	r.files = good;
	CHECK(s.acked < ticket, "no 250");
	CHECK_NUM(s.failed, 0, "no 451 before the poison is durable");
	s = rig_sync_writer(&r);
	CHECK(s.failed_from <= ticket && ticket <= s.failed, "451");
	rig_notes(&r);
	rig_supply(&r);
	(void)rig_receive(&r, 1, "after\r\n");
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 2, "before and after");
	for (size_t i = 0; i < r.nmessages; i++)
		CHECK(!msg_id_eq(&r.ids[i], &lost), "not the lost one");
	CHECK(msg_id_eq(&r.ids[0], &kept) || msg_id_eq(&r.ids[1], &kept),
	    "the one before");
	rig_end(&r);
}

static uint64_t
years_ago(void *self)
{
	(void)self;
	return 1000;
}

/* A pause after a failure does not last until the clock is right again. */
static void
test_clock_set_back_in_a_pause(UNUSED void **state)
{
	const struct store_outcome done = { .fate = STORE_DONE };
	struct spool_files good;
	struct rig r;
	uint64_t ticket;

	rig_begin(&r);
	rig_supply(&r);
	good = r.files;
	(void)rig_receive(&r, 1, "text\r\n");
	CHECK_NUM(store_settle(r.store, r.messages[0], 0, &done, &ticket),
	    ERR_OK, "settle");
	r.files.sync = sync_fails;
	(void)rig_sync_store(&r);
	CHECK(!store_may_deliver(r.store), "the journal is broken");
	CHECK(!store_sync_wanted(r.store), "a pause");
	r.files = good;
	r.files.wall_ms = years_ago;
	CHECK(rig_sync_store(&r) >= ticket, "durable");
	CHECK(store_may_deliver(r.store), "mended");
	rig_end(&r);
}

static void
flip_bit(struct rig *r, uint64_t bit)
{
	int fd = openat(r->dir, "segment-0000000000000001", O_RDWR);
	uint8_t octet;

	CHECK(fd >= 0, "the first segment");
	CHECK_NUM(pread(fd, &octet, 1, (off_t)(bit / 8)), 1, "read");
	octet ^= (uint8_t)(1u << bit % 8);
	CHECK_NUM(pwrite(fd, &octet, 1, (off_t)(bit / 8)), 1, "write");
	(void)close(fd);
}

/* SPL-5: single bits of three messages, up to the first that costs one. */
static void
test_one_bit_one_message(UNUSED void **state)
{
	struct rig r;
	struct store_piece pieces[4];
	size_t n;

	rig_begin(&r);
	rig_supply(&r);
	for (unsigned int i = 0; i < 3; i++)
		(void)rig_receive(&r, 1, "one of three\r\n");
	rig_restart(&r);
	for (uint64_t bit = 0; bit < 3 * 4096 * 8; bit += 1201) {
		unsigned int good = 0;

		store_close(r.store);
		r.store = NULL;
		flip_bit(&r, SPOOL_FIRST * 8 + bit);
		CHECK_NUM(rig_open_store(&r), ERR_OK, "bit %u",
		    (unsigned int)bit);
		for (size_t i = 0; i < r.nmessages; i++)
			good += store_claim(r.store, r.messages[i], pieces, 4,
			    &n) == ERR_OK;
		CHECK(good >= 2, "bit %u: %u left", (unsigned int)bit, good);
		store_close(r.store);
		r.store = NULL;
		flip_bit(&r, SPOOL_FIRST * 8 + bit);
		if (good == 3)
			CHECK_NUM(rig_open_store(&r), ERR_OK, "again");
		else
			break;
	}
	CHECK(r.store != NULL || r.alarms[STORE_ALARM_CORRUPT] +
	    r.alarms[STORE_ALARM_CONTENT] == 1, "told once");
	rig_end(&r);
}

static unsigned int
forgotten(int set)
{
	static unsigned int n;

	n = set < 0 ? n + 1 : set > 0 ? n : 0;
	return n;
}

static void
forget_counts(UNUSED void *self, int fd, uint64_t at, UNUSED uint64_t n)
{
	CHECK(fd >= 0, "a segment that is open");
	CHECK_NUM(at, 0, "the whole of it");
	(void)forgotten(-1);
}

/* A message of more than half a segment: each seals the one before. */
static void
receive_big(struct rig *r)
{
	static uint8_t content[RIG_SEGMENT / 2 + 65536];
	struct msg_id id;
	uint64_t ticket;

	for (size_t i = 0; i < sizeof content; i++)
		content[i] = i % 64 < 62 ? 'a' : i % 64 == 62 ? '\r' : '\n';
	rig_supply(r);
	assert_int_equal(rig_append(r, 1, span_of(content, sizeof content),
	    &id, &ticket), ERR_OK);
	assert_true(rig_sync_writer(r).acked >= ticket);
	rig_notes(r);
}

/* Mail that waits leaves the page cache; what is spent soon keeps its pages. */
static void
test_waiting_mail_leaves_the_cache(UNUSED void **state)
{
	static const struct {
		const char	*label;
		bool		 is_settled;
		unsigned int	 want;
	} cases[] = {
		{ "living mail", false, 3 },
		{ "all of it delivered", true, 0 },
	};

	for (size_t c = 0; c < COUNT(cases); c++) {
		struct rig r;

		rig_begin(&r);
		store_close(r.store);
		r.files.forget = forget_counts;
		assert_int_equal(rig_open_store(&r), ERR_OK);
		(void)forgotten(0);
		/* Eight messages seal seven; the last four stay. */
		for (unsigned int i = 0; i < 8; i++) {
			receive_big(&r);
			if (cases[c].is_settled)
				rig_settle(&r, r.messages[i], 0, STORE_DONE,
				    "");
		}
		CHECK_NUM(forgotten(1), cases[c].want, "%s",
		    cases[c].label);
		rig_end(&r);
	}
}

static bool
first_segment_is_there(const struct rig *r)
{
	return faccessat(r->dir, "segment-0000000000000001", F_OK, 0) == 0;
}

/*
 * A receiver that outlives the queue may leave a segment out of what it names
 * and keep its descriptor: that segment never becomes another's.
 */
static void
test_old_segments_are_nobodys(UNUSED void **state)
{
	static const struct {
		const char	*label;
		bool		 has_writers, is_kept;
	} cases[] = {
		{ "all processes are new", false, true },
		{ "the queue alone is new", true, false },
	};

	for (size_t c = 0; c < COUNT(cases); c++) {
		struct rig r;
		struct spool_job job;

		rig_begin(&r);
		rig_supply(&r);
		(void)rig_receive(&r, 1, "one\r\n");
		r.options.has_writers = cases[c].has_writers;
		rig_restart(&r);
		store_writers_known(r.store);
		CHECK_NUM(r.nmessages, 1, "found");
		rig_settle(&r, r.messages[0], 0, STORE_DONE, "");
		(void)rig_sync_store(&r);
		for (unsigned int i = 0; i < 16; i++)
			if (store_make_wanted(r.store) &&
			    store_make_begin(r.store, &job)) {
				spool_job_run(&job);
				assert_int_equal(job.error, ERR_OK);
				store_make_end(r.store, &job);
			}
		CHECK(first_segment_is_there(&r) == cases[c].is_kept, "%s",
		    cases[c].label);
		rig_supply(&r);
		(void)rig_receive(&r, 1, "two\r\n");
		CHECK_NUM(r.nmessages, 2, "it goes on");
		rig_end(&r);
	}
}

#define SNAPSHOT_IDS	2000u	/* drawn by each of the two, in turn */

static int
by_octets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct msg_id));
}

/* Another store on the folder beside r's, as a snapshot was restored there. */
static void
snapshot_open(const struct rig *r, struct rig *other)
{
	char command[256];

	*other = *r;
	(void)snprintf(other->path, sizeof other->path, "%.50s-snap", r->path);
	(void)snprintf(command, sizeof command, "cp -a '%s' '%s'", r->path,
	    other->path);
	CHECK_NUM(system(command), 0, "copied");
	other->events.arg = other;
	other->dir = open(other->path, O_RDONLY | O_DIRECTORY);
	CHECK(other->dir >= 0, "opened");
	CHECK_NUM(rig_open_store(other), ERR_OK, "recovered");
	CHECK_NUM(spool_writer_new(&other->files, &other->writer), ERR_OK,
	    "writer");
}

/*
 * A snapshot of the spool is restored while the first one lives on: what both
 * hold is in both, and neither draws an id that the other one has drawn.
 */
static void
test_restored_snapshot(UNUSED void **state)
{
	static struct msg_id ids[2 * SNAPSHOT_IDS];
	static struct rig r, other;
	struct msg_id id;

	rig_begin(&r);
	rig_supply(&r);
	id = rig_receive(&r, 1, "Subject: a\r\n\r\nboth\r\n");
	snapshot_open(&r, &other);
	CHECK_NUM(other.nmessages, 1, "what was there");
	CHECK(msg_id_eq(&other.ids[0], &id), "its id");
	for (size_t i = 0; i < COUNT(ids); i++)
		CHECK_NUM(spool_new_id(i % 2 == 0 ? &r.files : &other.files,
		    &ids[i]), ERR_OK, "drawn");
	qsort(ids, COUNT(ids), sizeof ids[0], by_octets);
	for (size_t i = 1; i < COUNT(ids); i++)
		CHECK(!msg_id_eq(&ids[i - 1], &ids[i]), "drawn twice");
	rig_supply(&other);
	(void)rig_receive(&other, 1, "Subject: b\r\n\r\nhere\r\n");
	(void)rig_receive(&r, 1, "Subject: c\r\n\r\nthere\r\n");
	CHECK(!msg_id_eq(&r.ids[1], &other.ids[1]), "each has its own");
	rig_end(&other);
	rig_end(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_receive_and_claim, "SPL-1"),
		TEST(test_restart_finds_it, "SPL-8"),
		TEST(test_told_survives, ""),
	TEST(test_outcomes_survive, "SPL-7 SPL-10"),
		TEST(test_walk_of_messages, ""),
		TEST(test_large, ""),
		TEST(test_one_bit_one_message, "SPL-5"),
		TEST(test_one_instance, "SPL-11"),
		TEST(test_waiting_mail_leaves_the_cache, ""),
		TEST(test_old_segments_are_nobodys, "PRV-3"),
		TEST(test_restored_snapshot, "SPL-11"),
		TEST(test_cancelled_is_not_queued, "SPL-12"),
		TEST(test_planted_links_are_refused, "SPL-16"),
		TEST(test_failed_sync_is_final, "SPL-3"),
		TEST(test_clock_set_back_in_a_pause, "DLV-9"),
	};

	return RUN_TESTS(tests);
}
