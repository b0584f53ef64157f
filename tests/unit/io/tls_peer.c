/*
 * tls_peer.c - which clients are known by their certificates, and as whom.
 */
#include "signer.h"
#include "tls_pair.h"

#define HOUR	3600

static struct pem server_pem, ca, other_ca;

struct client {
	const char	*name;
	const char	*subject;	/* common name */
	const char	*alt;
	const struct pem *issuer;	/* NULL: itself */
	long		 until;		/* seconds from now */
	const char	*usage;		/* extended; NULL: any */
	const char	*basic;		/* constraints; NULL: none */
};

static X509 *
cert_of(const struct pem *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->cert, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

static EVP_PKEY *
key_of(const struct pem *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(ext);
	(void)X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

/* The certificate of a client, and its key. */
static X509 *
client_cert(const struct client *c, EVP_PKEY **key)
{
	X509 *cert = X509_new(), *issuer = NULL;
	X509_NAME *name = X509_get_subject_name(cert);
	EVP_PKEY *with = NULL;

	*key = EVP_EC_gen("P-256");
	(void)X509_set_version(cert, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -2 * HOUR);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), c->until);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)c->subject, -1, -1, 0);
	(void)X509_set_pubkey(cert, *key);
	if (c->issuer != NULL) {
		issuer = cert_of(c->issuer);
		with = key_of(c->issuer);
	}
	(void)X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ?
	    issuer : cert));
	extend(cert, NID_subject_alt_name, c->alt);
	extend(cert, NID_ext_key_usage, c->usage);
	extend(cert, NID_basic_constraints, c->basic);
	assert_true(X509_sign(cert, with != NULL ? with : *key,
	    EVP_sha256()) > 0);
	X509_free(issuer);
	EVP_PKEY_free(with);
	return cert;
}

/* Both of one name: only their keys tell them apart. */
static void
ca_make(struct pem *pem)
{
	static const struct client authority = { .subject = "authority",
	    .until = HOUR, .basic = "critical,CA:TRUE" };
	BIO *cert_text = BIO_new(BIO_s_mem()), *key_text;
	EVP_PKEY *key;
	X509 *cert = client_cert(&authority, &key);

	assert_int_equal(PEM_write_bio_X509(cert_text, cert), 1);
	pem_text(cert_text, pem->cert, sizeof pem->cert);
	key_text = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL,
	    0, NULL, NULL), 1);
	pem_text(key_text, pem->key, sizeof pem->key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static struct tls_context *
server_new(bool is_required, bool has_ca, const X509 *listed)
{
	uint8_t prints[2][TLS_PRINT_OCTETS] = { { 1 } };
	struct tls_context *tls;
	struct tls_clients who = {
		.is_required = is_required,
		.ca_pem = has_ca ? span_str(ca.cert) : SPAN(""),
		.prints = (const uint8_t (*)[TLS_PRINT_OCTETS])prints,
		.nprints = listed != NULL ? 2 : has_ca ? 0 : 1,
	};
	char why[TLS_WHY_MAX];

	if (listed != NULL)
		assert_int_equal(X509_digest(listed, EVP_sha256(), prints[1],
		    NULL), 1);
	signer_forget();
	tls = signer_server(&server_pem);
	CHECK_NUM(tls_context_clients(tls, &who, why), ERR_OK, "%s", why);
	return tls;
}

static const struct client
    good = { "of the authority", "me", "email:me@example.org", &ca, HOUR,
	NULL },
    mine = { "its own", "me", "email:me@example.org", NULL, HOUR, NULL },
    strange = { "of another authority", "me", "email:me@example.org",
	&other_ca, HOUR, NULL },
    old = { "expired", "me", "email:me@example.org", &ca, -HOUR, NULL },
    server = { "for servers", "me", "email:me@example.org", &ca, HOUR,
	"serverAuth" },
    nobody = { "none", NULL, NULL, NULL, 0, NULL };

enum outcome {
	KNOWN,
	STRANGER,
	REFUSED
};
static const struct {
	const struct client	*client;
	bool			 has_ca, is_listed;
	enum outcome		 optional, required;
} rows[] = {
	{ &good, true, false, KNOWN, KNOWN },
	{ &mine, true, false, STRANGER, REFUSED },
	{ &strange, true, false, STRANGER, REFUSED },
	{ &old, true, false, STRANGER, REFUSED },
	{ &server, true, false, STRANGER, REFUSED },
	{ &nobody, true, false, STRANGER, REFUSED },
	{ &mine, true, true, KNOWN, KNOWN },
	{ &mine, false, true, KNOWN, KNOWN },
	{ &old, false, true, KNOWN, KNOWN },
	{ &mine, false, false, STRANGER, REFUSED },
	{ &good, false, false, STRANGER, REFUSED },
	{ &nobody, false, true, STRANGER, REFUSED },
};

static enum outcome
visit(struct tls_context *tls, X509 *cert, EVP_PKEY *key, int version,
    struct tls_identity *id)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	enum outcome outcome = REFUSED;
	struct tls_pair p;

	SSL_CTX_set_max_proto_version(ctx, version);
	if (cert != NULL)
		assert_int_equal(SSL_CTX_use_cert_and_key(ctx, cert, key, NULL,
		    1), 1);
	tls_pair_begin(&p, tls, ctx);
	CHECK(!tls_conn_identity(p.server, id), "not before the handshake");
	if (tls_pair_shake(&p) && tls_pair_talk(&p))
		outcome = tls_conn_identity(p.server, id) ? KNOWN : STRANGER;
	tls_pair_end(&p);
	SSL_CTX_free(ctx);
	return outcome;
}

