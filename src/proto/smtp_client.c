/*
 * smtp_client.c - phases, what is to be done, and how it ends.
 */
#include "mail/envelope.h"
#include "proto/smtp_client_private.h"

#include <stdarg.h>

#define OUT_MAX		(128u * 1024)

static client_answer on_quit, on_idle;

static const struct {
	client_answer	*answer;	/* NULL: replies are not read now */
	const char	*late;		/* the text of a timeout */
	enum smtp_client_end lost;	/* what a broken connection means */
} phases[] = {
	[PH_NEW]      = { NULL, "no connection in time",
			  SMTP_CLIENT_END_HOST },
	[PH_GREETING] = { client_on_greeting, "no greeting in time",
			  SMTP_CLIENT_END_HOST },
	[PH_EHLO]     = { client_on_ehlo, "no answer to EHLO in time",
			  SMTP_CLIENT_END_HOST },
	[PH_HELO]     = { client_on_helo, "no answer to HELO in time",
			  SMTP_CLIENT_END_HOST },
	[PH_STARTTLS] = { client_on_starttls, "no answer to STARTTLS in time",
			  SMTP_CLIENT_END_HOST },
	[PH_TLS]      = { NULL, "no TLS handshake in time",
			  SMTP_CLIENT_END_TLS },
	[PH_AUTH]     = { client_on_auth, "no answer to AUTH in time",
			  SMTP_CLIENT_END_HOST },
	[PH_READY]    = { on_idle, "", SMTP_CLIENT_END_QUIT },
	[PH_RSET]     = { client_on_rset, "no answer to RSET in time",
			  SMTP_CLIENT_END_HOST },
	[PH_ENVELOPE] = { client_on_envelope,
			  "no answer to MAIL, RCPT or DATA in time",
			  SMTP_CLIENT_END_HOST },
	[PH_CONTENT]  = { NULL, "the server does not take the content",
			  SMTP_CLIENT_END_DOUBT },
	[PH_FINAL]    = { client_on_final, "no answer to the content in time",
			  SMTP_CLIENT_END_DOUBT },
	[PH_DOT]      = { client_on_dot, "no answer to an empty content",
			  SMTP_CLIENT_END_HOST },
	[PH_QUIT]     = { on_quit, "", SMTP_CLIENT_END_QUIT },
	[PH_OVER]     = { NULL, "", SMTP_CLIENT_END_QUIT },
};
_Static_assert(COUNT(phases) == PH_COUNT, "every phase has a row");

void
smtp_client_init(struct smtp_client *c, const struct smtp_client_settings *set)
{
	*c = (struct smtp_client){
		.set = *set,
		.answers = smtp_answers_make(),
		.out = buf_make(OUT_MAX),
	};
}

void
smtp_client_free(struct smtp_client *c)
{
	smtp_answers_free(&c->answers);
	buf_wipe(&c->out);
}

void
client_deadline(struct smtp_client *c, uint64_t ms)
{
	c->deadline_ms = ms;
	client_todo(c, SMTP_CLIENT_DEADLINE);
}

void
client_put(struct smtp_client *c, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_vaddf(&c->out, fmt, ap);
	va_end(ap);
	if (e != ERR_OK)
		client_close_own(c, SMTP_CLIENT_END_HOST, "4.3.0",
		    "out of memory");
	else
		client_todo(c, SMTP_CLIENT_SEND);
}

void
client_ask(struct smtp_client *c, enum client_phase phase, const char *command)
{
	c->phase = (uint8_t)phase;
	client_deadline(c, phase == PH_QUIT ? c->set.timeouts.quit :
	    c->set.timeouts.reply);
	client_put(c, "%s\r\n", command);
}

void
client_say(struct smtp_client *c, const struct smtp_client_message *msg,
    size_t from, size_t to, bool is_all, const struct smtp_client_action *what)
{
	c->walk = msg->rcpts;
	c->next = from;
	c->end = to;
	c->is_all = is_all;
	c->say = *what;
	c->say.kind = SMTP_CLIENT_RESULT;
	client_todo(c, SMTP_CLIENT_RESULT);
}

