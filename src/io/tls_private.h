/*
 * tls_private.h - what the files of TLS share.  Nobody else includes it.
 */
#ifndef POSTHORSE_IO_TLS_PRIVATE_H
#define POSTHORSE_IO_TLS_PRIVATE_H

#include "io/tls.h"
#include "io/tls_sni.h"
#include "io/tls_tickets.h"

#include <openssl/provider.h>
#include <openssl/ssl.h>

#define TLS_NAMES_MAX	100u	/* of one certificate; more are passed over */

struct tls_name {
	uint8_t	n;
	uint8_t	octets[TLS_NAME_MAX];
};
/* A server's certificate; never changed once it is in use. */
struct tls_certificate {
	X509		*cert;
	STACK_OF(X509)	*chain;
	EVP_PKEY	*key;
	uint8_t		 hash[32];	/* SHA-256 of cert */
	uint8_t		 id[TLS_KEY_ID];	/* of its key */
	struct tls_name	*names;
	size_t		 nnames;
};

struct tls_context {
	SSL_CTX		*ctx;
	struct tls_certificate	*certificates;	/* a server's; the first is */
	size_t		 ncertificates;		/* for whoever names none */
	struct tls_tickets *tickets;		/* NULL: none are given */
	uint8_t		 binding[32];		/* SHA-256 of what they are
						 * bound to here */
	OSSL_PROVIDER	*provider;		/* of the certificates' keys */
	BIO_METHOD	*bio;
	unsigned int	 holds;		/* one thread: not atomic */
	bool		 is_server;
	bool		 is_client_needed;	/* with a certificate */
	bool		 has_authorities;	/* of clients */
	uint8_t		(*prints)[TLS_PRINT_OCTETS];	/* known clients */
	size_t		 nprints;
	bool		 is_verified;
};

struct tls_conn {
	struct tls_context	*tls;
	SSL			*ssl;
	int			 fd;
	int			 error;		/* errno of the socket */
	bool			 is_eof;
	bool			 is_drained;	/* until it is ready again */
	enum err		 over;		/* not OK: its end, and why */
	bool			 wants_write;
	bool			 is_known;	/* a server: its client is */
	bool			 has_more;	/* what is written: see tls.h */
	bool			 has_signed;	/* no step needs to stop again */
	bool			 is_leaving;	/* nothing goes out any more */
	struct tls_wish		*wish;		/* its handshake waits for */
	void			(*woken)(void *ctx);
	void			*woken_ctx;
	char			 name[64];
	char			 why[TLS_WHY_MAX];
};

/* A socket as OpenSSL sees it, without SIGPIPE; the caller frees it. */
BIO_METHOD *tls_bio_method(void);
/* tls_cert.c */
int tls_no_pass_phrase(char *buf, int size, int is_writing, void *arg);
bool tls_pem_is_end(void);
MUST_USE bool tls_bio_of(struct span octets, BIO **bio);
/* All but the key. */
MUST_USE enum err tls_certificate_read(struct tls_certificate *t,
    struct span chain_pem, char why[TLS_WHY_MAX]);
void tls_certificate_free(struct tls_certificate *t);
/* The same, shared. */
MUST_USE enum err tls_certificate_like(const struct tls_certificate *from,
    struct tls_certificate *t);
/* The one for a name, or the first. */
const struct tls_certificate *tls_certificate_find(
    const struct tls_context *tls, struct span name);

/* tls_scheme.c */
struct tls_scheme {
	uint16_t	 code;
	const char	*key;		/* OpenSSL's name of its kind */
	const char	*hash;		/* NULL: the key has its own */
	bool		 is_pss;
};
extern const struct tls_scheme tls_schemes[];
extern const size_t tls_nschemes;
const struct tls_scheme *tls_scheme_find(uint16_t code);

/* tls_wish.c */
/*
 * A step of the handshake, from which tls_wish_sign() may come back in the middle:
 * as SSL_do_handshake().
 */
int tls_wish_step(struct tls_conn *c);
/* Within such a step: a signature by the signer, or why there is none. */
MUST_USE enum err tls_wish_sign(const struct tls_signer *signer,
    const uint8_t id[TLS_KEY_ID], uint16_t scheme, struct span octets,
    struct tls_signature *to);
/* The connection is freed next: a step that waits is led to its end. */
void tls_wish_leave(struct tls_conn *c);

/* tls_remote.c */
/* Counted: whoever makes such keys holds it as long as they live. */
MUST_USE enum err tls_remote_open(OSSL_PROVIDER **provider);
void tls_remote_close(OSSL_PROVIDER *provider);
MUST_USE enum err tls_key_id(EVP_PKEY *pub, uint8_t id[TLS_KEY_ID]);
/* The same key with a signer behind it, which must outlive it. */
MUST_USE enum err tls_remote_key(EVP_PKEY *pub,
    const struct tls_signer *signer, EVP_PKEY **key);

/* tls.c */
MUST_USE enum err tls_authorities_use(SSL_CTX *ctx, struct span pem,
    char why[TLS_WHY_MAX]);

/* tls_hello.c: what a ClientHello decides. */
void tls_hello_watch(struct tls_context *tls);

/* "what: the first reason on OpenSSL's queue"; empties the queue. */
void tls_why_queue(char why[TLS_WHY_MAX], const char *what);

#endif
