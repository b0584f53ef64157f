/*
 * login.h - questions about users that are more than a password (lookup.h).
 * Numbers 0x028x.  Asked by receivers; lookup holds every secret, and each
 * question stands for itself: nothing is kept between two of them.
 */
#ifndef POSTHORSE_IPC_LOGIN_H
#define POSTHORSE_IPC_LOGIN_H

#include "ipc/ipc.h"

/* What SCRAM tells a client of that name, be there such a user or not. */
struct login_salt {
	uint64_t	tag;
	struct span	user;		/* 254 */
};
struct login_salt_answer {
	uint64_t	tag;
	uint8_t		is_known;	/* 0: the tables cannot be read: 454 */
	uint32_t	iterations;
	struct span	salt;		/* 64 */
};
/* Is this the proof of that user?  lookup_auth_answer, with a signature. */
struct login_proof {
	uint64_t	tag;
	struct span	user;		/* 254 */
	struct span	auth_message;	/* RFC 5802 3; 8192 */
	struct span	proof;		/* 32 */
	struct span	client;		/* address: 4 or 16 octets */
};

/* Whose token is this?  lookup_auth_answer. */
struct login_token {
	uint64_t	tag;
	struct span	user;		/* as the client says; "": nobody */
	struct span	token;		/* 9216; both sides wipe it */
	struct span	client;
};

/* Is this a user, and may they act for that one?  lookup_auth_answer. */
struct login_identity {
	uint64_t	tag;
	struct span	identity;	/* what a certificate has proved; 254 */
	struct span	user;		/* as the client says; "": itself */
};

extern const struct ipc_type ipc_login_salt, ipc_login_salt_answer,
    ipc_login_proof, ipc_login_token, ipc_login_identity;

#endif
