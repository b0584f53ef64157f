/*
 * The store on the crash tests' disk in memory, one promise at a time: what a
 * disk may do to it, and what it must then still say.
 */
#include "disk_rig.h"

#include "spool/journal.h"
#include "spool/le.h"

static bool
is_long(void)
{
	return getenv("POSTHORSE_LONG") != NULL;
}

/* SPL-5: what one bit does to a copy of the disk. */
static void
bit_judge(const struct disk *clean, uint64_t bit)
{
	struct disk *d = disk_crash(clean, IMAGE_ALL, 0);
	static struct rig r;
	unsigned int good, told;
	size_t kept;

	(void)disk_damage(d, SEGMENT_NAME, DAMAGE_BIT, bit / 8, bit % 8);
	disk_rig_begin(&r, d);
	good = claimed(&r);
	told = r.alarms[STORE_ALARM_CORRUPT] + r.alarms[STORE_ALARM_CONTENT];
	kept = disk_count(d, DISK_KEEP, "s1-");
	CHECK(good >= 2, "bit %llu: %u left", (unsigned long long)bit, good);
	CHECK(good == 3 || told == 1, "bit %llu: told %u times",
	    (unsigned long long)bit, told);
	CHECK_NUM(kept, told, "bit %llu: octets kept", (unsigned long long)bit);
	disk_rig_end(&r);
	disk_free(d);
}

static void
test_each_bit_costs_one_message(UNUSED void **state)
{
	struct disk *d = disk_new(1);
	static struct rig r;
	uint64_t step = is_long() ? 1 : 61;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	for (unsigned int i = 0; i < 3; i++)
		(void)rig_receive(&r, 1, "Subject: one of three\r\n\r\nx\r\n");
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 3, "all there");
	disk_rig_end(&r);
	for (uint64_t bit = 0; bit < 3 * SPOOL_BLOCK * 8u; bit += step)
		bit_judge(d, SPOOL_FIRST * 8u + bit);
	disk_free(d);
}

/* Fill the first segment with small mail, all of it delivered. */
static void
segment_fill(struct rig *r)
{
	while (generation_of(r->files.self) == 1) {
		rig_supply(r);
		r->nmessages = 0;
		(void)rig_receive(r, 1, "Subject: old\r\n\r\nold\r\n");
		for (size_t i = 0; i < r->nmessages; i++)
			rig_settle(r, r->messages[i], 0, STORE_DONE, "");
		(void)rig_sync_store(r);
		make_all(r);
	}
}

/* SPL-4: behind the new records of a reused segment lie valid old ones. */
static void
test_old_records_stay_dead(UNUSED void **state)
{
	struct disk *d = disk_new(2);
	static struct rig r;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	segment_fill(&r);
	for (unsigned int n = 1; n <= 12; n++) {
		static struct rig after;
		struct disk *image;

		rig_supply(&r);
		r.nmessages = 0;
		(void)rig_receive(&r, 1, "Subject: new\r\n\r\nnew\r\n");
		for (unsigned int k = 0; k < 2; k++) {
			image = disk_crash(d, k == 0 ? IMAGE_ALL
						     : IMAGE_NOTHING, 0);
			disk_rig_begin(&after, image);
			CHECK_NUM(after.nmessages, n, "cut behind %u", n);
			CHECK_NUM(after.alarms[STORE_ALARM_CORRUPT], 0,
			    "no alarm");
			disk_rig_end(&after);
			disk_free(image);
		}
	}
	disk_rig_end(&r);
	disk_free(d);
}

/* --- compaction, cut at every call ---------------------------------------- */

struct straggler {
	struct msg_id	id;
	unsigned int	cuts;
};

