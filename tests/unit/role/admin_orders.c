/*
 * Tests of admin's rules: who may what, and how an event is shown.
 */
#include "check.h"
#include "io/loop.h"
#include "role/admin/lines.h"
#include "role/admin/permit.h"
#include "role/admin/sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

enum { OWN = 1000, OTHER = 1001, GROUP = 50 };

static const struct {
	const char	*name;
	uid_t		 uid;
	gid_t		 gid;
	gid_t		 groups[3];
	size_t		 ngroups;
	bool		 has_group;	/* the server has a control group */
	enum permit	 want;
} people[] = {
	{ "root", 0, 0, { 0 }, 0, true, PERMIT_ALL },
	{ "the server's user", OWN, OWN, { 0 }, 0, true, PERMIT_ALL },
	{ "primary group", OTHER, GROUP, { 0 }, 0, true, PERMIT_LOOK },
	{ "other group", OTHER, OTHER, { 7, 8, GROUP }, 3, true, PERMIT_LOOK },
	{ "no group of ours", OTHER, OTHER, { 7, 8, 9 }, 3, true,
	    PERMIT_NOTHING },
	{ "no control group", OTHER, 0, { 0, GROUP }, 2, false,
	    PERMIT_NOTHING },
	{ "root's group", OTHER, 0, { 0 }, 1, true, PERMIT_NOTHING },
};

static void
test_who(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(people); i++) {
		const struct permit_rule rule = { OWN, people[i].has_group,
		    people[i].has_group ? GROUP : 0 };

		CHECK_NUM(permit_of(&rule, people[i].uid, people[i].gid,
		    people[i].groups, people[i].ngroups), people[i].want,
		    "%s", people[i].name);
	}
}

static const struct {
	enum steer_verb	verb;
	bool		may_look, may_all;
} verbs[] = {
	{ 0, false, false },
	{ STEER_QUEUE_LIST, true, true },
	{ STEER_QUEUE_SHOW, true, true },
	{ STEER_QUEUE_RETRY, false, true },
	{ STEER_QUEUE_DELETE, false, true },
	{ STEER_QUEUE_HOLD, false, true },
	{ STEER_QUEUE_RELEASE, false, true },
	{ STEER_QUEUE_BOUNCE, false, true },
	{ STEER_TRACE, true, true },
	{ STEER_LOG, true, true },
	{ STEER_STATUS, true, true },
	{ STEER_STOP, false, true },
	{ STEER_USER_STOPPED, true, true },
	{ STEER_USER_LIFT, false, true },
	{ STEER_VERB_COUNT, false, false },
};

static void
test_what(void **state UNUSED)
{
	CHECK_NUM(COUNT(verbs), STEER_VERB_COUNT + 1, "all verbs");
	for (size_t i = 0; i < COUNT(verbs); i++) {
		CHECK(!permit_allows(PERMIT_NOTHING, verbs[i].verb),
		    "nothing, verb %zu", i);
		CHECK(permit_allows(PERMIT_LOOK, verbs[i].verb) ==
		    verbs[i].may_look, "look, verb %zu", i);
		CHECK(permit_allows(PERMIT_ALL, verbs[i].verb) ==
		    verbs[i].may_all, "all, verb %zu", i);
	}
}

/* Against the dates of date -u. */
static const struct {
	uint64_t	 ms;
	const char	*text;
} times[] = {
	{ 0, "1970-01-01 00:00:00.000" },
	{ UINT64_C(951782400000), "2000-02-29 00:00:00.000" },
	{ UINT64_C(951868799999), "2000-02-29 23:59:59.999" },
	{ UINT64_C(1798761599000), "2026-12-31 23:59:59.000" },
	{ UINT64_C(4107542400000), "2100-03-01 00:00:00.000" },
};

static void
test_times(void **state UNUSED)
{
	char text[EVENT_TIME_MAX];

	for (size_t i = 0; i < COUNT(times); i++) {
		event_time(times[i].ms, text);
		CHECK_STR(text, times[i].text, "row %zu", i);
	}
}

