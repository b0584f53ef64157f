/*
 * channel.h - frames and descriptors between two of our processes.
 *
 * A SOCK_SEQPACKET socket pair.  A packet is 1.. frames {u16 type, u32 length,
 * payload}, so that one system call a turn carries many messages: what is sent
 * in a turn leaves at its end (or at channel_flush).  A frame with descriptors
 * leaves in a packet of its own, in order.
 *
 * A packet that is cut short, has a bad length, type 0, a count of descriptors
 * that the type does not have, or a frame that the handler refuses, ends the
 * channel: closed is called, the process goes on (PRV-4).
 */
#ifndef POSTHORSE_IO_CHANNEL_H
#define POSTHORSE_IO_CHANNEL_H

#include "io/loop.h"
#include "base/span.h"

#define CHANNEL_PACKET_MAX	(64u * 1024)
#define CHANNEL_FDS_MAX		4u
/* Octets that may wait for a slow peer; then channel_send says ERR_FULL. */
#define CHANNEL_BACKLOG_MAX	(4u * 1024 * 1024)

/*
 * Two ends, with kernel buffers large enough for whole packets; close-on-exec,
 * blocking until a channel takes them.
 */
MUST_USE enum err channel_pair(int fds[2]);

struct channel;
struct channel_ops {
	/*
	 * One frame.  fds are ours from now on: the handler closes or keeps
	 * them (on refusal the channel closes them).  False: refuse the peer.
	 */
	bool (*frame)(void *ctx, struct channel *c, uint16_t type,
	    struct span payload, const int *fds, unsigned int nfds);
	/* The peer has gone or was refused.  Free the channel here or later. */
	void (*closed)(void *ctx, struct channel *c);
};
/*
 * Takes fd over, but not on failure.  is_lossy: when full, frames are dropped
 * and counted.
 */
MUST_USE enum err channel_new(struct loop *loop, int fd, bool is_lossy,
    const struct channel_ops *ops, void *ctx, struct channel **c);
void channel_free(struct channel *c);
/* The peer has gone or was refused; closed() follows. */
bool channel_is_over(const struct channel *c);
/* It is over for what the peer sent, not because it has gone. */
bool channel_is_broken(const struct channel *c);
/* fds are duplicated by the kernel: the caller still closes its own. */
MUST_USE enum err channel_send(struct channel *c, uint16_t type,
    struct span payload, const int *fds, unsigned int nfds);
void channel_flush(struct channel *c);
/* Octets that wait for the peer. */
size_t channel_backlog(const struct channel *c);
/* Frames dropped since last asked (lossy). */
uint64_t channel_take_dropped(struct channel *c);

/*
 * Cut the first frame off *packet.  ERR_NONE: the packet was empty;
 * ERR_SYNTAX: short, overlong, or type 0.  Pure.
 */
#define CHANNEL_HEAD	6u	/* octets of type and length */
MUST_USE enum err channel_frame_next(struct span *packet, uint16_t *type,
    struct span *payload);

#endif