static void
test_who_is_known(void **state UNUSED)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < COUNT(rows) * 4; i++) {
		size_t r = i / 4;
		bool is_required = (i & 1) != 0;
		const struct client *c = rows[r].client;
		EVP_PKEY *key = NULL;
		X509 *cert = c == &nobody ? NULL : client_cert(c, &key);
		struct tls_context *tls = server_new(is_required,
		    rows[r].has_ca, rows[r].is_listed ? cert : NULL);
		struct tls_identity id;

		CHECK_NUM(visit(tls, cert, key, versions[i / 2 % 2], &id),
		    is_required ? rows[r].required : rows[r].optional,
		    "%s, row %zu, %s", c->name, r,
		    is_required ? "required" : "optional");
		X509_free(cert);
		EVP_PKEY_free(key);
		tls_context_free(tls);
	}
}

static const struct {
	const char	*subject, *alt;
	const char	*shown, *email;
} names[] = {
	{ "me", "email:me@example.org", "CN=me", "me@example.org" },
	{ "me", "DNS:host.example", "CN=me", "" },
	{ "me", NULL, "CN=me", "" },
	/* With two nobody could say who it is. */
	{ "me", "email:me@example.org,email:root@example.org", "CN=me", "" },
	{ "a,b\n+c", NULL, "CN=a\\,b\\0A\\+c", "" },
	{ "J\303\244ger", NULL, "CN=J\\C3\\A4ger", "" },
};

static void
test_identity(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		struct client c = good;
		struct tls_context *tls = server_new(true, true, NULL);
		uint8_t print[TLS_PRINT_OCTETS];
		struct tls_identity id = { 0 };
		EVP_PKEY *key;
		X509 *cert;

		c.subject = names[i].subject;
		c.alt = names[i].alt;
		cert = client_cert(&c, &key);
		CHECK_NUM(visit(tls, cert, key, TLS1_3_VERSION, &id), KNOWN,
		    "row %zu", i);
		CHECK_STR(id.subject, names[i].shown, "row %zu", i);
		CHECK_STR(id.email, names[i].email, "row %zu", i);
		assert_int_equal(X509_digest(cert, EVP_sha256(), print, NULL),
		    1);
		for (size_t k = 0; k < sizeof print; k++) {
			char two[3];

			(void)snprintf(two, sizeof two, "%02x", print[k]);
			CHECK(memcmp(two, id.fingerprint + 2 * k, 2) == 0,
			    "row %zu, octet %zu", i, k);
		}
		X509_free(cert);
		EVP_PKEY_free(key);
		tls_context_free(tls);
	}
}

/* TLS-5: no ticket, so each visit proves itself; a listener that asks nobody
 * knows nobody. */
static void
test_no_resumption(void **state UNUSED)
{
	struct tls_context *tls = server_new(false, true, NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct tls_pair p;

	tls_pair_begin(&p, tls, ctx);
	CHECK(tls_pair_shake(&p) && tls_pair_talk(&p), "a stranger");
	CHECK(!SSL_SESSION_has_ticket(SSL_get_session(p.client)), "no ticket");
	tls_pair_end(&p);
	SSL_CTX_free(ctx);
	tls_context_free(tls);
}

static void
test_not_asked(void **state UNUSED)
{
	struct tls_context *tls = signer_server(&server_pem);
	struct tls_identity id;
	EVP_PKEY *key;
	X509 *cert = client_cert(&good, &key);

	CHECK_NUM(visit(tls, cert, key, TLS1_3_VERSION, &id), STRANGER,
	    "nobody was asked");
	X509_free(cert);
	EVP_PKEY_free(key);
	tls_context_free(tls);
}

static void
test_bad_authorities(void **state UNUSED)
{
	struct tls_context *tls = signer_server(&server_pem);
	struct tls_clients who = { .ca_pem = SPAN("nothing") };
	char why[TLS_WHY_MAX];

	CHECK_NUM(tls_context_clients(tls, &who, why), ERR_SYNTAX, "%s", why);
	tls_context_free(tls);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_who_is_known, "TLS-5"),
		TEST(test_identity, ""),
		TEST(test_no_resumption, "TLS-5"),
		TEST(test_not_asked, "TLS-5"),
		TEST(test_bad_authorities, ""),
	};

	pem_make(&server_pem, "mx.example.org");
	ca_make(&ca);
	ca_make(&other_ca);
	return RUN_TESTS(tests);
}
