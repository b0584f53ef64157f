/*
 * channel_frame.c - a packet from another process, cut into frames.
 */
#include "io/channel.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), payload;
	size_t seen = 0;
	uint16_t type;
	enum err e;

	while ((e = channel_frame_next(&in, &type, &payload)) == ERR_OK) {
		seen += CHANNEL_HEAD + payload.n;
		/* Frames lie in the packet, one behind the other. */
		if (type == 0 || payload.p + payload.n != data + seen)
			abort();
	}
	if (e == ERR_NONE && seen != size)
		abort();
	return 0;
}
