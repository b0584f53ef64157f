/* What decodes encodes again to the same octets. */
#include "mail/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = buf_make(ENVELOPE_MAX);
	struct envelope e;

	if (envelope_decode(span_of(data, size), &e) == ERR_OK &&
	    (envelope_encode(&e, &b) != ERR_OK ||
		!span_eq(buf_span(&b), span_of(data, size))))
		abort();
	buf_free(&b);
	return 0;
}
