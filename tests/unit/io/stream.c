/*
 * stream.c - octets in and out of a plain connection.
 */
#include "rig.h"

#include "io/dial.h"
#include "io/listener.h"
#include "io/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct talk {
	struct rig	 rig;
	struct stream	*s;
	int		 peer;
	char		 seen[512];	/* each showing, in brackets */
	size_t		 uses;		/* octets used a showing */
	unsigned int	 shown, ended, drained, connected;
	enum stream_end	 end;
	bool		 frees, pauses, echoes;
};

static void
on_data(void *ctx, struct span *in)
{
	struct talk *t = ctx;
	size_t at = strlen(t->seen);

	t->shown++;
	if (in->n < 64)
		(void)snprintf(t->seen + at, sizeof t->seen - at, "[%.*s]",
		    SPAN_FMT(*in));
	if (t->echoes)
		assert_int_equal(stream_send(t->s, *in), ERR_OK);
	*in = span_skip(*in, MIN(t->uses, in->n));
	if (t->pauses)
		stream_pause(t->s);
	if (t->frees) {
		stream_free(t->s);
		t->s = NULL;
	}
}

static void
on_drained(void *ctx)
{
	struct talk *t = ctx;

	t->drained++;
}

static void
on_connected(void *ctx)
{
	struct talk *t = ctx;

	t->connected++;
}

static void
on_ended(void *ctx, enum stream_end end)
{
	struct talk *t = ctx;

	t->ended++;
	t->end = end;
	stream_free(t->s);
	t->s = NULL;
}

static const struct stream_ops ops = { .data = on_data,
    .drained = on_drained, .connected = on_connected, .ended = on_ended };

