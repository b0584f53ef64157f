/*
 * wire.c - a socket, and TLS 1.3 over it if asked.
 */
#include "bench/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_A_NETWORK	200ul

SSL_CTX *
wire_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
		die("SSL_CTX_new");
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return ctx;
}

void
wire_open(struct wire *w, const char *where, unsigned long nth,
    unsigned long addresses)
{
	char from[32];

	w->ssl = NULL;
	if (addresses == 0) {
		w->fd = connect_to(where);
		return;
	}
	nth %= addresses;
	(void)snprintf(from, sizeof from, "127.1.%lu.%lu:0",
	    nth / ADDRESSES_A_NETWORK, nth % ADDRESSES_A_NETWORK + 1);
	w->fd = connect_from(from, where);
}

void
wire_secure(struct wire *w, SSL_CTX *ctx)
{
	w->ssl = SSL_new(ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		die("SSL_new");
	SSL_set_connect_state(w->ssl);
}

void
wire_close(struct wire *w)
{
	SSL_free(w->ssl);
	w->ssl = NULL;
	(void)close(w->fd);
	w->fd = -1;
}

static ssize_t
result(struct wire *w, int ret, size_t n)
{
	int what = SSL_get_error(w->ssl, ret);

	if (what == SSL_ERROR_NONE)
		return (ssize_t)n;
	ERR_clear_error();
	if (what == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE ?
	    EAGAIN : EPROTO;
	return -1;
}

ssize_t
wire_send(struct wire *w, const void *octets, size_t n)
{
	size_t sent = 0;
	int ret;

	if (w->ssl == NULL)
		return send(w->fd, octets, n, MSG_NOSIGNAL);
	ret = SSL_write_ex(w->ssl, octets, n, &sent);
	return result(w, ret, sent);
}

ssize_t
wire_recv(struct wire *w, void *to, size_t room)
{
	size_t got = 0;
	int ret;

	if (w->ssl == NULL)
		return recv(w->fd, to, room, 0);
	ret = SSL_read_ex(w->ssl, to, room, &got);
	return result(w, ret, got);
}

bool
wire_wants_room(const struct wire *w)
{
	return w->ssl == NULL || SSL_want_write(w->ssl);
}
