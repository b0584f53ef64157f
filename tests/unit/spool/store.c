/*
 * The store on real files: what came in, what became of it, what a restart
 * finds.  The crashes are in tests/crash.
 */
#include "rig.h"

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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_receive_and_claim, "SPL-1"),
		TEST(test_restart_finds_it, "SPL-8"),
		TEST(test_outcomes_survive, "SPL-7 SPL-10"),
		TEST(test_large, ""),
	};

	return RUN_TESTS(tests);
}
