/*
 * store_priv.h - the inside of a store; for store*.c.
 *
 * store.c	   tables of segments, large files and messages
 * store_read.c	   records into messages: what writers made durable
 * store_claim.c   messages read again
 * store_make.c	   new, reused and removed files
 * store_sync.c	   outcomes into the journal
 * store_own.c	   the queue's own mail
 * store_tend.c	   stragglers copied forward, disk space
 * store_recover.c store_open: what a crash left, and what of it counts;
 *		   store_names.c its files, store_replay.c its journal
 * quarantine.c	   octets and files that nobody can explain
 */
#ifndef POSTHORSE_SPOOL_STORE_PRIV_H
#define POSTHORSE_SPOOL_STORE_PRIV_H

#include "spool/journal.h"
#include "spool/store.h"
#include "spool/walk.h"
#include "spool/words.h"

#define STORE_OWN	UINT64_MAX	/* owner: the store itself */
#define STORE_SEGMENTS_MAX	65536u
#define STORE_LARGE_MAX		(1u << 20)
#define STORE_PENDING_MAX	(256u << 20)	/* octets of outcomes */
#define STORE_KEPT_MAX		(8u << 20)	/* octets of own mail, not synced */
#define STORE_PAUSE_MS		1000u	/* after a failure */
#define STORE_CACHED		4u	/* sealed segments left in memory */

enum segment_state {
	SEGMENT_READY,		/* empty, may be handed out */
	SEGMENT_HELD,		/* a writer has it */
	SEGMENT_READ		/* nothing more is written there */
};
struct segment {
	uint64_t		 number, generation, size;
	int			 fd;		/* held since creation */
	enum segment_state	 state;
	uint64_t		 owner;		/* who may still hold it, or 0 */
	struct spool_seal	 seal;
	uint64_t		 scanned;	/* records below are known */
	uint64_t		 told;		/* durable, says its writer */
	uint64_t		 end;		/* nothing counts behind; 0: open */
	bool			 is_poisoned;	/* never to be reused */
	bool			 is_busy;	/* a make job works on it */
	bool			 is_left;	/* its writer is gone, it is not read */
	uint32_t		 sequence;	/* next one expected */
	uint32_t		 heard;		/* recovery: the journal knows below */
	uint32_t		 alive;
	uint64_t		 alive_octets;
	uint64_t		 wait_ticket;	/* reusable once durable */
	uint64_t		 cover_ticket;	/* and that once covered */
	struct buf		 messages;	/* of store_message *, by sequence */
	struct buf		 dropped;	/* of spool_cut: unfinished batches */
};

struct store_slot {
	uint64_t	next_ms;
	uint32_t	words;
	uint16_t	attempts;
	uint8_t		fate;		/* 0: as new */
	bool		is_told;	/* stays, whatever is said later */
};
#define MESSAGE_COPY	0x01	/* a COPY record: lives by the journal's word */
#define MESSAGE_DORMANT	0x02	/* recovery: that word has not come */
#define MESSAGE_MOVING	0x04	/* in store->moves */
struct store_message {
	struct segment		*segment;
	void			*user;
	uint64_t		 large;		/* number, or 0 */
	uint32_t		 place16, length16;	/* octets / 16 */
	uint32_t		 sequence;
	uint16_t		 nslots, left;	/* left: not settled */
	uint8_t			 flags;
	union {
		uint64_t	 one;		/* up to 64 slots: bits */
		uint64_t	*many;
	} settled;
	union {
		struct store_slot one;		/* nslots == 1 */
		struct store_slot *many;	/* NULL: all as new */
	} slot;
};

enum large_state {
	LARGE_READY,
	LARGE_HANDED,
	LARGE_USED,
	LARGE_MENTIONED,	/* recovery: a record names it */
	LARGE_DOOMED		/* to be removed once ticket is durable */
};
struct store_large {
	uint64_t	 number, owner, ticket;
	enum large_state state;
};

/* A straggler on its way forward. */
struct store_move {
	struct store_message	*m;		/* NULL: settled meanwhile */
	struct segment		*from, *to;
	uint32_t		 from_sequence, to_sequence;
	uint32_t		 from_place16, to_place16, length16;
	uint8_t			 from_flags;
};

enum make_kind {
	MAKE_NONE,
	MAKE_SEGMENT,
	MAKE_AGAIN,		/* a new generation */
	MAKE_REMOVE,
	MAKE_LARGE
};

