/*
 * judge.c - recover an image and compare it with the ledger.
 */
#include "world.h"

#include "spool/le.h"

#include <stdlib.h>

static void
view_message(void *arg, struct store_message *m, const struct envelope *e,
    UNUSED const struct content_facts *facts, UNUSED uint64_t size)
{
	struct view *v = arg;
	struct entry *found = world_find(v->w, &e->id);

	if (found == NULL)
		world_fail(v->w, "I3: a message that nobody sent");
	if (e->nrecipients != found->nslots)
		world_fail(v->w, "I3: envelope of another message");
	for (size_t i = 0; i < v->n; i++)
		if (v->entry[i] == (size_t)(found - v->w->entries))
			world_fail(v->w, "I4: a message twice in one recovery");
	v->m[v->n] = m;
	v->entry[v->n++] = (size_t)(found - v->w->entries);
	v->mark += spool_hash(1, span_of(e->id.octets, MSG_ID_OCTETS));
}

static void
view_outcome(void *arg, UNUSED struct store_message *m, uint32_t slot,
    const struct store_outcome *o)
{
	struct view *v = arg;

	v->mark += (uint64_t)(slot + 1) * 31 + (uint64_t)o->fate * 7 +
	    o->next_ms;
}

static void
view_lost(void *arg, UNUSED struct store_message *m)
{
	((struct view *)arg)->lost++;
}

static void
view_alarm(void *arg, const struct store_alarm *a)
{
	((struct view *)arg)->alarms[a->kind]++;
}

/* Inside of recovery: one more crash there. */
static void
view_cut(void *arg, struct disk *d)
{
	struct view *v = arg;

	if (v->calls++ != v->cut_at)
		return;
	world_judge(v->w, disk_crash(d, (enum disk_image)world_chance(v->w,
	    IMAGE_SUBSET), world_chance(v->w, d->nops + 1)), v->depth - 1);
}

bool
view_has(const struct view *v, size_t entry, struct store_message **m)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->entry[i] == entry) {
			*m = v->m[i];
			return true;
		}
	return false;
}

/* What is sent of an entry's content. */
static size_t
cut_content(const struct entry *e, uint8_t *content)
{
	struct spool_cut cuts[WORLD_CUTS];
	size_t n = world_cuts(e, cuts), size = e->size;

	while (n-- > 0) {
		memmove(content + cuts[n].from, content + cuts[n].to,
		    size - cuts[n].to);
		size -= cuts[n].to - cuts[n].from;
	}
	return size;
}

/* I2: octet for octet what was submitted. */
enum err
claim_compare(struct world *w, struct store *s, struct store_message *m,
    const struct entry *e, struct spool_files *f, bool *is_same)
{
	static uint8_t want[1 << 17], got[1 << 17];
	struct store_piece p[4];
	size_t n, at = 0, one;
	enum err error = store_claim(s, m, p, COUNT(p), &n);

	if (error != ERR_OK)
		return error;
	world_content(e, want);
	for (size_t i = 0; i < n; i++) {
		if (p[i].n > sizeof got - at)
			world_fail(w, "I2: too long");
		error = spool_read_at(f, p[i].fd, got + at, p[i].n, p[i].at,
		    &one);
		if (error != ERR_OK)
			return error;
		if (one != p[i].n)
			world_fail(w, "I2: short");
		at += one;
	}
	*is_same = at == cut_content(e, want) && memcmp(got, want, at) == 0;
	return ERR_OK;
}

/* A slot that the image holds as settled, or whose message is gone. */
static void
judge_settled(struct world *w, const struct view *v, const struct entry *e,
    uint32_t slot)
{
	struct store_message *m;
	const struct entry *b;

	if (e->asked[slot] == ASKED_NOTHING)
		world_fail(w, "I1: a recipient is lost (entry %zu slot %u, "
		    "answered at ticket %llu)", (size_t)(e - w->entries), slot,
		    (unsigned long long)e->ticket);
	if (e->bounce[slot] == 0 || view_has(v, e->bounce[slot] - 1, &m))
		return;
	b = &w->entries[e->bounce[slot] - 1];
	if (b->asked[0] == ASKED_NOTHING)
		world_fail(w, "I1: failed, and its bounce is lost");
}

static void
judge_entry(struct world *w, const struct view *v, size_t i)
{
	const struct entry *e = &w->entries[i];
	struct store_message *m;
	bool is_there = view_has(v, i, &m);

	if (!is_there && e->answer != ANSWER_KEPT)
		return;
	if (is_there && e->answer == ANSWER_REFUSED)
		world_fail(w, "I9: refused, and there (entry %zu)", i);
	for (uint32_t slot = 0; slot < e->nslots; slot++) {
		bool is_open = is_there && !store_slot_is_settled(m, slot);

		if (is_open && e->asked[slot] == ASKED_DURABLE)
			world_fail(w, "I5: finished, and tried again");
		if (!is_open)
			judge_settled(w, v, e, slot);
	}
}

