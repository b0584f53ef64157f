/*
 * smtp_server.c - the order of commands, and what comes of each event.
 *
 * What a command does stands in smtp_server_hello.c, _mail.c, _auth.c and
 * _content.c.
 */
#include "proto/smtp_server_private.h"

#define ARENA_LIMIT	(2u * 1024 * 1024)	/* section 19: session arena */
#define ARENA_KEEP	4096u
#define LIST_KEEP	1024u		/* of recipients, between messages */

void
smtp_server_begin(struct smtp_server *s, const struct smtp_policy *policy,
    bool is_tls)
{
	*s = (struct smtp_server){
		.policy = policy,
		.out = buf_make(SMTP_OUT_MAX),
		.wire = smtp_wire_make(),
		.arena = arena_make(ARENA_LIMIT, ARENA_KEEP),
		.recipients = buf_make(ENVELOPE_MAX),
		.helo = buf_make(ADDR_DOMAIN_MAX),
		.user = buf_make(SASL_USER_MAX),
		.is_tls = is_tls,
	};
}

void
smtp_server_free(struct smtp_server *s)
{
	buf_free(&s->out);
	buf_free(&s->recipients);
	buf_free(&s->helo);
	buf_free(&s->user);
	submit_free(&s->submit);
	arena_free(&s->arena);
	smtp_wire_free(&s->wire);
	sasl_end(&s->sasl);
}

void
smtp_server_reset(struct smtp_server *s)
{
	arena_reset(&s->arena);
	s->tx = (struct smtp_tx){ 0 };
	if (s->recipients.room > LIST_KEEP)
		buf_free(&s->recipients);
	buf_cut(&s->recipients, 0);
	submit_free(&s->submit);
	s->must_drop = s->must_drop || s->phase == PH_CHUNKS;
	if (s->phase > PH_READY && s->phase < PH_OVER)
		s->phase = PH_READY;
}

void
smtp_server_act(struct smtp_server *s, enum smtp_do kind, struct span text)
{
	s->action = (struct smtp_action){ .kind = kind, .text = text };
}

void
smtp_server_ask(struct smtp_server *s, enum smtp_do kind, struct span text)
{
	s->is_waiting = true;
	smtp_server_act(s, kind, text);
}

struct smtp_said
smtp_server_said(const struct smtp_server *s, enum smtp_reply re)
{
	struct smtp_said said = {
		smtp_reply_code(re), span_str(smtp_reply_esc(re)),
		span_str(smtp_reply_text(re))
	};

	if (!smtp_reply_is_rule(re))
		return said;
	if (s->said.code != 0)
		return s->said;
	said.text = s->said.text;
	return said;
}

void
smtp_server_reply_with(struct smtp_server *s, enum smtp_reply re,
    struct span more)
{
	bool with_esc = s->is_esmtp || s->phase == PH_HELLO ||
	    s->phase == PH_CONNECT;
	struct smtp_said said = smtp_server_said(s, re);
	enum err e;

	if (smtp_reply_is_rule(re))
		e = smtp_said_write(&s->out, &said, with_esc);
	else
		e = smtp_reply_write(&s->out, re, with_esc, more);
	if (e != ERR_OK)
		s->is_closing = true;
	/* RFC 5321 3.8: 421 is said by who closes. */
	if (said.code == 421)
		s->is_closing = true;
}

void
smtp_server_reply(struct smtp_server *s, enum smtp_reply re)
{
	smtp_server_reply_with(s, re, span_of(NULL, 0));
}

static bool
is_bad_rcpt(const struct smtp_server *s, enum smtp_reply re)
{
	bool is_rcpt = s->phase == PH_MAIL || s->phase == PH_RCPT;

	return re == RE_NO_USER || re == RE_NO_RELAY ||
	    (re == RE_RULE_REFUSED && is_rcpt);
}

void
smtp_server_refuse(struct smtp_server *s, enum smtp_reply re,
    struct span what)
{
	const struct smtp_policy *p = s->policy;

	if (smtp_reply_code(re) >= 500) {
		uint64_t *n = is_bad_rcpt(s, re) ? &s->nbad_rcpt : &s->nerrors;

		++*n;
		s->must_delay = *n > p->errors_soft;
		if (s->nbad_rcpt > p->bad_recipients)
			re = RE_TOO_MANY_BAD_RCPT;
		if (s->nerrors > p->errors)
			re = RE_TOO_MANY_ERRORS;
	}
	smtp_server_reply_with(s, re, smtp_server_why(s, re));
	s->action = (struct smtp_action){ SMTP_DO_REFUSED, re, what };
}

bool
smtp_server_is_pipelined(struct smtp_server *s)
{
	if (s->left == 0)
		return false;
	smtp_server_refuse(s, RE_PIPELINED, span_of(NULL, 0));
	s->is_closing = true;
	return true;
}

static bool
do_rset(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	smtp_server_reset(s);
	smtp_server_reply(s, RE_RESET);
	return true;
}