/* Text that came from another process -> our line, our row. */
static const struct {
	const char	*name, *text, *line, *json;
} rows[] = {
	{ "plain", "- serving hostname=mx.example.org",
	    "- serving hostname=mx.example.org",
	    "\"id\":\"-\",\"event\":\"serving\","
	    "\"hostname\":\"mx.example.org\"" },
	{ "quoted", "- refused helo=\"a b\" text=\"\"",
	    "- refused helo=\"a b\" text=\"\"",
	    "\"id\":\"-\",\"event\":\"refused\",\"helo\":\"a b\","
	    "\"text\":\"\"" },
	{ "marks", "- refused helo=\"a\\\"b\\\\c\\x1b\\u{202e}\"",
	    "- refused helo=\"a\\\"b\\\\c\\x1b\\u{202e}\"",
	    "\"id\":\"-\",\"event\":\"refused\","
	    "\"helo\":\"a\\\"b\\\\c\\\\x1b\\\\u{202e}\"" },
	{ "a list", "- accepted to=a@b from=x to=c@d to=e@f size=1",
	    "- accepted to=a@b from=x to=c@d to=e@f size=1",
	    "\"id\":\"-\",\"event\":\"accepted\","
	    "\"to\":[\"a@b\",\"c@d\",\"e@f\"],\"from\":\"x\",\"size\":\"1\"" },
	{ "hostile: another line", "- x a=b\n2026 queue/0 - stopping",
	    "- x a=b\\x0a2026 queue/0 - stopping",
	    "\"id\":\"-\",\"event\":\"x\",\"a\":\"b\\\\x0a2026\"" },
	{ "hostile: a terminal", "- x a=\"\x1b[2J\"",
	    "- x a=\\\"\\x1b[2J\\\"",
	    "\"id\":\"-\",\"event\":\"x\",\"a\":\"\\\"\\\\x1b[2J\\\"\"" },
	{ "hostile: no end of a quote", "- x a=\"b\\",
	    "- x a=\"b\\",
	    "\"id\":\"-\",\"event\":\"x\",\"a\":\"b\\\\\"" },
	{ "hostile: no pairs", "- x garbage and = more",
	    "- x garbage and = more",
	    "\"id\":\"-\",\"event\":\"x\",\"garbage and \":\"\"" },
	{ "empty", "", "", "\"id\":\"\",\"event\":\"\"" },
};

static void
test_shown(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		char room[LOG_LINE_MAX], want[1024];
		struct event e = { .role = IPC_ROLE_QUEUE, .index = 3,
		    .level = LOG_LEVEL_INFO };
		struct buf b = buf_make(EVENT_JSON_MAX);
		json_t *row;

		e.text = event_clean(span_str(rows[i].text), room);
		CHECK_NUM(event_print(&e, &b), ERR_OK, "%s", rows[i].name);
		CHECK_NUM(buf_addc(&b, 0), ERR_OK, "end");
		(void)snprintf(want, sizeof want,
		    "1970-01-01 00:00:00.000 queue/3 %s\n", rows[i].line);
		CHECK_STR((const char *)b.p, want, "%s", rows[i].name);
		buf_cut(&b, 0);
		CHECK_NUM(event_json(&e, &b), ERR_OK, "%s", rows[i].name);
		row = json_loadb((const char *)b.p, b.n, 0, NULL);
		CHECK(row != NULL, "%s is JSON", rows[i].name);
		json_decref(row);
		CHECK_NUM(buf_addc(&b, 0), ERR_OK, "end");
		(void)snprintf(want, sizeof want, "{\"time_ms\":0,"
		    "\"source\":\"queue/3\",\"level\":\"info\",%s}",
		    rows[i].json);
		CHECK_STR((const char *)b.p, want, "%s", rows[i].name);
		buf_free(&b);
	}
}

/* A pipe nobody reads: the loop goes on, drops are counted, then it flows. */
struct stuck {
	struct loop		*loop;
	struct loop_timer	*timer;
	struct sink		*sink;
	int			 pipe[2];
	unsigned int		 turns;
	uint64_t		 dropped, taken;
};

#define LINE_OCTETS	1000u
static void
stuck_turn(void *ctx)
{
	struct stuck *s = ctx;
	char line[LINE_OCTETS];
	ssize_t n;

	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	if (s->turns++ < 4)
		for (unsigned int i = 0; i < 1000; i++)
			sink_add(s->sink, span_of(line, sizeof line));
	else
		while ((n = read(s->pipe[0], line, sizeof line)) > 0)
			s->taken += (uint64_t)n;
	sink_flush(s->sink);
	s->dropped += sink_take_dropped(s->sink);
	if (s->turns > 4 && sink_is_idle(s->sink))
		loop_quit(s->loop);
	else
		loop_timer_set(s->timer, 1);
}

static void
test_sink_stands_still(void **state UNUSED)
{
	struct stuck s = { 0 };

	CHECK_NUM(loop_new(&s.loop), ERR_OK, "loop");
	CHECK_NUM(sink_new(s.loop, &s.sink), ERR_OK, "sink");
	assert_int_equal(pipe2(s.pipe, O_CLOEXEC), 0);
	assert_int_equal(fcntl(s.pipe[0], F_SETFL, O_NONBLOCK), 0);
	sink_use(s.sink, s.pipe[1]);
	CHECK_NUM(loop_timer_new(s.loop, stuck_turn, &s, &s.timer), ERR_OK,
	    "timer");
	loop_timer_set(s.timer, 0);
	loop_run(s.loop);
	while (true) {
		char rest[LINE_OCTETS];
		ssize_t n = read(s.pipe[0], rest, sizeof rest);

		if (n <= 0)
			break;
		s.taken += (uint64_t)n;
	}
	CHECK(s.dropped > 0, "some were dropped");
	CHECK_NUM(s.taken / LINE_OCTETS + s.dropped, 4000, "none forgotten");
	loop_timer_free(s.timer);
	sink_free(s.sink);
	(void)close(s.pipe[0]);
	loop_free(s.loop);
}

