/* A line that is good holds no control octet and what its verb needs. */
#include "proto/smtp_command.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_cmd cmd;

	if (smtp_command_parse(span_of(data, size), &cmd) != RE_NONE)
		return 0;
	for (size_t i = 0; i < size; i++)
		if ((data[i] < 32 && data[i] != '\t') || data[i] == 127)
			abort();
	if (cmd.verb >= VERB_COUNT ||
	    (cmd.verb == VERB_RCPT && cmd.path.text.n == 0))
		abort();
	return 0;
}
