/*
 * event.h - any role to admin: what happened.  Numbers 0x06xx.
 * Lost when the channel is full, and counted (LOG-3): mail never waits for it.
 */
#ifndef POSTHORSE_IPC_EVENT_H
#define POSTHORSE_IPC_EVENT_H

#include "ipc/ipc.h"

struct event_line {
	uint64_t	wall_ms;
	uint8_t		level;		/* enum log_level */
	struct span	text;		/* as base/log.h made it */
};
struct event_dropped {
	uint64_t	lines;		/* since the last such message */
};
extern const struct ipc_type ipc_event_line, ipc_event_dropped;

#endif
