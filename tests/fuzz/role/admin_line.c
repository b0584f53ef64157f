/*
 * A line from a role that may have been taken over: one line of printable
 * octets comes out, and one JSON object.
 */
#include "role/admin/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event e = { .role = IPC_ROLE_QUEUE };
	struct buf b = buf_make(4 * EVENT_JSON_MAX);
	char room[LOG_LINE_MAX];

	e.text = event_clean(span_of(data, MIN(size, (size_t)LOG_LINE_MAX)),
	    room);
	for (size_t i = 0; i < e.text.n; i++)
		ASSERT(e.text.p[i] >= ' ' && e.text.p[i] != 0x7f);
	ASSERT(event_print(&e, &b) == ERR_OK);
	buf_cut(&b, 0);
	ASSERT(event_json(&e, &b) == ERR_OK && b.p[b.n - 1] == '}');
	buf_free(&b);
	return 0;
}
