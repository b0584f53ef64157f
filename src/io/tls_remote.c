/*
 * tls_remote.c - a private key that is somewhere else, as OpenSSL sees it.
 *
 * A provider of our own: its keys are public ones with a signer behind them.
 * It can sign, one message in one call, and nothing else.  The message crosses
 * whole, so that whoever holds the key sees what it is asked to sign; a method
 * of the older API would be handed padded blocks, and could be made to sign or
 * decrypt anything.
 *
 * OpenSSL prefers no provider by itself: ours is named wherever a key of it is
 * made, and its keys cannot be exported to another, so that nobody else is
 * asked to sign with them.
 */
#include "io/tls_private.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define NAME		"posthorse"
#define OURS		"provider=" NAME
#define SIGNER		"posthorse-signer"	/* a parameter: its address */
#define PARAMS_MAX	64u

/* Keys */

struct remote_key {
	char			 type[16];
	EVP_PKEY		*pub;		/* the default provider's */
	uint8_t			 id[TLS_KEY_ID];
	const struct tls_signer	*signer;	/* NULL: only to compare */
};

static void *
key_new(const char *type)
{
	struct remote_key *k = calloc(1, sizeof *k);

	if (k != NULL)
		(void)snprintf(k->type, sizeof k->type, "%s", type);
	return k;
}

static void *
key_new_ec(void *provider UNUSED)
{
	return key_new("EC");
}

static void *
key_new_rsa(void *provider UNUSED)
{
	return key_new("RSA");
}

static void *
key_new_ed25519(void *provider UNUSED)
{
	return key_new("ED25519");
}

static void
key_free(void *key)
{
	struct remote_key *k = key;

	if (k != NULL)
		EVP_PKEY_free(k->pub);
	free(k);
}

/* A signer may do what a private key does. */
static int
key_has(const void *key, int selection)
{
	const struct remote_key *k = key;

	return k->pub != NULL &&
	    ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
	    k->signer != NULL);
}

static int
key_match(const void *a, const void *b, int selection UNUSED)
{
	const struct remote_key *ka = a, *kb = b;

	return ka->pub != NULL && kb->pub != NULL &&
	    memcmp(ka->id, kb->id, sizeof ka->id) == 0;
}

enum err
tls_key_id(EVP_PKEY *pub, uint8_t id[TLS_KEY_ID])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pub, &der);
	bool is_good = n > 0 && EVP_Digest(der, (size_t)n, id, NULL,
	    EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return is_good ? ERR_OK : ERR_NOMEM;
}

static int
key_import(void *key, int selection UNUSED, const OSSL_PARAM params[])
{
	const OSSL_PARAM *signer = OSSL_PARAM_locate_const(params, SIGNER);
	struct remote_key *k = key;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type,
	    "provider=default");
	bool is_good = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &k->pub, EVP_PKEY_PUBLIC_KEY,
	    (OSSL_PARAM *)(uintptr_t)params) == 1 &&
	    tls_key_id(k->pub, k->id) == ERR_OK;

	EVP_PKEY_CTX_free(ctx);
	if (is_good && signer != NULL && signer->data_size == sizeof k->signer)
		memcpy(&k->signer, signer->data, sizeof k->signer);
	return is_good;
}

static const OSSL_PARAM *
key_import_types(int selection UNUSED)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(SIGNER, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	return types;
}

static int
key_get_params(void *key, OSSL_PARAM params[])
{
	const struct remote_key *k = key;

	return EVP_PKEY_get_params(k->pub, params);
}

static const OSSL_PARAM *
key_gettable_params(void *provider UNUSED)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_END
	};

	return types;
}

static const char *
query_ec(int operation UNUSED)
{
	return "ECDSA";
}

#define FUNCTION(id, f)	{ id, (void (*)(void))(f) }
#define KEYS_OF(type) \
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new_##type), \
	FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free), \
	FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has), \
	FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params)
static const OSSL_DISPATCH keys_ec[] = {
	KEYS_OF(ec),
	FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, query_ec),
	{ 0, NULL }
};
static const OSSL_DISPATCH keys_rsa[] = { KEYS_OF(rsa), { 0, NULL } };
static const OSSL_DISPATCH keys_ed25519[] = { KEYS_OF(ed25519), { 0, NULL } };

/* Signatures */

struct signing {
	const struct remote_key	*key;
	const char		*hash;		/* of the table; NULL: none */
	bool			 is_pss;
};

static void *
sign_new(void *provider UNUSED, const char *query UNUSED)
{
	return calloc(1, sizeof(struct signing));
}

static void
sign_free(void *ctx)
{
	free(ctx);
}

/* The names that libssl has for what the table calls otherwise. */
static bool
is_hash(const char *name, const char *ours)
{
	struct span short_name = span_str(name), whole = span_str(ours);

	/* "SHA256" is "SHA2-256". */
	return span_eq_nocase(short_name, whole) ||
	    (short_name.n == 6 && whole.n == 8 &&
	    span_starts_nocase(short_name, SPAN("SHA")) &&
	    span_eq(span_skip(short_name, 3), span_skip(whole, 5)));
}

