/*
 * backend.h - lookup and a back end: an outside system that knows users.
 * Numbers 0x0cxx.
 *
 * Every question carries a tag that the answer repeats.  Each is answered, at
 * the latest when BACKEND_WITHIN_MS have gone by; of more than BACKEND_ASKED_MAX
 * at a time the rest are BACKEND_TROUBLE at once.
 */
#ifndef POSTHORSE_IPC_BACKEND_H
#define POSTHORSE_IPC_BACKEND_H

#include "ipc/ipc.h"

#define BACKEND_ASKED_MAX	64u	/* under way, of one back end */
#define BACKEND_WITHIN_MS	7000u	/* for the outside system */
/* Lookup's own patience, for a back end that stands still; a receiver has 10 s
 * for lookup. */
#define BACKEND_PATIENCE_MS	8000u
#define BACKEND_NAME_MAX	64u	/* octets, as in a users file */
#define BACKEND_DOMAIN_MAX	255u
#define BACKEND_PASSWORD_MAX	9216u	/* the longest is a token */
#define BACKEND_SECRET_MAX	700u	/* USERS_SECRET_MAX fits */
#define BACKEND_USER_MAX	254u

enum backend_what {
	BACKEND_SECRET,		/* what is stored of this user? */
	BACKEND_PASSWORD,	/* is this the user's password? */
	BACKEND_TOKEN,		/* whose token is this? */
	BACKEND_WHAT_COUNT
};
struct backend_ask {
	uint64_t	tag;
	uint8_t		what;		/* enum backend_what */
	struct span	name, domain;	/* of the user, in lower case */
	struct span	password;	/* or the token; both sides wipe it */
	struct span	client;		/* 4 or 16 octets */
};
enum backend_result {
	BACKEND_OK,
	BACKEND_NO,		/* no such user, wrong, or not allowed */
	BACKEND_TROUBLE,	/* nobody can tell now */
	BACKEND_RESULT_COUNT
};
struct backend_answer {
	uint64_t	tag;
	uint8_t		result;		/* enum backend_result */
	struct span	secret;		/* SECRET: as in a users file */
	struct span	user;		/* TOKEN: whose it is */
};

extern const struct ipc_type ipc_backend_ask, ipc_backend_answer;

#endif
