/*
 * Fed whole, and octet by octet: the same result, the same client, as many
 * octets used; and never more than the bounds say.
 */
#include "proto/proxy_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), rest = in;
	struct proxy_header whole = { 0 }, parts = { 0 };
	enum proxy_result a = proxy_header_feed(&whole, &in);
	enum proxy_result b = PROXY_MORE;

	while (b == PROXY_MORE && rest.n > 0) {
		struct span one = span_take(&rest, 1);

		b = proxy_header_feed(&parts, &one);
		if (one.n > 0)
			abort();
	}
	if (a != b || in.n != rest.n ||
	    size - in.n > PROXY_HEAD + PROXY_REST_MAX)
		abort();
	if (a == PROXY_CLIENT && (whole.client.port != parts.client.port ||
	    (whole.client.naddress != 4 && whole.client.naddress != 16) ||
	    memcmp(whole.client.address, parts.client.address,
	    whole.client.naddress) != 0))
		abort();
	return 0;
}
