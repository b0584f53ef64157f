/*
 * writer.h - the writing end of segments: who takes mail in uses it.
 *
 * The queue hands out files; the writer fills them.  It opens nothing and reads
 * nothing: pwritev, one a batch or each half MiB, and, in the caller's worker
 * thread, fdatasync.  What is appended waits in memory until then.  It holds a
 * current and a spare segment, and a full one whose last batch still waits for
 * its sync.  At most one sync is in flight.
 *
 *	append, append, ...	each gets a ticket, counting up from 1
 *	begin_sync		closes the batch; give the job to a thread
 *	append ...		these belong to the next batch
 *	end_sync		says which tickets may be answered 250, which 451
 *
 * After a failed sync (or write) the segment takes nothing more.  A record that
 * names its last good offset goes first into the spare; when that is durable,
 * the unacknowledged tickets are reported as failed (SPL-3).
 */
#ifndef POSTHORSE_SPOOL_WRITER_H
#define POSTHORSE_SPOOL_WRITER_H

#include "spool/job.h"
#include "spool/record.h"

#define SPOOL_LARGE_HELD	4u	/* empty large files that we may hold */

/* As in ipc/intake.h.  fd is taken over. */
struct spool_grant {
	uint64_t	number, generation, offset, size;
	int		fd;
};

struct spool_part {			/* a segment that we write */
	struct spool_grant	grant;		/* grant.offset: next octet */
	struct spool_seal	seal;
	uint64_t		batch;		/* where the open batch begins */
	uint64_t		durable;	/* announced as durable */
	uint64_t		last_ticket;	/* of what was appended */
	uint32_t		sequence;
	bool			is_held, is_open;	/* a batch is open */
	bool			is_bad;		/* a write or sync failed */
};

/*
 * A large file that is being filled: begin, add, add ..., then append() with
 * it, which takes it over; or drop.
 */
struct spool_large {
	uint64_t		 number, size;
	int			 fd;
	struct spool_hasher	*hasher;
	bool			 is_spoilt;
};

/* What append writes.  All is borrowed until it returns. */
struct spool_message {
	const struct msg_id		*id;
	struct span			 envelope;	/* mail/envelope.h */
	struct span			 added;		/* whole fields */
	const struct spool_cut		*cuts;
	size_t				 ncuts;
	const struct span		*content;	/* pieces, canonical */
	size_t				 ncontent;
	struct spool_large		*large;		/* or NULL */
	const struct content_facts	*facts;
};

/* Something that the queue must be told (ipc/intake.h); see next_note. */
enum spool_note_kind {
	SPOOL_NOTE_DURABLE,	/* ACCEPTED */
	SPOOL_NOTE_SEALED,	/* SEALED; its descriptor is closed */
	SPOOL_NOTE_LARGE	/* LARGE_USED; is_bad: spoilt */
};
struct spool_note {
	enum spool_note_kind	kind;
	uint64_t		number, generation, durable;
	bool			is_bad;		/* poisoned, spoilt */
};

struct spool_writer;
MUST_USE enum err spool_writer_new(const struct spool_files *f,
    struct spool_writer **w);
/* Closes what is held.  Not while a sync is in flight. */
void spool_writer_free(struct spool_writer *w);

/* ERR_FULL: a spare is held already; the descriptor is then closed. */
MUST_USE enum err spool_writer_adopt(struct spool_writer *w,
    const struct spool_grant *g);
/* How many segments are wanted now: 0, 1 or 2. */
unsigned int spool_writer_wants(const struct spool_writer *w);

/*
 * Write one message.  It may be acknowledged once a sync that began after our
 * return has ended well; *ticket then is at most acked.
 * ERR_FULL: no segment has room; ask the queue for one, say 451 or wait.
 * ERR_SYNTAX: too large for any segment, or more than its bounds.
 * ERR_AGAIN: this batch holds its most large files; again after begin_sync.
 * ERR_IO: errno says why; the segment is poisoned, this message was not taken,
 * and spool_writer_wants_sync is true.
 */
MUST_USE enum err spool_append(struct spool_writer *w,
    const struct spool_message *m, uint64_t *ticket);
/*
 * The client has gone: take the message back.  True while its batch has not
 * been closed (SPL-12): forget the ticket.  Not with a large file.
 */
bool spool_cancel(struct spool_writer *w, uint64_t ticket);

/* Something waits for a sync, and none is in flight. */
bool spool_writer_wants_sync(const struct spool_writer *w);
/*
 * Close the batch and fill *job, for spool_job_run in a thread.  Only when
 * wants_sync.
 */
void spool_writer_begin_sync(struct spool_writer *w, struct spool_job *job);
/*
 * When failed is not 0: tickets failed_from to failed are 451, and none of them
 * is ever delivered.  All others up to acked may be answered 250.
 */
struct spool_synced {
	uint64_t	acked;
	uint64_t	failed_from, failed;
};
struct spool_synced spool_writer_end_sync(struct spool_writer *w,
    const struct spool_job *job);
/*
 * What the queue should hear, one at a time; false: nothing.  To a new queue,
 * say spool_writer_announce first: all is told again.
 */
bool spool_writer_next_note(struct spool_writer *w, struct spool_note *note);
void spool_writer_announce(struct spool_writer *w);

/* Take over an empty large file.  ERR_FULL: enough are held; fd is closed. */
MUST_USE enum err spool_writer_adopt_large(struct spool_writer *w,
    uint64_t number, int fd);
unsigned int spool_writer_wants_large(const struct spool_writer *w);
/* ERR_FULL: none held: 452 4.3.1. */
MUST_USE enum err spool_large_begin(struct spool_writer *w,
    struct spool_large *large);
/* ERR_IO: errno; then only drop is left. */
MUST_USE enum err spool_large_add(struct spool_writer *w,
    struct spool_large *large, struct span piece);
/* Give it up: noted as spoilt when anything was written. */
void spool_large_drop(struct spool_writer *w, struct spool_large *large);

#endif
