/*
 * members.c - whom an alias stands for, as lookup tells of them part by part.
 *
 * They are kept as recipients of an envelope until the session machine has taken
 * them, or will not.
 */
#include "role/receiver/receiver.h"

#include "mail/address.h"

void
members_end(struct session *s)
{
	buf_free(&s->members);
	s->nmembers = 0;
	s->has_first = false;
	s->server.members = (struct smtp_members){ 0 };
}

static enum err
keep(struct session *s, const struct envelope_recipient *r)
{
	s->server.members.n++;
	return envelope_add_recipient(&s->members, r);
}

/* Of what becomes of a copy nobody hears. */
static uint8_t
notify_of(const struct session *s, enum session_ask ask)
{
	return ask == ASK_RCPT ? s->server.tx.notify : ENVELOPE_NEVER;
}

/*
 * RFC 3461 5.2.7.3 (b): the first has all that was asked for; of the others, too,
 * nobody hears what was not to be told.
 */
static void
ask_for(struct session *s, enum session_ask ask,
    struct envelope_recipient *r)
{
	uint8_t notify = notify_of(s, ask);

	r->notify = notify;
	if (!s->has_first) {
		s->has_first = true;
		r->orcpt = ask == ASK_RCPT ? s->server.tx.orcpt : SPAN("");
		return;
	}
	r->notify &= (uint8_t)~ENVELOPE_SUCCESS;
	if (notify != 0 && r->notify == 0)
		r->notify = ENVELOPE_NEVER;
}

/* It comes from another process: nothing but an address goes on. */
static bool
is_address(struct span text)
{
	struct addr a;

	return addr_parse(text, &a) == ERR_OK;
}

/* One of ours has a mailbox; all are told of as the alias would be. */
static enum err
member_add(struct session *s, enum session_ask ask,
    const struct lookup_member *m)
{
	bool is_local = m->key.n > 0;
	struct envelope_recipient r = {
		.address = m->address,
		.route = is_local ? ENVELOPE_LOCAL : ENVELOPE_REMOTE,
		.domain = is_local ? m->domain : SPAN(""),
		.key = m->key,
		.owner = m->owner,
	};

	if (++s->nmembers > LOOKUP_MEMBERS_MAX || !is_address(m->address) ||
	    (m->owner.n > 0 && !is_address(m->owner)))
		return ERR_SYNTAX;
	/* RFC 3461 5.2.7.1: of a list's members nothing is asked. */
	if (m->owner.n == 0)
		ask_for(s, ask, &r);
	/* What has no reverse-path gets none: reports make no reports. */
	if (s->server.tx.reverse_path.n == 0)
		r.owner = SPAN("");
	return keep(s, &r);
}

/* RFC 3461 5.2.7.1: what is taken for a list is delivered, and told so. */
static enum err
list_add(struct session *s, enum session_ask ask)
{
	struct envelope_recipient r = {
		.address = s->server.tx.asked, .route = ENVELOPE_LIST,
	};

	if ((notify_of(s, ask) & ENVELOPE_SUCCESS) == 0)
		return ERR_OK;
	ask_for(s, ask, &r);
	r.notify = ENVELOPE_SUCCESS;
	return keep(s, &r);
}

enum err
members_add(struct session *s, enum session_ask ask,
    const struct lookup_rcpt_answer *m)
{
	struct span list = m->members;
	struct lookup_member one;
	uint32_t before = s->nmembers;
	enum err e = m->is_list && before == 0 ? list_add(s, ask) : ERR_OK;

	if (e != ERR_OK)
		return e;
	while ((e = ipc_list_next(&ipc_lookup_member, &list, &one)) == ERR_OK)
		if ((e = member_add(s, ask, &one)) != ERR_OK)
			return e;
	s->server.members.list = buf_span(&s->members);
	/* Each part has some, or there would be no end of them. */
	if (e != ERR_NONE || s->nmembers == before ||
	    (m->next != 0 && m->next != s->nmembers))
		return ERR_SYNTAX;
	return ERR_OK;
}
