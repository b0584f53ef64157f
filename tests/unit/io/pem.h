/*
 * pem.h - certificates for tests, made on the spot and trusted by nobody else.
 */
#ifndef POSTHORSE_TESTS_IO_PEM_H
#define POSTHORSE_TESTS_IO_PEM_H

#include "check.h"
#include "base/span.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct pem {
	char	cert[4096];
	char	key[4096];
};

static inline void
pem_text(BIO *bio, char *to, size_t room)
{
	int n = BIO_read(bio, to, (int)room - 1);

	assert_true(n > 0);
	to[n] = '\0';
	BIO_free(bio);
}

enum pem_kind {
	PEM_P256,		/* signed with SHA-256 */
	PEM_P384,		/* with SHA-384 */
	PEM_RSA,		/* with SHA-256 */
	PEM_ED25519		/* with no hash of its own */
};

static inline EVP_PKEY *
pem_key_new(enum pem_kind kind)
{
	switch (kind) {
	case PEM_P384:
		return EVP_EC_gen("P-384");
	case PEM_RSA:
		return EVP_RSA_gen(2048);
	case PEM_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	default:
		return EVP_EC_gen("P-256");
	}
}

static inline const EVP_MD *
pem_hash(enum pem_kind kind)
{
	return kind == PEM_ED25519 ? NULL :
	    kind == PEM_P384 ? EVP_sha384() : EVP_sha256();
}

/* Self-signed; alt: "DNS:mx.example.org,DNS:*.example.org". */
static inline void
pem_make_kind(struct pem *pem, const char *alt, enum pem_kind kind)
{
	EVP_PKEY *key = pem_key_new(kind);
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_EXTENSION *ext;

	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
	assert_non_null(ext);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	(void)X509_set_issuer_name(cert, name);
	(void)X509_set_pubkey(cert, key);
	(void)X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(cert, key, pem_hash(kind)) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	pem_text(bio, pem->cert, sizeof pem->cert);
	bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0,
	    NULL, NULL), 1);
	pem_text(bio, pem->key, sizeof pem->key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* For one alternative name. */
static inline void
pem_make(struct pem *pem, const char *dns_name)
{
	char alt[300];

	(void)snprintf(alt, sizeof alt, "DNS:%s", dns_name);
	pem_make_kind(pem, alt, PEM_P256);
}

#endif
