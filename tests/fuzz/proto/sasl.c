/* The first octet: which mechanism; then lines, split at LF; we say yes. */
#include "proto/sasl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_password(const struct sasl *s)
{
	return s->user.n > 0 && s->user.n <= SASL_USER_MAX &&
	    s->password.n > 0 && s->password.n <= SASL_PASSWORD_MAX &&
	    span_find(s->user, 0) == s->user.n;
}

static enum sasl_step
answer(struct sasl *s)
{
	static const uint8_t signature[SCRAM_KEY];

	if (s->question == SASL_ASK_SALT)
		return sasl_salted(s, SPAN("nonce"), SPAN("salt"), 4096,
		    SPAN("channel"));
	if (s->question == SASL_ASK_PROOF)
		return sasl_proved(s, SPAN("user"), span_of(signature,
		    sizeof signature));
	if (s->question == SASL_ASK_IDENTITY)
		return span_find(s->user, 0) < s->user.n ? SASL_BAD :
		    SASL_CANCELLED;
	if (s->question == SASL_ASK_TOKEN) {
		if (s->password.n == 0 || span_find(s->user, 0) < s->user.n)
			abort();
		return sasl_rejected(s);
	}
	if (!is_password(s))
		abort();
	return SASL_DONE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PLAIN", "LOGIN",
		"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "OAUTHBEARER",
		"XOAUTH2", "EXTERNAL" };
	struct span in = span_of(data, size);
	enum sasl_step step = SASL_CHALLENGE;
	struct sasl s;

	if (size == 0 || sasl_begin(&s, span_str(names[span_take(&in, 1).p[0] %
	    COUNT(names)]), UINT32_MAX) != ERR_OK)
		return 0;
	while (step == SASL_CHALLENGE && in.n > 0) {
		struct span line = span_take(&in, span_find(in, '\n'));

		(void)span_take(&in, 1);
		step = sasl_feed(&s, true, line);
		if (step == SASL_ASK)
			step = answer(&s);
	}
	if (step == SASL_DONE && s.user.n == 0)
		abort();
	sasl_end(&s);
	return 0;
}