static void
straggler_judge(void *arg, struct disk *d)
{
	static const enum disk_image kinds[] = { IMAGE_NOTHING, IMAGE_ALL,
		IMAGE_SECTORS };
	struct straggler *x = arg;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct disk *image = disk_crash(d, kinds[i], x->cuts);
		static struct rig r;

		disk_rig_begin(&r, image);
		CHECK_NUM(r.nmessages, 1, "cut %u", x->cuts);
		CHECK(msg_id_eq(&r.ids[0], &x->id), "the straggler");
		CHECK_NUM(claimed(&r), 1, "whole");
		disk_rig_end(&r);
		disk_free(image);
	}
	x->cuts++;
}

static void
test_compaction_cut_anywhere(UNUSED void **state)
{
	struct disk *d = disk_new(3);
	struct straggler x = { .cuts = 0 };
	static struct rig r;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	x.id = rig_receive(&r, 1, "Subject: late\r\n\r\nlate\r\n");
	for (unsigned int i = 0; i < 12; i++) {
		(void)rig_receive(&r, 1, "Subject: quick\r\n\r\nquick\r\n");
		rig_settle(&r, r.messages[r.nmessages - 1], 0, STORE_DONE, "");
	}
	(void)rig_sync_store(&r);
	rig_restart(&r);
	d->before = straggler_judge;
	d->arg = &x;
	for (unsigned int i = 0; i < 8; i++) {
		make_all(&r);
		(void)store_tend(r.store, 1 << 20);
		d->clock += 2000;
		(void)rig_sync_store(&r);
	}
	d->before = NULL;
	CHECK(x.cuts > 12, "%u cuts", x.cuts);
	CHECK(generation_of(d) > 1, "the old place was used again");
	disk_rig_end(&r);
	disk_free(d);
}

/* --- no space ------------------------------------------------------------- */

static void
tight_supply(struct rig *r)
{
	struct spool_grant g;

	make_all(r);
	while (spool_writer_wants(r->writer) > 0 &&
	    store_take_segment(r->store, RIG_OWNER, &g) == ERR_OK)
		CHECK_NUM(spool_writer_adopt(r->writer, &g), ERR_OK, "adopt");
}

/* True: taken and durable. */
static bool
tight_receive(struct rig *r, struct msg_id *id)
{
	struct spool_synced s = { 0 };
	uint64_t ticket;

	tight_supply(r);
	if (rig_append(r, 1, SPAN("Subject: x\r\n\r\nx\r\n"), id, &ticket) !=
	    ERR_OK)
		return false;
	for (unsigned int i = 0; i < 4 && s.acked < ticket &&
	     s.failed < ticket && spool_writer_wants_sync(r->writer); i++) {
		s = rig_sync_writer(r);
		rig_notes(r);
		tight_supply(r);
	}
	return s.acked >= ticket && s.failed < ticket;
}

/* Full behind the k-th write; false: it never was. */
static bool
tight_run(uint64_t k, int why)
{
	struct disk *d = disk_new(k + 10);
	static struct rig r;
	struct msg_id kept[8], id;
	size_t nkept = 0;
	bool was_full;

	disk_rig_begin(&r, d);
	d->full_after = k + 1;
	d->full_why = why;
	for (unsigned int i = 0; i < 6; i++) {
		if (tight_receive(&r, &id))
			kept[nkept++] = id;
		if (r.nmessages > 0 && i % 2 == 0)
			(void)rig_sync_store(&r);
	}
	was_full = d->full_after == 1;
	d->full_after = 0;
	d->clock += 5000;
	CHECK(tight_receive(&r, &id), "k %u: service is back", (unsigned int)k);
	kept[nkept++] = id;
	rig_restart(&r);
	CHECK_NUM(r.nmessages, nkept, "k %u: no less, no more", (unsigned int)k);
	for (size_t i = 0; i < nkept; i++) {
		bool is_there = false;

		for (size_t m = 0; m < r.nmessages; m++)
			is_there |= msg_id_eq(&r.ids[m], &kept[i]);
		CHECK(is_there, "k %u: kept %zu", (unsigned int)k, i);
	}
	CHECK_NUM(claimed(&r), nkept, "k %u: whole", (unsigned int)k);
	disk_rig_end(&r);
	disk_free(d);
	return was_full;
}

