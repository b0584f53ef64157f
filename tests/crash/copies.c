/*
 * copies.c - what lies on the disk, read without the store: is what is about to
 * be given up the only copy of mail that lives (I6)?
 */
#include "world.h"

#include "spool/le.h"

#include <stdlib.h>
#include <string.h>

static bool
copy_here(struct span octets, uint64_t at, const struct spool_seal *seal,
    struct copy *c)
{
	struct span in = span_skip(octets, (size_t)at), envelope, added, cuts;
	struct spool_record r;

	if (in.n < SPOOL_RECORD_HEAD || le_u64(in.p) != seal->tag ||
	    spool_record_peek(in, seal, at, in.n, &r) != ERR_OK ||
	    (r.type != SPOOL_MESSAGE && r.type != SPOOL_COPY) ||
	    spool_record_check(in, seal, &r, &envelope, &added, &cuts) !=
		ERR_OK)
		return false;
	*c = (struct copy){ r.id, at, at + spool_record_length(&r),
		r.type == SPOOL_COPY };
	return true;
}

void
copies_each(const char *name, struct span octets,
    void (*each)(void *, const struct copy *), void *arg)
{
	uint64_t number = strncmp(name, "segment-", 8) == 0
	    ? strtoull(name + 8, NULL, 16) : 0;
	struct spool_segment_head head;
	struct spool_seal seal;
	struct copy c;

	if (number == 0 || octets.n < SPOOL_FIRST ||
	    spool_segment_head_decode(octets, number, &head) != ERR_OK)
		return;
	seal = spool_seal_of(head.number, head.generation);
	for (uint64_t at = SPOOL_FIRST; at < octets.n; at += SPOOL_ALIGN)
		if (copy_here(octets, at, &seal, &c))
			each(arg, &c);
}

struct found {
	struct world	*w;
	bool		 has[WORLD_MESSAGES];
};

static void
found_add(void *arg, const struct copy *c)
{
	struct found *f = arg;
	const struct entry *e = world_find(f->w, &c->id);

	if (e != NULL)
		f->has[e - f->w->entries] = true;
}

static bool
name_is_segment(const struct disk_name *n)
{
	return n->dir == DISK_ROOT && strncmp(n->name, "segment-", 8) == 0 &&
	    strlen(n->name) == 24;
}

/* Answered 250, and somebody is still to get it. */
static bool
entry_lives(const struct entry *e)
{
	for (uint32_t k = 0; k < e->nslots; k++)
		if (e->asked[k] != ASKED_DURABLE)
			return e->answer == ANSWER_KEPT;
	return false;
}

void
copies_losing(void *arg, struct disk *d, int file)
{
	struct found f = { .w = arg };
	bool is_segment = false;

	for (size_t i = 0; i < d->safe.n; i++) {
		const struct disk_name *n = &d->safe.at[i];
		const struct disk_file *at = &d->files[n->file];

		if (!name_is_segment(n))
			continue;
		if (n->file == file)
			is_segment = true;
		else
			copies_each(n->name, span_of(at->safe, at->safe_n),
			    found_add, &f);
	}
	for (size_t i = 0; is_segment && i < f.w->nentries; i++)
		if (entry_lives(&f.w->entries[i]) && !f.has[i])
			world_fail(f.w, "I6: the only copy of entry %zu goes",
			    i);
}
