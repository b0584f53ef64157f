#include "role/lookup/fake.h"

enum err
fake_verifier(const struct verifier *like, struct span user,
    struct verifier *fake)
{
	uint8_t key[VERIFIER_KEY], salt[VERIFIER_KEY];
	enum err e = verifier_hmac(span_of(like->server, VERIFIER_KEY),
	    SPAN("salts of nobody"), SPAN(""), key);

	if (e == ERR_OK)
		e = verifier_hmac(span_of(key, sizeof key), user, SPAN(""),
		    salt);
	if (e == ERR_OK) {
		/* Nobody knows what hashes to these keys. */
		*fake = *like;
		fake->nsalt = MIN(like->nsalt, sizeof salt);
		memcpy(fake->salt, salt, fake->nsalt);
	}
	explicit_bzero(key, sizeof key);
	return e;
}

enum err
fake_key_make(struct span secret, struct fake_key *k)
{
	enum err e = verifier_hmac(secret, SPAN("scram-secret"), SPAN(""),
	    k->key);

	k->is_there = e == ERR_OK;
	return e;
}

void
fake_like(const struct fake_key *k, struct verifier *like)
{
	*like = (struct verifier){ .iterations = VERIFIER_WORK,
		.nsalt = VERIFIER_SALT };
	memcpy(like->server, k->key, sizeof like->server);
	memcpy(like->stored, k->key, sizeof like->stored);
}
