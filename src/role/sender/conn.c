/*
 * conn.c - one connection: fed, kept, reused, given up.  dial.c makes them.
 */
#include "role/sender/sender.h"

#include "mail/envelope.h"
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the list ---------------------------------------------------------- */

void
conn_link(struct conn *c)
{
	struct sender *s = c->role->self;

	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	s->nconns++;
}

bool
conn_is_kept(const struct conn *c)
{
	return c->order == NULL && c->was_ready && !c->is_over &&
	    !c->is_leaving;
}

static bool
has_idle_of(const struct sender *s, struct span site)
{
	for (const struct conn *c = s->conns; c != NULL; c = c->next)
		if (conn_is_kept(c) &&
		    span_eq(buf_span(&c->site), site))
			return true;
	return false;
}

static void
conn_free(struct conn *c)
{
	struct sender *s = c->role->self;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	s->nconns--;
	stream_free(c->stream);
	loop_timer_free(c->idle);
	smtp_client_free(&c->client);
	if (c->was_ready && !has_idle_of(s, buf_span(&c->site)))
		sender_closed(c->role, buf_span(&c->site));
	buf_free(&c->site);
	buf_free(&c->host);
	free(c);
}

/* --- results ----------------------------------------------------------- */

static struct deliver_result
result_of(const struct conn *c, const struct smtp_client_action *a)
{
	static const uint8_t fates[] = {
		[SMTP_CLIENT_DONE] = DELIVER_DONE,
		[SMTP_CLIENT_RETRY] = DELIVER_RETRY,
		[SMTP_CLIENT_FAILED] = DELIVER_FAILED,
	};

	return (struct deliver_result){
		.fate = fates[a->fate],
		.code = (uint16_t)a->code,
		.status = a->status,
		.remote = span_str(c->remote),
		.text = a->text,
		.tls = stream_tls_name(c->stream),
	};
}

/*
 * RFC 8689 4.2.2: do not fail because TLS does.  A handshake that failed is
 * followed by a connection in plain for all; other trouble with TLS (a server
 * that goes away at STARTTLS, or says nothing good behind it) by one for those
 * that said TLS-Required: No alone, the others wait.
 */
static bool
is_without_tls(const struct conn *c, const struct smtp_client_action *a,
    enum conn_how *how)
{
	if (c->tls != SMTP_CLIENT_TLS_OFFERED || c->is_reused)
		return false;
	*how = a->end == SMTP_CLIENT_END_TLS ? CONN_PLAIN : CONN_LAST_RESORT;
	return *how == CONN_PLAIN ||
	    (a->is_tls_trouble && order_has_optional(c->order));
}

/* The session is over; what was not answered goes on elsewhere, or waits. */
static void
on_close(struct conn *c, const struct smtp_client_action *a)
{
	struct order *o = c->order;
	struct role *r = c->role;
	struct deliver_result result = result_of(c, a);
	bool is_doubtful = a->end == SMTP_CLIENT_END_DOUBT;
	enum conn_how how;
	bool is_again = is_without_tls(c, a, &how);

	c->order = NULL;
	order_keep(o, &result);
	/* What broke it may have been the envelope behind the dot. */
	o->is_careful |= c->went_ahead && a->code == 0;
	if (is_doubtful)
		sender_give_up_message(r, o, &result);
	if (a->end == SMTP_CLIENT_END_LOGIN || o->current == o->nmessages ||
	    sender_is_orphan(r, o)) {
		sender_finish(r, o, &result, false);
		return;
	}
	if (is_again) {
		o->next_address--;
		conn_dial(r, o, how);
		return;
	}
	/* It has taken mail before: its end says nothing against the host. */
	if (c->is_reused || c->nmails > 1 || is_doubtful)
		o->next_address = 0;
	conn_dial(r, o, CONN_BEST);
}

/* --- the core's wishes ------------------------------------------------- */

static void step_alone(struct conn *c);

static void
say_goodbye(struct conn *c)
{
	c->is_leaving = true;
	smtp_client_quit(&c->client);
}

