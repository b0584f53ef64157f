/*
 * stream.c - one connection: phases, and what each readiness means in them.
 *
 *	CONNECTING --> PLAIN --(stream_tls_start, all sent)--> SHAKING --> TLS
 *	PLAIN, TLS --(stream_finish, all sent)--> LINGER
 *	any --> OVER
 *
 * There is no way from TLS back to PLAIN (TLS-2).  Output is in
 * stream_out.c, SHAKING in stream_shake.c.
 *
 * Owners may free a stream inside any callback: the socket is closed at once,
 * the memory goes when the outermost function of ours returns.
 */
#include "io/stream_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a peer may say while we linger. */
#define LINGER_OCTETS	(256u * 1024)
/* TLS-1 */
#define INJECTED	"octets before the TLS handshake"
/* stream_finish without a deadline of the owner's. */
#define FINISH_MS	30000u

static void
teardown(struct stream *s)
{
	s->phase = STREAM_OVER;
	loop_task_cancel(&s->task);
	loop_watch_free(s->watch);
	loop_timer_free(s->timer);
	s->watch = NULL;
	s->timer = NULL;
	tls_conn_free(s->tls);
	tls_context_free(s->tls_next);
	s->tls = NULL;
	s->tls_next = NULL;
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	buf_free(&s->in);
	buf_free(&s->out);
	free(s->server_name);
	s->server_name = NULL;
}

static void
release(struct stream *s)
{
	free(s->why_copy);
	free(s);
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->phase != STREAM_OVER)
		teardown(s);
	if (s->is_entered)
		s->is_freed = true;
	else
		release(s);
}

void
stream_end(struct stream *s, enum stream_end end, const char *why)
{
	if (s->phase == STREAM_OVER)
		return;
	s->why = why;
	teardown(s);
	s->ops->ended(s->ctx, end);
}

void
stream_end_tls(struct stream *s, enum err e)
{
	static const enum stream_end ends[ERR_COUNT] = {
		[ERR_CLOSED] = STREAM_END_PEER,
		[ERR_SHORT] = STREAM_END_PEER,
		[ERR_IO] = STREAM_END_ERROR,
		[ERR_CORRUPT] = STREAM_END_TLS,
		[ERR_SYNTAX] = STREAM_END_TLS,
		[ERR_DENIED] = STREAM_END_TLS,
		[ERR_NOMEM] = STREAM_END_ERROR,
	};

	/* The words are torn down with the connection. */
	if (s->tls != NULL && s->why_copy == NULL)
		s->why_copy = strdup(tls_conn_why(s->tls));
	stream_end(s, ends[e], s->why_copy != NULL ? s->why_copy :
	    "TLS could not be started");
}

/* Input */

bool
stream_is_reading(const struct stream *s)
{
	return (s->phase == STREAM_PLAIN || s->phase == STREAM_TLS) &&
	    !s->is_paused && s->tls_next == NULL && !s->is_finishing;
}

static void
show(struct stream *s, struct span in)
{
	bool is_kept = in.p == s->in.p;
	size_t before = in.n;

	s->is_showing = true;
	s->ops->data(s->ctx, &in);
	s->is_showing = false;
	if (s->phase == STREAM_OVER)
		return;
	if (s->tls_next != NULL && in.n > 0) {
		stream_end(s, STREAM_END_TLS, INJECTED);
		return;
	}
	if (is_kept)
		buf_drop(&s->in, before - in.n);
	else if (in.n > 0 && buf_add(&s->in, in) != ERR_OK)
		stream_end(s, STREAM_END_ERROR, "out of memory");
	/* An idle stream keeps nothing. */
	if (in.n == 0)
		buf_free(&s->in);
}

/*
 * Where to receive to: behind what was left, else into the loop's buffer.
 * False: no room until the owner uses some.
 */