static const struct tls_scheme *
scheme_of(const struct signing *s)
{
	for (size_t i = 0; i < tls_nschemes; i++) {
		const struct tls_scheme *t = &tls_schemes[i];

		if (t->is_pss == s->is_pss &&
		    strcmp(t->key, s->key->type) == 0 && t->hash == s->hash)
			return t;
	}
	return NULL;
}

static int
sign_set_params(void *ctx, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = params == NULL ? NULL :
	    OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signing *s = ctx;
	int mode;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		s->is_pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (OSSL_PARAM_get_int(p, &mode) == 1)
		s->is_pss = mode == RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *
sign_settable_params(void *ctx UNUSED, void *provider UNUSED)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL,
		    0),
		OSSL_PARAM_END
	};

	return types;
}

static int
sign_begin(void *ctx, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = ctx;

	s->key = key;
	s->hash = NULL;
	for (size_t i = 0; hash != NULL && hash[0] != '\0' &&
	    i < tls_nschemes; i++)
		if (tls_schemes[i].hash != NULL &&
		    strcmp(tls_schemes[i].key, s->key->type) == 0 &&
		    is_hash(hash, tls_schemes[i].hash))
			s->hash = tls_schemes[i].hash;
	return sign_set_params(ctx, params) && scheme_of(s) != NULL;
}

static int
sign_whole(void *ctx, unsigned char *to, size_t *n, size_t room,
    const unsigned char *octets, size_t noctets)
{
	const struct signing *s = ctx;
	const struct tls_scheme *scheme = scheme_of(s);
	const struct tls_signer *signer = s->key->signer;
	struct tls_signature signature;

	if (to == NULL) {
		*n = (size_t)EVP_PKEY_get_size(s->key->pub);
		return 1;
	}
	if (scheme == NULL || signer == NULL || noctets > TLS_SIGNED_MAX ||
	    tls_wish_sign(signer, s->key->id, scheme->code,
	    span_of(octets, noctets), &signature) != ERR_OK ||
	    signature.n > room)
		return 0;
	memcpy(to, signature.octets, signature.n);
	*n = signature.n;
	return 1;
}

static const OSSL_DISPATCH signatures[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_begin),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign_whole),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
	    sign_settable_params),
	{ 0, NULL }
};

/* The provider */

static const OSSL_ALGORITHM *
provider_query(void *provider UNUSED, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "EC:id-ecPublicKey", OURS, keys_ec, NULL },
		{ "RSA:rsaEncryption", OURS, keys_rsa, NULL },
		{ "ED25519", OURS, keys_ed25519, NULL },
		{ NULL, NULL, NULL, NULL }
	}, signing[] = {
		{ "ECDSA", OURS, signatures, NULL },
		{ "RSA:rsaEncryption", OURS, signatures, NULL },
		{ "ED25519", OURS, signatures, NULL },
		{ NULL, NULL, NULL, NULL }
	};

	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keys :
	    operation == OSSL_OP_SIGNATURE ? signing : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in UNUSED,
    const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
		{ 0, NULL }
	};

	*provider = (void *)(uintptr_t)handle;
	*out = functions;
	return 1;
}

/*
 * Who loads one by hand loses the default, and anybody else's keys shall go on
 * to come from there: it is loaded too, and stays.
 */
static bool
provider_add(void)
{
	return OSSL_PROVIDER_available(NULL, NAME) == 1 ||
	    (OSSL_PROVIDER_load(NULL, "default") != NULL &&
	    EVP_set_default_properties(NULL, "?provider=default") == 1 &&
	    OSSL_PROVIDER_add_builtin(NULL, NAME, provider_init) == 1);
}

enum err
tls_remote_open(OSSL_PROVIDER **provider)
{
	*provider = provider_add() ? OSSL_PROVIDER_load(NULL, NAME) : NULL;
	return *provider != NULL ? ERR_OK : ERR_NOMEM;
}

void
tls_remote_close(OSSL_PROVIDER *provider)
{
	if (provider != NULL)
		(void)OSSL_PROVIDER_unload(provider);
}

enum err
tls_remote_key(EVP_PKEY *pub, const struct tls_signer *signer, EVP_PKEY **key)
{
	OSSL_PARAM *whole = NULL, all[PARAMS_MAX];
	EVP_PKEY_CTX *ctx = NULL;
	bool is_good = false;
	size_t n = 0;

	*key = NULL;
	if (EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &whole) == 1)
		ctx = EVP_PKEY_CTX_new_from_name(NULL,
		    EVP_PKEY_get0_type_name(pub), OURS);
	if (ctx != NULL) {
		while (whole[n].key != NULL && n < PARAMS_MAX - 2) {
			all[n] = whole[n];
			n++;
		}
		all[n++] = OSSL_PARAM_construct_octet_string(SIGNER, &signer,
		    sizeof signer);
		all[n] = OSSL_PARAM_construct_end();
		is_good = EVP_PKEY_fromdata_init(ctx) == 1 &&
		    EVP_PKEY_fromdata(ctx, key, EVP_PKEY_PUBLIC_KEY, all) ==
		    1;
	}
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(whole);
	return is_good ? ERR_OK : ERR_SYNTAX;
}
