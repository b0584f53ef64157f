/*
 * permit.c - rights by user and group, one row an order.
 */
#include "role/admin/permit.h"

static const enum permit needed[] = {
	[STEER_QUEUE_LIST] = PERMIT_LOOK,
	[STEER_QUEUE_SHOW] = PERMIT_LOOK,
	[STEER_QUEUE_RETRY] = PERMIT_ALL,
	[STEER_QUEUE_DELETE] = PERMIT_ALL,
	[STEER_QUEUE_HOLD] = PERMIT_ALL,
	[STEER_QUEUE_RELEASE] = PERMIT_ALL,
	[STEER_QUEUE_BOUNCE] = PERMIT_ALL,
	[STEER_TRACE] = PERMIT_LOOK,
	[STEER_LOG] = PERMIT_LOOK,
	[STEER_STATUS] = PERMIT_LOOK,
	[STEER_STOP] = PERMIT_ALL,
	[STEER_USER_STOPPED] = PERMIT_LOOK,
	[STEER_USER_LIFT] = PERMIT_ALL,
};
_Static_assert(COUNT(needed) == STEER_VERB_COUNT, "every verb has a right");

enum permit
permit_of(const struct permit_rule *rule, uid_t uid, gid_t gid,
    const gid_t *groups, size_t ngroups)
{
	if (uid == 0 || uid == rule->own)
		return PERMIT_ALL;
	if (!rule->has_group)
		return PERMIT_NOTHING;
	if (gid == rule->group)
		return PERMIT_LOOK;
	for (size_t i = 0; i < ngroups; i++)
		if (groups[i] == rule->group)
			return PERMIT_LOOK;
	return PERMIT_NOTHING;
}

bool
permit_allows(enum permit permit, enum steer_verb verb)
{
	/* Verb 0 has no row of its own. */
	return verb > 0 && verb < STEER_VERB_COUNT && permit >= needed[verb];
}
