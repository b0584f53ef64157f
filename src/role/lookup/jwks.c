#include "role/lookup/jwks.h"

#include "base/base64.h"
#include "base/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#define NUMBER_MAX	1024u		/* octets of a key's number */
#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192
#define COORDINATE	32u		/* octets, P-256 and Ed25519 */

/* --- JSON --- */

json_t *
jwks_json(struct span text)
{
	json_t *root = !json_is_shallow(text) ? NULL : json_loadb(
	    (const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* --- keys --- */

static const struct {
	const char	*name, *kty, *crv;	/* crv "": none */
} algs[JWKS_ALG_COUNT] = {
	[JWKS_RS256] = { "RS256", "RSA", "" },
	[JWKS_ES256] = { "ES256", "EC", "P-256" },
	[JWKS_EDDSA] = { "EdDSA", "OKP", "Ed25519" },
};

bool
jwks_alg(const char *name, enum jwks_alg *alg)
{
	for (size_t i = 0; i < COUNT(algs); i++)
		if (strcmp(name, algs[i].name) == 0) {
			*alg = (enum jwks_alg)i;
			return true;
		}
	return false;
}

/* A member in base64url.  The caller frees. */
static struct buf
number_of(const json_t *jwk, const char *name)
{
	struct buf octets = buf_make(NUMBER_MAX);

	if (base64url_decode(span_str(text_of(jwk, name)), &octets) != ERR_OK)
		buf_cut(&octets, 0);
	return octets;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
read_rsa(const json_t *jwk)
{
	struct buf n = number_of(jwk, "n"), e = number_of(jwk, "e");
	BIGNUM *modulus = BN_bin2bn(n.p, (int)n.n, NULL);
	BIGNUM *exponent = BN_bin2bn(e.p, (int)e.n, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (modulus != NULL && exponent != NULL && bld != NULL &&
	    BN_num_bits(modulus) >= RSA_BITS_MIN &&
	    BN_num_bits(modulus) <= RSA_BITS_MAX &&
	    BN_num_bits(exponent) >= 2 && BN_num_bits(exponent) <= 64 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		key = from_params("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_free(modulus);
	BN_free(exponent);
	buf_free(&n);
	buf_free(&e);
	return key;
}

static EVP_PKEY *
read_ec(const json_t *jwk)
{
	struct buf x = number_of(jwk, "x"), y = number_of(jwk, "y");
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * COORDINATE] = { 4 };	/* both coordinates */
	EVP_PKEY *key = NULL;

	if (bld != NULL && x.n == COORDINATE && y.n == COORDINATE) {
		memcpy(point + 1, x.p, COORDINATE);
		memcpy(point + 1 + COORDINATE, y.p, COORDINATE);
		if (OSSL_PARAM_BLD_push_utf8_string(bld,
		    OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
		    OSSL_PARAM_BLD_push_octet_string(bld,
		    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
			key = from_params("EC", bld);
	}
	OSSL_PARAM_BLD_free(bld);
	buf_free(&x);
	buf_free(&y);
	return key;
}

static EVP_PKEY *
read_okp(const json_t *jwk)
{
	struct buf x = number_of(jwk, "x");
	EVP_PKEY *key = x.n != COORDINATE ? NULL :
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);

	buf_free(&x);
	return key;
}

/* Which of ours it is for; a secret that was left in makes it no public key. */
static bool
is_for(const json_t *jwk, size_t alg)
{
	const char *use = text_of(jwk, "use"), *said = text_of(jwk, "alg");

	return strcmp(text_of(jwk, "kty"), algs[alg].kty) == 0 &&
	    strcmp(text_of(jwk, "crv"), algs[alg].crv) == 0 &&
	    (use[0] == '\0' || strcmp(use, "sig") == 0) &&
	    (said[0] == '\0' || strcmp(said, algs[alg].name) == 0);
}

static void
add_key(struct jwks *keys, const json_t *jwk)
{
	static EVP_PKEY *(*const readers[JWKS_ALG_COUNT])(const json_t *) = {
		[JWKS_RS256] = read_rsa,
		[JWKS_ES256] = read_ec,
		[JWKS_EDDSA] = read_okp,
	};
	const char *kid = text_of(jwk, "kid");

	for (size_t i = 0; i < COUNT(algs); i++) {
		struct jwks_key *k = &keys->keys[keys->n];

		if (keys->n == JWKS_KEYS_MAX || !is_for(jwk, i) ||
		    strlen(kid) > JWKS_KID_MAX)
			continue;
		k->key = readers[i](jwk);
		if (k->key == NULL)
			continue;
		k->alg = (enum jwks_alg)i;
		memcpy(k->kid, kid, strlen(kid) + 1);
		keys->n++;
	}
	ERR_clear_error();
}

enum err
jwks_parse(struct span text, struct jwks **keys)
{
	json_t *root = jwks_json(text), *list = json_object_get(root, "keys");
	struct jwks *fresh = calloc(1, sizeof *fresh);
	enum err e = fresh == NULL ? ERR_NOMEM :
	    json_is_array(list) ? ERR_OK : ERR_SYNTAX;

	for (size_t i = 0; e == ERR_OK && i < json_array_size(list); i++)
		add_key(fresh, json_array_get(list, i));
	json_decref(root);
	if (e == ERR_OK && fresh->n == 0)
		e = ERR_NONE;
	if (e != ERR_OK) {
		free(fresh);
		return e;
	}
	fresh->uses = 1;
	*keys = fresh;
	return ERR_OK;
}

struct jwks *
jwks_hold(struct jwks *keys)
{
	keys->uses++;
	return keys;
}

void
jwks_drop(struct jwks *keys)
{
	if (keys == NULL || --keys->uses > 0)
		return;
	for (size_t i = 0; i < keys->n; i++)
		EVP_PKEY_free(keys->keys[i].key);
	free(keys);
}
