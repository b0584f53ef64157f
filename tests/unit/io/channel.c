/*
 * channel.c - frames, descriptors, and peers that mean no good.
 */
#include "rig.h"

#include "base/buf.h"
#include "base/pack.h"
#include "io/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY	65534u

struct end {
	struct channel	*c;
	unsigned int	 frames, closed, nfds;
	uint16_t	 last_type;
	char		 text[256];
	bool		 refuses, frees;
};
struct pair {
	struct rig	 rig;
	int		 fds[2];
	struct end	 a, b;
};

static bool
on_frame(void *ctx, struct channel *c, uint16_t type, struct span payload,
    const int *fds, unsigned int nfds)
{
	struct end *e = ctx;
	size_t at = strlen(e->text);

	e->frames++;
	e->last_type = type;
	if (payload.n < 32)
		(void)snprintf(e->text + at, sizeof e->text - at, "%u:%.*s|",
		    (unsigned int)type, SPAN_FMT(payload));
	if (e->refuses)
		return false;
	for (unsigned int i = 0; i < nfds; i++) {
		CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, "close-on-exec");
		(void)close(fds[i]);
	}
	e->nfds += nfds;
	if (e->frees) {
		channel_free(c);
		e->c = NULL;
	}
	return true;
}

static void
on_closed(void *ctx, struct channel *c)
{
	struct end *e = ctx;

	e->closed++;
	channel_free(c);
	e->c = NULL;
}

static const struct channel_ops ops = { on_frame, on_closed };

static void
pair_begin(struct pair *p, bool is_lossy)
{
	*p = (struct pair){ 0 };
	rig_begin(&p->rig);
	assert_int_equal(channel_pair(p->fds), ERR_OK);
	assert_int_equal(channel_new(p->rig.loop, p->fds[0], is_lossy, &ops,
	    &p->a, &p->a.c), ERR_OK);
}

/* The other end a channel, too. */
static void
pair_join(struct pair *p)
{
	assert_int_equal(channel_new(p->rig.loop, p->fds[1], false, &ops,
	    &p->b, &p->b.c), ERR_OK);
	p->fds[1] = -1;
}

static void
pair_end(struct pair *p)
{
	channel_free(p->a.c);
	channel_free(p->b.c);
	if (p->fds[1] >= 0)
		(void)close(p->fds[1]);
	rig_end(&p->rig);
}

