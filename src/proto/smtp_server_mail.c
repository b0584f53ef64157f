/*
 * smtp_server_mail.c - MAIL and RCPT: the envelope grows.
 */
#include "proto/smtp_server_private.h"

/* Parameters that are offered to this client now. */
static unsigned int
offered(const struct smtp_server *s)
{
	unsigned int set = ~0u;

	if (!s->is_tls)
		set &= ~SMTP_SAID(SMTP_PARAM_REQUIRETLS);
	if (!smtp_server_is_submission(s))
		set &= ~(SMTP_SAID(SMTP_PARAM_HOLDFOR) |
		    SMTP_SAID(SMTP_PARAM_HOLDUNTIL));
	if (s->policy->listener == SMTP_LMTP)
		set &= ~SMTP_SAID(SMTP_PARAM_PRDR);
	return set;
}

/* RFC 2852 4.1: from now on, by our clock; it may be over already. */
static uint64_t
by_of(const struct smtp_server *s, const struct smtp_params *p)
{
	return (uint64_t)((int64_t)s->wall_ms + (int64_t)p->by_s * 1000);
}

/*
 * RFC 4865 4.2, 5.2.2: when it may be sent, or 0; false: too late for us, or for
 * the time by which it is to be delivered.
 */
static bool
release_of(const struct smtp_server *s, const struct smtp_params *p,
    uint64_t *ms)
{
	uint64_t most = s->wall_ms + s->policy->hold * 1000;

	if (p->said & SMTP_SAID(SMTP_PARAM_BY))
		most = MIN(most, by_of(s, p));

	*ms = p->hold_until_ms;
	if (p->said & SMTP_SAID(SMTP_PARAM_HOLDFOR))
		*ms = s->wall_ms + p->hold_for_s * 1000;
	return *ms == 0 || *ms <= most;
}

static enum smtp_reply
judge_mail(const struct smtp_server *s, const struct smtp_cmd *cmd)
{
	const struct smtp_policy *p = s->policy;
	const struct smtp_params *q = &cmd->params;
	uint64_t release;

	if (p->listener == SMTP_SUBMISSION && s->user.n == 0)
		return RE_AUTH_FIRST;
	if (s->nmails >= p->mails)
		return RE_TOO_MANY_MAILS;
	if ((q->said & ~offered(s)) != 0)
		return RE_BAD_PARAM;
	if (q->size > p->message_size)
		return RE_TOO_BIG;
	if (cmd->path.is_utf8 &&
	    (q->said & SMTP_SAID(SMTP_PARAM_SMTPUTF8)) == 0)
		return RE_UTF8_SENDER;
	return release_of(s, q, &release) ? RE_NONE : RE_HOLD;
}

/* What has to outlive the line. */
static enum smtp_reply
keep_mail(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	struct smtp_tx *tx = &s->tx;
	const struct smtp_params *p = &cmd->params;
	enum err e;

	tx->params = *p;
	e = arena_copy(&s->arena, cmd->path.text, &tx->reverse_path);
	if (e == ERR_OK)
		e = arena_copy(&s->arena, p->envid, &tx->params.envid);
	if (e == ERR_OK)
		e = arena_copy(&s->arena, p->auth, &tx->params.auth);
	if (e != ERR_OK)
		return RE_NO_MEMORY;
	(void)release_of(s, p, &tx->hold_ms);
	if (p->said & SMTP_SAID(SMTP_PARAM_BY))
		tx->by_ms = by_of(s, p);
	/* RFC 6710 4.1: a stranger may lower it, not raise it. */
	tx->priority = smtp_server_is_trusted(s) ? p->priority :
	    MIN(p->priority, (int8_t)0);
	return RE_NONE;
}

bool
smtp_do_mail(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = judge_mail(s, cmd);

	if (re == RE_NONE)
		re = keep_mail(s, cmd);
	if (re != RE_NONE) {
		smtp_server_reset(s);
		smtp_server_refuse(s, re, cmd->path.text);
		return false;
	}
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
	smtp_server_reply(s, s->tx.priority != s->tx.params.priority ?
	    RE_PRIORITY : re);
}

/*
 * The address as lookup is asked: RFC 5321 4.5.1 wants postmaster to be
 * reached without a domain, too.
 */
enum err
smtp_server_asked(struct smtp_server *s, const struct addr *path)
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