static bool
room_find(struct stream *s, uint8_t **to, size_t *room)
{
	if (s->in.n == 0) {
		*to = loop_scratch(s->loop);
		*room = LOOP_SCRATCH;
		return true;
	}
	*room = MIN((size_t)16 * 1024, STREAM_IN_MAX - s->in.n);
	if (*room == 0 || buf_room(&s->in, *room) != ERR_OK) {
		s->is_paused = true;
		return false;
	}
	*to = buf_end(&s->in);
	return true;
}

static void
show_received(struct stream *s, uint8_t *to, size_t n)
{
	if (s->in.n > 0) {
		buf_grew(&s->in, n);
		show(s, buf_span(&s->in));
	} else {
		show(s, span_of(to, n));
	}
}

/* Take only what was used: the rest may be the beginning of a handshake. */
static void
show_peeked(struct stream *s, uint8_t *to, size_t n)
{
	struct span in = span_of(to, n);

	s->ops->data(s->ctx, &in);
	if (s->phase != STREAM_OVER)
		(void)!recv(s->fd, to, n - in.n, MSG_DONTWAIT);
}

static void
receive_plain(struct stream *s)
{
	int flags = MSG_DONTWAIT | (s->is_peeking ? MSG_PEEK : 0);
	size_t room;
	uint8_t *to;
	ssize_t n;

	if (!room_find(s, &to, &room))
		return;
	n = recv(s->fd, to, room, flags);
	if (n > 0) {
		(s->is_peeking ? show_peeked : show_received)(s, to,
		    (size_t)n);
	} else if (n == 0) {
		/* Our answers to what came before may still be read. */
		stream_push(s);
		stream_end(s, STREAM_END_PEER, "closed by peer");
	} else if (errno != EAGAIN && errno != EINTR) {
		stream_end(s, STREAM_END_ERROR, strerrordesc_np(errno));
	}
}

/*
 * Record by record until the socket is empty: what OpenSSL holds already wakes
 * no loop.
 */
static void
receive_tls(struct stream *s)
{
	size_t room, n = 0, got;
	enum err e = ERR_OK;
	uint8_t *to;

	if (!room_find(s, &to, &room))
		return;
	while (n < room) {
		e = tls_conn_read(s->tls, to + n, room - n, &got);
		if (e != ERR_OK)
			break;
		n += got;
	}
	s->in_needs = e == ERR_AGAIN && tls_conn_wants_write(s->tls) ?
	    LOOP_WRITE : LOOP_READ;
	if (n == 0 && e != ERR_AGAIN) {
		stream_end_tls(s, e);
		return;
	}
	if (n == 0)
		return;
	/* Full, or ended behind these octets: look again when shown. */
	if (e != ERR_AGAIN) {
		s->must_read = true;
		loop_task_ask(s->loop, &s->task);
	}
	show_received(s, to, n);
}

void
stream_receive(struct stream *s)
{
	s->must_read = false;
	if (s->phase == STREAM_TLS)
		receive_tls(s);
	else
		receive_plain(s);
}

/* Phases */

static void
connected(struct stream *s)
{
	socklen_t n = sizeof(int);
	int error = 0;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error != 0) {
		stream_end(s, STREAM_END_ERROR, strerrordesc_np(error));
		return;
	}
	s->phase = STREAM_PLAIN;
	if (s->ops->connected != NULL)
		s->ops->connected(s->ctx);
}

static void
linger_begin(struct stream *s)
{
	if (s->tls != NULL)
		tls_conn_shutdown(s->tls);
	(void)shutdown(s->fd, SHUT_WR);
	s->phase = STREAM_LINGER;
	s->lingered = 0;
	stream_deadline(s, STREAM_LINGER_MS);
}

