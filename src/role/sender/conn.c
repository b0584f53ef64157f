/*
 * conn.c - one connection: dialled, fed, reused, given up.
 */
#include "role/sender/sender.h"

#include "io/dial.h"
#include "io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the list ---------------------------------------------------------- */

static void
conn_link(struct conn *c)
{
	struct sender *s = c->role->self;

	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	s->nconns++;
}

/* It may take another order. */
static bool
is_kept(const struct conn *c)
{
	return c->order == NULL && c->was_ready && !c->is_over &&
	    !c->is_leaving;
}

static bool
has_idle_of(const struct sender *s, struct span site)
{
	for (const struct conn *c = s->conns; c != NULL; c = c->next)
		if (is_kept(c) &&
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

/* The session is over; what was not answered goes on elsewhere, or waits. */
static void
on_close(struct conn *c, const struct smtp_client_action *a)
{
	struct order *o = c->order;
	struct role *r = c->role;
	struct deliver_result result = result_of(c, a);
	bool is_doubtful = a->end == SMTP_CLIENT_END_DOUBT;

	c->order = NULL;
	order_keep(o, &result);
	if (is_doubtful)
		sender_give_up_message(r, o, &result);
	if (a->end == SMTP_CLIENT_END_LOGIN || o->current == o->nmessages ||
	    sender_is_orphan(r, o)) {
		sender_finish(r, o, &result, false);
		return;
	}
	if (a->end == SMTP_CLIENT_END_TLS && c->tls == SMTP_CLIENT_TLS_OFFERED &&
	    !c->is_reused) {
		o->next_address--;
		conn_dial(r, o, true);
		return;
	}
	/* It has taken mail before: its end says nothing against the host. */
	if (c->is_reused || c->nmails > 1 || is_doubtful)
		o->next_address = 0;
	conn_dial(r, o, false);
}

/* --- the core's wishes ------------------------------------------------- */

static void step_alone(struct conn *c);

static void
say_goodbye(struct conn *c)
{
	c->is_leaving = true;
	smtp_client_quit(&c->client);
}

static void
idle_over(void *ctx)
{
	struct conn *c = ctx;

	if (!is_kept(c))
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

/* Content that is not canonical is a defect of ours: it stays here. */
static bool
take_message(struct conn *c)
{
	struct order *o = c->order;
	struct order_message *m = &o->messages[o->current];
	struct smtp_stuff_facts facts = smtp_stuff_look(order_content(o, m));
	struct deliver_result refuse = {
		.fate = DELIVER_RETRY,
		.status = SPAN("4.3.0"),
		.text = SPAN("the content is not canonical"),
	};

	if (!facts.is_canonical) {
		sender_give_up_message(c->role, o, &refuse);
		return false;
	}
	c->is_ended = facts.is_ended;
	c->nmails++;
	c->message = (struct smtp_client_message){
		.reverse_path = m->m.reverse_path,
		.rcpts = m->rcpts,
		.nrcpts = m->nrcpts,
		.size = m->m.size,
		.is_8bit = facts.is_8bit,
	};
	if (facts.has_dot_line)
		m->m.flags |= DELIVER_DOT;
	smtp_client_begin(&c->client, &c->message);
	return true;
}

/* False: it is idle now, and nothing is to be done. */
static bool
on_ready(struct conn *c)
{
	const struct sender *s = c->role->self;
	struct order *o = c->order;

	if (o == NULL)
		return false;
	o->had_host = true;
	/* What was under way is finished, nothing is begun for nobody. */
	while (o->current < o->nmessages && !sender_is_orphan(c->role, o))
		if (take_message(c))
			return true;
	if (c->nmails < SENDER_MAILS_MAX && !s->is_stopping) {
		become_idle(c);
		return false;
	}
	c->order = NULL;
	sender_finish(c->role, o, NULL, false);
	say_goodbye(c);
	return true;
}

static void
on_result(struct conn *c, const struct smtp_client_action *a)
{
	struct order *o = c->order;
	struct deliver_result result = result_of(c, a);

	sender_result(c->role, o, &o->messages[o->current], a->rcpt, &result);
}

static void
start_tls(struct conn *c, const struct smtp_client_action *a UNUSED)
{
	struct sender *s = c->role->self;
	bool is_verified = c->tls == SMTP_CLIENT_TLS_REQUIRED ||
	    c->tls == SMTP_CLIENT_TLS_IMPLICIT;
	struct tls_context *tls = is_verified ? s->verified : s->any;

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
send_content(struct conn *c, const struct smtp_client_action *a UNUSED)
{
	if (!c->is_gone && !content_begin(c))
		smtp_client_lost(&c->client, "the server does not read");
}

static void
message_done(struct conn *c, const struct smtp_client_action *a UNUSED)
{
	c->order->current++;
}

static void
end_session(struct conn *c, const struct smtp_client_action *a)
{
	c->is_over = true;
	if (c->order != NULL)
		on_close(c, a);
}

static void (*const acts[])(struct conn *, const struct smtp_client_action *) = {
	[SMTP_CLIENT_SEND] = send_text,
	[SMTP_CLIENT_DEADLINE] = set_deadline,
	[SMTP_CLIENT_RESULT] = on_result,
	[SMTP_CLIENT_START_TLS] = start_tls,
	[SMTP_CLIENT_CONTENT] = send_content,
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
		smtp_client_connected(&c->client);
	step_alone(c);
}

static void
on_tls_ready(void *ctx)
{
	struct conn *c = ctx;

	if (c->tls == SMTP_CLIENT_TLS_IMPLICIT)
		smtp_client_connected(&c->client);
	else
		smtp_client_tls_ready(&c->client);
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

static const struct stream_ops stream_rows = {
	.data = on_data,
	.drained = on_drained,
	.tls_ready = on_tls_ready,
	.connected = on_connected,
	.ended = on_ended,
};

/* --- dialling ---------------------------------------------------------- */

static enum smtp_client_tls
tls_of(const struct role *r, const struct order *o, bool is_plain_only)
{
	static const enum smtp_client_tls kinds[] = {
		[CONFIG_RELAY_OPPORTUNISTIC] = SMTP_CLIENT_TLS_OFFERED,
		[CONFIG_RELAY_STARTTLS] = SMTP_CLIENT_TLS_REQUIRED,
		[CONFIG_RELAY_IMPLICIT] = SMTP_CLIENT_TLS_IMPLICIT,
	};

	if (is_plain_only)
		return SMTP_CLIENT_TLS_NEVER;
	return o->relay == 0 ? SMTP_CLIENT_TLS_OFFERED
			     : kinds[r->config->relays[o->relay - 1].tls];
}

static struct smtp_client_settings
settings_of(struct conn *c)
{
	const struct config *config = c->role->config;
	const struct sender *s = c->role->self;
	const struct config_timeouts *t = &config->timeouts;
	struct smtp_client_settings set = {
		.hostname = span_str(config->hostname),
		.tls = c->tls,
		.timeouts = {
			.reply = t->reply * 1000,
			.data = t->data * 1000,
			.block = t->block * 1000,
			.final = t->final * 1000,
			.quit = t->quit * 1000,
		},
	};

	if (c->relay > 0) {
		set.user = span_str(config->relays[c->relay - 1].user);
		set.password = buf_span(&s->secrets[c->relay - 1]);
	}
	return set;
}

static void
name_remote(struct conn *c, const struct order_address *at)
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(at->address.n == 4 ? AF_INET : AF_INET6, at->address.p,
	    address, sizeof address);
	(void)snprintf(c->remote, sizeof c->remote, "%.*s[%s]:%u",
	    SPAN_FMT(at->host), address, at->port);
}

/* The name that the certificate must be for; a literal without brackets. */
static bool
name_host(struct conn *c, struct span host)
{
	if (host.n > 2 && host.p[0] == '[')
		host = span_of(host.p + 1, host.n - 2);
	c->host = buf_make(300);
	return buf_add(&c->host, host) == ERR_OK &&
	    buf_addc(&c->host, 0) == ERR_OK;
}

static struct conn *
conn_new(struct role *r, struct order *o, const struct order_address *at,
    bool is_plain_only)
{
	struct conn *c = calloc(1, sizeof *c);
	int fd = -1;

	if (c == NULL)
		return NULL;
	c->role = r;
	c->order = o;
	c->relay = o->relay;
	c->tls = tls_of(r, o, is_plain_only);
	c->site = buf_make(8192);
	name_remote(c, at);
	if (name_host(c, at->host) && buf_add(&c->site, o->site) == ERR_OK &&
	    loop_timer_new(r->loop, idle_over, c, &c->idle) == ERR_OK &&
	    dial_tcp(at->address, at->port, &fd) == ERR_OK &&
	    stream_new(r->loop, fd, true, &stream_rows, c, &c->stream) ==
		ERR_OK) {
		struct smtp_client_settings set = settings_of(c);

		smtp_client_init(&c->client, &set);
		conn_link(c);
		return c;
	}
	if (fd >= 0)
		(void)close(fd);
	loop_timer_free(c->idle);
	buf_free(&c->site);
	buf_free(&c->host);
	free(c);
	return NULL;
}

void
conn_dial(struct role *r, struct order *o, bool is_plain_only)
{
	const struct sender *s = r->self;
	struct order_address at;

	while (s->nconns < SENDER_CONNS_MAX && order_next_address(o, &at)) {
		struct conn *c = conn_new(r, o, &at, is_plain_only);

		if (c != NULL) {
			stream_deadline(c->stream,
			    r->config->timeouts.connect * 1000);
			return;
		}
	}
	struct deliver_result words = order_words(o);

	sender_finish(r, o, &words, false);
}

void
conn_serve(struct role *r, struct order *o)
{
	struct sender *s = r->self;

	for (struct conn *c = s->conns; c != NULL; c = c->next)
		if (is_kept(c) && c->relay == o->relay &&
		    span_eq(buf_span(&c->site), o->site)) {
			loop_timer_stop(c->idle);
			c->order = o;
			c->is_reused = true;
			if (on_ready(c))
				step_alone(c);
			return;
		}
	conn_dial(r, o, false);
}

void
conn_quit_idle(struct role *r)
{
	struct sender *s = r->self;

	for (struct conn *c = s->conns; c != NULL; c = c->next)
		if (is_kept(c))
			loop_timer_set(c->idle, 0);
}
