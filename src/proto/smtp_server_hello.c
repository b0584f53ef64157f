/*
 * smtp_server_hello.c - greeting, EHLO, HELO and STARTTLS: who talks to whom.
 */
#include "proto/smtp_server_private.h"

static bool
is_always(const struct smtp_server *s)
{
	(void)s;
	return true;
}

static bool
may_start_tls(const struct smtp_server *s)
{
	return s->policy->has_tls && !s->is_tls;
}

static bool
may_auth(const struct smtp_server *s)
{
	return smtp_server_has_auth(s) && s->user.n == 0;
}

static enum err
say_size(const struct smtp_server *s, struct buf *to)
{
	return buf_addf(to, " %llu",
	    (unsigned long long)s->policy->message_size);
}

static enum err
say_mechanisms(const struct smtp_server *s, struct buf *to)
{
	(void)s;
	return buf_addf(to, " %s", sasl_names());
}

/* What EHLO announces, and when. */
static const struct {
	const char	*keyword;
	bool		(*is_said)(const struct smtp_server *s);
	enum err	(*more)(const struct smtp_server *s, struct buf *to);
} keywords[] = {
	{ "PIPELINING", is_always, NULL },		/* RFC 2920 */
	{ "SIZE", is_always, say_size },		/* RFC 1870 */
	{ "8BITMIME", is_always, NULL },		/* RFC 6152 */
	{ "STARTTLS", may_start_tls, NULL },		/* RFC 3207 */
	{ "AUTH", may_auth, say_mechanisms },		/* RFC 4954 */
	{ "ENHANCEDSTATUSCODES", is_always, NULL },	/* RFC 2034 */
};

static enum err
write_ehlo(const struct smtp_server *s, struct buf *to)
{
	enum err e = buf_addf(to, "250-%.*s\r\n", SPAN_FMT(s->policy->hostname));
	size_t last = 0;

	for (size_t i = 0; i < COUNT(keywords) && e == ERR_OK; i++) {
		if (!keywords[i].is_said(s))
			continue;
		last = to->n;
		e = buf_addf(to, "250-%s", keywords[i].keyword);
		if (e == ERR_OK && keywords[i].more != NULL)
			e = keywords[i].more(s, to);
		if (e == ERR_OK)
			e = buf_add(to, SPAN("\r\n"));
	}
	if (e == ERR_OK)
		to->p[last + 3] = ' ';	/* RFC 5321 4.2.1: the last line */
	return e;
}

bool
smtp_do_ehlo(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum err e;

	if (smtp_server_is_pipelined(s))
		return false;
	smtp_server_reset(s);
	buf_cut(&s->helo, 0);
	s->is_esmtp = cmd->verb == VERB_EHLO;
	e = buf_add(&s->helo, cmd->argument);
	if (e == ERR_OK && s->is_esmtp)
		e = write_ehlo(s, &s->out);
	else if (e == ERR_OK)
		e = buf_addf(&s->out, "250 %.*s\r\n",
		    SPAN_FMT(s->policy->hostname));
	if (e != ERR_OK) {
		smtp_server_reply(s, RE_NO_MEMORY);
		return false;
	}
	/* RFC 4954 4: an initial response may be as long as any line of it. */
	smtp_wire_line_limit(&s->wire, may_auth(s) ? SMTP_AUTH_LINE_MAX :
	    SMTP_LINE_MAX);
	return true;
}

bool
smtp_do_starttls(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	if (s->is_tls || !s->policy->has_tls) {
		smtp_server_refuse(s, s->is_tls ? RE_TLS_TWICE : RE_NO_TLS,
		    SPAN("STARTTLS"));
		return false;
	}
	if (smtp_server_is_pipelined(s))
		return false;
	smtp_server_ask(s, SMTP_DO_STARTTLS, span_of(NULL, 0));
	return true;
}

void
smtp_server_starttls(struct smtp_server *s, enum smtp_reply re)
{
	ASSERT(s->is_waiting && s->phase == PH_READY);
	s->is_waiting = false;
	if (re != RE_START_TLS) {
		smtp_server_refuse(s, re, SPAN("STARTTLS"));
		return;
	}
	smtp_server_reply(s, re);
	smtp_server_ask(s, SMTP_DO_TLS, span_of(NULL, 0));
}

void
smtp_server_tls(struct smtp_server *s)
{
	/* RFC 3207 4.2: nothing learned in plain is kept. */
	smtp_server_reset(s);
	sasl_end(&s->sasl);
	buf_cut(&s->helo, 0);
	buf_cut(&s->user, 0);
	s->is_esmtp = false;
	s->is_tls = true;
	s->is_waiting = false;
	s->phase = PH_HELLO;
}

void
smtp_server_greet(struct smtp_server *s, enum smtp_reply re, bool early)
{
	s->phase = PH_HELLO;
	if (early)
		re = RE_EARLY_TALK;
	if (re != RE_GREETING) {
		smtp_server_reply(s, re);
		s->is_closing = true;
		return;
	}
	if (buf_addf(&s->out, "220 %.*s ESMTP Posthorse\r\n",
	    SPAN_FMT(s->policy->hostname)) != ERR_OK)
		s->is_closing = true;
}
