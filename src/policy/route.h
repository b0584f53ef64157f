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
#include "policy/alias.h"
#include "policy/table.h"

enum route {
	ROUTE_UNKNOWN,		/* our domain, no such mailbox; no address */
	ROUTE_LOCAL,
	ROUTE_REMOTE,
	ROUTE_TEMPFAIL,		/* the table is not there (RLY-3) */
	ROUTE_NO_MAIL,		/* to a domain that takes none */
	ROUTE_ALIAS,		/* for whom: expand.h */
	ROUTE_COUNT
};
struct route_found {
	enum route			 route;
	const struct config_domain	*domain;	/* ours, or NULL */
	const struct table_user		*user;		/* LOCAL: whose mailbox */
	const struct alias		*alias;		/* ALIAS */
	bool				 is_sure;	/* while the tables stay */
};
/* Of config->domains[domain], as they are now. */
struct route_tables {
	const struct table	*(*users)(void *ctx, size_t domain);
	/* Asked only where the configuration names a file. */
	const struct aliases	*(*aliases)(void *ctx, size_t domain);
	void			*ctx;
};

struct route_found route_find(const struct config *c, struct span address,
    const struct route_tables *tables);
/* The same for a local part, unquoted, of config->domains[domain]. */
struct route_found route_local(const struct config *c, size_t domain,
    struct span local, const struct route_tables *tables);
/* The user of that very name, whatever alias has it; or UNKNOWN. */
struct route_found route_user(const struct config *c, size_t domain,
    struct span name, const struct route_tables *tables);
/*
 * *index of config->domains, or ndomains: it is none of ours.  name: in U-labels or
 * in A-labels.  ERR_NOMEM.
 */
MUST_USE enum err route_domain(const struct config *c, struct span name,
    size_t *index);

#endif
