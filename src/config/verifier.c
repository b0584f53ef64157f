#include "config/verifier.h"

#include "base/base64.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define KIND	"SCRAM-SHA-256$"

/* --- the text --- */

/* Up to the octet (or the end), decoded; the octet is taken too. */
static enum err
read_part(struct span *text, uint8_t end, uint8_t *to, size_t room, size_t *n)
{
	struct span part = span_take(text, span_find(*text, end));
	struct buf octets = buf_make(room);
	enum err e = base64_decode(part, &octets);

	(void)span_take(text, 1);
	if (e == ERR_OK && octets.n > 0) {
		memcpy(to, octets.p, octets.n);
		*n = octets.n;
	}
	e = e == ERR_FULL || octets.n == 0 ? ERR_SYNTAX : e;
	buf_wipe(&octets);
	buf_free(&octets);
	return e;
}

static enum err
read_key(struct span *text, uint8_t end, uint8_t key[VERIFIER_KEY])
{
	size_t n = 0;
	enum err e = read_part(text, end, key, VERIFIER_KEY, &n);

	return e == ERR_OK && n != VERIFIER_KEY ? ERR_SYNTAX : e;
}

enum err
verifier_parse(struct span text, struct verifier *v)
{
	struct verifier fresh = { 0 };
	uint64_t work;
	enum err e = ERR_SYNTAX;

	if (text.n > VERIFIER_TEXT_MAX || !span_starts(text, SPAN(KIND)))
		return ERR_SYNTAX;
	text = span_skip(text, strlen(KIND));
	if (span_u64(span_take(&text, span_find(text, ':')),
	    VERIFIER_WORK_MAX, &work) != ERR_OK || work < VERIFIER_WORK_MIN ||
	    span_take(&text, 1).n == 0)
		return ERR_SYNTAX;
	fresh.iterations = (uint32_t)work;
	e = read_part(&text, '$', fresh.salt, sizeof fresh.salt, &fresh.nsalt);
	if (e == ERR_OK)
		e = read_key(&text, ':', fresh.stored);
	/* The last one goes to the end: no line has an LF. */
	if (e == ERR_OK)
		e = read_key(&text, '\n', fresh.server);
	if (e == ERR_OK && text.n > 0)
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		*v = fresh;
	OPENSSL_cleanse(&fresh, sizeof fresh);
	return e;
}

enum err
verifier_print(const struct verifier *v, struct buf *to)
{
	const struct {
		struct span	octets;
		const char	*behind;
	} parts[] = {
		{ span_of(v->salt, v->nsalt), "$" },
		{ span_of(v->stored, sizeof v->stored), ":" },
		{ span_of(v->server, sizeof v->server), "" },
	};
	enum err e = buf_addf(to, KIND "%u:", v->iterations);

	for (size_t i = 0; i < COUNT(parts) && e == ERR_OK; i++) {
		e = base64_encode(parts[i].octets, to);
		if (e == ERR_OK)
			e = buf_add(to, span_str(parts[i].behind));
	}
	return e;
}

/* --- the keys --- */

enum err
verifier_hmac(struct span key, struct span a, struct span b,
    uint8_t sum[VERIFIER_KEY])
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	size_t n = 0;
	bool is_done = ctx != NULL &&
	    EVP_MAC_init(ctx, key.p, key.n, params) == 1 &&
	    EVP_MAC_update(ctx, a.p, a.n) == 1 &&
	    EVP_MAC_update(ctx, b.p, b.n) == 1 &&
	    EVP_MAC_final(ctx, sum, &n, VERIFIER_KEY) == 1 &&
	    n == VERIFIER_KEY;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	ERR_clear_error();
	return is_done ? ERR_OK : ERR_NOMEM;
}

static enum err
hmac_of(const uint8_t key[VERIFIER_KEY], struct span text,
    uint8_t sum[VERIFIER_KEY])
{
	return verifier_hmac(span_of(key, VERIFIER_KEY), text, SPAN(""), sum);
}

static enum err
hash_of(const uint8_t octets[VERIFIER_KEY], uint8_t sum[VERIFIER_KEY])
{
	unsigned int n = 0;

	return EVP_Digest(octets, VERIFIER_KEY, sum, &n, EVP_sha256(),
	    NULL) == 1 && n == VERIFIER_KEY ? ERR_OK : ERR_NOMEM;
}

enum err
verifier_make(struct span password, struct span salt, uint32_t iterations,
    struct verifier *v)
{
	struct verifier fresh = { .iterations = iterations };
	uint8_t salted[VERIFIER_KEY], client[VERIFIER_KEY];
	enum err e = ERR_OK;

	ASSERT(salt.n > 0 && salt.n <= VERIFIER_SALT_MAX &&
	    password.n <= INT32_MAX && iterations <= VERIFIER_WORK_MAX);
	memcpy(fresh.salt, salt.p, salt.n);
	fresh.nsalt = salt.n;
	if (PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n,
	    salt.p, (int)salt.n, (int)iterations, EVP_sha256(),
	    VERIFIER_KEY, salted) != 1)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = hmac_of(salted, SPAN("Client Key"), client);
	if (e == ERR_OK)
		e = hash_of(client, fresh.stored);
	if (e == ERR_OK)
		e = hmac_of(salted, SPAN("Server Key"), fresh.server);
	if (e == ERR_OK)
		*v = fresh;
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(client, sizeof client);
	OPENSSL_cleanse(&fresh, sizeof fresh);
	return e;
}

enum err
verifier_check(const struct verifier *v, struct span auth_message,
    const uint8_t proof[VERIFIER_KEY], uint8_t signature[VERIFIER_KEY])
{
	uint8_t client[VERIFIER_KEY], sum[VERIFIER_KEY], ours[VERIFIER_KEY];
	enum err e = hmac_of(v->stored, auth_message, client);
	bool is_same;

	/* RFC 5802 3: ClientKey is the proof without the signature. */
	for (size_t i = 0; e == ERR_OK && i < sizeof client; i++)
		client[i] ^= proof[i];
	if (e == ERR_OK)
		e = hash_of(client, sum);
	if (e == ERR_OK)
		e = hmac_of(v->server, auth_message, ours);
	OPENSSL_cleanse(client, sizeof client);
	if (e != ERR_OK)
		return e;
	is_same = CRYPTO_memcmp(sum, v->stored, sizeof sum) == 0;
	if (is_same)
		memcpy(signature, ours, sizeof ours);
	OPENSSL_cleanse(ours, sizeof ours);
	return is_same ? ERR_OK : ERR_DENIED;
}
