/*
 * store_own.c - the queue's own mail: bounces, and copies on their way forward.
 *
 * A writer like a receiver's, with one difference: nobody outside waits for an
 * answer and could send again.  So a bounce stays in memory, too, until a sync
 * has covered it; when that fails it is written again, in another segment,
 * before anything that relied on it.  The file is not asked: what a failed sync
 * has lost memory shows only for a while.
 */
#include "spool/store_priv.h"

#include "spool/writer_priv.h"

struct kept {			/* then envelope, added, cuts, content */
	uint64_t		ticket;		/* the writer's */
	size_t			octets;		/* of all this */
	struct spool_record	r;
};

enum err
own_supply(struct store *s)
{
	struct spool_grant g;
	enum err e;

	if (spool_writer_wants(s->own) == 0)
		return ERR_NONE;
	e = store_take_segment(s, STORE_OWN, &g);
	return e == ERR_OK ? spool_writer_adopt(s->own, &g) : e;
}

enum err
own_write(struct store *s, const struct spool_message *m, enum spool_type type,
    const struct spool_record *like, uint64_t *ticket, struct spool_record *r)
{
	enum err e = ERR_OK;

	if (spool_writer_wants(s->own) == 2)
		e = own_supply(s);
	if (e == ERR_OK)
		e = writer_append_as(s->own, m, type, like, ticket, r);
	if (e == ERR_FULL && own_supply(s) == ERR_OK)
		e = writer_append_as(s->own, m, type, like, ticket, r);
	return e == ERR_NONE || e == ERR_FULL ? ERR_AGAIN : e;
}

/* Room for it, and its size rounded up.  ERR_AGAIN: enough waits for a sync. */
static enum err
kept_room(struct store *s, const struct spool_message *m, size_t *octets)
{
	size_t n = sizeof(struct kept);
	enum err e;

	if (m->large != NULL ||
	    !size_add(n, m->envelope.n, &n) || !size_add(n, m->added.n, &n) ||
	    m->ncuts > SPOOL_CUTS_MAX ||
	    !size_add(n, m->ncuts * sizeof *m->cuts, &n))
		return ERR_SYNTAX;
	for (size_t i = 0; i < m->ncontent; i++)
		if (!size_add(n, m->content[i].n, &n))
			return ERR_SYNTAX;
	if (n > STORE_KEPT_MAX / 2)
		return ERR_SYNTAX;
	n = (n + SPOOL_ALIGN - 1) / SPOOL_ALIGN * SPOOL_ALIGN;
	if (s->kept.n > STORE_KEPT_MAX - n)
		return ERR_AGAIN;
	e = buf_room(&s->kept, n);
	*octets = n;
	return e;
}

static void
kept_put(struct store *s, struct span part)
{
	if (part.n > 0)
		memcpy(buf_end(&s->kept), part.p, part.n);
	buf_grew(&s->kept, part.n);
}

/* kept_room has found the room. */
static void
kept_add(struct store *s, const struct spool_message *m,
    const struct kept *head)
{
	size_t end = s->kept.n + head->octets;

	kept_put(s, span_of(head, sizeof *head));
	kept_put(s, m->envelope);
	kept_put(s, m->added);
	if (m->ncuts > 0)
		kept_put(s, span_of(m->cuts, m->ncuts * sizeof *m->cuts));
	for (size_t i = 0; i < m->ncontent; i++)
		kept_put(s, m->content[i]);
	buf_grew(&s->kept, end - s->kept.n);
}

enum err
store_append(struct store *s, const struct spool_message *m, uint64_t *ticket)
{
	struct kept head = { 0 };
	enum err e = kept_room(s, m, &head.octets);

	if (e == ERR_OK)
		e = own_write(s, m, SPOOL_MESSAGE, NULL, &head.ticket,
		    &head.r);
	if (e != ERR_OK)
		return e;
	kept_add(s, m, &head);
	*ticket = ++s->last_ticket;
	return ERR_OK;
}

static bool
kept_front(const struct store *s, struct kept *head)
{
	if (s->kept.n == 0)
		return false;
	memcpy(head, s->kept.p, sizeof *head);
	return true;
}

/* The octets of all that come first, up to a ticket. */
static size_t
kept_upto(const struct store *s, uint64_t ticket)
{
	struct kept head;
	size_t n = 0;

	while (n < s->kept.n) {
		memcpy(&head, s->kept.p + n, sizeof head);
		if (head.ticket > ticket)
			break;
		n += head.octets;
	}
	return n;
}

