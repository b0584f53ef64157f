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
#include "mail/address.h"
#include "mail/envelope.h"
#include "proto/smtp_client_private.h"

static bool
is_plain_path(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 32 || s.p[i] == 127)
			return false;
	return true;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > 127)
			return false;
	return true;
}

/*
 * RFC 6531 3.2: internationalized, and not only sent by somebody who may.  A
 * bounce (RFC 6533) can need it for the one to whom it goes.
 */
static bool
needs_utf8(const struct smtp_client_message *m)
{
	if ((m->flags & ENVELOPE_SMTPUTF8) == 0)
		return false;
	if (m->is_8bit_header || !is_ascii(m->reverse_path))
		return true;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (!is_ascii(m->rcpts[i].address) ||
		    !is_ascii(m->rcpts[i].orcpt))
			return true;
	return false;
}

/* What is known before a word is said, and what it is called. */
enum fit { FIT, FIT_TOO_LARGE, FIT_8BIT, FIT_BINARY, FIT_UTF8, FIT_PLAIN,
	FIT_UNVERIFIED, FIT_TLS, FIT_BY, FIT_LATE, FIT_COUNT };
static const struct {
	const char	*status, *text;
} unfits[FIT_COUNT] = {
	[FIT_TOO_LARGE] = { "5.3.4",
		"the message is larger than the server takes" },
	[FIT_8BIT] = { "5.6.3", "the server does not take 8-bit content" },
	[FIT_BINARY] = { "5.6.3", "the server does not take binary content" },
	[FIT_UTF8] = { "5.6.7",
		"the server does not take addresses and headers in UTF-8" },
	/* RFC 8689 4.2.1 */
	[FIT_PLAIN] = { "5.7.10",
		"the message requires TLS, the server has none" },
	[FIT_UNVERIFIED] = { "5.7.10", "the message requires TLS, "
		"the server's name or certificate cannot be verified" },
	[FIT_TLS] = { "5.7.30",
		"the message requires TLS, the server does not promise it" },
	/* RFC 2852 4.1.4.1 */
	[FIT_BY] = { "5.3.3",
		"the server cannot return what is late, or not so soon" },
	/* RFC 2852 4.1.3: less than a second is no time that can be said. */
	[FIT_LATE] = { "5.4.7", "the time that it had is over" },
};

/* RFC 8689 section 2: where REQUIRETLS may be said at all. */
static enum fit
fit_tls(const struct smtp_client *c)
{
	if (!c->is_tls)
		return FIT_PLAIN;
	if (!c->is_verified || !c->set.is_name_secure)
		return FIT_UNVERIFIED;
	return c->offers & OFFER_REQUIRETLS ? FIT : FIT_TLS;
}

/* RFC 8689 section 5: a bounce goes all the same. */
static bool
requires_tls(const struct smtp_client_message *m)
{
	return (m->flags & ENVELOPE_REQUIRETLS) != 0 && m->reverse_path.n > 0;
}

static void
put_body(struct smtp_client *c)
{
	if (c->msg.flags & ENVELOPE_BINARY)
		client_put(c, " BODY=BINARYMIME");
	else if (c->msg.is_8bit)
		client_put(c, " BODY=8BITMIME");
}

/* RFC 3461 5.2.1: as it came. */
static void
put_ret(struct smtp_client *c)
{
	if (c->msg.flags & (ENVELOPE_RET_FULL | ENVELOPE_RET_HEADERS))
		client_put(c, " RET=%s",
		    c->msg.flags & ENVELOPE_RET_FULL ? "FULL" : "HDRS");
	if (c->msg.envid.n > 0)
		client_put(c, " ENVID=%.*s", SPAN_FMT(c->msg.envid));
}

/* RFC 2852 4.1.4: what is left of the time. */
static void
put_by(struct smtp_client *c)
{
	client_put(c, " BY=%d;%s%s", (int)c->msg.by_s,
	    c->msg.by_mode & ENVELOPE_BY_RETURN ? "R" : "N",
	    c->msg.by_mode & ENVELOPE_BY_TRACE ? "T" : "");
}

