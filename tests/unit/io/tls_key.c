/*
 * tls_key.c - a key signs handshakes of a TLS server, and nothing else; a
 * server without its key shakes no hands.
 */
#include "signer.h"
#include "tls_pair.h"

#include <openssl/crypto.h>

static struct pem pems[4];		/* one of each kind */

static const struct {
	const char	*name;
	enum pem_kind	 kind;
	int		 version;
	const char	*sigalgs, *ciphers;	/* of the client; NULL: any */
	bool		 shakes;
} rows[] = {
	{ "P-256, 1.3", PEM_P256, TLS1_3_VERSION, NULL, NULL, true },
	{ "P-256, 1.2", PEM_P256, TLS1_2_VERSION, NULL, NULL, true },
	{ "P-384, 1.3", PEM_P384, TLS1_3_VERSION, NULL, NULL, true },
	{ "P-384, 1.2", PEM_P384, TLS1_2_VERSION, NULL, NULL, true },
	{ "RSA, 1.3", PEM_RSA, TLS1_3_VERSION, NULL, NULL, true },
	{ "RSA, 1.3, SHA-512", PEM_RSA, TLS1_3_VERSION,
	    "rsa_pss_rsae_sha512", NULL, true },
	{ "RSA, 1.2, PSS", PEM_RSA, TLS1_2_VERSION, "rsa_pss_rsae_sha384",
	    NULL, true },
	{ "RSA, 1.2, PKCS#1", PEM_RSA, TLS1_2_VERSION,
	    "RSA+SHA256:RSA+SHA512", NULL, true },
	{ "RSA, 1.2, DHE", PEM_RSA, TLS1_2_VERSION, NULL,
	    "DHE-RSA-AES128-GCM-SHA256", true },
	{ "RSA, 1.2, RSA key exchange", PEM_RSA, TLS1_2_VERSION, NULL,
	    "AES128-GCM-SHA256", false },
	{ "RSA, 1.2, SHA-1", PEM_RSA, TLS1_2_VERSION, "RSA+SHA1", NULL,
	    false },
	{ "Ed25519, 1.3", PEM_ED25519, TLS1_3_VERSION, NULL, NULL, true },
	{ "Ed25519, 1.2", PEM_ED25519, TLS1_2_VERSION, NULL, NULL, true },
};

static bool
shake(struct tls_context *tls, SSL_CTX *ctx, int version, const char *sigalgs,
    const char *ciphers)
{
	struct tls_pair p;
	bool has_shaken;

	tls_pair_begin(&p, tls, ctx);
	SSL_set_max_proto_version(p.client, version);
	if (ciphers != NULL)
		assert_int_equal(SSL_set_cipher_list(p.client, ciphers), 1);
	SSL_set_security_level(p.client, 0);
	if (sigalgs != NULL)
		assert_int_equal(SSL_set1_sigalgs_list(p.client, sigalgs), 1);
	has_shaken = tls_pair_shake(&p) && tls_pair_talk(&p);
	CHECK(has_shaken || p.server_end != ERR_OK, "the server says so");
	tls_pair_end(&p);
	return has_shaken;
}

static void
test_kinds(void **state UNUSED)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_context *tls;

		signer_forget();
		tls = signer_server(&pems[rows[i].kind]);
		signer.nsigned = 0;
		CHECK_NUM(shake(tls, ctx, rows[i].version, rows[i].sigalgs,
		    rows[i].ciphers), rows[i].shakes, "%s", rows[i].name);
		CHECK_NUM(signer.nsigned, rows[i].shakes, "%s: asked for one",
		    rows[i].name);
		tls_context_free(tls);
	}
	SSL_CTX_free(ctx);
}

/* Nobody signs: the handshake fails, and the next one does not. */
static void
test_fails_closed(void **state UNUSED)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_context *tls = signer_server(&pems[PEM_P256]);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < COUNT(versions); i++) {
		signer.is_silent = true;
		CHECK(!shake(tls, ctx, versions[i], NULL, NULL), "silent");
		signer.is_silent = false;
		CHECK(shake(tls, ctx, versions[i], NULL, NULL), "again");
	}
	SSL_CTX_free(ctx);
	tls_context_free(tls);
}

static const char hash[48] = "0123456789abcdef0123456789abcdef0123456789abcde";

/* 64 octets, a text and its NUL, octets. */
static struct span
verify(uint8_t *to, char space, const char *text, size_t nhash)
{
	size_t n = strlen(text) + 1;

	memset(to, space, 64);
	memcpy(to + 64, text, n);
	memcpy(to + 64 + n, hash, nhash);
	return span_of(to, 64 + n + nhash);
}

