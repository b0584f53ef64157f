/*
 * jwks.h - the public keys of one issuer (RFC 7517, 7518 6, 8037 2).
 *
 * RSA keys of 2,048 to 8,192 bits, EC keys on P-256, Ed25519 keys.  What else
 * stands in the set (secret keys, other curves, keys for encryption) is passed
 * over: sets hold keys for others too.  Pure but for OpenSSL.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_JWKS_H
#define POSTHORSE_ROLE_LOOKUP_JWKS_H

#include "base/buf.h"

#include <jansson.h>
#include <openssl/evp.h>

#define JWKS_KEYS_MAX	32u		/* of one set; the rest is not read */
#define JWKS_OCTETS_MAX	(256u * 1024)	/* of its file */
#define JWKS_KID_MAX	128u		/* octets; longer: not found by it */

enum jwks_alg {			/* RFC 7518 3.1, RFC 8037 3.1; no other */
	JWKS_RS256,
	JWKS_ES256,
	JWKS_EDDSA,
	JWKS_ALG_COUNT
};
struct jwks_key {
	enum jwks_alg	 alg;
	char		 kid[JWKS_KID_MAX + 1];		/* "": none */
	EVP_PKEY	*key;
};
/* One turn's thread counts who uses it; the last one frees it. */
struct jwks {
	unsigned int	uses;
	size_t		n;
	struct jwks_key	keys[JWKS_KEYS_MAX];
};

/*
 * One JSON object, nothing behind it, not deeper than JSON_DEPTH_MAX (jansson
 * recurses), no name twice; or NULL.
 */
json_t *jwks_json(struct span text);
/* *keys: held once.  ERR_SYNTAX: it is no set; ERR_NONE: no key of use. */
MUST_USE enum err jwks_parse(struct span text, struct jwks **keys);
struct jwks *jwks_hold(struct jwks *keys);
/* NULL is fine. */
void jwks_drop(struct jwks *keys);
/* "RS256" ...; false: another, `none` and the HMACs among them. */
bool jwks_alg(const char *name, enum jwks_alg *alg);

#endif
