/*
 * tls_wish.c - a handshake that stops in the middle of a step, where it needs a
 * signature from another process.
 *
 * OpenSSL's provider signs in one call.  A step runs as a job of OpenSSL's (a stack
 * of its own, ASYNC_start_job(3)), which leaves that call until the answer is
 * there: no thread waits, and the loop goes round.  Only steps of a server's
 * handshake up to its signature are jobs: what follows, a client's certificate
 * too, is done on our own stack, which is longer and has a guard.
 *
 * A job that waits holds its stack and OpenSSL's objects, so a connection that is
 * freed lets it end first, with no signature and nothing more to send.
 */
#include "io/tls_private.h"

#include <openssl/async.h>
#include <openssl/err.h>

/* The connection whose step this is; NULL: a step that cannot stop. */
static struct tls_conn *
conn_of_job(void)
{
	ASYNC_JOB *job = ASYNC_get_current_job();
	ASYNC_callback_fn callback;
	void *ssl = NULL;

	if (job == NULL || ASYNC_WAIT_CTX_get_callback(
	    ASYNC_get_wait_ctx(job), &callback, &ssl) != 1 || ssl == NULL)
		return NULL;
	return SSL_get_app_data((SSL *)ssl);
}

/* Never called: a job's connection is found by it. */
static int
is_found_by_this(SSL *ssl UNUSED, void *arg UNUSED)
{
	return 1;
}

int
tls_wish_step(struct tls_conn *c)
{
	int ret;

	if (!c->tls->is_server || (c->has_signed && c->wish == NULL))
		return SSL_do_handshake(c->ssl);
	if (SSL_set_async_callback(c->ssl, is_found_by_this) != 1)
		return -1;
	(void)SSL_set_mode(c->ssl, SSL_MODE_ASYNC);
	ret = SSL_do_handshake(c->ssl);
	(void)SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);
	return ret;
}

/* Who is resumed has an answer, or leaves. */
static enum err
wait_for(const struct tls_signer *signer, struct tls_conn *c,
    struct tls_wish *wish)
{
	wish->conn = c;
	if (wish->e == ERR_AGAIN) {
		c->wish = wish;
		(void)ASYNC_pause_job();
		c->wish = NULL;
	}
	if (wish->e != ERR_AGAIN)
		return wish->e;
	signer->cancel(signer->ctx, wish);
	return ERR_CLOSED;
}

enum err
tls_wish_sign(const struct tls_signer *signer, const uint8_t id[TLS_KEY_ID],
    uint16_t scheme, struct span octets, struct tls_signature *to)
{
	struct tls_wish wish = { .e = ERR_AGAIN, .id = id, .scheme = scheme,
		.octets = octets };
	struct tls_conn *c = conn_of_job();
	enum err e;

	if (c == NULL || c->is_leaving || !signer->ask(signer->ctx, &wish))
		return ERR_CLOSED;
	c->has_signed = true;
	e = wait_for(signer, c, &wish);
	if (e == ERR_OK)
		*to = wish.signature;
	return e;
}

void
tls_wish_answer(struct tls_wish *wish, enum err e, struct span signature)
{
	struct tls_conn *c = wish->conn;

	wish->e = e;
	if (e == ERR_OK && signature.n > sizeof wish->signature.octets)
		wish->e = ERR_FULL;
	if (wish->e == ERR_OK) {
		wish->signature.n = signature.n;
		memcpy(wish->signature.octets, signature.p, signature.n);
	}
	/* Within ask() nobody waits yet. */
	if (c != NULL && c->woken != NULL)
		c->woken(c->woken_ctx);
}

bool
tls_conn_is_asking(const struct tls_conn *c)
{
	return c->wish != NULL && c->wish->e == ERR_AGAIN;
}

void
tls_conn_waker(struct tls_conn *c, void (*woken)(void *ctx), void *ctx)
{
	c->woken = woken;
	c->woken_ctx = ctx;
}

void
tls_wish_leave(struct tls_conn *c)
{
	if (c->wish == NULL)
		return;
	c->is_leaving = true;
	(void)tls_wish_step(c);
	ERR_clear_error();
}
