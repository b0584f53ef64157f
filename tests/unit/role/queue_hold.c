/*
 * queue_hold.c - mail that is kept until an operator lets it go, over restarts.
 */
#include "queue_stage.h"

#include "os/clock.h"

static const char *const ann[] = { "ann@example.org" };
static const char *const both[] = { "ann@example.org", "bob@example.net" };
#define TEXT	"Subject: x\r\n\r\nhello\r\n"

static bool
shows(const struct stage *s, const char *words)
{
	return span_find_span(buf_span(&s->rows), span_str(words)) < s->rows.n;
}

static void
order(struct stage *s, enum steer_verb verb, const struct msg_id *id)
{
	char text[MSG_ID_LETTERS + 1];

	msg_id_print(id, text);
	stage_order(s, verb, text);
}

static void
finish(struct stage *s)
{
	CHECK_NUM(stage_stop(s), 0, "an orderly end");
	stage_end(s);
}

/* Dead and born again: still held, and listed so. */
static void
restart(struct stage *s)
{
	(void)stage_kill(s);
	s->nmessages = 0;
	stage_begin(s);
	stage_serve(s, 200);
}

static void
test_rule_holds(void **state)
{
	struct stage s = { .flags = ENVELOPE_HOLD };
	struct msg_id id;

	(void)state;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", both, 2, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "held by=rule");
	stage_serve(&s, 200);
	CHECK_NUM(s.nmessages, 0, "kept");
	restart(&s);
	CHECK_NUM(s.nmessages, 0, "kept by its envelope");
	order(&s, STEER_QUEUE_LIST, &id);
	CHECK_NUM(s.end.count, 2, "two destinations");
	CHECK(shows(&s, "\"why\":\"held\""), "%.*s", SPAN_FMT(s.rows));
	order(&s, STEER_QUEUE_RETRY, &id);
	CHECK(!s.end.is_ok && span_eq(s.end.why,
	    SPAN("it is held: release it first")), "%.*s",
	    SPAN_FMT(s.end.why));
	order(&s, STEER_QUEUE_RELEASE, &id);
	CHECK(s.end.is_ok && s.end.count == 1, "%.*s", SPAN_FMT(s.end.why));
	stage_until(&s, &s.nmessages, 2);
	stage_until_logged(&s, "released by=operator");
	finish(&s);
}

/* What was released is never held again by the rule that held it. */
static void
test_released_for_good(void **state)
{
	struct stage s = { .flags = ENVELOPE_HOLD };
	struct msg_id id;

	(void)state;
	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "held by=rule");
	order(&s, STEER_QUEUE_RELEASE, &id);
	stage_until(&s, &s.nmessages, 1);
	stage_serve(&s, 300);		/* the journal's group is synced */
	s.answer[IPC_ROLE_LOCAL].is_silent = false;
	(void)stage_kill(&s);
	s.nmessages = 0;
	stage_begin(&s);
	stage_until(&s, &s.nmessages, 1);
	finish(&s);
}

static void
test_operator_holds(void **state)
{
	struct stage s = { 0 };
	struct msg_id id;

	(void)state;
	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.7.1",
		.text = "not now",
	};
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", both, 2, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "deferred");
	stage_until_logged(&s, "delivered");
	order(&s, STEER_QUEUE_RELEASE, &id);
	CHECK(!s.end.is_ok && span_eq(s.end.why, SPAN("it is not held")),
	    "%.*s", SPAN_FMT(s.end.why));
	order(&s, STEER_QUEUE_HOLD, &id);
	CHECK(s.end.is_ok && s.end.count == 1, "%.*s", SPAN_FMT(s.end.why));
	stage_serve(&s, 300);
	restart(&s);
	CHECK_NUM(s.nmessages, 0, "kept");
	order(&s, STEER_QUEUE_SHOW, &id);
	CHECK(shows(&s, "\"state\":\"held\"") &&
	    shows(&s, "\"state\":\"finished\""), "%.*s", SPAN_FMT(s.rows));
	order(&s, STEER_QUEUE_HOLD, &id);
	CHECK(s.end.is_ok, "as it is");
	order(&s, STEER_QUEUE_RELEASE, &id);
	stage_until(&s, &s.nmessages, 1);	/* Ann has it already */
	stage_until_logged(&s, "deferred to=bob@example.net");
	finish(&s);
}

/* Held mail can be removed, and its room is free then. */
static void
test_held_and_removed(void **state)
{
	struct stage s = { .flags = ENVELOPE_HOLD };
	struct msg_id id;

	(void)state;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", both, 2, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "held by=rule");
	order(&s, STEER_QUEUE_DELETE, &id);
	CHECK(s.end.is_ok && s.end.count == 1, "%.*s", SPAN_FMT(s.end.why));
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK_NUM(s.end.count, 0, "nothing is left");
	stage_order(&s, STEER_STATUS, "");
	CHECK(shows(&s, "\"messages\":0,\"items\":0"), "%.*s",
	    SPAN_FMT(s.rows));
	s.flags = 0;
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	finish(&s);
}

