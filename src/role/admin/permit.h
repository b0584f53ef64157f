/*
 * permit.h - who may give which order on the control socket (ADM-1).
 *
 * Who asks is told by the kernel.  root and the user that the server runs as
 * may everything; the control group may look.  Pure.
 */
#ifndef POSTHORSE_ROLE_ADMIN_PERMIT_H
#define POSTHORSE_ROLE_ADMIN_PERMIT_H

#include "ipc/steer.h"

#include <sys/types.h>

enum permit {
	PERMIT_NOTHING,
	PERMIT_LOOK,
	PERMIT_ALL
};
struct permit_rule {
	uid_t	own;		/* besides root */
	bool	has_group;
	gid_t	group;
};

/* groups: of the asking process, its primary one included or not. */
enum permit permit_of(const struct permit_rule *rule, uid_t uid, gid_t gid,
    const gid_t *groups, size_t ngroups);
bool permit_allows(enum permit permit, enum steer_verb verb);

#endif