static void
put_mail(struct smtp_client *c)
{
	const struct smtp_client_message *m = &c->msg;

	ASSERT(is_plain_path(m->reverse_path));
	client_put(c, "MAIL FROM:<%.*s>", SPAN_FMT(m->reverse_path));
	if (c->offers & OFFER_SIZE)
		client_put(c, " SIZE=%llu", (unsigned long long)m->size);
	put_body(c);
	if ((m->flags & ENVELOPE_SMTPUTF8) && (c->offers & OFFER_SMTPUTF8))
		client_put(c, " SMTPUTF8");
	if ((m->flags & ENVELOPE_REQUIRETLS) && fit_tls(c) == FIT)
		client_put(c, " REQUIRETLS");
	if (c->offers & OFFER_DSN)
		put_ret(c);
	if (m->auth.n > 0 && c->is_logged_in)
		client_put(c, " AUTH=%.*s", SPAN_FMT(m->auth));
	if (m->priority != 0 && (c->offers & OFFER_PRIORITY))
		client_put(c, " MT-PRIORITY=%d", m->priority);
	if (m->has_by && (c->offers & OFFER_BY))
		put_by(c);
	client_put(c, "\r\n");
	c->is_mail_sent = true;
	c->nmails++;
}

/*
 * RFC 2852 4.1.4.2: who cannot be told of a time is asked to say when it takes
 * longer.
 */
static uint8_t
notify_of(const struct smtp_client *c, const struct smtp_client_rcpt *rcpt)
{
	if (!c->msg.has_by || (c->offers & OFFER_BY) ||
	    (rcpt->notify & ENVELOPE_NEVER))
		return rcpt->notify;
	return rcpt->notify == 0 ? ENVELOPE_FAILURE | ENVELOPE_DELAY :
	    rcpt->notify | ENVELOPE_DELAY;
}

/* RFC 3461 5.2.1. */
static void
put_notify(struct smtp_client *c, const struct smtp_client_rcpt *rcpt)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE",
		"DELAY" };
	unsigned int notify = notify_of(c, rcpt);
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < COUNT(words); i++) {
		if ((notify & 1u << i) == 0)
			continue;
		client_put(c, "%s%s", before, words[i]);
		before = ",";
	}
	if (rcpt->orcpt.n > 0)
		client_put(c, " ORCPT=%.*s", SPAN_FMT(rcpt->orcpt));
}

