/*
 * record.c - heads as octets and back; the picture is in record.h.
 */
#include "spool/record.h"

#include "spool/files.h"
#include "spool/le.h"
#include "spool/plant.h"

/* Offsets in a record head. */
enum {
	AT_TAG = 0,
	AT_TYPE = 8,
	AT_SEQUENCE = 12,
	AT_PLACE = 16,
	AT_ENVELOPE = 24,
	AT_ADDED = 28,
	AT_CUTS = 32,
	AT_CONTENT = 40,
	AT_ID = 48,
	AT_FACTS = 64,
	AT_EXTRA = 88,
	AT_CONTENT_HASH = 96,
	AT_HEAD_HASH = 104
};
#define CUT_OCTETS	16u

/* Offsets in a segment head. */
enum {
	SEG_MAGIC = 0,
	SEG_VERSION = 8,
	SEG_NUMBER = 16,
	SEG_GENERATION = 24,
	SEG_SIZE = 32,
	SEG_HASH = 56
};
/* The same in all versions, so that a newer one is known as such. */
#define SEG_SEED	1u
static const uint8_t seg_magic[8] = { 'p', 'h', 's', 'p', 'o', 'o', 'l', 0 };

struct spool_seal
spool_seal_of(uint64_t number, uint64_t generation)
{
	uint8_t both[16];
	struct spool_seal s;

	if (PLANTED(PLANT_IDENTITY_IGNORED))
		generation = 0;
	le_put(both, number, 8);
	le_put(both + 8, generation, 8);
	s.seed = spool_hash(generation, span_of(both, sizeof both));
	/* Never zero: an empty sector must not look like ours. */
	s.tag = spool_hash(s.seed, SPAN("record")) | 1;
	return s;
}

/* Octets of the record behind its front that lie in the segment. */
static uint64_t
record_inline(const struct spool_record *r)
{
	if (r->type == SPOOL_PAD)
		return r->content_n;
	if (r->type != SPOOL_MESSAGE && r->type != SPOOL_COPY)
		return 0;
	return r->extra == 0 ? r->content_n : 0;
}

uint64_t
spool_record_front(const struct spool_record *r)
{
	return (uint64_t)SPOOL_RECORD_HEAD + r->envelope_n + r->added_n +
	    (uint64_t)r->ncuts * CUT_OCTETS;
}

uint64_t
spool_record_length(const struct spool_record *r)
{
	uint64_t n = spool_record_front(r) + record_inline(r);

	return (n + SPOOL_ALIGN - 1) & ~(uint64_t)(SPOOL_ALIGN - 1);
}

/* One hash over the head's hash and each of the rest that is not empty. */
static uint64_t
head_hash(uint64_t seed, const uint8_t *head, const struct span *rest,
    size_t nrest)
{
	uint64_t h = spool_hash(seed, span_of(head, AT_HEAD_HASH));

	for (size_t i = 0; i < nrest; i++)
		if (rest[i].n > 0)
			h = spool_hash(h, rest[i]);
	return h;
}

static void
facts_encode(const struct content_facts *c, uint8_t *to)
{
	le_put(to, c->header_size, 4);
	le_put(to + 4, c->longest_line, 4);
	le_put(to + 8, c->fields, 4);
	le_put(to + 12, c->longest_field, 4);
	le_put(to + 16, c->received, 2);
	le_put(to + 18, c->received_own, 2);
	le_put(to + 20, c->flags, 2);
	le_put(to + 22, 0, 2);
}

static struct content_facts
facts_decode(const uint8_t *p, uint64_t size)
{
	return (struct content_facts){
		.size = size,
		.header_size = le_u32(p),
		.longest_line = le_u32(p + 4),
		.fields = le_u32(p + 8),
		.longest_field = le_u32(p + 12),
		.received = (uint16_t)le_get(p + 16, 2),
		.received_own = (uint16_t)le_get(p + 18, 2),
		.flags = (uint16_t)le_get(p + 20, 2),
	};
}

