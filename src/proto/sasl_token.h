/*
 * sasl_token.h - what a client says with a token in place of a password.
 *
 * OAUTHBEARER (RFC 7628 3.1) and XOAUTH2, which is older, of Google's making,
 * and all that many clients know.  Pure; spans borrow from what was said.
 */
#ifndef POSTHORSE_PROTO_SASL_TOKEN_H
#define POSTHORSE_PROTO_SASL_TOKEN_H

#include "proto/scram.h"

/*
 * user: for whom is appended, decoded; nothing when nobody was named.
 * ERR_SYNTAX: not in the grammar; longer than user's limit; a bound channel,
 * which is not for tokens; another scheme than Bearer.  ERR_NOMEM.
 */
MUST_USE enum err sasl_token_bearer(struct span said,
    struct buf *user, struct span *token);
/* Here a user is named in any case. */
MUST_USE enum err sasl_token_xoauth2(struct span said,
    struct buf *user, struct span *token);

#endif