struct store {
	const struct spool_files *files;
	int			 dir, quarantine, lock;
	struct store_options	 options;
	const struct store_events *events;
	struct buf		 segments;	/* of segment *, by number */
	struct buf		 larges;	/* of store_large */
	/* has_writers: segments below may still be in a writer's hands. */
	uint64_t		 first_ours;
	uint64_t		 next_segment, next_large;
	struct words		*words;
	struct buf		 window;	/* scanning */
	struct buf		 front;		/* claims */
	struct buf		 bulk;		/* content on its way */
	struct buf		 cuts;		/* of a straggler */
	struct spool_hasher	*hasher;
	int			 large_fd;	/* of the last claim, or -1 */
	/* making */
	enum make_kind		 making;
	bool			 was_large;	/* what was made last */
	bool			 has_no_room;	/* it failed for want of it */
	struct segment		*making_segment;
	uint64_t		 making_number, making_generation;
	uint8_t			 making_text[SPOOL_BLOCK];
	uint64_t		 make_pause;	/* wall clock */
	uint64_t		 taken_ms[2];	/* the last two takes; wall clock */
	/* The last segments that were sealed, by number; a ring. */
	uint64_t		 sealed[STORE_CACHED];
	size_t			 sealed_next;
	/* the journal */
	int			 journal;
	uint64_t		 journal_seed, journal_end, journal_base;
	struct journal_head	 journal_head;	/* recovery: as it was read */
	struct buf		 pending;	/* entries not handed to a sync */
	uint32_t		 npending;	/* entries in it */
	struct buf		 out;		/* the group in a sync */
	bool			 is_broken;	/* a fresh one must come first */
	int			 fresh;		/* the checkpoint in a sync */
	uint64_t		 fresh_seed, fresh_end;
	uint64_t		 last_ticket, durable_ticket, sync_ticket;
	/*
	 * Covered: behind it stands another group, or it is in a checkpoint.
	 * Rot is noticed there; in the last group it looks like a sync that
	 * never ended.
	 */
	uint64_t		 covered_ticket, cover_wanted;
	bool			 is_syncing;
	bool			 is_own_syncing;
	uint64_t		 sync_pause;
	/* the queue's own mail */
	struct spool_writer	*own;
	struct buf		 kept;		/* what no sync has covered */
	uint64_t		 salvage_ticket; /* up to it: write it again */
	struct buf		 moves;		/* of store_move, not synced */
	struct buf		 moved;		/* in the sync in flight */
	bool			 has_reserve;
	bool			 is_opening;
	struct buf		 seen;		/* recovery: ids, hashed (u64) */
	size_t			 nseen;
	struct store_counts	 counts;
};

/* store.c */
size_t store_segment_count(const struct store *s);
struct segment *store_segment_at(const struct store *s, size_t i);
struct segment *store_segment_find(const struct store *s, uint64_t number);
MUST_USE enum err store_segment_add(struct store *s, struct segment *g);
void store_segment_drop(struct store *s, struct segment *g);
struct segment *segment_new(uint64_t number, uint64_t generation,
    uint64_t size, int fd);
void segment_free(struct segment *g);
void segment_renew(struct segment *g, uint64_t generation);
void segment_name(char name[SPOOL_NAME_MAX], uint64_t number);
/* No segment is ready, and the disk has no room for one. */
bool store_is_full(const struct store *s);
void large_name(char name[SPOOL_NAME_MAX], uint64_t number);
struct store_large *store_large_find(struct store *s, uint64_t number);
MUST_USE enum err store_large_add(struct store *s,
    const struct store_large *large);
/* Remove its file now, without waiting for the directory. */
void store_large_remove(struct store *s, uint64_t number);
struct store_message *segment_message(const struct segment *g,
    uint32_t sequence);
/* Enter m at its sequence.  ERR_NOMEM. */
MUST_USE enum err segment_enter(struct segment *g, uint32_t sequence,
    struct store_message *m, uint64_t octets);
void segment_leave(struct segment *g, uint32_t sequence, uint64_t octets);
struct store_message *message_new(struct segment *g,
    const struct spool_record *r, uint32_t nslots);
/* Out of its segment, which waits for the ticket; freed. */
void message_finish(struct store *s, struct store_message *m,
    uint64_t ticket);
/* True when that was the last open slot. */
bool message_settle(struct store_message *m, uint32_t slot);
struct store_slot *message_slot(struct store_message *m, uint32_t slot,
    bool make);
static inline uint64_t
message_place(const struct store_message *m)
{
	return (uint64_t)m->place16 * SPOOL_ALIGN;
}
static inline uint64_t
message_length(const struct store_message *m)
{
	return (uint64_t)m->length16 * SPOOL_ALIGN;
}
/* Recovery goes on. */
void store_working(const struct store *s);
void store_syncing(const struct store *s);
void store_alarm(struct store *s, enum store_alarm_kind kind,
    const struct segment *g, uint64_t offset, uint64_t octets,
    const struct msg_id *id);
/*
 * Recovery: false when a message of that id has been read already.  Our own mail
 * can lie in two segments, when the first failed and the journal did not come to
 * say so.
 */