static unsigned int
fds_open(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
test_frames_in_order(void **state UNUSED)
{
	struct pair p;
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned int before;

	pair_begin(&p, false);
	pair_join(&p);
	before = fds_open();
	assert_int_equal(channel_send(p.a.c, 1, SPAN("one"), NULL, 0), ERR_OK);
	assert_int_equal(channel_send(p.a.c, 2, SPAN("two"), &fd, 1), ERR_OK);
	assert_int_equal(channel_send(p.a.c, 3, SPAN(""), NULL, 0), ERR_OK);
	rig_run_ms(&p.rig, 5);
	CHECK_STR(p.b.text, "1:one|2:two|3:|", "order");
	CHECK_NUM(p.b.nfds, 1, "descriptor");
	CHECK_NUM(fds_open(), before, "none leaked");
	(void)close(fd);
	pair_end(&p);
}

static void
test_one_packet_a_turn(void **state UNUSED)
{
	char packet[256];
	struct pair p;

	pair_begin(&p, false);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(channel_send(p.a.c, 7, SPAN("x"), NULL, 0),
		    ERR_OK);
	rig_run_ms(&p.rig, 2);
	CHECK_NUM(recv(p.fds[1], packet, sizeof packet, MSG_DONTWAIT), 70,
	    "ten frames, one packet");
	CHECK_NUM(recv(p.fds[1], packet, sizeof packet, MSG_DONTWAIT), -1,
	    "and no other");
	pair_end(&p);
}

static void
test_freed_in_frame(void **state UNUSED)
{
	struct pair p;

	pair_begin(&p, false);
	pair_join(&p);
	p.b.frees = true;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(channel_send(p.a.c, 1, SPAN("x"), NULL, 0),
		    ERR_OK);
	rig_run_ms(&p.rig, 5);
	CHECK_NUM(p.b.frames, 1, "nothing after it was freed");
	CHECK_NUM(p.a.closed, 1, "the other end knows");
	CHECK_NUM(p.b.closed, 0, "no call after free");
	pair_end(&p);
}

static void
test_refused_frame(void **state UNUSED)
{
	struct pair p;
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned int before;

	pair_begin(&p, false);
	pair_join(&p);
	before = fds_open();
	p.b.refuses = true;
	assert_int_equal(channel_send(p.a.c, 1, SPAN("x"), &fd, 1), ERR_OK);
	rig_run_ms(&p.rig, 5);
	CHECK_NUM(p.b.closed, 1, "cut off");
	CHECK_NUM(p.a.closed, 1, "the other end knows");
	CHECK_NUM(fds_open(), before - 2, "the frame's descriptor is closed");
	(void)close(fd);
	pair_end(&p);
}

/* What a stranger with a socket may send. */
static const struct {
	const char	*name;
	struct span	 packet;
	unsigned int	 nfds, frames;
	bool		 is_over;
} hostile[] = {
	{ "good", SPAN("\1\0\2\0\0\0ab"), 0, 1, false },
	{ "two good", SPAN("\1\0\0\0\0\0\2\0\1\0\0\0a"), 0, 2, false },
	{ "type 0", SPAN("\0\0\0\0\0\0"), 0, 0, true },
	{ "good, then type 0", SPAN("\1\0\0\0\0\0\0\0\0\0\0\0"), 0, 1, true },
	{ "head cut", SPAN("\1\0\0\0\0"), 0, 0, true },
	{ "payload cut", SPAN("\1\0\3\0\0\0ab"), 0, 0, true },
	{ "trailing octet", SPAN("\1\0\1\0\0\0ab"), 0, 1, true },
	{ "huge length", SPAN("\1\0\377\377\377\377ab"), 0, 0, true },
	{ "descriptor", SPAN("\1\0\0\0\0\0"), 1, 1, false },
	{ "descriptor, two frames", SPAN("\1\0\0\0\0\0\2\0\0\0\0\0"), 1, 0,
	    true },
	{ "too many descriptors", SPAN("\1\0\0\0\0\0"), 9, 0, true },
};

static void
raw_send(int to, struct span packet, unsigned int nfds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))];
	struct iovec iov = { (void *)(uintptr_t)packet.p, packet.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[16];

	for (unsigned int i = 0; i < nfds; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	if (nfds > 0) {
		memset(control, 0, sizeof control);
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);

		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(to, &m, 0), (ssize_t)packet.n);
	for (unsigned int i = 0; i < nfds; i++)
		(void)close(fds[i]);
}

static void
test_hostile_packets(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct pair p;
		unsigned int before;

		pair_begin(&p, false);
		before = fds_open();
		raw_send(p.fds[1], hostile[i].packet, hostile[i].nfds);
		rig_run_ms(&p.rig, 2);
		CHECK_NUM(p.a.frames, hostile[i].frames, "%s",
		    hostile[i].name);
		CHECK_NUM(p.a.closed, hostile[i].is_over, "%s",
		    hostile[i].name);
		CHECK_NUM(fds_open(), before - hostile[i].is_over,
		    "%s: descriptors", hostile[i].name);
		pair_end(&p);
	}
}

/* PRS-6: cut a valid packet at every octet, and lengthen it. */
static void
test_frame_cut_anywhere(void **state UNUSED)
{
	static const uint8_t good[] = "\1\2\3\0\0\0abc"
	    "\4\0\0\0\0\0\5\0\1\0\0\0z";
	size_t n = sizeof good - 1;

	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *exact = malloc(cut + 1);
		bool is_edge = cut == 0 || cut == 9 || cut == 15 || cut == 22;
		struct span in, payload;
		uint16_t type;
		enum err e;

		memcpy(exact, good, cut);
		in = span_of(exact, cut);
		while ((e = channel_frame_next(&in, &type, &payload)) ==
		    ERR_OK)
			CHECK(type != 0, "cut at %zu", cut);
		CHECK_NUM(e, is_edge ? ERR_NONE : ERR_SYNTAX, "cut at %zu",
		    cut);
		free(exact);
	}
}

