/*
 * posthorse-queue and large messages: a thread looks at them and copies them,
 * while everything else, and everybody's death, goes on.
 */
#include "queue_stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE	(3u << 20)

static const char *const ann[] = { "ann@example.org" };
static const char *const bob[] = { "bob@example.net" };
static const char *const cat[] = { "cat@example.org" };

/* Each line differs, so that a piece from elsewhere shows. */
static char *
large_text(char mark)
{
	char *text = calloc(1, LARGE + 100);
	size_t n = 0;

	assert_non_null(text);
	for (unsigned int i = 0; n < LARGE; i++)
		n += (size_t)snprintf(text + n, 100,
		    "%c %08u abcdefghijklmnopqrstuvwxyz\r\n", mark, i);
	return text;
}

static void
finish(struct stage *s)
{
	int status = stage_stop(s);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "orderly end, status %#x; %.*s", (unsigned int)status,
	    SPAN_FMT(s->log));
	stage_end(s);
}

static size_t
count_of(const struct stage *s, const char *text)
{
	struct span rest = buf_span(&s->contents), one = span_str(text);
	size_t n = 0, at;

	while ((at = span_find_span(rest, one)) < rest.n) {
		rest = span_skip(rest, at + one.n);
		n++;
	}
	return n;
}

/* Between small ones, in one job; each octet where it belongs. */
static void
test_whole(void **state UNUSED)
{
	struct stage s = { 0 };
	char *a = large_text('a'), *b = large_text('b');

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, "one\r\n");
	(void)stage_write(&s, "eve@example.com", cat, 1, a);
	(void)stage_write(&s, "eve@example.com", ann, 1, "two\r\n");
	(void)stage_write(&s, "eve@example.com", ann, 1, b);
	(void)stage_write(&s, "eve@example.com", bob, 1, "three\r\n");
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 5);
	CHECK_NUM(count_of(&s, a), 1, "the first");
	CHECK_NUM(count_of(&s, b), 1, "the second");
	CHECK_NUM(count_of(&s, "then\r\none\r\n"), 1, "a small one");
	CHECK_NUM(count_of(&s, "then\r\ntwo\r\n"), 1, "another");
	CHECK_NUM(count_of(&s, "Received: by"), 5, "fields");
	stage_serve(&s, 100);
	finish(&s);
	free(a);
	free(b);
}

/* Flip one octet of the large file that begins with this mark. */
static void
damage(const struct stage *s, char mark)
{
	DIR *dir = opendir(s->spool);
	unsigned int done = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		int fd = openat(dirfd(dir), e->d_name, O_RDWR | O_CLOEXEC);
		char first = 0, there;

		if (fd >= 0 && strncmp(e->d_name, "large-", 6) == 0 &&
		    pread(fd, &first, 1, 0) == 1 && first == mark) {
			assert_int_equal(pread(fd, &there, 1, LARGE / 2), 1);
			there = (char)(there ^ 1);
			assert_int_equal(pwrite(fd, &there, 1, LARGE / 2), 1);
			done++;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	(void)closedir(dir);
	assert_int_equal(done, 1);
}

/* Not one octet of it is handed out; its neighbours are. */
static void
test_damaged(void **state UNUSED)
{
	struct stage s = { 0 };
	char *a = large_text('a'), *b = large_text('b');

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, "one\r\n");
	(void)stage_write(&s, "eve@example.com", ann, 1, a);
	(void)stage_write(&s, "eve@example.com", ann, 1, b);
	stage_sync(&s, false);
	damage(&s, 'a');
	(void)stage_write(&s, "eve@example.com", ann, 1, "two\r\n");
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 3);
	stage_serve(&s, 1500);
	CHECK_NUM(s.nmessages, 3, "and no fourth");
	CHECK_NUM(count_of(&s, b), 1, "the whole one");
	CHECK_NUM(count_of(&s, "then\r\none\r\n"), 1, "the small one");
	CHECK(span_find_span(buf_span(&s.contents), SPAN("a 00000000")) ==
	    s.contents.n, "nothing of the other");
	CHECK(stage_has_logged(&s, "large"), "an alarm: %.*s",
	    SPAN_FMT(s.log));
	finish(&s);
	free(a);
	free(b);
}

/* A worker that dies at any moment of it: nothing is lost, nobody waits. */
static void
test_worker_dies_meanwhile(void **state UNUSED)
{
	char *a = large_text('a');

	for (int ms = 0; ms < 5; ms++) {
		struct stage s = { 0 };

		stage_begin(&s);
		(void)stage_write(&s, "eve@example.com", ann, 1, a);
		s.answer[IPC_ROLE_LOCAL].is_silent = true;
		stage_sync(&s, true);
		stage_serve(&s, ms);
		s.answer[IPC_ROLE_LOCAL].is_silent = false;
		stage_connect(&s, IPC_ROLE_LOCAL);
		stage_order(&s, STEER_QUEUE_RETRY, "");
		stage_until_logged(&s, "to=ann@example.org");
		CHECK(count_of(&s, a) >= 1, "%d ms: whole", ms);
		finish(&s);
	}
	free(a);
}

/* Stopped, or killed, while it is copied: it is there at the next start. */
static void
test_queue_ends_meanwhile(void **state UNUSED)
{
	char *a = large_text('a');

	for (int i = 0; i < 10; i++) {
		struct stage s = { 0 };

		stage_begin(&s);
		(void)stage_write(&s, "eve@example.com", ann, 1, a);
		s.answer[IPC_ROLE_LOCAL].is_silent = i % 2 == 0;
		stage_sync(&s, true);
		stage_serve(&s, i / 2);
		if (i % 2 == 0)
			(void)stage_kill(&s);
		else
			(void)stage_stop(&s);
		s.answer[IPC_ROLE_LOCAL].is_silent = false;
		stage_begin(&s);
		if (i % 2 == 0)
			stage_until_logged(&s, "to=ann@example.org");
		else
			for (int ms = 0; ms < 20000 &&
			    count_of(&s, a) == 0; ms += 100)
				stage_serve(&s, 100);
		CHECK(count_of(&s, a) >= 1, "%d: whole", i);
		finish(&s);
	}
	free(a);
}

/* Removed while it is copied: the job ends, and the queue goes on. */
static void
test_deleted_meanwhile(void **state UNUSED)
{
	char *a = large_text('a');
	struct stage s = { 0 };

	stage_begin(&s);
	for (int i = 0; i < 10; i++) {
		(void)stage_write(&s, "eve@example.com", ann, 1, a);
		stage_sync(&s, true);
		stage_order(&s, STEER_QUEUE_DELETE, "ann@example.org");
	}
	(void)stage_write(&s, "eve@example.com", cat, 1, "last\r\n");
	stage_sync(&s, true);
	stage_until_logged(&s, "to=cat@example.org");
	finish(&s);
	free(a);
}

static const struct CMUnitTest tests[] = {
	TEST(test_whole, ""),
	TEST(test_damaged, "SPL-5"),
	TEST(test_worker_dies_meanwhile, "DLV-1"),
	TEST(test_queue_ends_meanwhile, "DLV-1"),
	TEST(test_deleted_meanwhile, ""),
};

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
