/*
 * route.h - where mail for an address goes, by the configuration and the tables
 * of its users.
 *
 * Pure; RFC 5321 4.5.1 (postmaster), 5890 (a domain in either writing).  Whoever
 * holds the tables gives them when they are needed.
 */
#ifndef POSTHORSE_POLICY_ROUTE_H
#define POSTHORSE_POLICY_ROUTE_H

#include "config/config.h"
#include "policy/table.h"

enum route {
	ROUTE_UNKNOWN,		/* our domain, no such mailbox; no address */
	ROUTE_LOCAL,
	ROUTE_REMOTE,
	ROUTE_TEMPFAIL,		/* the table is not there (RLY-3) */
	ROUTE_NO_MAIL,		/* to a domain that takes none */
	ROUTE_COUNT
};
struct route_found {
	enum route			 route;
	const struct config_domain	*domain;	/* ours, or NULL */
	const struct table_user		*user;		/* LOCAL: whose mailbox */
	bool				 is_sure;	/* while the tables stay */
};
/* The users of config->domains[domain], as they are now. */
typedef const struct table *route_table(void *ctx, size_t domain);

struct route_found route_find(const struct config *c, struct span address,
    route_table *table, void *ctx);
/*
 * *index of config->domains, or ndomains: it is none of ours.  name: in U-labels or
 * in A-labels.  ERR_NOMEM.
 */
MUST_USE enum err route_domain(const struct config *c, struct span name,
    size_t *index);

#endif