static void
test_slow_peer_has_a_bound(void **state UNUSED)
{
	static uint8_t block[60000];
	struct pair p;
	size_t sent = 0;
	enum err e;

	pair_begin(&p, false);
	while ((e = channel_send(p.a.c, 1, span_of(block, sizeof block), NULL,
	    0)) == ERR_OK) {
		sent += sizeof block;
		CHECK(sent <= CHANNEL_BACKLOG_MAX, "bounded");
	}
	CHECK_NUM(e, ERR_FULL, "at the bound");
	rig_run_ms(&p.rig, 2);
	pair_join(&p);
	p.fds[1] = -1;
	rig_run_ms(&p.rig, 50);
	CHECK_NUM(p.b.frames, sent / sizeof block, "all came at last");
	assert_int_equal(channel_send(p.a.c, 1, SPAN("more"), NULL, 0), ERR_OK);
	pair_end(&p);
}

static void
test_lossy_drops_and_counts(void **state UNUSED)
{
	static uint8_t block[30000];
	struct pair p;
	uint64_t dropped = 0;
	unsigned int sent = 0;

	pair_begin(&p, true);
	while (dropped == 0 && sent < 10000) {
		for (unsigned int i = 0; i < 3; i++, sent++)
			assert_int_equal(channel_send(p.a.c, 1,
			    span_of(block, sizeof block), NULL, 0), ERR_OK);
		channel_flush(p.a.c);
		dropped = channel_take_dropped(p.a.c);
	}
	CHECK(dropped > 0, "full at last");
	CHECK_NUM(channel_take_dropped(p.a.c), 0, "taken");
	pair_join(&p);
	rig_run_ms(&p.rig, 50);
	CHECK_NUM(p.b.frames + dropped, sent, "each came or was counted");
	pair_end(&p);
}

/*
 * Descriptors under way count by user, whoever has sent them: ours wait until
 * others have arrived.  In a process that has no rights beyond the limit.
 */
static void
wait_for_others(void)
{
	struct rlimit few = { 40, 40 };
	int others[2], fd = eventfd(0, EFD_CLOEXEC);
	struct pair p;

	if (geteuid() == 0)
		assert_int_equal(setresuid(NOBODY, NOBODY, NOBODY), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	pair_begin(&p, false);
	pair_join(&p);
	assert_int_equal(channel_pair(others), ERR_OK);
	for (unsigned int i = 0; i < 6; i++)
		raw_send(others[0], SPAN("x"), 8);
	assert_int_equal(channel_send(p.a.c, 1, SPAN("x"), &fd, 1), ERR_OK);
	assert_int_equal(channel_send(p.a.c, 2, SPAN("y"), NULL, 0), ERR_OK);
	rig_run_ms(&p.rig, 30);
	CHECK_NUM(p.b.frames, 0, "they wait");
	CHECK_NUM(p.a.closed, 0, "and it goes on");
	(void)close(others[1]);
	for (unsigned int i = 0; i < 100 && p.b.frames < 2; i++)
		rig_run_ms(&p.rig, 20);
	CHECK_STR(p.b.text, "1:x|2:y|", "in order");
	CHECK_NUM(p.b.nfds, 1, "descriptor");
	(void)close(others[0]);
	pair_end(&p);
}

static void
test_descriptors_under_way(void **state UNUSED)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		wait_for_others();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	CHECK_NUM(status, 0, "see above");
}

static void
test_peer_gone(void **state UNUSED)
{
	struct pair p;

	pair_begin(&p, false);
	(void)close(p.fds[1]);
	p.fds[1] = -1;
	assert_int_equal(channel_send(p.a.c, 1, SPAN("x"), NULL, 0), ERR_OK);
	CHECK_NUM(p.a.closed, 0, "never inside the call");
	rig_run_ms(&p.rig, 2);
	CHECK_NUM(p.a.closed, 1, "once");
	pair_end(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_frames_in_order, ""),
		TEST(test_one_packet_a_turn, ""),
		TEST(test_freed_in_frame, ""),
		TEST(test_refused_frame, "PRV-4"),
		TEST(test_hostile_packets, "PRV-4 PRS-6"),
		TEST(test_frame_cut_anywhere, "PRS-6"),
		TEST(test_slow_peer_has_a_bound, ""),
		TEST(test_lossy_drops_and_counts, "LOG-3"),
		TEST(test_descriptors_under_way, "OPS-3"),
		TEST(test_peer_gone, "PRV-4"),
	};

	return RUN_TESTS(tests);
}
