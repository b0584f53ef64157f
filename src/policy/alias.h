/*
 * alias.h - addresses of a domain that stand for others: its aliases file.
 *
 *	# comment
 *	info:        anna, bob@example.com
 *	sales:       anna,
 *	             "out there"@example.net
 *	owner-sales: anna
 *	postmaster:  \root
 *
 * The classic format: a name, a colon, targets with commas between; a line that
 * begins with a blank goes on with the one before.  Names are local parts of the
 * domain and fold ASCII case.  A target without a domain is of this domain; behind
 * a backslash it is a user, whatever alias has that name.  Programs, files and
 * :include: are refused (DLV-4).  Pure: the role reads the file, which is taken
 * whole or not at all.
 */
#ifndef POSTHORSE_POLICY_ALIAS_H
#define POSTHORSE_POLICY_ALIAS_H

#include "base/arena.h"
#include "base/map.h"
#include "mail/address.h"

#define ALIAS_FILE_MAX		(64u * 1024 * 1024)	/* octets */
#define ALIAS_TARGETS_MAX	1000u	/* of one name (section 19) */

struct alias_target {
	struct span	text;		/* an address, or a local part unquoted */
	bool		has_domain;
	bool		is_user;	/* behind a backslash */
};
struct alias {
	struct map_node			 node;
	struct span			 name;	/* unquoted, as written */
	const struct alias_target	*targets;
	uint32_t			 n;
	uint32_t			 line;
};
struct aliases {
	bool		 is_there;	/* was read (RLY-3) */
	struct map	 names;		/* by name in lower case */
	struct arena	 memory;
};

struct aliases aliases_make(const struct siphash_key *key);
void aliases_free(struct aliases *a);
/* What is wrong with a file, and the line of the name where. */
struct alias_trouble {
	size_t		 line;
	const char	*why;		/* static */
};
/*
 * Take a file's text over.  ERR_SYNTAX: *t says what is wrong, nothing has
 * changed; ERR_FULL, ERR_NOMEM: too much, and the same.
 */
MUST_USE enum err aliases_replace(struct aliases *a, struct span text,
    struct alias_trouble *t);
/* local: unquoted.  NULL: it is none. */
const struct alias *aliases_find(const struct aliases *a, struct span local);

#endif
