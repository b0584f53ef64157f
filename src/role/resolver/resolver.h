/*
 * resolver.h - the role that owns the DNS: what its files share.
 *
 *	resolver.c	routes for the queue, and the role's life
 *	inquiry.c	what receivers ask about clients
 *	ask.c, reverse.c	which queries a question takes (no libunbound)
 *	dns.c		libunbound's settings
 */
#ifndef POSTHORSE_ROLE_RESOLVER_RESOLVER_H
#define POSTHORSE_ROLE_RESOLVER_RESOLVER_H

#include "role/resolver/ask.h"
#include "role/resolver/dns.h"
#include "role/role.h"

struct open_ask;
struct inquiry;
struct resolver {
	struct ub_ctx		*forward, *recurse;
	struct ub_ctx		*ctx;		/* the one in use */
	struct loop_watch	*watches[2];
	struct loop_timer	*sweep;
	bool			 is_probing, is_stripped;
	uint64_t		 next_probe_ms;
	struct open_ask		*asks;
	size_t			 nasks;
	struct inquiry		*inquiries;
	size_t			 ninquiries;
};

/* DNS-4: SERVFAIL, timeout and bogus are temporary, NXDOMAIN is not.  What it
 * says borrows from result. */
struct ask_answer resolver_translate(int error,
    const struct ub_result *result);
/* An answer was bogus: does the server strip DNSSEC? */
void resolver_probe(struct role *r);

/* inquiry.c */
bool inquiry_reverse(struct role *, struct role_peer *, const void *,
    const int *);
bool inquiry_list(struct role *, struct role_peer *, const void *,
    const int *);
bool inquiry_sender(struct role *, struct role_peer *, const void *,
    const int *);
/* Every second: what has taken too long is answered "later". */
void inquiry_sweep(struct role *r);

#endif
