/*
 * tls_hello.c - what a ClientHello decides: the certificate, and whether the
 * client means to speak SMTP at all.
 *
 * The name is looked at before anything else is done with the hello, so that
 * whatever depends on it (certificate, tickets) is known from then on.
 */
#include "io/tls_private.h"

#include <openssl/err.h>

/* TLS-6.  The list is checked by OpenSSL: octet counts that fill it. */
static int
alpn_choose(SSL *ssl UNUSED, const unsigned char **out, unsigned char *nout,
    const unsigned char *in, unsigned int nin, void *arg UNUSED)
{
	static const struct span ours[] = { SPAN("smtp"), SPAN("esmtp") };
	struct span list = span_of(in, nin), name;

	while (list.n > 0) {
		size_t n = list.p[0];

		list = span_skip(list, 1);
		name = span_take(&list, n);
		for (size_t i = 0; i < COUNT(ours); i++) {
			if (!span_eq(name, ours[i]))
				continue;
			*out = name.p;
			*nout = (unsigned char)name.n;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Another's key may be of another kind, which has a place of its own. */
static bool
certificate_use(SSL *ssl, const struct tls_certificate *t)
{
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, t->cert, t->key, t->chain, 1) == 1;
}

/*
 * TLS-5: what a ticket is bound to.  OpenSSL compares it for both versions
 * before anything of the session is used.  The names of a certificate are not
 * one host.
 */
static bool
session_bind(SSL *ssl, const struct tls_context *tls,
    const struct tls_certificate *t, struct span name)
{
	uint8_t whole[sizeof tls->binding + sizeof t->hash + TLS_NAME_MAX];
	uint8_t id[32], *at = whole;

	if (tls->tickets == NULL || !tls_tickets_has_key(tls->tickets)) {
		(void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
		return SSL_set_num_tickets(ssl, 0) == 1;
	}
	memcpy(at, tls->binding, sizeof tls->binding);
	at += sizeof tls->binding;
	memcpy(at, t->hash, sizeof t->hash);
	at += sizeof t->hash;
	for (size_t i = 0; i < name.n; i++)
		*at++ = ascii_lower(name.p[i]);
	return EVP_Digest(whole, (size_t)(at - whole), id, NULL, EVP_sha256(),
	    NULL) == 1 &&
	    SSL_set_session_id_context(ssl, id, sizeof id) == 1;
}

/* An unknown or broken name gets the first certificate (TLS-6). */
static int
hello_choose(SSL *ssl, int *alert, void *arg)
{
	const struct tls_context *tls = arg;
	const struct tls_certificate *t;
	struct span name = span_of(NULL, 0);
	const unsigned char *ext;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext,
	    &n) == 1 && tls_sni_parse(span_of(ext, n), &name) != ERR_OK)
		name = span_of(NULL, 0);
	t = tls_certificate_find(tls, name);
	if ((t == tls->certificates || certificate_use(ssl, t)) &&
	    session_bind(ssl, tls, t, name))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

void
tls_hello_watch(struct tls_context *tls)
{
	SSL_CTX_set_client_hello_cb(tls->ctx, hello_choose, tls);
	SSL_CTX_set_alpn_select_cb(tls->ctx, alpn_choose, NULL);
}
