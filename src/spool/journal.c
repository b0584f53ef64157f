/*
 * journal.c - entries as octets and back; the picture is in journal.h.
 */
#include "spool/journal.h"

#include "spool/le.h"
#include "spool/plant.h"
#include "spool/record.h"

enum {
	AT_HASH = 0,
	AT_TAG = 8,
	AT_TYPE = 12,
	AT_FATE = 14,
	AT_NUMBER = 16,
	AT_GENERATION = 24,
	AT_SEQUENCE = 32,
	AT_SLOT = 36,
	AT_VALUE = 40,
	AT_ATTEMPTS = 48,
	AT_TEXT_N = 52
};
enum {
	HEAD_MAGIC = 0,
	HEAD_VERSION = 8,
	HEAD_SEED = 16,
	HEAD_END = 24,
	HEAD_CHECKPOINT = 32,
	HEAD_HASH = 56
};
static const uint8_t magic[8] = { 'p', 'h', 'j', 'o', 'u', 'r', 'n', 0 };
#define HEAD_HASH_SEED	2u	/* the same in all versions */

void
journal_head_encode(const struct journal_head *h, uint8_t to[JOURNAL_BLOCK])
{
	memset(to, 0, JOURNAL_BLOCK);
	memcpy(to + HEAD_MAGIC, magic, sizeof magic);
	le_put(to + HEAD_VERSION, JOURNAL_VERSION, 8);
	le_put(to + HEAD_SEED, h->seed, 8);
	le_put(to + HEAD_END, h->end, 8);
	le_put(to + HEAD_CHECKPOINT, h->hash, 8);
	le_put(to + HEAD_HASH,
	    spool_hash(HEAD_HASH_SEED, span_of(to, HEAD_HASH)), 8);
	memcpy(to + JOURNAL_BLOCK / 2, to, JOURNAL_HEAD);
}

enum err
journal_head_decode(struct span in, struct journal_head *h)
{
	for (size_t at = 0; at + JOURNAL_HEAD <= in.n && at < JOURNAL_BLOCK;
	     at += JOURNAL_BLOCK / 2) {
		const uint8_t *p = in.p + at;

		if (memcmp(p, magic, sizeof magic) != 0 ||
		    spool_hash(HEAD_HASH_SEED, span_of(p, HEAD_HASH)) !=
			le_u64(p + HEAD_HASH))
			continue;
		if (le_u64(p + HEAD_VERSION) != JOURNAL_VERSION)
			return ERR_DENIED;
		h->seed = le_u64(p + HEAD_SEED);
		h->end = le_u64(p + HEAD_END);
		h->hash = le_u64(p + HEAD_CHECKPOINT);
		return ERR_OK;
	}
	return ERR_CORRUPT;
}

static size_t
entry_length(size_t text)
{
	return (JOURNAL_ENTRY_HEAD + text + 7) & ~(size_t)7;
}

enum err
journal_add(struct buf *to, const struct journal_entry *e)
{
	size_t n = entry_length(e->text.n);
	uint8_t *p;
	enum err error;

	ASSERT(e->text.n <= JOURNAL_TEXT_MAX);
	error = buf_room(to, n);
	if (error != ERR_OK)
		return error;
	p = buf_end(to);
	memset(p, 0, n);
	le_put(p + AT_TYPE, e->type, 2);
	le_put(p + AT_FATE, e->fate, 2);
	le_put(p + AT_NUMBER, e->number, 8);
	le_put(p + AT_GENERATION, e->generation, 8);
	le_put(p + AT_SEQUENCE, e->sequence, 4);
	le_put(p + AT_SLOT, e->slot, 4);
	le_put(p + AT_VALUE, e->value, 8);
	le_put(p + AT_ATTEMPTS, e->attempts, 4);
	le_put(p + AT_TEXT_N, e->text.n, 4);
	if (e->text.n > 0)
		memcpy(p + JOURNAL_ENTRY_HEAD, e->text.p, e->text.n);
	buf_grew(to, n);
	return ERR_OK;
}

/* Never zero, so that an empty sector is no entry. */
static uint32_t
tag_of(uint64_t seed)
{
	return (uint32_t)spool_hash(seed, SPAN("journal")) | 1;
}

static uint64_t
entry_hash(const uint8_t *p, size_t n, uint64_t seed, uint64_t place)
{
	return spool_hash(seed ^ (place << 8), span_of(p + AT_TAG, n - AT_TAG));
}

void
journal_seal(uint8_t *group, size_t n, uint64_t seed, uint64_t place)
{
	uint32_t tag = tag_of(seed);

	for (size_t at = 0; at < n;) {
		uint8_t *p = group + at;
		size_t length = entry_length(le_u32(p + AT_TEXT_N));

		le_put(p + AT_TAG, tag, 4);
		le_put(p + AT_HASH, entry_hash(p, length, seed, place + at), 8);
		at += length;
	}
}

bool
journal_tag_is_here(struct span in, uint64_t seed)
{
	return le_u32(in.p + AT_TAG) == tag_of(seed);
}

enum err
journal_decode(struct span in, uint64_t seed, uint64_t place,
    struct journal_entry *e, size_t *length)
{
	const uint8_t *p = in.p;
	size_t n, text;

	if (in.n < JOURNAL_ENTRY_HEAD)
		return ERR_SHORT;
	text = le_u32(p + AT_TEXT_N);
	if (!journal_tag_is_here(in, seed) || text > JOURNAL_TEXT_MAX)
		return ERR_CORRUPT;
	n = entry_length(text);
	if (in.n < n)
		return ERR_SHORT;
	if (entry_hash(p, n, seed, place) != le_u64(p + AT_HASH) &&
	    !PLANTED(PLANT_HASH_IGNORED))
		return ERR_CORRUPT;
	if (le_get(p + AT_TYPE, 2) == 0 ||
	    le_get(p + AT_TYPE, 2) >= JOURNAL_TYPE_COUNT)
		return ERR_CORRUPT;
	*e = (struct journal_entry){
		.type = (enum journal_type)le_get(p + AT_TYPE, 2),
		.fate = (uint16_t)le_get(p + AT_FATE, 2),
		.number = le_u64(p + AT_NUMBER),
		.generation = le_u64(p + AT_GENERATION),
		.sequence = le_u32(p + AT_SEQUENCE),
		.slot = le_u32(p + AT_SLOT),
		.value = le_u64(p + AT_VALUE),
		.attempts = le_u32(p + AT_ATTEMPTS),
		.text = span_of(p + JOURNAL_ENTRY_HEAD, text),
	};
	*length = n;
	return ERR_OK;
}
