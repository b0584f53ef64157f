/*
 * expand.h - whom an alias stands for: each mailbox and each address once.
 *
 * RFC 5321 3.9.  A name beside which there is owner-NAME is a list: that is the
 * reverse-path of what goes to its members.  Aliases may name aliases, of other
 * domains of ours too, to a depth of EXPAND_DEPTH_MAX; there is no recursion (MEM-3), a name is opened once.
 * One that comes back to itself is the user of that very name, if there is one.
 * Pure; whoever holds the tables gives them.
 */
#ifndef POSTHORSE_POLICY_EXPAND_H
#define POSTHORSE_POLICY_EXPAND_H

#include "policy/route.h"

/* DLV-5, section 19. */
#define EXPAND_MEMBERS_MAX	1000u
#define EXPAND_DEPTH_MAX	10u
#define EXPAND_LOOKS_MAX	10000u	/* targets looked at */

enum expand_result {
	EXPAND_OK,		/* at least one member */
	EXPAND_NOBODY,		/* none of the targets is there */
	EXPAND_LOOP,		/* comes back to itself, or is too deep */
	EXPAND_TOO_MANY,
	EXPAND_TEMPFAIL,	/* a table that is needed is not there (RLY-3) */
	EXPAND_NO_MEMORY,
	EXPAND_RESULT_COUNT
};
struct expand_member {
	struct span			 address;	/* whole */
	const struct config_domain	*domain;	/* NULL: REMOTE */
	const struct table_user		*user;
	struct span			 owner;		/* of its list, or "" */
};
/* A target that is not there, and was left out. */
struct expand_missing {
	const struct alias		*alias;		/* whose line names it */
	const struct config_domain	*domain;	/* whose file that is in */
	struct span			 address;
};
struct expand {
	struct arena			 memory;
	struct map			 seen;
	struct expand_member		*members;	/* EXPAND_MEMBERS_MAX */
	uint32_t			 n;
	bool				 is_list;	/* what was asked for is one */
	bool				 has_list;	/* or one inside of it */
	struct expand_missing		 missing;	/* the first; alias NULL */
	uint32_t			 nmissing;
};

/* Allocates nothing yet; free it in any case. */
struct expand expand_make(const struct siphash_key *key);
void expand_free(struct expand *x);
/*
 * from: as route_find() found, a ROUTE_ALIAS.  Members stand in the order of the
 * files, in x and in the tables.  Only once for each x.
 */
enum expand_result expand_run(struct expand *x, const struct config *c,
    const struct route_found *from, const struct route_tables *tables);

#endif
