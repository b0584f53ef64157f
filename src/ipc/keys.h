/*
 * keys.h - receivers and keys.  Numbers 0x08xx.
 *
 * A handshake of a receiver asks one question, and goes on when its answer has
 * come.  The tag tells it from others, and from those that were given up.
 */
#ifndef POSTHORSE_IPC_KEYS_H
#define POSTHORSE_IPC_KEYS_H

#include "ipc/ipc.h"

#define KEYS_ID		32u	/* octets of SHA-256 */
/* Unanswered questions of a receiver; with one more it is cut off. */
#define KEYS_ASKED_MAX	16u

/* From a receiver: sign what a TLS server signs. */
struct keys_sign {
	uint64_t	tag;		/* not 0, and larger than the last one's */
	struct span	key;		/* SHA-256 of SubjectPublicKeyInfo */
	uint16_t	scheme;		/* SignatureScheme, RFC 8446 4.2.3 */
	struct span	octets;		/* at most 4096 */
};
enum keys_result {
	KEYS_SIGNED,
	KEYS_REFUSED,		/* no such key, or nothing it would sign */
	KEYS_FAILED,		/* for want of memory */
	KEYS_RESULT_COUNT
};
struct keys_signature {
	uint64_t	tag;
	uint8_t		result;
	struct span	octets;		/* at most 1024 */
};

/*
 * To every receiver, when it comes and each hour: seal tickets with this key
 * (io/tls_tickets.h).
 */
struct keys_ticket_key {
	struct span	key;		/* 80 octets */
	uint32_t	seals_ms, opens_ms;	/* for so long from now */
};

extern const struct ipc_type ipc_keys_sign, ipc_keys_signature,
    ipc_keys_ticket_key;

#endif
