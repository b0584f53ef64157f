/*
 * ldap_name.h - a user's name inside a name of the directory, or a filter.
 *
 * A template holds {user}, {name} and {domain}; what stands there is escaped, so
 * that it is one value whatever octets it has.  Pure.
 */
#ifndef POSTHORSE_ROLE_BACKEND_LDAP_NAME_H
#define POSTHORSE_ROLE_BACKEND_LDAP_NAME_H

#include "base/buf.h"

enum ldap_place {
	LDAP_IN_NAME,		/* RFC 4514 2.4: a distinguished name */
	LDAP_IN_FILTER		/* RFC 4515 3 */
};
struct ldap_user {
	struct span	user;		/* name@domain */
	struct span	name, domain;
};
/* Append; ERR_FULL, ERR_NOMEM: *to may hold a part of it. */
MUST_USE enum err ldap_name_fill(struct span template, enum ldap_place place,
    const struct ldap_user *u, struct buf *to);

#endif
