/*
 * greet.c - the greeting, or why there is none.
 *
 * Once lookup has let the client in (and, with implicit TLS, the handshake has
 * ended), and what is asked about it is answered; after XCLIENT again.
 */
#include "role/receiver/receiver.h"

/* OPS-1: strangers first; our users and hosts of ours only when we must. */
static bool
is_shed(const struct session *s)
{
	enum intake_memory memory = s->receiver->memory;

	return memory == INTAKE_MEMORY_HARD || (memory == INTAKE_MEMORY_SHED &&
	    s->listen->policy.listener == SMTP_MX);
}

void
session_greet(struct session *s, enum smtp_reply re)
{
	const struct receiver_listen *l = s->listen;
	struct span more = span_of(NULL, 0);

	if (s->is_over || s->is_closing)
		return;
	/* RFC 7504 section 3. */
	if (re == RE_GREETING && l->policy.listener == SMTP_CLOSED)
		re = RE_NO_MAIL_HOST;
	if (re == RE_GREETING && check_holds_greeting(s))
		return;
	if (re == RE_GREETING && l->policy.listener == SMTP_RELAY &&
	    l->config->client.demand == CONFIG_CLIENT_NONE &&
	    !receiver_is_trusted(s))
		re = RE_NO_ACCESS;
	if (re == RE_GREETING && is_shed(s))
		re = RE_FULL;
	if (s->receiver->is_stopping)
		re = RE_STOPPING;
	/* RFC 5321 3.1: the client waits for our greeting (SMTP-6).  What has
	 * come in this turn may not have been shown yet. */
	if (!s->is_greeted)
		s->is_early |= stream_has_come(s->stream);
	if (re == RE_GREETING)
		re = s->is_early ? RE_EARLY_TALK : rules_greeting(s);
	/* Whom a rule accepts is not judged by what others say of it. */
	if (re == RE_GREETING && !s->rules.is_accepted)
		re = check_verdict(s, &more);
	s->is_greeted = true;
	if (re != RE_GREETING)
		tell_refused(s, re, more);
	if (more.n > 0)
		smtp_server_turn_away(&s->server, re, more);
	else
		smtp_server_greet(&s->server, re, false);
	session_go_on(s);
}