/* A full disk: lines are lost and counted, nobody waits. */
static void
full_turn(void *ctx)
{
	struct stuck *s = ctx;

	if (s->turns++ == 0)
		for (unsigned int i = 0; i < 10; i++)
			sink_add(s->sink, SPAN("line\n"));
	sink_flush(s->sink);
	s->dropped += sink_take_dropped(s->sink);
	if (s->dropped >= 10 || s->turns > 2000)
		loop_quit(s->loop);
	else
		loop_timer_set(s->timer, 1);
}

static void
test_sink_full(void **state UNUSED)
{
	struct stuck s = { 0 };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(full >= 0);
	CHECK_NUM(loop_new(&s.loop), ERR_OK, "loop");
	CHECK_NUM(sink_new(s.loop, &s.sink), ERR_OK, "sink");
	sink_use(s.sink, full);
	CHECK_NUM(loop_timer_new(s.loop, full_turn, &s, &s.timer), ERR_OK,
	    "timer");
	loop_timer_set(s.timer, 0);
	loop_run(s.loop);
	CHECK_NUM(s.dropped, 10, "all counted");
	loop_timer_free(s.timer);
	sink_free(s.sink);
	loop_free(s.loop);
}

/* RFC 3164 4.1.1: facility mail is 2; 2 critical, 4 warning, 6, 7. */
static void
test_syslog_lines(void **state UNUSED)
{
	static const struct {
		uint8_t		 level;
		const char	*line;
	} cases[] = {
		{ LOG_LEVEL_ALARM, "<18>posthorse: queue/3 - x a=1\n" },
		{ LOG_LEVEL_WARN, "<20>posthorse: queue/3 - x a=1\n" },
		{ LOG_LEVEL_INFO, "<22>posthorse: queue/3 - x a=1\n" },
		{ LOG_LEVEL_DEBUG, "<23>posthorse: queue/3 - x a=1\n" },
		{ 255, "<23>posthorse: queue/3 - x a=1\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct event e = { .role = IPC_ROLE_QUEUE, .index = 3,
		    .level = cases[i].level, .text = SPAN("- x a=1") };
		struct buf b = buf_make(EVENT_LINE_MAX);

		CHECK_NUM(event_syslog(&e, &b), ERR_OK, "%zu", i);
		CHECK_NUM(buf_addc(&b, 0), ERR_OK, "end");
		CHECK_STR((const char *)b.p, cases[i].line, "%zu", i);
		buf_free(&b);
	}
}

static void
cut_turn(void *ctx)
{
	struct stuck *s = ctx;

	sink_flush(s->sink);
	if (s->turns++ > 2000 || sink_is_idle(s->sink))
		loop_quit(s->loop);
	else
		loop_timer_set(s->timer, 1);
}

/* A logger's socket gets a datagram a line. */
static void
test_sink_cuts_lines(void **state UNUSED)
{
	static const char *const want[] = { "<22>one", "<22>two", "<18>x" };
	struct stuck s = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, pair), 0);
	CHECK_NUM(loop_new(&s.loop), ERR_OK, "loop");
	CHECK_NUM(sink_new(s.loop, &s.sink), ERR_OK, "sink");
	sink_cut_lines(s.sink);
	sink_use(s.sink, pair[1]);
	sink_add(s.sink, SPAN("<22>one\n"));
	sink_add(s.sink, SPAN("<22>two\n"));
	sink_add(s.sink, SPAN("<18>x\n"));
	CHECK_NUM(loop_timer_new(s.loop, cut_turn, &s, &s.timer), ERR_OK,
	    "timer");
	loop_timer_set(s.timer, 0);
	loop_run(s.loop);
	for (size_t i = 0; i < COUNT(want); i++) {
		char line[64] = "";
		ssize_t n = recv(pair[0], line, sizeof line - 1, 0);

		CHECK_NUM(n, (ssize_t)strlen(want[i]), "%zu", i);
		CHECK_STR(line, want[i], "%zu", i);
	}
	/* Nobody there any more: lost and counted, nobody waits. */
	(void)close(pair[0]);
	sink_add(s.sink, SPAN("<22>gone\n"));
	loop_timer_set(s.timer, 0);
	loop_run(s.loop);
	CHECK_NUM(sink_take_dropped(s.sink), 1, "counted");
	loop_timer_free(s.timer);
	sink_free(s.sink);
	loop_free(s.loop);
}

static const struct CMUnitTest tests[] = {
	TEST(test_who, "ADM-1"),
	TEST(test_what, "ADM-1"),
	TEST(test_times, ""),
	TEST(test_shown, "LOG-1"),
	TEST(test_sink_stands_still, "LOG-3"),
	TEST(test_sink_full, "LOG-3"),
	TEST(test_syslog_lines, ""),
	TEST(test_sink_cuts_lines, "LOG-3"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
