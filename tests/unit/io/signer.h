/*
 * signer.h - the keys of a test's certificates, held in the same process.
 */
#ifndef POSTHORSE_TESTS_IO_SIGNER_H
#define POSTHORSE_TESTS_IO_SIGNER_H

#include "pem.h"

#include "io/tls_key.h"

#define SIGNER_KEYS_MAX	64u

struct signer {
	struct tls_key	*keys[SIGNER_KEYS_MAX];
	size_t		 nkeys;
	size_t		 nsigned;
	bool		 is_silent;	/* nothing is signed any more */
};

static inline enum err
signer_sign(struct signer *s, const uint8_t id[TLS_KEY_ID], uint16_t scheme,
    struct span octets, struct tls_signature *to)
{
	for (size_t i = 0; i < s->nkeys && !s->is_silent; i++)
		if (tls_key_has_id(s->keys[i], id)) {
			s->nsigned++;
			return tls_key_sign(s->keys[i], scheme, octets, to);
		}
	return ERR_DENIED;
}

/* The answer is there at once. */
static inline bool
signer_ask(void *ctx, struct tls_wish *wish)
{
	struct tls_signature to = { 0 };
	enum err e = signer_sign(ctx, wish->id, wish->scheme, wish->octets,
	    &to);

	tls_wish_answer(wish, e, span_of(to.octets, to.n));
	return true;
}

static inline void
signer_cancel(void *ctx UNUSED, struct tls_wish *wish UNUSED)
{
	CHECK(false, "it was answered");
}

static struct signer signer;
static const struct tls_signer signer_seam = { signer_ask, signer_cancel,
    &signer };

/* The key of a pem is known from now on. */
static inline enum err
signer_add(const struct pem *pem, char why[TLS_WHY_MAX])
{
	enum err e;

	assert_true(signer.nkeys < SIGNER_KEYS_MAX);
	e = tls_key_read(span_str(pem->cert), span_str(pem->key),
	    &signer.keys[signer.nkeys], why);
	if (e == ERR_OK)
		signer.nkeys++;
	return e;
}

/* A server's context with this certificate. */
static inline struct tls_context *
signer_server(const struct pem *pem)
{
	struct tls_context *tls;
	char why[TLS_WHY_MAX];

	CHECK_NUM(signer_add(pem, why), ERR_OK, "%s", why);
	CHECK_NUM(tls_context_server(span_str(pem->cert), &signer_seam, &tls,
	    why), ERR_OK, "%s", why);
	return tls;
}

/* With nothing left behind. */
static inline void
signer_forget(void)
{
	while (signer.nkeys > 0)
		tls_key_free(signer.keys[--signer.nkeys]);
}

#endif
