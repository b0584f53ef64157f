/*
 * Words that are decoded leave no control octets, more room changes nothing that
 * was written, and what has no "=?" stays.
 */
#include "mail/encoded_word.h"

#include <stdlib.h>

#define ROOM	4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t whole[ROOM], part[ROOM];
	struct span value = span_of(data, size);
	size_t room = size > 0 ? data[0] : 0, n, m;

	n = encoded_words_decode(value, whole, sizeof whole);
	m = encoded_words_decode(value, part, room);
	demand(n <= sizeof whole && m == MIN(n, room));
	demand(memcmp(whole, part, m) == 0);
	for (size_t i = 0; i < n; i++)
		demand((whole[i] >= ' ' && whole[i] != 0x7f) ||
		    whole[i] == '\t');
	demand(n <= 3 * size);
	if (span_find_span(value, SPAN("=?")) == size)
		demand(n <= size);
	return 0;
}