static bool
do_noop(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	smtp_server_reply(s, RE_NOOP);
	return true;
}

static bool
do_vrfy(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	smtp_server_reply(s, RE_VRFY);
	return true;
}

static bool
do_quit(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	smtp_server_reset(s);
	smtp_server_reply(s, RE_BYE);
	s->is_closing = true;
	return true;
}

#define IN(phase)	(1u << (phase))
#define ANY		(IN(PH_HELLO) | IN(PH_READY) | IN(PH_MAIL) | \
			 IN(PH_RCPT) | IN(PH_CHUNKS) | IN(PH_BROKEN))

/* RFC 5321 4.1.4: the order of commands. */
static const struct rule {
	unsigned int	 when;		/* phases in which the verb is in order */
	enum smtp_reply	 refuse;	/* our answer in any other phase */
	enum smtp_phase	 then;		/* phase after the verb succeeded */
	bool		 is_mail;	/* not counted against *commands* */
	bool		(*run)(struct smtp_server *, const struct smtp_cmd *);
} rules[] = {
	[VERB_EHLO] = { ANY, RE_NONE, PH_READY, false, smtp_do_ehlo },
	[VERB_HELO] = { ANY, RE_NONE, PH_READY, false, smtp_do_ehlo },
	[VERB_LHLO] = { ANY, RE_NONE, PH_READY, false, smtp_do_ehlo },
	[VERB_MAIL] = { IN(PH_READY), RE_NEST_MAIL, PH_KEEP, true,
		smtp_do_mail },
	[VERB_RCPT] = { IN(PH_MAIL) | IN(PH_RCPT), RE_MAIL_FIRST, PH_KEEP, true,
		smtp_do_rcpt },
	[VERB_DATA] = { IN(PH_RCPT) | IN(PH_CHUNKS), RE_RCPT_FIRST, PH_BODY,
		true, smtp_do_data },
	/* Out of turn as well: its octets have to be read. */
	[VERB_BDAT] = { ANY, RE_NONE, PH_KEEP, true, smtp_do_bdat },
	[VERB_RSET] = { ANY, RE_NONE, PH_KEEP, false, do_rset },
	[VERB_NOOP] = { ANY, RE_NONE, PH_KEEP, false, do_noop },
	[VERB_VRFY] = { ANY, RE_NONE, PH_KEEP, false, do_vrfy },
	[VERB_HELP] = { ANY, RE_NONE, PH_KEEP, false, smtp_do_help },
	[VERB_QUIT] = { ANY, RE_NONE, PH_OVER, false, do_quit },
	[VERB_STARTTLS] = { IN(PH_READY), RE_IN_MAIL, PH_KEEP, false,
		smtp_do_starttls },
	[VERB_AUTH] = { IN(PH_READY), RE_IN_MAIL, PH_KEEP, false, smtp_do_auth },
	[VERB_ETRN] = { ANY, RE_NONE, PH_KEEP, false, smtp_do_etrn },
	[VERB_EXPN] = { ANY, RE_NONE, PH_KEEP, false, smtp_do_expn },
	/* Inside of a transaction as well: the unlisted hear so first. */
	[VERB_XCLIENT] = { ANY, RE_NONE, PH_KEEP, false, smtp_do_xclient },
	[VERB_XFORWARD] = { ANY, RE_NONE, PH_KEEP, false, smtp_do_xforward },
};
_Static_assert(COUNT(rules) == VERB_COUNT, "every verb has a rule");

/* Why a verb is not in order now. */
static enum smtp_reply
out_of_order(const struct smtp_server *s, const struct rule *r)
{
	if (s->phase == PH_HELLO)
		return RE_HELLO_FIRST;
	if (s->phase == PH_BROKEN)
		return RE_RSET_FIRST;
	return s->phase == PH_CHUNKS ? RE_IN_CHUNKS : r->refuse;
}

static void
server_command(struct smtp_server *s, const struct smtp_cmd *cmd,
    struct span line)
{
	const struct rule *r = &rules[cmd->verb];

	if (!r->is_mail && ++s->ncommands > s->policy->commands)
		smtp_server_refuse(s, RE_TOO_MANY_COMMANDS, line);
	else if (!(r->when & IN(s->phase)))
		smtp_server_refuse(s, out_of_order(s, r), line);
	else if (r->run(s, cmd) && r->then != PH_KEEP)
		s->phase = r->then;
}

/*
 * However it is misspelled behind the verb: octets may follow, and nobody knows
 * how many.  They never become commands.
 */
static bool
is_bdat(struct span line)
{
	const struct span verb = SPAN("BDAT");

	return span_starts_nocase(line, verb) && (line.n == verb.n ||
	    line.p[verb.n] <= ' ' || line.p[verb.n] == 0x7f);
}