static bool
is_utf8(const struct smtp_server *s)
{
	return (s->tx.params.said & SMTP_SAID(SMTP_PARAM_SMTPUTF8)) != 0;
}

/* For so many more; is_rcpt: the places of copies are theirs. */
static bool
has_room(const struct smtp_server *s, uint32_t n, bool is_rcpt)
{
	uint64_t all = (uint64_t)s->tx.nrecipients + s->tx.ncopies +
	    s->tx.nmore + n;

	return all <= ENVELOPE_RECIPIENTS_MAX -
	    (is_rcpt ? ENVELOPE_COPIES_MAX : 0);
}

bool
smtp_do_rcpt(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = RE_NONE;
	uint64_t limit = MIN(s->policy->recipients, ENVELOPE_RCPTS_MAX);
	enum err e;

	if ((cmd->path.is_utf8 || cmd->params.has_utf8) && !is_utf8(s))
		re = RE_UTF8_RCPT;
	else if (s->tx.nrecipients >= limit || !has_room(s, 1, true))
		re = RE_TOO_MANY_RCPT;
	else {
		e = smtp_server_asked(s, &cmd->path);
		if (e == ERR_OK)
			e = arena_copy(&s->arena, cmd->params.orcpt,
			    &s->tx.orcpt);
		if (e != ERR_OK)
			re = e == ERR_FULL ? RE_TOO_MANY_RCPT : RE_NO_MEMORY;
	}
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->path.text);
		return false;
	}
	s->tx.notify = cmd->params.notify;
	smtp_server_ask(s, SMTP_DO_RCPT, s->tx.asked);
	return true;
}

/* RLY-1: who may send where.  REMOTE by listener; the rest is the same. */
enum smtp_reply
smtp_server_judge(enum smtp_listener listener, enum smtp_route route)
{
	static const enum smtp_reply by_route[SMTP_ROUTE_COUNT] = {
		[SMTP_ROUTE_UNKNOWN] = RE_NO_USER,
		[SMTP_ROUTE_LOCAL] = RE_RCPT_OK,
		[SMTP_ROUTE_REMOTE] = RE_NO_RELAY,
		[SMTP_ROUTE_ALLOWED] = RE_RCPT_OK,
		[SMTP_ROUTE_TEMPFAIL] = RE_BAD_TABLE,
		[SMTP_ROUTE_NO_MAIL] = RE_NO_MAIL_DOMAIN,
		[SMTP_ROUTE_ALIAS] = RE_RCPT_OK,
		[SMTP_ROUTE_BAD_ALIAS] = RE_BAD_ALIAS,
	};
	static const bool relays[SMTP_LISTENER_COUNT] = {
		[SMTP_SUBMISSION] = true,	/* MAIL asked for AUTH */
		[SMTP_RELAY] = true,		/* others were not greeted */
		[SMTP_LOCAL] = true,
	};

	if (route == SMTP_ROUTE_REMOTE && relays[listener])
		return RE_RCPT_OK;
	return by_route[route];
}

/* ERR_FULL: with them there would be too many. */
static enum err
add_members(struct smtp_server *s, bool is_rcpt)
{
	enum err e;

	ASSERT(s->members.n > 0);
	if (!has_room(s, s->members.n, is_rcpt))
		return ERR_FULL;
	e = buf_add(&s->recipients, s->members.list);
	if (e == ERR_OK)
		s->tx.nmore += s->members.n - 1;
	return e;
}