void
conn_idle_over(void *ctx)
{
	struct conn *c = ctx;

	if (!conn_is_kept(c))
		return;
	say_goodbye(c);
	step_alone(c);
}

static void
become_idle(struct conn *c)
{
	struct order *o = c->order;

	c->order = NULL;
	c->was_ready = true;
	loop_timer_set(c->idle, SENDER_IDLE_MS);
	sender_finish(c->role, o, NULL, true);
}

/* RFC 2852 4.1.4: computed close to the moment of saying it. */
static int32_t
left_s(uint64_t by_ms)
{
	int64_t s = ((int64_t)by_ms - (int64_t)clock_wall_ms()) / 1000;
	const int64_t most = 999999999;

	return (int32_t)MAX(MIN(s, most), -most);
}

static struct smtp_client_message
describe(const struct order *o, struct order_message *m)
{
	const struct deliver_message *d = &m->m;

	return (struct smtp_client_message){
		.reverse_path = d->reverse_path,
		.rcpts = m->rcpts,
		.nrcpts = m->nrcpts,
		.size = d->size,
		.is_8bit = order_look(o, m)->is_8bit,
		.is_8bit_header = order_look(o, m)->is_8bit_header,
		.flags = d->envelope,
		.envid = d->envid,
		.auth = d->auth,
		.priority = (int8_t)(d->priority - ENVELOPE_PRIORITY_MAX),
		.has_by = d->by_ms > 0,
		.by_mode = d->by_mode,
		.by_s = d->by_ms > 0 ? left_s(d->by_ms) : 0,
	};
}

/* Content that is not canonical is a defect of ours, unless it is binary. */
static bool
may_leave(const struct order *o, struct order_message *m)
{
	return (m->m.envelope & ENVELOPE_BINARY) != 0 ||
	    order_look(o, m)->is_canonical;
}

/* What may not leave stays here. */
static bool
take_message(struct conn *c)
{
	struct order *o = c->order;
	struct order_message *m = &o->messages[o->current];
	struct smtp_client_message message = describe(o, m);
	struct deliver_result refuse = {
		.fate = DELIVER_RETRY,
		.status = SPAN("4.3.0"),
		.text = SPAN("the content is not canonical"),
	};

	if (!order_is_open(m)) {
		o->current++;
		return false;
	}
	if (c->is_last_resort && !order_is_optional(m)) {
		order_unfit(o, span_str((const char *)c->host.p));
		o->current++;
		return false;
	}
	if (!may_leave(o, m)) {
		sender_give_up_message(c->role, o, &refuse);
		return false;
	}
	c->nmails++;
	smtp_client_begin(&c->client, &message);
	return true;
}

/* It has carried enough, says it (RFC 9422 4.1) or we. */
static bool
may_begin(const struct conn *c)
{
	return c->nmails < SENDER_MAILS_MAX && smtp_client_may_begin(&c->client);
}

/*
 * The next message's envelope leaves behind this one's final dot: one round
 * trip a message.  Not in an order that has lost a server just then: some drop
 * what they have read behind the dot, or hang up.
 */
void
conn_go_ahead(struct conn *c)
{
	const struct sender *s = c->role->self;
	struct order *o = c->order;
	struct order_message *m = &o->messages[o->current + 1];
	struct smtp_client_message message;

	if (o->current + 1 == o->nmessages || !may_begin(c) ||
	    o->is_careful || c->is_last_resort || s->is_stopping || sender_is_orphan(c->role, o) ||
	    !may_leave(o, m))
		return;
	message = describe(o, m);
	if (!smtp_client_ahead(&c->client, &message))
		return;
	c->went_ahead = true;
	c->nmails++;
}

/*
 * The rest of the order is for another connection: this one has carried enough,
 * or lacks what some messages need (SMTP-14).  One that carried what it may is no
 * try that failed.
 */
static bool
goes_elsewhere(struct conn *c)
{
	const struct sender *s = c->role->self;
	struct order *o = c->order;

	/* What it lacks for one is no word on the others: the queue asks for
	 * all that is left anew; so it does when we stop. */
	if (o->current < o->nmessages && (o->has_unfit || s->is_stopping)) {
		c->order = NULL;
		sender_finish(c->role, o, NULL, false);
		say_goodbye(c);
		return true;
	}
	if (o->current < o->nmessages) {
		o->next_address = 0;
		o->sessions = 0;
	} else if (!order_again(o))
		return false;
	c->order = NULL;
	c->waiting = o;
	say_goodbye(c);
	return true;
}

