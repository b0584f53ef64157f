/*
 * buf.h - octets that we own, with a greatest size from birth.
 *
 * A buf grows by doubling up to its limit and never beyond: at the limit
 * appending answers ERR_FULL and changes nothing.  The only place in the tree
 * that calls realloc (MEM-1).  Keep offsets into a buf, never pointers: any
 * append may move it.
 */
#ifndef POSTHORSE_BASE_BUF_H
#define POSTHORSE_BASE_BUF_H

#include "base/span.h"

#include <stdarg.h>

struct buf {
	uint8_t	*p;
	size_t	 n;		/* octets in use */
	size_t	 room;		/* octets allocated */
	size_t	 limit;		/* octets at most */
};

/* An empty buf; allocates nothing. */
struct buf buf_make(size_t limit);
/* Give the memory back; the buf is empty again with the same limit. */
void buf_free(struct buf *b);
/* Overwrite the octets first (passwords): a call no compiler removes. */
void buf_wipe(struct buf *b);

/* ERR_FULL (nothing was added) or ERR_NOMEM (nothing was added). */
MUST_USE enum err buf_add(struct buf *b, struct span s);
MUST_USE enum err buf_addc(struct buf *b, uint8_t octet);
MUST_USE enum err buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
MUST_USE enum err buf_vaddf(struct buf *b, const char *fmt, va_list ap)
    PRINTF(2, 0);
/*
 * Room for n more octets behind the used ones, to read() into; then say with
 * buf_grew() how many came.
 */
MUST_USE enum err buf_room(struct buf *b, size_t n);
static inline uint8_t *
buf_end(struct buf *b)
{
	return b->p + b->n;
}
static inline void
buf_grew(struct buf *b, size_t n)
{
	ASSERT(n <= b->room - b->n);
	b->n += n;
}
/* Drop n octets (at most b->n) from the front; the rest moves down. */
void buf_drop(struct buf *b, size_t n);
/* Forget everything behind the first n octets. */
void buf_cut(struct buf *b, size_t n);
static inline struct span
buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->n };
}

#endif
