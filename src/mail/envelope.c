/*
 * envelope.c - version, fixed numbers, counted octets, recipients, nothing else.
 *
 * Most mail uses no extension that has to be remembered: it is written as
 * version 1, and its recipients without the fields of RFC 3461 and the name of a
 * route; a bit of their first octet says that these follow.
 */
#include "mail/envelope.h"

#define PLAIN		1u	/* version: no field of an extension */
#define EXTENDED	2u
#define WIDE		3u	/* the same, behind it a second octet of flags */
#define RECIPIENT_DSN	0x80u	/* beside a route: notify and orcpt follow */
#define RECIPIENT_VIA	0x40u	/* behind them via follows */
#define RECIPIENT_OWNER	0x20u	/* and behind that owner */
#define RECIPIENT_BITS	(RECIPIENT_DSN | RECIPIENT_VIA | RECIPIENT_OWNER)
#define NOTIFY_ALL	(ENVELOPE_NEVER | ENVELOPE_SUCCESS | \
			 ENVELOPE_FAILURE | ENVELOPE_DELAY)
#define BY_ALL		(ENVELOPE_BY_RETURN | ENVELOPE_BY_TRACE)
#define PATH_MAX_	256u
#define NAME_MAX_	256u
#define AUTH_MAX_	(3 * PATH_MAX_)		/* xtext of a path */

enum err
envelope_add_recipient(struct buf *list, const struct envelope_recipient *r)
{
	size_t before = list->n;
	struct pack w = { .to = list };
	bool has_dsn = r->notify != 0 || r->orcpt.n > 0;

	if (r->address.n > PATH_MAX_ || r->domain.n > NAME_MAX_ ||
	    r->key.n > NAME_MAX_ || r->orcpt.n > ENVELOPE_ORCPT_MAX ||
	    r->via.n > ENVELOPE_VIA_MAX || r->owner.n > PATH_MAX_)
		return ERR_FULL;
	pack_u8(&w, (uint8_t)(r->route | (has_dsn ? RECIPIENT_DSN : 0) |
	    (r->via.n > 0 ? RECIPIENT_VIA : 0) |
	    (r->owner.n > 0 ? RECIPIENT_OWNER : 0)));
	pack_octets(&w, r->address);
	pack_octets(&w, r->domain);
	pack_octets(&w, r->key);
	if (has_dsn) {
		pack_u8(&w, r->notify);
		pack_octets(&w, r->orcpt);
	}
	if (r->via.n > 0)
		pack_octets(&w, r->via);
	if (r->owner.n > 0)
		pack_octets(&w, r->owner);
	if (w.error != ERR_OK)
		buf_cut(list, before);
	return w.error;
}

/* What was packed, and nothing that merely looks like it. */
static bool
is_recipient(const struct envelope_recipient *r, uint8_t bits)
{
	bool has_via = (bits & RECIPIENT_VIA) != 0;
	bool has_owner = (bits & RECIPIENT_OWNER) != 0;

	if ((r->notify & ~NOTIFY_ALL) != 0 || r->route < ENVELOPE_LOCAL ||
	    r->route > ENVELOPE_LIST || (has_owner && r->owner.n == 0))
		return false;
	return !has_via || (r->via.n > 0 && r->route == ENVELOPE_REMOTE);
}

static bool
is_plain(const struct envelope *e)
{
	return e->flags <= UINT8_MAX && e->envid.n == 0 && e->auth.n == 0 &&
	    e->tags.n == 0 && e->priority == 0 && e->by_ms == 0 &&
	    e->hold_ms == 0;
}

static bool
is_within(const struct envelope *e)
{
	return e->envid.n <= ENVELOPE_ENVID_MAX && e->auth.n <= AUTH_MAX_ &&
	    e->tags.n <= ENVELOPE_TAGS_MAX &&
	    e->priority >= -ENVELOPE_PRIORITY_MAX &&
	    e->priority <= ENVELOPE_PRIORITY_MAX &&
	    (e->by_mode & ~BY_ALL) == 0 && (e->flags & ~ENVELOPE_FLAGS) == 0;
}

