/*
 * tls.c - streams that turn to TLS, against a scripted peer.
 *
 * The owner here is a small line machine: STARTTLS is answered `220` and TLS
 * begins, QUIT ends, anything else is answered `250`.  Each line that it was
 * shown is written down with P (plain) or T (TLS) before it: what an attacker
 * injects must never turn up with the wrong letter, or at all.
 *
 * The peer runs in a thread, on the blocking end of a socket pair.
 */
#include "pem.h"
#include "rig.h"
#include "signer.h"

#include "io/stream.h"
#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct scene {
	struct rig		 rig;
	struct tls_context	*tls;
	struct stream		*s;
	int			 peer;
	const char		*name;		/* client: server's name */
	bool			 is_client;
	char			 lines[512];
	unsigned int		 ended, ready;
	enum stream_end		 end;
	char			 why[TLS_WHY_MAX];
	char			 tls_name[64];
	int			 file;		/* sent on FILE */
	void			(*script)(struct scene *);
	/* What the script has found out. */
	char			 heard[256];
	bool			 has_shaken;
	char			 alpn[16];
};

static struct pem pem;

/* Our side */

static void
line(struct scene *c, struct span text)
{
	size_t at = strlen(c->lines);

	(void)snprintf(c->lines + at, sizeof c->lines - at, "%c:%.*s|",
	    stream_is_tls(c->s) ? 'T' : 'P', SPAN_FMT(text));
	if (c->is_client) {
		if (span_starts(text, SPAN("220")))
			assert_int_equal(stream_tls_start(c->s, c->tls,
			    c->name), ERR_OK);
		return;
	}
	if (span_eq(text, SPAN("STARTTLS"))) {
		assert_int_equal(stream_send(c->s, SPAN("220 go\r\n")), ERR_OK);
		assert_int_equal(stream_tls_start(c->s, c->tls, NULL), ERR_OK);
		CHECK_NUM(stream_tls_start(c->s, c->tls, NULL), ERR_DENIED,
		    "once only");
		return;
	}
	if (span_eq(text, SPAN("FILE"))) {
		assert_int_equal(stream_send(c->s, SPAN("<")), ERR_OK);
		assert_int_equal(stream_send_file(c->s, c->file, 0, 200000),
		    ERR_OK);
	}
	assert_int_equal(stream_send(c->s, SPAN("250 ok\r\n")), ERR_OK);
	if (span_eq(text, SPAN("QUIT")))
		stream_finish(c->s);
}

static void
on_data(void *ctx, struct span *in)
{
	struct scene *c = ctx;
	unsigned int ready = c->ready;
	size_t end;

	/* After STARTTLS the plain reader stops. */
	while ((end = span_find_span(*in, SPAN("\r\n"))) < in->n &&
	    ready == c->ready) {
		struct span text = span_take(in, end);

		(void)span_take(in, 2);
		line(c, text);
		if (span_starts(text, SPAN("STARTTLS")) ||
		    span_starts(text, SPAN("220")))
			return;
	}
}

static void
on_tls_ready(void *ctx)
{
	struct scene *c = ctx;

	c->ready++;
	(void)snprintf(c->tls_name, sizeof c->tls_name, "%.*s",
	    SPAN_FMT(stream_tls_name(c->s)));
	if (c->is_client)
		assert_int_equal(stream_send(c->s, SPAN("EHLO me\r\n")),
		    ERR_OK);
}

static void
on_ended(void *ctx, enum stream_end end)
{
	struct scene *c = ctx;

	c->ended++;
	c->end = end;
	(void)snprintf(c->why, sizeof c->why, "%.*s",
	    SPAN_FMT(stream_why(c->s)));
	stream_free(c->s);
	c->s = NULL;
	loop_quit(c->rig.loop);
}

static const struct stream_ops ops = { .data = on_data,
    .tls_ready = on_tls_ready, .ended = on_ended };

static void *
thread_main(void *arg)
{
	struct scene *c = arg;

	c->script(c);
	(void)close(c->peer);
	return NULL;
}

