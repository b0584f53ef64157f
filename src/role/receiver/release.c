/*
 * release.c - mail that is to be sent later (RFC 4865): is there room for it?
 *
 * Queue counts what waits of each user, over all receivers and restarts.  It is
 * asked at MAIL, with the size that was declared, where section 6 wants the
 * refusal; and behind the content, whose size may not have been declared and
 * beside which others may have come in.
 */
#include "role/receiver/receiver.h"

static struct span
user_of(const struct session *s)
{
	return s->server.user.n > 0 ? buf_span(&s->server.user) :
	    span_str(s->client);
}

static void
answered(struct session *s, enum session_ask ask, enum smtp_reply re)
{
	if (ask == ASK_RELEASE_MAIL)
		rules_mail_end(s, re);
	else if (re == RE_NONE)
		rules_commit(s);
	else
		commit_refuse(s, re);
}

void
release_fail(struct session *s, enum session_ask ask)
{
	answered(s, ask, RE_NOT_STORED);
}

/* Of mail without a later time nobody is asked. */
static void
go_on(struct session *s, enum session_ask ask, enum smtp_reply re)
{
	const struct smtp_server *v = &s->server;
	struct role *r = s->receiver->role;
	struct intake_release m = {
		.user = user_of(s),
		.octets = ask == ASK_RELEASE_MAIL ? v->tx.params.size :
		    v->facts.size,
	};

	if (re != RE_NONE || v->tx.hold_ms == 0) {
		answered(s, ask, re);
		return;
	}
	m.tag = ask_tag(s, ask);
	if (role_send(r, role_peer(r, IPC_ROLE_QUEUE), &ipc_intake_release,
	    &m, NULL) == ERR_OK)
		return;
	s->ask = ASK_NOTHING;
	release_fail(s, ask);
}

void
release_mail(struct session *s, enum smtp_reply re)
{
	go_on(s, ASK_RELEASE_MAIL, re);
}

void
release_content(struct session *s, enum smtp_reply re)
{
	go_on(s, ASK_RELEASE_CONTENT, re);
}

bool
release_answer(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	const struct intake_release_answer *m = msg;
	enum session_ask ask = ASK_RELEASE_MAIL;
	struct session *s = ask_asker(r->self, m->tag, ask);

	if (s == NULL)
		s = ask_asker(r->self, m->tag, ask = ASK_RELEASE_CONTENT);
	if (s == NULL)
		return true;
	answered(s, ask, m->is_allowed ? RE_NONE : RE_HOLD_QUOTA);
	/* Else it waits for its sync, or for a copy's route. */
	if (!s->server.is_waiting)
		session_go_on(s);
	return true;
}

void
release_queue_went(struct receiver *rc)
{
	for (uint32_t i = 0; i < rc->nslots; i++) {
		struct session *s = rc->slots[i];

		if (s != NULL && (s->ask == ASK_RELEASE_MAIL ||
		    s->ask == ASK_RELEASE_CONTENT))
			ask_fail(s);
	}
}
