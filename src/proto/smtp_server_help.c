/*
 * smtp_server_help.c - HELP (RFC 5321 4.1.1.8), and ETRN (RFC 1985).
 *
 * HELP alone lists the commands that make sense here now; HELP and a verb says
 * how that is written.  What is ours alone is said, nothing of the client's.
 */
#include "proto/smtp_server_private.h"

static bool
is_always(const struct smtp_server *s)
{
	(void)s;
	return true;
}

static bool
is_smtp(const struct smtp_server *s)
{
	return s->policy->listener != SMTP_LMTP;
}

static bool
is_lmtp(const struct smtp_server *s)
{
	return !is_smtp(s);
}

static bool
may_start_tls(const struct smtp_server *s)
{
	return s->policy->has_tls && !s->is_tls;
}

static bool
may_turn(const struct smtp_server *s)
{
	return s->may_turn;
}

static bool
may_speak_for(const struct smtp_server *s)
{
	return s->may_xclient;
}

static const struct {
	bool		(*is_here)(const struct smtp_server *s);
	const char	*usage;
} helps[VERB_COUNT] = {
	[VERB_EHLO] = { is_smtp, "EHLO your.host.name" },
	[VERB_HELO] = { is_smtp, "HELO your.host.name" },
	[VERB_LHLO] = { is_lmtp, "LHLO your.host.name" },
	[VERB_MAIL] = { is_always, "MAIL FROM:<sender@domain> [parameters "
		"of the extensions that EHLO lists]" },
	[VERB_RCPT] = { is_always, "RCPT TO:<recipient@domain> [NOTIFY=... "
		"ORCPT=...]" },
	[VERB_DATA] = { is_always, "DATA, then the message, then a dot alone "
		"on a line" },
	[VERB_BDAT] = { is_always, "BDAT octets [LAST], then so many octets" },
	[VERB_RSET] = { is_always, "RSET forgets the message that was begun" },
	[VERB_NOOP] = { is_always, "NOOP does nothing" },
	[VERB_VRFY] = { is_always, "VRFY address; we tell nobody who is here" },
	[VERB_HELP] = { is_always, "HELP [command]" },
	[VERB_QUIT] = { is_always, "QUIT" },
	[VERB_STARTTLS] = { may_start_tls, "STARTTLS, then the handshake" },
	[VERB_AUTH] = { smtp_server_has_auth, "AUTH mechanism "
		"[initial-response]; EHLO lists the mechanisms" },
	[VERB_ETRN] = { may_turn, "ETRN domain, or ETRN @domain for what is "
		"below it, too" },
	[VERB_EXPN] = { smtp_server_may_expand, "EXPN address says into whose "
		"mailbox its mail goes" },
	[VERB_XCLIENT] = { may_speak_for, "XCLIENT NAME=... ADDR=..." },
	[VERB_XFORWARD] = { may_speak_for, "XFORWARD NAME=... ADDR=..." },
};

/* "214-" lines, the codes as the session wants them. */
static enum err
help_line(struct smtp_server *s, bool is_last, const char *text)
{
	return buf_addf(&s->out, "214%c%s%s\r\n", is_last ? ' ' : '-',
	    s->is_esmtp || s->phase == PH_HELLO ? "2.0.0 " : "", text);
}

static enum err
list_all(struct smtp_server *s)
{
	enum err e = help_line(s, false, "This is Posthorse. Commands here:");

	for (unsigned int i = 0; i < VERB_COUNT && e == ERR_OK; i++)
		if (helps[i].is_here(s))
			e = help_line(s, false,
			    smtp_verb_name((enum smtp_verb)i));
	return e != ERR_OK ? e : help_line(s, true,
	    "HELP and a command says more; RFC 5321 says all");
}

static enum err
explain(struct smtp_server *s, struct span verb)
{
	for (unsigned int i = 0; i < VERB_COUNT; i++)
		if (helps[i].is_here(s) && span_eq_nocase(verb,
		    span_str(smtp_verb_name((enum smtp_verb)i))))
			return help_line(s, true, helps[i].usage);
	return help_line(s, true, "No such command here: HELP lists them");
}

bool
smtp_do_help(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	size_t before = s->out.n;
	enum err e = cmd->argument.n == 0 ? list_all(s) :
	    explain(s, cmd->argument);

	if (e == ERR_OK)
		return true;
	buf_cut(&s->out, before);
	smtp_server_reply(s, RE_NO_MEMORY);
	return false;
}

/* RFC 1985 5, 5.3: a domain, or @ and one; the # of queues is not ours. */
static bool
is_node(struct span s)
{
	return addr_is_domain(s.n > 0 && s.p[0] == '@' ? span_skip(s, 1) : s);
}

bool
smtp_do_etrn(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = !s->may_turn ? RE_NOT_DONE :
	    s->phase > PH_READY ? RE_IN_MAIL :
	    s->phase < PH_READY ? RE_HELLO_FIRST :
	    is_node(cmd->argument) ? RE_NONE : RE_ARGUMENT;

	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->argument);
		return false;
	}
	smtp_server_ask(s, SMTP_DO_ETRN, cmd->argument);
	return true;
}

void
smtp_server_turn(struct smtp_server *s, enum smtp_reply re)
{
	ASSERT(s->is_waiting && s->phase == PH_READY);
	s->is_waiting = false;
	smtp_server_reply(s, re);
}
