/*
 * The first two octets choose a type, the rest is its payload.  What decodes
 * encodes again to the same octets.
 */
#include "ipc/all.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = buf_make(32u * 1024 * 1024);
	const struct ipc_type *t;
	uint8_t msg[512];

	if (size < 2)
		return 0;
	t = ipc_all[data[0] % IPC_ALL_COUNT];
	if (ipc_decode(t, span_of(data + 2, size - 2), msg) == ERR_OK &&
	    (ipc_encode(t, msg, &b) != ERR_OK ||
		!span_eq(buf_span(&b), span_of(data + 2, size - 2))))
		abort();
	buf_free(&b);
	return 0;
}
