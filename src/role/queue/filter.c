/*
 * filter.c - which messages an operator means: what costs nothing is asked first,
 * then the envelope, which is read from the disk.
 */
#include "role/queue/steer.h"

#include "mail/address.h"
#include "os/clock.h"

bool
queue_filter_reads(const struct steer_ask *ask)
{
	return ask->sender.n > 0 || ask->recipient.n > 0 ||
	    ask->label.n > 0 || ask->older_ms > 0;
}

bool
queue_filter_is_any(const struct steer_ask *ask)
{
	return queue_filter_reads(ask) || ask->domain.n > 0 ||
	    ask->host.n > 0 || ask->state != STEER_STATE_ANY ||
	    ask->larger > 0;
}

enum err
queue_filter_keep(const struct steer_ask *from, struct steer_ask *to,
    struct buf *words)
{
	const struct span said[] = { from->sender, from->recipient,
		from->domain, from->host, from->label };
	struct span *const kept[] = { &to->sender, &to->recipient,
		&to->domain, &to->host, &to->label };
	size_t at = 0;
	enum err e = ERR_OK;

	*words = buf_make(COUNT(said) * STEER_WORD_MAX);
	for (size_t i = 0; e == ERR_OK && i < COUNT(said); i++)
		e = buf_add(words, said[i]);
	*to = *from;
	to->argument = SPAN("");
	for (size_t i = 0; i < COUNT(said); i++) {
		*kept[i] = said[i].n == 0 ? SPAN("") :
		    span_of(words->p + at, said[i].n);
		at += said[i].n;
	}
	return e;
}

/* --- what is in memory --- */

static enum steer_state
state_of(struct queue *q, struct store_message *m,
    const struct sched_view *v)
{
	static const uint8_t states[] = {
		[SCHED_STATE_FREE] = STEER_STATE_RUNNING,
		[SCHED_STATE_SCHEDULED] = STEER_STATE_DEFERRED,
		[SCHED_STATE_UNROUTED] = STEER_STATE_READY,
		[SCHED_STATE_READY] = STEER_STATE_READY,
		[SCHED_STATE_RUNNING] = STEER_STATE_RUNNING,
	};

	if (queue_mark(m).is_held)
		return STEER_STATE_HELD;
	if (queue_is_unborn(q, m))
		return STEER_STATE_LATER;
	return (enum steer_state)states[v->state];
}

/* "m" and names with blanks between. */
static bool
has_host(struct span site, struct span host)
{
	site = span_skip(site, MIN(site.n, (size_t)1));
	while (site.n > 0) {
		struct span one = span_take(&site, span_find(site, ' '));

		if (span_eq_nocase(one, host))
			return true;
		site = span_skip(site, MIN(site.n, (size_t)1));
	}
	return false;
}

static bool
fits_memory(struct queue *q, const struct steer_ask *ask,
    const struct sched_view *v)
{
	struct store_message *m = (struct store_message *)(uintptr_t)v->message;

	return (ask->larger == 0 || queue_mark(m).size > ask->larger) &&
	    (ask->domain.n == 0 || span_eq_nocase(ask->domain,
	    queue_domain_of(q, v->destination))) &&
	    (ask->host.n == 0 || has_host(v->site, ask->host)) &&
	    (ask->state == STEER_STATE_ANY || ask->state == state_of(q, m, v));
}

/* --- what is on the disk --- */

/* "a@b", "@b" for all of that domain, "<>". */
static bool
fits_address(struct span pattern, struct span address)
{
	struct span local, domain;

	if (pattern.n == 0)
		return true;
	if (span_eq(pattern, SPAN("<>")))
		return address.n == 0;
	(void)addr_split(address, &local, &domain);
	return span_starts(pattern, SPAN("@")) ?
	    span_eq_nocase(span_skip(pattern, 1), domain) :
	    span_eq_nocase(pattern, address);
}

/* Of those who wait for this item's destination. */
static bool
has_recipient(struct queue *q, struct span pattern, struct store_message *m,
    const struct envelope *e, struct span destination)
{
	struct span list = e->recipients;
	struct envelope_recipient r;

	for (uint32_t slot = 0; envelope_next(&list, &r) == ERR_OK; slot++)
		if (fits_address(pattern, r.address) &&
		    !store_slot_is_settled(m, slot) &&
		    queue_destination(q->config, &r, &q->name) == ERR_OK &&
		    span_eq(buf_span(&q->name), destination))
			return true;
	return false;
}

static bool
has_label(struct span tags, struct span label)
{
	while (tags.n > 0) {
		struct span one = span_take(&tags, span_find(tags, ' '));

		if (span_eq(one, label))
			return true;
		tags = span_skip(tags, MIN(tags.n, (size_t)1));
	}
	return label.n == 0;
}

static bool
fits_envelope(struct queue *q, const struct steer_ask *ask,
    const struct sched_view *v)
{
	struct store_message *m = (struct store_message *)(uintptr_t)v->message;
	uint64_t wall = clock_wall_ms();
	struct envelope e;

	if (!queue_filter_reads(ask))
		return true;
	buf_cut(&q->scratch, 0);
	if (store_envelope(q->store, m, &q->scratch, &e) != ERR_OK)
		return false;
	return (ask->older_ms == 0 || (e.arrived_ms < wall &&
	    wall - e.arrived_ms > ask->older_ms)) &&
	    fits_address(ask->sender, e.reverse_path) &&
	    has_label(e.tags, ask->label) && (ask->recipient.n == 0 ||
	    has_recipient(q, ask->recipient, m, &e, v->destination));
}

bool
queue_filter_fits(struct queue *q, const struct steer_ask *ask,
    const struct sched_view *v)
{
	return fits_memory(q, ask, v) && fits_envelope(q, ask, v);
}
