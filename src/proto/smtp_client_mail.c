/*
 * smtp_client_mail.c - one message: MAIL, RCPT, DATA, content, and its answer.
 *
 * With PIPELINING (RFC 2920) a window of commands is under way; without, the
 * window is one.  Replies come in the order of the commands:
 *
 *	MAIL	RCPT ...	DATA
 *
 * so what was sent and what was answered says whose reply this is.  The answer
 * to the content of the message before (`prior`) may still be on its way: it
 * comes first, in a phase of its own, and till then no reply is an envelope's.
 */
#include "proto/smtp_client_private.h"

static bool
is_plain_path(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 32 || s.p[i] == 127)
			return false;
	return true;
}

static void
put_mail(struct smtp_client *c)
{
	ASSERT(is_plain_path(c->msg.reverse_path));
	client_put(c, "MAIL FROM:<%.*s>", SPAN_FMT(c->msg.reverse_path));
	if (c->offers & OFFER_SIZE)
		client_put(c, " SIZE=%llu", (unsigned long long)c->msg.size);
	if (c->msg.is_8bit)
		client_put(c, " BODY=8BITMIME");
	client_put(c, "\r\n");
	c->is_mail_sent = true;
}

static void
put_rcpt(struct smtp_client *c)
{
	struct smtp_client_rcpt *rcpt;

	while (c->msg.rcpts[c->to_send].state != RCPT_OPEN)
		c->to_send++;
	rcpt = &c->msg.rcpts[c->to_send++];
	ASSERT(is_plain_path(rcpt->address));
	client_put(c, "RCPT TO:<%.*s>\r\n", SPAN_FMT(rcpt->address));
	rcpt->state = RCPT_SENT;
	c->nopen--;
	c->nwaiting++;
}

static void
put_data(struct smtp_client *c)
{
	client_put(c, "DATA\r\n");
	c->is_data_sent = true;
}

static size_t
under_way(const struct smtp_client *c)
{
	return (size_t)(c->is_mail_sent && !c->is_mail_answered) +
	    c->nwaiting + (size_t)c->is_data_sent;
}

/* Send what the window has room for. */
static void
put_window(struct smtp_client *c)
{
	size_t room = c->offers & OFFER_PIPELINING ? SMTP_CLIENT_WINDOW : 1;

	while (under_way(c) < room && !c->is_data_sent &&
	    !c->is_mail_refused && c->phase != PH_OVER) {
		if (!c->is_mail_sent)
			put_mail(c);
		else if (c->nopen > 0)
			put_rcpt(c);
		else if (c->naccepted > 0 || c->nwaiting > 0)
			put_data(c);
		else
			break;
	}
}

static void
fill_window(struct smtp_client *c)
{
	put_window(c);
	if (under_way(c) > 0 && c->phase == PH_ENVELOPE)
		client_deadline(c, c->is_data_sent && c->nwaiting == 0 ?
		    c->set.timeouts.data : c->set.timeouts.reply);
}

static void
message_done(struct smtp_client *c)
{
	client_todo(c, SMTP_CLIENT_MESSAGE_DONE);
	client_ready(c);
}

/* What is known before a word is said. */
enum fit { FIT, FIT_TOO_LARGE, FIT_NOT_HERE };

static enum fit
fit(const struct smtp_client *c, const struct smtp_client_message *msg)
{
	if (c->size_limit > 0 && msg->size > c->size_limit)
		return FIT_TOO_LARGE;		/* RFC 1870 section 5 */
	if (msg->is_8bit && !(c->offers & OFFER_8BITMIME))
		return FIT_NOT_HERE;		/* RFC 6152 section 3 */
	return FIT;
}

static void
too_large(struct smtp_client *c)
{
	struct smtp_client_action why = client_own_verdict(SMTP_CLIENT_FAILED,
	    "5.3.4", "the message is larger than the server takes");

	client_say(c, &c->msg, 0, c->msg.nrcpts, true, &why);
	message_done(c);
}

static void
unfit(struct smtp_client *c)
{
	c->say = client_own_verdict(SMTP_CLIENT_FAILED, "5.6.3",
	    "the server does not take 8-bit content");
	c->say.kind = SMTP_CLIENT_UNFIT;
	client_todo(c, SMTP_CLIENT_UNFIT);
	client_ready(c);
}

static void
begin_envelope(struct smtp_client *c)
{
	c->phase = PH_ENVELOPE;
	fill_window(c);
}

/* The transaction of c->msg is new. */
static void
reset_envelope(struct smtp_client *c)
{
	c->is_mail_sent = c->is_mail_answered = c->is_mail_refused = false;
	c->is_data_sent = false;
	c->nopen = c->nwaiting = c->naccepted = 0;
	c->to_send = c->to_answer = 0;
	for (size_t i = 0; i < c->msg.nrcpts; i++)
		if (smtp_client_is_open(&c->msg.rcpts[i])) {
			c->msg.rcpts[i].state = RCPT_OPEN;
			c->nopen++;
		}
}

