/*
 * tls_cert.c - a server's certificates: the chain, and the names they are
 * shown for.
 */
#include "io/tls_private.h"
#include "io/tls_sni.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* A key with a pass phrase is an error, never a question on a terminal. */
int
tls_no_pass_phrase(char *buf UNUSED, int size UNUSED, int is_writing UNUSED,
    void *arg UNUSED)
{
	return -1;
}

/* True when reading ended because there is no further PEM block. */
bool
tls_pem_is_end(void)
{
	unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

bool
tls_bio_of(struct span octets, BIO **bio)
{
	*bio = octets.n <= INT32_MAX ?
	    BIO_new_mem_buf(octets.p, (int)octets.n) : NULL;
	return *bio != NULL;
}

static enum err
chain_rest(BIO *bio, struct tls_certificate *t, char why[TLS_WHY_MAX])
{
	X509 *cert;

	while ((cert = PEM_read_bio_X509(bio, NULL, tls_no_pass_phrase,
	    NULL)) != NULL)
		if (sk_X509_push(t->chain, cert) == 0) {
			X509_free(cert);
			return ERR_NOMEM;
		}
	if (!tls_pem_is_end()) {
		tls_why_queue(why, "bad certificate in the chain");
		return ERR_SYNTAX;
	}
	ERR_clear_error();
	return ERR_OK;
}

static enum err
chain_read(struct tls_certificate *t, struct span pem, char why[TLS_WHY_MAX])
{
	enum err e = ERR_SYNTAX;
	unsigned int n;
	BIO *bio;

	t->chain = sk_X509_new_null();
	if (t->chain == NULL || !tls_bio_of(pem, &bio))
		return ERR_NOMEM;
	t->cert = PEM_read_bio_X509_AUX(bio, NULL, tls_no_pass_phrase, NULL);
	if (t->cert == NULL ||
	    X509_digest(t->cert, EVP_sha256(), t->hash, &n) != 1)
		tls_why_queue(why, "no usable certificate");
	else
		e = chain_rest(bio, t, why);
	BIO_free(bio);
	return e;
}

/* TLS-11: what is no plain host name is not matched by anything. */
static void
name_add(struct tls_certificate *t, const ASN1_IA5STRING *asn1)
{
	struct span name = span_of(ASN1_STRING_get0_data(asn1),
	    (size_t)ASN1_STRING_length(asn1));
	struct tls_name *to = &t->names[t->nnames];

	if (!tls_name_is_good(name, true) || t->nnames == TLS_NAMES_MAX)
		return;
	to->n = (uint8_t)name.n;
	memcpy(to->octets, name.p, name.n);
	t->nnames++;
}

static enum err
names_read(struct tls_certificate *t)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(t->cert, NID_subject_alt_name,
	    NULL, NULL);
	int n = sk_GENERAL_NAME_num(all);
	enum err e = ERR_OK;

	if (n > 0) {
		t->names = calloc(MIN((size_t)n, (size_t)TLS_NAMES_MAX),
		    sizeof *t->names);
		if (t->names == NULL)
			e = ERR_NOMEM;
	}
	for (int i = 0; e == ERR_OK && i < n; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			name_add(t, name->d.dNSName);
	}
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return e;
}

void
tls_certificate_free(struct tls_certificate *t)
{
	X509_free(t->cert);
	sk_X509_pop_free(t->chain, X509_free);
	EVP_PKEY_free(t->key);
	free(t->names);
	*t = (struct tls_certificate){ 0 };
}

enum err
tls_certificate_read(struct tls_certificate *t, struct span chain_pem,
    char why[TLS_WHY_MAX])
{
	enum err e = chain_read(t, chain_pem, why);

	if (e == ERR_OK)
		e = tls_key_id(X509_get0_pubkey(t->cert), t->id);
	if (e == ERR_OK)
		e = names_read(t);
	if (e != ERR_OK)
		tls_certificate_free(t);
	return e;
}

enum err
tls_certificate_like(const struct tls_certificate *from,
    struct tls_certificate *t)
{
	struct tls_name *names = calloc(MAX(from->nnames, (size_t)1),
	    sizeof *names);
	STACK_OF(X509) *chain = X509_chain_up_ref(from->chain);

	if (names == NULL || chain == NULL) {
		free(names);
		sk_X509_pop_free(chain, X509_free);
		return ERR_NOMEM;
	}
	*t = *from;
	t->names = names;
	t->chain = chain;
	if (from->nnames > 0)
		memcpy(names, from->names, from->nnames * sizeof *names);
	(void)X509_up_ref(t->cert);
	(void)EVP_PKEY_up_ref(t->key);
	return ERR_OK;
}

static bool
has_name(const struct tls_certificate *t, struct span name, bool is_exact)
{
	for (size_t i = 0; i < t->nnames; i++) {
		struct span own = span_of(t->names[i].octets, t->names[i].n);

		if (is_exact ? span_eq_nocase(own, name) :
		    tls_name_matches(own, name))
			return true;
	}
	return false;
}

/* A name of its own goes before a wildcard, wherever they stand. */
const struct tls_certificate *
tls_certificate_find(const struct tls_context *tls, struct span name)
{
	for (unsigned int pass = 0; name.n > 0 && pass < 2; pass++)
		for (size_t i = 0; i < tls->ncertificates; i++)
			if (has_name(&tls->certificates[i], name, pass == 0))
				return &tls->certificates[i];
	return &tls->certificates[0];
}
