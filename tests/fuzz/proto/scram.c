/* The first octet: what was offered; then client-first, LF, client-final. */
#include "proto/scram.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), first;
	struct scram s = scram_make();
	uint8_t how = size > 0 ? span_take(&in, 1).p[0] : 0;

	first = span_take(&in, span_find(in, '\n'));
	(void)span_take(&in, 1);
	if (scram_first(&s, first, how & 1, how & 2) == SCRAM_GOOD) {
		struct span channel = s.binding == SCRAM_UNBOUND ? SPAN("") :
		    SPAN("channel");

		if (s.user.n == 0 || span_find(scram_user(&s), 0) < s.user.n ||
		    ((how & 1) != 0) != (s.binding != SCRAM_UNBOUND))
			abort();
		if (scram_salted(&s, SPAN("nonce"), SPAN("salt"), 4096) ==
		    SCRAM_GOOD && scram_final(&s, in, channel) == SCRAM_GOOD &&
		    !span_starts(scram_auth_message(&s), SPAN("n=")))
			abort();
	}
	scram_end(&s);
	return 0;
}
