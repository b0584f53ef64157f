/*
 * recover_priv.h - the three parts of a recovery: names, journal, the whole.
 *
 * Inside of the spool; see store_recover.c for the order.  All enum err: ERR_IO
 * with errno, ERR_NOMEM, or as said.
 */
#ifndef POSTHORSE_SPOOL_RECOVER_PRIV_H
#define POSTHORSE_SPOOL_RECOVER_PRIV_H

#include "spool/store_priv.h"

#define LIST_MAX	(16u << 20)	/* octets of names */

/* --- store_names.c --- */

struct listing {
	struct buf	names;		/* each with its NUL */
	enum err	error;
};
/* For spool_files.list. */
void listing_add(void *listing, const char *name);
/* The first n octets of a file, or what there is, into s->bulk. */
MUST_USE enum err front_read(struct store *s, int fd, size_t n);
/*
 * Enter segments and large files; what nobody knows goes into *strange, each
 * name with its NUL.  Changes nothing; ERR_DENIED: a newer format.
 */
MUST_USE enum err names_look(struct store *s, const struct listing *l,
    struct buf *strange);
/* Strange files into quarantine/, unfinished ones away. */
MUST_USE enum err names_tidy(struct store *s, const struct listing *l,
    const struct buf *strange);
/* Which head of each segment counts is sure, and on the disk. */
MUST_USE enum err heads_settle(struct store *s);

/* --- store_replay.c --- */

/* is_new: there is none.  ERR_CORRUPT: its head does not hold. */
MUST_USE enum err journal_open(struct store *s, bool *is_new);
/* First reading.  *holes: places that were durable once and do not hold. */
MUST_USE enum err journal_foresee(struct store *s, uint64_t *holes);
/* Second reading, when all records are entered. */
MUST_USE enum err journal_apply(struct store *s);
/* The journal does not hold as it should: its octets are kept. */
void journal_alarm(struct store *s);
/* Out of memory, without the consequences of being delivered. */
void message_forget(struct store *s, struct store_message *m);

#endif
