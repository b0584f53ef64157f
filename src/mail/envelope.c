/*
 * envelope.c - version, fixed numbers, counted octets, recipients, nothing else.
 */
#include "mail/envelope.h"

#define VERSION		1u
#define PATH_MAX_	256u
#define NAME_MAX_	256u

enum err
envelope_add_recipient(struct buf *list, const struct envelope_recipient *r)
{
	size_t before = list->n;
	struct pack w = { .to = list };

	if (r->address.n > PATH_MAX_ || r->domain.n > NAME_MAX_ ||
	    r->key.n > NAME_MAX_)
		return ERR_FULL;
	pack_u8(&w, (uint8_t)r->route);
	pack_octets(&w, r->address);
	pack_octets(&w, r->domain);
	pack_octets(&w, r->key);
	if (w.error != ERR_OK)
		buf_cut(list, before);
	return w.error;
}

enum err
envelope_encode(const struct envelope *e, struct buf *to)
{
	const struct span texts[] = { e->reverse_path, e->originator, e->client,
		e->helo, e->tls };
	size_t before = to->n;
	struct pack w = { .to = to };

	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i].n > NAME_MAX_)
			return ERR_FULL;
	if (e->nrecipients > ENVELOPE_RECIPIENTS_MAX)
		return ERR_FULL;
	pack_u8(&w, VERSION);
	pack_raw(&w, span_of(e->id.octets, MSG_ID_OCTETS));
	pack_u64(&w, e->arrived_ms);
	pack_u8(&w, e->flags);
	for (size_t i = 0; i < COUNT(texts); i++)
		pack_octets(&w, texts[i]);
	pack_u32(&w, e->nrecipients);
	pack_raw(&w, e->recipients);
	if (w.error == ERR_OK && to->n - before > ENVELOPE_MAX)
		w.error = ERR_FULL;
	if (w.error != ERR_OK)
		buf_cut(to, before);
	return w.error;
}

enum err
envelope_next(struct span *list, struct envelope_recipient *r)
{
	struct unpack in = { .in = *list };
	struct envelope_recipient got;
	uint8_t route;

	if (list->n == 0)
		return ERR_NONE;
	route = unpack_u8(&in);
	got.route = (enum envelope_route)route;
	got.address = unpack_octets(&in, PATH_MAX_);
	got.domain = unpack_octets(&in, NAME_MAX_);
	got.key = unpack_octets(&in, NAME_MAX_);
	if (in.is_bad || (route != ENVELOPE_LOCAL && route != ENVELOPE_REMOTE))
		return ERR_SYNTAX;
	*list = in.in;
	*r = got;
	return ERR_OK;
}

/* As many recipients as were said, and each one whole. */
static enum err
recipients_check(struct span list, uint32_t count)
{
	struct envelope_recipient r;
	uint32_t n = 0;
	enum err e;

	while ((e = envelope_next(&list, &r)) == ERR_OK)
		if (++n > count)
			return ERR_SYNTAX;
	return e == ERR_NONE && n == count ? ERR_OK : ERR_SYNTAX;
}

enum err
envelope_decode(struct span in, struct envelope *e)
{
	struct unpack r = { .in = in };
	struct envelope got = { 0 };
	struct span *const texts[] = { &got.reverse_path, &got.originator,
		&got.client, &got.helo, &got.tls };
	struct span id;

	if (in.n > ENVELOPE_MAX || unpack_u8(&r) != VERSION)
		return ERR_SYNTAX;
	id = unpack_raw(&r, MSG_ID_OCTETS);
	got.arrived_ms = unpack_u64(&r);
	got.flags = unpack_u8(&r);
	for (size_t i = 0; i < COUNT(texts); i++)
		*texts[i] = unpack_octets(&r, NAME_MAX_);
	got.nrecipients = unpack_u32(&r);
	if (r.is_bad || got.nrecipients > ENVELOPE_RECIPIENTS_MAX ||
	    (got.flags & ~(ENVELOPE_8BITMIME | ENVELOPE_BOUNCE)) != 0)
		return ERR_SYNTAX;
	memcpy(got.id.octets, id.p, MSG_ID_OCTETS);
	got.recipients = r.in;
	if (recipients_check(got.recipients, got.nrecipients) != ERR_OK)
		return ERR_SYNTAX;
	*e = got;
	return ERR_OK;
}
