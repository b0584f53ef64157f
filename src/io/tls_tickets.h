/*
 * tls_tickets.h - the keys under which a server's session tickets are sealed.
 *
 * One set for all contexts of a process, used by several threads.  The newest
 * key seals for its time and opens for longer; the one before it opens until its
 * own time is over.  Without a key to seal with, every handshake is a
 * full one.  They lie in locked memory that no dump has, and are wiped (MEM-7).
 * RFC 5077 4, RFC 8446 4.6.1.
 */
#ifndef POSTHORSE_IO_TLS_TICKETS_H
#define POSTHORSE_IO_TLS_TICKETS_H

#include "base/span.h"

/* A name of 16 octets, 32 to encrypt and 32 to authenticate with. */
#define TLS_TICKET_KEY	80u

struct tls_tickets;
/* Before the sandbox and its threads.  ERR_IO: no memory can be locked. */
MUST_USE enum err tls_tickets_new(struct tls_tickets **t);
void tls_tickets_free(struct tls_tickets *t);
/* key: random, of TLS_TICKET_KEY octets; what it does it does from now on. */
void tls_tickets_add(struct tls_tickets *t, struct span key, uint64_t seals_ms,
    uint64_t opens_ms);
/* Is there a key to seal with now? */
bool tls_tickets_has_key(struct tls_tickets *t);

#endif
