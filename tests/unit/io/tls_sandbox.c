/*
 * tls_sandbox.c - TLS still works where no file can be opened any more.
 *
 * Our side runs in a child that has warmed up, built its context, laid its
 * role's sandbox over itself, and only then sees the peer's first octet.  A
 * call outside the role's profile kills it, which its status tells.
 */
#include "signer.h"
#include "rig.h"

#include "io/stream.h"
#include "io/tls.h"
#include "io/worker.h"
#include "os/file.h"
#include "os/sandbox.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_OCTETS	100000u

struct side {
	struct loop		*loop;
	struct stream		*s;
	struct tls_context	*tls;
	enum sandbox_profile	 profile;
	int			 file;
	bool			 is_good;
};

static struct pem pem;

static void
on_data(void *ctx, struct span *in)
{
	struct side *c = ctx;

	*in = span_skip(*in, in->n);
	if (stream_send(c->s, SPAN("250 ok\r\n")) != ERR_OK)
		_exit(20);
	/* A receiver replies; a sender has a message in a descriptor. */
	if (c->profile == SANDBOX_SENDER && stream_send_file(c->s, c->file, 0,
	    FILE_OCTETS) != ERR_OK)
		_exit(21);
	stream_finish(c->s);
}

static void
on_ended(void *ctx, enum stream_end end)
{
	struct side *c = ctx;

	c->is_good = end == STREAM_END_FINISHED;
	loop_quit(c->loop);
}

static void
job_nothing(void *job UNUSED)
{
}

/* Everything a role makes before its sandbox, then the sandbox. */
static bool
side_prepare(struct side *c, enum sandbox_profile profile)
{
	static const struct sandbox_reach nothing = { 0 };
	static const uint8_t block[FILE_OCTETS];
	unsigned int files, calls;
	struct worker *worker;
	char why[TLS_WHY_MAX];
	enum err e;

	if (signer_add(&pem, why) != ERR_OK)
		return false;
	e = profile == SANDBOX_RECEIVER ?
	    tls_context_server(span_str(pem.cert), &signer_seam, &c->tls,
	    why) : tls_context_client(span_str(pem.cert), true, &c->tls, why);
	return e == ERR_OK && tls_warm_up() == ERR_OK &&
	    file_memfd("content", &c->file) == ERR_OK &&
	    file_write_all(c->file, span_of(block, sizeof block)) == ERR_OK &&
	    loop_new(&c->loop) == ERR_OK &&
	    sandbox_harden(profile, false) == ERR_OK &&
	    sandbox_landlock(NULL, &nothing, &files) == ERR_OK &&
	    worker_new(c->loop, 2, 4, &worker) == ERR_OK &&
	    sandbox_seccomp(NULL, profile, &calls) == ERR_OK &&
	    (files & SANDBOX_LANDLOCK) && calls == SANDBOX_SECCOMP &&
	    worker_give(worker, job_nothing, job_nothing, NULL) == ERR_OK;
}

static int
side_run(int fd, enum sandbox_profile profile)
{
	static const struct stream_ops ops = { .data = on_data,
	    .ended = on_ended };
	bool is_server = profile == SANDBOX_RECEIVER;
	struct side c = { .profile = profile };

	if (!side_prepare(&c, profile))
		return 10;
	if (stream_new(c.loop, fd, false, &ops, &c, &c.s) != ERR_OK ||
	    stream_tls_start(c.s, c.tls, is_server ? NULL :
	    "mx.example.org") != ERR_OK)
		return 11;
	stream_deadline(c.s, 5000);
	loop_run(c.loop);
	return c.is_good ? 0 : 12;
}

static SSL_CTX *
peer_context(bool is_server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	BIO *cert = BIO_new_mem_buf(pem.cert, -1);
	BIO *key = BIO_new_mem_buf(pem.key, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	if (is_server) {
		(void)SSL_CTX_use_certificate(ctx, x);
		(void)SSL_CTX_use_PrivateKey(ctx, k);
	}
	X509_free(x);
	EVP_PKEY_free(k);
	BIO_free(cert);
	BIO_free(key);
	return ctx;
}

/* The other side of it: one line, then all that comes. */
static size_t
peer_run(int fd, bool is_server, int version, const char *cipher)
{
	SSL_CTX *ctx = peer_context(is_server);
	char octets[2048];
	size_t heard = 0;
	SSL *ssl;
	int n;

	(void)SSL_CTX_set_min_proto_version(ctx, version);
	(void)SSL_CTX_set_max_proto_version(ctx, version);
	if (cipher != NULL)
		(void)SSL_CTX_set_cipher_list(ctx, cipher);
	ssl = SSL_new(ctx);
	(void)SSL_set_fd(ssl, fd);
	if ((is_server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1) {
		(void)SSL_write(ssl, "NOOP\r\n", 6);
		while ((n = SSL_read(ssl, octets, sizeof octets)) > 0)
			heard += (size_t)n;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return heard;
}

static const struct {
	const char		*name;
	enum sandbox_profile	 profile;
	int			 version;
	const char		*cipher;
} cases[] = {
	{ "server, TLS 1.3", SANDBOX_RECEIVER, TLS1_3_VERSION, NULL },
	{ "server, TLS 1.2", SANDBOX_RECEIVER, TLS1_2_VERSION, NULL },
	{ "server, ChaCha20", SANDBOX_RECEIVER, TLS1_2_VERSION,
	    "ECDHE+CHACHA20" },
	{ "server, CBC", SANDBOX_RECEIVER, TLS1_2_VERSION,
	    "ECDHE-ECDSA-AES256-SHA" },
	{ "client, TLS 1.3", SANDBOX_SENDER, TLS1_3_VERSION, NULL },
	{ "client, TLS 1.2", SANDBOX_SENDER, TLS1_2_VERSION, NULL },
};

static void
test_in_sandbox(void **state UNUSED)
{
	static const struct timeval patience = { 5, 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		bool is_server = cases[i].profile == SANDBOX_SENDER;
		int fds[2], status;
		size_t heard;
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO,
		    &patience, sizeof patience), 0);
		(void)fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			(void)close(fds[1]);
			_exit(side_run(fds[0], cases[i].profile));
		}
		(void)close(fds[0]);
		heard = peer_run(fds[1], is_server, cases[i].version,
		    cases[i].cipher);
		(void)close(fds[1]);
		while (waitpid(pid, &status, 0) < 0)
			assert_int_equal(errno, EINTR);
		CHECK_NUM(status, 0, "%s", cases[i].name);
		CHECK_NUM(heard, 8 + (is_server ? FILE_OCTETS : 0), "%s",
		    cases[i].name);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_in_sandbox, "PRV-1"),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	pem_make(&pem, "mx.example.org");
	return RUN_TESTS(tests);
}