enum smtp_reply
smtp_server_rcpt(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key)
{
	enum smtp_reply re = smtp_server_judge(s->policy->listener, route);
	struct envelope_recipient r = {
		.address = s->tx.asked,
		.route = route == SMTP_ROUTE_LOCAL ? ENVELOPE_LOCAL :
		    ENVELOPE_REMOTE,
		.domain = route == SMTP_ROUTE_LOCAL ? domain : SPAN(""),
		.key = route == SMTP_ROUTE_LOCAL ? key : SPAN(""),
		.notify = s->tx.notify,
		.orcpt = s->tx.orcpt,
	};
	enum err e = ERR_OK;

	ASSERT(s->is_waiting &&
	    (s->phase == PH_MAIL || s->phase == PH_RCPT));
	s->is_waiting = false;
	if (re == RE_RCPT_OK)
		e = route == SMTP_ROUTE_ALIAS ? add_members(s, true) :
		    envelope_add_recipient(&s->recipients, &r);
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
smtp_server_rcpt_no(struct smtp_server *s, enum smtp_reply re)
{
	ASSERT(s->is_waiting &&
	    (s->phase == PH_MAIL || s->phase == PH_RCPT));
	s->is_waiting = false;
	smtp_server_refuse(s, re, s->tx.asked);
	s->tx.asked = span_of(NULL, 0);
}

enum err
smtp_server_copy(struct smtp_server *s, enum smtp_route route,
    struct span address, struct span domain, struct span key)
{
	struct envelope_recipient r = {
		.address = address,
		.route = route == SMTP_ROUTE_LOCAL ? ENVELOPE_LOCAL :
		    ENVELOPE_REMOTE,
		.domain = route == SMTP_ROUTE_LOCAL ? domain : SPAN(""),
		.key = route == SMTP_ROUTE_LOCAL ? key : SPAN(""),
		.notify = ENVELOPE_NEVER,
	};
	enum err e;

	ASSERT(s->is_waiting && s->phase == PH_BODY);
	if (!has_room(s, 1, false))
		return ERR_FULL;
	e = route == SMTP_ROUTE_ALIAS ? add_members(s, false) :
	    envelope_add_recipient(&s->recipients, &r);
	s->tx.ncopies += e == ERR_OK;
	return e;
}

static uint16_t
envelope_flags(const struct smtp_params *p, const struct content_facts *f)
{
	static const uint8_t bodies[] = {
		[SMTP_BODY_7BIT] = 0,
		[SMTP_BODY_8BIT] = ENVELOPE_8BITMIME,
		[SMTP_BODY_BINARY] = ENVELOPE_BINARY,
	};
	static const uint8_t rets[] = {
		[SMTP_RET_NONE] = 0,
		[SMTP_RET_FULL] = ENVELOPE_RET_FULL,
		[SMTP_RET_HEADERS] = ENVELOPE_RET_HEADERS,
	};
	uint16_t flags = bodies[p->body] | rets[p->ret];

	if (p->said & SMTP_SAID(SMTP_PARAM_SMTPUTF8))
		flags |= ENVELOPE_SMTPUTF8;
	if (p->said & SMTP_SAID(SMTP_PARAM_REQUIRETLS))
		flags |= ENVELOPE_REQUIRETLS;
	else if (f->flags & CONTENT_TLS_OPTIONAL)
		/* RFC 8689 4.1: the parameter goes before the field. */
		flags |= ENVELOPE_TLS_OPTIONAL;
	return flags;
}

/* RFC 4954 section 5: of a client that we do not believe, nobody. */
static struct span
vouched(const struct smtp_server *s)
{
	if (s->tx.params.auth.n == 0 || smtp_server_is_trusted(s))
		return s->tx.params.auth;
	return SPAN("<>");
}

void
smtp_server_rcpt_later(struct smtp_server *s, enum smtp_reply re,
    struct span more)
{
	ASSERT(s->is_waiting &&
	    (s->phase == PH_MAIL || s->phase == PH_RCPT));
	s->is_waiting = false;
	smtp_server_reply_with(s, re, more);
	s->action = (struct smtp_action){ SMTP_DO_REFUSED, re, s->tx.asked };
	s->tx.asked = span_of(NULL, 0);
}

void
smtp_server_envelope(const struct smtp_server *s, struct envelope *e)
{
	const struct smtp_params *p = &s->tx.params;

	*e = (struct envelope){
		.id = s->tx.id,
		.flags = envelope_flags(p, &s->facts),
		.reverse_path = s->tx.reverse_path,
		.originator = buf_span(&s->user),
		.helo = buf_span(&s->helo),
		.envid = p->envid,
		.auth = vouched(s),
		.priority = s->tx.priority,
		.by_ms = s->tx.by_ms,
		.by_mode = (uint8_t)((p->is_by_return ? ENVELOPE_BY_RETURN : 0) |
		    (p->is_by_trace ? ENVELOPE_BY_TRACE : 0)),
		.hold_ms = s->tx.hold_ms,
		.nrecipients = s->tx.nrecipients + s->tx.ncopies +
		    s->tx.nmore,
		.recipients = buf_span(&s->recipients),
	};
}
