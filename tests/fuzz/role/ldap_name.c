/*
 * A name, in a filter and in a distinguished name: one value in either, and
 * each octet of it comes back.
 */
#include "role/backend/ldap_name.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
digit(uint8_t c)
{
	return ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10;
}

static void
check(struct span name, enum ldap_place place)
{
	struct ldap_user u = { .name = name };
	struct buf to = buf_make(3 * name.n + 1);
	size_t at = 0;

	if (ldap_name_fill(SPAN("{name}"), place, &u, &to) != ERR_OK)
		abort();
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = to.p[at++];

		if (c == '\\') {
			c = (uint8_t)(digit(to.p[at]) << 4 |
			    digit(to.p[at + 1]));
			at += 2;
		}
		if (c != name.p[i])
			abort();
	}
	if (at != to.n)
		abort();
	buf_free(&to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(span_of(data, size), LDAP_IN_NAME);
	check(span_of(data, size), LDAP_IN_FILTER);
	return 0;
}