struct smtp_client_action
client_verdict(const struct smtp_answer *a)
{
	static const struct span plain[] = {
		[SMTP_CLIENT_DONE] = SPAN("2.0.0"),
		[SMTP_CLIENT_RETRY] = SPAN("4.0.0"),
		[SMTP_CLIENT_FAILED] = SPAN("5.0.0"),
	};
	struct smtp_client_action v = {
		.code = a->code,
		.status = a->status,
		.text = span_of(a->text.p,
		    MIN(a->text.n, SMTP_CLIENT_TEXT_MAX)),
	};

	v.fate = answer_class(a) == 2 ? SMTP_CLIENT_DONE :
	    answer_class(a) == 5 ? SMTP_CLIENT_FAILED : SMTP_CLIENT_RETRY;
	if (v.status.n == 0)
		v.status = plain[v.fate];
	return v;
}

struct smtp_client_action
client_own_verdict(enum smtp_client_fate fate, const char *status,
    const char *text)
{
	return (struct smtp_client_action){
		.fate = fate,
		.status = span_str(status),
		.text = span_str(text),
	};
}

void
client_close(struct smtp_client *c, enum smtp_client_end end,
    const struct smtp_client_action *why)
{
	if (c->phase == PH_OVER)
		return;
	/* An end that says "done" would settle what nobody has taken. */
	ASSERT(why->fate != SMTP_CLIENT_DONE || end == SMTP_CLIENT_END_QUIT);
	c->phase = PH_OVER;
	c->todo &= 1u << SMTP_CLIENT_SEND | 1u << SMTP_CLIENT_RESULT;
	c->close = *why;
	c->close.kind = SMTP_CLIENT_CLOSE;
	c->close.end = end;
	c->close.is_tls_trouble = c->is_tls_begun;
	client_todo(c, SMTP_CLIENT_CLOSE);
}

void
client_close_own(struct smtp_client *c, enum smtp_client_end end,
    const char *status, const char *text)
{
	struct smtp_client_action why =
	    client_own_verdict(SMTP_CLIENT_RETRY, status, text);

	client_close(c, end, &why);
}

void
client_give_up(struct smtp_client *c, enum smtp_client_end end,
    const struct smtp_client_action *why)
{
	client_put(c, "QUIT\r\n");
	client_close(c, end, why);
}

void
client_ready(struct smtp_client *c)
{
	c->phase = PH_READY;
	client_deadline(c, 0);
	client_todo(c, SMTP_CLIENT_READY);
}

/* Nobody asked: a server that wants us to go (RFC 5321 3.8). */
static void
on_idle(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	why.fate = SMTP_CLIENT_RETRY;
	client_close(c, SMTP_CLIENT_END_QUIT, &why);
}

static void
on_quit(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	client_close(c, SMTP_CLIENT_END_QUIT, &why);
}

static void
answered(struct smtp_client *c, const struct smtp_answer *a)
{
	/* RFC 5321 3.8: whatever was asked, the server is about to close. */
	if (a->code == 421 && c->phase != PH_QUIT && c->phase != PH_READY) {
		struct smtp_client_action why = client_verdict(a);

		client_close(c, SMTP_CLIENT_END_HOST, &why);
		return;
	}
	phases[c->phase].answer(c, a);
}

static void
read_answer(struct smtp_client *c, struct span *in)
{
	struct smtp_answer a;
	enum err e = smtp_answers_next(&c->answers, in, &a);

	if (e == ERR_OK) {
		answered(c, &a);
		/* TLS-1: what came in plain must not be read as if secured. */
		if (c->phase == PH_TLS && in->n > 0)
			client_close_own(c, SMTP_CLIENT_END_HOST, "4.7.0",
			    "octets behind the answer to STARTTLS");
	} else if (e != ERR_SHORT)
		/* Behind content it may have been taken all the same. */
		client_close_own(c, phases[c->phase].lost,
		    e == ERR_NOMEM ? "4.3.0" : "4.5.0",
		    e == ERR_FULL ? "the server's answer is too long" :
		    e == ERR_NOMEM ? "out of memory" :
		    "the server does not speak SMTP");
}

