/*
 * bounce_text.c - write a bounce and its envelope into the store.
 */
#include "role/queue/bounce.h"

#include "mail/dsn.h"
#include "os/clock.h"

#include <stdlib.h>

#define PIECES_MAX	(SPOOL_CUTS_MAX + 2)

/* The beginning of what was sent, at most as much as a bounce may copy. */
static enum err
read_original(struct queue *q, struct bounce *b, struct buf *to)
{
	struct store_piece *p = calloc(PIECES_MAX, sizeof(*p));
	size_t n = 0, got;
	enum err e;

	if (p == NULL)
		return ERR_NOMEM;
	e = store_claim(q->store, b->m, p, PIECES_MAX, &n);
	for (size_t i = 0; e == ERR_OK && i < n && to->n < to->limit; i++) {
		size_t want = (size_t)MIN(p[i].n,
		    (uint64_t)(to->limit - to->n));

		e = buf_room(to, want);
		if (e == ERR_OK)
			e = spool_read_at(&q->files, p[i].fd, buf_end(to),
			    want, p[i].at, &got);
		if (e == ERR_OK)
			buf_grew(to, got);
	}
	free(p);
	return e;
}

/* The addresses of the kept failures, in the envelope's order as they are. */
static void
fill_recipients(const struct bounce *b, const struct envelope *e,
    struct dsn_recipient *r)
{
	struct envelope_recipient er;
	struct span list = e->recipients;
	uint32_t k = 0, n = bounce_count(b);

	for (uint32_t slot = 0; k < n && envelope_next(&list, &er) == ERR_OK;
	    slot++) {
		const struct bounce_kept *f = bounce_kept_at(b, k);

		if (f->slot != slot)
			continue;
		r[k++] = (struct dsn_recipient){
			.action = (enum dsn_action)f->action,
			.address = er.address,
			.orcpt = er.orcpt,
			/* RFC 2852 4.1.3 */
			.status = f->action == DSN_DELAYED ? SPAN("4.4.7") :
			    f->is_expired ? SPAN("5.4.7") :
			    bounce_status(b, f),
			.remote = bounce_remote(b, f),
			.code = f->words.code,
			.text = bounce_text(b, f),
		};
	}
}

static bool
has_failed(const struct bounce *b)
{
	for (uint32_t k = 0; k < bounce_count(b); k++)
		if (bounce_kept_at(b, k)->action == DSN_FAILED)
			return true;
	return false;
}

/*
 * RFC 3461 4.3: all of it comes back with a failure only; RFC 8689 section 5: and
 * not of what requires TLS.  Binary content has no place in a report.
 */
static bool
is_full(const struct bounce *b, const struct envelope *e)
{
	const uint16_t all = ENVELOPE_RET_FULL | ENVELOPE_REQUIRETLS |
	    ENVELOPE_BINARY;

	return !b->is_list && (e->flags & all) == ENVELOPE_RET_FULL &&
	    has_failed(b);
}

static enum err
write_report(struct queue *q, struct bounce *b, const struct envelope *e,
    struct span original, struct buf *to)
{
	struct dsn_recipient *r = calloc(bounce_count(b), sizeof(*r));
	const struct dsn d = {
		.id = b->own_id,
		.original_id = b->id,
		.now_ms = clock_wall_ms(),
		.arrived_ms = e->arrived_ms,
		.hostname = span_str(q->config->hostname),
		.reverse_path = buf_span(&b->reverse_path),
		.envid = b->is_list ? SPAN("") : e->envid,
		.hold_ms = b->is_list ? 0 : e->hold_ms,
		.by_ms = b->is_list ? 0 : e->by_ms,
		.is_full = is_full(b, e),
		.is_tls_optional = (e->flags & ENVELOPE_TLS_OPTIONAL) != 0,
		.recipients = r,
		.nrecipients = bounce_count(b),
		.original = original,
		.original_max = q->config->limits.bounce_copy,
	};
	enum err err;

	if (r == NULL)
		return ERR_NOMEM;
	fill_recipients(b, e, r);
	err = dsn_write(&d, to);
	free(r);
	return err;
}

/*
 * RFC 5321 4.5.5: from the null reverse-path, to the old one.  RFC 8689 sections 5
 * and 6: as well protected, or as little; RFC 6710 4.6: as urgent; RFC 6531 where it has to be.
 */
static enum err
write_envelope(const struct bounce *b, const struct envelope *of,
    const struct content_facts *facts, struct buf *to)
{
	const struct envelope e = {
		.id = b->own_id,
		.arrived_ms = clock_wall_ms(),
		.flags = ENVELOPE_BOUNCE |
		    (of->flags & (ENVELOPE_REQUIRETLS | ENVELOPE_TLS_OPTIONAL |
		ENVELOPE_SMTPUTF8)) |
		    (facts->flags & CONTENT_8BIT ? ENVELOPE_8BITMIME : 0),
		.client = SPAN("local"),
		.priority = of->priority,
		.nrecipients = b->nrecipients,
		.recipients = buf_span(&b->recipients),
	};

	return envelope_encode(&e, to);
}

static struct content_facts
look(struct queue *q, struct span content)
{
	struct content_scan scan;

	content_scan_begin(&scan, span_str(q->config->hostname));
	content_scan_feed(&scan, content);
	return content_scan_end(&scan);
}

static enum err
append(struct queue *q, struct bounce *b, const struct content_facts *facts,
    struct span envelope, struct span content)
{
	const struct spool_message m = {
		.id = &b->own_id,
		.envelope = envelope,
		.content = &content,
		.ncontent = 1,
		.facts = facts,
	};

	return store_append(q->store, &m, &b->ticket);
}

enum err
queue_bounce_write(struct queue *q, struct bounce *b)
{
	struct buf original = buf_make(q->config->limits.bounce_copy + 1);
	struct buf report = buf_make(DSN_MAX), envelope = buf_make(ENVELOPE_MAX);
	struct content_facts facts = { 0 };
	struct envelope e;
	enum err err;

	b->own_id = role_new_id(q->role);
	err = read_original(q, b, &original);
	if (err != ERR_OK)
		goto out;	/* lost: b is gone */
	buf_cut(&q->scratch, 0);
	err = store_envelope(q->store, b->m, &q->scratch, &e);
	if (err != ERR_OK)
		goto out;
	err = write_report(q, b, &e, buf_span(&original), &report);
	if (err == ERR_OK) {
		facts = look(q, buf_span(&report));
		err = write_envelope(b, &e, &facts, &envelope);
	}
	if (err == ERR_OK)
		err = append(q, b, &facts, buf_span(&envelope),
		    buf_span(&report));
out:
	buf_free(&original);
	buf_free(&report);
	buf_free(&envelope);
	return err;
}
