/* The facts do not depend on the cut, which the first octet chooses (PRS-2). */
#include "mail/content.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct content_scan whole, cut;
	struct content_facts a, b;
	size_t piece;

	if (size == 0)
		return 0;
	piece = span_take(&in, 1).p[0] % 17 + 1u;
	content_scan_begin(&whole, SPAN("mx.example.org"));
	content_scan_begin(&cut, SPAN("mx.example.org"));
	content_scan_feed(&whole, in);
	while (in.n > 0)
		content_scan_feed(&cut, span_take(&in, piece));
	a = content_scan_end(&whole);
	b = content_scan_end(&cut);
	if (a.size != b.size || a.header_size != b.header_size ||
	    a.fields != b.fields || a.longest_field != b.longest_field ||
	    a.received != b.received || a.flags != b.flags || a.received_own != b.received_own ||
	    a.size != size - 1 || a.header_size > a.size)
		abort();
	return 0;
}
