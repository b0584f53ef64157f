/*
 * login.h - who is meant by what a client calls itself, and what is told of it.
 *
 * Whether there is such a user or not, the same work is done (AUTH-4): beside
 * the one who is known stands another, whose secrets are used for nobody's.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_LOGIN_H
#define POSTHORSE_ROLE_LOOKUP_LOGIN_H

#include "role/lookup/lookup.h"

#define LOGIN_SAID_MAX	254u		/* octets of what a client says */

/* All of it is good until the tables are read again: in one turn. */
struct login {
	char	user[2 * LOGIN_SAID_MAX + 2];	/* name@domain, lower case */
	size_t	nuser;
	size_t	nname;		/* octets of user that are the name */
	size_t	domain;		/* config->domains, or their number */
	uint32_t backend;	/* who is asked, or CONFIG_NO_BACKEND: the
				 * file says all there is to say */
	bool	is_away;	/* its table cannot be read: temporary */
	const struct table_user	*known;		/* or NULL */
	const struct table_user	*other;		/* with a hash, or NULL */
	const struct table_user	*other_scram;	/* with a verifier, or NULL */
};
static inline struct span
login_user(const struct login *l)
{
	return span_of(l->user, l->nuser);
}
/* said: at most LOGIN_SAID_MAX octets. */
void login_find(struct role *r, struct span said, struct login *l);

/* False: to does not read. */
MUST_USE bool login_answer(struct role *r, struct role_peer *to,
    const struct lookup_auth_answer *m);

/* What a certificate says is no guess: nothing is counted. */
bool login_handle_identity(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
bool login_handle_salt(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
bool login_handle_proof(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);

#endif
