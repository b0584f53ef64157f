/*
 * tls_private.h - what the files of TLS share.  Nobody else includes it.
 */
#ifndef POSTHORSE_IO_TLS_PRIVATE_H
#define POSTHORSE_IO_TLS_PRIVATE_H

#include "io/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	SSL_CTX		*ctx;
	BIO_METHOD	*bio;
	unsigned int	 holds;		/* one thread: not atomic */
	bool		 is_server;
	bool		 is_verified;
};

/* A socket as OpenSSL sees it, without SIGPIPE; the caller frees it. */
BIO_METHOD *tls_bio_method(void);
/* "what: the first reason on OpenSSL's queue"; empties the queue. */
void tls_why_queue(char why[TLS_WHY_MAX], const char *what);

#endif
