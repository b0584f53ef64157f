/*
 * jwt_make.h - keys and tokens of an issuer, for tests: made with OpenSSL.
 */
#ifndef POSTHORSE_TESTS_JWT_MAKE_H
#define POSTHORSE_TESTS_JWT_MAKE_H

#include "role/lookup/jwt.h"

#include "check.h"

#include "base/base64.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

static struct buf
url(struct span octets)
{
	struct buf text = buf_make(4096);

	assert_int_equal(base64_encode(octets, &text), ERR_OK);
	while (text.n > 0 && text.p[text.n - 1] == '=')
		buf_cut(&text, text.n - 1);
	for (size_t i = 0; i < text.n; i++)
		text.p[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' :
		    text.p[i];
	return text;
}

static void
add_url(struct buf *to, struct span octets)
{
	struct buf text = url(octets);

	assert_int_equal(buf_add(to, buf_span(&text)), ERR_OK);
	buf_free(&text);
}

static void
add_number(struct buf *to, const EVP_PKEY *key, const char *param,
    const char *name)
{
	BIGNUM *n = NULL;
	uint8_t octets[1024];

	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
	assert_int_equal(buf_addf(to, ",\"%s\":\"", name), ERR_OK);
	/* Coordinates keep their leading zeros. */
	add_url(to, span_of(octets, (size_t)(strcmp(name, "x") == 0 ||
	    strcmp(name, "y") == 0 ? BN_bn2binpad(n, octets, 32) :
	    BN_bn2bin(n, octets))));
	assert_int_equal(buf_addc(to, '"'), ERR_OK);
	BN_free(n);
}

/* The public half as a JWK. */
static void
add_jwk(struct buf *to, const EVP_PKEY *key, const char *kid,
    const char *more)
{
	uint8_t octets[32];
	size_t n = sizeof octets;

	assert_int_equal(buf_addf(to, "{\"kid\":\"%s\"%s", kid, more), ERR_OK);
	if (EVP_PKEY_is_a(key, "RSA")) {
		assert_int_equal(buf_addf(to, ",\"kty\":\"RSA\""), ERR_OK);
		add_number(to, key, OSSL_PKEY_PARAM_RSA_N, "n");
		add_number(to, key, OSSL_PKEY_PARAM_RSA_E, "e");
	} else if (EVP_PKEY_is_a(key, "EC")) {
		assert_int_equal(buf_addf(to, ",\"kty\":\"EC\",\"crv\":"
		    "\"P-256\""), ERR_OK);
		add_number(to, key, OSSL_PKEY_PARAM_EC_PUB_X, "x");
		add_number(to, key, OSSL_PKEY_PARAM_EC_PUB_Y, "y");
	} else {
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, octets, &n),
		    1);
		assert_int_equal(buf_addf(to, ",\"kty\":\"OKP\",\"crv\":"
		    "\"Ed25519\",\"x\":\""), ERR_OK);
		add_url(to, span_of(octets, n));
		assert_int_equal(buf_addc(to, '"'), ERR_OK);
	}
	assert_int_equal(buf_addc(to, '}'), ERR_OK);
}

/* R and S out of DER (RFC 7518 3.4). */
static size_t
to_raw(uint8_t *octets, size_t n)
{
	const uint8_t *p = octets;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	uint8_t raw[64];

	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32),
	    32);
	ECDSA_SIG_free(sig);
	memcpy(octets, raw, sizeof raw);
	return sizeof raw;
}

/* The caller frees. */
static struct buf
make_token(EVP_PKEY *key, const char *header, const char *payload)
{
	struct buf token = buf_make(2 * JWT_MAX);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t n = sizeof signature;

	add_url(&token, span_str(header));
	assert_int_equal(buf_addc(&token, '.'), ERR_OK);
	add_url(&token, span_str(payload));
	assert_int_equal(EVP_DigestSignInit(ctx, NULL,
	    EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &n, token.p, token.n),
	    1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_is_a(key, "EC"))
		n = to_raw(signature, n);
	assert_int_equal(buf_addc(&token, '.'), ERR_OK);
	add_url(&token, span_of(signature, n));
	return token;
}

#endif
