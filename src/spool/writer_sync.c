/*
 * writer_sync.c - a batch is closed, synced, and answered for; the rules are in
 * writer.h.
 */
#include "spool/writer_priv.h"

#include "spool/plant.h"

static int
part_to_sync(const struct spool_writer *w)
{
	int order[] = { w->full, w->current };

	for (size_t i = 0; i < COUNT(order); i++) {
		if (order[i] == PART_NONE)
			continue;
		if (w->parts[order[i]].is_open || w->parts[order[i]].is_bad)
			return order[i];
	}
	return PART_NONE;
}

bool
spool_writer_wants_sync(const struct spool_writer *w)
{
	return w->syncing == PART_NONE && part_to_sync(w) != PART_NONE;
}

/* Take the large files of that part's open batch out of the list. */
static size_t
large_of_part(struct spool_writer *w, int part, int *fds)
{
	size_t kept = 0, n = 0;

	for (size_t k = 0; k < w->nopen_large; k++)
		if (w->open_large[k].part == part)
			fds[n++] = w->open_large[k].fd;
		else
			w->open_large[kept++] = w->open_large[k];
	w->nopen_large = kept;
	return n;
}

void
spool_writer_begin_sync(struct spool_writer *w, struct spool_job *job)
{
	int i = part_to_sync(w);
	struct spool_part *p;

	ASSERT(w->syncing == PART_NONE && i != PART_NONE);
	p = &w->parts[i];
	*job = (struct spool_job){ .files = w->files };
	if (p->is_open)
		writer_batch_close(w, p);
	w->syncing = i;
	w->sync_ticket = p->last_ticket;
	w->sync_end = p->grant.offset;
	buf_cut(&w->items, 0);
	w->nsync_large = large_of_part(w, i, w->sync_large);
	for (size_t k = 0; k < w->nsync_large; k++)
		job->sync[job->nsyncs++] = w->sync_large[k];
	if (PLANTED(PLANT_ACK_BEFORE_SYNC))
		w->is_late = !w->is_late;
	w->is_covered = !p->is_bad;
	if (w->is_covered && !w->is_late)
		job->sync[job->nsyncs++] = p->grant.fd;
}

/* Its records are gone with it; its place may be another segment's soon. */
static void
items_forget(struct spool_writer *w, int part)
{
	struct writer_item *items = (void *)w->items.p;
	size_t n = w->items.n / sizeof *items;

	for (size_t i = 0; i < n; i++)
		if (items[i].part == part)
			items[i].part = PART_NONE;
}

/* Everything unacknowledged in this segment is to be 451. */
static void
part_failed(struct spool_writer *w, int i)
{
	struct spool_part *p = &w->parts[i];
	int large[WRITER_LARGE];
	size_t nlarge;

	if (p->last_ticket > w->acked && w->failed_from == 0)
		w->failed_from = w->acked + 1;
	w->failed = MAX(w->failed, p->last_ticket);
	w->acked = MAX(w->acked, p->last_ticket);
	if (w->npoison < COUNT(w->poison))
		w->poison[w->npoison++] = (struct writer_poison){
			p->grant.number, p->grant.generation, p->durable };
	w->is_poison_durable = false;
	/* What named others in here did not get through either. */
	if (w->npoison_written > 0 && w->poison_in == p->grant.number)
		w->npoison_written = 0;
	nlarge = large_of_part(w, i, large);
	for (size_t k = 0; k < nlarge; k++)
		(void)w->files->close(w->files->self, large[k]);
	if (i == w->current) {
		buf_cut(&w->pending, 0);
		w->current = w->spare;
		w->spare = PART_NONE;
	}
	items_forget(w, i);
	writer_part_end(w, i, true);
	writer_poison_write(w);
}

/* 451 is safe to say once the poison is durable, or nowhere to be written. */
static void
report_failed(struct spool_writer *w, struct spool_synced *s)
{
	bool is_hopeless = w->npoison_written < w->npoison;

	if (w->npoison == 0 || (!w->is_poison_durable && !is_hopeless))
		return;
	s->failed_from = w->failed_from;
	s->failed = w->failed_from == 0 ? 0 : w->failed;
	w->failed_from = w->failed = 0;
	/* Not written: it goes into the next segment, and to a new queue. */
	if (!w->is_poison_durable)
		return;
	w->npoison = w->npoison_written = 0;
	w->is_poison_durable = false;
}

static void
part_synced(struct spool_writer *w, int i)
{
	struct spool_part *p = &w->parts[i];

	if (PLANTED(PLANT_PARTIAL_BATCH))
		w->sync_ticket = p->last_ticket;
	w->acked = MAX(w->acked, w->sync_ticket);
	p->durable = w->sync_end;
	w->is_dirty[i] = true;
	if (w->npoison > 0 && w->npoison_written == w->npoison &&
	    w->poison_in == p->grant.number)
		w->is_poison_durable = true;
}

struct spool_synced
spool_writer_end_sync(struct spool_writer *w, const struct spool_job *job)
{
	int i = w->syncing;
	struct spool_part *p;
	struct spool_synced s = { 0 };
	bool is_good;

	ASSERT(i != PART_NONE);
	p = &w->parts[i];
	w->syncing = PART_NONE;
	for (size_t k = 0; k < w->nsync_large; k++)
		(void)w->files->close(w->files->self, w->sync_large[k]);
	w->nsync_large = 0;
	is_good = writer_sync_is_good(w, job);
	if (is_good)
		part_synced(w, i);
	/* A write behind that sync failed: only what came later is lost. */
	if (!is_good || p->is_bad)
		part_failed(w, i);
	else if (w->full == i && !p->is_open)
		writer_part_end(w, i, false);
	report_failed(w, &s);
	s.acked = w->acked;
	/* What failed but is not told yet must not count as acknowledged. */
	if (w->failed_from != 0)
		s.acked = MIN(s.acked, w->failed_from - 1);
	return s;
}
