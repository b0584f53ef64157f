/*
 * sandbox.c - ids, capabilities, and what a process says about itself.
 */
#include "os/sandbox.h"

#include "os/sandbox_private.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const struct sandbox_system sandbox_system = {
	.setgroups = setgroups,
	.setresgid = setresgid,
	.setresuid = setresuid,
	.getresgid = getresgid,
	.getresuid = getresuid,
	.getgroups = getgroups,
	.landlock_abi = sandbox_landlock_abi,
	.has_seccomp = sandbox_has_seccomp,
};

const char *
sandbox_profile_name(enum sandbox_profile profile)
{
	static const char *const names[] = {
		[SANDBOX_SUPERVISOR] = "supervisor",
		[SANDBOX_ADMIN] = "admin",
		[SANDBOX_LOOKUP] = "lookup",
		[SANDBOX_RESOLVER] = "resolver",
		[SANDBOX_QUEUE] = "queue",
		[SANDBOX_LOCAL] = "local",
		[SANDBOX_SENDER] = "sender",
		[SANDBOX_RECEIVER] = "receiver",
		[SANDBOX_KEYS] = "keys",
		[SANDBOX_STATE] = "state",
		[SANDBOX_SQLITE] = "sqlite",
		[SANDBOX_DOVECOT] = "dovecot",
		[SANDBOX_POSTGRESQL] = "postgresql",
		[SANDBOX_LDAP] = "ldap",
		[SANDBOX_TOKEN] = "token",
		[SANDBOX_PAM] = "pam",
	};
	_Static_assert(COUNT(names) == SANDBOX_PROFILE_COUNT, "all named");

	ASSERT((size_t)profile < COUNT(names));
	return names[profile];
}

/* Ids */

struct ids {
	uid_t	ruid, euid, suid;
	gid_t	rgid, egid, sgid;
};

static enum err
ids_read(const struct sandbox_system *sys, struct ids *ids)
{
	if (sys->getresuid(&ids->ruid, &ids->euid, &ids->suid) != 0 ||
	    sys->getresgid(&ids->rgid, &ids->egid, &ids->sgid) != 0)
		return ERR_IO;
	return ERR_OK;
}

static bool
ids_are(const struct ids *i, uid_t uid, gid_t gid)
{
	return i->ruid == uid && i->euid == uid && i->suid == uid &&
	    i->rgid == gid && i->egid == gid && i->sgid == gid;
}

/* Group first: without the user id nobody may change groups any more. */
static enum err
ids_change(const struct sandbox_system *sys, uid_t uid, gid_t gid)
{
	if (sys->setgroups(0, NULL) != 0 ||
	    sys->setresgid(gid, gid, gid) != 0 ||
	    sys->setresuid(uid, uid, uid) != 0)
		return ERR_IO;
	return ERR_OK;
}

/* Every way back that was open to `was` must be shut. */
static bool
is_way_back(const struct sandbox_system *sys, const struct ids *was)
{
	static const gid_t root_group = 0;

	return sys->setresuid((uid_t)-1, was->euid, (uid_t)-1) == 0 ||
	    sys->setresuid(0, 0, 0) == 0 ||
	    sys->setresgid((gid_t)-1, was->egid, (gid_t)-1) == 0 ||
	    sys->setresgid(0, 0, 0) == 0 ||
	    sys->setgroups(1, &root_group) == 0;
}

static enum err
ids_prove(const struct sandbox_system *sys, const struct ids *was, uid_t uid,
    gid_t gid)
{
	struct ids now;

	if (is_way_back(sys, was))
		return ERR_DENIED;
	if (ids_read(sys, &now) != ERR_OK)
		return ERR_IO;
	if (!ids_are(&now, uid, gid) || sys->getgroups(0, NULL) != 0)
		return ERR_DENIED;
	return ERR_OK;
}

/*
 * The bounding set goes while we still may: it limits what an exec could give
 * back.  Without the right to it there is nothing to be given back either.
 */
