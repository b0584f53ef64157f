/*
 * walk.h - read a segment's records one after the other, over holes.
 *
 * Where no record holds, the walk looks for the next one by its tag at every
 * place where a record may begin; the tag is drawn from the generation, so
 * neither old blocks nor content can pass for a record.  What a hole means is
 * for the caller to judge: see recover.c.
 */
#ifndef POSTHORSE_SPOOL_WALK_H
#define POSTHORSE_SPOOL_WALK_H

#include "spool/files.h"
#include "spool/record.h"

#define WALK_FRONT_MAX \
	(SPOOL_RECORD_HEAD + ENVELOPE_MAX + SPOOL_ADDED_MAX + 16u * SPOOL_CUTS_MAX)

struct walk {
	const struct spool_files *files;
	int			 fd;
	struct spool_seal	 seal;
	uint64_t		 at;		/* next octet to look at */
	uint64_t		 limit;		/* nothing behind it is read */
	uint32_t		 sequence;	/* least that may come */
	struct buf		*window;	/* the caller's, reused */
	uint64_t		 window_at;
	size_t			 ahead;		/* octets read at once */
};

struct walk_item {
	struct spool_record	 r;
	struct span		 envelope, added, cuts;	/* until the next call */
	uint64_t		 hole_from, hole_to;	/* octets skipped before */
};

/* window: made with limit WALK_WINDOW_MAX; its old octets are forgotten. */
#define WALK_WINDOW_MAX	(WALK_FRONT_MAX + SPOOL_BLOCK)
struct walk walk_make(const struct spool_files *f, int fd,
    const struct spool_seal *seal, uint64_t from, uint64_t limit,
    struct buf *window);
/*
 * ERR_NONE: no record up to limit; hole_from .. hole_to is what was not one.
 * ERR_IO, ERR_NOMEM: nothing was decided.
 */
MUST_USE enum err walk_next(struct walk *w, struct walk_item *item);
/* Read the record at exactly w->at.  ERR_CORRUPT: none there. */
MUST_USE enum err walk_here(struct walk *w, struct walk_item *item);

#endif
