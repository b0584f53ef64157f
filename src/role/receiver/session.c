/*
 * session.c - a stream on one side, a session machine on the other.
 *
 * The machine says what to do, a row each.  One timer a session, set to the
 * next moment at which something could be overdue; octets only note the time.
 */
#include "role/receiver/receiver.h"

#include <stdlib.h>
#include <unistd.h>

#define DELAY_MS	1000u		/* section 19: errors, soft */
#define LOOK_MS		60000u		/* a session is looked at so often */
#define OUT_KEEP	512u		/* octets of replies, while idle */

static uint64_t
now(const struct session *s)
{
	return loop_now_ms(s->receiver->role->loop);
}

static const struct config_limits *
limits(const struct session *s)
{
	return &s->receiver->role->config->limits;
}

/* The end */

static void
session_free(void *ctx)
{
	struct session *s = ctx;
	struct receiver *rc = s->receiver;

	ask_forget(s);
	rules_end_content(s);
	content_drop(rc, &s->content);
	smtp_server_free(&s->server);
	buf_free(&s->members);
	loop_timer_free(s->timer);
	rc->slots[s->slot] = NULL;
	rc->free_slots[rc->nfree++] = s->slot;
	free(s);
	load_look(rc);
	receiver_may_end(rc);
}

/*
 * The connection is gone.  Who waits to be counted by lookup waits for that
 * answer, so that the count can be given back; any other answer may come in the
 * turn that is left until we are freed, and is nobody's.
 */
void
session_over(struct session *s)
{
	if (s->is_over)
		return;
	s->is_over = true;
	if (s->ticket != 0)
		commit_forget(s);
	shake_end(s);
	check_forget(s);
	client_over(s, s->why != NULL && strcmp(s->why, "timeout") == 0);
	tell_disconnect(s);
	loop_timer_stop(s->timer);
	stream_free(s->stream);
	s->stream = NULL;
	if (s->ask == ASK_CONNECT)
		return;
	s->ask = ASK_NOTHING;
	loop_task_ask(s->receiver->role->loop, &s->end);
}

static void
on_ended(void *ctx, enum stream_end why)
{
	struct session *s = ctx;

	if (s->why == NULL)
		s->why = why == STREAM_END_TIMEOUT ? "timeout" : "closed";
	session_over(s);
}

void
session_starttls(struct session *s, bool is_allowed)
{
	if (s->is_over || s->is_closing)
		return;
	smtp_server_starttls(&s->server, is_allowed && shake_may(s) ?
	    RE_START_TLS : RE_TLS_LATER);
	session_go_on(s);
}

/* Actions: false when the machine is not to be asked on now. */

static bool
on_nothing(struct session *s UNUSED, const struct smtp_action *a UNUSED)
{
	return false;
}

static bool
on_close(struct session *s, const struct smtp_action *a UNUSED)
{
	s->is_closing = true;
	if (s->why == NULL)
		s->why = s->is_quitting ? "quit" : "limit";
	stream_finish(s->stream);
	return false;
}

static bool
on_mail(struct session *s, const struct smtp_action *a)
{
	struct receiver *rc = s->receiver;
	struct msg_id id = role_new_id(rc->role);
	enum smtp_reply re = RE_SENDER_OK;

	if (rc->is_stopping)
		re = RE_STOPPING;
	else if (rc->mode != INTAKE_OPEN || rc->memory == INTAKE_MEMORY_HARD)
		re = RE_NO_SPACE;
	else if (s->listen->policy.listener == SMTP_RELAY &&
	    !receiver_is_trusted(s))
		re = RE_NO_RELAY;	/* its certificate may come later */
	if (re == RE_SENDER_OK) {
		rules_mail(s, &id);
		return true;
	}
	tell_refused(s, re, a->text);
	smtp_server_mail(&s->server, re, &id);
	return true;
}

/* RFC 1985: the queue is told; what comes of it nobody waits for. */
static bool
on_etrn(struct session *s, const struct smtp_action *a)
{
	struct role *r = s->receiver->role;
	struct intake_turn m = { .node = a->text };
	bool is_told = role_send(r, role_peer(r, IPC_ROLE_QUEUE),
	    &ipc_intake_turn, &m, NULL) == ERR_OK;

	tell_turn(s, a->text, is_told);
	smtp_server_turn(&s->server, is_told ? RE_TURN : RE_TURN_LATER);
	return true;
}

