/*
 * jwt.h - a signed token (RFC 7519, compact as RFC 7515 has it): whose is it?
 *
 * RS256, ES256 and EdDSA; `none` and the HMACs are no signatures of an issuer's
 * (RFC 8725 3.1).  The signature is looked at before a claim is.  Time comes
 * in.  Takes some 100 microseconds: for a thread.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_JWT_H
#define POSTHORSE_ROLE_LOOKUP_JWT_H

#include "role/lookup/jwks.h"

#define JWT_MAX		9216u	/* octets: an AUTH line has no more */
#define JWT_HEADER_MAX	1024u	/* octets, decoded */
#define JWT_USER_MAX	254u
#define JWT_SKEW_S	60	/* clocks differ by so much */

/* What is expected of an issuer's tokens. */
struct jwt_rule {
	const char		*issuer, *audience, *user_claim;
	const struct jwks	*keys;
};

/*
 * The octets that one of these keys has signed.  ERR_SYNTAX: no such token;
 * ERR_DENIED: by none of them, or in a way that we do not take; ERR_NOMEM.
 */
MUST_USE enum err jwt_verify(struct span token, const struct jwks *keys,
    struct buf *payload);
/*
 * Of a verified payload: iss, aud, exp and nbf are as they must be, and *user
 * is named by it (at most JWT_USER_MAX octets, no NUL).  ERR_SYNTAX, ERR_DENIED.
 */
MUST_USE enum err jwt_claims(struct span payload, const struct jwt_rule *rule,
    int64_t now_s, struct buf *user);
/* Both, with the first rule that it fits. */
MUST_USE enum err jwt_user(struct span token, const struct jwt_rule *rules,
    size_t nrules, int64_t now_s, struct buf *user);

#endif
