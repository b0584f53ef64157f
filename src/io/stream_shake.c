/*
 * stream_shake.c - a stream's handshake.
 *
 * A server whose private key is elsewhere asks for a signature in the middle of a
 * step (io/tls.h).  Until the answer is there the stream waits for that and its
 * deadline alone; then it goes on where it was.
 */
#include "io/stream_private.h"

#include <stdlib.h>

static void
shaken(struct stream *s, enum err e)
{
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		stream_end_tls(s, e);
		return;
	}
	s->phase = STREAM_TLS;
	if (s->ops->tls_ready != NULL)
		s->ops->tls_ready(s->ctx);
	/* What its owner has said meanwhile, the end too, leaves now. */
	if (s->phase == STREAM_TLS)
		loop_task_ask(s->loop, &s->task);
	if (stream_is_reading(s))
		stream_receive(s);
}

void
stream_shake(struct stream *s)
{
	s->is_woken = false;
	shaken(s, tls_conn_handshake(s->tls));
}

/*
 * The signer has answered, in a callback of its own, whose packet lies where we
 * would read: we go on at the end of this turn.
 */
static void
on_woken(void *ctx)
{
	struct stream *s = ctx;

	s->is_woken = true;
	loop_task_ask(s->loop, &s->task);
}

bool
stream_is_asking(const struct stream *s)
{
	return s->phase == STREAM_SHAKING && tls_conn_is_asking(s->tls);
}

void
stream_shake_begin(struct stream *s)
{
	enum err e = tls_conn_new(s->tls_next, s->fd, s->server_name, &s->tls);

	tls_context_free(s->tls_next);
	s->tls_next = NULL;
	free(s->server_name);
	s->server_name = NULL;
	if (e != ERR_OK) {
		stream_end_tls(s, e);
		return;
	}
	tls_conn_waker(s->tls, on_woken, s);
	s->phase = STREAM_SHAKING;
	s->came_paused = false;
	/* A client's hello has seldom come with what it answers to. */
	if (!tls_conn_is_server(s->tls))
		stream_shake(s);
}
