/*
 * line.c - one frame out, one frame in.
 */
#include "io/line.h"

#include "io/channel.h"
#include "os/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum err
line_say(int fd, uint16_t type, struct span payload)
{
	uint32_t n = (uint32_t)payload.n;
	uint8_t head[CHANNEL_HEAD] = { (uint8_t)type, (uint8_t)(type >> 8),
	    (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 24) };
	struct iovec parts[] = {
		{ head, sizeof head },
		{ (void *)(uintptr_t)payload.p, payload.n },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = COUNT(parts) };
	ssize_t sent;

	if (payload.n > LINE_PACKET_MAX - CHANNEL_HEAD)
		return ERR_FULL;
	do {
		sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return ERR_OK;
	return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
}

/* True when there is something to read, or the end. */
static bool
wait_for(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now;
	int n;

	do {
		now = clock_mono_ms();
		if (now >= until_ms)
			return false;
		n = poll(&p, 1, (int)MIN(until_ms - now, (uint64_t)60000));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return true;
}

enum err
line_hear(int fd, uint64_t until_ms, uint8_t packet[LINE_PACKET_MAX],
    uint16_t *type, struct span *payload)
{
	struct span whole;
	ssize_t n;

	do {
		if (!wait_for(fd, until_ms))
			return ERR_AGAIN;
		n = recv(fd, packet, LINE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n <= 0)
		return ERR_CLOSED;
	if ((size_t)n > LINE_PACKET_MAX)
		return ERR_SYNTAX;
	whole = span_of(packet, (size_t)n);
	if (channel_frame_next(&whole, type, payload) != ERR_OK || whole.n > 0)
		return ERR_SYNTAX;
	return ERR_OK;
}
