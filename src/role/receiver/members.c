/*
 * members.c - whom an alias stands for, as lookup tells of them part by part.
 *
 * They are kept as recipients of an envelope until the session machine has taken
 * them, or will not.
 */
#include "role/receiver/receiver.h"

void
members_end(struct session *s)
{
	buf_free(&s->members);
	s->nmembers = 0;
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

static struct span
orcpt_of(const struct session *s, enum session_ask ask)
{
	return ask == ASK_RCPT ? s->server.tx.orcpt : SPAN("");
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

	/*
	 * RFC 3461 5.2.7.3 (b): success is asked of one; 5.2.7.1: of a list's
	 * members nothing is, nor where the null reverse-path stays.
	 */
	if (s->server.tx.reverse_path.n == 0)
		r.owner = SPAN("");
	if (m->owner.n == 0) {
		r.notify = notify_of(s, ask) & (s->nmembers > 0 ?
		    (uint8_t)~ENVELOPE_SUCCESS : 0xff);
		r.orcpt = orcpt_of(s, ask);
	}
	for (size_t i = 0; i < m->address.n; i++)
		s->server.members.is_utf8 |= m->address.p[i] > 0x7f;
	return ++s->nmembers > LOOKUP_MEMBERS_MAX ? ERR_SYNTAX : keep(s, &r);
}

/* RFC 3461 5.2.7.1: what is taken for a list is delivered, and told so. */
static enum err
list_add(struct session *s, enum session_ask ask)
{
	const struct envelope_recipient r = {
		.address = s->server.tx.asked,
		.route = ENVELOPE_LIST,
		.notify = ENVELOPE_SUCCESS,
		.orcpt = orcpt_of(s, ask),
	};

	return (notify_of(s, ask) & ENVELOPE_SUCCESS) == 0 ? ERR_OK :
	    keep(s, &r);
}

enum err
members_add(struct session *s, enum session_ask ask,
    const struct lookup_rcpt_answer *m)
{
	struct span list = m->members;
	struct lookup_member one;
	enum err e = m->is_list && s->nmembers == 0 ? list_add(s, ask) :
	    ERR_OK;

	if (e != ERR_OK)
		return e;
	while ((e = ipc_list_next(&ipc_lookup_member, &list, &one)) == ERR_OK)
		if ((e = member_add(s, ask, &one)) != ERR_OK)
			return e;
	s->server.members.list = buf_span(&s->members);
	if (e != ERR_NONE || s->nmembers == 0 ||
	    (m->next != 0 && m->next != s->nmembers))
		return ERR_SYNTAX;
	return ERR_OK;
}