/* Who has it already keeps it: an order comes too late, and hears so. */
static void
test_too_late(void **state)
{
	struct stage s = { 0 };
	struct msg_id id;

	(void)state;
	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	order(&s, STEER_QUEUE_HOLD, &id);
	CHECK(!s.end.is_ok && span_eq(s.end.why,
	    SPAN("it is being delivered just now")), "%.*s",
	    SPAN_FMT(s.end.why));
	(void)stage_kill(&s);
	stage_end(&s);
}

/* RFC 4865: a release by hand is no release before its time. */
static void
test_released_before_its_time(void **state)
{
	struct stage s = { .flags = ENVELOPE_HOLD };
	struct msg_id id;

	(void)state;
	stage_begin(&s);
	s.hold_ms = clock_wall_ms() + 1500;
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "held by=rule");
	order(&s, STEER_QUEUE_RELEASE, &id);
	CHECK(s.end.is_ok, "%.*s", SPAN_FMT(s.end.why));
	order(&s, STEER_QUEUE_RETRY, &id);
	CHECK(!s.end.is_ok && span_eq(s.end.why,
	    SPAN("its sender wants it to leave later")), "%.*s",
	    SPAN_FMT(s.end.why));
	stage_serve(&s, 300);
	CHECK_NUM(s.nmessages, 0, "too early");
	stage_until(&s, &s.nmessages, 1);
	CHECK(clock_wall_ms() >= s.hold_ms, "in time");
	finish(&s);
}

/* Its time has come, its site is waited for: then an operator may hurry it. */
static void
test_hurried_after_its_time(void **state)
{
	struct stage s = { .config = "retry first 300s\nretry jitter 0%\n" };
	struct msg_id id;

	(void)state;
	s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.4.1",
		.text = "away", .is_site_bad = true,
	};
	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "deferred");
	s.hold_ms = clock_wall_ms() + 1000;
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_serve(&s, 1500);
	CHECK_NUM(s.nmessages, 1, "its site waits");
	s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){ 0 };
	order(&s, STEER_QUEUE_RETRY, &id);
	CHECK(s.end.is_ok, "%.*s", SPAN_FMT(s.end.why));
	stage_until(&s, &s.nmessages, 2);
	finish(&s);
}

/* RFC 4865 4.2: a wait longer than a life takes nothing away from that life. */
static void
test_life_begins_with_release(void **state)
{
	static const uint8_t modes[] = { 0, ENVELOPE_BY_RETURN };

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct stage s = {
			.config = "retry lifetime 3s\nretry first 1s\n",
		};

		s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){
			.fate = DELIVER_RETRY, .code = 451,
			.status = "4.2.1", .text = "not now",
		};
		stage_begin(&s);
		s.hold_ms = clock_wall_ms() + 4000;
		s.by_mode = modes[i];
		s.by_ms = modes[i] == 0 ? 0 : s.hold_ms + 60000;
		(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
		stage_sync(&s, true);
		stage_until(&s, &s.nmessages, 1);
		CHECK(clock_wall_ms() >= s.hold_ms, "not before");
		stage_until_logged(&s, "deferred");
		CHECK(!stage_has_logged(&s, "expired"), "row %zu", i);
		stage_until(&s, &s.nmessages, 2);
		finish(&s);
	}
}

/*
 * Its sender is to hear that it is late, and cannot yet; meanwhile it is
 * delivered.  Then there is nothing left to tell, and no message to tell of.
 */
static void
test_late_and_delivered(void **state)
{
	struct stage s = {
		.config = "retry first 1s\nretry cap 1s\nretry jitter 0%\n",
		.by_ms = clock_wall_ms() - 1000,
	};
	uint32_t before;

	(void)state;
	s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.2.1",
		.text = "not now",
	};
	stage_begin(&s);
	s.lookup_route = LOOKUP_TEMPFAIL;
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nlookups, 1);
	s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){ 0 };
	stage_until_logged(&s, "delivered");
	/* Others take its place in memory. */
	s.by_ms = 0;
	for (unsigned int i = 0; i < 8; i++)
		(void)stage_write(&s, "bob@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	before = s.nlookups;
	s.lookup_route = LOOKUP_LOCAL;
	stage_serve(&s, 11000);
	CHECK_NUM(s.nlookups, before, "nobody is asked for any more");
	CHECK(!stage_has_logged(&s, "bounced"), "told");
	finish(&s);
}

static const struct CMUnitTest tests[] = {
	TEST(test_late_and_delivered, "DLV-1"),
	TEST(test_rule_holds, ""),
	TEST(test_released_for_good, ""),
	TEST(test_operator_holds, ""),
	TEST(test_held_and_removed, ""),
	TEST(test_too_late, ""),
	TEST(test_released_before_its_time, ""),
	TEST(test_hurried_after_its_time, ""),
	TEST(test_life_begins_with_release, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
