/*
 * writer_priv.h - the inside of a writer; for writer*.c and the store.
 */
#ifndef POSTHORSE_SPOOL_WRITER_PRIV_H
#define POSTHORSE_SPOOL_WRITER_PRIV_H

#include "spool/writer.h"

#define PART_NONE	(-1)
#define WRITER_LARGE	(SPOOL_JOB_SYNCS - 2)	/* large files in a batch */
#define WRITER_NOTES	32u

struct writer_item {		/* a message of the open batch */
	uint64_t	ticket, at, length;
	uint32_t	sequence;
	int		part;
};
struct writer_open_large {	/* taken into a batch that is not synced */
	int		fd, part;
};
struct writer_poison {
	uint64_t	number, generation, last_good;
};
struct writer_empty {		/* an empty large file */
	uint64_t	number;
	int		fd;
};

struct spool_writer {
	const struct spool_files *files;
	struct spool_hasher	*hasher;
	struct spool_part	 parts[3];
	bool			 is_dirty[3];	/* durable moved: tell */
	int			 full, current, spare;	/* in parts, or NONE */
	uint64_t		 last_ticket, acked;
	/*
	 * Current's octets that are not in the file yet: written as one.  Not
	 * with the queue's own mail, whose copies are read before their sync.
	 */
	struct buf		 pending;
	uint64_t		 pending_at;
	bool			 is_direct;
	struct buf		 items;		/* of writer_item */
	struct buf		 cuts;		/* of one record, encoded */
	/* The sync in flight. */
	int			 syncing;
	bool			 is_covered;	/* the segment is in that sync */
	uint64_t		 sync_ticket, sync_end;
	int			 sync_large[WRITER_LARGE];
	size_t			 nsync_large;
	/* Large files that the open batch refers to. */
	struct writer_open_large open_large[WRITER_LARGE];
	size_t			 nopen_large;
	/* Segments that failed and are not named durably yet. */
	struct writer_poison	 poison[3];
	size_t			 npoison, npoison_written;
	uint64_t		 poison_in;
	bool			 is_poison_durable;
	bool			 is_late;	/* a planted fault's */
	uint64_t		 failed_from, failed;
	struct spool_note	 notes[WRITER_NOTES];
	size_t			 nnotes;
	struct writer_empty	 empty[SPOOL_LARGE_HELD];
	size_t			 nempty;
};

void writer_note(struct spool_writer *w, const struct spool_note *note);
/* Names of failed segments, where they are not written yet and there is room. */
void writer_poison_write(struct spool_writer *w);
/* Fill the open batch up to a block, and put all of it into the file. */
void writer_batch_close(struct spool_writer *w, struct spool_part *p);
/* That sync has made all of its batch durable, whatever came later. */
static inline bool
writer_sync_is_good(const struct spool_writer *w, const struct spool_job *job)
{
	return job->error == ERR_OK && w->is_covered;
}
void writer_part_end(struct spool_writer *w, int i, bool is_poisoned);
/*
 * As spool_append; *r is the record as it was written.  like: a record whose
 * large file this one refers to as well, or NULL.
 */
MUST_USE enum err writer_append_as(struct spool_writer *w,
    const struct spool_message *m, enum spool_type type,
    const struct spool_record *like, uint64_t *ticket,
    struct spool_record *r);

#endif