static void
test_full_at_every_write(UNUSED void **state)
{
	static const int whys[] = { ENOSPC, EDQUOT };

	for (size_t i = 0; i < COUNT(whys); i++) {
		uint64_t k = 0;

		while (tight_run(k, whys[i]))
			k++;
		CHECK(k > 10, "full after %u writes", (unsigned int)k);
	}
}

/* --- envelopes and words --------------------------------------------------- */

/* SPL-10: no octet of an address or of a reply is anything but itself. */
static void
test_any_octets_come_back(UNUSED void **state)
{
	static const struct span odd[] = { SPAN("a\nb@example.net"),
		SPAN("a\0b@example.net"), SPAN("a\r\nrcpt=x@y fate=done\r\n"),
		SPAN("\xff\xfe\x80@example.net"), SPAN("\"a b\"@[127.0.0.1]") };
	static const struct content_facts facts;
	struct disk *d = disk_new(4);
	struct buf list = buf_make(65536), text = buf_make(ENVELOPE_MAX);
	struct envelope e = { .reverse_path = SPAN("x\n\0y=z\r\n@example.org"),
		.nrecipients = COUNT(odd) }, back;
	struct span content = SPAN("x\r\n"), walk;
	struct spool_message m = { .id = &e.id, .content = &content,
		.ncontent = 1, .facts = &facts };
	struct envelope_recipient one;
	struct store_outcome o;
	static struct rig r;
	uint64_t ticket;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	CHECK_NUM(spool_new_id(&r.files, &e.id), ERR_OK, "id");
	for (size_t i = 0; i < COUNT(odd); i++) {
		one = (struct envelope_recipient){ odd[i], ENVELOPE_REMOTE,
			{ 0 }, { 0 } };
		CHECK_NUM(envelope_add_recipient(&list, &one), ERR_OK, "add");
	}
	e.recipients = buf_span(&list);
	CHECK_NUM(envelope_encode(&e, &text), ERR_OK, "encode");
	m.envelope = buf_span(&text);
	CHECK_NUM(spool_append(r.writer, &m, &ticket), ERR_OK, "append");
	(void)rig_sync_writer(&r);
	rig_notes(&r);
	for (uint32_t i = 0; i < COUNT(odd); i++) {
		o = (struct store_outcome){ STORE_RETRY, 1, 1, odd[i] };
		CHECK_NUM(store_settle(r.store, r.messages[0], i, &o, &ticket),
		    ERR_OK, "words");
	}
	(void)rig_sync_store(&r);
	rig_restart(&r);
	CHECK_NUM(store_envelope(r.store, r.messages[0], &text, &back), ERR_OK,
	    "read");
	CHECK(span_eq(back.reverse_path, e.reverse_path), "reverse-path");
	walk = back.recipients;
	for (uint32_t i = 0; i < COUNT(odd); i++) {
		CHECK_NUM(envelope_next(&walk, &one), ERR_OK, "next");
		CHECK(span_eq(one.address, odd[i]), "address %u", i);
	}
	buf_cut(&list, 0);
	for (uint32_t i = 0; i < COUNT(odd); i++) {
		CHECK_NUM(store_outcome(r.store, r.messages[0], i, &list, &o),
		    ERR_OK, "outcome");
		CHECK(span_eq(o.words, odd[i]), "words %u", i);
	}
	buf_free(&list);
	buf_free(&text);
	disk_rig_end(&r);
	disk_free(d);
}

/* --- ids ------------------------------------------------------------------ */

static int
id_compare(const void *a, const void *b)
{
	return memcmp(a, b, MSG_ID_OCTETS);
}

static uint64_t
one_moment(void *self)
{
	(void)self;
	return 1700000000000u;
}

/*
 * SPL-11: chance, not a count, keeps them apart, so a spool that was put back
 * from a snapshot draws none again; all at the same moment of the clock.
 */
