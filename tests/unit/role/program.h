/*
 * program.h - a role's own program, with its peers played by a test: how it is
 * started, and how it is spoken to.
 */
#ifndef POSTHORSE_TESTS_ROLE_PROGRAM_H
#define POSTHORSE_TESTS_ROLE_PROGRAM_H

#include "check.h"

#include "base/buf.h"
#include "base/pack.h"
#include "io/channel.h"
#include "ipc/ipc.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptor 3 of it is the other end of *control. */
static inline pid_t
program_start(const char *path, int *control)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(channel_pair(ends), ERR_OK);
	*control = ends[0];
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(ends[1], 3) == 3)
			(void)execl(path, path, (char *)NULL);
		_exit(99);
	}
	(void)close(ends[1]);
	return pid;
}

/* Sealed, as the supervisor passes it. */
static inline int
program_config(struct span text)
{
	int fd;

	assert_int_equal(file_memfd("config", &fd), ERR_OK);
	assert_int_equal(file_write_all(fd, text), ERR_OK);
	assert_int_equal(file_seal(fd), ERR_OK);
	return fd;
}

/* One frame a packet, as the channel allows; false: the other end has gone. */
static inline bool
program_say(int to, const struct ipc_type *type, const void *msg, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct buf payload = buf_make(IPC_PAYLOAD_MAX);
	struct buf frame = buf_make(CHANNEL_PACKET_MAX);
	struct pack w = { .to = &frame };
	ssize_t sent;

	assert_int_equal(ipc_encode(type, msg, &payload), ERR_OK);
	pack_u16(&w, type->number);
	pack_octets(&w, buf_span(&payload));
	assert_int_equal(w.error, ERR_OK);

	struct iovec iov = { frame.p, frame.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);

		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	sent = sendmsg(to, &m, MSG_NOSIGNAL);
	assert_true(sent == (ssize_t)frame.n || (sent < 0 &&
	    (errno == EPIPE || errno == ECONNRESET)));
	buf_free(&payload);
	buf_free(&frame);
	return sent > 0;
}

#endif
