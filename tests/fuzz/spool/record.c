/*
 * A record's head, the front behind it, and a segment's head, from any octets.
 */
#include "spool/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spool_seal seal = spool_seal_of(1, (uint64_t)1 << 40);
	struct span in = { data, size }, envelope, added, cuts;
	struct spool_segment_head head;
	struct spool_record r;
	struct envelope e;

	if (spool_segment_head_decode(in, 0, &head) == ERR_OK)
		ASSERT(size >= SPOOL_FIRST);
	if (spool_record_peek(in, &seal, SPOOL_FIRST, 1 << 20, &r) != ERR_OK)
		return 0;
	ASSERT(spool_record_length(&r) <= 1 << 20);
	if (spool_record_check(in, &seal, &r, &envelope, &added, &cuts) !=
	    ERR_OK)
		return 0;
	for (size_t i = 0; i < r.ncuts; i++)
		ASSERT(spool_cut_at(cuts, i).to <= r.content_n);
	(void)!envelope_decode(envelope, &e);
	return 0;
}