static void
talk_begin(struct talk *t)
{
	int fds[2];

	*t = (struct talk){ .uses = SIZE_MAX };
	rig_begin(&t->rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	t->peer = fds[1];
	assert_int_equal(stream_new(t->rig.loop, fds[0], false, &ops, t,
	    &t->s), ERR_OK);
}

static void
talk_end(struct talk *t)
{
	stream_free(t->s);
	if (t->peer >= 0)
		(void)close(t->peer);
	rig_end(&t->rig);
}

static void
say(struct talk *t, const char *text)
{
	assert_int_equal(write(t->peer, text, strlen(text)), strlen(text));
	rig_run_ms(&t->rig, 2);
}

static size_t
hear(struct talk *t, char *to, size_t room)
{
	ssize_t n = recv(t->peer, to, room - 1, MSG_DONTWAIT);

	to[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
test_echo(void **state UNUSED)
{
	char heard[64];
	struct talk t;

	talk_begin(&t);
	t.echoes = true;
	say(&t, "one");
	say(&t, "two");
	(void)hear(&t, heard, sizeof heard);
	CHECK_STR(heard, "onetwo", "echo");
	CHECK_STR(t.seen, "[one][two]", "shown");
	talk_end(&t);
}

/* What is left is kept and shown again with what comes behind it. */
static void
test_left_octets(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	t.uses = 2;
	say(&t, "abc");
	say(&t, "de");
	CHECK_STR(t.seen, "[abc][cde]", "joined");
	t.uses = 0;
	say(&t, "f");
	say(&t, "g");
	CHECK_STR(t.seen, "[abc][cde][ef][efg]", "none used");
	t.uses = SIZE_MAX;
	stream_resume(t.s);
	CHECK_NUM(t.shown, 4, "never inside the call");
	rig_run_ms(&t.rig, 2);
	CHECK_STR(t.seen, "[abc][cde][ef][efg][efg]", "shown again");
	talk_end(&t);
}

/* What is not used stays in the kernel, whoever reads it next. */
static void
test_peek(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	t.uses = 2;
	stream_peek(t.s, true);
	say(&t, "abc");
	say(&t, "d");
	CHECK_STR(t.seen, "[abc][c][d]", "at once again");
	t.pauses = true;
	say(&t, "efg");
	CHECK_STR(t.seen, "[abc][c][d][efg]", "shown once");
	stream_peek(t.s, false);
	t.uses = SIZE_MAX;
	t.pauses = false;
	stream_resume(t.s);
	rig_run_ms(&t.rig, 2);
	CHECK_STR(t.seen, "[abc][c][d][efg][g]", "what was left");
	stream_peek(t.s, true);
	t.frees = true;
	say(&t, "hi");
	CHECK_NUM(t.shown, 6, "freed inside");
	talk_end(&t);
}

/* Octets that nobody was shown yet, in the kernel or left. */
static void
test_has_come(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	CHECK(!stream_has_come(t.s), "nothing");
	assert_int_equal(write(t.peer, "ab", 2), 2);
	CHECK(stream_has_come(t.s), "in the kernel");
	t.uses = 1;
	rig_run_ms(&t.rig, 2);
	CHECK_STR(t.seen, "[ab]", "nothing was taken by looking");
	CHECK(stream_has_come(t.s), "left");
	t.uses = SIZE_MAX;
	stream_resume(t.s);
	rig_run_ms(&t.rig, 2);
	CHECK(!stream_has_come(t.s), "all used");
	(void)shutdown(t.peer, SHUT_WR);
	CHECK(!stream_has_come(t.s), "an end is no octet");
	talk_end(&t);
}

static void
test_pause(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	t.pauses = true;
	say(&t, "a");
	say(&t, "b");
	CHECK_STR(t.seen, "[a]", "paused");
	CHECK(!stream_is_peer_gone(t.s), "still there");
	(void)shutdown(t.peer, SHUT_WR);
	CHECK(stream_is_peer_gone(t.s), "gone, though not read");
	CHECK_NUM(t.ended, 0, "not told while paused");
	t.pauses = false;
	stream_resume(t.s);
	rig_run_ms(&t.rig, 5);
	CHECK_STR(t.seen, "[a][b]", "first what was said");
	CHECK_NUM(t.end, STREAM_END_PEER, "then the end");
	CHECK_NUM(t.ended, 1, "once");
	talk_end(&t);
}

static void
resume_now(void *ctx, unsigned int events UNUSED)
{
	struct talk *t = ctx;

	t->pauses = false;
	if (t->s != NULL)
		stream_resume(t->s);
}

/* What was left stands before the end, also when both come in one turn. */
static void
test_end_with_resume(void **state UNUSED)
{
	struct loop_watch *w;
	struct talk t;
	int pipe_fds[2];

	talk_begin(&t);
	t.pauses = true;
	t.uses = 1;
	say(&t, "ab");
	CHECK_STR(t.seen, "[ab]", "paused");
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(loop_watch_new(t.rig.loop, pipe_fds[0], resume_now, &t,
	    &w), ERR_OK);
	loop_watch_want(w, LOOP_READ);
	rig_run_ms(&t.rig, 2);
	/* First who resumes is ready, then the stream. */
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	(void)shutdown(t.peer, SHUT_WR);
	rig_run_ms(&t.rig, 5);
	CHECK_STR(t.seen, "[ab][b]", "first what was left");
	CHECK_NUM(t.end, STREAM_END_PEER, "then the end");
	loop_watch_free(w);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	talk_end(&t);
}

static void
test_freed_in_data(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	t.frees = true;
	say(&t, "x");
	CHECK_NUM(t.shown, 1, "once");
	CHECK_NUM(t.ended, 0, "no callback after free");
	talk_end(&t);
}

static void
test_input_has_a_bound(void **state UNUSED)
{
	static char block[8192];
	struct talk t;
	size_t sent = 0;
	ssize_t n;

	talk_begin(&t);
	t.uses = 0;
	while ((n = send(t.peer, block, sizeof block, MSG_DONTWAIT)) > 0 &&
	    sent < 16u * 1024 * 1024) {
		sent += (size_t)n;
		rig_run_ms(&t.rig, 1);
	}
	CHECK(n < 0, "the peer has to wait after %zu octets", sent);
	CHECK(sent >= STREAM_IN_MAX, "%zu", sent);
	talk_end(&t);
}

static void
test_output_has_a_bound(void **state UNUSED)
{
	static uint8_t block[1000];
	static char heard[65536];
	struct talk t;
	size_t sent = 0, got = 0, n;
	enum err e;

	talk_begin(&t);
	while ((e = stream_send(t.s, span_of(block, sizeof block))) == ERR_OK) {
		sent += sizeof block;
		CHECK(sent <= STREAM_OUT_MAX, "%zu", sent);
	}
	CHECK_NUM(e, ERR_FULL, "at the bound");
	CHECK(sent > STREAM_OUT_MAX - sizeof block, "%zu", sent);
	stream_want_drained(t.s);
	for (unsigned int i = 0; i < 1000 && got < sent; i++) {
		rig_run_ms(&t.rig, 1);
		while ((n = hear(&t, heard, sizeof heard)) > 0)
			got += n;
	}
	CHECK_NUM(got, sent, "all of it");
	rig_run_ms(&t.rig, 1);
	CHECK_NUM(t.drained, 1, "told once");
	talk_end(&t);
}

static int
file_of(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
test_files_in_order(void **state UNUSED)
{
	int fd = file_of("0123456789");
	char heard[64];
	struct talk t;

	talk_begin(&t);
	assert_int_equal(stream_send(t.s, SPAN("a")), ERR_OK);
	assert_int_equal(stream_send_file(t.s, fd, 2, 3), ERR_OK);
	assert_int_equal(stream_send(t.s, SPAN("b")), ERR_OK);
	assert_int_equal(stream_send_file(t.s, fd, 0, 0), ERR_OK);
	assert_int_equal(stream_send_file(t.s, fd, 9, 1), ERR_OK);
	assert_int_equal(stream_send(t.s, SPAN("c")), ERR_OK);
	stream_want_drained(t.s);
	rig_run_ms(&t.rig, 5);
	(void)hear(&t, heard, sizeof heard);
	CHECK_STR(heard, "a234b9c", "order");
	CHECK_NUM(t.drained, 1, "told");
	(void)close(fd);
	talk_end(&t);
}

static void
test_file_too_short(void **state UNUSED)
{
	int fd = file_of("0123456789");
	struct talk t;

	talk_begin(&t);
	assert_int_equal(stream_send_file(t.s, fd, 8, 3), ERR_OK);
	rig_run_ms(&t.rig, 5);
	CHECK_NUM(t.ended, 1, "never a message with a hole");
	CHECK_NUM(t.end, STREAM_END_ERROR, "why");
	(void)close(fd);
	talk_end(&t);
}

static void
test_finish(void **state UNUSED)
{
	char heard[64];
	struct talk t;

	talk_begin(&t);
	/* What the peer still sends may not turn our last words to a reset. */
	assert_int_equal(write(t.peer, "late", 4), 4);
	assert_int_equal(stream_send(t.s, SPAN("bye")), ERR_OK);
	stream_finish(t.s);
	assert_int_equal(stream_send(t.s, SPAN("more")), ERR_CLOSED);
	rig_run_ms(&t.rig, 5);
	(void)hear(&t, heard, sizeof heard);
	CHECK_STR(heard, "bye", "last words");
	CHECK_NUM(read(t.peer, heard, 1), 0, "and the end");
	CHECK_NUM(t.ended, 0, "lingers until the peer closes");
	CHECK_NUM(t.shown, 0, "nothing is heard any more");
	(void)close(t.peer);
	t.peer = -1;
	rig_run_ms(&t.rig, 5);
	CHECK_NUM(t.end, STREAM_END_FINISHED, "finished");
	talk_end(&t);
}

static void
test_deadline(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t);
	stream_deadline(t.s, 1);
	stream_deadline(t.s, 0);
	rig_run_ms(&t.rig, 10);
	CHECK_NUM(t.ended, 0, "taken back");
	stream_deadline(t.s, 1);
	rig_run_ms(&t.rig, 10);
	CHECK_NUM(t.end, STREAM_END_TIMEOUT, "timeout");
	CHECK_NUM(t.ended, 1, "once");
	talk_end(&t);
}

static void
test_reset_by_peer(void **state UNUSED)
{
	static uint8_t block[100000];
	struct talk t;

	talk_begin(&t);
	(void)close(t.peer);
	t.peer = -1;
	for (unsigned int i = 0; i < 2; i++)
		if (t.s != NULL)
			(void)!stream_send(t.s, span_of(block, sizeof block));
	rig_run_ms(&t.rig, 5);
	CHECK_NUM(t.ended, 1, "once, and no SIGPIPE");
	talk_end(&t);
}

/* A port of ours that nobody listens at, then one where somebody does. */
static void
test_connect(void **state UNUSED)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct listener_peer own;

	for (int listens = 0; listens < 2; listens++) {
		int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
		struct talk t = { .uses = SIZE_MAX, .peer = -1 };

		rig_begin(&t.rig);
		assert_int_equal(bind(door, (struct sockaddr *)&a, sizeof a),
		    0);
		if (listens)
			assert_int_equal(listen(door, 1), 0);
		assert_int_equal(listener_local_of(door, &own), ERR_OK);
		assert_int_equal(dial_tcp(SPAN("\177\0\0\1"), own.port, &fd),
		    ERR_OK);
		assert_int_equal(stream_new(t.rig.loop, fd, true, &ops, &t,
		    &t.s), ERR_OK);
		rig_run_ms(&t.rig, 20);
		CHECK_NUM(t.connected, listens, "connected");
		CHECK_NUM(t.ended, !listens, "ended");
		if (!listens)
			CHECK_NUM(t.end, STREAM_END_ERROR, "refused");
		(void)close(door);
		talk_end(&t);
	}
}

/* OPS-2: what an idle plain connection costs us. */
static void
test_idle_cost(void **state UNUSED)
{
	enum { STREAMS = 200 };
	static struct talk talks[STREAMS];
	struct mallinfo2 before, after;
	struct rig rig;
	size_t each;

	rig_begin(&rig);
	before = mallinfo2();
	for (size_t i = 0; i < STREAMS; i++) {
		int fds[2];

		talks[i] = (struct talk){ .uses = SIZE_MAX, .echoes = true };
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		talks[i].peer = fds[1];
		assert_int_equal(stream_new(rig.loop, fds[0], false, &ops,
		    &talks[i], &talks[i].s), ERR_OK);
		stream_deadline(talks[i].s, 300000);
		assert_int_equal(write(fds[1], "NOOP\r\n", 6), 6);
	}
	rig_run_ms(&rig, 20);
	after = mallinfo2();
	each = (after.uordblks - before.uordblks) / STREAMS;
	for (size_t i = 0; i < STREAMS; i++) {
		CHECK_NUM(talks[i].shown, 1, "talked");
		stream_free(talks[i].s);
		(void)close(talks[i].peer);
	}
	rig_end(&rig);
	CHECK(each <= 1152, "%zu octets", each);
	print_message("an idle plain stream: %zu octets\n", each);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_echo, ""),
		TEST(test_left_octets, "PRS-2"),
		TEST(test_peek, ""),
		TEST(test_has_come, "SMTP-6"),
		TEST(test_pause, "SPL-12"),
		TEST(test_end_with_resume, "SPL-12"),
		TEST(test_freed_in_data, ""),
		TEST(test_input_has_a_bound, ""),
		TEST(test_output_has_a_bound, ""),
		TEST(test_files_in_order, ""),
		TEST(test_file_too_short, ""),
		TEST(test_finish, ""),
		TEST(test_deadline, ""),
		TEST(test_reset_by_peer, ""),
		TEST(test_connect, ""),
		TEST(test_idle_cost, "OPS-2"),
	};

	return RUN_TESTS(tests);
}
