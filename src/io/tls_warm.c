/*
 * tls_warm.c - shake hands with ourselves, in memory.
 *
 * OpenSSL finds its algorithms, seeds its generator and builds its tables when
 * they are first used.  All that is done here, before the sandbox forbids it
 * to look around.
 */
#include "io/tls_private.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#define STEPS_MAX	16u	/* a handshake in memory takes four */

/* A certificate that nobody will ever see, for its own key. */
static X509 *
certificate_make(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	if (cert == NULL)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), 0) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert), 3600) == NULL ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"warm-up", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(cert, name) != 1 ||
	    X509_set_pubkey(cert, key) != 1 ||
	    X509_sign(cert, key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static bool
certificate_use(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key != NULL ? certificate_make(key) : NULL;
	bool is_good = cert != NULL &&
	    SSL_CTX_use_certificate(ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	return is_good;
}

/* Step both sides in turn; then one octet each way. */
static bool
talk(SSL *server, SSL *client)
{
	uint8_t octet = 0;

	for (unsigned int i = 0; i < STEPS_MAX; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server))
		return false;
	return SSL_write(client, &octet, 1) == 1 &&
	    SSL_read(server, &octet, 1) == 1 &&
	    SSL_write(server, &octet, 1) == 1 &&
	    SSL_read(client, &octet, 1) == 1;
}

static bool
shake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *a = NULL, *b = NULL;
	bool is_good = false;

	if (server != NULL && client != NULL &&
	    BIO_new_bio_pair(&a, 0, &b, 0) == 1) {
		SSL_set_bio(server, a, a);
		SSL_set_bio(client, b, b);
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		is_good = SSL_set_max_proto_version(client, version) == 1 &&
		    talk(server, client);
	}
	SSL_free(server);
	SSL_free(client);
	return is_good;
}

enum err
tls_warm_up(void)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	enum err e = ERR_IO;

	if (server != NULL && client != NULL && certificate_use(server) &&
	    shake(server, client, TLS1_2_VERSION) &&
	    shake(server, client, TLS1_3_VERSION))
		e = ERR_OK;
	/* An error's words are looked up late, too. */
	(void)ERR_reason_error_string(ERR_peek_error());
	ERR_clear_error();
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	return e;
}
