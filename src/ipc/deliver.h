/*
 * deliver.h - queue and sender, queue and local.  Numbers 0x04xx.
 *
 * A job is a batch for one connection (sender) or some mailboxes (local).  Its
 * description and its contents lie in one sealed memfd:
 *
 *	octets 0 .. description		a list (ipc_list_*) of deliver_message
 *	behind it			the contents, each at its offset:
 *					added fields, then canonical content
 *
 * The worker answers one deliver_result a recipient (in any order) and one
 * deliver_end a job.  What a dead worker did not answer is tried again.
 */
#ifndef POSTHORSE_IPC_DELIVER_H
#define POSTHORSE_IPC_DELIVER_H

#include "ipc/ipc.h"

#define DELIVER_MESSAGES_MAX	64u	/* messages a job */

/* To the worker.  fd: the sealed memfd. */
struct deliver_job {
	uint64_t	job;
	uint32_t	description;	/* octets of it at the memfd's start */
	uint32_t	relay;		/* sender: row of config->relays + 1, or 0:
					 * the hosts below were found in DNS */
	struct span	site;		/* connections of one site are reused */
	struct span	hosts;		/* sender: list of resolve_host, in the order
					 * to be tried; empty for local */
};
struct deliver_message {
	struct msg_id	id;
	struct span	reverse_path;	/* "" is the null reverse-path */
	uint64_t	offset;		/* in the memfd */
	uint64_t	size;		/* octets */
	uint8_t		flags;		/* DELIVER_* */
	uint16_t	envelope;	/* ENVELOPE_* of mail/envelope.h */
	struct span	envid;		/* xtext, as all of these are there */
	struct span	auth;
	uint8_t		priority;	/* 9 more than it is */
	uint8_t		by_mode;
	uint64_t	by_ms;		/* wall clock, or 0 */
	struct span	recipients;	/* list of deliver_recipient */
};
#define DELIVER_8BIT	0x01	/* octets above 127: wants 8BITMIME */
#define DELIVER_DOT	0x02	/* a line begins with a dot */
struct deliver_recipient {
	uint32_t	slot;		/* in the message's envelope */
	struct span	address;	/* forward-path without brackets */
	struct span	domain;		/* local: of the configuration */
	struct span	key;		/* local: of the users table */
	uint8_t		notify;		/* ENVELOPE_NEVER ... */
	struct span	orcpt;
};

enum deliver_fate {
	DELIVER_DONE,
	DELIVER_RETRY,		/* 4xx, or our own trouble */
	DELIVER_FAILED,		/* 5xx: never */
	DELIVER_FATE_COUNT
};
struct deliver_result {
	uint64_t	job;
	struct msg_id	id;
	uint32_t	slot;
	uint8_t		fate;
	uint8_t		passed;		/* DELIVER_PASSED_*: whose care it is */
	uint16_t	code;		/* the remote's reply code, or 0 */
	struct span	status;		/* enhanced status "5.1.1"; ours if it had none */
	struct span	remote;		/* host name and address, or mailbox */
	struct span	text;		/* the remote's words as they came, 1024 */
	struct span	tls;		/* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "" */
};
/* The next server has taken over what was asked for: */
#define DELIVER_PASSED_DSN	0x01	/* success to be told (RFC 3461) */
#define DELIVER_PASSED_BY	0x02	/* a time of delivery (RFC 2852) */
/* From the worker: this job is over, every slot answered. */
struct deliver_end {
	uint64_t	job;
	uint8_t		is_site_bad;	/* no host of the site could be used */
	uint8_t		is_kept;	/* a connection is kept for reuse */
};
/* From the sender: it closed that site's last kept connection. */
struct deliver_closed {
	struct span	site;
};

extern const struct ipc_type ipc_deliver_job, ipc_deliver_message,
    ipc_deliver_recipient, ipc_deliver_result, ipc_deliver_end,
    ipc_deliver_closed;

#endif
