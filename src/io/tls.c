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

/* TLS-6.  The list is checked by OpenSSL: octet counts that fill it. */
static int
alpn_choose(SSL *ssl UNUSED, const unsigned char **out, unsigned char *nout,
    const unsigned char *in, unsigned int nin, void *arg UNUSED)
{
	static const struct span ours[] = { SPAN("smtp"), SPAN("esmtp") };
	struct span list = span_of(in, nin), name;

	while (list.n > 0) {
		size_t n = list.p[0];

		list = span_skip(list, 1);
		name = span_take(&list, n);
		for (size_t i = 0; i < COUNT(ours); i++) {
			if (!span_eq(name, ours[i]))
				continue;
			*out = name.p;
			*nout = (unsigned char)name.n;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* TLS-4, and what keeps an idle connection small. */
static enum err
context_limits(SSL_CTX *ctx)
{
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_12) != 1 ||
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
	if (t->ctx == NULL || t->bio == NULL ||
	    context_limits(t->ctx) != ERR_OK) {
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
	SSL_CTX_free(t->ctx);
	BIO_meth_free(t->bio);
	free(t);
}

/* A key with a pass phrase is an error, never a question on a terminal. */
static int
no_pass_phrase(char *buf UNUSED, int size UNUSED, int is_writing UNUSED,
    void *arg UNUSED)
{
	return -1;
}

/* True when reading ended because there is no further PEM block. */
static bool
pem_is_end(void)
{
	unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static bool
bio_of(struct span octets, BIO **bio)
{
	*bio = octets.n <= INT32_MAX ?
	    BIO_new_mem_buf(octets.p, (int)octets.n) : NULL;
	return *bio != NULL;
}

static enum err
chain_use(SSL_CTX *ctx, struct span pem, char why[TLS_WHY_MAX])
{
	enum err e = ERR_SYNTAX;
	X509 *cert = NULL;
	BIO *bio;

	if (!bio_of(pem, &bio))
		return ERR_NOMEM;
	cert = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase, NULL);
	if (cert == NULL || SSL_CTX_use_certificate(ctx, cert) != 1) {
		tls_why_queue(why, "no usable certificate");
		goto out;
	}
	X509_free(cert);
	while ((cert = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL)) !=
	    NULL)
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			tls_why_queue(why, "bad certificate in the chain");
			goto out;
		}
	if (!pem_is_end()) {
		tls_why_queue(why, "bad certificate in the chain");
		goto out;
	}
	ERR_clear_error();
	e = ERR_OK;
out:
	X509_free(cert);
	BIO_free(bio);
	return e;
}

static enum err
key_use(SSL_CTX *ctx, struct span pem, char why[TLS_WHY_MAX])
{
	enum err e = ERR_OK;
	EVP_PKEY *key;
	BIO *bio;

	if (!bio_of(pem, &bio))
		return ERR_NOMEM;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	BIO_free(bio);
	if (key == NULL || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		tls_why_queue(why, "no usable private key");
		e = ERR_SYNTAX;
	}
	EVP_PKEY_free(key);
	return e;
}

enum err
tls_context_server(struct span chain_pem, struct span key_pem,
    struct tls_context **tls, char why[TLS_WHY_MAX])
{
	struct tls_context *t;
	enum err e;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	ERR_clear_error();
	e = context_new(true, &t);
	if (e != ERR_OK)
		return e;
	e = chain_use(t->ctx, chain_pem, why);
	if (e == ERR_OK)
		e = key_use(t->ctx, key_pem, why);
	if (e != ERR_OK) {
		tls_context_free(t);
		return e;
	}
	(void)SSL_CTX_set_options(t->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_dh_auto(t->ctx, 1);
	SSL_CTX_set_alpn_select_cb(t->ctx, alpn_choose, NULL);
	*tls = t;
	return ERR_OK;
}

static enum err
authorities_use(SSL_CTX *ctx, struct span pem, char why[TLS_WHY_MAX])
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	enum err e = ERR_OK;
	size_t n = 0;
	X509 *cert;
	BIO *bio;

	if (!bio_of(pem, &bio))
		return ERR_NOMEM;
	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase,
	    NULL)) != NULL) {
		if (X509_STORE_add_cert(store, cert) == 1)
			n++;
		X509_free(cert);
	}
	if (n == 0 || !pem_is_end()) {
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
		e = authorities_use(t->ctx, ca_pem, why);
	if (e != ERR_OK) {
		tls_context_free(t);
		return e;
	}
	*tls = t;
	return ERR_OK;
}
