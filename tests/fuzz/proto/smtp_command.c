/* A line that is good holds no control octet and what its verb needs. */
#include "mail/xtext.h"
#include "proto/smtp_command.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is good xtext decodes into something shorter, without a line's end. */
static void
check_xtext(struct span s)
{
	uint8_t to[2048];
	size_t n;

	if (!xtext_is(s) || !xtext_decode(s, to, sizeof to, &n))
		return;
	if (n > s.n || memchr(to, 0, n) != NULL ||
	    memchr(to, '\n', n) != NULL || memchr(to, '\r', n) != NULL)
		abort();
}

static void
check_params(struct span in, enum smtp_verb verb)
{
	struct smtp_params p = { 0 };

	if (smtp_params_parse(in, verb, &p) != RE_NONE)
		return;
	if (p.priority < -9 || p.priority > 9 || p.notify > 15)
		abort();
	check_xtext(p.envid);
}

static int
one_line(const uint8_t *data, size_t size)
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_params(span_of(data, size), VERB_MAIL);
	check_params(span_of(data, size), VERB_RCPT);
	check_xtext(span_of(data, size));
	return one_line(data, size);
}
