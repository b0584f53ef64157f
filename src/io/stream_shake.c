/*
 * stream_shake.c - a stream's handshake, in the loop or in a thread.
 *
 * A server whose private key is elsewhere waits for a signature in the middle
 * of a step, and OpenSSL has no way out of there.  So such a step is done by a
 * thread; until it has ended the stream does nothing.  A stream that ends
 * before leaves connection and socket to the thread: its descriptor's number
 * may not be another's while the thread still reads from it.
 */
#include "io/stream_private.h"
#include "io/worker.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream_shake {
	struct stream	*s;		/* NULL: it has ended */
	struct tls_conn	*tls;
	int		 fd;
	enum err	 e;
};

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
	if (stream_is_reading(s))
		stream_receive(s);
}

static void
shake_run(void *job)
{
	struct stream_shake *k = job;

	k->e = tls_conn_handshake(k->tls);
}

static void
shake_done(void *job)
{
	struct stream_shake *k = job;
	struct stream *s = k->s;

	if (s == NULL) {
		tls_conn_free(k->tls);
		(void)close(k->fd);
	} else {
		s->shake = NULL;
		stream_enter(s);
		shaken(s, k->e);
		stream_leave(s);
	}
	free(k);
}

/* Where there is no place left to wait, the handshake ends. */
static void
hand_over(struct stream *s, struct worker *w)
{
	struct stream_shake *k = malloc(sizeof *k);

	if (k == NULL) {
		stream_end(s, STREAM_END_ERROR, "out of memory");
		return;
	}
	*k = (struct stream_shake){ .s = s, .tls = s->tls, .fd = s->fd };
	if (worker_give(w, shake_run, shake_done, k) != ERR_OK) {
		free(k);
		stream_end(s, STREAM_END_ERROR, "too many handshakes");
		return;
	}
	s->shake = k;
}

void
stream_shake(struct stream *s)
{
	struct worker *w;

	if (s->shake != NULL)
		return;
	w = tls_conn_worker(s->tls);
	if (w != NULL)
		hand_over(s, w);
	else
		shaken(s, tls_conn_handshake(s->tls));
}

void
stream_shake_leave(struct stream *s)
{
	if (s->shake == NULL)
		return;
	/* The thread's next word to the peer fails at once. */
	(void)shutdown(s->fd, SHUT_RDWR);
	s->shake->s = NULL;
	s->shake = NULL;
	s->tls = NULL;
	s->fd = -1;
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
	s->phase = STREAM_SHAKING;
	/* A thread is not woken for a hello that may not have come. */
	if (tls_conn_worker(s->tls) == NULL)
		stream_shake(s);
}
