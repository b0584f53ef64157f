/*
 * smtp_server_mail.c - MAIL and RCPT: the envelope grows.
 */
#include "proto/smtp_server_private.h"

bool
smtp_do_mail(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	const struct smtp_policy *p = s->policy;
	enum smtp_reply re = RE_NONE;

	if (p->listener == SMTP_SUBMISSION && s->user.n == 0)
		re = RE_AUTH_FIRST;
	else if (s->nmails >= p->mails)
		re = RE_TOO_MANY_MAILS;
	else if (cmd->size > p->message_size)
		re = RE_TOO_BIG;
	else if (arena_copy(&s->arena, cmd->path.text,
	    &s->tx.reverse_path) != ERR_OK)
		re = RE_NO_MEMORY;
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->path.text);
		return false;
	}
	s->tx.is_8bit = cmd->is_8bit;
	smtp_server_ask(s, SMTP_DO_MAIL, s->tx.reverse_path);
	return true;
}

void
smtp_server_mail(struct smtp_server *s, enum smtp_reply re,
    const struct msg_id *id)
{
	ASSERT(s->is_waiting && s->phase == PH_READY);
	s->is_waiting = false;
	if (re != RE_SENDER_OK) {
		smtp_server_reset(s);
		smtp_server_reply(s, re);
		return;
	}
	s->tx.id = *id;
	s->phase = PH_MAIL;
	smtp_server_reply(s, re);
}

/*
 * The address as lookup is asked: RFC 5321 4.5.1 wants postmaster to be
 * reached without a domain, too.
 */
static enum err
asked_address(struct smtp_server *s, const struct addr *path)
{
	static const char postmaster[] = "postmaster@";
	struct span host = s->policy->home;
	void *p;
	enum err e;

	if (path->kind != ADDR_POSTMASTER)
		return arena_copy(&s->arena, path->text, &s->tx.asked);
	e = arena_get(&s->arena, sizeof postmaster - 1 + host.n, &p);
	if (e != ERR_OK)
		return e;
	memcpy(p, postmaster, sizeof postmaster - 1);
	memcpy((uint8_t *)p + sizeof postmaster - 1, host.p, host.n);
	s->tx.asked = span_of(p, sizeof postmaster - 1 + host.n);
	return ERR_OK;
}

bool
smtp_do_rcpt(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = RE_NONE;
	uint64_t limit = MIN(s->policy->recipients, ENVELOPE_RECIPIENTS_MAX);

	if (s->tx.nrecipients >= limit ||
	    asked_address(s, &cmd->path) == ERR_FULL)
		re = RE_TOO_MANY_RCPT;
	else if (s->tx.asked.n == 0)
		re = RE_NO_MEMORY;
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->path.text);
		return false;
	}
	smtp_server_ask(s, SMTP_DO_RCPT, s->tx.asked);
	return true;
}

/* RLY-1: who may send where.  REMOTE by listener; the rest is the same. */
static enum smtp_reply
judge(const struct smtp_server *s, enum smtp_route route)
{
	static const enum smtp_reply by_route[SMTP_ROUTE_COUNT] = {
		[SMTP_ROUTE_UNKNOWN] = RE_NO_USER,
		[SMTP_ROUTE_LOCAL] = RE_RCPT_OK,
		[SMTP_ROUTE_REMOTE] = RE_NO_RELAY,
		[SMTP_ROUTE_TEMPFAIL] = RE_BAD_TABLE,
	};
	static const bool relays[SMTP_LISTENER_COUNT] = {
		[SMTP_SUBMISSION] = true,	/* MAIL asked for AUTH */
		[SMTP_RELAY] = true,		/* others were not greeted */
		[SMTP_LOCAL] = true,
	};

	if (route == SMTP_ROUTE_REMOTE && relays[s->policy->listener])
		return RE_RCPT_OK;
	return by_route[route];
}

enum smtp_reply
smtp_server_rcpt(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key)
{
	enum smtp_reply re = judge(s, route);
	struct envelope_recipient r = {
		.address = s->tx.asked,
		.route = route == SMTP_ROUTE_LOCAL ? ENVELOPE_LOCAL :
		    ENVELOPE_REMOTE,
		.domain = route == SMTP_ROUTE_LOCAL ? domain : SPAN(""),
		.key = route == SMTP_ROUTE_LOCAL ? key : SPAN(""),
	};
	enum err e = ERR_OK;

	ASSERT(s->is_waiting &&
	    (s->phase == PH_MAIL || s->phase == PH_RCPT));
	s->is_waiting = false;
	if (re == RE_RCPT_OK)
		e = envelope_add_recipient(&s->recipients, &r);
	if (e != ERR_OK)
		re = e == ERR_FULL ? RE_TOO_MANY_RCPT : RE_NO_MEMORY;
	if (re != RE_RCPT_OK) {
		smtp_server_refuse(s, re, s->tx.asked);
	} else {
		if (s->tx.nrecipients++ == 0)
			s->tx.only_rcpt = s->tx.asked;
		s->phase = PH_RCPT;
		smtp_server_reply(s, re);
	}
	s->tx.asked = span_of(NULL, 0);
	return re;
}

void
smtp_server_envelope(const struct smtp_server *s, struct envelope *e)
{
	*e = (struct envelope){
		.id = s->tx.id,
		.flags = s->tx.is_8bit ? ENVELOPE_8BITMIME : 0,
		.reverse_path = s->tx.reverse_path,
		.originator = buf_span(&s->user),
		.helo = buf_span(&s->helo),
		.nrecipients = s->tx.nrecipients,
		.recipients = buf_span(&s->recipients),
	};
}
