/*
 * tls_peer.c - clients that show certificates: whom we know, and who it is.
 */
#include "io/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define DEPTH_MAX	8	/* certificates of a chain */
#define CHAIN_MAX	(64 * 1024)	/* octets of it */

static bool
is_listed(const struct tls_context *tls, const X509 *cert)
{
	uint8_t print[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (tls->nprints == 0 ||
	    X509_digest(cert, EVP_sha256(), print, &n) != 1)
		return false;
	for (size_t i = 0; i < tls->nprints; i++)
		if (memcmp(tls->prints[i], print, TLS_PRINT_OCTETS) == 0)
			return true;
	return false;
}

/*
 * Whoever is on the list is known by that, whatever else its certificate says;
 * else an authority must vouch.  Where it is optional, who is not known may
 * stay, as a stranger.  RFC 8446 4.4.2.4.
 */
static int
verify(X509_STORE_CTX *store, void *arg)
{
	const struct tls_context *tls = arg;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *c = SSL_get_app_data(ssl);

	if (is_listed(tls, X509_STORE_CTX_get0_cert(store))) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		c->is_known = true;
	} else {
		c->is_known = tls->has_authorities &&
		    X509_verify_cert(store) == 1;
		if (!tls->has_authorities)
			X509_STORE_CTX_set_error(store,
			    X509_V_ERR_CERT_UNTRUSTED);
	}
	return c->is_known || !tls->is_client_needed;
}

/* The names of the authorities are told to clients, so that they can choose. */
static enum err
names_tell(SSL_CTX *ctx, struct span pem)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	enum err e = ERR_OK;
	X509 *cert;
	BIO *bio;

	if (names == NULL || !tls_bio_of(pem, &bio)) {
		sk_X509_NAME_free(names);
		return ERR_NOMEM;
	}
	while (e == ERR_OK && (cert = PEM_read_bio_X509_AUX(bio, NULL,
	    tls_no_pass_phrase, NULL)) != NULL) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));

		X509_free(cert);
		if (name == NULL || sk_X509_NAME_push(names, name) == 0) {
			X509_NAME_free(name);
			e = ERR_NOMEM;
		}
	}
	ERR_clear_error();
	BIO_free(bio);
	SSL_CTX_set_client_CA_list(ctx, names);	/* takes it over */
	return e;
}

enum err
tls_authorities_check(struct span pem, char why[TLS_WHY_MAX])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum err e = ERR_NOMEM;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	ERR_clear_error();
	if (ctx != NULL)
		e = tls_authorities_use(ctx, pem, why);
	SSL_CTX_free(ctx);
	return e;
}

enum err
tls_context_clients(struct tls_context *tls, const struct tls_clients *who,
    char why[TLS_WHY_MAX])
{
	size_t n = who->nprints * TLS_PRINT_OCTETS;
	enum err e = ERR_OK;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	ERR_clear_error();
	if (who->ca_pem.n > 0) {
		e = tls_authorities_use(tls->ctx, who->ca_pem, why);
		if (e == ERR_OK)
			e = names_tell(tls->ctx, who->ca_pem);
		tls->has_authorities = true;
	}
	if (e == ERR_OK && n > 0) {
		tls->prints = malloc(n);
		if (tls->prints == NULL)
			return ERR_NOMEM;
		memcpy(tls->prints, who->prints, n);
		tls->nprints = who->nprints;
	}
	tls->is_client_needed = who->is_required;
	SSL_CTX_set_verify_depth(tls->ctx, DEPTH_MAX);
	SSL_CTX_set_max_cert_list(tls->ctx, CHAIN_MAX);
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER | (who->is_required ?
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
	return e;
}

/* The subject on one line, what is not printable escaped: RFC 2253 2.4. */
static void
subject_of(const X509 *cert, char to[TLS_SUBJECT_MAX])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(cert),
	    0, XN_FLAG_RFC2253) > 0)
		n = BIO_read(bio, to, TLS_SUBJECT_MAX - 1);
	to[MAX(n, 0)] = '\0';
	BIO_free(bio);
}

/* An address with octets that none has is none. */
static bool
is_plain(const ASN1_IA5STRING *text)
{
	const uint8_t *p = ASN1_STRING_get0_data(text);
	int n = ASN1_STRING_length(text);

	for (int i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f)
			return false;
	return n > 0 && n < (int)TLS_EMAIL_MAX;
}

/* The only rfc822Name; with several nobody could say who it is. */
static void
email_of(const X509 *cert, char to[TLS_EMAIL_MAX])
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL,
	    NULL);
	unsigned int found = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type != GEN_EMAIL)
			continue;
		to[0] = '\0';
		if (found++ == 0 && is_plain(name->d.rfc822Name))
			(void)snprintf(to, TLS_EMAIL_MAX, "%.*s",
			    ASN1_STRING_length(name->d.rfc822Name),
			    (const char *)ASN1_STRING_get0_data(
			    name->d.rfc822Name));
	}
	GENERAL_NAMES_free(all);
}

bool
tls_conn_identity(const struct tls_conn *c, struct tls_identity *id)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	uint8_t print[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (!c->is_known || c->over != ERR_OK ||
	    !SSL_is_init_finished(c->ssl) || cert == NULL ||
	    X509_digest(cert, EVP_sha256(), print, &n) != 1)
		return false;
	*id = (struct tls_identity){ 0 };
	for (size_t i = 0; i < TLS_PRINT_OCTETS; i++)
		(void)snprintf(id->fingerprint + 2 * i, 3, "%02x", print[i]);
	subject_of(cert, id->subject);
	email_of(cert, id->email);
	ERR_clear_error();
	return true;
}
