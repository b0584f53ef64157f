/*
 * Tests of the history: what is found again, after days, crashes and limits.
 */
#include "check.h"
#include "role/admin/day.h"
#include "role/admin/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOON	(UINT64_C(1795435200000))	/* 2026-11-23 12:00 UTC */
#define KEEP	((struct history_limits){ 30 * 86400, UINT64_C(1) << 30 })

static int
folder(void)
{
	char path[] = "/tmp/posthorse-history-XXXXXX";
	int fd;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
folder_remove(int dir, uint64_t from_day, unsigned int days)
{
	char name[EVENT_TIME_MAX], path[64], self[64];
	ssize_t n;

	for (unsigned int i = 0; i < days; i++) {
		day_name(from_day + i, "events", name);
		(void)unlinkat(dir, name, 0);
		day_name(from_day + i, "index", name);
		(void)unlinkat(dir, name, 0);
	}
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", dir);
	n = readlink(self, path, sizeof path - 1);
	assert_true(n > 0);
	path[n] = '\0';
	assert_int_equal(rmdir(path), 0);
	(void)close(dir);
}

/* Message n of that time; many share a slot when is_crowded. */
static struct msg_id
id_of(uint64_t ms, unsigned int n, bool is_crowded)
{
	uint8_t random[10] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8),
	    (uint8_t)n };

	if (!is_crowded) {
		random[8] = (uint8_t)(n >> 8);
		random[9] = (uint8_t)n;
	}
	return msg_id_make(ms, random);
}

static void
add(struct history *h, uint64_t ms, const struct msg_id *id, const char *what)
{
	struct log_line l;
	struct event e = { .wall_ms = ms, .level = LOG_LEVEL_INFO,
	    .role = IPC_ROLE_QUEUE };

	log_begin(&l, LOG_LEVEL_INFO, id, what);
	e.text = log_text(&l);
	history_add(h, &e);
}

struct told {
	char	text[256];
	size_t	enough;
	size_t	n;
};

static bool
tell(void *ctx, const struct event *e)
{
	struct told *t = ctx;
	struct span name = event_name(e->text);
	size_t used = strlen(t->text);

	(void)snprintf(t->text + used, sizeof t->text - used, "%.*s ",
	    SPAN_FMT(name));
	return t->enough == 0 || ++t->n < t->enough;
}

static const char *
trace(struct history *h, const struct msg_id *id, uint64_t now)
{
	static struct told t;

	t = (struct told){ 0 };
	(void)history_trace(h, id, now, tell, &t);
	return t.text;
}

static struct history *
opened(int dir, struct history_limits limits, uint64_t now)
{
	struct history *h = NULL;

	CHECK_NUM(history_open(dir, limits, now, &h), ERR_OK, "open");
	return h;
}

static void
test_found_among_others(void **state UNUSED)
{
	for (int crowded = 0; crowded < 2; crowded++) {
		int dir = folder();
		struct history *h = opened(dir, KEEP, NOON);
		struct msg_id mine = id_of(NOON, 77, crowded);

		for (unsigned int i = 0; i < 300; i++) {
			struct msg_id id = id_of(NOON, i, crowded);

			add(h, NOON, &id, "accepted");
			add(h, NOON, NULL, "connect");
		}
		add(h, NOON, &mine, "delivered");
		CHECK_STR(trace(h, &mine, NOON), "accepted delivered ",
		    "crowded %d", crowded);
		mine = id_of(NOON, 301, crowded);
		CHECK_STR(trace(h, &mine, NOON), "", "unknown %d", crowded);
		history_close(h, NOON);
		folder_remove(dir, NOON / EVENT_DAY_MS, 1);
	}
}