void
smtp_client_begin(struct smtp_client *c, const struct smtp_client_message *msg)
{
	ASSERT(c->phase == PH_READY && msg->nrcpts > 0);
	c->msg = *msg;
	reset_envelope(c);
	if (c->nopen == 0)
		message_done(c);
	else if (fit(c, msg) == FIT_TOO_LARGE)
		too_large(c);
	else if (fit(c, msg) == FIT_NOT_HERE)
		unfit(c);
	else if (c->must_reset)
		client_ask(c, PH_RSET, "RSET");
	else
		begin_envelope(c);
}

static bool
has_open(const struct smtp_client_message *msg)
{
	for (size_t i = 0; i < msg->nrcpts; i++)
		if (smtp_client_is_open(&msg->rcpts[i]))
			return true;
	return false;
}

bool
smtp_client_ahead(struct smtp_client *c, const struct smtp_client_message *msg)
{
	if (c->phase != PH_CONTENT || c->has_prior ||
	    !(c->offers & OFFER_PIPELINING) || fit(c, msg) != FIT ||
	    !has_open(msg))
		return false;
	c->prior = c->msg;
	c->has_prior = true;
	c->msg = *msg;
	reset_envelope(c);
	put_window(c);
	return true;
}

void
client_on_rset(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (answer_class(a) == 2) {
		c->must_reset = false;
		begin_envelope(c);
		return;
	}
	why.fate = SMTP_CLIENT_RETRY;
	client_give_up(c, SMTP_CLIENT_END_HOST, &why);
}

static void
out_of_turn(struct smtp_client *c)
{
	client_close_own(c, SMTP_CLIENT_END_HOST, "4.5.0",
	    "an answer that fits no command");
}

static void
on_mail(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	c->is_mail_answered = true;
	if (answer_class(a) == 3) {
		out_of_turn(c);
	} else if (answer_class(a) != 2) {
		c->is_mail_refused = true;
		client_say(c, &c->msg, 0, c->msg.nrcpts, true, &why);
	}
}

static void
on_rcpt(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);
	size_t i;

	c->nwaiting--;
	if (c->is_mail_refused)
		return;		/* its fate is said already */
	while (c->msg.rcpts[c->to_answer].state != RCPT_SENT)
		c->to_answer++;
	i = c->to_answer++;
	if (answer_class(a) == 3) {
		out_of_turn(c);
	} else if (answer_class(a) == 2) {
		c->msg.rcpts[i].state = RCPT_ACCEPTED;
		c->naccepted++;
	} else {
		/* RFC 5321 4.5.3.1.10: it means "too many", as 452 does. */
		if (a->code == 552) {
			why.fate = SMTP_CLIENT_RETRY;
			why.status = SPAN("4.5.3");
		}
		client_say(c, &c->msg, i, i + 1, true, &why);
	}
}

static void
begin_content(struct smtp_client *c)
{
	if (c->naccepted == 0) {
		/* RFC 2920 3.1: a server that wants content for nobody. */
		client_ask(c, PH_DOT, ".");
		return;
	}
	c->phase = PH_CONTENT;
	client_deadline(c, c->set.timeouts.block);
	client_todo(c, SMTP_CLIENT_CONTENT);
}

static void
on_data(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (a->code == 354) {
		begin_content(c);
		return;
	}
	if (answer_class(a) < 4) {
		out_of_turn(c);
		return;
	}
	if (c->naccepted > 0)
		client_say(c, &c->msg, 0, c->msg.nrcpts, false, &why);
	c->must_reset = !c->is_mail_refused;
	message_done(c);
}

void
client_on_envelope(struct smtp_client *c, const struct smtp_answer *a)
{
	if (!c->is_mail_answered) {
		on_mail(c, a);
	} else if (c->nwaiting > 0) {
		on_rcpt(c, a);
	} else {
		on_data(c, a);
		return;
	}
	fill_window(c);
	if (c->phase == PH_ENVELOPE && under_way(c) == 0) {
		/* Nobody is left to send it to. */
		c->must_reset = !c->is_mail_refused;
		message_done(c);
	}
}

void
smtp_client_block_sent(struct smtp_client *c)
{
	if (c->phase == PH_CONTENT)
		client_deadline(c, c->set.timeouts.block);
}

void
smtp_client_content_sent(struct smtp_client *c)
{
	ASSERT(c->phase == PH_CONTENT);
	c->phase = PH_FINAL;
	client_deadline(c, c->set.timeouts.final);
}

void
client_on_final(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (answer_class(a) == 3) {
		client_close_own(c, SMTP_CLIENT_END_DOUBT, "4.5.0",
		    "an answer that fits no command");
		return;
	}
	if (!c->has_prior) {
		client_say(c, &c->msg, 0, c->msg.nrcpts, false, &why);
		message_done(c);
		return;
	}
	/* The envelope of the next one has left already. */
	client_say(c, &c->prior, 0, c->prior.nrcpts, false, &why);
	c->has_prior = false;
	client_todo(c, SMTP_CLIENT_MESSAGE_DONE);
	begin_envelope(c);
}

void
client_on_dot(struct smtp_client *c, const struct smtp_answer *a UNUSED)
{
	message_done(c);
}
