/*
 * listener.c - taking connections, and running out of descriptors.
 */
#include "rig.h"

#include "io/listener.h"
#include "io/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS	100u

struct door {
	struct rig		 rig;
	struct listener		*l;
	uint16_t		 port;
	int			 family;
	int			 taken[2 * CLIENTS];
	unsigned int		 ntaken, starved, nturned;
	struct listener_peer	 peer;
	unsigned int		 turns, most_a_turn, this_turn;
	bool			 frees, keeps;
};

static void
on_accepted(void *ctx, int fd, const struct listener_peer *peer)
{
	struct door *d = ctx;

	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK, "non-blocking");
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	d->taken[d->ntaken++] = fd;
	d->peer = *peer;
	d->this_turn++;
	if (d->frees) {
		listener_free(d->l);
		d->l = NULL;
	}
}

static void
on_starved(void *ctx, int fd, int error)
{
	struct door *d = ctx;

	CHECK_NUM(error, EMFILE, "why");
	d->starved++;
	if (fd >= 0 && send(fd, "full", 4, MSG_NOSIGNAL) == 4)
		d->nturned++;
	if (fd >= 0)
		(void)close(fd);
}

static const struct listener_ops ops = { on_accepted, on_starved };

static void
on_turn(void *ctx)
{
	struct door *d = ctx;

	d->turns++;
	d->most_a_turn = MAX(d->most_a_turn, d->this_turn);
	d->this_turn = 0;
}

static void
door_open(struct door *d, int family)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct listener_peer own;

	*d = (struct door){ .family = family };
	rig_begin(&d->rig);
	assert_true(fd >= 0);
	if (family == AF_INET)
		assert_int_equal(bind(fd, (struct sockaddr *)&a4, sizeof a4),
		    0);
	else
		assert_int_equal(bind(fd, (struct sockaddr *)&a6, sizeof a6),
		    0);
	assert_int_equal(listen(fd, 2 * CLIENTS), 0);
	assert_int_equal(listener_local_of(fd, &own), ERR_OK);
	d->port = own.port;
	assert_int_equal(listener_new(d->rig.loop, fd, &ops, d, &d->l), ERR_OK);
}

static void
door_shut(struct door *d)
{
	for (unsigned int i = 0; i < d->ntaken; i++)
		(void)close(d->taken[i]);
	listener_free(d->l);
	rig_end(&d->rig);
}

static int
knock(const struct door *d)
{
	int fd;

	assert_int_equal(dial_tcp(SPAN("\177\0\0\1"), d->port, &fd), ERR_OK);
	return fd;
}

static void
test_peer(void **state UNUSED)
{
	struct listener_peer own;
	struct door d;
	int fd;

	door_open(&d, AF_INET);
	fd = knock(&d);
	rig_run_ms(&d.rig, 20);
	assert_int_equal(listener_local_of(fd, &own), ERR_OK);
	CHECK_NUM(d.ntaken, 1, "taken");
	CHECK_NUM(d.peer.naddress, 4, "IPv4");
	assert_memory_equal(d.peer.address, "\177\0\0\1", 4);
	CHECK_NUM(d.peer.port, own.port, "port");
	(void)close(fd);
	door_shut(&d);
}

/* A dual-stack socket shows an IPv4 peer as ::ffff:127.0.0.1; we do not. */
static void
test_mapped_peer(void **state UNUSED)
{
	struct listener_peer own;
	struct door d;
	int fd;

	if (access("/proc/net/if_inet6", R_OK) != 0)
		skip();
	door_open(&d, AF_INET6);
	fd = knock(&d);
	rig_run_ms(&d.rig, 20);
	CHECK_NUM(d.ntaken, 1, "taken");
	CHECK_NUM(d.peer.naddress, 4, "IPv4");
	assert_memory_equal(d.peer.address, "\177\0\0\1", 4);
	assert_int_equal(listener_local_of(d.taken[0], &own), ERR_OK);
	CHECK_NUM(own.naddress, 4, "our end, too");
	(void)close(fd);
	door_shut(&d);
}

