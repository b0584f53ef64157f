/*
 * What an issuer says of a token: a user comes out of it only with a name that
 * is not empty, has no NUL, and is not too long.
 */
#include "role/backend/introspect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct introspect_rule rule = { "i", "a", "s", "u" };
	struct buf user = buf_make(INTROSPECT_USER_MAX);
	int64_t until_s = 0;

	if (introspect_user(span_of(data, size), &rule, 1000, &user,
	    &until_s) == ERR_OK) {
		if (user.n == 0 || span_find(buf_span(&user), 0) < user.n ||
		    until_s <= 1000)
			abort();
	} else if (user.n > 0) {
		abort();
	}
	buf_free(&user);
	return 0;
}