static void
test_ids_are_never_drawn_twice(UNUSED void **state)
{
	size_t n = is_long() ? 10000000 : 1000000;
	struct msg_id *ids = calloc(n, sizeof *ids);
	struct spool_files f = spool_files_posix();

	assert_non_null(ids);
	f.wall_ms = one_moment;
	for (size_t i = 0; i < n; i++)
		if (spool_new_id(&f, &ids[i]) != ERR_OK)
			fail();
	qsort(ids, n, sizeof *ids, id_compare);
	for (size_t i = 1; i < n; i++)
		if (id_compare(&ids[i - 1], &ids[i]) == 0)
			fail();
	free(ids);
}

/* --- other versions -------------------------------------------------------- */

/* SPL-15: a newer head, where a head of ours stood; all else as it was. */
static void
newer_judge(const char *name, size_t head, uint64_t hash_seed)
{
	struct disk *d = disk_new(5);
	static uint8_t octets[SPOOL_FIRST];
	static struct rig r;
	struct span was;
	uint64_t calls;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	(void)rig_receive(&r, 1, "x\r\n");
	disk_rig_end(&r);
	was = disk_octets(d, DISK_ROOT, name);
	memcpy(octets, was.p, MIN(was.n, sizeof octets));
	le_put(octets + head + 8, 2, 8);
	le_put(octets + head + 56,
	    spool_hash(hash_seed, span_of(octets + head, 56)), 8);
	disk_plant(d, DISK_ROOT, name, span_of(octets, sizeof octets));
	calls = d->calls;
	CHECK_NUM(rig_open_store(&r), ERR_DENIED, "%s is newer", name);
	CHECK_NUM(d->calls, calls, "%s: untouched", name);
	CHECK_NUM(r.nmessages, 0, "nothing is reported");
	disk_free(d);
}

static void
test_newer_format_is_left_alone(UNUSED void **state)
{
	newer_judge(SEGMENT_NAME, SPOOL_BLOCK, 1);
	newer_judge("journal", 0, 2);
}

/* --- octets that end too early, or do not end ------------------------------ */

static void
test_records_cut_and_extended(UNUSED void **state)
{
	struct spool_seal seal = spool_seal_of(1, 77);
	struct spool_record r = { .type = SPOOL_MESSAGE, .place = SPOOL_FIRST,
		.envelope_n = 9, .added_n = 4, .content_n = 5 }, got;
	struct span rest[] = { SPAN("envelope!"), SPAN("X:\r\n") };
	struct span envelope, added, cuts;
	uint8_t octets[SPOOL_RECORD_HEAD + 13 + 16] = { 0 };
	size_t front = (size_t)spool_record_front(&r);

	spool_record_encode(&r, &seal, rest, COUNT(rest), octets);
	memcpy(octets + SPOOL_RECORD_HEAD, "envelope!X:\r\n", 13);
	for (size_t n = 0; n <= front + 16; n++) {
		struct span in = span_of(octets, n);
		enum err e = spool_record_peek(in, &seal, SPOOL_FIRST, SEGMENT,
		    &got);

		CHECK((e == ERR_OK) == (n >= SPOOL_RECORD_HEAD), "head of %zu",
		    n);
		if (e == ERR_OK)
			e = spool_record_check(in, &seal, &got, &envelope,
			    &added, &cuts);
		CHECK((e == ERR_OK) == (n >= front), "front of %zu", n);
	}
	for (size_t i = 0; i < front; i++) {
		octets[i] ^= 0x40;
		CHECK(spool_record_peek(span_of(octets, front), &seal,
		    SPOOL_FIRST, SEGMENT, &got) != ERR_OK ||
		    spool_record_check(span_of(octets, front), &seal, &got,
		    &envelope, &added, &cuts) != ERR_OK, "octet %zu", i);
		octets[i] ^= 0x40;
	}
}

