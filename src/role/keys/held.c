/*
 * held.c - the private keys, and what is signed with them.
 */
#include "role/keys/keys.h"

enum err
keys_held_read(struct keys_held *k, size_t row, char why[TLS_WHY_MAX])
{
	struct held *h = &k->rows[row];
	struct tls_key *key;
	enum err e = tls_key_read(buf_span(&h->certificate),
	    buf_span(&h->pem), &key, why);

	buf_wipe(&h->pem);
	buf_free(&h->pem);
	buf_free(&h->certificate);
	if (e != ERR_OK)
		return e;
	tls_key_free(h->last);
	h->last = h->key;
	h->key = key;
	k->nrows = MAX(k->nrows, row + 1);
	return ERR_OK;
}

bool
keys_held_has_pair(const struct keys_held *k, size_t row)
{
	return k->rows[row].certificate.n > 0 && k->rows[row].pem.n > 0;
}

void
keys_held_forget(struct keys_held *k)
{
	for (size_t i = 0; i < k->nrows; i++) {
		tls_key_free(k->rows[i].last);
		k->rows[i].last = NULL;
	}
}

static const struct tls_key *
find(const struct keys_held *k, struct span id)
{
	for (size_t i = 0; id.n == TLS_KEY_ID && i < k->nrows; i++) {
		const struct held *h = &k->rows[i];

		if (h->key != NULL && tls_key_has_id(h->key, id.p))
			return h->key;
		if (h->last != NULL && tls_key_has_id(h->last, id.p))
			return h->last;
	}
	return NULL;
}

struct keys_signature
keys_held_sign(const struct keys_held *k, const struct keys_sign *m,
    struct tls_signature *signature)
{
	const struct tls_key *key = find(k, m->key);
	struct keys_signature answer = { .tag = m->tag,
	    .result = KEYS_REFUSED };
	enum err e = key == NULL ? ERR_DENIED :
	    tls_key_sign(key, m->scheme, m->octets, signature);

	if (e == ERR_OK) {
		answer.result = KEYS_SIGNED;
		answer.octets = span_of(signature->octets, signature->n);
	} else if (e == ERR_NOMEM) {
		answer.result = KEYS_FAILED;
	}
	return answer;
}
