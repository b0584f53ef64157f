/*
 * store.h - the queue's one narrow way to its mail: append, claim, settle, scan.
 *
 * The store owns the spool directory: segments, large files, the journal of
 * outcomes, quarantine.  It hands out files to writers, reads what they made
 * durable and reports each message; it remembers per recipient what became of
 * it.  What a crash leaves where is drawn in doc/design/spool.md.
 *
 * One thread.  What blocks is a spool_job for the caller's worker:
 *
 *	make_wanted -> make_begin -> (thread) spool_job_run -> make_end
 *	sync_wanted -> sync_begin -> (thread) spool_job_run -> sync_end
 *
 * One of each kind may be in flight.  Nothing that is settled may be relied on
 * before the sync that followed it has ended well.
 */
#ifndef POSTHORSE_SPOOL_STORE_H
#define POSTHORSE_SPOOL_STORE_H

#include "spool/writer.h"

#define STORE_WORDS_MAX		1024u	/* octets of a remote's reply kept */
#define STORE_SEGMENT_SIZE	(64u << 20)
#define STORE_SEGMENT_SIZE_MIN	(1u << 16)
#define STORE_RESERVE		(64u << 20)	/* kept for the journal */

struct store;
/*
 * A message that the store keeps.  The pointer is its handle, good until the
 * call that settles its last recipient is made.  72 octets and, for two or
 * more recipients of which one is deferred, 16 for each.
 */
struct store_message;

enum store_fate {
	STORE_DONE = 1,		/* delivered */
	STORE_FAILED,		/* given up; a bounce, if any, is in the store */
	STORE_DELETED,		/* by the operator */
	STORE_RETRY,		/* due again at next_ms */
	STORE_HOLD,		/* until the operator says */
	STORE_FATE_COUNT
};
struct store_outcome {
	enum store_fate	fate;
	uint64_t	next_ms;	/* RETRY: wall clock */
	uint32_t	attempts;
	struct span	words;		/* the remote's last; STORE_WORDS_MAX */
};

/* What went wrong with the disk, once for each case (I12). */
enum store_alarm_kind {
	STORE_ALARM_CORRUPT,	/* a hole in a segment; bytes in quarantine/ */
	STORE_ALARM_CONTENT,	/* a message's content does not hold */
	STORE_ALARM_LARGE,	/* its large file is short, wrong or missing */
	STORE_ALARM_JOURNAL,	/* octets of the journal do not hold */
	STORE_ALARM_STRANGE,	/* a file that is not ours: in quarantine/ */
	STORE_ALARM_SYNC,	/* a sync failed */
	STORE_ALARM_UNFINISHED,	/* (info) an unfinished batch was dropped */
	STORE_ALARM_DISK,	/* this file system is refused; name: why */
	STORE_ALARM_DOUBT,	/* (info) it is doubtful; name: why */
	STORE_ALARM_COUNT
};
struct store_alarm {
	enum store_alarm_kind	 kind;
	uint64_t		 segment, offset, octets;
	const struct msg_id	*id;		/* or NULL */
	const char		*name;		/* file, or NULL */
};

struct store_events {
	void	*arg;
	/*
	 * A message that somebody still has to deliver: new behind an advance,
	 * or found at the start.  e borrows until we return.  nslots recipients
	 * in the envelope's order.
	 */
	void	(*message)(void *arg, struct store_message *m,
		    const struct envelope *e, const struct content_facts *facts,
		    uint64_t size);
	/*
	 * Right after message, at the start only: what the journal knows of a
	 * slot that is not as new.  Settled slots (DONE, FAILED, DELETED) too.
	 */
	void	(*outcome)(void *arg, struct store_message *m, uint32_t slot,
		    const struct store_outcome *o);
	/* The message is gone without being settled: corrupt, in quarantine. */
	void	(*lost)(void *arg, struct store_message *m);
	void	(*alarm)(void *arg, const struct store_alarm *a);
	/* During store_open, every few megabytes: it goes on.  May be NULL. */
	void	(*working)(void *arg);
	/* A sync comes next that our caller has to wait for.  May be NULL. */
	void	(*syncing)(void *arg);
};