static void
test_entries_cut_and_extended(UNUSED void **state)
{
	struct buf b = buf_make(4096);
	struct journal_entry e = { .type = JOURNAL_RETRY, .number = 3,
		.text = SPAN("450 4.2.0 later") }, got;
	size_t whole, n;

	CHECK_NUM(journal_add(&b, &e), ERR_OK, "add");
	whole = b.n;
	journal_seal(b.p, whole, 9, JOURNAL_BLOCK);
	CHECK_NUM(buf_room(&b, 16), ERR_OK, "room");
	memset(buf_end(&b), 0xa5, 16);
	for (size_t cut = 0; cut <= whole + 16; cut++) {
		enum err got_error = journal_decode(span_of(b.p, cut), 9,
		    JOURNAL_BLOCK, &got, &n);

		CHECK_NUM(got_error, cut < whole ? ERR_SHORT : ERR_OK,
		    "%zu octets", cut);
		CHECK(cut < whole || n == whole, "its length");
	}
	CHECK_NUM(journal_decode(span_of(b.p, whole), 9, JOURNAL_BLOCK + 8,
	    &got, &n), ERR_CORRUPT, "another place");
	CHECK_NUM(journal_decode(span_of(b.p, whole), 8, JOURNAL_BLOCK, &got,
	    &n), ERR_CORRUPT, "another journal");
	buf_free(&b);
}

/* --- a queue that was replaced --------------------------------------------- */

/* The receiver goes on with what it held: its segment, its large files. */
static void
test_receiver_outlives_the_queue(UNUSED void **state)
{
	static const struct content_facts facts;
	struct disk *d = disk_new(6);
	struct buf envelope = buf_make(ENVELOPE_MAX);
	struct spool_large filling, empty;
	struct msg_id id, before;
	struct spool_message m = { .id = &id, .large = &filling,
		.facts = &facts };
	static struct rig r;
	uint64_t ticket, unsynced;

	disk_rig_begin(&r, d);
	rig_supply(&r);
	before = rig_receive(&r, 1, "before\r\n");
	CHECK_NUM(spool_large_begin(r.writer, &filling), ERR_OK, "begun");
	CHECK_NUM(spool_large_add(r.writer, &filling, SPAN("half ")), ERR_OK,
	    "half of it");
	CHECK_NUM(rig_append(&r, 1, SPAN("not yet\r\n"), &id, &unsynced), ERR_OK,
	    "not synced");
	store_close(r.store);
	r.options.has_writers = true;
	CHECK_NUM(rig_open_store(&r), ERR_OK, "another queue");
	spool_writer_announce(r.writer);
	rig_notes(&r);
	store_writers_known(r.store);
	CHECK_NUM(r.nmessages, 1, "what was durable, and no more");
	CHECK(msg_id_eq(&r.ids[0], &before), "the one before");
	CHECK_NUM(spool_large_add(r.writer, &filling, SPAN("whole\r\n")),
	    ERR_OK, "the other half");
	rig_envelope(&r, 1, &id, &envelope);
	m.envelope = buf_span(&envelope);
	CHECK_NUM(spool_append(r.writer, &m, &ticket), ERR_OK, "append");
	CHECK(rig_sync_writer(&r).acked >= ticket, "both are durable");
	rig_notes(&r);
	CHECK_NUM(r.nmessages, 3, "both are reported");
	CHECK_NUM(claimed(&r), 3, "and whole");
	/* A large file that was held empty all the while. */
	CHECK_NUM(spool_large_begin(r.writer, &empty), ERR_OK, "another");
	CHECK_NUM(spool_large_add(r.writer, &empty, SPAN("more\r\n")), ERR_OK,
	    "filled");
	buf_cut(&envelope, 0);
	rig_envelope(&r, 1, &id, &envelope);
	m.envelope = buf_span(&envelope);
	m.large = &empty;
	CHECK_NUM(spool_append(r.writer, &m, &ticket), ERR_OK, "append");
	CHECK(rig_sync_writer(&r).acked >= ticket, "durable");
	rig_notes(&r);
	CHECK_NUM(r.nmessages, 4, "reported");
	CHECK_NUM(claimed(&r), 4, "whole");
	CHECK_NUM(r.alarms[STORE_ALARM_CORRUPT], 0, "no alarm");
	r.options.has_writers = false;
	rig_restart(&r);
	CHECK_NUM(r.nmessages, 4, "found again");
	CHECK_NUM(store_counts(r.store).large, 2, "those never used are gone");
	buf_free(&envelope);
	disk_rig_end(&r);
	disk_free(d);
}