/* Up to that ticket all is durable, but for what is still to be saved. */
static void
kept_done(struct store *s, uint64_t ticket)
{
	size_t from = kept_upto(s, s->salvage_ticket);
	size_t to = kept_upto(s, ticket);

	if (to <= from)
		return;
	memmove(s->kept.p + from, s->kept.p + to, s->kept.n - to);
	buf_cut(&s->kept, s->kept.n - (to - from));
}

/* The first that is kept, written again and kept at the end. */
static enum err
kept_write_again(struct store *s, struct kept *head)
{
	struct spool_message m = { .id = &head->r.id, .facts = &head->r.facts,
		.ncuts = head->r.ncuts, .ncontent = 1 };
	struct span octets, content;
	struct kept again = { .octets = head->octets };
	enum err e = buf_room(&s->kept, head->octets);

	if (e != ERR_OK)
		return e;
	octets = span_of(s->kept.p + sizeof *head,
	    head->octets - sizeof *head);
	m.envelope = span_take(&octets, head->r.envelope_n);
	m.added = span_take(&octets, head->r.added_n);
	/* The writer wants them aligned; in here they need not be. */
	buf_cut(&s->cuts, 0);
	e = buf_add(&s->cuts, span_take(&octets,
	    m.ncuts * sizeof *m.cuts));
	if (e != ERR_OK)
		return e;
	m.cuts = (const struct spool_cut *)(const void *)s->cuts.p;
	content = span_take(&octets, (size_t)head->r.content_n);
	m.content = &content;
	e = own_write(s, &m, SPOOL_MESSAGE, NULL, &again.ticket, &again.r);
	if (e != ERR_OK)
		return e;
	kept_add(s, &m, &again);
	buf_drop(&s->kept, head->octets);
	return ERR_OK;
}

enum err
own_salvage(struct store *s)
{
	struct kept head;

	while (s->salvage_ticket != 0 && kept_front(s, &head) &&
	    head.ticket <= s->salvage_ticket) {
		enum err e = kept_write_again(s, &head);

		if (e != ERR_OK)
			return e;
	}
	s->salvage_ticket = 0;
	return ERR_OK;
}

bool
own_has_failed(const struct store *s)
{
	const int parts[] = { s->own->full, s->own->current };

	for (size_t i = 0; i < COUNT(parts); i++)
		if (parts[i] != PART_NONE && s->own->parts[parts[i]].is_bad)
			return true;
	return false;
}

/* What our own writer has to say goes the way of any writer's words. */
void
own_notes(struct store *s)
{
	struct spool_note n;

	while (spool_writer_next_note(s->own, &n)) {
		enum err e = ERR_OK;

		if (n.kind == SPOOL_NOTE_DURABLE)
			e = store_advance(s, STORE_OWN, n.number,
			    n.generation, n.durable);
		else if (n.kind == SPOOL_NOTE_SEALED)
			e = store_sealed(s, STORE_OWN, n.number,
			    n.generation, n.durable, n.is_bad);
		if (e != ERR_OK)
			store_alarm(s, STORE_ALARM_SYNC, NULL, n.durable, 0,
			    NULL);
	}
}

bool
own_sync_begin(struct store *s, struct spool_job *job)
{
	const struct spool_writer *w = s->own;

	s->is_own_syncing = spool_writer_wants_sync(w);
	if (!s->is_own_syncing)
		return false;
	spool_writer_begin_sync(s->own, job);
	return w->syncing == w->full && w->current != PART_NONE &&
	    w->parts[w->current].is_open;
}

const struct segment *
own_sync_end(struct store *s, const struct spool_job *job)
{
	struct spool_job own = *job;
	const struct spool_part *p;
	const struct segment *failed = NULL, *g;

	if (!s->is_own_syncing)
		return NULL;
	s->is_own_syncing = false;
	/* What failed behind the syncs is not the segment's fault. */
	if (job->failed != SPOOL_JOB_SYNC)
		own.error = ERR_OK;
	p = &s->own->parts[s->own->syncing];
	g = store_segment_find(s, p->grant.number);
	if (writer_sync_is_good(s->own, &own))
		kept_done(s, s->own->sync_ticket);
	else
		failed = g;
	/* What was appended meanwhile is lost with it. */
	if (failed != NULL || p->is_bad)
		s->salvage_ticket = MAX(s->salvage_ticket, p->last_ticket);
	if (failed == NULL && p->is_bad) {
		store_alarm(s, STORE_ALARM_SYNC, g, p->durable, 0, NULL);
		moves_drop(s);
	}
	(void)spool_writer_end_sync(s->own, &own);
	return failed;
}
