/*
 * smtp_server_auth.c - AUTH (RFC 4954): ends in a user or in nothing (AUTH-7).
 */
#include "proto/smtp_server_private.h"

void
smtp_server_auth_abort(struct smtp_server *s, enum smtp_reply re)
{
	sasl_end(&s->sasl);
	s->phase = PH_READY;
	/* Nothing of the exchange is shown to a log (LOG-2). */
	smtp_server_refuse(s, re, SPAN("AUTH"));
}

static void
feed(struct smtp_server *s, bool has_line, struct span line)
{
	static const enum smtp_reply why[] = {
		[SASL_CHALLENGE] = RE_NONE,
		[SASL_DONE] = RE_NONE,
		[SASL_CANCELLED] = RE_AUTH_CANCELLED,
		[SASL_BAD] = RE_AUTH_SYNTAX,
		[SASL_REFUSED] = RE_AUTH_FOREIGN,
		[SASL_STARVED] = RE_AUTH_LATER,
	};
	enum sasl_step step = sasl_feed(&s->sasl, has_line, line);

	if (step == SASL_CHALLENGE)
		smtp_server_reply_with(s, RE_CHALLENGE,
		    sasl_challenge(&s->sasl));
	else if (step == SASL_DONE)
		smtp_server_ask(s, SMTP_DO_AUTH, s->sasl.user);
	else
		smtp_server_auth_abort(s, why[step]);
}

void
smtp_server_auth_line(struct smtp_server *s, struct span line)
{
	if (smtp_server_is_pipelined(s))
		return;
	feed(s, true, line);
}

bool
smtp_do_auth(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = RE_NONE;

	if (s->policy->listener != SMTP_SUBMISSION)
		re = RE_NO_AUTH;
	else if (!s->is_tls)
		re = RE_AUTH_NEEDS_TLS;
	else if (s->user.n > 0)
		re = RE_AUTH_TWICE;
	else if (s->nauth >= s->policy->auth_per_session)
		re = RE_TOO_MANY_AUTH;
	else if (sasl_begin(&s->sasl, cmd->mechanism) != ERR_OK)
		re = RE_AUTH_MECHANISM;
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, SPAN("AUTH"));
		return false;
	}
	if (smtp_server_is_pipelined(s)) {
		sasl_end(&s->sasl);
		return false;
	}
	s->nauth++;
	s->phase = PH_AUTH;
	feed(s, cmd->has_initial, cmd->initial);
	return true;
}

void
smtp_server_auth(struct smtp_server *s, enum smtp_reply re, struct span user)
{
	ASSERT(s->is_waiting && s->phase == PH_AUTH);
	s->is_waiting = false;
	if (re == RE_AUTH_OK && buf_add(&s->user, user) != ERR_OK)
		re = RE_AUTH_LATER;
	if (re != RE_AUTH_OK) {
		smtp_server_auth_abort(s, re);
		return;
	}
	sasl_end(&s->sasl);
	s->phase = PH_READY;
	smtp_wire_line_limit(&s->wire, SMTP_LINE_MAX);
	smtp_server_reply(s, re);
}