/* SPL-16: the lock and the directory, made by somebody else. */
static void
test_foreign_lock_and_directory(UNUSED void **state)
{
	static struct rig r;

	rig_begin(&r);
	store_close(r.store);
	r.store = NULL;
	CHECK_NUM(unlinkat(r.dir, "lock", 0), 0, "away");
	CHECK_NUM(symlinkat("/etc/hostname", r.dir, "lock"), 0, "a link");
	CHECK_NUM(rig_open_store(&r), ERR_DENIED, "not followed");
	CHECK_NUM(unlinkat(r.dir, "lock", 0), 0, "away");
	CHECK_NUM(fchmodat(r.dir, "quarantine", 0755, 0), 0, "open to all");
	CHECK_NUM(rig_open_store(&r), ERR_IO, "not ours alone");
	CHECK_NUM(fchmodat(r.dir, "quarantine", 0700, 0), 0, "back");
	CHECK_NUM(fchmodat(r.dir, "journal", 0644, 0), 0, "read by all");
	CHECK_NUM(rig_open_store(&r), ERR_IO, "not ours alone");
	CHECK_NUM(fchmodat(r.dir, "journal", 0600, 0), 0, "back");
	CHECK_NUM(rig_open_store(&r), ERR_OK, "ours again");
	rig_end(&r);
}

/* SPL-14: by the number of the file system. */
static void
test_disks_without_sync(UNUSED void **state)
{
	static const struct {
		const char	*name;
		uint32_t	 magic;
		enum err	 want;
		unsigned int	 refused, doubted;
	} cases[] = {
		{ "ext4", 0xef53, ERR_OK, 0, 0 },
		{ "xfs", 0x58465342, ERR_OK, 0, 0 },
		{ "btrfs", 0x9123683e, ERR_OK, 0, 0 },
		{ "nfs", 0x6969, ERR_DENIED, 1, 0 },
		{ "fuse", 0x65735546, ERR_DENIED, 1, 0 },
		{ "overlay", 0x794c7630, ERR_OK, 0, 1 },
		{ "tmpfs", 0x01021994, ERR_OK, 0, 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct disk *d = disk_new(7);
		static struct rig r;

		disk_rig_begin(&r, d);
		disk_rig_end(&r);
		r.store = NULL;
		d->magic = cases[i].magic;
		CHECK_NUM(rig_open_store(&r), cases[i].want, "%s",
		    cases[i].name);
		CHECK_NUM(r.alarms[STORE_ALARM_DISK], cases[i].refused, "%s",
		    cases[i].name);
		CHECK_NUM(r.alarms[STORE_ALARM_DOUBT], cases[i].doubted, "%s",
		    cases[i].name);
		store_close(r.store);
		disk_free(d);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_each_bit_costs_one_message, "SPL-5"),
		TEST(test_old_records_stay_dead, "SPL-4"),
		TEST(test_compaction_cut_anywhere, "SPL-6"),
		TEST(test_full_at_every_write, "SPL-9"),
		TEST(test_any_octets_come_back, "SPL-10"),
		TEST(test_ids_are_never_drawn_twice, "SPL-11"),
		TEST(test_newer_format_is_left_alone, "SPL-15"),
		TEST(test_records_cut_and_extended, "PRS-6"),
		TEST(test_entries_cut_and_extended, "PRS-6"),
		TEST(test_receiver_outlives_the_queue, "SPL-1"),
		TEST(test_disks_without_sync, "SPL-14"),
		TEST(test_foreign_lock_and_directory, "SPL-16"),
	};

	return RUN_TESTS(tests);
}
