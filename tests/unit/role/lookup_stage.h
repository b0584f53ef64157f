/*
 * lookup_stage.h - the lookup program itself, in its sandbox, with a supervisor
 * and a receiver that are played here.  For the tests that include it.
 */
#ifndef POSTHORSE_TESTS_LOOKUP_STAGE_H
#define POSTHORSE_TESTS_LOOKUP_STAGE_H

#include "program.h"

#include "config/config.h"
#include "io/channel.h"
#include "ipc/backend.h"
#include "ipc/control.h"
#include "ipc/login.h"
#include "ipc/lookup.h"
#include "os/file.h"
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS	10000
#define NOBODY		65534u

struct stage {
	char		folder[64];
	const char	*limits;	/* more rows of the configuration */
	const char	*domain;	/* and of its domain; NULL: none */
	pid_t		pid;
	int		control, receiver;
	int		backend;	/* of a domain that has one */
	uint64_t	tag;
	struct span	packet;		/* frames not yet looked at */
	uint8_t		can;		/* as it was said last */
};

static void
send_msg(int to, const struct ipc_type *type, const void *msg, int fd)
{
	assert_true(program_say(to, type, msg, fd));
}

static struct span
receive(int from)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	struct pollfd p = { .fd = from, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	n = recv(from, packet, sizeof packet, MSG_DONTWAIT);
	return span_of(packet, n > 0 ? (size_t)n : 0);
}

/* The next message of that type; LOOKUP_CHANGED may stand before it. */
static void
expect(struct stage *s, const struct ipc_type *type, void *msg)
{
	struct lookup_changed news;

	for (unsigned int i = 0; i < 1000; i++) {
		struct span payload;
		uint16_t number;

		if (s->packet.n == 0)
			s->packet = receive(s->receiver);
		assert_int_equal(channel_frame_next(&s->packet, &number,
		    &payload), ERR_OK);
		if (number == type->number) {
			assert_int_equal(ipc_decode(type, payload, msg),
			    ERR_OK);
			return;
		}
		CHECK_NUM(number, ipc_lookup_changed.number, "what else");
		assert_int_equal(ipc_decode(&ipc_lookup_changed, payload,
		    &news), ERR_OK);
		s->can = news.can;
	}
	fail();
}

/* In place by rename, as `posthorse user` does. */
static void
write_named(const struct stage *s, const char *name, const char *text)
{
	char path[128], fresh[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
	(void)snprintf(fresh, sizeof fresh, "%s/fresh", s->folder);
	f = fopen(fresh, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(fresh, 0644), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void
write_users(const struct stage *s, const char *text)
{
	write_named(s, "users", text);
}

static int
config_text(const struct stage *s)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "hostname mx.example.org\n"
	    "limit sessions-per-address 2\n%s"
	    "domain example.org {\n\tusers file %s/users\n%s"
	    "\tdeliver maildir /mail/{user}\n\tpostmaster bob\n}\n",
	    s->limits, s->folder, s->domain != NULL ? s->domain : "");
	return program_config(span_str(text));
}

static void
pass_backend(struct stage *s)
{
	struct control_channel channel = { .role = IPC_ROLE_BACKEND,
	    .instance = 3 };
	int ends[2];

	assert_int_equal(channel_pair(ends), ERR_OK);
	send_msg(s->control, &ipc_control_channel, &channel, ends[1]);
	(void)close(ends[1]);
	s->backend = ends[0];
}

static void
pass_files(struct stage *s)
{
	struct control_start start = { .role = IPC_ROLE_LOOKUP, .instance = 1,
	    .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct control_channel channel = { .role = IPC_ROLE_RECEIVER,
	    .instance = 2 };
	struct control_file file = { .purpose = SPAN("users:0") };
	struct control_file keys = { .purpose = SPAN("keys:0") };
	struct control_go go = { 0 };
	int fd, receiver[2];

	if (geteuid() == 0)
		start.uid = start.gid = NOBODY;
	fd = config_text(s);
	send_msg(s->control, &ipc_control_start, &start, fd);
	(void)close(fd);
	fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	send_msg(s->control, &ipc_control_file, &file, fd);
	/* The keys of each `oauth` line of the configuration lie there too. */
	if (strstr(s->limits, "oauth") != NULL)
		send_msg(s->control, &ipc_control_file, &keys, fd);
	(void)close(fd);
	assert_int_equal(channel_pair(receiver), ERR_OK);
	send_msg(s->control, &ipc_control_channel, &channel, receiver[1]);
	(void)close(receiver[1]);
	s->receiver = receiver[0];
	if (s->domain != NULL)
		pass_backend(s);
	send_msg(s->control, &ipc_control_go, &go, -1);
}

static void
stage_begin_domain(struct stage *s, const char *users, const char *limits,
    const char *domain)
{
	struct control_ready ready;
	struct span packet, payload;
	uint16_t type;

	*s = (struct stage){ .folder = "/tmp/posthorse-lookup-XXXXXX",
		.limits = limits, .domain = domain, .backend = -1 };
	assert_non_null(mkdtemp(s->folder));
	assert_int_equal(chmod(s->folder, 0755), 0);
	if (users != NULL)
		write_users(s, users);
	s->pid = program_start(LOOKUP_PROGRAM, &s->control);
	pass_files(s);
	packet = receive(s->control);
	assert_int_equal(channel_frame_next(&packet, &type, &payload), ERR_OK);
	CHECK_NUM(type, ipc_control_ready.number, "READY");
	assert_int_equal(ipc_decode(&ipc_control_ready, payload, &ready),
	    ERR_OK);
	CHECK_NUM(ready.sandbox, SANDBOX_NEEDED, "Landlock and seccomp");
}

static inline void
stage_begin_with(struct stage *s, const char *users, const char *limits)
{
	stage_begin_domain(s, users, limits, NULL);
}

static inline void
stage_begin(struct stage *s, const char *users)
{
	stage_begin_with(s, users, "");
}

static void
stage_end(struct stage *s)
{
	char command[128];
	int status;

	(void)close(s->control);
	(void)close(s->receiver);
	if (s->backend >= 0)
		(void)close(s->backend);
	while (waitpid(s->pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	CHECK(WIFEXITED(status), "ended by itself, not by a signal");
	(void)snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
	assert_int_equal(system(command), 0);
}

#endif