static void
pack_extended(struct pack *w, const struct envelope *e)
{
	pack_octets(w, e->envid);
	pack_octets(w, e->auth);
	pack_octets(w, e->tags);
	pack_u8(w, (uint8_t)(e->priority + ENVELOPE_PRIORITY_MAX));
	pack_u8(w, e->by_mode);
	pack_u64(w, e->by_ms);
	pack_u64(w, e->hold_ms);
}

static void
unpack_extended(struct unpack *r, struct envelope *e)
{
	e->envid = unpack_octets(r, ENVELOPE_ENVID_MAX);
	e->auth = unpack_octets(r, AUTH_MAX_);
	e->tags = unpack_octets(r, ENVELOPE_TAGS_MAX);
	e->priority = (int8_t)(unpack_u8(r) - ENVELOPE_PRIORITY_MAX);
	e->by_mode = unpack_u8(r);
	e->by_ms = unpack_u64(r);
	e->hold_ms = unpack_u64(r);
}

static uint8_t
version_of(const struct envelope *e)
{
	return is_plain(e) ? PLAIN : e->flags <= UINT8_MAX ? EXTENDED : WIDE;
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
	if (e->nrecipients > ENVELOPE_RECIPIENTS_MAX || !is_within(e))
		return ERR_FULL;
	pack_u8(&w, version_of(e));
	pack_raw(&w, span_of(e->id.octets, MSG_ID_OCTETS));
	pack_u64(&w, e->arrived_ms);
	pack_u8(&w, (uint8_t)e->flags);
	for (size_t i = 0; i < COUNT(texts); i++)
		pack_octets(&w, texts[i]);
	if (!is_plain(e))
		pack_extended(&w, e);
	if (version_of(e) == WIDE)
		pack_u8(&w, (uint8_t)(e->flags >> 8));
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
	struct envelope_recipient got = { 0 };
	uint8_t first;

	if (list->n == 0)
		return ERR_NONE;
	first = unpack_u8(&in);
	got.route = (enum envelope_route)(first & ~RECIPIENT_BITS);
	got.address = unpack_octets(&in, PATH_MAX_);
	got.domain = unpack_octets(&in, NAME_MAX_);
	got.key = unpack_octets(&in, NAME_MAX_);
	if ((first & RECIPIENT_DSN) != 0) {
		got.notify = unpack_u8(&in);
		got.orcpt = unpack_octets(&in, ENVELOPE_ORCPT_MAX);
	}
	if ((first & RECIPIENT_VIA) != 0)
		got.via = unpack_octets(&in, ENVELOPE_VIA_MAX);
	if ((first & RECIPIENT_OWNER) != 0)
		got.owner = unpack_octets(&in, PATH_MAX_);
	if (in.is_bad || !is_recipient(&got, first))
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
	uint8_t version = unpack_u8(&r);

	if (in.n > ENVELOPE_MAX || version < PLAIN || version > WIDE)
		return ERR_SYNTAX;
	id = unpack_raw(&r, MSG_ID_OCTETS);
	got.arrived_ms = unpack_u64(&r);
	got.flags = unpack_u8(&r);
	for (size_t i = 0; i < COUNT(texts); i++)
		*texts[i] = unpack_octets(&r, NAME_MAX_);
	if (version != PLAIN)
		unpack_extended(&r, &got);
	if (version == WIDE)
		got.flags |= (uint16_t)(unpack_u8(&r) << 8);
	got.nrecipients = unpack_u32(&r);
	/* What could have been said shorter was not written by us. */
	if (r.is_bad || got.nrecipients > ENVELOPE_RECIPIENTS_MAX ||
	    !is_within(&got) || version != version_of(&got))
		return ERR_SYNTAX;
	memcpy(got.id.octets, id.p, MSG_ID_OCTETS);
	got.recipients = r.in;
	if (recipients_check(got.recipients, got.nrecipients) != ERR_OK)
		return ERR_SYNTAX;
	*e = got;
	return ERR_OK;
}