struct store_options {
	uint64_t	segment_size;	/* 0: STORE_SEGMENT_SIZE */
	uint64_t	reserve;	/* octets; 0: none (tests) */
	unsigned int	ready;		/* free segments kept ready; 0: 2 */
	unsigned int	ready_large;	/* empty large files kept ready; 0: 4 */
	bool		prewrite;	/* write zeros over new segments */
	/* Percent of the disk that is kept free; 0: all may be used. */
	unsigned int	refuse_new, refuse_all;
	/*
	 * Writers may still live (a queue that was replaced): behind what is
	 * known to be durable nothing is read until store_advance,
	 * store_sealed or store_writer_ended says so.
	 */
	bool		has_writers;
};

/*
 * Lock, recover, report every living message, write a fresh journal.  May take
 * seconds.  dir and events->arg outlive the store; dir stays the caller's.
 * ERR_DENIED: another instance holds the lock, a newer format, a foreign owner,
 * a file system whose syncs keep no promise (an alarm says so);
 * nothing was changed.  ERR_IO: errno.
 */
MUST_USE enum err store_open(const struct spool_files *f, int dir,
    const struct store_options *options, const struct store_events *events,
    struct store **store);
/* Not while a job is in flight.  Unsynced outcomes are forgotten. */
void store_close(struct store *s);

/* --- files for writers ------------------------------------------------- */

/* A new or reused segment or large file should be prepared. */
bool store_make_wanted(const struct store *s);
/* False: nothing to do after all. */
bool store_make_begin(struct store *s, struct spool_job *job);
void store_make_end(struct store *s, const struct spool_job *job);
/*
 * A segment for the writing process `owner` (any number but 0, never used for
 * another process).  grant->fd is the caller's: pass it on, close it.
 * ERR_NONE: none ready; make one.
 */
MUST_USE enum err store_take_segment(struct store *s, uint64_t owner,
    struct spool_grant *grant);
MUST_USE enum err store_take_large(struct store *s, uint64_t owner,
    uint64_t *number, int *fd);

/* --- what writers say; ERR_DENIED: a lie, cut the writer off ------------ */

/* Reports the messages up to durable.  owner as at the take, or a new queue's
 * first word of it: then it becomes the owner. */
MUST_USE enum err store_advance(struct store *s, uint64_t owner,
    uint64_t segment, uint64_t generation, uint64_t durable);
MUST_USE enum err store_sealed(struct store *s, uint64_t owner,
    uint64_t segment, uint64_t generation, uint64_t durable, bool is_poisoned);
MUST_USE enum err store_large_used(struct store *s, uint64_t owner,
    uint64_t number, bool is_spoilt);
/*
 * That process is dead: sync its segments through our own descriptors, read
 * what it left.  Blocks for those syncs.
 */
void store_writer_ended(struct store *s, uint64_t owner);
/* has_writers: all have announced; what nobody named has ended. */
void store_writers_known(struct store *s);

/* --- mail -------------------------------------------------------------- */

struct store_piece {
	int		fd;		/* the store's: do not close */
	uint64_t	at, n;
};
/*
 * Where a message's octets lie, for copying in the kernel, now: the added
 * fields, then the content without its cuts; ERR_CORRUPT: the content does not
 * hold: it is in quarantine, lost() was called, m is gone.
 * ERR_FULL: more than max pieces are needed (at most ncuts + 2).
 */
MUST_USE enum err store_claim(struct store *s, struct store_message *m,
    struct store_piece *pieces, size_t max, size_t *npieces);
/*
 * A message in a large file: looking at its content and copying it takes as
 * long as it is large, so that is for a thread of the caller's.  As store_claim,
 * but the content is not looked at yet, and pieces of it are of *c's descriptor,
 * which is the caller's.  ERR_NONE: it has no large file.
 */
