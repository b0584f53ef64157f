/*
 * tls_key.c - a private key that signs handshakes only.
 */
#include "io/tls_key.h"

#include "io/tls_private.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct tls_key {
	EVP_PKEY	*key;
	uint8_t		 id[TLS_KEY_ID];
};

/* The vault */

static void *
vault_malloc(size_t n, const char *file, int line)
{
	if (CRYPTO_secure_malloc_initialized())
		return CRYPTO_secure_malloc(n, file, line);
	return malloc(n);
}

static void
vault_free(void *p, const char *file, int line)
{
	if (CRYPTO_secure_allocated(p))
		CRYPTO_secure_clear_free(p, CRYPTO_secure_actual_size(p),
		    file, line);
	else
		free(p);
}

/*
 * What was allocated before the vault was closed stays where it is until it
 * grows; how large it was is not known, but malloc knows what may be read.
 */
static void *
vault_realloc(void *p, size_t n, const char *file, int line)
{
	void *to = vault_malloc(n, file, line);
	size_t was;

	if (p == NULL || to == NULL)
		return to;
	was = CRYPTO_secure_allocated(p) ? CRYPTO_secure_actual_size(p) :
	    malloc_usable_size(p);
	memcpy(to, p, MIN(was, n));
	vault_free(p, file, line);
	return to;
}

enum err
tls_key_vault_open(void)
{
	return CRYPTO_set_mem_functions(vault_malloc, vault_realloc,
	    vault_free) == 1 ? ERR_OK : ERR_DENIED;
}

enum err
tls_key_vault_close(void)
{
	/* 2: it is there, but not locked or in dumps. */
	return CRYPTO_secure_malloc_init(TLS_KEY_VAULT, 64) == 1 ? ERR_OK :
	    ERR_IO;
}

/* The octets */

/* RFC 8446 4.4.3: 64 spaces, a text and a NUL, a hash of the handshake. */
static bool
is_verify_13(struct span in)
{
	static const struct span text =
	    SPAN("TLS 1.3, server CertificateVerify\0");
	struct span spaces = span_take(&in, 64);

	for (size_t i = 0; i < spaces.n; i++)
		if (spaces.p[i] != ' ')
			return false;
	return spaces.n == 64 && span_eq(span_take(&in, text.n), text) &&
	    (in.n == 32 || in.n == 48);
}

/* RFC 8422 5.4: a named curve, and one point. */
static bool
is_ecdhe(struct span in)
{
	return in.n > 4 && in.p[0] == 3 && in.n == 4 + (size_t)in.p[3];
}

/* RFC 5246 7.4.3: p, g and our public value. */
static bool
is_dhe(struct span in)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct span length = span_take(&in, 2);
		size_t n;

		if (length.n < 2)
			return false;
		n = (size_t)length.p[0] << 8 | length.p[1];
		if (n == 0 || span_take(&in, n).n < n)
			return false;
	}
	return in.n == 0;
}

bool
tls_key_may_sign(struct span octets)
{
	struct span params;

	if (octets.n > TLS_SIGNED_MAX || octets.n < 64)
		return false;
	/* TLS 1.2: both random values, then what the server chose. */
	params = span_skip(octets, 64);
	return is_verify_13(octets) || is_ecdhe(params) || is_dhe(params);
}

/* The key */

void
tls_key_free(struct tls_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	explicit_bzero(key, sizeof *key);
	free(key);
}

static EVP_PKEY *
key_decode(struct span pem)
{
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (!tls_bio_of(pem, &bio))
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_pass_phrase, NULL);
	BIO_free(bio);
	return key;
}

/* A signature of each kind once: what OpenSSL loads late is loaded now. */
static bool
is_usable(const struct tls_key *key)
{
	static const uint8_t octets[64 + 4 + 1] = { [64] = 3, [67] = 1 };
	struct tls_signature signature;
	bool is_any = false;

	for (size_t i = 0; i < tls_nschemes; i++)
		if (tls_key_sign(key, tls_schemes[i].code,
		    span_of(octets, sizeof octets), &signature) == ERR_OK)
			is_any = true;
	ERR_clear_error();
	return is_any;
}

enum err
tls_key_read(struct span chain_pem, struct span key_pem, struct tls_key **out,
    char why[TLS_WHY_MAX])
{
	struct tls_certificate t = { 0 };
	struct tls_key *key = calloc(1, sizeof *key);
	enum err e;

	(void)snprintf(why, TLS_WHY_MAX, "out of memory");
	ERR_clear_error();
	if (key == NULL)
		return ERR_NOMEM;
	e = tls_certificate_read(&t, chain_pem, why);
	if (e == ERR_OK) {
		memcpy(key->id, t.id, sizeof key->id);
		key->key = key_decode(key_pem);
		if (key->key == NULL ||
		    X509_check_private_key(t.cert, key->key) != 1 ||
		    !is_usable(key)) {
			tls_why_queue(why, "no usable private key");
			e = ERR_SYNTAX;
		}
		tls_certificate_free(&t);
	}
	if (e != ERR_OK)
		tls_key_free(key);
	else
		*out = key;
	return e;
}

bool
tls_key_has_id(const struct tls_key *key, const uint8_t id[TLS_KEY_ID])
{
	return memcmp(key->id, id, TLS_KEY_ID) == 0;
}

static bool
sign(EVP_MD_CTX *md, EVP_PKEY *key, const struct tls_scheme *s,
    struct span octets, struct tls_signature *to)
{
	EVP_PKEY_CTX *ctx;

	to->n = sizeof to->octets;
	if (EVP_DigestSignInit_ex(md, &ctx, s->hash, NULL, NULL, key, NULL) !=
	    1)
		return false;
	/* RFC 8446 4.2.3: the salt is as long as the hash. */
	if (s->is_pss &&
	    (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) <=
	    0))
		return false;
	return EVP_DigestSign(md, to->octets, &to->n, octets.p, octets.n) == 1;
}

enum err
tls_key_sign(const struct tls_key *key, uint16_t scheme, struct span octets,
    struct tls_signature *signature)
{
	const struct tls_scheme *s = tls_scheme_find(scheme);
	EVP_MD_CTX *md;
	bool is_good;

	if (s == NULL || !EVP_PKEY_is_a(key->key, s->key) ||
	    !tls_key_may_sign(octets) || (size_t)EVP_PKEY_get_size(key->key) >
	    sizeof signature->octets)
		return ERR_DENIED;
	md = EVP_MD_CTX_new();
	is_good = md != NULL && sign(md, key->key, s, octets, signature);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return is_good ? ERR_OK : ERR_NOMEM;
}