/* The next recipient that the verdict is for. */
static bool
take_result(struct smtp_client *c, struct smtp_client_action *act)
{
	while (c->next < c->end) {
		size_t i = c->next++;
		uint8_t *state = &c->walk[i].state;

		if (*state == RCPT_ANSWERED ||
		    (!c->is_all && *state != RCPT_ACCEPTED))
			continue;
		*state = RCPT_ANSWERED;
		*act = c->say;
		act->rcpt = i;
		return true;
	}
	return false;
}

static bool
is_due(struct smtp_client *c, enum smtp_client_kind kind)
{
	return (c->todo & 1u << kind) != 0;
}

/* What was asked for most urgently; the order of the kinds is that order. */
static bool
take_action(struct smtp_client *c, struct smtp_client_action *act)
{
	enum smtp_client_kind kind;

	for (kind = SMTP_CLIENT_SEND; kind <= SMTP_CLIENT_CLOSE; kind++) {
		if (!is_due(c, kind))
			continue;
		if (kind == SMTP_CLIENT_RESULT && take_result(c, act))
			return true;
		c->todo &= ~(1u << kind);
		if (kind != SMTP_CLIENT_RESULT)
			break;
	}
	if (kind > SMTP_CLIENT_CLOSE)
		return false;
	*act = kind == SMTP_CLIENT_CLOSE ? c->close :
	    kind == SMTP_CLIENT_UNFIT ? c->say :
	    (struct smtp_client_action){ .kind = kind };
	if (kind == SMTP_CLIENT_SEND) {
		act->text = buf_span(&c->out);
		c->is_out_shown = true;
	}
	if (kind == SMTP_CLIENT_DEADLINE)
		act->ms = c->deadline_ms;
	if (kind == SMTP_CLIENT_CONTENT)
		act->is_chunk = (c->msg.flags & ENVELOPE_BINARY) != 0;
	return true;
}

struct smtp_client_action
smtp_client_next(struct smtp_client *c, struct span *in)
{
	struct smtp_client_action act = { .kind = SMTP_CLIENT_WAIT };

	if (c->is_out_shown) {
		if (c->is_out_secret)
			buf_wipe(&c->out);
		else
			buf_cut(&c->out, 0);
		c->is_out_shown = c->is_out_secret = false;
	}
	while (!take_action(c, &act)) {
		if (in->n == 0 || phases[c->phase].answer == NULL)
			return act;
		read_answer(c, in);
	}
	return act;
}

void
smtp_client_connected(struct smtp_client *c, bool is_verified)
{
	ASSERT(c->phase == PH_NEW);
	c->is_tls = c->set.tls == SMTP_CLIENT_TLS_IMPLICIT;
	c->is_verified = c->is_tls && is_verified;
	c->phase = PH_GREETING;
	client_deadline(c, c->set.timeouts.reply);
}

void
smtp_client_tls_ready(struct smtp_client *c, bool is_verified)
{
	ASSERT(c->phase == PH_TLS);
	c->is_tls = true;
	c->is_verified = is_verified;
	/* TLS-3: what was offered in plain is forgotten. */
	client_hello(c);
}

void
smtp_client_quit(struct smtp_client *c)
{
	ASSERT(c->phase == PH_READY);
	client_ask(c, PH_QUIT, "QUIT");
}

/* RFC 3463 3.5: no answer from the host, or a bad connection. */
static const char *
lost_status(const struct smtp_client *c)
{
	return c->phase == PH_NEW ? "4.4.1" : "4.4.2";
}

void
smtp_client_timeout(struct smtp_client *c)
{
	client_close_own(c, phases[c->phase].lost, lost_status(c),
	    phases[c->phase].late);
}

void
smtp_client_lost(struct smtp_client *c, const char *why)
{
	client_close_own(c, phases[c->phase].lost, lost_status(c), why);
}

bool
smtp_client_passes_dsn(const struct smtp_client *c)
{
	return (c->offers & OFFER_DSN) != 0;
}

bool
smtp_client_passes_by(const struct smtp_client *c)
{
	return (c->offers & OFFER_BY) != 0;
}

bool
smtp_client_may_begin(const struct smtp_client *c)
{
	return c->limits.mails == 0 || c->nmails < c->limits.mails;
}

bool
smtp_client_is_open(const struct smtp_client_rcpt *rcpt)
{
	return rcpt->state != RCPT_ANSWERED;
}
