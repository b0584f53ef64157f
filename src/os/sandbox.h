/*
 * sandbox.h - give up, for good, whatever a role does not need.
 *
 * Order (ARCHITECTURE 2), each step checked by its caller:
 *
 *	sandbox_drop_ids	user, group and supplementary groups (PRV-2)
 *	sandbox_harden		capabilities, no_new_privs, cores, dumpable
 *	sandbox_landlock	files, TCP ports; per thread, so before threads
 *	(all threads start)
 *	sandbox_seccomp		system calls, over all threads
 *
 * A profile says what a role may call, with a reason for each call; the table
 * is in sandbox_calls.c.  A call outside it kills the process.
 *
 * What the kernel does not offer is told by the masks that come back; whether
 * to go on without it is the caller's decision (PRV-6).
 */
#ifndef POSTHORSE_OS_SANDBOX_H
#define POSTHORSE_OS_SANDBOX_H

#include "base/base.h"

#include <sys/types.h>

enum sandbox_profile {
	SANDBOX_SUPERVISOR,	/* a list of what is denied, not of what is
				 * allowed: it starts other programs */
	SANDBOX_ADMIN,
	SANDBOX_LOOKUP,
	SANDBOX_RESOLVER,
	SANDBOX_QUEUE,
	SANDBOX_LOCAL,
	SANDBOX_SENDER,
	SANDBOX_RECEIVER,
	SANDBOX_KEYS,
	SANDBOX_STATE,
	SANDBOX_SQLITE,		/* back ends, each with its library */
	SANDBOX_DOVECOT,
	SANDBOX_POSTGRESQL,
	SANDBOX_LDAP,
	SANDBOX_TOKEN,
	SANDBOX_PAM,		/* no list: its modules do what they do */
	SANDBOX_PROFILE_COUNT
};
/* "receiver"; for the log. */
const char *sandbox_profile_name(enum sandbox_profile profile);

/* What is in force, as in control_ready.sandbox. */
#define SANDBOX_LANDLOCK	0x01u	/* files */
#define SANDBOX_SECCOMP		0x02u	/* system calls */
#define SANDBOX_LANDLOCK_NET	0x04u	/* TCP ports (ABI 4); a bonus: not
					 * asked for by SANDBOX_NEEDED */
#define SANDBOX_LANDLOCK_SCOPE	0x08u	/* abstract sockets, signals (ABI 6) */
#define SANDBOX_NEEDED		(SANDBOX_LANDLOCK | SANDBOX_SECCOMP)

/*
 * The calls that can fail, so that a test may let each of them.  NULL where a
 * function takes the table means the system's own.
 */
struct sandbox_system {
	int (*setgroups)(size_t n, const gid_t *list);
	int (*setresgid)(gid_t r, gid_t e, gid_t s);
	int (*setresuid)(uid_t r, uid_t e, uid_t s);
	int (*getresgid)(gid_t *r, gid_t *e, gid_t *s);
	int (*getresuid)(uid_t *r, uid_t *e, uid_t *s);
	int (*getgroups)(int n, gid_t *list);
	/* Version of the kernel's Landlock, 0 when it has none. */
	int (*landlock_abi)(void);
	/* Whether the kernel can kill by seccomp, over all threads. */
	bool (*has_seccomp)(void);
};
extern const struct sandbox_system sandbox_system;

/*
 * Become uid and gid, with no supplementary groups, and prove it: results are
 * read back, and going back to what we were must fail.  As an ordinary user
 * uid and gid must be our own already and nothing is done.
 * ERR_DENIED: the way back is open, or the ids are not what was asked for;
 * ERR_IO: errno says why.  Either way the process must end.
 */
MUST_USE enum err sandbox_drop_ids(const struct sandbox_system *sys,
    uid_t uid, gid_t gid);

/*
 * No core files, not dumpable (unless keep_dumpable: debugging), no
 * capabilities in any set, none to be had again, no_new_privs.  The supervisor
 * keeps setuid, setgid, net_bind_service, kill, and chown for its sockets.  A back
 * end's memory has a bound: its library takes an answer whole, however long.
 */
#define SANDBOX_BACKEND_DATA	(128u * 1024 * 1024)	/* octets, stacks too */
MUST_USE enum err sandbox_harden(enum sandbox_profile profile,
    bool keep_dumpable);

/*
 * The same but for no_new_privs: a program that PAM runs may gain rights (of the
 * bounding set, which is empty in a role).  As root only.  The supervisor calls
 * it behind its own sandbox_seccomp, which needs either.
 */
MUST_USE enum err sandbox_harden_for_helpers(enum sandbox_profile profile);

/* A directory (or file) that stays in reach. */
struct sandbox_dir {
	int	fd;		/* borrowed, any open mode, O_PATH too */
	bool	is_writable;	/* else: read files, list directories */
};
struct sandbox_reach {
	const struct sandbox_dir	*dirs;
	size_t				 ndirs;
	const uint16_t			*connect_ports;	/* TCP */
	size_t				 nconnect_ports;
	/* True: any port may be connected to (a resolver that recurses). */
	bool				 is_connect_free;
};
/*
 * From now on only reach can be opened; no file is executed, no TCP port is
 * bound.  *laid: which SANDBOX_LANDLOCK* are in force; 0 on a kernel without
 * Landlock, which is not an error here.  The supervisor calls nothing of this.
 */
MUST_USE enum err sandbox_landlock(const struct sandbox_system *sys,
    const struct sandbox_reach *reach, unsigned int *laid);
/*
 * Seccomp over all threads.  *laid: SANDBOX_SECCOMP, or 0 on a kernel without.
 */
MUST_USE enum err sandbox_seccomp(const struct sandbox_system *sys,
    enum sandbox_profile profile, unsigned int *laid);

#endif
