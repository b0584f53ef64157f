/*
 * tls_thread.c - handshakes that wait for a signature do so in a thread: the
 * loop goes round, and a stream may end in the middle.
 */
#include "rig.h"
#include "signer.h"

#include "io/stream.h"
#include "io/worker.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS		2u
#define WAITING		4u
#define PEERS		(THREADS + WAITING + 1u)
#define TURNS_MAX	1000u	/* of 10 ms and more */

static struct pem pem;

/* A signer that answers when the test lets it. */
struct gate {
	pthread_mutex_t	lock;
	pthread_cond_t	change;
	bool		is_open;
	unsigned int	nasked;
	bool		was_in_loop;
	pthread_t	loop;
};
static struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
    .change = PTHREAD_COND_INITIALIZER };

static enum err
gate_sign(void *ctx, const uint8_t id[TLS_KEY_ID], uint16_t scheme,
    struct span octets, struct tls_signature *to)
{
	struct gate *g = ctx;
	enum err e;

	(void)pthread_mutex_lock(&g->lock);
	g->nasked++;
	if (pthread_equal(g->loop, pthread_self()))
		g->was_in_loop = true;
	(void)pthread_cond_broadcast(&g->change);
	while (!g->is_open)
		(void)pthread_cond_wait(&g->change, &g->lock);
	e = signer_sign(&signer, id, scheme, octets, to);
	(void)pthread_mutex_unlock(&g->lock);
	return e;
}
static const struct tls_signer gate_seam = { gate_sign, &gate };

static void
gate_set(bool is_open)
{
	(void)pthread_mutex_lock(&gate.lock);
	gate.is_open = is_open;
	gate.nasked = is_open ? gate.nasked : 0;
	(void)pthread_cond_broadcast(&gate.change);
	(void)pthread_mutex_unlock(&gate.lock);
}

static unsigned int
gate_asked(void)
{
	unsigned int n;

	(void)pthread_mutex_lock(&gate.lock);
	n = gate.nasked;
	(void)pthread_mutex_unlock(&gate.lock);
	return n;
}

struct scene;
struct side {
	struct scene	*scene;
	struct stream	*s;
	SSL		*client;
	int		 peer;
	bool		 is_ready, has_ended;
	char		 why[TLS_WHY_MAX];
};
struct scene {
	struct rig		 rig;
	struct worker		*worker;
	struct tls_context	*tls;
	SSL_CTX			*ctx;
	struct side		 sides[PEERS];
};

static void
on_data(void *ctx UNUSED, struct span *in)
{
	(void)span_take(in, in->n);
}

static void
on_ready(void *ctx)
{
	((struct side *)ctx)->is_ready = true;
}

static void
on_ended(void *ctx, enum stream_end end UNUSED)
{
	struct side *d = ctx;

	d->has_ended = true;
	(void)snprintf(d->why, sizeof d->why, "%.*s",
	    SPAN_FMT(stream_why(d->s)));
	stream_free(d->s);
	d->s = NULL;
}

static const struct stream_ops ops = { .data = on_data,
    .tls_ready = on_ready, .ended = on_ended };