static void
test_burst_is_bounded(void **state UNUSED)
{
	int fds[CLIENTS];
	struct loop_turn *turn;
	struct door d;

	door_open(&d, AF_INET);
	assert_int_equal(loop_turn_new(d.rig.loop, on_turn, &d, &turn),
	    ERR_OK);
	for (unsigned int i = 0; i < CLIENTS; i++)
		fds[i] = knock(&d);
	rig_run_ms(&d.rig, 50);
	CHECK_NUM(d.ntaken, CLIENTS, "all were taken");
	CHECK(d.most_a_turn <= LISTENER_BURST, "%u a turn", d.most_a_turn);
	for (unsigned int i = 0; i < CLIENTS; i++)
		(void)close(fds[i]);
	loop_turn_free(turn);
	door_shut(&d);
}

static void
test_freed_in_callback(void **state UNUSED)
{
	struct door d;
	int a, b;

	door_open(&d, AF_INET);
	d.frees = true;
	a = knock(&d);
	b = knock(&d);
	rig_run_ms(&d.rig, 20);
	CHECK_NUM(d.ntaken, 1, "no call after free");
	(void)close(a);
	(void)close(b);
	door_shut(&d);
}

static void
test_pause(void **state UNUSED)
{
	struct door d;
	int fd;

	door_open(&d, AF_INET);
	listener_pause(d.l);
	fd = knock(&d);
	rig_run_ms(&d.rig, 20);
	CHECK_NUM(d.ntaken, 0, "waits in the backlog");
	listener_resume(d.l);
	rig_run_ms(&d.rig, 20);
	CHECK_NUM(d.ntaken, 1, "taken");
	(void)close(fd);
	door_shut(&d);
}

/* Leave `spare` descriptors; returns the limit that was. */
static struct rlimit
descriptors_limit(unsigned int spare)
{
	struct rlimit was, now;
	int highest = dup(0);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	(void)close(highest);
	now = was;
	now.rlim_cur = (rlim_t)highest + spare;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return was;
}

static void
test_out_of_descriptors(void **state UNUSED)
{
	struct loop_turn *turn;
	struct rlimit was;
	struct door d;
	int fds[12];

	door_open(&d, AF_INET);
	assert_int_equal(loop_turn_new(d.rig.loop, on_turn, &d, &turn),
	    ERR_OK);
	for (unsigned int i = 0; i < COUNT(fds); i++)
		fds[i] = knock(&d);
	was = descriptors_limit(4);
	rig_run_ms(&d.rig, LISTENER_REST_MS * 3);
	CHECK_NUM(d.ntaken, 4, "as many as there was room for");
	CHECK(d.starved >= 2 && d.starved <= 4, "%u", d.starved);
	/* Awake some times a rest, not thousands of times. */
	CHECK(d.turns < 100, "no busy loop: %u turns", d.turns);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	rig_run_ms(&d.rig, LISTENER_REST_MS * 2);
	/* Each starvation has turned one away at once, with a word. */
	CHECK_NUM(d.ntaken + d.starved, COUNT(fds), "the rest was taken");
	CHECK_NUM(d.nturned, d.starved, "turned away");
	for (unsigned int i = 0; i < COUNT(fds); i++)
		(void)close(fds[i]);
	loop_turn_free(turn);
	door_shut(&d);
}

static void
test_unix_peer(void **state UNUSED)
{
	struct listener_peer peer;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(listener_peer_of(fds[0], &peer), ERR_OK);
	CHECK_NUM(peer.naddress, 0, "no address");
	CHECK_NUM(peer.uid, getuid(), "user");
	CHECK_NUM(peer.pid, getpid(), "process");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_peer, ""),
		TEST(test_mapped_peer, "SMTP-12"),
		TEST(test_burst_is_bounded, ""),
		TEST(test_freed_in_callback, ""),
		TEST(test_pause, ""),
		TEST(test_out_of_descriptors, "OPS-3"),
		TEST(test_unix_peer, ""),
	};

	return RUN_TESTS(tests);
}
