/*
 * tls_conn.c - one connection: OpenSSL over our own socket calls.
 */
#include "io/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The socket as a BIO */

/*
 * Nobody waits for a ticket, and the client speaks next (or we greet): it leaves
 * with the next reply, and the client is woken once.
 */
static bool
is_ticket(const struct tls_conn *c)
{
	return SSL_get_state(c->ssl) == TLS_ST_SW_SESSION_TICKET &&
	    SSL_version(c->ssl) == TLS1_3_VERSION;
}

static int
bio_write(BIO *b, const char *p, int n)
{
	struct tls_conn *c = BIO_get_data(b);
	int more = c->has_more || is_ticket(c) ? MSG_MORE : 0;
	ssize_t sent;

	BIO_clear_retry_flags(b);
	if (c->is_leaving)
		return -1;
	sent = send(c->fd, p, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT | more);
	c->error = errno;
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return (int)sent;
}

/*
 * Who got less than there was room for has emptied the socket, and the loop
 * tells of whatever comes later: until then there is nothing to ask the kernel.
 */
static int
bio_read(BIO *b, char *p, int n)
{
	struct tls_conn *c = BIO_get_data(b);
	ssize_t got = -1;

	BIO_clear_retry_flags(b);
	c->error = EAGAIN;
	if (!c->is_drained) {
		got = recv(c->fd, p, (size_t)n, MSG_DONTWAIT);
		c->error = errno;
	}
	if (got == 0)
		c->is_eof = true;
	if (got < 0 && (c->error == EAGAIN || c->error == EINTR))
		BIO_set_retry_read(b);
	c->is_drained = got > 0 ? got < n : got < 0 && c->error == EAGAIN;
	return (int)got;
}

static long
bio_ctrl(BIO *b, int what, long n UNUSED, void *p UNUSED)
{
	const struct tls_conn *c = BIO_get_data(b);

	if (what == BIO_CTRL_FLUSH)
		return 1;
	return what == BIO_CTRL_EOF && c != NULL && c->is_eof;
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *
tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");

	if (m == NULL)
		return NULL;
	if (BIO_meth_set_write(m, bio_write) != 1 ||
	    BIO_meth_set_read(m, bio_read) != 1 ||
	    BIO_meth_set_ctrl(m, bio_ctrl) != 1 ||
	    BIO_meth_set_create(m, bio_create) != 1) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}

/* Names */

/*
 * RFC 6125 6.4.3, TLS-11: a wildcard is a whole label, names are alternative
 * names.  An address has no SNI (RFC 6066 3).
 */
static enum err
name_use(struct tls_conn *c, const char *server_name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(c->ssl);

	if (server_name == NULL)
		return c->tls->is_verified ? ERR_DENIED : ERR_OK;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1)
		return ERR_OK;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (SSL_set_tlsext_host_name(c->ssl, server_name) != 1 ||
	    X509_VERIFY_PARAM_set1_host(param, server_name, 0) != 1)
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err
conn_open(struct tls_conn *c, const char *server_name)
{
	BIO *bio;

	c->ssl = SSL_new(c->tls->ctx);
	bio = BIO_new(c->tls->bio);
	if (c->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		return ERR_NOMEM;
	}
	BIO_set_data(bio, c);
	SSL_set_bio(c->ssl, bio, bio);
	(void)SSL_set_app_data(c->ssl, c);
	if (c->tls->is_server) {
		SSL_set_accept_state(c->ssl);
		return ERR_OK;
	}
	SSL_set_connect_state(c->ssl);
	return name_use(c, server_name);
}

enum err
tls_conn_new(struct tls_context *tls, int fd, const char *server_name,
    struct tls_conn **out)
{
	struct tls_conn *c = calloc(1, sizeof *c);
	enum err e;

