/*
 * tls.c - contexts: what we speak, with which certificate, trusting whom.
 */
#include "io/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/*
 * TLS 1.2 suites.  Mail is often encrypted without being asked for, so that a
 * suite without forward secrecy is still better than plain text; what is
 * broken (RC4, 3DES, MD5, NULL, anonymous) is never offered.  RFC 7435 1.2.
 */
#define CIPHERS_12	"HIGH:!aNULL:!eNULL:!3DES:!MD5:!PSK:!SRP:" \
	"!CAMELLIA:!ARIA"
/*
 * A server's key signs and never decrypts: whoever speaks TLS 1.2 has known
 * Diffie and Hellman for longer than that.
 */
#define CIPHERS_12_SERVER	CIPHERS_12 ":!kRSA"

/*
 * TLS 1.3 suites, in a server's order.  The key exchange and the usual key are
 * of 128 bits, so 256 of AES add nothing, and SHA-384 costs a handshake more
 * than SHA-256, for which processors have instructions.
 */
#define CIPHERS_13	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
	"TLS_CHACHA20_POLY1305_SHA256"

/* The oldest error on the queue is the one that began it. */
void
tls_why_queue(char why[TLS_WHY_MAX], const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	(void)snprintf(why, TLS_WHY_MAX, "%s%s%s", what,
	    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
}

/* TLS-4, and what keeps an idle connection small. */
static enum err
context_limits(SSL_CTX *ctx, bool is_server)
{
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, is_server ? CIPHERS_12_SERVER :
	    CIPHERS_12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, CIPHERS_13) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
	    SSL_CTX_set_recv_max_early_data(ctx, 0) != 1)
		return ERR_IO;
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	/* Debian's OpenSSL 3 clears it by default; an operator's openssl.cnf
	 * may not bring it back. */
	(void)SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT |
	    SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	/* A record is a call of recv() then, not two; an idle connection has no
	 * buffer for it all the same. */
	SSL_CTX_set_read_ahead(ctx, 1);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return ERR_OK;
}

static enum err
context_new(bool is_server, struct tls_context **tls)
{
	struct tls_context *t = calloc(1, sizeof *t);

	if (t == NULL)
		return ERR_NOMEM;
	t->holds = 1;
	t->is_server = is_server;
	t->bio = tls_bio_method();
	t->ctx = SSL_CTX_new(is_server ? TLS_server_method() :
	    TLS_client_method());
	if (is_server)
		t->certificates = calloc(TLS_CERTIFICATES_MAX,
		    sizeof *t->certificates);
	if (t->ctx == NULL || t->bio == NULL ||
	    (is_server && (t->certificates == NULL ||
	    tls_remote_open(&t->provider) != ERR_OK)) ||
	    context_limits(t->ctx, is_server) != ERR_OK) {
		tls_context_free(t);
		return ERR_NOMEM;
	}
	*tls = t;
	return ERR_OK;
}

struct tls_context *
tls_context_hold(struct tls_context *t)
{
	t->holds++;
	return t;
}

void
tls_context_free(struct tls_context *t)
{
	if (t == NULL || --t->holds > 0)
		return;
	for (size_t i = 0; i < t->ncertificates; i++)
		tls_certificate_free(&t->certificates[i]);
	free(t->certificates);
	free(t->prints);
	SSL_CTX_free(t->ctx);
	tls_remote_close(t->provider);
	BIO_meth_free(t->bio);
	free(t);
}

/* Whoever names no other gets the first. */
static bool
default_use(struct tls_context *t)
{
	const struct tls_certificate *c = &t->certificates[0];

	return SSL_CTX_use_cert_and_key(t->ctx, c->cert, c->key, c->chain,
	    1) == 1;
}

enum err
tls_context_add(struct tls_context *t, struct span chain_pem,
    const struct tls_signer *signer, char why[TLS_WHY_MAX])
{
	struct tls_certificate *c = &t->certificates[t->ncertificates];
	enum err e;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	if (t->ncertificates == TLS_CERTIFICATES_MAX)
		return ERR_FULL;
	ERR_clear_error();
	e = tls_certificate_read(c, chain_pem, why);
	if (e != ERR_OK)
		return e;
	if (tls_remote_key(X509_get0_pubkey(c->cert), signer, &c->key) !=
	    ERR_OK || (t->ncertificates == 0 && !default_use(t))) {
		tls_why_queue(why, "no usable certificate");
		tls_certificate_free(c);
		return ERR_SYNTAX;
	}
	t->ncertificates++;
	return ERR_OK;
}

/* Of every context of a server. */
static enum err
server_new(struct tls_context **tls)
{
	enum err e;

	ERR_clear_error();
	e = context_new(true, tls);
	if (e != ERR_OK)
		return e;
	(void)SSL_CTX_set_options((*tls)->ctx,
	    SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_dh_auto((*tls)->ctx, 1);
	tls_hello_watch(*tls);
	return ERR_OK;
}

enum err
tls_context_server(struct span chain_pem, const struct tls_signer *signer,
    struct tls_context **tls, char why[TLS_WHY_MAX])
{
	struct tls_context *t;
	enum err e;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	e = server_new(&t);
	if (e != ERR_OK)
		return e;
	e = tls_context_add(t, chain_pem, signer, why);
	if (e != ERR_OK)
		tls_context_free(t);
	else
		*tls = t;
	return e;
}

enum err
tls_context_like(const struct tls_context *from, struct tls_context **tls)
{
	struct tls_context *t;
	enum err e = server_new(&t);

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && t->ncertificates < from->ncertificates) {
		size_t i = t->ncertificates;

		e = tls_certificate_like(&from->certificates[i],
		    &t->certificates[i]);
		if (e == ERR_OK)
			t->ncertificates++;
	}
	if (e == ERR_OK && !default_use(t))
		e = ERR_NOMEM;
	if (e != ERR_OK) {
		tls_context_free(t);
		return e;
	}
	*tls = t;
	return ERR_OK;
}

enum err
tls_authorities_use(SSL_CTX *ctx, struct span pem, char why[TLS_WHY_MAX])
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	enum err e = ERR_OK;
	size_t n = 0;
	X509 *cert;
	BIO *bio;

	if (!tls_bio_of(pem, &bio))
		return ERR_NOMEM;
	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, tls_no_pass_phrase,
	    NULL)) != NULL) {
		if (X509_STORE_add_cert(store, cert) == 1)
			n++;
		X509_free(cert);
	}
	if (n == 0 || !tls_pem_is_end()) {
		tls_why_queue(why, "no usable certificates to trust");
		e = ERR_SYNTAX;
	}
	ERR_clear_error();
	BIO_free(bio);
	return e;
}

enum err
tls_context_client(struct span ca_pem, bool is_verified,
    struct tls_context **tls, char why[TLS_WHY_MAX])
{
	struct tls_context *t;
	enum err e;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	ERR_clear_error();
	e = context_new(false, &t);
	if (e != ERR_OK)
		return e;
	t->is_verified = is_verified;
	if (is_verified)
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	if (ca_pem.n > 0 || is_verified)
		e = tls_authorities_use(t->ctx, ca_pem, why);
	if (e != ERR_OK) {
		tls_context_free(t);
		return e;
	}
	*tls = t;
	return ERR_OK;
}
