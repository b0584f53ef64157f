/*
 * table.h - the users of one domain, found by the local part of an address.
 *
 * Pure: the role reads the file.  A table is replaced whole or not at all: a
 * file with a bad line changes nothing.  Local parts fold ASCII case; what
 * stands behind the first separator is the user's own business and is not looked
 * at (RFC 5233 calls it a detail), unless a user has the whole of it for a name.
 */
#ifndef POSTHORSE_POLICY_TABLE_H
#define POSTHORSE_POLICY_TABLE_H

#include "base/arena.h"
#include "base/map.h"
#include "mail/address.h"

struct table_user {
	struct map_node	 node;
	struct span	 name;		/* as in the file: key of the mailbox */
	struct span	 hash;		/* "*": no password */
	struct span	 verifier;	/* "": none, so no SCRAM */
};
struct table {
	bool		 is_there;	/* was read at least once (RLY-3) */
	struct map	 users;		/* by name in lower case */
	struct table_user *first;	/* of the file; NULL when it is empty */
	const struct table_user *first_login;	/* whose hash is not "*" */
	const struct table_user *first_scram;	/* who has a verifier */
	const struct table_user *first_plain;	/* who has a hash and none */
	struct arena	 memory;
};

struct table table_make(const struct siphash_key *key);
void table_free(struct table *t);
/*
 * Take the users of a file's text over.  ERR_SYNTAX: *line is wrong, and
 * nothing has changed; the same for a name that is there twice.  ERR_NOMEM,
 * ERR_FULL: nothing has changed.
 */
MUST_USE enum err table_replace(struct table *t, struct span text,
    size_t *line);
/* The user of that name, or NULL. */
const struct table_user *table_find(const struct table *t, struct span name);
/* How a domain reads local parts; each may be empty. */
struct table_names {
	struct span	separators;	/* octets, each of them one */
	struct span	postmaster, catch_all;	/* users */
};
/*
 * Who gets mail for a local part (unquoted): a user; for postmaster (RFC 5321
 * 4.5.1) a user of that name, else the configured one, else the first; else the
 * user who gets all mail for nobody; or NULL.
 */
const struct table_user *table_mailbox(const struct table *t,
    struct span local, const struct table_names *names);
/* What stands before the first separator. */
struct span table_without_detail(struct span local, struct span separators);
/*
 * The local part of an address without quotes and escapes, in room of
 * ADDR_LOCAL_MAX octets.
 */
struct span table_local(const struct addr *a, uint8_t room[ADDR_LOCAL_MAX]);

#endif