static void
test_found_over_days(void **state UNUSED)
{
	int dir = folder();
	struct history *h = opened(dir, KEEP, NOON);
	struct msg_id id = id_of(NOON, 5, false);
	static const char *const words[] = { "accepted", "deferred",
	    "deferred", "expired" };

	for (unsigned int d = 0; d < 4; d++) {
		add(h, NOON + d * EVENT_DAY_MS, &id, words[d]);
		history_flush(h, NOON + d * EVENT_DAY_MS);
		/* The next day begins with the next flush. */
		history_flush(h, NOON + (d + 1) * EVENT_DAY_MS);
	}
	CHECK_STR(trace(h, &id, NOON + 4 * EVENT_DAY_MS),
	    "accepted deferred deferred expired ", "four days");
	history_close(h, NOON + 4 * EVENT_DAY_MS);
	h = opened(dir, KEEP, NOON + 4 * EVENT_DAY_MS);
	CHECK_STR(trace(h, &id, NOON + 4 * EVENT_DAY_MS),
	    "accepted deferred deferred expired ", "opened again");
	history_close(h, NOON + 4 * EVENT_DAY_MS);
	folder_remove(dir, NOON / EVENT_DAY_MS, 5);
}

static size_t
file_size(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	return (size_t)st.st_size;
}

/* Cut at every octet: what was whole before the cut is found, and we go on. */
static void
test_cut_anywhere(void **state UNUSED)
{
	uint64_t today = NOON / EVENT_DAY_MS;
	struct msg_id id = id_of(NOON, 1, false);
	char name[EVENT_TIME_MAX], index[EVENT_TIME_MAX];
	int dir = folder();
	struct history *h = opened(dir, KEEP, NOON);
	size_t one, cut;

	day_name(today, "events", name);
	day_name(today, "index", index);
	add(h, NOON, &id, "accepted");
	history_flush(h, NOON);
	one = file_size(dir, name);
	add(h, NOON, &id, "accepted");
	history_close(h, NOON);
	for (cut = 2 * one; cut > 0; cut -= MIN(cut, (size_t)7)) {
		int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		(void)close(fd);
		h = opened(dir, KEEP, NOON);
		CHECK_STR(trace(h, &id, NOON), cut == 2 * one ?
		    "accepted accepted " : cut >= one ? "accepted " : "",
		    "cut at %zu of %zu", cut, 2 * one);
		add(h, NOON, &id, "delivered");
		CHECK_STR(trace(h, &id, NOON), cut == 2 * one ?
		    "accepted accepted delivered " : cut >= one ?
		    "accepted delivered " : "delivered ", "after %zu", cut);
		/* Back to what stood before: without the index, too. */
		history_close(h, NOON);
		if (cut % 2 == 0)
			(void)unlinkat(dir, index, 0);
	}
	folder_remove(dir, today, 1);
}

/* A crash before the index was saved: old days and today are read anyway. */
static void
test_without_index(void **state UNUSED)
{
	uint64_t today = NOON / EVENT_DAY_MS;
	struct msg_id id = id_of(NOON, 9, false);
	char index[EVENT_TIME_MAX];
	int dir = folder();
	struct history *h = opened(dir, KEEP, NOON);

	add(h, NOON, &id, "accepted");
	history_close(h, NOON);
	day_name(today, "index", index);
	assert_int_equal(unlinkat(dir, index, 0), 0);
	h = opened(dir, KEEP, NOON + EVENT_DAY_MS);
	CHECK_STR(trace(h, &id, NOON + EVENT_DAY_MS), "accepted ", "old day");
	history_close(h, NOON + EVENT_DAY_MS);
	h = opened(dir, KEEP, NOON);
	CHECK_STR(trace(h, &id, NOON), "accepted ", "today");
	history_close(h, NOON);
	folder_remove(dir, today, 2);
}