static bool
on_hello(struct session *s, const struct smtp_action *a UNUSED)
{
	rules_hello(s);
	return true;
}

static bool
on_rcpt(struct session *s, const struct smtp_action *a UNUSED)
{
	rules_rcpt(s);
	return true;
}

static bool
on_expn(struct session *s, const struct smtp_action *a)
{
	ask_expn(s, a->text);
	return true;
}

static bool
on_auth(struct session *s, const struct smtp_action *a UNUSED)
{
	ask_auth(s);
	return true;
}

static bool
on_begin(struct session *s, const struct smtp_action *a UNUSED)
{
	s->rate_ms = now(s);
	s->rate_n = 0;
	rules_begin_content(s);
	session_watch(s, LOOK_MS);
	return true;
}

static bool
on_body(struct session *s, const struct smtp_action *a)
{
	enum smtp_reply re = content_add(s->receiver, &s->content, a->text);

	if (re != RE_NONE)
		smtp_server_spoil(&s->server, re);
	return true;
}

static bool
on_drop(struct session *s, const struct smtp_action *a UNUSED)
{
	rules_end_content(s);
	content_drop(s->receiver, &s->content);
	return true;
}

static bool
on_commit(struct session *s, const struct smtp_action *a UNUSED)
{
	enum smtp_reply re = rules_content(s);

	rules_end_content(s);
	s->asked_ms = now(s);
	session_watch(s, 1000 * limits(s)->final_reply);
	if (re != RE_NONE || !ask_content(s))
		release_content(s, re);
	return true;
}

static bool
on_discard(struct session *s, const struct smtp_action *a)
{
	tell_refused(s, a->reply, span_of(NULL, 0));
	rules_end_content(s);
	content_drop(s->receiver, &s->content);
	smtp_server_done(&s->server, a->reply);
	return true;
}

static bool
on_starttls(struct session *s, const struct smtp_action *a UNUSED)
{
	ask_starttls(s);
	return true;
}

static bool
on_xclient(struct session *s, const struct smtp_action *a UNUSED)
{
	client_become(s);
	return true;
}

static bool
on_tls(struct session *s, const struct smtp_action *a UNUSED)
{
	shake_start(s);
	return false;
}

static bool
on_refused(struct session *s, const struct smtp_action *a)
{
	tell_refused(s, a->reply, a->text);
	return true;
}

static bool
on_delay(struct session *s, const struct smtp_action *a UNUSED)
{
	uint64_t ms = s->hold_ms > 0 ? s->hold_ms : DELAY_MS;

	s->hold_ms = 0;
	s->delay_ms = now(s) + ms;
	loop_timer_set(s->timer, ms);
	return false;
}

static bool (*const actions[SMTP_DO_COUNT])(struct session *,
    const struct smtp_action *) = {
	[SMTP_DO_MORE] = on_nothing,
	[SMTP_DO_WAIT] = on_nothing,
	[SMTP_DO_HELLO] = on_hello,
	[SMTP_DO_ETRN] = on_etrn,
	[SMTP_DO_EXPN] = on_expn,
	[SMTP_DO_MAIL] = on_mail,
	[SMTP_DO_RCPT] = on_rcpt,
	[SMTP_DO_AUTH] = on_auth,
	[SMTP_DO_BEGIN] = on_begin,
	[SMTP_DO_BODY] = on_body,
	[SMTP_DO_DROP] = on_drop,
	[SMTP_DO_COMMIT] = on_commit,
	[SMTP_DO_DISCARD] = on_discard,
	[SMTP_DO_STARTTLS] = on_starttls,
	[SMTP_DO_XCLIENT] = on_xclient,
	[SMTP_DO_TLS] = on_tls,
	[SMTP_DO_REFUSED] = on_refused,
	[SMTP_DO_DELAY] = on_delay,
	[SMTP_DO_CLOSE] = on_close,
};

/* False: the client does not read what we say; it is over. */
static bool
flush(struct session *s)
{
	struct buf *out = &s->server.out;

	if (out->n == 0 || !smtp_server_may_send(&s->server))
		return true;
	if (stream_send(s->stream, buf_span(out)) != ERR_OK) {
		session_over(s);
		return false;
	}
	buf_cut(out, 0);
	if (out->room > OUT_KEEP)
		buf_free(out);
	return true;
}

