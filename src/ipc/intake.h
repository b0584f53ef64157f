/*
 * intake.h - receiver and queue.  Numbers 0x03xx.
 *
 * The queue hands out write-only files; the receiver fills them and says from
 * time to time how far they are durable.  ACCEPTED is cumulative: a lost one
 * is mended by the next, and a new queue gets them all again unasked.
 */
#ifndef POSTHORSE_IPC_INTAKE_H
#define POSTHORSE_IPC_INTAKE_H

#include "ipc/ipc.h"

/* To the receiver.  fd: O_WRONLY. */
struct intake_segment {
	uint64_t	segment;	/* number of the file */
	uint64_t	generation;
	uint64_t	offset;		/* first octet to write */
	uint64_t	size;		/* octets in all */
};
/* To the receiver.  fd: O_WRONLY|O_APPEND, empty, its name durable. */
struct intake_large {
	uint64_t	large;
};
/*
 * From the receiver, once on each new channel, behind ACCEPTED for all that it
 * holds: how much that is.  The queue hands out nothing before; a queue that
 * was replaced knows by it that nothing else is being written.
 */
struct intake_announced {
	uint8_t		segments;
	uint8_t		large;		/* empty large files */
};
/* From the receiver: durable up to here. */
struct intake_accepted {
	uint64_t	segment;
	uint64_t	generation;
	uint64_t	durable;	/* octet just past the last record */
};
/* From the receiver: nothing more will be written there. */
struct intake_sealed {
	uint64_t	segment;
	uint64_t	generation;
	uint64_t	durable;
	uint8_t		is_poisoned;	/* a sync failed */
};
/* From the receiver: this large file was taken, or spoilt and not used. */
struct intake_large_used {
	uint64_t	large;
	uint8_t		is_spoilt;
};
/* From the receiver: what waits for this domain is to be tried now (ETRN). */
struct intake_turn {
	struct span	node;		/* domain, or "@" and one; 256 */
};
/* From the receiver: may so much more of this user's wait for its release? */
struct intake_release {
	uint64_t	tag;
	uint64_t	octets;		/* of the message, as far as known */
	struct span	user;		/* or who it is on this host; 256 */
};
struct intake_release_answer {
	uint64_t	tag;
	uint8_t		is_allowed;
};
/* To all receivers, on change: how mail is taken (section 19, free disk). */
enum intake_mode {
	INTAKE_OPEN,
	INTAKE_NO_NEW,		/* 452 4.3.1 at MAIL */
	INTAKE_NONE,		/* and at the end of content */
	INTAKE_MODE_COUNT
};
/* And how much of our memory is in use (section 19, memory). */
enum intake_memory {
	INTAKE_MEMORY_EASY,
	INTAKE_MEMORY_SHED,	/* 421 to new sessions of strangers */
	INTAKE_MEMORY_HARD,	/* to all new sessions, and 452 at MAIL */
	INTAKE_MEMORY_COUNT
};
struct intake_state {
	uint8_t		mode;
	uint8_t		memory;
};

extern const struct ipc_type ipc_intake_segment, ipc_intake_large,
    ipc_intake_accepted, ipc_intake_sealed, ipc_intake_large_used, ipc_intake_turn,
    ipc_intake_state, ipc_intake_announced, ipc_intake_release,
    ipc_intake_release_answer;

#endif