/* Any octet of the events changed: never a wrong answer, never a loop. */
static void
test_changed_anywhere(void **state UNUSED)
{
	uint64_t today = NOON / EVENT_DAY_MS;
	struct msg_id id = id_of(NOON, 3, false);
	char name[EVENT_TIME_MAX];
	int dir = folder(), fd;
	struct history *h = opened(dir, KEEP, NOON);
	size_t size;

	add(h, NOON, &id, "accepted");
	add(h, NOON, &id, "delivered");
	history_close(h, NOON);
	day_name(today, "events", name);
	size = file_size(dir, name);
	fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < size; i++) {
		uint8_t was, other;
		const char *got;

		assert_int_equal(pread(fd, &was, 1, (off_t)i), 1);
		other = was ^ 0x41;
		assert_int_equal(pwrite(fd, &other, 1, (off_t)i), 1);
		h = opened(dir, KEEP, NOON + EVENT_DAY_MS);
		got = trace(h, &id, NOON + EVENT_DAY_MS);
		CHECK(strcmp(got, "accepted ") == 0 ||
		    strcmp(got, "delivered ") == 0 || got[0] == '\0',
		    "octet %zu: %s", i, got);
		history_close(h, NOON + EVENT_DAY_MS);
		assert_int_equal(pwrite(fd, &was, 1, (off_t)i), 1);
	}
	(void)close(fd);
	folder_remove(dir, today, 2);
}

static bool
is_day_there(int dir, uint64_t day)
{
	char name[EVENT_TIME_MAX];

	day_name(day, "events", name);
	return faccessat(dir, name, F_OK, 0) == 0;
}

static void
test_old_days_go(void **state UNUSED)
{
	uint64_t first = NOON / EVENT_DAY_MS;
	struct history_limits limits = { 3 * 86400, UINT64_C(1) << 30 };
	int dir = folder();

	for (unsigned int d = 0; d < 6; d++) {
		uint64_t now = NOON + d * EVENT_DAY_MS;

		history_close(opened(dir, limits, now), now);
	}
	for (unsigned int d = 0; d < 6; d++)
		CHECK(is_day_there(dir, first + d) == (d >= 2), "day %u", d);
	folder_remove(dir, first, 6);
}

/* The size is kept by giving up old days, then by taking nothing more. */
static void
test_size_is_kept(void **state UNUSED)
{
	uint64_t first = NOON / EVENT_DAY_MS;
	struct history_limits limits = { 30 * 86400, 4000 };
	struct msg_id id = id_of(NOON, 1, false);
	int dir = folder();
	struct history *h = opened(dir, limits, NOON);

	for (unsigned int i = 0; i < 100; i++)
		add(h, NOON, &id, "accepted");
	history_flush(h, NOON);
	CHECK(history_take_dropped(h) > 30, "some were dropped");
	CHECK_NUM(history_take_dropped(h), 0, "told once");
	history_flush(h, NOON + EVENT_DAY_MS);
	CHECK(!is_day_there(dir, first), "the old day went");
	add(h, NOON, &id, "accepted");
	CHECK_NUM(history_take_dropped(h), 0, "room again");
	history_close(h, NOON + EVENT_DAY_MS);
	folder_remove(dir, first, 2);
}

static void
test_enough(void **state UNUSED)
{
	struct told t = { .enough = 2 };
	struct msg_id id = id_of(NOON, 1, false);
	int dir = folder();
	struct history *h = opened(dir, KEEP, NOON);

	for (unsigned int i = 0; i < 5; i++)
		add(h, NOON, &id, "deferred");
	CHECK_NUM(history_trace(h, &id, NOON, tell, &t), 2, "stopped");
	/* Dates that no file of ours has. */
	id = id_of(0, 1, false);
	CHECK_STR(trace(h, &id, NOON), "", "1970");
	memset(&id, 0xff, sizeof id);
	CHECK_STR(trace(h, &id, NOON), "", "far away");
	history_close(h, NOON);
	folder_remove(dir, NOON / EVENT_DAY_MS, 1);
}

static const struct CMUnitTest tests[] = {
	TEST(test_found_among_others, ""),
	TEST(test_found_over_days, ""),
	TEST(test_cut_anywhere, "PRS-6"),
	TEST(test_without_index, ""),
	TEST(test_changed_anywhere, "PRS-6"),
	TEST(test_old_days_go, ""),
	TEST(test_size_is_kept, "LOG-3"),
	TEST(test_enough, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
