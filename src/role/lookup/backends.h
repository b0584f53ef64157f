/*
 * backends.h - questions to back ends: what is under way, and for how long.
 *
 * A question ends once, with an answer or with none: the back end is away, has
 * BACKEND_ASKED_MAX questions already, or was silent for BACKEND_PATIENCE_MS.
 * What it never answered keeps its place until it does or is replaced, so one
 * that stands still is not asked without end.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_BACKENDS_H
#define POSTHORSE_ROLE_LOOKUP_BACKENDS_H

#include "ipc/backend.h"
#include "role/lookup/login.h"

struct backends;
/* a: NULL when there is no answer.  Its spans end with the call. */
typedef void backends_done(void *ctx, const struct backend_answer *a);

MUST_USE enum err backends_new(struct role *r, struct backends **b);
/*
 * Ask config->backends[which]; m's tag is set here.  done is called later,
 * never inside; unless this fails, and then never.  ERR_FULL, ERR_CLOSED,
 * ERR_NOMEM.
 */
MUST_USE enum err backends_ask(struct role *r, size_t which,
    struct backend_ask *m, backends_done *done, void *ctx);
/* The user that l says, at its back end. */
struct backend_ask backends_question(const struct role *r, const struct login *l,
    enum backend_what what, struct span client);

bool backends_handle_answer(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
/* That back end has gone, and what it was asked with it. */
void backends_went(struct role *r, const struct role_peer *p);

#endif