static void
judge_contents(struct world *w, struct view *v, struct store *s,
    struct spool_files *f)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct entry *e = &w->entries[v->entry[i]];
		bool is_same = false;
		enum err error = claim_compare(w, s, v->m[i], e, f, &is_same);

		if (error != ERR_OK)
			world_fail(w, "I2: %s: entry %zu of %zu octets",
			    err_name(error), v->entry[i], e->size);
		if (!is_same)
			world_fail(w, "I2: other octets than were sent");
	}
}

/* I8: what nobody knows is still somewhere. */
static void
judge_strange(struct world *w, const struct disk *d)
{
	if (disk_octets(d, DISK_ROOT, "strange").n == 0 &&
	    disk_octets(d, DISK_KEEP, "strange").n == 0)
		world_fail(w, "I8: an unknown file is gone");
}

struct store_events
view_events(struct view *v)
{
	return (struct store_events){ v, view_message, view_outcome, view_lost,
		view_alarm };
}

/* I7: the same again. */
static void
judge_again(struct world *w, const struct view *first, struct disk *d,
    const struct spool_files *f)
{
	struct view *v = calloc(1, sizeof *v);
	struct store_events events = view_events(v);
	struct store *s;

	if (v == NULL)
		abort();
	v->w = w;
	d->before = NULL;
	if (store_open(f, DISK_ROOT, &world_options, &events, &s) != ERR_OK)
		world_fail(w, "I7: the second recovery failed");
	if (v->mark != first->mark || v->n != first->n)
		world_fail(w, "I7: the second recovery differs (%zu, %zu)",
		    first->n, v->n);
	store_close(s);
	free(v);
}

/* F6: one read of the recovery may fail; then it is done again. */
static struct store *
judge_open(struct world *w, struct view *v, struct disk *d,
    const struct spool_files *f, const struct store_events *events)
{
	struct store *s;

	if (world_chance(w, 6) == 0)
		d->fail_read = 1 + world_chance(w, 40);
	if (store_open(f, DISK_ROOT, &world_options, events, &s) == ERR_OK)
		return s;
	if (d->fail_read == 0 || d->reads < d->fail_read)
		world_fail(w, "recovery failed");
	d->fail_read = 0;
	v->n = 0;
	v->mark = 0;
	v->lost = 0;
	if (store_open(f, DISK_ROOT, &world_options, events, &s) != ERR_OK)
		world_fail(w, "F6: recovery failed after a failed read");
	return s;
}

/* F12, SPL-15: a file of a newer version stands there, or of none we know. */
static void
judge_newer(struct world *w, struct disk *d, const struct spool_files *f)
{
	static const char name[] = "segment-00000000000fffff";
	struct spool_segment_head head = { 0xfffff, 1, WORLD_SEGMENT };
	static uint8_t octets[SPOOL_FIRST];
	struct view *v = calloc(1, sizeof *v);
	struct store_events events = view_events(v);
	struct store *s;
	uint64_t calls;

	if (v == NULL)
		abort();
	v->w = w;
	spool_segment_head_encode(&head, octets);
	/* Version and hash stand where they stand in every version. */
	le_put(octets + 8, w->images % 2 == 0 ? SPOOL_VERSION + 1 : 0, 8);
	le_put(octets + 56, spool_hash(1, span_of(octets, 56)), 8);
	disk_plant(d, DISK_ROOT, name, span_of(octets, sizeof octets));
	d->before = NULL;
	calls = d->calls;
	if (store_open(f, DISK_ROOT, &world_options, &events, &s) !=
	    ERR_DENIED || d->calls != calls || v->n > 0)
		world_fail(w, "SPL-15: a strange format is not refused");
	disk_remove(d, DISK_ROOT, name);
	free(v);
}

/* Last: under a planted fault what is really lost is the better find. */
static void
judge_alarms(struct world *w, const struct view *v)
{
	if (v->alarms[STORE_ALARM_CORRUPT] + v->alarms[STORE_ALARM_JOURNAL] +
	    v->alarms[STORE_ALARM_CONTENT] + v->alarms[STORE_ALARM_LARGE] == 0)
		return;
	w->false_alarms++;
	if (!w->is_planted)
		world_fail(w, "I12: corruption where there was none");
}

void
world_judge(struct world *w, struct disk *image, unsigned int depth)
{
	struct view *v = calloc(1, sizeof *v);
	struct store_events events = view_events(v);
	struct spool_files f = disk_table(image);
	bool again = world_chance(w, 8) == 0;
	struct store *s;

	if (v == NULL)
		abort();
	v->w = w;
	v->depth = depth;
	v->cut_at = depth > 0 && world_chance(w, 4) == 0
	    ? world_chance(w, 12) : UINT64_MAX;
	image->before = view_cut;
	image->arg = v;
	w->images++;
	s = judge_open(w, v, image, &f, &events);
	image->fail_read = 0;
	judge_contents(w, v, s, &f);
	for (size_t i = 0; i < w->nentries; i++)
		judge_entry(w, v, i);
	judge_strange(w, image);
	judge_alarms(w, v);
	store_close(s);
	if (world_chance(w, 64) == 0)
		judge_newer(w, image, &f);
	if (again)
		judge_again(w, v, image, &f);
	disk_free(image);
	free(v);
}
