/*
 * smtp_server_xclient.c - XCLIENT and XFORWARD: a listed peer speaks for another
 * (SMTP-11).
 *
 * XCLIENT makes the session another client's, from the greeting on: it is as if
 * that client had connected.  XFORWARD only tells the log where the next message
 * came from, and is forgotten with its transaction.
 */
#include "proto/smtp_server_private.h"

bool
smtp_server_may_speak_for(const struct smtp_server *s)
{
	return s->may_xclient;
}

enum err
smtp_server_say_xclient(const struct smtp_server *s, struct buf *to)
{
	return smtp_xattrs_names(XCOMMAND_CLIENT,
	    s->policy->listener == SMTP_SUBMISSION, to);
}

enum err
smtp_server_say_xforward(const struct smtp_server *s, struct buf *to)
{
	(void)s;
	return smtp_xattrs_names(XCOMMAND_FORWARD, false, to);
}

/* RE_NONE: this peer may say it, and now. */
static enum smtp_reply
is_in_order(const struct smtp_server *s)
{
	if (!s->may_xclient)
		return RE_NOT_LISTED;
	return s->phase > PH_READY ? RE_IN_MAIL : RE_NONE;
}

/* Into the arena, which the transaction's end empties. */
static enum smtp_reply
read_into(struct smtp_server *s, struct span argument,
    enum smtp_xcommand command, struct smtp_xattrs **x)
{
	void *p = *x;
	enum err e = ERR_OK;

	if (p == NULL) {
		e = arena_get(&s->arena, sizeof **x, &p);
		if (e == ERR_OK)
			*(struct smtp_xattrs *)p = (struct smtp_xattrs){ 0 };
	}
	if (e == ERR_OK)
		e = smtp_xattrs_parse(argument, command, &s->arena, p);
	if (e == ERR_SYNTAX)
		return RE_PARAM_VALUE;
	if (e != ERR_OK)
		return RE_NO_MEMORY;
	*x = p;
	return RE_NONE;
}

/*
 * What was learned from this client is forgotten; what XCLIENT said, now or
 * before, is not (XCLIENT_README, "Server response").
 */
static enum err
take_over(struct smtp_server *s, const struct smtp_xattrs *x)
{
	const struct smtp_xvalue *helo = &x->of[XATTR_HELO];
	const struct smtp_xvalue *login = &x->of[XATTR_LOGIN];
	const struct smtp_xvalue *proto = &x->of[XATTR_PROTO];
	enum err e = ERR_OK;

	sasl_end(&s->sasl);
	if (helo->state != XSTATE_UNSAID)
		s->claims.has_helo = helo->state == XSTATE_SAID;
	if (login->state != XSTATE_UNSAID)
		s->claims.has_login = login->state == XSTATE_SAID;
	if (proto->state != XSTATE_UNSAID) {
		s->claims.has_proto = proto->state == XSTATE_SAID;
		s->claims.is_esmtp = span_eq_nocase(proto->text,
		    SPAN("ESMTP"));
	}
	if (!s->claims.has_helo || helo->state == XSTATE_SAID)
		buf_cut(&s->helo, 0);
	if (!s->claims.has_login || login->state == XSTATE_SAID)
		buf_cut(&s->user, 0);
	e = buf_add(&s->helo, helo->text);
	if (e == ERR_OK)
		e = buf_add(&s->user, login->text);
	/* The certificate is the peer's, not that client's. */
	s->has_identity = false;
	s->is_esmtp = false;
	return e;
}

bool
smtp_do_xclient(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	struct smtp_xattrs *x = NULL;
	enum smtp_reply re = is_in_order(s);

	if (re == RE_NONE) {
		smtp_server_reset(s);
		re = read_into(s, cmd->argument, XCOMMAND_CLIENT, &x);
	}
	/* Elsewhere nobody authenticates: it would give rights to nothing. */
	if (re == RE_NONE && x->of[XATTR_LOGIN].state != XSTATE_UNSAID &&
	    s->policy->listener != SMTP_SUBMISSION)
		re = RE_PARAM_VALUE;
	if (re == RE_NONE && take_over(s, x) != ERR_OK)
		re = RE_NO_MEMORY;
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->argument);
		return false;
	}
	s->tx.xclient = x;
	s->phase = PH_CONNECT;
	smtp_server_ask(s, SMTP_DO_XCLIENT, span_of(NULL, 0));
	return true;
}

bool
smtp_do_xforward(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = is_in_order(s);

	if (re == RE_NONE)
		re = read_into(s, cmd->argument, XCOMMAND_FORWARD,
		    &s->tx.xforward);
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->argument);
		return false;
	}
	smtp_server_reply(s, RE_NOOP);
	return true;
}
