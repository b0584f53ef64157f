/*
 * journal.h - what became of recipients, as entries in one file.
 *
 *	0     head: magic, version, seed, end and hash of the checkpoint with
 *	      which the file began, hash; and again at 2048
 *	4096  group  group  group ...
 *
 * A group is what one sync makes durable; it begins on a 4096-octet boundary, so
 * that no synced sector is written again.  It opens with GROUP, which says up to
 * where the journal was durable: a hole below that is corruption.  It says as
 * well how many entries follow it.
 *
 * An entry begins on an 8-octet boundary:
 *
 *	 0 u64 hash		over the rest; seeded with the journal's seed
 *				and the entry's own offset
 *	 8 u32 tag		of the seed
 *	12 u16 type  u16 fate
 *	16 u64 number  u64 generation  u32 sequence: the record meant
 *	36 u32 slot
 *	40 u64 value
 *	48 u32 attempts  u32 octets of text
 *	56 text, zeros up to the next entry
 *
 * Pure.
 */
#ifndef POSTHORSE_SPOOL_JOURNAL_H
#define POSTHORSE_SPOOL_JOURNAL_H

#include "base/buf.h"

#define JOURNAL_BLOCK		4096u
#define JOURNAL_HEAD		64u	/* octets of a head */
#define JOURNAL_ENTRY_HEAD	56u
#define JOURNAL_TEXT_MAX	8192u
#define JOURNAL_VERSION		1u

enum journal_type {
	JOURNAL_GROUP = 1,	/* value: durable offset before this group;
				 * sequence: entries in it */
	JOURNAL_SETTLED,	/* slot, fate */
	JOURNAL_RETRY,		/* slot, fate, value next_ms, attempts, words;
				 * JOURNAL_TOLD beside the fate */
	JOURNAL_LIVE,		/* text: settled slots, a bit each; a COPY lives */
	JOURNAL_MOVED,		/* as LIVE; before the bits the old place (20) */
	JOURNAL_LOST,		/* the message is in quarantine */
	JOURNAL_DEAD,		/* text: from sequence on, a bit each: finished;
				 * value: the first record behind them */
	JOURNAL_SEALED,		/* value: nothing counts behind it; fate 1: poisoned */
	JOURNAL_DROPPED,	/* value .. text (u64): never was finished */
	JOURNAL_NUMBERS,	/* value, number: next segment, next large file */
	JOURNAL_TYPE_COUNT
};

#define JOURNAL_TOLD	0x100u	/* its sender knows that it is late */

struct journal_entry {
	enum journal_type	type;
	uint16_t		fate;
	uint64_t		number, generation;
	uint32_t		sequence, slot;
	uint64_t		value;
	uint32_t		attempts;
	struct span		text;
};

struct journal_head {
	uint64_t	seed;
	uint64_t	end, hash;	/* of the checkpoint, behind the head */
};
void journal_head_encode(const struct journal_head *h,
    uint8_t to[JOURNAL_BLOCK]);
/* ERR_CORRUPT; ERR_DENIED: another version (SPL-15). */
MUST_USE enum err journal_head_decode(struct span in, struct journal_head *h);
/* Append the entry without hash and tag. */
MUST_USE enum err journal_add(struct buf *to, const struct journal_entry *e);
/* Fill in hash and tag of all entries of a group that is to stand at place. */
void journal_seal(uint8_t *group, size_t n, uint64_t seed, uint64_t place);
/*
 * The entry at the front of in, which stands at place.  ERR_SHORT: more octets
 * could make it one.  ERR_CORRUPT.
 */
MUST_USE enum err journal_decode(struct span in, uint64_t seed,
    uint64_t place, struct journal_entry *e, size_t *length);
/* Does the tag stand here?  in: at least 12 octets. */
bool journal_tag_is_here(struct span in, uint64_t seed);

#endif
