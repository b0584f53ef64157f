/*
 * greylist.h - receiver and state: has this triplet waited?  Numbers 0x0bxx.
 * Asked for each recipient that would be taken, so that nothing is learned of
 * one that is not (RLY-7).  Every question carries a tag that the answer repeats.
 */
#ifndef POSTHORSE_IPC_GREYLIST_H
#define POSTHORSE_IPC_GREYLIST_H

#include "ipc/ipc.h"

#define GREYLIST_ADDRESS_MAX	320u

struct greylist_ask {
	uint64_t	tag;
	struct span	client;		/* 4 or 16 octets */
	struct span	sender;		/* reverse-path, "" for null */
	struct span	recipient;	/* local@domain */
};
struct greylist_answer {
	uint64_t	tag;
	uint8_t		word;		/* enum greylist_word, policy/greylist.h */
	uint32_t	wait_s;		/* to wait */
};

extern const struct ipc_type ipc_greylist_ask, ipc_greylist_answer;

#endif
