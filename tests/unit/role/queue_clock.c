/*
 * posthorse-queue under a wall clock that jumps ten years, while it runs and
 * while it is away: nothing is given up for it, nothing waits for it (DLV-9).
 */
#include "queue_stage.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LETTERS		40u
#define YEARS		(INT64_C(10) * 365 * 24 * 3600)

static const char *const ann[] = { "ann@example.org" };
static const int64_t jumps[] = { YEARS, -YEARS };
static int64_t *offset;		/* of the program's wall clock, seconds */
static char offset_file[] = "/tmp/posthorse-wall-XXXXXX";

static void
begin_with_letters(struct stage *s)
{
	*offset = 0;
	s->config = "retry first 1s\nretry cap 2s\nretry jitter 0%\n";
	s->answer[IPC_ROLE_LOCAL] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.2.1",
		.text = "not now",
	};
	stage_begin(s);
	for (unsigned int i = 0; i < LETTERS; i++)
		(void)stage_write(s, "eve@example.com", ann, 1, "x\r\n");
	stage_sync(s, true);
	stage_until(s, &s->nmessages, LETTERS);
	stage_until_logged(s, "deferred");
}

/* Tried again within its wait, as our patience is shorter than any jump. */
static void
check_goes_on(struct stage *s, int64_t jump)
{
	const char *name = jump > 0 ? "ahead" : "back";
	int status;

	s->nmessages = 0;
	stage_until(s, &s->nmessages, LETTERS);
	CHECK(!stage_has_logged(s, "expired"), "%s: given up", name);
	CHECK_NUM(s->nlookups, 0, "%s: a bounce was begun", name);
	s->answer[IPC_ROLE_LOCAL] = (struct stage_answer){ 0 };
	s->nmessages = 0;
	stage_until(s, &s->nmessages, LETTERS);
	stage_serve(s, 200);
	CHECK(!stage_has_logged(s, "expired"), "%s: given up", name);
	stage_until_logged(s, "delivered");
	status = stage_stop(s);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: end", name);
	stage_end(s);
}

static void
test_jump_while_it_runs(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(jumps); i++) {
		struct stage s = { 0 };

		begin_with_letters(&s);
		*offset = jumps[i];
		check_goes_on(&s, jumps[i]);
	}
}

static void
test_jump_while_it_is_away(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(jumps); i++) {
		struct stage s = { 0 };

		begin_with_letters(&s);
		/* What was said is in the journal. */
		stage_serve(&s, 300);
		(void)stage_kill(&s);
		*offset = jumps[i];
		stage_begin(&s);
		check_goes_on(&s, jumps[i]);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_jump_while_it_runs, "DLV-9"),
	TEST(test_jump_while_it_is_away, "DLV-9"),
};

int
main(void)
{
	int fd = mkstemp(offset_file), failed;

	(void)signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || ftruncate(fd, sizeof *offset) != 0)
		return 1;
	offset = mmap(NULL, sizeof *offset, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (offset == MAP_FAILED)
		return 1;
	(void)setenv("LD_PRELOAD", WALL_SHIM, 1);
	(void)setenv("WALL_OFFSET", offset_file, 1);
	/* A sanitizer's own library would have to come first. */
	(void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	failed = RUN_TESTS(tests);
	(void)unlink(offset_file);
	return failed;
}