bool store_id_is_new(struct store *s, const struct msg_id *id);
uint64_t store_now(const struct store *s);
/* A failure was so short ago that nothing is tried. */
bool store_is_pausing(const struct store *s, uint64_t until);

/* store_read.c */
/* Learn of poison, and how far the segment is known to be durable. */
MUST_USE enum err segment_learn(struct store *s, struct segment *g,
    uint64_t *evidence);
/* Enter what lies up to limit; below evidence a hole is corruption. */
MUST_USE enum err segment_scan(struct store *s, struct segment *g,
    uint64_t limit, uint64_t evidence);
/* Its writer is gone: read the tail, seal it. */
MUST_USE enum err segment_finish(struct store *s, struct segment *g);
MUST_USE enum err segment_seal(struct store *s, struct segment *g,
    uint64_t end, bool is_poisoned);
/* What a failed read has kept from being entered, once more. */
void segments_mend(struct store *s);
/* For reading.  ERR_CORRUPT: it is not there; ERR_IO: nothing is known of it. */
MUST_USE enum err large_open(struct store *s, uint64_t number, int *fd);
/* n octets of fd from `from` on: ERR_CORRUPT when they do not hash so. */
MUST_USE enum err octets_check(struct store *s, int fd, uint64_t from,
    uint64_t n, uint64_t seed, uint64_t want);
/* Does the content of a record hold?  ERR_CORRUPT. */
MUST_USE enum err content_check(struct store *s, const struct segment *g,
    const struct spool_record *r, bool is_late);
void message_report(struct store *s, struct store_message *m,
    const struct walk_item *item);

/* store_claim.c */
/* Read m's record front into s->front. */
MUST_USE enum err message_read(struct store *s, const struct store_message *m,
    struct walk_item *item);

/* store_sync.c */
MUST_USE enum err store_note(struct store *s, const struct journal_entry *e,
    uint64_t *ticket);
/* Octets of g that no sync ever finished; a later start must know. */
MUST_USE enum err segment_drop_add(struct segment *g, uint64_t from,
    uint64_t to);
bool segment_has_dropped(const struct segment *g, uint64_t from, uint64_t to);
struct journal_entry segment_dropped_entry(const struct segment *g, size_t i,
    uint8_t text[8]);
MUST_USE enum err store_seal_note(struct store *s, const struct segment *g,
    uint64_t *ticket);
/* A slot as the journal's RETRY has it. */
void slot_put(struct store *s, struct store_slot *at,
    const struct journal_entry *e);
/* Write everything that is known into a new file; job: make it the journal. */
MUST_USE enum err store_checkpoint(struct store *s, struct spool_job *job);
bool store_checkpoint_end(struct store *s, const struct spool_job *job);
/* The RETRY of a slot under another key.  ERR_NONE: it is as new or settled. */
MUST_USE enum err store_retry_note(struct store *s,
    const struct journal_entry *key, struct store_message *m, uint32_t slot,
    struct journal_entry *e);
/* bits: ENVELOPE_RECIPIENTS_MAX / 8 + 1 octets. */
struct span message_settled_bits(const struct store_message *m, uint8_t *bits);
void store_reserve_release(struct store *s);

/* store_own.c */
/* A segment for our own mail.  ERR_NONE. */
MUST_USE enum err own_supply(struct store *s);
/* As writer_append_as; ERR_AGAIN: no segment is ready. */
MUST_USE enum err own_write(struct store *s, const struct spool_message *m,
    enum spool_type type, const struct spool_record *like, uint64_t *ticket,
    struct spool_record *r);
void own_notes(struct store *s);
/*
 * Write again what a failed sync has lost; no group is written before it is done.
 * Where it fails because a write did, own_has_failed: that segment is to be let
 * go, by a sync of our part, before there is room for another try.
 */
MUST_USE enum err own_salvage(struct store *s);
bool own_has_failed(const struct store *s);
/*
 * Our part of a sync, when there is any.  True: the batch ends with its segment
 * and goes on in the next; what relies on it waits for the sync behind this.
 */
bool own_sync_begin(struct store *s, struct spool_job *job);
/* The segment that failed, or NULL. */
const struct segment *own_sync_end(struct store *s,
    const struct spool_job *job);

/* store_tend.c */
void moves_revert(struct store *s);
/* Forget copies that no sync has noted: their segment failed. */
void moves_drop(struct store *s);
void moves_done(struct store *s);
MUST_USE enum err moves_note(struct store *s);
void moves_forget(struct store *s, const struct store_message *m);

/* quarantine.c: true: newly kept there. */
bool quarantine_octets(struct store *s, int fd, const char *name,
    uint64_t from, uint64_t to);
bool quarantine_segment(struct store *s, const struct segment *g,
    uint64_t from, uint64_t to);
MUST_USE enum err quarantine_file(struct store *s, const char *name);

#endif
