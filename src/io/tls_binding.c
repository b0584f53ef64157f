/*
 * tls_binding.c - what ties a login to this one TLS connection.
 */
#include "io/tls_private.h"

#include <openssl/err.h>
#include <openssl/x509.h>

/* RFC 9266 2: no NUL behind it, and a context of no octets. */
#define EXPORTER	"EXPORTER-Channel-Binding"

enum err
tls_conn_exporter(const struct tls_conn *c,
    uint8_t value[TLS_EXPORTER_OCTETS])
{
	static const uint8_t nothing[1];

	if (c->over != ERR_OK || !SSL_is_init_finished(c->ssl))
		return ERR_NONE;
	/* RFC 9266 2: below 1.3 only with the extended master secret. */
	if (SSL_version(c->ssl) < TLS1_3_VERSION &&
	    SSL_get_extms_support(c->ssl) != 1)
		return ERR_NONE;
	if (SSL_export_keying_material(c->ssl, value, TLS_EXPORTER_OCTETS,
	    EXPORTER, sizeof EXPORTER - 1, nothing, 0, 1) == 1)
		return ERR_OK;
	ERR_clear_error();
	return ERR_NOMEM;
}

/*
 * RFC 5929 4.1: the hash of the signature, but SHA-256 in place of the broken
 * ones; none where the signature has none (Ed25519).
 */
static const EVP_MD *
binding_hash(X509 *cert)
{
	int hash = NID_undef;

	if (X509_get_signature_info(cert, &hash, NULL, NULL, NULL) != 1)
		return NULL;
	if (hash == NID_md5 || hash == NID_sha1)
		return EVP_sha256();
	return hash == NID_undef ? NULL : EVP_get_digestbynid(hash);
}

enum err
tls_conn_end_point(const struct tls_conn *c, uint8_t hash[TLS_END_POINT_MAX],
    size_t *n)
{
	X509 *cert = c->tls->is_server ? SSL_get_certificate(c->ssl) :
	    SSL_get0_peer_certificate(c->ssl);
	const EVP_MD *md;
	unsigned int octets = 0;

	_Static_assert(TLS_END_POINT_MAX >= EVP_MAX_MD_SIZE, "any hash");
	if (c->over != ERR_OK || !SSL_is_init_finished(c->ssl) ||
	    cert == NULL)
		return ERR_NONE;
	md = binding_hash(cert);
	ERR_clear_error();
	if (md == NULL)
		return ERR_NONE;
	if (X509_digest(cert, md, hash, &octets) != 1) {
		ERR_clear_error();
		return ERR_NOMEM;
	}
	*n = octets;
	return ERR_OK;
}
