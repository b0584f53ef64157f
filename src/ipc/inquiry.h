/*
 * inquiry.h - receiver and resolver: what the DNS says of a client.  Numbers
 * 0x0axx.
 * Asked when a client connects (policy/check.h), and at MAIL.  Every question carries a tag
 * that the answer repeats.  Names have been checked as host names (DNS-2).
 */
#ifndef POSTHORSE_IPC_INQUIRY_H
#define POSTHORSE_IPC_INQUIRY_H

#include "ipc/ipc.h"

#define INQUIRY_REPLIES_MAX	16u	/* addresses of a list's reply */

struct inquiry_reverse {	/* question: is there a name that leads back? */
	uint64_t	tag;
	struct span	client;		/* 4 or 16 octets */
};
enum inquiry_found {
	INQUIRY_PASS,		/* name has the client's address */
	INQUIRY_NONE,		/* no PTR record, or none that is a host name */
	INQUIRY_MISMATCH,	/* name has other addresses, or none */
	INQUIRY_LATER,		/* the DNS could not say (DNS-4) */
	INQUIRY_FOUND_COUNT
};
struct inquiry_reverse_answer {
	uint64_t	tag;
	uint8_t		found;		/* enum inquiry_found */
	struct span	name;		/* PASS, MISMATCH */
};
struct inquiry_list {		/* question: which addresses has it? */
	uint64_t	tag;
	struct span	name;		/* "1.2.0.192.zen.example" */
};
struct inquiry_list_answer {
	uint64_t	tag;
	uint8_t		found;		/* PASS, NONE or LATER */
	struct span	replies;	/* PASS: A records, 4 octets each */
};
struct inquiry_sender {		/* question: does it take mail at all? */
	uint64_t	tag;
	struct span	domain;		/* of a reverse-path; a host name */
};
struct inquiry_sender_answer {
	uint64_t	tag;
	uint8_t		found;		/* PASS, NONE: a null MX; or LATER */
};

extern const struct ipc_type ipc_inquiry_sender, ipc_inquiry_sender_answer;
extern const struct ipc_type ipc_inquiry_reverse, ipc_inquiry_reverse_answer,
    ipc_inquiry_list, ipc_inquiry_list_answer;

#endif