static void
linger(struct stream *s)
{
	ssize_t n = recv(s->fd, loop_scratch(s->loop), LOOP_SCRATCH,
	    MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		s->lingered += (size_t)n;
	if (n <= 0 || s->lingered > LINGER_OCTETS)
		stream_end(s, STREAM_END_FINISHED, "finished");
}

/* Send what can be sent, and do what waited for it to be sent. */
static void
push_and_go_on(struct stream *s)
{
	stream_push(s);
	if (s->phase == STREAM_OVER || !stream_is_sent(s))
		return;
	if (s->tls_next != NULL) {
		stream_shake_begin(s);
	} else if (s->is_finishing) {
		linger_begin(s);
	} else if (s->wants_drained) {
		s->wants_drained = false;
		s->ops->drained(s->ctx);
	}
}

static void
wants(struct stream *s)
{
	unsigned int events = 0;

	switch (s->phase) {
	case STREAM_OVER:
		return;
	case STREAM_CONNECTING:
		events = LOOP_WRITE;
		break;
	case STREAM_SHAKING:
		/* As in a pause: what comes while we ask is seldom anything. */
		if (tls_conn_is_asking(s->tls))
			events = s->came_paused ? 0 : s->watched & LOOP_READ;
		else
			events = tls_conn_wants_write(s->tls) ? LOOP_WRITE :
			    LOOP_READ;
		break;
	case STREAM_LINGER:
		events = LOOP_READ;
		break;
	case STREAM_PLAIN:
	case STREAM_TLS:
		/* A pause is mostly short: stop watching only once octets
		 * have come in it, for each change costs system calls. */
		if (stream_is_reading(s))
			events = s->in_needs;
		else if (!s->came_paused)
			events = s->watched & LOOP_READ;
		events |= s->out_needs;
		break;
	}
	s->watched = events;
	loop_watch_want(s->watch, events);
}

void
stream_enter(struct stream *s)
{
	s->is_entered = true;
}

void
stream_leave(struct stream *s)
{
	s->is_entered = false;
	if (s->is_freed)
		release(s);
	else
		wants(s);
}

/* What a pause has left goes before all that comes behind it, and the end. */
static void
show_left(struct stream *s)
{
	if (!s->must_show || !stream_is_reading(s))
		return;
	s->must_show = false;
	if (s->in.n > 0)
		show(s, buf_span(&s->in));
}

static void
transfer(struct stream *s, unsigned int events)
{
	bool is_tls = s->phase == STREAM_TLS;

	/* The end of the turn in which it was resumed is still to come. */
	show_left(s);
	if (s->phase != STREAM_OVER && s->out_needs != 0 &&
	    (is_tls || (events & s->out_needs)))
		push_and_go_on(s);
	if (stream_is_reading(s) && (is_tls || (events & LOOP_READ)))
		stream_receive(s);
	else if (events & LOOP_READ)
		s->came_paused = true;
}

static void
ready(void *ctx, unsigned int events)
{
	struct stream *s = ctx;

	stream_enter(s);
	if (s->tls != NULL)
		tls_conn_ready(s->tls);
	switch (s->phase) {
	case STREAM_CONNECTING:
		connected(s);
		break;
	case STREAM_SHAKING:
		s->came_paused = tls_conn_is_asking(s->tls);
		stream_shake(s);
		break;
	case STREAM_LINGER:
		linger(s);
		break;
	case STREAM_PLAIN:
	case STREAM_TLS:
		transfer(s, events);
		break;
	case STREAM_OVER:
		break;
	}
	stream_leave(s);
}

/* End of turn: what API calls have asked for since. */
static void
turn_ended(void *ctx)
{
	struct stream *s = ctx;

	stream_enter(s);
	if (s->is_injected) {
		stream_end(s, STREAM_END_TLS, INJECTED);
	} else if (s->is_woken) {
		s->came_paused = false;
		stream_shake(s);
	} else {
		show_left(s);
		if (s->must_read && stream_is_reading(s))
			stream_receive(s);
		if (s->phase == STREAM_PLAIN || s->phase == STREAM_TLS)
			push_and_go_on(s);
	}
	stream_leave(s);
}

static void
due(void *ctx)
{
	struct stream *s = ctx;

	stream_enter(s);
	if (s->phase == STREAM_LINGER)
		stream_end(s, STREAM_END_FINISHED, "finished");
	else
		stream_end(s, STREAM_END_TIMEOUT, "timeout");
	stream_leave(s);
}

/* Verbs */

enum err
stream_new(struct loop *loop, int fd, bool is_connecting,
    const struct stream_ops *ops, void *ctx, struct stream **out)
{
	struct stream *s = calloc(1, sizeof *s);
	enum err e;

	if (s == NULL)
		return ERR_NOMEM;
	*s = (struct stream){ .loop = loop, .fd = fd, .ops = ops, .ctx = ctx,
	    .phase = is_connecting ? STREAM_CONNECTING : STREAM_PLAIN,
	    .in_needs = LOOP_READ, .in = buf_make(STREAM_IN_MAX),
	    .out = buf_make(STREAM_OUT_MAX + STREAM_OUT_SLACK),
	    .task = { .run = turn_ended, .ctx = s } };
	e = loop_timer_new(loop, due, s, &s->timer);
	if (e == ERR_OK)
		e = loop_watch_new(loop, fd, ready, s, &s->watch);
	if (e != ERR_OK) {
		s->fd = -1;	/* not taken over */
		stream_free(s);
		return e;
	}
	wants(s);
	*out = s;
	return ERR_OK;
}

void
stream_peek(struct stream *s, bool is_wanted)
{
	s->is_peeking = is_wanted;
}

void
stream_pause(struct stream *s)
{
	s->is_paused = true;
	s->must_show = false;
}

void
stream_resume(struct stream *s)
{
	if (s->phase == STREAM_OVER)
		return;
	s->is_paused = false;
	s->came_paused = false;
	s->must_show = true;
	s->must_read = s->phase == STREAM_TLS;
	loop_task_ask(s->loop, &s->task);
}

void
stream_finish(struct stream *s)
{
	if (s->phase == STREAM_OVER || s->is_finishing)
		return;
	s->is_finishing = true;
	if (!s->has_deadline)
		stream_deadline(s, FINISH_MS);
	loop_task_ask(s->loop, &s->task);
}

void
stream_deadline(struct stream *s, uint64_t after_ms)
{
	if (s->phase == STREAM_OVER)
		return;
	/* Who finishes always has one. */
	if (after_ms == 0 && s->is_finishing)
		after_ms = FINISH_MS;
	s->has_deadline = after_ms > 0;
	if (after_ms == 0)
		loop_timer_stop(s->timer);
	else
		loop_timer_set(s->timer, after_ms);
}

enum err
stream_tls_start(struct stream *s, struct tls_context *tls,
    const char *server_name)
{
	if (s->phase == STREAM_OVER)
		return ERR_CLOSED;
	if (s->phase > STREAM_PLAIN || s->tls_next != NULL)
		return ERR_DENIED;
	if (server_name != NULL) {
		s->server_name = strdup(server_name);
		if (s->server_name == NULL)
			return ERR_NOMEM;
	}
	s->tls_next = tls_context_hold(tls);
	stream_mark_tls(s);
	/* Inside data() the owner has not said yet what it has used. */
	if (!s->is_showing && s->in.n > 0)
		s->is_injected = true;
	loop_task_ask(s->loop, &s->task);
	return ERR_OK;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->phase == STREAM_TLS;
}

bool
stream_is_verified(const struct stream *s)
{
	return s->tls != NULL && tls_conn_is_verified(s->tls);
}

struct span
stream_tls_name(const struct stream *s)
{
	return span_str(stream_is_tls(s) ? tls_conn_name(s->tls) : "");
}

const struct tls_conn *
stream_tls_conn(const struct stream *s)
{
	return stream_is_tls(s) ? s->tls : NULL;
}

struct span
stream_why(const struct stream *s)
{
	return span_str(s->why != NULL ? s->why : "");
}
