/*
 * verifier.h - what proves a SCRAM client's password (RFC 5802 3, 7677).
 *
 *	SCRAM-SHA-256$100000:SALT$STOREDKEY:SERVERKEY
 *
 * The text of RFC 5803, base64 in its parts; it stands behind the hash in a
 * users file.  Who reads one can try passwords against it, so it is as secret
 * as a hash.  Octets in, octets out: no clock, no chance, no file.
 */
#ifndef POSTHORSE_CONFIG_VERIFIER_H
#define POSTHORSE_CONFIG_VERIFIER_H

#include "base/buf.h"

#define VERIFIER_KEY		32u		/* octets of SHA-256 */
#define VERIFIER_SALT		16u		/* of those made here */
#define VERIFIER_SALT_MAX	64u
/*
 * RFC 7677 4: at least 4,096.  The client does this work at each login, and we
 * must not make it do any amount (AUTH-9).
 */
#define VERIFIER_WORK_MIN	4096u
#define VERIFIER_WORK_MAX	1000000u
/*
 * Of those made here: some 30 ms of a client's time, and as much as clients with
 * Cyrus SASL do (Postfix, Sendmail): one more, and they refuse.
 */
#define VERIFIER_WORK		65536u
#define VERIFIER_TEXT_MAX	256u		/* octets of the text */

struct verifier {
	uint32_t	iterations;
	uint8_t		salt[VERIFIER_SALT_MAX];
	size_t		nsalt;
	uint8_t		stored[VERIFIER_KEY], server[VERIFIER_KEY];
};

/* ERR_SYNTAX: it is none, or asks for less or more work than is allowed. */
MUST_USE enum err verifier_parse(struct span text, struct verifier *v);
/* Append the text. */
MUST_USE enum err verifier_print(const struct verifier *v, struct buf *to);
/*
 * Of a password that verifier_prepare has passed.  salt: 1 to
 * VERIFIER_SALT_MAX octets.  ERR_NOMEM: OpenSSL failed.
 */
MUST_USE enum err verifier_make(struct span password, struct span salt,
    uint32_t iterations, struct verifier *v);
/*
 * Was this proof made by who knows the password?  Then *signature is what
 * proves the server to the client.  Takes the same time for each answer.
 * ERR_DENIED: it was not; ERR_NOMEM: OpenSSL failed.
 */
MUST_USE enum err verifier_check(const struct verifier *v,
    struct span auth_message, const uint8_t proof[VERIFIER_KEY],
    uint8_t signature[VERIFIER_KEY]);
/*
 * A keyed hash (HMAC-SHA-256) for whoever needs one beside a verifier.  Two
 * parts, as if they stood in one row.  ERR_NOMEM.
 */
MUST_USE enum err verifier_hmac(struct span key, struct span a, struct span b,
    uint8_t sum[VERIFIER_KEY]);
/*
 * SASLprep (RFC 4013) of a password, as a stored string.  ERR_SYNTAX: it has
 * characters that no client may send, or is no UTF-8.
 */
MUST_USE enum err verifier_prepare(struct span password, struct buf *to);

#endif
