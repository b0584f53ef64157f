/*
 * line.h - questions over one end of a channel's socket pair, in a thread that
 * may wait for the answer.
 *
 * The peer has an ordinary channel (io/channel.h).  One frame a packet, no
 * descriptors.
 */
#ifndef POSTHORSE_IO_LINE_H
#define POSTHORSE_IO_LINE_H

#include "base/span.h"

#define LINE_PACKET_MAX	(8u * 1024)	/* octets */

/*
 * Never waits.  ERR_AGAIN: the peer does not read; ERR_CLOSED: it has gone;
 * ERR_FULL: payload is too long.
 */
MUST_USE enum err line_say(int fd, uint16_t type, struct span payload);
/*
 * The next frame, or ERR_AGAIN when clock_mono_ms() has passed until_ms.
 * ERR_CLOSED; ERR_SYNTAX: no frame of ours.  payload is in packet.
 */
MUST_USE enum err line_hear(int fd, uint64_t until_ms,
    uint8_t packet[LINE_PACKET_MAX], uint16_t *type, struct span *payload);

#endif
