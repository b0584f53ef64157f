/*
 * The journal's head and its entries, from any octets.
 */
#include "spool/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct journal_entry e;
	struct journal_head head;
	uint64_t seed = 5, at = JOURNAL_BLOCK;
	size_t n;

	(void)!journal_head_decode(in, &head);
	while (journal_decode(in, seed, at, &e, &n) == ERR_OK) {
		ASSERT(n <= in.n && e.text.n <= JOURNAL_TEXT_MAX);
		in = span_skip(in, n);
		at += n;
	}
	return 0;
}