static void
test_octets(void **state UNUSED)
{
	static const char text[] = "TLS 1.3, server CertificateVerify";
	static const char client[] = "TLS 1.3, client CertificateVerify";
	static const struct {
		const char	*name, *params;
		size_t		 n;
		bool		 is_good;
	} params[] = {
		{ "ECDHE", "\3\0\x17\2xy", 6, true },
		{ "explicit curve", "\1\0\x17\2xy", 6, false },
		{ "point cut", "\3\0\x17\3xy", 6, false },
		{ "octets behind", "\3\0\x17\1xy", 6, false },
		{ "DHE", "\0\1p\0\1g\0\2yy", 10, true },
		{ "DHE cut", "\0\1p\0\1g\0\2y", 9, false },
		{ "DHE and more", "\0\1p\0\1g\0\1yy", 10, false },
		{ "DHE of nothing", "\0\0\0\0\0\0", 6, false },
		{ "nothing", "", 0, false },
		{ "a hash", hash, 32, false },
	};
	uint8_t octets[256];

	CHECK(tls_key_may_sign(verify(octets, ' ', text, 32)), "SHA-256");
	CHECK(tls_key_may_sign(verify(octets, ' ', text, 48)), "SHA-384");
	CHECK(!tls_key_may_sign(verify(octets, ' ', text, 31)), "short");
	CHECK(!tls_key_may_sign(verify(octets, '!', text, 32)), "no spaces");
	CHECK(!tls_key_may_sign(verify(octets, ' ', client, 32)), "client's");
	for (size_t i = 0; i < COUNT(params); i++) {
		memset(octets, 'r', 64);
		memcpy(octets + 64, params[i].params, params[i].n);
		CHECK_NUM(tls_key_may_sign(span_of(octets, 64 + params[i].n)),
		    params[i].is_good, "%s", params[i].name);
	}
	for (size_t n = 0; n < 64; n++)
		CHECK(!tls_key_may_sign(span_of(octets, n)), "%zu", n);
}

/* The wrong scheme, or what is no handshake, even of the right length. */
static void
test_refused(void **state UNUSED)
{
	static const char text[] = "TLS 1.3, server CertificateVerify";
	struct tls_signature signature;
	struct tls_key *key;
	char why[TLS_WHY_MAX];
	uint8_t octets[256];
	struct span good = verify(octets, ' ', text, 32);

	assert_int_equal(tls_key_read(span_str(pems[PEM_RSA].cert),
	    span_str(pems[PEM_RSA].key), &key, why), ERR_OK);
	CHECK_NUM(tls_key_sign(key, 0x0804, good, &signature), ERR_OK, "PSS");
	CHECK_NUM(signature.n, 256, "2048 bits");
	CHECK_NUM(tls_key_sign(key, 0x0403, good, &signature), ERR_DENIED,
	    "ECDSA with RSA");
	CHECK_NUM(tls_key_sign(key, 0x0201, good, &signature), ERR_DENIED,
	    "SHA-1");
	CHECK_NUM(tls_key_sign(key, 0, good, &signature), ERR_DENIED, "none");
	CHECK_NUM(tls_key_sign(key, 0x0401, span_of(hash, 32), &signature),
	    ERR_DENIED, "a hash");
	CHECK_NUM(tls_key_sign(key, 0x0401, SPAN("From: me\r\n\r\nhello"),
	    &signature), ERR_DENIED, "a message");
	tls_key_free(key);
}

static void
test_bad_files(void **state UNUSED)
{
	struct tls_key *key;
	char why[TLS_WHY_MAX];

	CHECK_NUM(tls_key_read(span_str(pems[0].cert), SPAN("x"), &key, why),
	    ERR_SYNTAX, "no key");
	CHECK(strstr(why, "private key") != NULL, "%s", why);
	CHECK_NUM(tls_key_read(span_str(pems[0].cert), span_str(pems[1].key),
	    &key, why), ERR_SYNTAX, "another's key");
	CHECK_NUM(tls_key_read(SPAN("x"), span_str(pems[1].key), &key, why),
	    ERR_SYNTAX, "no certificate");
	CHECK(strstr(why, "certificate") != NULL, "%s", why);
}

/* MEM-7: what OpenSSL makes of a key lies in the vault, and is wiped there. */
static void
test_vault(void **state UNUSED)
{
	struct tls_key *key;
	char why[TLS_WHY_MAX];
	size_t before;

	assert_int_equal(tls_key_vault_close(), ERR_OK);
	before = CRYPTO_secure_used();
	assert_int_equal(tls_key_read(span_str(pems[PEM_RSA].cert),
	    span_str(pems[PEM_RSA].key), &key, why), ERR_OK);
	CHECK(CRYPTO_secure_used() > before + 1000, "%zu octets",
	    CRYPTO_secure_used() - before);
	tls_key_free(key);
	for (unsigned int i = 0; i < 20; i++) {
		/* The first one of a kind leaves tables behind. */
		if (i == 1)
			before = CRYPTO_secure_used();
		assert_int_equal(tls_key_read(span_str(pems[PEM_P256].cert),
		    span_str(pems[PEM_P256].key), &key, why), ERR_OK);
		tls_key_free(key);
	}
	CHECK(CRYPTO_secure_used() <= before, "%zu octets more",
	    CRYPTO_secure_used() - before);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_kinds, "TLS-7"),
		TEST(test_fails_closed, "TLS-7"),
		TEST(test_octets, "TLS-7"),
		TEST(test_refused, "TLS-7"),
		TEST(test_bad_files, ""),
		TEST(test_vault, "MEM-7"),
	};

	assert_int_equal(tls_key_vault_open(), ERR_OK);
	for (size_t i = 0; i < COUNT(pems); i++)
		pem_make_kind(&pems[i], "DNS:mx.example.org",
		    (enum pem_kind)i);
	return RUN_TESTS(tests);
}
