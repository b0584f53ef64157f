/*
 * introspect.h - what an issuer says of a token (RFC 7662 2.2): whose is it?
 *
 * Pure: JSON and a time in, a user out.
 */
#ifndef POSTHORSE_ROLE_BACKEND_INTROSPECT_H
#define POSTHORSE_ROLE_BACKEND_INTROSPECT_H

#include "base/buf.h"

#define INTROSPECT_MAX		65536u	/* octets of an answer */
#define INTROSPECT_USER_MAX	254u
#define INTROSPECT_SKEW_S	60	/* clocks may differ so much */

struct introspect_rule {
	const char	*issuer;	/* iss, where it is said */
	const char	*audience;	/* one of aud, which must be said */
	const char	*scope;		/* one of the words of scope; "": any */
	const char	*user_claim;
};
/*
 * *until_s: when it ends, INT64_MAX where that is not said.
 * ERR_DENIED: it is not active, not for us, over, or of nobody; ERR_SYNTAX: no
 * answer of that kind; ERR_NOMEM.
 */
MUST_USE enum err introspect_user(struct span answer,
    const struct introspect_rule *rule, int64_t now_s, struct buf *user,
    int64_t *until_s);

#endif
