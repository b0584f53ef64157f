/*
 * The first octet says which command; what is good holds no control octet where
 * it is not for the log alone, and says its address in octets.
 */
#include "proto/smtp_xattr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena room = arena_make(1 << 20, 0);
	enum smtp_xcommand command = size > 0 && data[0] % 2 == 1 ?
	    XCOMMAND_FORWARD : XCOMMAND_CLIENT;
	struct smtp_xattrs x = { 0 };

	if (smtp_xattrs_parse(span_skip(span_of(data, size), 1), command,
	    &room, &x) != ERR_OK)
		goto out;
	for (size_t i = 0; i < XATTR_COUNT; i++) {
		const struct smtp_xvalue *v = &x.of[i];

		if ((v->state == XSTATE_SAID) != (v->text.n > 0) ||
		    v->text.n > XATTR_VALUE_MAX)
			abort();
		for (size_t k = 0; k < v->text.n; k++)
			if (v->text.p[k] == 0 || v->text.p[k] == '\n' ||
			    v->text.p[k] == '\r' ||
			    (command == XCOMMAND_CLIENT &&
			    (v->text.p[k] <= ' ' || v->text.p[k] > '~')))
				abort();
	}
	if (command == XCOMMAND_CLIENT &&
	    x.of[XATTR_ADDR].state == XSTATE_SAID && x.naddress != 4 &&
	    x.naddress != 16)
		abort();
out:
	arena_free(&room);
	return 0;
}
