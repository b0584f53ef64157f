#include "role/lookup/jwt.h"

#include "base/base64.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#define SIGNATURE_MAX	1024u
#define RAW_ES256	64u		/* RFC 7518 3.4: R, then S */

/* --- the header --- */

struct header {
	enum jwks_alg	alg;
	char		kid[JWKS_KID_MAX + 1];
};

static bool
read_header(struct span text, struct header *h)
{
	struct buf octets = buf_make(JWT_HEADER_MAX);
	json_t *root = base64url_decode(text, &octets) != ERR_OK ? NULL :
	    jwks_json(buf_span(&octets));
	const char *alg = json_string_value(json_object_get(root, "alg"));
	const char *kid = json_string_value(json_object_get(root, "kid"));
	/* RFC 7515 4.1.11: what must be understood, and is not, by us. */
	bool is_good = alg != NULL && jwks_alg(alg, &h->alg) &&
	    json_object_get(root, "crit") == NULL &&
	    (kid == NULL || strlen(kid) <= JWKS_KID_MAX);

	h->kid[0] = '\0';
	if (is_good && kid != NULL)
		memcpy(h->kid, kid, strlen(kid) + 1);
	json_decref(root);
	buf_free(&octets);
	return is_good;
}

/* --- the signature --- */

/* OpenSSL wants the two numbers in DER. */
static enum err
to_der(const struct buf *raw, struct buf *der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r, *s;
	uint8_t *p;
	int n = 0;
	enum err e = ERR_DENIED;

	if (sig == NULL || raw->n != RAW_ES256) {
		ECDSA_SIG_free(sig);
		return ERR_DENIED;
	}
	r = BN_bin2bn(raw->p, RAW_ES256 / 2, NULL);
	s = BN_bin2bn(raw->p + RAW_ES256 / 2, RAW_ES256 / 2, NULL);
	if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		n = i2d_ECDSA_SIG(sig, NULL);
	} else {
		BN_free(r);
		BN_free(s);
	}
	if (n > 0 && buf_room(der, (size_t)n) == ERR_OK) {
		p = buf_end(der);
		buf_grew(der, (size_t)i2d_ECDSA_SIG(sig, &p));
		e = ERR_OK;
	}
	ECDSA_SIG_free(sig);
	return e;
}

/* ERR_DENIED: by another key. */
static enum err
check_key(const struct jwks_key *k, struct span text, struct span signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	/* Ed25519 brings its own hash. */
	const EVP_MD *md = k->alg == JWKS_EDDSA ? NULL : EVP_sha256();
	enum err e = ERR_DENIED;

	if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->key) !=
	    1)
		e = ERR_NOMEM;
	else if (EVP_DigestVerify(ctx, signature.p, signature.n, text.p,
	    text.n) == 1)
		e = ERR_OK;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return e;
}

static enum err
verify(const struct jwks *keys, const struct header *h, struct span text,
    struct span signature)
{
	enum err e = ERR_DENIED;

	for (size_t i = 0; i < keys->n && e == ERR_DENIED; i++) {
		const struct jwks_key *k = &keys->keys[i];

		if (k->alg == h->alg && (h->kid[0] == '\0' ||
		    strcmp(k->kid, h->kid) == 0))
			e = check_key(k, text, signature);
	}
	return e;
}

static enum err
check_signature(const struct jwks *keys, const struct header *h,
    struct span text, struct span coded)
{
	struct buf raw = buf_make(SIGNATURE_MAX), der = buf_make(SIGNATURE_MAX);
	enum err e = base64url_decode(coded, &raw);

	/* No key signs so much. */
	if (e == ERR_FULL)
		e = ERR_DENIED;
	if (e == ERR_OK && h->alg == JWKS_ES256)
		e = to_der(&raw, &der);
	if (e == ERR_OK)
		e = verify(keys, h, text, h->alg == JWKS_ES256 ?
		    buf_span(&der) : buf_span(&raw));
	buf_free(&raw);
	buf_free(&der);
	return e;
}

enum err
jwt_verify(struct span token, const struct jwks *keys, struct buf *payload)
{
	struct span rest = token, header, body, text;
	struct header h;
	enum err e;

	if (token.n > JWT_MAX)
		return ERR_SYNTAX;
	header = span_take(&rest, span_find(rest, '.'));
	if (span_take(&rest, 1).n == 0)
		return ERR_SYNTAX;
	body = span_take(&rest, span_find(rest, '.'));
	text = span_of(token.p, token.n - rest.n);
	if (span_take(&rest, 1).n == 0 || span_find(rest, '.') < rest.n)
		return ERR_SYNTAX;
	if (!read_header(header, &h))
		return ERR_DENIED;
	e = check_signature(keys, &h, text, rest);
	return e == ERR_OK ? base64url_decode(body, payload) : e;
}

/* --- the claims --- */

static bool
is_text(const json_t *value, const char *want)
{
	return json_is_string(value) &&
	    strcmp(json_string_value(value), want) == 0 &&
	    json_string_length(value) == strlen(want);
}

/* RFC 7519 4.1.3: one, or a list of them. */
static bool
is_audience(const json_t *value, const char *want)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (is_text(json_array_get(value, i), want))
			return true;
	return is_text(value, want);
}

/* RFC 7519 4.1.4, 4.1.5: it ends, and has begun. */
static bool
is_now(const json_t *root, int64_t now_s)
{
	const json_t *exp = json_object_get(root, "exp");
	const json_t *nbf = json_object_get(root, "nbf");
	double now = (double)now_s;

	return json_is_number(exp) &&
	    now < json_number_value(exp) + JWT_SKEW_S &&
	    (nbf == NULL || (json_is_number(nbf) &&
	    now >= json_number_value(nbf) - JWT_SKEW_S));
}

static enum err
add_user(const json_t *value, struct buf *user)
{
	struct span name = span_of(json_string_value(value),
	    json_string_length(value));

	if (name.n == 0 || name.n > JWT_USER_MAX ||
	    span_find(name, 0) < name.n)
		return ERR_DENIED;
	return buf_add(user, name);
}

enum err
jwt_claims(struct span payload, const struct jwt_rule *rule, int64_t now_s,
    struct buf *user)
{
	json_t *root = jwks_json(payload);
	enum err e = ERR_DENIED;

	if (root == NULL)
		return ERR_SYNTAX;
	if (is_text(json_object_get(root, "iss"), rule->issuer) &&
	    is_audience(json_object_get(root, "aud"), rule->audience) &&
	    is_now(root, now_s))
		e = add_user(json_object_get(root, rule->user_claim), user);
	json_decref(root);
	return e;
}

enum err
jwt_user(struct span token, const struct jwt_rule *rules, size_t nrules,
    int64_t now_s, struct buf *user)
{
	enum err e = ERR_DENIED;

	/* What we had no memory for is no answer: nobody else is tried. */
	for (size_t i = 0; i < nrules && e != ERR_OK && e != ERR_NOMEM; i++) {
		struct buf payload = buf_make(JWT_MAX);

		e = jwt_verify(token, rules[i].keys, &payload);
		if (e == ERR_OK)
			e = jwt_claims(buf_span(&payload), &rules[i], now_s,
			    user);
		buf_wipe(&payload);
		buf_free(&payload);
	}
	return e;
}
