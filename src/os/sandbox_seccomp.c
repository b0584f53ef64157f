/*
 * sandbox_seccomp.c - from the table to a filter, by libseccomp.
 */
#include "os/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
sandbox_has_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
	    syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool
allow(scmp_filter_ctx f, int number)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 0) == 0;
}

static bool
allow_one(scmp_filter_ctx f, int number, struct scmp_arg_cmp arg)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 1, arg) == 0;
}

static bool
allow_no_exec(scmp_filter_ctx f, int number)
{
	return allow_one(f, number,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

#define OPEN_WRITES	(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)

static bool
allow_read_only(scmp_filter_ctx f, int number)
{
	return allow_one(f, number,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_WRITES, O_RDONLY));
}

static bool
allow_internet(scmp_filter_ctx f, int number)
{
	return allow_one(f, number, SCMP_A0(SCMP_CMP_EQ, AF_INET)) &&
	    allow_one(f, number, SCMP_A0(SCMP_CMP_EQ, AF_INET6));
}

static bool
allow_local(scmp_filter_ctx f, int number)
{
	return allow_one(f, number, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static bool
allow_self(scmp_filter_ctx f, int number)
{
	return allow_one(f, number,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static bool
allow_ioctl(scmp_filter_ctx f, int number)
{
	return allow_one(f, number, SCMP_A1(SCMP_CMP_EQ, FIONBIO)) &&
	    allow_one(f, number, SCMP_A1(SCMP_CMP_EQ, TCGETS));
}

static bool
allow_row(scmp_filter_ctx f, const struct sandbox_call *row)
{
	static bool (*const narrows[])(scmp_filter_ctx, int) = {
		[NARROW_NOT] = allow,
		[NARROW_NO_EXEC] = allow_no_exec,
		[NARROW_READ_ONLY] = allow_read_only,
		[NARROW_INTERNET] = allow_internet,
		[NARROW_LOCAL] = allow_local,
		[NARROW_SELF] = allow_self,
		[NARROW_IOCTL] = allow_ioctl,
	};
	_Static_assert(COUNT(narrows) == NARROW_COUNT, "all have a rule");

	/* Negative: this machine has no such call. */
	return row->number < 0 || narrows[row->narrow](f, row->number);
}

static bool
allow_rows(scmp_filter_ctx f, const struct sandbox_call *rows,
    enum sandbox_profile profile)
{
	for (; rows->number != SANDBOX_CALLS_END; rows++)
		if ((rows->roles >> profile & 1) && !allow_row(f, rows))
			return false;
	return true;
}

/* A role: what the table does not allow kills. */
static bool
fill_role(scmp_filter_ctx f, enum sandbox_profile profile)
{
	return allow_rows(f, sandbox_allowed, profile) &&
	    (!SANDBOX_IS_WIDE || allow_rows(f, sandbox_wide, profile));
}

#define NAMESPACES	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/*
 * The supervisor: what is denied here is denied to all that it starts, for a
 * filter outlives exec.  New programs map their code, so executable memory
 * may be had here, but never one that is writable too.
 */
static bool
fill_supervisor(scmp_filter_ctx f)
{
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	scmp_datum_t both = PROT_WRITE | PROT_EXEC;

	for (const struct sandbox_call *c = sandbox_denied;
	    c->number != SANDBOX_CALLS_END; c++)
		if (c->number >= 0 && seccomp_rule_add(f,
		    SCMP_ACT_KILL_PROCESS, c->number, 0) != 0)
			return false;
	for (size_t i = 0; i < COUNT(maps); i++)
		if (seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, maps[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, both, both)) != 0)
			return false;
	/* Flags of clone3 lie in memory, where no filter looks: libraries go
	 * back to clone when it is not there. */
	if (seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
	    0) != 0)
		return false;
	for (unsigned int bit = 0; bit < 32; bit++) {
		scmp_datum_t flag = (scmp_datum_t)1 << bit;

		if ((flag & NAMESPACES) && seccomp_rule_add(f,
		    SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag)) != 0)
			return false;
	}
	return true;
}

/* Calls of another architecture kill; look rules up by a tree. */
static bool
fill(scmp_filter_ctx f, enum sandbox_profile profile)
{
	if (seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
	    seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS) != 0)
		return false;
	/* Where helpers may gain rights it is not set, and not to be. */
	if (seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, geteuid() != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) != 0)
		return false;
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return profile == SANDBOX_SUPERVISOR ? fill_supervisor(f) :
	    fill_role(f, profile);
}

enum err
sandbox_seccomp(const struct sandbox_system *sys, enum sandbox_profile profile,
    unsigned int *laid)
{
	scmp_filter_ctx f;
	bool is_good;

	if (!(sys != NULL ? sys : &sandbox_system)->has_seccomp()) {
		*laid = 0;
		return ERR_OK;
	}
	f = seccomp_init(profile == SANDBOX_SUPERVISOR ? SCMP_ACT_ALLOW :
	    SCMP_ACT_KILL_PROCESS);
	if (f == NULL)
		return ERR_NOMEM;
	is_good = fill(f, profile) && seccomp_load(f) == 0;
	seccomp_release(f);
	if (!is_good)
		return ERR_IO;
	*laid = SANDBOX_SECCOMP;
	return ERR_OK;
}
