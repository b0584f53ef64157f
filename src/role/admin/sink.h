/*
 * sink.h - lines into a descriptor that may stand still (LOG-3).
 *
 * A thread of its own writes; what it has not taken waits up to SINK_WAITING
 * octets, what comes on top is dropped and counted.  The loop never waits.
 */
#ifndef POSTHORSE_ROLE_ADMIN_SINK_H
#define POSTHORSE_ROLE_ADMIN_SINK_H

#include "base/buf.h"
#include "io/worker.h"

#define SINK_WAITING	(1024u * 1024)	/* octets */

struct sink;
/* Makes its thread.  No descriptor yet: lines wait. */
MUST_USE enum err sink_new(struct loop *loop, struct sink **s);
/* Write there from now on; the descriptor is taken over, the old one closed. */
void sink_use(struct sink *s, int fd);
/*
 * From now on each line is a datagram of its own, without its newline: the
 * descriptors are sockets of the system's logger.
 */
void sink_cut_lines(struct sink *s);
/* A whole line, its newline included. */
void sink_add(struct sink *s, struct span line);
/* Hand what waits to the thread when it is free: at the end of a turn. */
void sink_flush(struct sink *s);
bool sink_is_idle(const struct sink *s);
/* Lines lost since last asked. */
uint64_t sink_take_dropped(struct sink *s);
/* Waits for what the thread writes. */
void sink_free(struct sink *s);

#endif