static void
pump(struct session *s, struct span *in)
{
	struct smtp_action a;

	s->server.wall_ms = loop_wall_ms(s->receiver->role->loop);
	do {
		a = smtp_server_next(&s->server, in);
		if (!flush(s))
			return;
	} while (actions[a.kind](s, &a) && !s->is_over);
}

static void
on_data(void *ctx, struct span *in)
{
	struct session *s = ctx;
	size_t before = in->n;

	if (s->proxy != NULL) {
		client_proxy_data(s, in);
		return;
	}
	if (!s->is_greeted) {
		s->is_early = before > 0;	/* RFC 5321 3.1: we speak first */
		return;
	}
	if (s->is_closing) {
		(void)span_take(in, in->n);
		return;
	}
	pump(s, in);
	s->last_ms = now(s);
	s->rate_n += before - in->n;
	/* Something is awaited first: an end behind what was pipelined may not
	 * overtake it.  session_go_on() resumes. */
	if (in->n > 0 && !s->is_over)
		stream_pause(s->stream);
}

void
session_go_on(struct session *s)
{
	struct span none = span_of(NULL, 0);

	if (s->is_over || s->is_closing)
		return;
	s->last_ms = now(s);
	pump(s, &none);
	if (s->is_over || s->is_closing)
		return;
	if (s->receiver->is_stopping && smtp_server_is_idle(&s->server))
		session_stop(s, RE_STOPPING, "stop");
	else
		stream_resume(s->stream);
}

void
session_stop(struct session *s, enum smtp_reply re, const char *why)
{
	struct span none = span_of(NULL, 0);

	if (s->is_over || s->is_closing || s->ticket != 0)
		return;
	if (!s->is_greeted) {
		s->why = why;
		session_over(s);
		return;
	}
	s->why = why;
	if (s->ask != ASK_CONNECT)
		s->ask = ASK_NOTHING;
	smtp_server_delayed(&s->server);
	smtp_server_end(&s->server, re);
	pump(s, &none);
}

/* Time */

static bool
is_in_content(const struct session *s)
{
	return s->server.phase == PH_BODY && !s->server.is_waiting;
}

static uint64_t
rate_window_ms(const struct session *s)
{
	return 1000 * limits(s)->data_rate_window;
}

/* When the session ends if nothing happens, and of what. */
static uint64_t
due(const struct session *s, enum smtp_reply *re)
{
	const struct config_limits *l = limits(s);
	uint64_t idle = s->last_ms +
	    1000 * (is_in_content(s) ? l->data_idle : load_idle(s->receiver));
	uint64_t whole = MIN(s->began_ms + 1000 * l->session,
	    s->mail_ms + 1000 * l->session_without_mail);

	*re = idle <= whole ? RE_TIMEOUT : RE_TOO_LONG_SESSION;
	return MIN(idle, whole);
}

/* We are asked for an answer: our own slowness is no fault of the client. */
static bool
is_ours(struct session *s, uint64_t t)
{
	if (!s->server.is_waiting && s->ask == ASK_NOTHING)
		return false;
	if (s->ask != ASK_NOTHING && t >= s->asked_ms + RECEIVER_ASK_MS)
		ask_late(s);
	else if (s->ticket != 0 &&
	    t >= s->asked_ms + 1000 * limits(s)->final_reply) {
		/* It may become durable yet: at least once (RFC 1047). */
		commit_forget(s);
		smtp_server_done(&s->server, RE_NOT_STORED);
		session_go_on(s);
	}
	if (!s->is_over)
		loop_timer_set(s->timer, 1000);
	return true;
}

static bool
is_too_slow(struct session *s, uint64_t t)
{
	bool is_slow;

	if (!is_in_content(s) || t < s->rate_ms + rate_window_ms(s))
		return false;
	is_slow = s->rate_n * 1000 < limits(s)->data_rate * (t - s->rate_ms);
	s->rate_ms = t;
	s->rate_n = 0;
	return is_slow;
}

