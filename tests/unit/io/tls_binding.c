/*
 * tls_binding.c - both ends of a connection find the same binding, and none
 * where the RFCs define none.
 */
#include "signer.h"
#include "tls_pair.h"

static const struct {
	const char	*name;
	int		 version;
	bool		 is_plain_master;	/* no extended master secret */
	enum err	 e;
} exporters[] = {
	{ "1.3", TLS1_3_VERSION, false, ERR_OK },
	{ "1.2, extended master secret", TLS1_2_VERSION, false, ERR_OK },
	{ "1.2 without", TLS1_2_VERSION, true, ERR_NONE },
};

static void
test_exporter(void **state UNUSED)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	static struct pem pem;
	struct tls_context *tls;

	pem_make(&pem, "mx.example.org");
	tls = signer_server(&pem);
	for (size_t i = 0; i < COUNT(exporters); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		uint8_t ours[TLS_EXPORTER_OCTETS], theirs[sizeof ours];
		struct tls_pair p;

		SSL_CTX_set_max_proto_version(ctx, exporters[i].version);
		if (exporters[i].is_plain_master)
			SSL_CTX_set_options(ctx,
			    SSL_OP_NO_EXTENDED_MASTER_SECRET);
		tls_pair_begin(&p, tls, ctx);
		CHECK_NUM(tls_conn_exporter(p.server, ours), ERR_NONE,
		    "%s: not before the handshake", exporters[i].name);
		CHECK(tls_pair_shake(&p), "%s", exporters[i].name);
		CHECK_NUM(tls_conn_exporter(p.server, ours), exporters[i].e,
		    "%s", exporters[i].name);
		assert_int_equal(SSL_export_keying_material(p.client, theirs,
		    sizeof theirs, label, strlen(label),
		    (const uint8_t *)"", 0, 1), 1);
		CHECK(exporters[i].e != ERR_OK ||
		    memcmp(ours, theirs, sizeof ours) == 0, "%s: the same",
		    exporters[i].name);
		tls_pair_end(&p);
		SSL_CTX_free(ctx);
	}
	tls_context_free(tls);
}

static const struct {
	const char	*name;
	enum pem_kind	 kind;
	enum err	 e;
	size_t		 n;
} end_points[] = {
	{ "SHA-256", PEM_P256, ERR_OK, 32 },
	{ "SHA-384", PEM_P384, ERR_OK, 48 },
	{ "RSA", PEM_RSA, ERR_OK, 32 },
	{ "no hash", PEM_ED25519, ERR_NONE, 0 },
};

static void
test_end_point(void **state UNUSED)
{
	static struct pem pem;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < COUNT(end_points); i++) {
		uint8_t hash[TLS_END_POINT_MAX], want[EVP_MAX_MD_SIZE];
		struct tls_context *tls;
		unsigned int nwant = 0;
		struct tls_pair p;
		size_t n = 0;

		pem_make_kind(&pem, "DNS:mx.example.org",
		    end_points[i].kind);
		tls = signer_server(&pem);
		tls_pair_begin(&p, tls, ctx);
		CHECK_NUM(tls_conn_end_point(p.server, hash, &n), ERR_NONE,
		    "%s: not before the handshake", end_points[i].name);
		CHECK(tls_pair_shake(&p), "%s", end_points[i].name);
		CHECK_NUM(tls_conn_end_point(p.server, hash, &n),
		    end_points[i].e, "%s", end_points[i].name);
		CHECK_NUM(n, end_points[i].n, "%s", end_points[i].name);
		if (n > 0) {
			assert_int_equal(X509_digest(
			    SSL_get0_peer_certificate(p.client),
			    n == 48 ? EVP_sha384() : EVP_sha256(), want,
			    &nwant), 1);
			assert_memory_equal(hash, want, n);
		}
		tls_pair_end(&p);
		tls_context_free(tls);
	}
	SSL_CTX_free(ctx);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_exporter, ""),
		TEST(test_end_point, ""),
	};

	return RUN_TESTS(tests);
}