	if (c == NULL)
		return ERR_NOMEM;
	c->tls = tls_context_hold(tls);
	c->fd = fd;
	ERR_clear_error();
	e = conn_open(c, server_name);
	if (e != ERR_OK) {
		tls_conn_free(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

bool
tls_conn_is_verified(const struct tls_conn *c)
{
	return SSL_is_init_finished(c->ssl) &&
	    SSL_get0_peer_certificate(c->ssl) != NULL &&
	    SSL_get_verify_result(c->ssl) == X509_V_OK;
}

void
tls_conn_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	tls_wish_leave(c);
	SSL_free(c->ssl);
	tls_context_free(c->tls);
	free(c);
}

/* What a call's result means to us. */

static enum err
fail(struct tls_conn *c, enum err e, const char *why)
{
	c->over = e;
	if (why != NULL)
		(void)snprintf(c->why, sizeof c->why, "%s", why);
	return e;
}

static enum err
fail_ssl(struct tls_conn *c)
{
	long verdict = SSL_get_verify_result(c->ssl);

	if (c->tls->is_verified && verdict != X509_V_OK) {
		ERR_clear_error();
		return fail(c, ERR_CORRUPT,
		    X509_verify_cert_error_string(verdict));
	}
	if (c->is_eof) {
		ERR_clear_error();
		return fail(c, ERR_SHORT, "connection closed inside TLS");
	}
	tls_why_queue(c->why, "TLS");
	return fail(c, ERR_CORRUPT, NULL);
}

static enum err
result(struct tls_conn *c, int ret)
{
	int what = SSL_get_error(c->ssl, ret);

	c->wants_write = what == SSL_ERROR_WANT_WRITE;
	switch (what) {
	case SSL_ERROR_NONE:
		return ERR_OK;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
	case SSL_ERROR_WANT_ASYNC:
		return ERR_AGAIN;
	case SSL_ERROR_WANT_ASYNC_JOB:
		return fail(c, ERR_NOMEM, "out of memory");
	case SSL_ERROR_ZERO_RETURN:
		return fail(c, ERR_CLOSED, "close_notify");
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		if (c->is_eof)
			return fail(c, ERR_SHORT,
			    "connection closed inside TLS");
		return fail(c, ERR_IO, strerrordesc_np(c->error));
	default:
		return fail_ssl(c);
	}
}

enum err
tls_conn_handshake(struct tls_conn *c)
{
	enum err e;

	if (c->over != ERR_OK)
		return c->over;
	if (tls_conn_is_asking(c))
		return ERR_AGAIN;
	ERR_clear_error();
	e = result(c, tls_wish_step(c));
	if (e == ERR_OK)
		(void)snprintf(c->name, sizeof c->name, "%s %s",
		    SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl));
	return e;
}

void
tls_conn_more(struct tls_conn *c, bool follows)
{
	c->has_more = follows;
}

void
tls_conn_ready(struct tls_conn *c)
{
	c->is_drained = false;
}

enum err
tls_conn_read(struct tls_conn *c, void *to, size_t room, size_t *n)
{
	if (c->over != ERR_OK)
		return c->over;
	ERR_clear_error();
	return result(c, SSL_read_ex(c->ssl, to, room, n));
}

enum err
tls_conn_write(struct tls_conn *c, struct span octets, size_t *n)
{
	if (c->over != ERR_OK)
		return c->over;
	ERR_clear_error();
	return result(c, SSL_write_ex(c->ssl, octets.p, octets.n, n));
}

bool
tls_conn_is_server(const struct tls_conn *c)
{
	return c->tls->is_server;
}

bool
tls_conn_wants_write(const struct tls_conn *c)
{
	return c->wants_write;
}

void
tls_conn_shutdown(struct tls_conn *c)
{
	/* After a failure OpenSSL forbids it. */
	if (c->over != ERR_OK)
		return;
	ERR_clear_error();
	c->has_more = false;
	(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	c->over = ERR_CLOSED;
}

bool
tls_conn_is_resumed(const struct tls_conn *c)
{
	return SSL_session_reused(c->ssl) == 1;
}

const char *
tls_conn_name(const struct tls_conn *c)
{
	return c->name;
}

const char *
tls_conn_why(const struct tls_conn *c)
{
	return c->why;
}