static void
on_timer(void *ctx)
{
	struct session *s = ctx;
	uint64_t t = now(s), at;
	enum smtp_reply re;

	if (s->is_over || s->is_closing)
		return;
	if (s->delay_ms != 0 && t >= s->delay_ms) {
		s->delay_ms = 0;
		smtp_server_delayed(&s->server);
		session_go_on(s);
		if (s->is_over || s->is_closing || s->delay_ms != 0)
			return;
	}
	if (is_ours(s, t))
		return;
	at = due(s, &re);
	if (at <= t || is_too_slow(s, t)) {
		session_stop(s, re, "timeout");
		return;
	}
	session_watch(s, LOOK_MS);
}

void
session_watch(struct session *s, uint64_t ms)
{
	uint64_t t = now(s), at;
	enum smtp_reply re;

	at = due(s, &re);
	if (is_in_content(s))
		ms = MIN(ms, rate_window_ms(s));
	ms = MIN(ms, (uint64_t)LOOK_MS);
	loop_timer_set(s->timer, at > t ? MIN(at - t, ms) : 0);
}

void
session_hurry(struct session *s)
{
	/* Else the timer is set for what is awaited, and on_timer() looks. */
	if (!s->is_over && !s->is_closing && !s->server.is_waiting &&
	    s->ask == ASK_NOTHING && s->delay_ms == 0)
		session_watch(s, LOOK_MS);
}

/* The beginning */

static void
on_tls_ready(void *ctx)
{
	struct session *s = ctx;

	shake_end(s);
	tell_tls(s);
	s->last_ms = now(s);
	stream_deadline(s->stream, 0);
	ask_auth_connected(s);
	if (!s->is_greeted)
		session_greet(s, RE_GREETING);
	else
		smtp_server_tls(&s->server);
}

/*
 * With implicit TLS the handshake comes first, and who may not begin one is
 * sent away without a word: there is no plain text to say it in.
 */
void
session_admit(struct session *s, bool is_allowed)
{
	bool is_tls = s->server.is_tls && !stream_is_tls(s->stream);

	if (s->is_over) {
		loop_task_ask(s->receiver->role->loop, &s->end);
		return;
	}
	if (s->is_closing)
		return;
	if (is_allowed)
		check_begin(s);
	if (!is_tls) {
		session_greet(s, is_allowed ? RE_GREETING : RE_TOO_MANY_SESSIONS);
	} else if (is_allowed && shake_may(s)) {
		shake_start(s);
		if (!s->is_over)
			stream_resume(s->stream);
	} else {
		tell_refused(s, RE_TOO_MANY_SESSIONS, span_of(NULL, 0));
		s->why = "limit";
		session_over(s);
	}
}

static const struct stream_ops stream_ops = {
	.data = on_data,
	.tls_ready = on_tls_ready,
	.ended = on_ended,
};

static bool
session_open(struct session *s, int fd)
{
	struct loop *loop = s->receiver->role->loop;

	if (loop_timer_new(loop, on_timer, s, &s->timer) != ERR_OK)
		return false;
	if (stream_new(loop, fd, false, &stream_ops, s, &s->stream) == ERR_OK)
		return true;
	loop_timer_free(s->timer);
	return false;
}

bool
session_new(struct receiver_listen *l, int fd,
    const struct listener_peer *peer)
{
	struct receiver *rc = l->receiver;
	bool is_tls = l->config != NULL &&
	    l->config->tls == CONFIG_TLS_IMPLICIT;
	struct session *s = load_may_begin(rc, l) ? calloc(1, sizeof *s) : NULL;

	if (s == NULL)
		return false;
	s->receiver = rc;
	s->listen = l;
	s->end = (struct loop_task){ .run = session_free, .ctx = s };
	s->began_ms = s->last_ms = s->mail_ms = loop_now_ms(rc->role->loop);
	if (!client_name(s, peer) || !session_open(s, fd)) {
		free(s);
		return false;
	}
	s->members = buf_make(ENVELOPE_MAX);
	smtp_server_begin(&s->server, &l->policy, is_tls);
	s->slot = rc->free_slots[--rc->nfree];
	rc->slots[s->slot] = s;
	load_look(rc);
	session_watch(s, LOOK_MS);
	if (!client_awaits_proxy(s))
		client_begin(s);
	return true;
}
