#include "role/lookup/verify.h"
#include "base/buf.h"

#include <crypt.h>
#include <stdlib.h>

bool
verify_same(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ = (uint8_t)(differ | (x[i] ^ y[i]));
	return differ == 0;
}

void
verify_run(struct verify *v)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *sum = NULL;

	v->is_right = false;
	v->password[v->password_n] = '\0';
	if (data != NULL)
		sum = crypt_rn(v->password, v->hash, data, sizeof *data);
	v->has_failed = sum == NULL || sum[0] == '*';
	if (!v->has_failed) {
		size_t n = strlen(v->hash);

		v->is_right = strlen(sum) == n && verify_same(sum, v->hash, n)
		    && v->is_known;
	}
	explicit_bzero(v->password, sizeof v->password);
	if (data != NULL)
		explicit_bzero(data, sizeof *data);
	free(data);
}

/* A length before each part: no two different triples are one text. */
bool
verify_prove(const struct verify_kept *k, struct span user,
    struct span password, struct span hash, struct verify_proof *proof)
{
	const struct span parts[] = { user, password, hash };
	struct buf text = buf_make(4096);
	bool is_made = buf_room(&text, 4096) == ERR_OK;

	for (size_t i = 0; i < COUNT(parts) && is_made; i++) {
		uint64_t n = parts[i].n;

		is_made = buf_add(&text, span_of(&n, sizeof n)) == ERR_OK &&
		    buf_add(&text, parts[i]) == ERR_OK;
	}
	if (is_made)
		is_made = verifier_hmac(span_of(k->key, sizeof k->key),
		    buf_span(&text), SPAN(""), proof->sum) == ERR_OK;
	buf_wipe(&text);
	buf_free(&text);
	return is_made;
}

static size_t
place_of(const struct verify_proof *proof)
{
	return (size_t)(proof->sum[0] << 8 | proof->sum[1]) % VERIFY_KEPT;
}

bool
verify_is_kept(const struct verify_kept *k, const struct verify_proof *proof,
    uint64_t now_ms)
{
	const struct verify_seen *s = &k->seen[place_of(proof)];

	return s->until_ms > now_ms &&
	    verify_same(&s->proof, proof, sizeof *proof);
}

void
verify_keep(struct verify_kept *k, const struct verify_proof *proof,
    uint64_t now_ms, uint64_t for_ms)
{
	k->seen[place_of(proof)] = (struct verify_seen){
		.proof = *proof, .until_ms = now_ms + for_ms,
	};
}
