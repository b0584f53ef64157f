/*
 * tickets.h - the keys of session tickets, made here for all receivers.
 */
#ifndef POSTHORSE_ROLE_KEYS_TICKETS_H
#define POSTHORSE_ROLE_KEYS_TICKETS_H

#include "role/role.h"

struct tickets;
/* From start(): what receivers hear from then on. */
MUST_USE enum err tickets_new(struct role *r, struct tickets **t);
/* A receiver that has just come: the last key, then the newest. */
void tickets_tell(struct tickets *t, struct role_peer *to);

#endif
