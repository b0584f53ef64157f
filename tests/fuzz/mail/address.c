/*
 * Whatever parses is made of the input, holds no control octet, and parses
 * again to the same (PRS-4).
 */
#include "mail/address.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct addr *a)
{
	struct addr again;

	for (size_t i = 0; i < a->text.n; i++)
		if (a->text.p[i] < 32 || a->text.p[i] > 126)
			abort();
	if (a->kind == ADDR_MAILBOX &&
	    (addr_parse(a->text, &again) != ERR_OK || !addr_eq(a, &again) ||
		a->text.n > ADDR_MAX || a->local.n > ADDR_LOCAL_MAX))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct addr a;

	if (addr_parse(in, &a) == ERR_OK)
		check(&a);
	if (addr_parse_reverse(&in, &a) == ERR_OK)
		check(&a);
	in = span_of(data, size);
	if (addr_parse_forward(&in, &a) == ERR_OK)
		check(&a);
	return 0;
}
