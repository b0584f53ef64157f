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
	STEER_QUEUE_BOUNCE,
	STEER_TRACE,
	STEER_LOG,		/* follow: rows until the client goes */
	STEER_STATUS,
	STEER_STOP,
	STEER_USER_STOPPED,	/* lookup: who was stopped (RLY-6) */
	STEER_USER_LIFT,	/* argument: the user */
	STEER_VERB_COUNT
};
/* How a message stands that is not delivered yet. */
enum steer_state {
	STEER_STATE_ANY,
	STEER_STATE_RUNNING,	/* a worker has it, or a notice is made of it */
	STEER_STATE_READY,	/* due: it waits for a place */
	STEER_STATE_DEFERRED,	/* for its next try */
	STEER_STATE_LATER,	/* for the time that its sender set (RFC 4865) */
	STEER_STATE_HELD,
	STEER_STATE_COUNT
};
/* With a filter, or an id as argument, the queue's verbs are of those alone. */
struct steer_ask {
	uint64_t	tag;
	uint8_t		verb;
	struct span	argument;	/* id or pattern, or "" for all; 512 */
	uint32_t	limit;		/* rows at most; 0: all */
	uint8_t		is_dry;		/* count them, change nothing */
	uint8_t		is_all;		/* an order meant for all that fit */
	/* Each is none when it is "" or 0.  Addresses: whole, "@domain" or, of a
	 * sender, "<>". */
	struct span	sender, recipient;
	struct span	domain;		/* as a row's, "local" for mailboxes */
	struct span	host;		/* of the site */
	struct span	label;		/* a tag of rules */
	uint8_t		state;		/* enum steer_state */
	uint64_t	older_ms, larger;	/* than that; ms, octets */
};
#define STEER_WORD_MAX	320u
struct steer_row {
	uint64_t	tag;
	struct span	json;
};
struct steer_end {
	uint64_t	tag;
	uint8_t		is_ok;
	uint64_t	count;		/* messages shown or changed */
	uint64_t	busy;		/* left alone: they are being delivered */
	struct span	why;		/* one sentence when not ok */
};
extern const struct ipc_type ipc_steer_ask, ipc_steer_row, ipc_steer_end;

#endif
