/*
 * wire.h - a connection of the load: a socket, and TLS 1.3 over it if asked.
 *
 * Like net.h: a measuring instrument, which trusts every certificate and takes
 * up no session, so that each handshake is a whole one.
 */
#ifndef POSTHORSE_BENCH_WIRE_H
#define POSTHORSE_BENCH_WIRE_H

#include "bench/net.h"

#include <openssl/ssl.h>
#include <sys/types.h>

struct wire {
	int	 fd;		/* -1: closed */
	SSL	*ssl;		/* NULL: plain */
};

SSL_CTX *wire_context(void);
/*
 * To where; from the nth of so many addresses in 127.1.0.0/16 (0: the kernel's
 * choice).
 */
void wire_open(struct wire *w, const char *where, unsigned long nth,
    unsigned long addresses);
/* TLS from here on; the next send or receive shakes hands. */
void wire_secure(struct wire *w, SSL_CTX *ctx);
void wire_close(struct wire *w);

/*
 * As send(2) and recv(2) on a socket that does not wait.  A handshake under way
 * is EAGAIN to both, and whatever has come may have been the word that the
 * other one waits for.
 */
ssize_t wire_send(struct wire *w, const void *octets, size_t n);
ssize_t wire_recv(struct wire *w, void *to, size_t room);
/* After EAGAIN: room in the socket is what is missing. */
bool wire_wants_room(const struct wire *w);

#endif