static void
put_rcpt(struct smtp_client *c)
{
	struct smtp_client_rcpt *rcpt;

	while (c->msg.rcpts[c->to_send].state != RCPT_OPEN)
		c->to_send++;
	rcpt = &c->msg.rcpts[c->to_send++];
	ASSERT(is_plain_path(rcpt->address));
	client_put(c, "RCPT TO:<%.*s>", SPAN_FMT(rcpt->address));
	if (c->offers & OFFER_DSN)
		put_notify(c, rcpt);
	client_put(c, "\r\n");
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
		/* A chunk for nobody would have to be sent all the same. */
		else if ((c->naccepted > 0 || c->nwaiting > 0) &&
		    (c->msg.flags & ENVELOPE_BINARY) == 0)
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

static enum fit
fit_by(const struct smtp_client *c, const struct smtp_client_message *msg)
{
	if (!msg->has_by || !(msg->by_mode & ENVELOPE_BY_RETURN))
		return FIT;
	if (msg->by_s <= 0)
		return FIT_LATE;
	return (c->offers & OFFER_BY) && (uint64_t)msg->by_s >= c->by_least ?
	    FIT : FIT_BY;
}

static enum fit
fit(const struct smtp_client *c, const struct smtp_client_message *msg)
{
	bool is_binary = (msg->flags & ENVELOPE_BINARY) != 0;

	if (c->size_limit > 0 && msg->size > c->size_limit)
		return FIT_TOO_LARGE;		/* RFC 1870 section 5 */
	if (requires_tls(msg) && fit_tls(c) != FIT)
		return fit_tls(c);
	if (is_binary && (~c->offers & (OFFER_CHUNKING | OFFER_BINARY)) != 0)
		return FIT_BINARY;		/* RFC 3030 section 3 */
	if (needs_utf8(msg) && !(c->offers & OFFER_SMTPUTF8))
		return FIT_UTF8;
	if (!is_binary && msg->is_8bit && !(c->offers & OFFER_8BITMIME))
		return FIT_8BIT;		/* RFC 6152 section 3 */
	return fit_by(c, msg);
}

static void
too_large(struct smtp_client *c)
{
	struct smtp_client_action why = client_own_verdict(SMTP_CLIENT_FAILED,
	    unfits[FIT_TOO_LARGE].status, unfits[FIT_TOO_LARGE].text);

	client_say(c, &c->msg, 0, c->msg.nrcpts, true, &why);
	message_done(c);
}

static void
unfit(struct smtp_client *c, enum fit why)
{
	c->say = client_own_verdict(SMTP_CLIENT_FAILED, unfits[why].status,
	    unfits[why].text);
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

static bool
is_same_domain(struct span a, struct span b)
{
	struct span local, x = { 0 }, y = { 0 };

	(void)addr_split(a, &local, &x);
	(void)addr_split(b, &local, &y);
	return span_eq_nocase(x, y);
}

/* Does one that was chosen before it have that domain? */
static bool
has_domain(const struct smtp_client *c, size_t upto)
{
	for (size_t i = 0; i < upto; i++)
		if (c->msg.rcpts[i].state == RCPT_OPEN &&
		    is_same_domain(c->msg.rcpts[i].address,
		    c->msg.rcpts[upto].address))
			return true;
	return false;
}

/* RFC 9422 4.1: so many RCPTs a transaction, of so many domains. */
static void
choose_rcpts(struct smtp_client *c)
{
	const struct smtp_limits *l = &c->limits;
	size_t ndomains = 0;

	for (size_t i = 0; i < c->msg.nrcpts; i++) {
		struct smtp_client_rcpt *rcpt = &c->msg.rcpts[i];
		bool is_new;

		if (!smtp_client_is_open(rcpt))
			continue;
		is_new = l->domains > 0 && !has_domain(c, i);
		if ((l->rcpts > 0 && c->nopen >= l->rcpts) ||
		    (is_new && ndomains >= l->domains)) {
			rcpt->state = RCPT_LATER;
			continue;
		}
		rcpt->state = RCPT_OPEN;
		c->nopen++;
		ndomains += is_new;
	}
}

/* Some of this message's recipients wait for another transaction. */
static bool
has_later(const struct smtp_client *c)
{
	for (size_t i = 0; i < c->msg.nrcpts; i++)
		if (c->msg.rcpts[i].state == RCPT_LATER)
			return true;
	return false;
}

/* The transaction of c->msg is new. */
static void
reset_envelope(struct smtp_client *c)
{
	c->is_mail_sent = c->is_mail_answered = c->is_mail_refused = false;
	c->is_data_sent = false;
	c->nopen = c->nwaiting = c->naccepted = 0;
	c->to_send = c->to_answer = 0;
	choose_rcpts(c);
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
	else if (fit(c, msg) != FIT)
		unfit(c, fit(c, msg));
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
	    (c->msg.flags & ENVELOPE_BINARY) != 0 ||
	    !has_open(msg) || has_later(c) || !smtp_client_may_begin(c))
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

/* RFC 3030 section 2: all of it in one chunk, without being asked. */
static void
begin_chunk(struct smtp_client *c)
{
	client_put(c, "BDAT %llu LAST\r\n", (unsigned long long)c->msg.size);
	if (c->phase != PH_OVER)
		begin_content(c);
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
		if (c->naccepted > 0 && (c->msg.flags & ENVELOPE_BINARY)) {
			begin_chunk(c);
			return;
		}
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
