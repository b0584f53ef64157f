/*
 * store_claim.c - messages are read again: to be delivered, shown, bounced.
 *
 * What does not hold any more goes into quarantine, and somebody is told.
 */
#include "spool/store_priv.h"

#include <errno.h>

enum err
message_read(struct store *s, const struct store_message *m,
    struct walk_item *item)
{
	const struct segment *g = m->segment;
	struct walk w = walk_make(s->files, g->fd, &g->seal,
	    message_place(m), g->size, &s->front);
	enum err e = walk_here(&w, item);

	if (e == ERR_OK && item->r.sequence != m->sequence)
		return ERR_CORRUPT;
	return e;
}

/* m does not hold any more: keep its octets, forget it, say so. */
static void
message_lose(struct store *s, struct store_message *m,
    enum store_alarm_kind kind)
{
	struct segment *g = m->segment;
	uint64_t ticket, from = message_place(m);
	uint64_t to = from + message_length(m), large_number = m->large;
	struct journal_entry e = { .type = JOURNAL_LOST, .number = g->number,
		.generation = g->generation, .sequence = m->sequence };
	char name[SPOOL_NAME_MAX];

	if (quarantine_segment(s, g, from, to)) {
		s->counts.corrupt++;
		store_alarm(s, kind, g, from, to - from, NULL);
	}
	if (store_note(s, &e, &ticket) != ERR_OK)
		return;
	s->counts.lost++;
	s->events->lost(s->events->arg, m);
	m->large = 0;
	message_finish(s, m, ticket);
	if (large_number == 0)
		return;
	large_name(name, large_number);
	if (quarantine_file(s, name) == ERR_OK)
		store_large_remove(s, large_number);
}

void
store_content_lost(struct store *s, struct store_message *m)
{
	message_lose(s, m, m->large != 0 ? STORE_ALARM_LARGE
					 : STORE_ALARM_CONTENT);
}

/*
 * m was read with e.  A copy that no sync has covered yet proves nothing when it
 * does not hold: later, when it is sure which record counts.
 */
static enum err
message_doubt(struct store *s, struct store_message *m, enum err e)
{
	if (e != ERR_CORRUPT)
		return e;
	if (m->flags & MESSAGE_MOVING) {
		errno = EAGAIN;
		return ERR_IO;
	}
	store_content_lost(s, m);
	return e;
}

static enum err
pieces_add(struct store_piece *pieces, size_t max, size_t *n, int fd,
    uint64_t at, uint64_t octets)
{
	const struct store_piece *last = *n > 0 ? &pieces[*n - 1] : NULL;

	if (octets == 0)
		return ERR_OK;
	/* Added fields and an uncut content lie side by side. */
	if (last != NULL && last->fd == fd && last->at + last->n == at) {
		pieces[*n - 1].n += octets;
		return ERR_OK;
	}
	if (*n == max)
		return ERR_FULL;
	pieces[(*n)++] = (struct store_piece){ fd, at, octets };
	return ERR_OK;
}

/* What is left of the content between the cuts. */
static enum err
pieces_cut(struct store_piece *pieces, size_t max, size_t *n, int fd,
    uint64_t base, const struct walk_item *item)
{
	uint64_t at = 0;

	for (size_t i = 0; i < item->r.ncuts; i++) {
		struct spool_cut c = spool_cut_at(item->cuts, i);
		enum err e = pieces_add(pieces, max, n, fd, base + at,
		    c.from - at);

		if (e != ERR_OK)
			return e;
		at = c.to;
	}
	return pieces_add(pieces, max, n, fd, base + at,
	    item->r.content_n - at);
}

static enum err
claim_large(struct store *s, const struct spool_record *r)
{
	if (s->large_fd >= 0)
		(void)s->files->close(s->files->self, s->large_fd);
	return large_open(s, r->extra, &s->large_fd) == ERR_OK ? ERR_OK
							       : ERR_IO;
}

/* Where item's octets are; large_fd: of its large file, if it has one. */
static enum err
claim_pieces(struct store_message *m, const struct walk_item *item,
    int large_fd, struct store_piece *pieces, size_t max, size_t *npieces)
{
	const struct spool_record *r = &item->r;
	int fd = m->segment->fd;
	uint64_t base = r->place + spool_record_front(r);
	uint64_t added = r->place + SPOOL_RECORD_HEAD + r->envelope_n;
	size_t n = 0;
	enum err e = pieces_add(pieces, max, &n, fd, added, r->added_n);

	if (e == ERR_OK)
		e = r->extra != 0
		    ? pieces_cut(pieces, max, &n, large_fd, 0, item)
		    : pieces_cut(pieces, max, &n, fd, base, item);
	if (e == ERR_OK)
		*npieces = n;
	return e;
}

enum err
store_claim(struct store *s, struct store_message *m,
    struct store_piece *pieces, size_t max, size_t *npieces)
{
	struct walk_item item;
	enum err e = message_read(s, m, &item);

	if (e == ERR_OK)
		e = content_check(s, m->segment, &item.r, false);
	e = message_doubt(s, m, e);
	if (e == ERR_OK && item.r.extra != 0)
		e = claim_large(s, &item.r);
	if (e != ERR_OK)
		return e;
	return claim_pieces(m, &item, s->large_fd, pieces, max, npieces);
}

enum err
store_claim_large(struct store *s, struct store_message *m,
    struct store_piece *pieces, size_t max, size_t *npieces,
    struct store_content *c)
{
	struct walk_item item;
	enum err e;

	if (m->large == 0)
		return ERR_NONE;
	e = message_read(s, m, &item);
	if (e == ERR_OK) {
		*c = (struct store_content){
			.size = item.r.content_n,
			.seed = item.r.extra,
			.hash = item.r.content_hash,
			.files = s->files,
		};
		e = large_open(s, item.r.extra, &c->fd);
	}
	e = message_doubt(s, m, e);
	if (e != ERR_OK)
		return e;
	e = claim_pieces(m, &item, c->fd, pieces, max, npieces);
	if (e != ERR_OK)
		store_content_close(c);
	return e;
}

enum err
store_envelope(struct store *s, struct store_message *m, struct buf *to,
    struct envelope *env)
{
	struct walk_item item;
	enum err e = message_read(s, m, &item);

	e = message_doubt(s, m, e);
	buf_cut(to, 0);
	if (e == ERR_OK)
		e = buf_add(to, item.envelope);
	return e == ERR_OK ? envelope_decode(buf_span(to), env) : e;
}
