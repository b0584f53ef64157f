/*
 * tls_key.c - what a receiver wants to have signed.
 * shows: FUZ-1
 */
#include "io/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span octets = span_of(data, size);

	/* Neither an octet more nor one less means the same. */
	if (tls_key_may_sign(octets)) {
		ASSERT(size > 64 && size <= TLS_SIGNED_MAX);
		ASSERT(data[64] == 3 || data[64] == 'T' || data[64] < 0x10);
	}
	return 0;
}
