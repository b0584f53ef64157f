/*
 * steer.h - admin and queue or lookup; and, on the control socket, the command line and
 * admin.  Numbers 0x07xx.
 *
 * One question at a time on a control connection: STEER_ASK, then rows, then
 * one STEER_END.  Admin passes what concerns queue and lookup on under a tag of
 * its own.  A row is one JSON object on one line, which --json prints as it is.
 */
#ifndef POSTHORSE_IPC_STEER_H
#define POSTHORSE_IPC_STEER_H

#include "ipc/ipc.h"

enum steer_verb {
	STEER_QUEUE_LIST = 1,
	STEER_QUEUE_SHOW,
	STEER_QUEUE_RETRY,
	STEER_QUEUE_DELETE,
	STEER_QUEUE_HOLD,
	STEER_QUEUE_RELEASE,
	STEER_TRACE,
	STEER_LOG,		/* follow: rows until the client goes */
	STEER_STATUS,
	STEER_STOP,
	STEER_USER_STOPPED,	/* lookup: who was stopped (RLY-6) */
	STEER_USER_LIFT,	/* argument: the user */
	STEER_VERB_COUNT
};
struct steer_ask {
	uint64_t	tag;
	uint8_t		verb;
	struct span	argument;	/* id or pattern, or "" for all; 512 */
	uint32_t	limit;		/* rows at most; 0: all */
};
struct steer_row {
	uint64_t	tag;
	struct span	json;
};
struct steer_end {
	uint64_t	tag;
	uint8_t		is_ok;
	uint64_t	count;		/* messages shown or changed */
	struct span	why;		/* one sentence when not ok */
};
extern const struct ipc_type ipc_steer_ask, ipc_steer_row, ipc_steer_end;

#endif
