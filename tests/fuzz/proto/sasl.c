/* The first octet: which mechanism; then lines, split at LF. */
#include "proto/sasl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	enum sasl_step step = SASL_CHALLENGE;
	struct sasl s;

	if (size == 0 || sasl_begin(&s, span_take(&in, 1).p[0] % 2 == 0 ?
	    SPAN("PLAIN") : SPAN("LOGIN")) != ERR_OK)
		return 0;
	while (step == SASL_CHALLENGE && in.n > 0) {
		struct span line = span_take(&in, span_find(in, '\n'));

		(void)span_take(&in, 1);
		step = sasl_feed(&s, true, line);
	}
	if (step == SASL_DONE && (s.user.n == 0 || s.user.n > SASL_USER_MAX ||
	    s.password.n == 0 || s.password.n > SASL_PASSWORD_MAX ||
	    span_find(s.user, 0) < s.user.n))
		abort();
	sasl_end(&s);
	return 0;
}
