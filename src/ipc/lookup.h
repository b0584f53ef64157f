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
	LOOKUP_NO_MAIL,		/* a domain that takes none: 556 */
	LOOKUP_ALIAS,		/* to each of members */
	LOOKUP_BAD_ALIAS,	/* without an end, or with too many: 550 */
	LOOKUP_ROUTE_COUNT
};
/* Octets of a part of an alias' members; all of them are 1000 at most. */
#define LOOKUP_MEMBERS_SIZE	(8u * 1024)
#define LOOKUP_MEMBERS_MAX	1000u
struct lookup_rcpt {		/* question */
	uint64_t	tag;
	struct span	address;	/* local@domain, no brackets; 254 */
	uint32_t	from;		/* ALIAS: the first member of the part */
};
/* Of the answer's list.  domain and key as there; "": it is none of ours. */
struct lookup_member {
	struct span	address;
	struct span	domain, key;
	struct span	owner;		/* of its list: the reverse-path; or "" */
};
struct lookup_rcpt_answer {
	uint64_t	tag;
	uint8_t		route;		/* enum lookup_route */
	struct span	domain;		/* of the configuration, lower case */
	struct span	key;		/* of the users table; "" when remote */
	uint64_t	generation;	/* of the tables: cached answers of an
					 * older one are void */
	uint32_t	cache_ms;	/* keep at most so long; 0: do not */
	struct span	members;	/* ALIAS: list of lookup_member, a part */
	uint32_t	next;		/* ask again from there; 0: that was all */
	uint8_t		is_list;	/* ALIAS: taking it is final delivery */
};
/* Lookup to receivers, unasked: the tables changed, forget cached answers. */
struct lookup_changed {
	uint64_t	generation;
	uint8_t		can;		/* LOOKUP_CAN_* */
};
#define LOOKUP_CAN_SCRAM	0x01u	/* each user who has a password */
#define LOOKUP_CAN_TOKEN	0x02u	/* keys of an issuer are there */

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
	struct span	signature;	/* of an OK to login_proof: 32 */
};

/*
 * Submission: may this user send so?  Asked at MAIL about the reverse-path, and
 * behind the content about all addresses of From and Sender; then the message
 * is counted, too (AUTH-6, RLY-6).
 */
#define LOOKUP_SUBMIT_ADDRESSES	8192u	/* octets */
enum lookup_submit_stage {
	LOOKUP_SUBMIT_MAIL,
	LOOKUP_SUBMIT_CONTENT,
	LOOKUP_SUBMIT_STAGE_COUNT
};
enum lookup_submit_result {
	LOOKUP_SUBMIT_OK,
	LOOKUP_SUBMIT_FOREIGN,	/* an address is not the user's: 550 5.7.1 */
	LOOKUP_SUBMIT_RATE,	/* too much within an hour: 450 4.7.1 */
	LOOKUP_SUBMIT_STOPPED,	/* until an operator lifts it: 450 4.7.1 */
	LOOKUP_SUBMIT_TEMPFAIL,	/* the table cannot be read now: 451 */
	LOOKUP_SUBMIT_RESULT_COUNT
};
struct lookup_submit {
	uint64_t	tag;
	uint8_t		stage;		/* enum lookup_submit_stage */
	struct span	user;		/* as lookup_auth_answer said */
	struct span	client;		/* 4 or 16 octets */
	struct span	addresses;	/* a NUL behind each */
	uint32_t	recipients;	/* CONTENT: how many */
};
struct lookup_submit_answer {
	uint64_t	tag;
	uint8_t		result;		/* enum lookup_submit_result */
	uint16_t	which;		/* FOREIGN: address, counted from 0 */
};

/* Counters over all receivers (section 19). */
enum lookup_begin {
	LOOKUP_SESSION,
	LOOKUP_SESSION_TLS,	/* and a handshake, before any octet */
	LOOKUP_SESSION_STARTTLS, /* and most likely a handshake, later */
	LOOKUP_HANDSHAKE,	/* STARTTLS: only that */
	LOOKUP_BEGIN_COUNT
};
struct lookup_connect {
	uint64_t	tag;
	struct span	client;		/* 4 or 16 octets */
	uint8_t		is_exempt;	/* under the listener's `from` */
	uint8_t		begin;		/* enum lookup_begin */
	uint8_t		is_for_users;	/* the listener is */
};
struct lookup_connect_answer {
	uint64_t	tag;
	uint8_t		is_allowed;
	uint64_t	shake;		/* SESSION_STARTTLS: one handshake of this
					 * session is counted; 0: ask again */
};
#define LOOKUP_SHAKE_MS	60000u		/* so long it may begin unasked */
/* One for each session that was allowed, and for nothing else. */
struct lookup_disconnect {
	struct span	client;
	uint64_t	shake;		/* of the answer, if none began; else 0 */
};

/* Which files of rules hold what a client has shown (policy/rules.h). */
enum lookup_fact {
	LOOKUP_FACT_CLIENT,	/* 4 or 16 octets */
	LOOKUP_FACT_HELO,	/* text, in lower case */
	LOOKUP_FACT_SENDER,
	LOOKUP_FACT_RECIPIENT,
	LOOKUP_FACT_USER,
	LOOKUP_FACT_COUNT
};
struct lookup_lists {
	uint64_t	tag;
	uint8_t		fact;		/* enum lookup_fact */
	struct span	subject;	/* 320 */
};
struct lookup_lists_answer {
	uint64_t	tag;
	uint64_t	yes, known;	/* files by number: hold it; could be read */
};

extern const struct ipc_type ipc_lookup_lists, ipc_lookup_lists_answer;
extern const struct ipc_type ipc_lookup_rcpt, ipc_lookup_rcpt_answer,
    ipc_lookup_member,
    ipc_lookup_changed, ipc_lookup_auth, ipc_lookup_auth_answer,
    ipc_lookup_connect, ipc_lookup_connect_answer, ipc_lookup_disconnect,
    ipc_lookup_submit, ipc_lookup_submit_answer;

#endif
