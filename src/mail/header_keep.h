/*
 * header_keep.h - the fields that somebody asked for, kept as they stream past.
 *
 *	struct header_keep k = header_keep_make(names, COUNT(names));
 *	for each event of header.h:  header_keep_event(&k, &h, ev)
 *	for (i = 0; header_keep_at(&k, i, &f); i++) ...
 *	header_keep_free(&k)
 *
 * Pure.  Memory only for fields asked for, at most HEADER_MAX octets of values
 * and HEADER_FIELDS_MAX of them; what no longer fits is counted, not kept.
 */
#ifndef POSTHORSE_MAIL_HEADER_KEEP_H
#define POSTHORSE_MAIL_HEADER_KEEP_H

#include "base/buf.h"
#include "mail/header.h"

struct header_kept {
	uint32_t	which;		/* index into names */
	uint32_t	line;
	uint64_t	offset, length;	/* in the content, the whole field */
	struct span	value;		/* behind the colon; line ends too */
};
struct header_keep {
	const struct span	*names;		/* borrowed; in lower case */
	size_t			 nnames;
	bool			 is_short;	/* something was not kept */
	/* private: */
	bool			 is_wanted;	/* the field that streams past */
	struct buf		 values, fields;
};
/* Allocates nothing. */
struct header_keep header_keep_make(const struct span *names, size_t nnames);
void header_keep_free(struct header_keep *k);
void header_keep_event(struct header_keep *k, const struct header *h,
    struct header_event ev);
/*
 * The i-th that was kept and has ended, in the order of the content; false:
 * there are no more.  value is good until the next event.
 */
bool header_keep_at(const struct header_keep *k, size_t i,
    struct header_kept *f);
/*
 * A value in one line: each CRLF goes, the space behind it stays (RFC 5322
 * 2.2.3), the spaces at both ends go.  Appended; ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err header_unfold(struct span value, struct buf *to);

#endif
