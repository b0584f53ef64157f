/*
 * keys.c - what the keeper of the private keys answers.
 */
#include "../io/pem.h"
#include "role/keys/keys.h"

static struct pem pems[2];
static struct keys_held held;

static struct buf
buf_from(const char *text)
{
	struct buf b = buf_make(KEYS_PEM_MAX);

	assert_int_equal(buf_add(&b, span_str(text)), ERR_OK);
	return b;
}

static enum err
put(size_t row, const struct pem *cert, const struct pem *key)
{
	char why[TLS_WHY_MAX];

	held.rows[row].certificate = buf_from(cert->cert);
	held.rows[row].pem = buf_from(key->key);
	return keys_held_read(&held, row, why);
}

static void
id_of(const struct pem *pem, uint8_t id[KEYS_ID])
{
	BIO *bio = BIO_new_mem_buf(pem->cert, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(X509_get0_pubkey(cert), &der);

	assert_int_equal(EVP_Digest(der, (size_t)n, id, NULL, EVP_sha256(),
	    NULL), 1);
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(bio);
}

static const char good[64 + 34 + 32 + 1] =
    "                                                                "
    "TLS 1.3, server CertificateVerify\0"
    "0123456789abcdef0123456789abcdef";

static const struct {
	const char	*name;
	size_t		 row;		/* whose id */
	size_t		 nid;
	uint16_t	 scheme;
	struct span	 octets;
	uint8_t		 result;
} rows[] = {
	{ "good", 0, KEYS_ID, 0x0403, { (const uint8_t *)good, 130 },
	    KEYS_SIGNED },
	{ "the second", 1, KEYS_ID, 0x0804, { (const uint8_t *)good, 130 },
	    KEYS_SIGNED },
	{ "another's scheme", 0, KEYS_ID, 0x0804,
	    { (const uint8_t *)good, 130 }, KEYS_REFUSED },
	{ "half an id", 0, KEYS_ID - 1, 0x0403,
	    { (const uint8_t *)good, 130 }, KEYS_REFUSED },
	{ "no id", 0, 0, 0x0403, { (const uint8_t *)good, 130 },
	    KEYS_REFUSED },
	{ "an octet less", 0, KEYS_ID, 0x0403,
	    { (const uint8_t *)good, 129 }, KEYS_REFUSED },
	{ "nothing", 0, KEYS_ID, 0x0403, { (const uint8_t *)good, 0 },
	    KEYS_REFUSED },
	{ "a hash", 0, KEYS_ID, 0x0403, { (const uint8_t *)good + 98, 32 },
	    KEYS_REFUSED },
};

static void
test_answers(void **state UNUSED)
{
	assert_int_equal(put(0, &pems[0], &pems[0]), ERR_OK);
	assert_int_equal(put(1, &pems[1], &pems[1]), ERR_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_signature signature;
		uint8_t id[KEYS_ID];
		struct keys_sign m = { .tag = i, .scheme = rows[i].scheme,
		    .key = span_of(id, rows[i].nid),
		    .octets = rows[i].octets };
		struct keys_signature answer;

		id_of(&pems[rows[i].row], id);
		answer = keys_held_sign(&held, &m, &signature);
		CHECK_NUM(answer.result, rows[i].result, "%s", rows[i].name);
		CHECK_NUM(answer.tag, i, "%s: tag", rows[i].name);
		CHECK_NUM(answer.octets.n > 0, rows[i].result == KEYS_SIGNED,
		    "%s: octets", rows[i].name);
		/* One octet of the id another: nobody's key. */
		id[31] ^= 1;
		answer = keys_held_sign(&held, &m, &signature);
		CHECK_NUM(answer.result, KEYS_REFUSED, "%s: another's id",
		    rows[i].name);
	}
}

/* A pair that does not fit changes nothing; its octets are gone. */
static void
test_broken_pair(void **state UNUSED)
{
	const struct tls_key *before = held.rows[0].key;

	CHECK_NUM(put(0, &pems[0], &pems[1]), ERR_SYNTAX, "another's key");
	CHECK(held.rows[0].key == before, "the old one stays");
	CHECK_NUM(held.rows[0].pem.n + held.rows[0].certificate.n, 0, "wiped");
	CHECK_NUM(put(0, &pems[1], &pems[1]), ERR_OK, "a new one");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_answers, "TLS-7"),
		TEST(test_broken_pair, ""),
	};
	int failed;

	pem_make_kind(&pems[0], "DNS:a.example", PEM_P256);
	pem_make_kind(&pems[1], "DNS:b.example", PEM_RSA);
	failed = RUN_TESTS(tests);
	for (size_t i = 0; i < COUNT(held.rows); i++)
		tls_key_free(held.rows[i].key);
	return failed;
}