/* Play one scene to its end. */
static void
play(struct scene *c, struct tls_context *tls, void (*script)(struct scene *))
{
	static const struct timeval patience = { 5, 0 };
	pthread_t thread;
	int fds[2];

	c->tls = tls;
	c->script = script;
	rig_begin(&c->rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	c->peer = fds[1];
	assert_int_equal(setsockopt(c->peer, SOL_SOCKET, SO_RCVTIMEO,
	    &patience, sizeof patience), 0);
	assert_int_equal(stream_new(c->rig.loop, fds[0], false, &ops, c,
	    &c->s), ERR_OK);
	stream_deadline(c->s, 5000);
	assert_int_equal(pthread_create(&thread, NULL, thread_main, c), 0);
	rig_run(&c->rig);
	assert_int_equal(pthread_join(thread, NULL), 0);
	CHECK_NUM(c->ended, 1, "ended once");
	rig_end(&c->rig);
}

/* The peer's words */

static void
peer_say(struct scene *c, const char *text)
{
	(void)!send(c->peer, text, strlen(text), MSG_NOSIGNAL);
}

/* Read until the end of a line, or of the connection. */
static void
peer_hear(struct scene *c)
{
	size_t n = 0;

	while (n + 1 < sizeof c->heard &&
	    recv(c->peer, c->heard + n, 1, 0) == 1)
		if (c->heard[n++] == '\n')
			break;
	c->heard[n] = '\0';
}

static void
peer_hear_end(struct scene *c)
{
	char octets[512];

	while (recv(c->peer, octets, sizeof octets, 0) > 0)
		;
}

struct peer_tls {
	SSL_CTX	*ctx;
	SSL	*ssl;
};

static struct peer_tls
peer_tls_new(struct scene *c)
{
	struct peer_tls p = { .ctx = SSL_CTX_new(TLS_client_method()) };

	/* Level 0: this peer would speak anything. */
	SSL_CTX_set_cipher_list(p.ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(p.ctx, 0);
	p.ssl = SSL_new(p.ctx);
	(void)SSL_set_fd(p.ssl, c->peer);
	return p;
}

static void
peer_tls_free(struct peer_tls *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	ERR_clear_error();
}

static bool
peer_shake(struct scene *c, struct peer_tls *p)
{
	const unsigned char *alpn = NULL;
	unsigned int n = 0;

	c->has_shaken = SSL_connect(p->ssl) == 1;
	SSL_get0_alpn_selected(p->ssl, &alpn, &n);
	(void)snprintf(c->alpn, sizeof c->alpn, "%.*s", (int)n, alpn);
	return c->has_shaken;
}

static void
peer_tls_say(struct peer_tls *p, const char *text)
{
	(void)SSL_write(p->ssl, text, (int)strlen(text));
}

static void
peer_tls_hear(struct scene *c, struct peer_tls *p)
{
	int n = SSL_read(p->ssl, c->heard, (int)sizeof c->heard - 1);

	c->heard[MAX(n, 0)] = '\0';
}

static void
peer_starttls(struct scene *c)
{
	peer_say(c, "STARTTLS\r\n");
	peer_hear(c);
}

/* Scripts */

static void
script_good(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "NOOP\r\n");
		peer_tls_hear(c, &p);
		peer_tls_say(&p, "QUIT\r\n");
		peer_tls_hear(c, &p);
		(void)SSL_shutdown(p.ssl);
	}
	peer_tls_free(&p);
}

static void
test_good(void **state UNUSED)
{
	struct tls_context *tls;
	struct scene c = { 0 };

	tls = signer_server(&pem);
	play(&c, tls, script_good);
	CHECK_STR(c.lines, "P:STARTTLS|T:NOOP|T:QUIT|", "lines");
	CHECK_STR(c.heard, "250 ok\r\n", "heard");
	CHECK(strncmp(c.tls_name, "TLSv1.3 TLS_", 12) == 0, "%s", c.tls_name);
	CHECK_NUM(c.end, STREAM_END_FINISHED, "%s", c.why);
	tls_context_free(tls);
}

static void
script_inject_same_write(struct scene *c)
{
	peer_say(c, "STARTTLS\r\nRCPT TO:<evil>\r\n");
	peer_hear_end(c);
}