void
spool_record_encode(const struct spool_record *r,
    const struct spool_seal *seal, const struct span *rest, size_t nrest,
    uint8_t to[SPOOL_RECORD_HEAD])
{
	le_put(to + AT_TAG, seal->tag, 8);
	le_put(to + AT_TYPE, r->type, 4);
	le_put(to + AT_SEQUENCE, r->sequence, 4);
	le_put(to + AT_PLACE, r->place, 8);
	le_put(to + AT_ENVELOPE, r->envelope_n, 4);
	le_put(to + AT_ADDED, r->added_n, 4);
	le_put(to + AT_CUTS, r->ncuts, 8);
	le_put(to + AT_CONTENT, r->content_n, 8);
	memcpy(to + AT_ID, r->id.octets, MSG_ID_OCTETS);
	facts_encode(&r->facts, to + AT_FACTS);
	le_put(to + AT_EXTRA, r->extra, 8);
	le_put(to + AT_CONTENT_HASH, r->content_hash, 8);
	le_put(to + AT_HEAD_HASH, head_hash(seal->seed, to, rest, nrest), 8);
}

static bool
type_is_known(uint32_t type)
{
	if (PLANTED(PLANT_TYPE_ZERO) && type == 0)
		return true;
	return type > 0 && type < SPOOL_TYPE_COUNT;
}

static bool
sizes_are_sane(const struct spool_record *r, uint64_t room)
{
	/* As many records cannot lie before this one. */
	if (r->sequence > r->place / SPOOL_RECORD_HEAD)
		return false;
	if (r->envelope_n > ENVELOPE_MAX || r->added_n > SPOOL_ADDED_MAX ||
	    r->ncuts > SPOOL_CUTS_MAX)
		return false;
	return record_inline(r) <= room && spool_record_length(r) <= room;
}

enum err
spool_record_peek(struct span in, const struct spool_seal *seal,
    uint64_t place, uint64_t room, struct spool_record *r)
{
	const uint8_t *p = in.p;
	struct spool_record got;

	if (in.n < SPOOL_RECORD_HEAD)
		return ERR_SHORT;
	if (!PLANTED(PLANT_TYPE_ZERO) && le_u64(p + AT_TAG) != seal->tag)
		return ERR_CORRUPT;
	if (!type_is_known(le_u32(p + AT_TYPE)))
		return ERR_CORRUPT;
	got = (struct spool_record){
		.type = (enum spool_type)le_u32(p + AT_TYPE),
		.sequence = le_u32(p + AT_SEQUENCE),
		.place = le_u64(p + AT_PLACE),
		.envelope_n = le_u32(p + AT_ENVELOPE),
		.added_n = le_u32(p + AT_ADDED),
		.ncuts = le_u32(p + AT_CUTS),
		.content_n = le_u64(p + AT_CONTENT),
		.facts = facts_decode(p + AT_FACTS, le_u64(p + AT_CONTENT)),
		.extra = le_u64(p + AT_EXTRA),
		.content_hash = le_u64(p + AT_CONTENT_HASH),
	};
	memcpy(got.id.octets, p + AT_ID, MSG_ID_OCTETS);
	if (PLANTED(PLANT_TYPE_ZERO) && got.type == 0) {
		got.type = SPOOL_MESSAGE;
		got.place = place;
	}
	if (got.place != place || !sizes_are_sane(&got, room))
		return ERR_CORRUPT;
	*r = got;
	return ERR_OK;
}

struct spool_cut
spool_cut_at(struct span cuts, size_t i)
{
	const uint8_t *p = cuts.p + i * CUT_OCTETS;

	return (struct spool_cut){ le_u64(p), le_u64(p + 8) };
}