static void
side_begin(struct scene *c, struct side *d)
{
	int fds[2];

	*d = (struct side){ .scene = c };
	assert_int_equal(socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	d->peer = fds[1];
	d->client = SSL_new(c->ctx);
	assert_int_equal(SSL_set_fd(d->client, d->peer), 1);
	(void)SSL_connect(d->client);
	assert_int_equal(stream_new(c->rig.loop, fds[0], false, &ops, d,
	    &d->s), ERR_OK);
	assert_int_equal(stream_tls_start(d->s, c->tls, NULL), ERR_OK);
}

static void
side_end(struct side *d)
{
	stream_free(d->s);
	SSL_free(d->client);
	d->client = NULL;
	(void)close(d->peer);
	ERR_clear_error();
}

static void
scene_begin(struct scene *c)
{
	char why[TLS_WHY_MAX];

	*c = (struct scene){ .ctx = SSL_CTX_new(TLS_client_method()) };
	gate.loop = pthread_self();
	gate_set(false);
	rig_begin(&c->rig);
	assert_int_equal(worker_new(c->rig.loop, THREADS, WAITING,
	    &c->worker), ERR_OK);
	assert_int_equal(tls_context_server(span_str(pem.cert), &gate_seam,
	    &c->tls, why), ERR_OK);
	tls_context_threads(c->tls, c->worker);
}

static void
scene_end(struct scene *c)
{
	gate_set(true);
	worker_free(c->worker);
	tls_context_free(c->tls);
	SSL_CTX_free(c->ctx);
	rig_end(&c->rig);
	CHECK(!gate.was_in_loop, "the loop never waits");
}

/* Step all clients; the loop goes round meanwhile. */
static void
step(struct scene *c, size_t n)
{
	rig_run_ms(&c->rig, 10);
	for (size_t i = 0; i < n; i++)
		if (c->sides[i].client != NULL &&
		    !SSL_is_init_finished(c->sides[i].client))
			(void)SSL_do_handshake(c->sides[i].client);
}

/* Time for what must not happen. */
static void
go(struct scene *c, size_t n)
{
	for (unsigned int turn = 0; turn < 10; turn++)
		step(c, n);
	ERR_clear_error();
}

/* Until a thread has asked for so many signatures. */
static void
go_until_asked(struct scene *c, size_t n, unsigned int asked)
{
	for (unsigned int turn = 0; turn < TURNS_MAX && gate_asked() < asked;
	    turn++)
		step(c, n);
	go(c, n);
}

/* Until one of them has ended, or is secured. */
static void
go_until(struct scene *c, size_t n, const bool *what)
{
	for (unsigned int turn = 0; turn < TURNS_MAX && !*what; turn++)
		step(c, n);
	ERR_clear_error();
}

static void
test_waits(void **state UNUSED)
{
	struct scene c;

	scene_begin(&c);
	for (size_t i = 0; i < PEERS; i++)
		side_begin(&c, &c.sides[i]);
	go_until_asked(&c, PEERS, THREADS);
	go_until(&c, PEERS, &c.sides[PEERS - 1].has_ended);
	CHECK_NUM(gate_asked(), THREADS, "as many as there are threads");
	CHECK(c.sides[PEERS - 1].has_ended, "no place left");
	CHECK_STR(c.sides[PEERS - 1].why, "too many handshakes", "why");
	for (size_t i = 0; i + 1 < PEERS; i++)
		CHECK(!c.sides[i].is_ready && !c.sides[i].has_ended, "%zu", i);
	gate_set(true);
	for (size_t i = 0; i + 1 < PEERS; i++)
		go_until(&c, PEERS, &c.sides[i].is_ready);
	for (size_t i = 0; i + 1 < PEERS; i++)
		CHECK(c.sides[i].is_ready, "%zu: %s", i, c.sides[i].why);
	for (size_t i = 0; i < PEERS; i++)
		side_end(&c.sides[i]);
	scene_end(&c);
}

/* Its owner frees it, or it runs out of time, while a thread has it. */
static void
test_ends_in_the_middle(void **state UNUSED)
{
	struct scene c;

	scene_begin(&c);
	side_begin(&c, &c.sides[0]);
	side_begin(&c, &c.sides[1]);
	go_until_asked(&c, 2, 2);
	CHECK_NUM(gate_asked(), 2, "both wait");
	stream_deadline(c.sides[1].s, 50);
	go_until(&c, 2, &c.sides[1].has_ended);
	CHECK(c.sides[1].has_ended, "its time is over");
	CHECK_STR(c.sides[1].why, "timeout", "why");
	stream_free(c.sides[0].s);
	c.sides[0].s = NULL;
	gate_set(true);
	go(&c, 2);
	CHECK(!c.sides[0].is_ready && !c.sides[1].is_ready, "nobody is told");
	CHECK(!SSL_is_init_finished(c.sides[0].client), "no handshake");
	side_end(&c.sides[0]);
	side_end(&c.sides[1]);
	/* Others go on. */
	side_begin(&c, &c.sides[2]);
	go_until(&c, 3, &c.sides[2].is_ready);
	CHECK(c.sides[2].is_ready, "%s", c.sides[2].why);
	side_end(&c.sides[2]);
	scene_end(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_waits, "TLS-12"),
		TEST(test_ends_in_the_middle, "TLS-2"),
	};
	char why[TLS_WHY_MAX];

	pem_make(&pem, "mx.example.org");
	if (signer_add(&pem, why) != ERR_OK)
		return 1;
	return RUN_TESTS(tests);
}
