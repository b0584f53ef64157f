/*
 * record.h - one message on the disk, and the batches that are synced at once.
 *
 * A segment (all numbers little-endian):
 *
 *	0     head: magic, version, number, generation, size, hash; twice
 *	4096  the other head: the greater generation of those that hold counts
 *	8192  batch  batch  batch ...  whatever an earlier generation left
 *
 * A batch begins on a 4096-octet boundary; a sector that was synced is never
 * written again:
 *
 *	| BATCH | MESSAGE | MESSAGE | ... | PAD up to the next boundary |
 *
 * A record begins on a 16-octet boundary:
 *
 *	  0 u64 tag		drawn from number and generation
 *	  8 u16 type  u16 flags  u32 sequence (counts in this generation)
 *	 16 u64 place		offset in the segment
 *	 24 u32 envelope  u32 added  u32 cuts (octets; how many)  u32 0
 *	 40 u64 content		octets of it
 *	 48 id (16)
 *	 64 facts (24)		mail/content.h
 *	 88 u64 extra		MESSAGE: number of the large file, or 0
 *				BATCH: offset that was durable when it was written
 *				POISON: the poisoned segment's number
 *	 96 u64 content hash	POISON: its generation
 *	104 u64 head hash	over all before it and envelope, added, cuts
 *	112 envelope, added fields, cuts (u64 from, u64 to each), content,
 *	    zeros up to the next record
 *
 * Hashes are XXH3-64, seeded like the tag.  A generation is a count (24 bits)
 * and 40 random bits, so an old record never holds in a reused file and nobody
 * can forge a record inside of content.  POISON's content field is the last
 * good offset.  Type 0 is illegal.
 */
#ifndef POSTHORSE_SPOOL_RECORD_H
#define POSTHORSE_SPOOL_RECORD_H

#include "base/id.h"
#include "mail/content.h"
#include "mail/envelope.h"

#define SPOOL_BLOCK		4096u	/* a batch begins on its multiple */
#define SPOOL_FIRST		8192u	/* offset of the first batch */
#define SPOOL_ALIGN		16u
#define SPOOL_RECORD_HEAD	112u	/* octets */
#define SPOOL_SEGMENT_HEAD	64u
#define SPOOL_VERSION		1u
#define SPOOL_ADDED_MAX		(64u * 1024)	/* octets of added fields */
#define SPOOL_CUTS_MAX		1024u	/* ranges */
#define SPOOL_INLINE_MAX	(256u * 1024)	/* content; more: a large file */
#define SPOOL_GENERATION_RANDOM	40u		/* low bits */

enum spool_type {
	SPOOL_MESSAGE = 1,
	SPOOL_COPY,		/* moved here: counts once the journal says so */
	SPOOL_BATCH,
	SPOOL_PAD,		/* nothing, up to the next boundary or record */
	SPOOL_POISON,		/* a sync of another segment failed */
	SPOOL_TYPE_COUNT
};

/* Octets of the content that are not sent: from <= to <= size, ascending. */
struct spool_cut {
	uint64_t	from, to;
};

struct spool_record {
	enum spool_type		 type;
	uint32_t		 sequence;
	uint64_t		 place;
	uint32_t		 envelope_n, added_n, ncuts;
	uint64_t		 content_n;
	struct msg_id		 id;
	struct content_facts	 facts;
	uint64_t		 extra;
	uint64_t		 content_hash;
};

/* Which segment a record must belong to. */
struct spool_seal {
	uint64_t	seed, tag;
};
struct spool_seal spool_seal_of(uint64_t number, uint64_t generation);

/* Octets from the record's first to the next one's. */
uint64_t spool_record_length(const struct spool_record *r);
/* Octets of head, envelope, added fields and cuts. */
uint64_t spool_record_front(const struct spool_record *r);
/*
 * Write the head; the head hash covers rest: envelope, added, cuts as they
 * will be on the disk.
 */
void spool_record_encode(const struct spool_record *r,
    const struct spool_seal *seal, const struct span *rest, size_t nrest,
    uint8_t to[SPOOL_RECORD_HEAD]);
/*
 * The head alone, its hash unchecked: to learn how much to read.  ERR_CORRUPT:
 * another tag, type 0 or unknown, another place, a length beyond room (octets
 * of the segment from place on).
 */
MUST_USE enum err spool_record_peek(struct span in,
    const struct spool_seal *seal, uint64_t place, uint64_t room,
    struct spool_record *r);
/*
 * in: at least spool_record_front octets.  Checks the hash and that the cuts
 * are in order.  The spans borrow from in.
 */
MUST_USE enum err spool_record_check(struct span in,
    const struct spool_seal *seal, const struct spool_record *r,
    struct span *envelope, struct span *added, struct span *cuts);
/* The i-th of encoded cuts. */
struct spool_cut spool_cut_at(struct span cuts, size_t i);

uint64_t spool_hash(uint64_t seed, struct span s);
/* The same over pieces.  NULL from new: no memory. */
struct spool_hasher;
struct spool_hasher *spool_hasher_new(void);
void spool_hasher_begin(struct spool_hasher *h, uint64_t seed);
void spool_hasher_add(struct spool_hasher *h, struct span s);
uint64_t spool_hasher_end(const struct spool_hasher *h);
void spool_hasher_free(struct spool_hasher *h);

/* The head of a segment file. */
struct spool_segment_head {
	uint64_t	number, generation, size;
};
/* Both copies, SPOOL_BLOCK octets, for the head that this generation uses. */
void spool_segment_head_encode(const struct spool_segment_head *h,
    uint8_t to[SPOOL_BLOCK]);
/* Where those go. */
static inline uint64_t
spool_segment_head_place(uint64_t generation)
{
	return (generation >> SPOOL_GENERATION_RANDOM) % 2 * SPOOL_BLOCK;
}
/*
 * The newest head that holds in the first SPOOL_FIRST octets; number: heads of
 * other segments, misdirected there, do not count (0: any).  ERR_CORRUPT:
 * none.  ERR_DENIED: another version than ours (SPL-15).
 */
MUST_USE enum err spool_segment_head_decode(struct span in, uint64_t number,
    struct spool_segment_head *h);

/* A fresh message id from the table's clock and chance.  ERR_IO. */
struct spool_files;
MUST_USE enum err spool_new_id(const struct spool_files *f, struct msg_id *id);

#endif