static bool
cuts_are_sorted(struct span cuts, uint64_t size)
{
	uint64_t last = 0;

	for (size_t i = 0; i < cuts.n / CUT_OCTETS; i++) {
		struct spool_cut c = spool_cut_at(cuts, i);

		if (c.from < last || c.to < c.from || c.to > size)
			return false;
		last = c.to;
	}
	return true;
}

enum err
spool_record_check(struct span in, const struct spool_seal *seal,
    const struct spool_record *r, struct span *envelope, struct span *added,
    struct span *cuts)
{
	struct span head, rest[3];
	bool holds;

	if (in.n < spool_record_front(r))
		return ERR_SHORT;
	head = span_take(&in, SPOOL_RECORD_HEAD);
	rest[0] = span_take(&in, r->envelope_n);
	rest[1] = span_take(&in, r->added_n);
	rest[2] = span_take(&in, (size_t)r->ncuts * CUT_OCTETS);
	holds = head_hash(seal->seed, head.p, rest, COUNT(rest)) ==
	    le_u64(head.p + AT_HEAD_HASH);
	if (PLANTED(PLANT_HASH_IGNORED) || PLANTED(PLANT_TYPE_ZERO))
		holds = true;
	if (!holds || !cuts_are_sorted(rest[2], r->content_n))
		return ERR_CORRUPT;
	*envelope = rest[0];
	*added = rest[1];
	*cuts = rest[2];
	return ERR_OK;
}

void
spool_segment_head_encode(const struct spool_segment_head *h,
    uint8_t to[SPOOL_BLOCK])
{
	memset(to, 0, SPOOL_BLOCK);
	memcpy(to + SEG_MAGIC, seg_magic, sizeof seg_magic);
	le_put(to + SEG_VERSION, SPOOL_VERSION, 8);
	le_put(to + SEG_NUMBER, h->number, 8);
	le_put(to + SEG_GENERATION, h->generation, 8);
	le_put(to + SEG_SIZE, h->size, 8);
	le_put(to + SEG_HASH,
	    spool_hash(SEG_SEED, span_of(to, SEG_HASH)), 8);
	/* In another sector: one that rots takes one of them. */
	memcpy(to + SPOOL_BLOCK / 2, to, SPOOL_SEGMENT_HEAD);
}

static enum err
one_head_decode(const uint8_t *p, struct spool_segment_head *h)
{
	if (memcmp(p + SEG_MAGIC, seg_magic, sizeof seg_magic) != 0 ||
	    spool_hash(SEG_SEED, span_of(p, SEG_HASH)) !=
		le_u64(p + SEG_HASH))
		return ERR_CORRUPT;
	if (le_u64(p + SEG_VERSION) != SPOOL_VERSION)
		return ERR_DENIED;
	h->number = le_u64(p + SEG_NUMBER);
	h->generation = le_u64(p + SEG_GENERATION);
	h->size = le_u64(p + SEG_SIZE);
	return ERR_OK;
}

enum err
spool_segment_head_decode(struct span in, uint64_t number,
    struct spool_segment_head *h)
{
	struct spool_segment_head best = { 0 };
	bool found = false;

	if (in.n < SPOOL_FIRST)
		return ERR_CORRUPT;
	for (size_t at = 0; at < SPOOL_FIRST; at += SPOOL_BLOCK / 2) {
		struct spool_segment_head one;
		enum err e = one_head_decode(in.p + at, &one);

		if (e == ERR_DENIED)
			return e;
		if (e != ERR_OK || (number != 0 && one.number != number) ||
		    (found && one.generation < best.generation))
			continue;
		best = one;
		found = true;
	}
	if (!found)
		return ERR_CORRUPT;
	*h = best;
	return ERR_OK;
}

enum err
spool_new_id(const struct spool_files *f, struct msg_id *id)
{
	uint8_t random[10];

	if (f->random(f->self, random, sizeof random) < 0)
		return ERR_IO;
	*id = msg_id_make(f->wall_ms(f->self), random);
	return ERR_OK;
}