static void
on_line(struct smtp_server *s, struct span line)
{
	struct smtp_cmd cmd;
	enum smtp_reply re;

	if (s->phase == PH_AUTH) {
		smtp_server_auth_line(s, line);
		return;
	}
	re = smtp_command_parse(line, &cmd);
	if (re == RE_NONE) {
		server_command(s, &cmd, line);
	} else if (re == RE_HTTP) {
		/* Not a word to a browser that was led here (SMTP-7). */
		s->is_closing = true;
		s->action = (struct smtp_action){ SMTP_DO_REFUSED, re, line };
	} else {
		smtp_server_refuse(s, re, line);
		s->is_closing = s->is_closing || is_bdat(line);
	}
}

static void
on_too_long(struct smtp_server *s, struct span none)
{
	if (s->phase == PH_AUTH)
		smtp_server_auth_abort(s, RE_AUTH_LINE_TOO_LONG);
	else
		smtp_server_refuse(s, RE_LINE_TOO_LONG, none);
}

static void
on_flood(struct smtp_server *s, struct span none)
{
	smtp_server_refuse(s, RE_FLOOD, none);
}

static void
on_no_memory(struct smtp_server *s, struct span none)
{
	smtp_server_refuse(s, RE_NO_MEMORY, none);
}

static void
on_bare(struct smtp_server *s, struct span none)
{
	(void)none;
	if (s->tx.refuse == RE_NONE)
		s->tx.refuse = RE_BARE;
}

static void
on_end(struct smtp_server *s, struct span none)
{
	(void)none;
	smtp_server_body_end(s);
}

static void
on_chunk(struct smtp_server *s, struct span none)
{
	(void)none;
	smtp_server_chunk_end(s);
}

static void
on_doubt(struct smtp_server *s, struct span none)
{
	s->tx.is_end_doubtful = true;
	on_end(s, none);
}

static void (*const handlers[SMTP_WIRE_KINDS])(struct smtp_server *,
    struct span) = {
	[SMTP_WIRE_LINE] = on_line,
	[SMTP_WIRE_BODY] = smtp_server_body,
	[SMTP_WIRE_END] = on_end,
	[SMTP_WIRE_CHUNK] = on_chunk,
	[SMTP_WIRE_DOUBT] = on_doubt,
	[SMTP_WIRE_TOOLONG] = on_too_long,
	[SMTP_WIRE_FLOOD] = on_flood,
	[SMTP_WIRE_BARE] = on_bare,
	[SMTP_WIRE_NOMEM] = on_no_memory,
};

/* SMTP-8: content beyond its limit is read on, but only so far. */
static bool
is_content_flood(struct smtp_server *s, size_t n)
{
	s->tx.seen += n;
	return s->tx.seen / 2 > s->policy->message_size;
}

/* What has to be told or waited for before the next octet is looked at. */
static bool
take_pending(struct smtp_server *s, struct smtp_action *a)
{
	enum smtp_do kind = s->action.kind;

	*a = s->action;
	s->action = (struct smtp_action){ SMTP_DO_MORE };
	if (kind != SMTP_DO_MORE)
		return true;
	if (s->must_drop) {
		s->must_drop = false;
		a->kind = SMTP_DO_DROP;
	} else if (s->must_delay) {
		s->must_delay = false;
		s->is_delayed = true;
		a->kind = SMTP_DO_DELAY;
	} else if (s->is_delayed || (s->is_waiting && !s->is_closing)) {
		a->kind = SMTP_DO_WAIT;
	} else if (s->is_closing) {
		s->phase = PH_OVER;
		a->kind = SMTP_DO_CLOSE;
	}
	return a->kind != SMTP_DO_MORE;
}

struct smtp_action
smtp_server_next(struct smtp_server *s, struct span *in)
{
	struct smtp_action a;

	while (!take_pending(s, &a)) {
		bool was_body = s->phase == PH_BODY;
		size_t before = in->n;
		struct smtp_wire_event ev;

		ASSERT(s->phase != PH_CONNECT);
		ev = smtp_wire_next(&s->wire, in);
		s->left = in->n;
		if (was_body && is_content_flood(s, before - in->n))
			on_flood(s, span_of(NULL, 0));
		else if (ev.kind != SMTP_WIRE_MORE)
			handlers[ev.kind](s, ev.text);
		else
			return a;
	}
	return a;
}

void
smtp_server_hold(struct smtp_server *s)
{
	s->must_delay = true;
}

void
smtp_server_delayed(struct smtp_server *s)
{
	s->is_delayed = false;
}

void
smtp_server_end(struct smtp_server *s, enum smtp_reply re)
{
	if (s->phase == PH_OVER || s->is_closing)
		return;
	smtp_server_reply(s, re);
	s->is_closing = true;
	s->is_waiting = false;
}

bool
smtp_server_is_idle(const struct smtp_server *s)
{
	return !s->is_waiting &&
	    (s->phase <= PH_READY || s->phase == PH_BROKEN);
}
