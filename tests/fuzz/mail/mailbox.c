/*
 * A plain address, read again, is one address and the same; what is handed out
 * lies within the input or the parser's own room.
 */
#include "mail/mailbox.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool claim)
{
	if (!claim)
		abort();
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n')
			return true;
	return false;
}

static void
read_again(struct span address)
{
	struct mailbox_list l;

	mailbox_begin(&l, address);
	demand(mailbox_next(&l) == ERR_OK);
	demand(span_eq(l.address, address));
	demand(mailbox_next(&l) == ERR_NONE && l.count == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct mailbox_list l;
	enum err e;

	mailbox_begin(&l, in);
	while ((e = mailbox_next(&l)) == ERR_OK) {
		demand(l.at <= size && l.count <= MAILBOX_LIST_MAX);
		demand(l.address.n <= MAILBOX_TEXT_MAX);
		demand(!has_control(l.address));
		demand(l.name.n == 0 || (l.name.p >= in.p &&
		    l.name.p + l.name.n <= in.p + in.n));
		read_again(l.address);
	}
	demand(e == ERR_NONE || e == ERR_SYNTAX || e == ERR_FULL);
	demand(e == ERR_NONE ? l.at == size : l.why[0] != '\0');
	return 0;
}
