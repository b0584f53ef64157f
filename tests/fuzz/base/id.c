/*
 * id: what parses prints back to the same letters.
 */
#include "base/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MSG_ID_LETTERS + 1];
	struct msg_id id;

	if (msg_id_parse(span_of(data, size), &id) != ERR_OK)
		return 0;
	msg_id_print(&id, text);
	ASSERT(span_eq_nocase(span_str(text), span_of(data, size)));
	return 0;
}
