/*
 * keys.h - receivers and keys.  Numbers 0x08xx.
 *
 * Each thread of a receiver that shakes hands has a socket pair of its own to
 * keys, a line: it asks one question, and waits for the answer to that one.
 * The tag tells it from the answer to a question that was given up before.
 */
#ifndef POSTHORSE_IPC_KEYS_H
#define POSTHORSE_IPC_KEYS_H

#include "ipc/ipc.h"

#define KEYS_LINES	4u	/* of one receiver */
#define KEYS_ID		32u	/* octets of SHA-256 */

/* From a receiver, on a line: sign what a TLS server signs. */
struct keys_sign {
	uint64_t	tag;
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