struct store_content {
	int			 fd;
	uint64_t		 size, seed, hash;
	const struct spool_files *files;
};
MUST_USE enum err store_claim_large(struct store *s, struct store_message *m,
    struct store_piece *pieces, size_t max, size_t *npieces,
    struct store_content *c);
/* In any thread.  ERR_CORRUPT: it is not what was accepted. */
MUST_USE enum err store_content_check(const struct store_content *c);
void store_content_close(struct store_content *c);
/* Behind ERR_CORRUPT: quarantine, lost(); m is gone. */
void store_content_lost(struct store *s, struct store_message *m);
/*
 * The envelope as it is on the disk, into *to; e borrows from that.  For the
 * addresses of a batch, `queue show`, a bounce.
 */
MUST_USE enum err store_envelope(struct store *s, struct store_message *m,
    struct buf *to, struct envelope *e);
/* A slot's last outcome with its words, into *to.  ERR_NONE: as new. */
MUST_USE enum err store_outcome(struct store *s, struct store_message *m,
    uint32_t slot, struct buf *to, struct store_outcome *o);
/* A place for the caller's own pointer in the message; NULL at first. */
void **store_user(struct store_message *m);
/*
 * The living message behind m, in the order of the spool; behind NULL: the
 * first.  NULL: that was the last.  m itself must still live.
 */
struct store_message *store_next(const struct store *s,
    const struct store_message *m);
bool store_slot_is_settled(const struct store_message *m, uint32_t slot);

/*
 * What became of a recipient; durable once sync_end reports *ticket.  When the
 * last slot is settled, m is gone.  Settling a settled slot does nothing.
 * ERR_NOMEM.
 */
MUST_USE enum err store_settle(struct store *s, struct store_message *m,
    uint32_t slot, const struct store_outcome *o, uint64_t *ticket);
/*
 * The sender was told that this recipient's mail is late: that is kept beside
 * what was last settled, RETRY or HOLD, and stays.  Of one that is as new, or
 * settled, nothing is kept; without memory neither, and the sender hears it again.
 */
void store_tell(struct store *s, struct store_message *m, uint32_t slot);
bool store_slot_is_told(struct store_message *m, uint32_t slot);
/*
 * A message of the queue's own (a bounce): durable before any settle() that
 * followed it, and reported through message() by the sync_end that made it so.
 * ERR_AGAIN: no segment is ready; make one.  Otherwise as spool_append.
 */
MUST_USE enum err store_append(struct store *s, const struct spool_message *m,
    uint64_t *ticket);

/* Outcomes or own messages wait, or a new journal is due. */
bool store_sync_wanted(const struct store *s);
bool store_sync_begin(struct store *s, struct spool_job *job);
/*
 * Tickets (of settle and append, one count) up to acked are durable.  Those of
 * append in (failed_from .. failed) were dropped: append them again.
 */
struct spool_synced store_sync_end(struct store *s,
    const struct spool_job *job);
/* False: the journal failed; no new deliveries until a sync_end mends it. */
bool store_may_deliver(const struct store *s);

/*
 * Housekeeping, in small steps: journal checkpoint, copying stragglers
 * forward, giving back files.  octets: at most so many copied now (10 MB/s in
 * all).  True: more is to do.
 */
bool store_tend(struct store *s, uint64_t octets);

enum store_room {
	STORE_ROOM_OK,
	STORE_ROOM_NO_NEW,	/* under refuse_new: refuse new senders */
	STORE_ROOM_NONE		/* under refuse_all or 2 GiB: refuse all */
};
/* Asks the file system; also takes the reserve back when there is room. */
enum store_room store_room(struct store *s);

struct store_counts {
	uint64_t	messages;	/* living */
	uint64_t	segments, free_segments, large;
	uint64_t	octets;		/* of living records */
	uint64_t	corrupt, unfinished, strange, lost;
	uint64_t	journal_octets;
};
struct store_counts store_counts(const struct store *s);

#endif