static void
script_inject_octet(struct scene *c)
{
	peer_say(c, "STARTTLS\r\nR");
	peer_hear_end(c);
}

/* After the 220, plain words where a ClientHello belongs. */
static void
script_inject_after_220(struct scene *c)
{
	peer_starttls(c);
	peer_say(c, "RCPT TO:<evil>\r\n");
	peer_hear_end(c);
}

static void
script_sslv2_hello(struct scene *c)
{
	static const uint8_t hello[] = { 0x80, 0x1c, 0x01, 0x00, 0x02, 0x00,
	    0x03, 0x00, 0x00, 0x00, 0x10, 0x07, 0x00, 0xc0, 1, 2, 3, 4, 5, 6,
	    7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	peer_starttls(c);
	(void)!send(c->peer, hello, sizeof hello, MSG_NOSIGNAL);
	peer_hear_end(c);
}

static void
old_version(struct scene *c, int version)
{
	struct peer_tls p = peer_tls_new(c);

	SSL_set_min_proto_version(p.ssl, version);
	SSL_set_max_proto_version(p.ssl, version);
	peer_starttls(c);
	(void)peer_shake(c, &p);
	peer_tls_free(&p);
}

static void
script_tls10(struct scene *c)
{
	old_version(c, TLS1_VERSION);
}

static void
script_tls11(struct scene *c)
{
	old_version(c, TLS1_1_VERSION);
}

/* TLS-2: the peer ends TLS in the middle of content, then speaks plain. */
static void
script_notify_then_plain(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "DATA\r\nhalf a li");
		peer_tls_hear(c, &p);
		(void)SSL_shutdown(p.ssl);
		peer_say(c, "X\r\nMAIL FROM:<>\r\n");
		peer_hear_end(c);
	}
	peer_tls_free(&p);
}

static void
script_plain_in_tls(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "DATA\r\n");
		peer_tls_hear(c, &p);
		peer_say(c, "X\r\nMAIL FROM:<>\r\n");
		peer_hear_end(c);
	}
	peer_tls_free(&p);
}

static void
script_cut_in_tls(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "DATA\r\n");
		peer_tls_hear(c, &p);
	}
	peer_tls_free(&p);
}

/* TLS 1.2 alone knows renegotiation. */
static void
script_renegotiate(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION);
	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "NOOP\r\n");
		peer_tls_hear(c, &p);
		(void)SSL_renegotiate(p.ssl);
		c->has_shaken = SSL_do_handshake(p.ssl) == 1;
		peer_tls_hear(c, &p);
	}
	peer_tls_free(&p);
}

static const struct {
	const char	*name;
	void		(*script)(struct scene *);
	const char	*lines;
	enum stream_end	 end;
	bool		 shakes;		/* last handshake ended well */
} attacks[] = {
	{ "RCPT behind STARTTLS", script_inject_same_write, "P:STARTTLS|",
	    STREAM_END_TLS, false },
	{ "one octet behind STARTTLS", script_inject_octet, "P:STARTTLS|",
	    STREAM_END_TLS, false },
	{ "plain after 220", script_inject_after_220, "P:STARTTLS|",
	    STREAM_END_TLS, false },
	{ "SSLv2 hello", script_sslv2_hello, "P:STARTTLS|", STREAM_END_TLS,
	    false },
	{ "TLS 1.0", script_tls10, "P:STARTTLS|", STREAM_END_TLS, false },
	{ "TLS 1.1", script_tls11, "P:STARTTLS|", STREAM_END_TLS, false },
	{ "close_notify, then plain", script_notify_then_plain,
	    "P:STARTTLS|T:DATA|", STREAM_END_PEER, true },
	{ "plain inside TLS", script_plain_in_tls, "P:STARTTLS|T:DATA|",
	    STREAM_END_TLS, true },
	{ "cut inside TLS", script_cut_in_tls, "P:STARTTLS|T:DATA|",
	    STREAM_END_PEER, true },
	{ "renegotiation", script_renegotiate, "P:STARTTLS|T:NOOP|",
	    STREAM_END_TLS, false },
};

