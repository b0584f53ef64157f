/*
 * issuers.h - keep the keys of each `oauth` line as its file is, and check
 * tokens with them.
 *
 * A file that cannot be read takes its keys away.  One that is no JWK set, or
 * has no key of use, changes nothing: the log says so.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_ISSUERS_H
#define POSTHORSE_ROLE_LOOKUP_ISSUERS_H

#include "role/lookup/lookup.h"

/* True: keys came, changed or went. */
bool issuers_poll(struct role *r);
bool issuers_have_keys(const struct role *r);
bool issuers_handle_token(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);

#endif
