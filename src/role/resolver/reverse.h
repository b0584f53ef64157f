/*
 * reverse.h - has an address a name that leads back to it?
 *
 * Told answers, it says what to ask next, as ask.h does.  One PTR question, then
 * the addresses of at most REVERSE_NAMES_MAX of its names, all at a time; the
 * client's own family alone.  A name that is no host name is no name (DNS-2).
 * RFC 8601 calls this "iprev".
 */
#ifndef POSTHORSE_ROLE_RESOLVER_REVERSE_H
#define POSTHORSE_ROLE_RESOLVER_REVERSE_H

#include "ipc/inquiry.h"
#include "role/resolver/ask.h"

#define REVERSE_NAMES_MAX	10u	/* MSG-2 bounds those of SPF so, too */

struct reverse {
	uint8_t			client[16];
	size_t			nclient;	/* 4 or 16 octets */
	char			ptr[DNS_NAME_MAX + 1];	/* the name to ask for */
	struct dns_name		names[REVERSE_NAMES_MAX];
	size_t			nnames, next;	/* next: not asked for yet */
	size_t			npending;
	size_t			found;		/* of names; nnames: none yet */
	bool			is_ptr_asked, is_ptr_told, has_failed;
};

/* ERR_SYNTAX: no address. */
MUST_USE enum err reverse_begin(struct reverse *r, struct span client);
/* The next query to send, counted as pending; false: none now. */
bool reverse_next(struct reverse *r, struct ask_query *q);
void reverse_told(struct reverse *r, const struct ask_query *q,
    const struct ask_answer *a);
/* A name was found, or there is nothing left to wait for. */
bool reverse_is_done(const struct reverse *r);
/* *name borrows from r. */
enum inquiry_found reverse_result(const struct reverse *r, struct span *name);

#endif