/*
 * The connection is closed, and its place at the site is free: not before, or
 * there would be one more than the site is to have.
 */
static void
go_on(struct conn *c)
{
	struct order *o = c->waiting;

	c->waiting = NULL;
	if (o == NULL)
		return;
	if (o->current < o->nmessages && !sender_is_orphan(c->role, o))
		conn_dial(c->role, o, CONN_BEST);
	else
		sender_finish(c->role, o, NULL, false);
}

/* One more that waits for an order does not take the place of an order's. */
static bool
may_be_idle(const struct conn *c)
{
	const struct sender *s = c->role->self;

	return may_begin(c) && !s->is_stopping && !c->is_last_resort &&
	    s->nconns - MIN(s->nconns, s->norders) < SENDER_SPARE_MAX;
}

/* False: it is idle now, and nothing is to be done. */
static bool
on_ready(struct conn *c)
{
	struct order *o = c->order;

	if (o == NULL)
		return false;
	o->had_host = true;
	/* What was under way is finished, nothing is begun for nobody. */
	while (o->current < o->nmessages && may_begin(c) &&
	    !sender_is_orphan(c->role, o))
		if (take_message(c))
			return true;
	if (!sender_is_orphan(c->role, o) && goes_elsewhere(c))
		return true;
	if (may_be_idle(c)) {
		become_idle(c);
		return false;
	}
	c->order = NULL;
	c->waiting = o;
	say_goodbye(c);
	return true;
}

static void
on_result(struct conn *c, const struct smtp_client_action *a)
{
	struct order *o = c->order;
	struct deliver_result result = result_of(c, a);

	result.passed = (uint8_t)(
	    (smtp_client_passes_dsn(&c->client) ? DELIVER_PASSED_DSN : 0) |
	    (smtp_client_passes_by(&c->client) ? DELIVER_PASSED_BY : 0));
	sender_result(c->role, o, &o->messages[o->current], a->rcpt, &result);
}

/* Its words count when no other host does better. */
static void
on_unfit(struct conn *c, const struct smtp_client_action *a)
{
	struct order *o = c->order;
	struct deliver_result result = result_of(c, a);

	order_keep(o, &result);
	order_unfit(o, span_str((const char *)c->host.p));
	o->current++;
}

static void
start_tls(struct conn *c, const struct smtp_client_action *a UNUSED)
{
	struct sender *s = c->role->self;
	bool is_verified = c->tls == SMTP_CLIENT_TLS_REQUIRED ||
	    c->tls == SMTP_CLIENT_TLS_IMPLICIT;
	struct tls_context *tls = is_verified ? s->verified :
	    c->is_checked ? sender_checked(c->role) : s->any;

	if (tls == NULL || stream_tls_start(c->stream, tls,
			       (const char *)c->host.p) != ERR_OK)
		smtp_client_lost(&c->client, is_verified
		    ? "no certificates to verify the server with"
		    : "TLS could not be started");
}

static void
send_text(struct conn *c, const struct smtp_client_action *a)
{
	if (!c->is_gone && stream_send(c->stream, a->text) != ERR_OK)
		smtp_client_lost(&c->client, "the server does not read");
}

static void
set_deadline(struct conn *c, const struct smtp_client_action *a)
{
	if (!c->is_gone)
		stream_deadline(c->stream, a->ms);
}

static void
send_content(struct conn *c, const struct smtp_client_action *a)
{
	c->is_chunk = a->is_chunk;
	/* An envelope that went ahead ends here, when nobody wants it any more. */
	if (sender_is_orphan(c->role, c->order))
		smtp_client_lost(&c->client, "the queue has gone");
	else if (!c->is_gone && !content_begin(c))
		smtp_client_lost(&c->client, "the server does not read");
}

