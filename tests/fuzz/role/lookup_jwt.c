/*
 * A JWK set, LF, a token, LF, the claims of another: each is read to its end;
 * only claims that say all of it name a user.
 */
#include "role/lookup/jwt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwt_rule rule = { "i", "a", "u", NULL };
	struct span in = span_of(data, size), set, token;
	struct buf payload = buf_make(JWT_MAX), user = buf_make(JWT_USER_MAX);
	struct jwks *keys;

	set = span_take(&in, span_find(in, '\n'));
	(void)span_take(&in, 1);
	token = span_take(&in, span_find(in, '\n'));
	(void)span_take(&in, 1);
	if (jwks_parse(set, &keys) == ERR_OK) {
		if (keys->n == 0 || keys->n > JWKS_KEYS_MAX)
			abort();
		(void)(jwt_verify(token, keys, &payload) == ERR_OK);
		jwks_drop(keys);
	}
	if (jwt_claims(in, &rule, 1000, &user) == ERR_OK &&
	    (user.n == 0 || span_find(buf_span(&user), 0) < user.n))
		abort();
	buf_free(&payload);
	buf_free(&user);
	return 0;
}