static void
test_attacks(void **state UNUSED)
{
	struct tls_context *tls;

	tls = signer_server(&pem);
	for (size_t i = 0; i < COUNT(attacks); i++) {
		struct scene c = { 0 };

		play(&c, tls, attacks[i].script);
		CHECK_STR(c.lines, attacks[i].lines, "%s", attacks[i].name);
		CHECK_NUM(c.end, attacks[i].end, "%s: %s", attacks[i].name,
		    c.why);
		CHECK(c.why[0] != '\0', "%s: a reason", attacks[i].name);
		CHECK_NUM(c.has_shaken, attacks[i].shakes, "%s: handshake",
		    attacks[i].name);
	}
	tls_context_free(tls);
}

/* TLS-4: nothing to resume with, hence no early data, no compression. */
static void
script_nothing_extra(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);
	SSL_SESSION *session;

	SSL_CTX_set_session_cache_mode(p.ctx, SSL_SESS_CACHE_CLIENT);
	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "NOOP\r\n");
		peer_tls_hear(c, &p);
		session = SSL_get1_session(p.ssl);
		c->has_shaken = SSL_SESSION_get_max_early_data(session) == 0 &&
		    !SSL_SESSION_has_ticket(session) &&
		    SSL_SESSION_get_compress_id(session) == 0;
		SSL_SESSION_free(session);
		(void)SSL_shutdown(p.ssl);
	}
	peer_tls_free(&p);
}

static void
test_nothing_extra(void **state UNUSED)
{
	struct tls_context *tls;
	struct scene c = { 0 };

	tls = signer_server(&pem);
	play(&c, tls, script_nothing_extra);
	CHECK(c.has_shaken, "no ticket, early data or compression");
	CHECK_NUM(c.end, STREAM_END_PEER, "close_notify");
	CHECK_STR(c.why, "close_notify", "why");
	tls_context_free(tls);
}

/* TLS-6 */
static const struct {
	const char	*name, *offer, *chosen;
	size_t		 noffer;
	bool		 shakes;
} alpns[] = {
	{ "none", NULL, "", 0, true },
	{ "smtp", "\4smtp", "smtp", 5, true },
	{ "esmtp", "\5esmtp", "esmtp", 6, true },
	{ "h2, then smtp", "\2h2\4smtp", "smtp", 8, true },
	{ "h2", "\2h2", "", 3, false },
	{ "http/1.1", "\10http/1.1", "", 9, false },
	{ "imap", "\4imap", "", 5, false },
	{ "SMTP in capitals", "\4SMTP", "", 5, false },
	{ "smt", "\3smt", "", 4, false },
};
static size_t alpn_row;

static void
script_alpn(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	if (alpns[alpn_row].offer != NULL)
		(void)SSL_set_alpn_protos(p.ssl,
		    (const unsigned char *)alpns[alpn_row].offer,
		    (unsigned int)alpns[alpn_row].noffer);
	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "NOOP\r\n");
		peer_tls_hear(c, &p);
	}
	peer_tls_free(&p);
}

static void
test_alpn(void **state UNUSED)
{
	struct tls_context *tls;

	tls = signer_server(&pem);
	for (alpn_row = 0; alpn_row < COUNT(alpns); alpn_row++) {
		struct scene c = { 0 };

		play(&c, tls, script_alpn);
		CHECK_NUM(c.has_shaken, alpns[alpn_row].shakes, "%s",
		    alpns[alpn_row].name);
		CHECK_STR(c.alpn, alpns[alpn_row].chosen, "%s",
		    alpns[alpn_row].name);
	}
	tls_context_free(tls);
}

static char sni[256];

static void
script_sni(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);

	(void)SSL_set_tlsext_host_name(p.ssl, sni);
	peer_starttls(c);
	(void)peer_shake(c, &p);
	peer_tls_free(&p);
}

static void
test_any_sni(void **state UNUSED)
{
	static const char *const names[] = { "mx.example.org", "unknown.test",
	    "a\\b", "a b", "..", "-", NULL };
	struct tls_context *tls;

	tls = signer_server(&pem);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct scene c = { 0 };

		memset(sni, 'x', sizeof sni - 1);
		if (names[i] != NULL)
			(void)snprintf(sni, sizeof sni, "%s", names[i]);
		play(&c, tls, script_sni);
		CHECK(c.has_shaken, "%s: the default certificate", sni);
	}
	tls_context_free(tls);
}

