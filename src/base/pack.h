/*
 * pack.h - fixed-width numbers and counted octets, little-endian, bounded.
 *
 * Used by whatever crosses a process or a disk.  A writer that meets its end,
 * or a reader that meets the end of its input, turns bad and stays bad: check
 * once at the end.  A bad reader returns zeros and empty spans.
 */
#ifndef POSTHORSE_BASE_PACK_H
#define POSTHORSE_BASE_PACK_H

#include "base/buf.h"

struct pack {
	struct buf	*to;
	enum err	 error;		/* the first failure; ERR_OK while good */
};
void pack_u8(struct pack *w, uint8_t v);
void pack_u16(struct pack *w, uint16_t v);
void pack_u32(struct pack *w, uint32_t v);
void pack_u64(struct pack *w, uint64_t v);
void pack_raw(struct pack *w, struct span s);
/* A u32 count, then the octets. */
void pack_octets(struct pack *w, struct span s);

struct unpack {
	struct span	 in;		/* what is left */
	bool		 is_bad;
};
uint8_t unpack_u8(struct unpack *r);
uint16_t unpack_u16(struct unpack *r);
uint32_t unpack_u32(struct unpack *r);
uint64_t unpack_u64(struct unpack *r);
struct span unpack_raw(struct unpack *r, size_t n);
/* Borrowed from the input; bad when longer than max. */
struct span unpack_octets(struct unpack *r, size_t max);
/* True when nothing went wrong and nothing is left over (PRS-6). */
MUST_USE bool unpack_is_done(const struct unpack *r);

#endif
