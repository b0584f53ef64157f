/*
 * lookup.h - questions about users and domains.  Numbers 0x02xx.
 * Asked by receivers (RCPT, AUTH, session counters) and by the queue (the
 * recipient of a bounce).  Every question carries a tag that the answer
 * repeats; an answer with an unknown tag is dropped.
 */
#ifndef POSTHORSE_IPC_LOOKUP_H
#define POSTHORSE_IPC_LOOKUP_H

#include "ipc/ipc.h"

enum lookup_route {
	LOOKUP_UNKNOWN,		/* our domain, no such user: 550 5.1.1 */
	LOOKUP_LOCAL,		/* into the mailbox of key */
	LOOKUP_REMOTE,		/* not one of our domains */
	LOOKUP_TEMPFAIL,	/* the table cannot be read now: 451 */
	LOOKUP_ROUTE_COUNT
};
struct lookup_rcpt {		/* question */
	uint64_t	tag;
	struct span	address;	/* local@domain, no brackets; 254 */
};
struct lookup_rcpt_answer {
	uint64_t	tag;
	uint8_t		route;		/* enum lookup_route */
	struct span	domain;		/* of the configuration, lower case */
	struct span	key;		/* of the users table; "" when remote */
	uint64_t	generation;	/* of the tables: cached answers of an
					 * older one are void */
	uint32_t	cache_ms;	/* keep at most so long; 0: do not */
};
/* Lookup to receivers, unasked: the tables changed, forget cached answers. */
struct lookup_changed {
	uint64_t	generation;
};

enum lookup_auth_result {
	LOOKUP_AUTH_OK,
	LOOKUP_AUTH_BAD,	/* user, password or disabled: never said which */
	LOOKUP_AUTH_TEMPFAIL,	/* 454 */
	LOOKUP_AUTH_LIMITED,	/* too many attempts: 421 */
	LOOKUP_AUTH_RESULT_COUNT
};
struct lookup_auth {
	uint64_t	tag;
	struct span	user;		/* 254 */
	struct span	password;	/* 1024; both sides wipe it */
	struct span	client;		/* address: 4 or 16 octets */
};
struct lookup_auth_answer {
	uint64_t	tag;
	uint8_t		result;		/* enum lookup_auth_result */
	struct span	user;		/* canonical, as logged and as originator */
	uint32_t	delay_ms;	/* keep BAD back so long (AUTH-5) */
};

/* Counters over all receivers (section 19). */
enum lookup_begin {
	LOOKUP_SESSION,
	LOOKUP_SESSION_TLS,	/* and a handshake, before any octet */
	LOOKUP_HANDSHAKE,	/* STARTTLS: only that */
	LOOKUP_BEGIN_COUNT
};
struct lookup_connect {
	uint64_t	tag;
	struct span	client;		/* 4 or 16 octets */
	uint8_t		is_exempt;	/* under the listener's `from` */
	uint8_t		begin;		/* enum lookup_begin */
};
struct lookup_connect_answer {
	uint64_t	tag;
	uint8_t		is_allowed;
};
/* One for each session that was allowed, and for nothing else. */
struct lookup_disconnect {
	struct span	client;
};

extern const struct ipc_type ipc_lookup_rcpt, ipc_lookup_rcpt_answer,
    ipc_lookup_changed, ipc_lookup_auth, ipc_lookup_auth_answer,
    ipc_lookup_connect, ipc_lookup_connect_answer, ipc_lookup_disconnect;

#endif