/* Octets in records of every kind of size mean the same. */
static void
script_pieces(struct scene *c)
{
	struct peer_tls p = peer_tls_new(c);
	const char *text = "NOOP\r\nRSET\r\nVRFY x\r\n";

	peer_starttls(c);
	if (peer_shake(c, &p)) {
		for (; *text != '\0'; text++)
			(void)SSL_write(p.ssl, text, 1);
		peer_tls_say(&p, "QUIT\r\n");
		for (int n = 1; n > 0;)
			n = SSL_read(p.ssl, c->heard, sizeof c->heard);
	}
	peer_tls_free(&p);
}

static void
test_pieces(void **state UNUSED)
{
	struct tls_context *tls;
	struct scene c = { 0 };

	tls = signer_server(&pem);
	play(&c, tls, script_pieces);
	CHECK_STR(c.lines, "P:STARTTLS|T:NOOP|T:RSET|T:VRFY x|T:QUIT|",
	    "lines");
	tls_context_free(tls);
}

/* A file goes out whole through records, with words before and behind. */
static size_t file_heard;

static void
script_file(struct scene *c)
{
	static char all[300000];
	struct peer_tls p = peer_tls_new(c);
	int n;

	file_heard = 0;
	peer_starttls(c);
	if (peer_shake(c, &p)) {
		peer_tls_say(&p, "FILE\r\nQUIT\r\n");
		while ((n = SSL_read(p.ssl, all + file_heard,
		    (int)(sizeof all - file_heard))) > 0)
			file_heard += (size_t)n;
		c->has_shaken = file_heard == 200017 && all[0] == '<' &&
		    memcmp(all + 200001, "250 ok\r\n250 ok\r\n", 16) == 0;
		for (size_t i = 0; i < 200000; i++)
			if ((uint8_t)all[1 + i] != (uint8_t)(i * 7 >> 3))
				c->has_shaken = false;
	}
	peer_tls_free(&p);
}

static void
test_file(void **state UNUSED)
{
	static uint8_t content[200000];
	struct tls_context *tls;
	struct scene c = { .file = memfd_create("test", MFD_CLOEXEC) };

	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (uint8_t)(i * 7 >> 3);
	assert_int_equal(write(c.file, content, sizeof content),
	    sizeof content);
	tls = signer_server(&pem);
	play(&c, tls, script_file);
	CHECK(c.has_shaken, "every octet in its place, %zu", file_heard);
	(void)close(c.file);
	tls_context_free(tls);
}

/* We as a client */

