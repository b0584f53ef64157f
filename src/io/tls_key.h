/*
 * tls_key.h - a server's private key, for the one process that holds it.
 *
 * It signs what a TLS server signs in a handshake, and nothing else: the octets
 * are looked at first (RFC 8446 4.4.3; RFC 5246 7.4.3 with RFC 8422 5.4).  What
 * is signed for one connection is of no use anywhere else, for both sides'
 * random values are in it.
 */
#ifndef POSTHORSE_IO_TLS_KEY_H
#define POSTHORSE_IO_TLS_KEY_H

#include "io/tls.h"

struct tls_key;
/*
 * In a process that holds keys, first of all that concerns OpenSSL: what it
 * allocates after tls_key_vault_close() lies in locked memory that no dump has,
 * and is wiped when it is freed (MEM-7).  ERR_IO: no memory may be locked.
 */
#define TLS_KEY_VAULT	(4u * 1024 * 1024)	/* octets, a power of two */
MUST_USE enum err tls_key_vault_open(void);
MUST_USE enum err tls_key_vault_close(void);
/*
 * From PEM: a certificate with its chain, and the key that must belong to it.
 * Nothing is kept of the spans.  why: for the operator.
 */
MUST_USE enum err tls_key_read(struct span chain_pem, struct span key_pem,
    struct tls_key **key, char why[TLS_WHY_MAX]);
void tls_key_free(struct tls_key *key);
bool tls_key_has_id(const struct tls_key *key, const uint8_t id[TLS_KEY_ID]);
/*
 * ERR_DENIED: not what a TLS server signs, or no scheme of this key;
 * ERR_NOMEM.
 */
MUST_USE enum err tls_key_sign(const struct tls_key *key, uint16_t scheme,
    struct span octets, struct tls_signature *signature);
/* Are these octets what a TLS server signs?  Pure. */
bool tls_key_may_sign(struct span octets);

#endif
