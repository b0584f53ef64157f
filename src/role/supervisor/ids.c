/*
 * ids.c - which users and groups the roles become.
 */
#include "role/supervisor/supervisor.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static const enum config_user users[] = {
	[IPC_ROLE_ADMIN] = CONFIG_USER_ADMIN,
	[IPC_ROLE_LOOKUP] = CONFIG_USER_LOOKUP,
	[IPC_ROLE_RESOLVER] = CONFIG_USER_DNS,
	[IPC_ROLE_QUEUE] = CONFIG_USER_QUEUE,
	[IPC_ROLE_LOCAL] = CONFIG_USER_MAIL,
	[IPC_ROLE_SENDER] = CONFIG_USER_SEND,
	[IPC_ROLE_RECEIVER] = CONFIG_USER_SMTP,
	[IPC_ROLE_KEYS] = CONFIG_USER_KEYS,
	[IPC_ROLE_STATE] = CONFIG_USER_STATE,
};

static bool
is_number(const char *text, uint32_t *n)
{
	uint64_t v;

	if (span_u64(span_str(text), UINT32_MAX - 1, &v) != ERR_OK)
		return false;
	*n = (uint32_t)v;
	return true;
}

static bool
find_user(const char *name, struct ids *ids)
{
	const struct passwd *p;

	if (is_number(name, &ids->uid)) {
		ids->gid = ids->uid;
		return true;
	}
	p = getpwnam(name);
	if (p == NULL)
		return sup_complain("there is no user %s; this makes the users:"
		    "\n  for u in smtp lookup dns queue send mail admin keys "
		    "state backend; do "
		    "useradd --system --user-group --no-create-home "
		    "--home-dir /nonexistent --shell /usr/sbin/nologin ph-$u; "
		    "done", name);
	ids->uid = p->pw_uid;
	ids->gid = p->pw_gid;
	return true;
}

static bool
find_group(const char *name, uint32_t *gid)
{
	const struct group *g;

	if (is_number(name, gid))
		return true;
	g = getgrnam(name);
	if (g == NULL)
		return sup_complain("there is no group %s", name);
	*gid = g->gr_gid;
	return true;
}

static bool
find_ids(const char *setting, struct ids *ids)
{
	char user[CONFIG_WORD_MAX + 1];
	struct span whole = span_str(setting);
	size_t colon = span_find(whole, ':');

	(void)snprintf(user, sizeof user, "%.*s", (int)colon, setting);
	if (!find_user(user, ids))
		return false;
	if (colon < whole.n && !find_group(setting + colon + 1, &ids->gid))
		return false;
	if (ids->uid == 0)
		return sup_complain("no role may run as root: `user` names %s",
		    setting);
	return true;
}

bool
sup_find_role_ids(const char *setting, struct ids *ids)
{
	*ids = (struct ids){ UINT32_MAX, UINT32_MAX };
	return geteuid() != 0 || find_ids(setting, ids);
}

bool
sup_find_ids(struct supervisor *s)
{
	for (unsigned int k = IPC_ROLE_ADMIN; k < IPC_ROLE_BACKEND; k++) {
		s->ids[k] = (struct ids){ UINT32_MAX, UINT32_MAX };
		/* A user for nothing need not exist. */
		if (k == IPC_ROLE_STATE && s->config->greylist == 0)
			continue;
		if (!sup_find_role_ids(s->config->user[users[k]], &s->ids[k]))
			return false;
	}
	if (!sup_find_backend_ids(s))
		return false;
	s->control_gid = s->ids[IPC_ROLE_ADMIN].gid;
	return s->config->control_group[0] == '\0' ||
	    find_group(s->config->control_group, &s->control_gid);
}