static void
script_server(struct scene *c)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *cert = BIO_new_mem_buf(pem.cert, -1);
	BIO *key = BIO_new_mem_buf(pem.key, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	SSL *ssl;

	(void)SSL_CTX_use_certificate(ctx, x);
	(void)SSL_CTX_use_PrivateKey(ctx, k);
	ssl = SSL_new(ctx);
	(void)SSL_set_fd(ssl, c->peer);
	peer_say(c, "220 go ahead\r\n");
	c->has_shaken = SSL_accept(ssl) == 1;
	if (c->has_shaken) {
		int n = SSL_read(ssl, c->heard, (int)sizeof c->heard - 1);

		c->heard[MAX(n, 0)] = '\0';
		(void)SSL_write(ssl, "250 hello\r\n", 11);
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(cert);
	BIO_free(key);
	ERR_clear_error();
}

/* Replies for the TLS session to come, said before it (TLS-1). */
static void
script_server_injects(struct scene *c)
{
	peer_say(c, "220 go ahead\r\n250 forged\r\n");
	peer_hear_end(c);
}

static const struct {
	const char	*name;
	const char	*server_name;
	bool		 is_trusted, is_verified, ends_well;
	void		(*script)(struct scene *);
} clients[] = {
	{ "verified", "mx.example.org", true, true, true, script_server },
	{ "case of the name", "MX.Example.ORG", true, true, true,
	    script_server },
	{ "another name", "mx.example.net", true, true, false, script_server },
	{ "an address", "192.0.2.1", true, true, false, script_server },
	{ "common name only", "test", true, true, false, script_server },
	{ "opportunistic", "mx.example.net", false, false, true,
	    script_server },
	{ "opportunistic, no name", NULL, false, false, true, script_server },
	{ "verified, but no name", NULL, true, true, false, script_server },
	{ "reply injected", "mx.example.org", true, true, false,
	    script_server_injects },
};

static void
test_client(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(clients); i++) {
		struct scene c = { .is_client = true,
		    .name = clients[i].server_name };
		struct span ca = clients[i].is_trusted ? span_str(pem.cert) :
		    SPAN("");
		struct tls_context *tls;
		char why[TLS_WHY_MAX];

		assert_int_equal(tls_context_client(ca,
		    clients[i].is_verified, &tls, why), ERR_OK);
		play(&c, tls, clients[i].script);
		CHECK_STR(c.lines, clients[i].ends_well ?
		    "P:220 go ahead|T:250 hello|" : "P:220 go ahead|", "%s",
		    clients[i].name);
		CHECK_NUM(c.ready, clients[i].ends_well, "%s: %s",
		    clients[i].name, c.why);
		CHECK_NUM(c.end, clients[i].ends_well ? STREAM_END_PEER :
		    STREAM_END_TLS, "%s: %s", clients[i].name, c.why);
		tls_context_free(tls);
	}
}

/* TLS-11 */
static const struct {
	const char	*in_certificate, *asked;
	bool		 matches;
} names[] = {
	{ "*.example.org", "mx.example.org", true },
	{ "*.example.org", "a.mx.example.org", false },
	{ "*.example.org", "example.org", false },
	{ "m*.example.org", "mx.example.org", false },
	{ "*x.example.org", "mx.example.org", false },
	{ "mx.*.org", "mx.example.org", false },
	{ "*.org", "example.org", false },
	{ "*", "mx", false },
};

static void
test_certificate_names(void **state UNUSED)
{
	static struct pem kept;

	kept = pem;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct scene c = { .is_client = true,
		    .name = names[i].asked };
		struct tls_context *tls;
		char why[TLS_WHY_MAX];

		pem_make(&pem, names[i].in_certificate);
		assert_int_equal(tls_context_client(span_str(pem.cert), true,
		    &tls, why), ERR_OK);
		play(&c, tls, script_server);
		CHECK_NUM(c.ready, names[i].matches, "%s for %s: %s",
		    names[i].in_certificate, names[i].asked, c.why);
		tls_context_free(tls);
	}
	pem = kept;
}

static void
test_bad_files(void **state UNUSED)
{
	struct tls_context *tls;
	static char cut[sizeof pem.cert + 100];
	char why[TLS_WHY_MAX];

	CHECK_NUM(tls_context_server(SPAN(""), &signer_seam, &tls, why),
	    ERR_SYNTAX, "no certificate");
	CHECK_NUM(tls_context_client(SPAN("nothing"), true, &tls, why),
	    ERR_SYNTAX, "nobody to trust");
	(void)snprintf(cut, sizeof cut, "%s%.100s", pem.cert, pem.cert);
	CHECK_NUM(tls_context_server(span_str(cut), &signer_seam, &tls, why),
	    ERR_SYNTAX, "chain cut short");
}

static void
test_warm_up(void **state UNUSED)
{
	CHECK_NUM(tls_warm_up(), ERR_OK, "warm");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_warm_up, ""),
		TEST(test_good, ""),
		TEST(test_attacks, "TLS-1 TLS-2 TLS-4"),
		TEST(test_nothing_extra, "TLS-4"),
		TEST(test_alpn, "TLS-6"),
		TEST(test_any_sni, "TLS-6"),
		TEST(test_pieces, "PRS-2"),
		TEST(test_file, ""),
		TEST(test_client, "TLS-1"),
		TEST(test_certificate_names, "TLS-11"),
		TEST(test_bad_files, ""),
	};

	pem_make(&pem, "mx.example.org");
	return RUN_TESTS(tests);
}
