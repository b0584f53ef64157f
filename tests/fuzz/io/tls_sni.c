/*
 * tls_sni.c - a server_name extension of a stranger.
 * shows: FUZ-1
 */
#include "io/tls_sni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), name;

	if (tls_sni_parse(all, &name) == ERR_OK) {
		ASSERT(name.p >= data && name.p + name.n <= data + size);
		ASSERT(name.n <= TLS_NAME_MAX && tls_name_is_good(name, true));
		ASSERT(tls_name_matches(name, name));
	}
	if (tls_name_is_good(all, true))
		(void)tls_name_matches(all, SPAN("mx.example.org"));
	return 0;
}