/* RFC 9422: those of its recipients who did not fit are still open. */
static void
message_done(struct conn *c, const struct smtp_client_action *a UNUSED)
{
	struct order *o = c->order;

	if (!order_is_open(&o->messages[o->current]))
		o->current++;
}

static void
end_session(struct conn *c, const struct smtp_client_action *a)
{
	c->is_over = true;
	if (c->order != NULL)
		on_close(c, a);
	go_on(c);
}

static void (*const acts[])(struct conn *, const struct smtp_client_action *) = {
	[SMTP_CLIENT_SEND] = send_text,
	[SMTP_CLIENT_DEADLINE] = set_deadline,
	[SMTP_CLIENT_RESULT] = on_result,
	[SMTP_CLIENT_START_TLS] = start_tls,
	[SMTP_CLIENT_CONTENT] = send_content,
	[SMTP_CLIENT_UNFIT] = on_unfit,
	[SMTP_CLIENT_MESSAGE_DONE] = message_done,
	[SMTP_CLIENT_CLOSE] = end_session,
};

static void
over(struct conn *c)
{
	/* Half a content is not finished: the file behind it has gone. */
	if (c->is_gone || c->is_sending)
		conn_free(c);
	else
		stream_finish(c->stream);
}

/* Do what the core asks for until it waits, or the session is over. */
static void
step(struct conn *c, struct span *in)
{
	for (;;) {
		struct smtp_client_action a = smtp_client_next(&c->client, in);

		if (a.kind == SMTP_CLIENT_WAIT)
			return;
		if (a.kind == SMTP_CLIENT_READY) {
			if (!on_ready(c))
				return;
			continue;
		}
		acts[a.kind](c, &a);
		if (c->is_over)
			break;
	}
	over(c);
}

/* --- the stream's words ------------------------------------------------ */

static void
step_alone(struct conn *c)
{
	struct span none = { 0 };

	if (!c->is_over)
		step(c, &none);
}

static void
on_data(void *ctx, struct span *in)
{
	struct conn *c = ctx;

	if (c->is_over)
		*in = span_skip(*in, in->n);
	else
		step(c, in);
}

static void
on_drained(void *ctx)
{
	struct conn *c = ctx;

	if (c->is_over || !c->is_sending)
		return;
	if (!content_drained(c))
		smtp_client_lost(&c->client, "the server does not read");
	stream_resume(c->stream);
	step_alone(c);
}

static void
on_connected(void *ctx)
{
	struct conn *c = ctx;

	c->order->sessions++;
	stream_deadline(c->stream, 0);
	if (c->tls == SMTP_CLIENT_TLS_IMPLICIT) {
		stream_deadline(c->stream, c->client.set.timeouts.reply);
		start_tls(c, NULL);
	} else
		smtp_client_connected(&c->client, false);
	step_alone(c);
}

static void
on_tls_ready(void *ctx)
{
	struct conn *c = ctx;

	bool is_verified = stream_is_verified(c->stream);

	if (c->tls == SMTP_CLIENT_TLS_IMPLICIT)
		smtp_client_connected(&c->client, is_verified);
	else
		smtp_client_tls_ready(&c->client, is_verified);
	step_alone(c);
}

static void
on_ended(void *ctx, enum stream_end why)
{
	struct conn *c = ctx;
	char text[200];

	c->is_gone = true;
	if (c->is_over) {
		conn_free(c);
		return;
	}
	if (why == STREAM_END_TIMEOUT)
		smtp_client_timeout(&c->client);
	else {
		(void)snprintf(text, sizeof text, "%.*s",
		    (int)MIN(stream_why(c->stream).n, sizeof text - 1),
		    (const char *)stream_why(c->stream).p);
		smtp_client_lost(&c->client, text);
	}
	step_alone(c);
}

const struct stream_ops conn_stream_rows = {
	.data = on_data,
	.drained = on_drained,
	.tls_ready = on_tls_ready,
	.connected = on_connected,
	.ended = on_ended,
};

void
conn_reuse(struct conn *c, struct order *o)
{
	loop_timer_stop(c->idle);
	c->order = o;
	c->is_reused = true;
	if (on_ready(c))
		step_alone(c);
}