static void
bounding_drop(uint64_t kept)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (!(kept >> cap & 1) &&
		    prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

enum err
sandbox_drop_ids(const struct sandbox_system *sys, uid_t uid, gid_t gid)
{
	struct ids was;
	enum err e;

	if (sys == NULL)
		sys = &sandbox_system;
	if (ids_read(sys, &was) != ERR_OK)
		return ERR_IO;
	if (was.euid != 0)
		return ids_are(&was, uid, gid) ? ERR_OK : ERR_DENIED;
	/* To stay root is not to drop. */
	if (uid == 0 || gid == 0)
		return ERR_DENIED;
	bounding_drop(0);
	e = ids_change(sys, uid, gid);
	if (e != ERR_OK)
		return e;
	return ids_prove(sys, &was, uid, gid);
}

/* Capabilities */

#define CAP(c)	((uint64_t)1 << (c))
/* Section 11: start roles under other ids, low ports, stop roles; chown is for
 * the sockets and directories that it makes for them. */
#define SUPERVISOR_CAPS	(CAP(CAP_SETUID) | CAP(CAP_SETGID) | \
	CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_KILL) | CAP(CAP_CHOWN))

struct caps {
	struct __user_cap_header_struct	head;
	struct __user_cap_data_struct	data[_LINUX_CAPABILITY_U32S_3];
};

static uint64_t
caps_join(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

/* glibc has no wrapper, and libcap would be one more thing to link. */
static enum err
caps_keep(uint64_t kept)
{
	struct caps c = { .head = { _LINUX_CAPABILITY_VERSION_3, 0 } };
	uint64_t now;

	if (syscall(SYS_capget, &c.head, c.data) != 0)
		return ERR_IO;
	now = caps_join(c.data[0].permitted, c.data[1].permitted) & kept;
	for (unsigned int i = 0; i < COUNT(c.data); i++) {
		uint32_t part = (uint32_t)(now >> (32 * i));

		c.data[i] = (struct __user_cap_data_struct){
			.effective = part, .permitted = part };
	}
	if (syscall(SYS_capset, &c.head, c.data) != 0 ||
	    syscall(SYS_capget, &c.head, c.data) != 0)
		return ERR_IO;
	if (caps_join(c.data[0].permitted, c.data[1].permitted) & ~kept)
		return ERR_DENIED;
	return ERR_OK;
}

static enum err
give_up(uint64_t kept, bool keep_dumpable)
{
	static const struct rlimit none = { 0, 0 };

	/* Even gmtime_r() opens the zone's file when it is called first. */
	tzset();
#ifdef M_ARENA_MAX
	/* One heap for all threads: before glibc gives back what the end of
	 * another one holds, it opens /proc/sys/vm/overcommit_memory. */
	(void)mallopt(M_ARENA_MAX, 1);
#endif
	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_DUMPABLE, keep_dumpable || SANDBOX_IS_WIDE ? 1 : 0, 0,
		0, 0) != 0)
		return ERR_IO;
	bounding_drop(kept);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return caps_keep(kept);
}

/* A sanitizer's shadow is larger than any bound. */
static enum err
memory_bound(enum sandbox_profile profile)
{
	static const struct rlimit most = { SANDBOX_BACKEND_DATA,
	    SANDBOX_BACKEND_DATA };

	if (SANDBOX_IS_WIDE || profile < SANDBOX_SQLITE ||
	    profile > SANDBOX_TOKEN)
		return ERR_OK;
	return setrlimit(RLIMIT_DATA, &most) == 0 ? ERR_OK : ERR_IO;
}

enum err
sandbox_harden(enum sandbox_profile profile, bool keep_dumpable)
{
	enum err e = give_up(profile == SANDBOX_SUPERVISOR ? SUPERVISOR_CAPS :
	    0, keep_dumpable);

	if (e == ERR_OK)
		e = memory_bound(profile);
	if (e == ERR_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		e = ERR_IO;
	return e;
}

enum err
sandbox_harden_for_helpers(enum sandbox_profile profile)
{
	/* A role can empty its bounding set only with that right more. */
	return give_up(profile == SANDBOX_SUPERVISOR ?
	    SUPERVISOR_CAPS | CAP(CAP_SETPCAP) : 0, false);
}
