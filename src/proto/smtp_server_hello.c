/*
 * smtp_server_hello.c - greeting, EHLO, HELO and STARTTLS: who talks to whom.
 */
#include "mail/date.h"
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

/* RFC 8689 section 2: only where mail came over TLS. */
static bool
is_secured(const struct smtp_server *s)
{
	return s->is_tls;
}

static bool
is_smtp(const struct smtp_server *s)
{
	return s->policy->listener != SMTP_LMTP;
}

static bool
may_turn(const struct smtp_server *s)
{
	return s->may_turn;
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
	return sasl_names(smtp_server_mechanisms(s), to);
}

/* RFC 9422 section 3. */
static enum err
say_limits(const struct smtp_server *s, struct buf *to)
{
	const struct smtp_policy *p = s->policy;

	return buf_addf(to, " MAILMAX=%llu RCPTMAX=%llu",
	    (unsigned long long)p->mails,
	    (unsigned long long)MIN(p->recipients, ENVELOPE_RCPTS_MAX));
}

/* RFC 4865 section 3: the longest interval, and when that ends. */
static enum err
say_hold(const struct smtp_server *s, struct buf *to)
{
	char until[DATE_MAX];

	date_print_utc(s->wall_ms + s->policy->hold * 1000, until);
	return buf_addf(to, " %llu %s", (unsigned long long)s->policy->hold,
	    until);
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
	{ "CHUNKING", is_always, NULL },		/* RFC 3030 */
	{ "BINARYMIME", is_always, NULL },
	{ "SMTPUTF8", is_always, NULL },		/* RFC 6531 */
	{ "DSN", is_always, NULL },			/* RFC 3461 */
	{ "DELIVERBY", is_always, NULL },		/* RFC 2852 */
	{ "MT-PRIORITY", is_always, NULL },		/* RFC 6710 */
	{ "FUTURERELEASE", smtp_server_is_submission, say_hold }, /* RFC 4865 */
	{ "REQUIRETLS", is_secured, NULL },		/* RFC 8689 */
	{ "LIMITS", is_always, say_limits },		/* RFC 9422 */
	{ "PRDR", is_smtp, NULL },			/* draft-hall-prdr */
	{ "STARTTLS", may_start_tls, NULL },		/* RFC 3207 */
	{ "AUTH", may_auth, say_mechanisms },		/* RFC 4954 */
	{ "ETRN", may_turn, NULL },			/* RFC 1985 */
	{ "EXPN", smtp_server_may_expand, NULL },	/* RFC 5321 3.5.2 */
	{ "XCLIENT", smtp_server_may_speak_for, smtp_server_say_xclient },
	{ "XFORWARD", smtp_server_may_speak_for, smtp_server_say_xforward },
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

/* True: it was said, and the session is ready. */
static bool
say_hello(struct smtp_server *s)
{
	size_t before = s->out.n;
	enum err e;

	if (s->is_esmtp)
		e = write_ehlo(s, &s->out);
	else
		e = buf_addf(&s->out, "250 %.*s\r\n",
		    SPAN_FMT(s->policy->hostname));
	if (e != ERR_OK) {
		/* Half of a reply is none. */
		buf_cut(&s->out, before);
		smtp_server_reply(s, RE_NO_MEMORY);
		return false;
	}
	/* RFC 4954 4: an initial response may be as long as any line of it. */
	smtp_wire_line_limit(&s->wire, may_auth(s) ? SMTP_AUTH_LINE_MAX :
	    SMTP_LINE_MAX);
	return true;
}

bool
smtp_do_ehlo(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	/* RFC 2033 4.1: LHLO there and nowhere else. */
	if ((cmd->verb == VERB_LHLO) != (s->policy->listener == SMTP_LMTP)) {
		smtp_server_refuse(s, cmd->verb == VERB_LHLO ? RE_UNKNOWN :
		    RE_IS_LMTP, cmd->argument);
		return false;
	}
	if (smtp_server_is_pipelined(s))
		return false;
	smtp_server_reset(s);
	s->is_esmtp = cmd->verb != VERB_HELO;
	if (!s->claims.has_helo)
		buf_cut(&s->helo, 0);
	if (!s->claims.has_helo &&
	    buf_add(&s->helo, cmd->argument) != ERR_OK) {
		smtp_server_reply(s, RE_NO_MEMORY);
		return false;
	}
	if (!s->policy->asks_hello)
		return say_hello(s);
	s->phase = PH_HELLO;
	smtp_server_ask(s, SMTP_DO_HELLO, buf_span(&s->helo));
	return false;
}

void
smtp_server_hello(struct smtp_server *s, enum smtp_reply re)
{
	ASSERT(s->is_waiting && s->phase == PH_HELLO);
	s->is_waiting = false;
	if (re != RE_NONE)
		smtp_server_refuse(s, re, buf_span(&s->helo));
	else if (say_hello(s))
		s->phase = PH_READY;
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
	s->claims = (struct smtp_claims){ false };
	s->is_esmtp = false;
	s->is_tls = true;
	s->is_waiting = false;
	s->phase = PH_HELLO;
}

void
smtp_server_turn_away(struct smtp_server *s, enum smtp_reply re,
    struct span more)
{
	s->phase = PH_HELLO;
	s->is_waiting = false;
	smtp_server_reply_with(s, re, more);
	s->is_closing = true;
}

void
smtp_server_greet(struct smtp_server *s, enum smtp_reply re, bool early)
{
	if (early)
		re = RE_EARLY_TALK;
	if (re != RE_GREETING) {
		smtp_server_turn_away(s, re, span_of(NULL, 0));
		return;
	}
	s->phase = PH_HELLO;
	s->is_waiting = false;
	if (buf_addf(&s->out, "220 %.*s %s Posthorse\r\n",
	    SPAN_FMT(s->policy->hostname),
	    s->policy->listener == SMTP_LMTP ? "LMTP" : "ESMTP") != ERR_OK)
		s->is_closing = true;
}
