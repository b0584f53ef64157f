/*
 * tls_pair.h - a connection of ours and an OpenSSL client, stepped in turn in
 * one thread over a socket pair.
 */
#ifndef POSTHORSE_TESTS_IO_TLS_PAIR_H
#define POSTHORSE_TESTS_IO_TLS_PAIR_H

#include "check.h"
#include "io/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_PAIR_STEPS	20u	/* a handshake takes four */

struct tls_pair {
	struct tls_conn	*server;
	enum err	 server_end;	/* ERR_AGAIN: it goes on */
	SSL		*client;
	bool		 has_shaken;	/* both sides say so */
	int		 fds[2];
};

static inline void
tls_pair_begin(struct tls_pair *p, struct tls_context *tls, SSL_CTX *ctx)
{
	*p = (struct tls_pair){ .server_end = ERR_AGAIN };
	assert_int_equal(socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p->fds), 0);
	assert_int_equal(tls_conn_new(tls, p->fds[0], NULL, &p->server),
	    ERR_OK);
	p->client = SSL_new(ctx);
	assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
	SSL_set_connect_state(p->client);
}

static inline bool
tls_pair_shake(struct tls_pair *p)
{
	bool has_client = false;

	for (unsigned int i = 0; i < TLS_PAIR_STEPS; i++) {
		has_client = SSL_do_handshake(p->client) == 1;
		tls_conn_ready(p->server);
		if (p->server_end == ERR_AGAIN)
			p->server_end = tls_conn_handshake(p->server);
	}
	/* An alert of the server may come behind the client's last word. */
	if (has_client && p->server_end != ERR_OK)
		has_client = false;
	p->has_shaken = has_client;
	ERR_clear_error();
	return p->has_shaken;
}

/* One octet each way: tickets that came behind the handshake are read, too. */
static inline bool
tls_pair_talk(struct tls_pair *p)
{
	uint8_t octet = 'x';
	size_t n;

	tls_conn_ready(p->server);
	return SSL_write(p->client, &octet, 1) == 1 &&
	    tls_conn_read(p->server, &octet, 1, &n) == ERR_OK &&
	    tls_conn_write(p->server, span_of(&octet, 1), &n) == ERR_OK &&
	    SSL_read(p->client, &octet, 1) == 1;
}

static inline void
tls_pair_end(struct tls_pair *p)
{
	/* Without this OpenSSL would not resume the session. */
	if (p->has_shaken)
		(void)SSL_shutdown(p->client);
	SSL_free(p->client);
	tls_conn_free(p->server);
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
	ERR_clear_error();
}

#endif
