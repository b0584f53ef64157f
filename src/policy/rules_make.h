/*
 * rules_make.h - the rules of a configuration, as rules.h asks them.
 *
 * The numbers of tags, copies, routes, files and words are the configuration's
 * own, so that its names are found by them.  Domains become A-labels (RFC 5890).
 */
#ifndef POSTHORSE_POLICY_RULES_MAKE_H
#define POSTHORSE_POLICY_RULES_MAKE_H

#include "base/arena.h"
#include "config/match.h"
#include "policy/rules.h"

#define RULES_MEMORY	(64u << 20)	/* octets of them all, at most */

/*
 * all: NULL, there are none.  It outlives r, whose own memory is the arena's.
 * ERR_NOMEM.
 */
MUST_USE enum err rules_make(const struct config_rules *all,
    struct arena *memory, struct rules *r);

#endif
