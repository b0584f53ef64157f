/*
 * A line of Dovecot's, and a user and a password for it: what is asked is one
 * line whose words are ours, whatever the user is called.
 */
#include "role/backend/dovecot_line.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count(struct span s, uint8_t octet)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == octet;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), user, password;
	struct buf asked = buf_make(4 * DOVECOT_LINE_MAX);
	struct dovecot_line l;

	if (dovecot_line_parse(in, &l) == ERR_OK &&
	    (l.text.n > in.n || (l.text.n > 0 && (l.text.p < in.p ||
	    l.text.p + l.text.n > in.p + in.n))))
		abort();
	user = span_take(&in, span_find(in, '\n'));
	password = span_skip(in, 1);
	if (dovecot_ask(1, user, password, user, &asked) == ERR_OK &&
	    (asked.n > DOVECOT_LINE_MAX ||
	    count(buf_span(&asked), '\n') != 1 ||
	    count(buf_span(&asked), '\0') != 0 ||
	    count(buf_span(&asked), '\t') > 6))
		abort();
	buf_free(&asked);
	return 0;
}
