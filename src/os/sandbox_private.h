/*
 * sandbox_private.h - what the files of the sandbox share.
 */
#ifndef POSTHORSE_OS_SANDBOX_PRIVATE_H
#define POSTHORSE_OS_SANDBOX_PRIVATE_H

#include "os/sandbox.h"

int sandbox_landlock_abi(void);
bool sandbox_has_seccomp(void);

/* Sanitizers look at their own process; they get a wider row, never none. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_IS_WIDE	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANDBOX_IS_WIDE	1
#endif
#endif
#ifndef SANDBOX_IS_WIDE
#define SANDBOX_IS_WIDE	0
#endif

/* How the arguments of an allowed call are narrowed. */
enum sandbox_narrow {
	NARROW_NOT,
	NARROW_NO_EXEC,		/* third argument without PROT_EXEC */
	NARROW_READ_ONLY,	/* openat: neither writes nor creates */
	NARROW_INTERNET,	/* socket: IPv4 or IPv6 */
	NARROW_LOCAL,		/* socket: of this host */
	NARROW_SELF,		/* first argument: this process */
	NARROW_IOCTL,		/* FIONBIO, and whether it is a terminal */
	NARROW_COUNT
};
struct sandbox_call {
	int			 number;	/* SCMP_SYS(...) */
	unsigned int		 roles;		/* bits: sandbox_profile */
	enum sandbox_narrow	 narrow;
	const char		*why;
};
/* Rows until number is SANDBOX_CALLS_END. */
#define SANDBOX_CALLS_END	(-100000)
extern const struct sandbox_call sandbox_allowed[];
/* Calls that the supervisor and all it starts can never make. */
extern const struct sandbox_call sandbox_denied[];
/* Added to every role where SANDBOX_IS_WIDE. */
extern const struct sandbox_call sandbox_wide[];

#endif
