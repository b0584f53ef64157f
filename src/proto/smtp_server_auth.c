/*
 * smtp_server_auth.c - AUTH (RFC 4954): ends in a user or in nothing (AUTH-7).
 */
#include "proto/smtp_server_private.h"

uint32_t
smtp_server_mechanisms(const struct smtp_server *s)
{
	uint32_t more = s->policy->mechanisms;

	/* Something of this connection must be there to bind to. */
	if ((more & SASL_BIT(SASL_SCRAM)) && s->has_binding)
		more |= SASL_BIT(SASL_SCRAM_PLUS);
	if (s->has_identity)
		more |= SASL_BIT(SASL_EXTERNAL);
	return SASL_PASSWORDS | more;
}

void
smtp_server_auth_abort(struct smtp_server *s, enum smtp_reply re)
{
	sasl_end(&s->sasl);
	s->phase = PH_READY;
	/* Nothing of the exchange is shown to a log (LOG-2). */
	smtp_server_refuse(s, re, SPAN("AUTH"));
}

static void
succeed(struct smtp_server *s, struct span user)
{
	if (buf_add(&s->user, user) != ERR_OK) {
		smtp_server_auth_abort(s, RE_AUTH_LATER);
		return;
	}
	sasl_end(&s->sasl);
	s->phase = PH_READY;
	smtp_wire_line_limit(&s->wire, SMTP_LINE_MAX);
	smtp_server_reply(s, RE_AUTH_OK);
}

static void
take_step(struct smtp_server *s, enum sasl_step step)
{
	static const enum smtp_reply why[] = {
		[SASL_CANCELLED] = RE_AUTH_CANCELLED,
		[SASL_BAD] = RE_AUTH_SYNTAX,
		[SASL_REFUSED] = RE_AUTH_FOREIGN,
		[SASL_DENIED] = RE_AUTH_BAD,
		[SASL_STARVED] = RE_AUTH_LATER,
	};

	if (step == SASL_CHALLENGE)
		smtp_server_reply_with(s, RE_CHALLENGE,
		    sasl_challenge(&s->sasl));
	else if (step == SASL_ASK)
		smtp_server_ask(s, SMTP_DO_AUTH, s->sasl.user);
	else if (step == SASL_DONE)
		succeed(s, s->sasl.user);
	else
		smtp_server_auth_abort(s, why[step]);
}

void
smtp_server_auth_line(struct smtp_server *s, struct span line)
{
	if (smtp_server_is_pipelined(s))
		return;
	take_step(s, sasl_feed(&s->sasl, true, line));
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
	else if (sasl_begin(&s->sasl, cmd->mechanism,
	    smtp_server_mechanisms(s)) != ERR_OK)
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
	take_step(s, sasl_feed(&s->sasl, cmd->has_initial, cmd->initial));
	return true;
}

void
smtp_server_auth(struct smtp_server *s, enum smtp_reply re, struct span user)
{
	ASSERT(s->is_waiting && s->phase == PH_AUTH);
	s->is_waiting = false;
	if (re == RE_AUTH_OK)
		succeed(s, user);
	else if (re == RE_AUTH_BAD && s->sasl.question == SASL_ASK_TOKEN)
		take_step(s, sasl_rejected(&s->sasl));
	else
		smtp_server_auth_abort(s, re);
}

void
smtp_server_auth_salt(struct smtp_server *s, struct span nonce,
    struct span salt, uint32_t iterations, struct span channel)
{
	ASSERT(s->is_waiting && s->phase == PH_AUTH);
	s->is_waiting = false;
	take_step(s, sasl_salted(&s->sasl, nonce, salt, iterations, channel));
}

void
smtp_server_auth_proved(struct smtp_server *s, struct span user,
    struct span signature)
{
	ASSERT(s->is_waiting && s->phase == PH_AUTH);
	s->is_waiting = false;
	take_step(s, sasl_proved(&s->sasl, user, signature));
}
