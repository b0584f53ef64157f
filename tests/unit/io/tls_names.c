/*
 * tls_names.c - several certificates, chosen by the name that a client asks
 * for.
 */
#include "signer.h"
#include "tls_pair.h"

#include <openssl/crypto.h>

static struct pem pems[4];
static const char *const alts[COUNT(pems)] = {
	"DNS:mx.example.org,DNS:*.a.example",
	"DNS:mail.example.net,DNS:one.a.example",
	"DNS:*.wild.example,DNS:mx.example.org,DNS:*.example,IP:192.0.2.1",
	"DNS:rsa.example.com",
};

/* Blocks that OpenSSL holds. */
static long nblocks;

static void *
count_malloc(size_t n, const char *file UNUSED, int line UNUSED)
{
	nblocks++;
	return malloc(n);
}

static void *
count_realloc(void *p, size_t n, const char *file UNUSED, int line UNUSED)
{
	nblocks += p == NULL;
	return realloc(p, n);
}

static void
count_free(void *p, const char *file UNUSED, int line UNUSED)
{
	nblocks -= p != NULL;
	free(p);
}

static struct tls_context *
server_new(void)
{
	struct tls_context *tls;
	char why[TLS_WHY_MAX];

	signer_forget();
	tls = signer_server(&pems[0]);
	for (size_t i = 1; i < COUNT(pems); i++) {
		CHECK_NUM(signer_add(&pems[i], why), ERR_OK, "%s", why);
		assert_int_equal(tls_context_add(tls, span_str(pems[i].cert),
		    &signer_seam, why), ERR_OK);
	}
	return tls;
}

/* Whose certificate was shown? */
static size_t
shown(const SSL *client)
{
	BIO *bio = BIO_new(BIO_s_mem());
	static char text[4096];
	size_t i = 0;

	assert_int_equal(PEM_write_bio_X509(bio,
	    SSL_get0_peer_certificate(client)), 1);
	pem_text(bio, text, sizeof text);
	while (i < COUNT(pems) && strcmp(text, pems[i].cert) != 0)
		i++;
	return i;
}

static const struct {
	const char	*name;		/* NULL: none is asked for */
	size_t		 which;
} rows[] = {
	{ NULL, 0 },
	{ "mx.example.org", 0 },		/* the first of two */
	{ "MAIL.Example.NET", 1 },
	{ "two.a.example", 0 },
	{ "one.a.example", 1 },			/* before the wildcard */
	{ "x.wild.example", 2 },
	{ "y.x.wild.example", 0 },
	{ "wild.example", 0 },			/* *.example is no name */
	{ "rsa.example.com", 3 },
	{ "unknown.test", 0 },
	{ "192.0.2.1", 0 },			/* RFC 6066 3: no address */
	{ "test", 0 },				/* their common name */
	{ "mail.example.net.", 0 },
	{ "mail\\.example.net", 0 },
	{ "*.wild.example", 0 },
	{ "..", 0 },
};

static void
test_choice(void **state UNUSED)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_context *tls = server_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < COUNT(rows) * COUNT(versions); i++) {
		const char *name = rows[i / 2].name;
		struct tls_pair p;

		tls_pair_begin(&p, tls, ctx);
		SSL_set_max_proto_version(p.client, versions[i % 2]);
		if (name != NULL)
			(void)SSL_set_tlsext_host_name(p.client, name);
		CHECK(tls_pair_shake(&p), "%s", name);
		CHECK_NUM(shown(p.client), rows[i / 2].which, "%s",
		    name != NULL ? name : "(none)");
		tls_pair_end(&p);
	}
	SSL_CTX_free(ctx);
	tls_context_free(tls);
}

/* A name of 255 octets, and memory that does not grow with names. */
static void
test_flat(void **state UNUSED)
{
	struct tls_context *tls = server_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	long before = 0;
	char name[256];

	memset(name, 'x', sizeof name);
	for (unsigned int i = 0; i < 600; i++) {
		struct tls_pair p;

		(void)snprintf(name, sizeof name, "n%u.test", i);
		if (i % 3 == 0)
			name[strlen(name)] = 'y';
		name[255] = '\0';
		tls_pair_begin(&p, tls, ctx);
		(void)SSL_set_tlsext_host_name(p.client, name);
		CHECK(tls_pair_shake(&p), "%s", name);
		tls_pair_end(&p);
		memset(name, 'x', sizeof name);
		if (i == 100)
			before = nblocks;
	}
	CHECK(before > 1000, "%ld counted", before);
	CHECK_NUM(nblocks, before, "not one block is kept");
	SSL_CTX_free(ctx);
	tls_context_free(tls);
}

static void
test_bounds(void **state UNUSED)
{
	struct tls_context *tls = server_new();
	char why[TLS_WHY_MAX];
	enum err e = ERR_OK;
	size_t n = COUNT(pems);

	for (; e == ERR_OK; n++)
		e = tls_context_add(tls, span_str(pems[1].cert),
		    &signer_seam, why);
	CHECK_NUM(e, ERR_FULL, "%s", why);
	CHECK_NUM(n - 1, TLS_CERTIFICATES_MAX, "as many");
	tls_context_free(tls);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_choice, "TLS-6 TLS-11"),
		TEST(test_flat, "TLS-6"),
		TEST(test_bounds, ""),
	};

	assert_int_equal(CRYPTO_set_mem_functions(count_malloc, count_realloc,
	    count_free), 1);
	for (size_t i = 0; i < COUNT(pems); i++)
		pem_make_kind(&pems[i], alts[i], i == 3 ? PEM_RSA : PEM_P256);
	return RUN_TESTS(tests);
}
