/*
 * tls_wish.c - handshakes that wait for a signature: the loop goes round, and a
 * stream may end in the middle.
 */
#include "rig.h"
#include "signer.h"

#include "io/stream.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS		8u
#define TURNS_MAX	1000u	/* of 10 ms and more */

static struct pem pem;

/* A signer that answers when the test lets it. */
static struct gate {
	bool		 is_away;	/* nobody is there to ask */
	unsigned int	 nasked, ncancelled;
	struct tls_wish	*asked[PEERS];	/* NULL: answered or cancelled */
} gate;

static bool
gate_ask(void *ctx, struct tls_wish *wish)
{
	struct gate *g = ctx;

	if (g->is_away)
		return false;
	assert_true(g->nasked < PEERS);
	g->asked[g->nasked++] = wish;
	return true;
}

static void
gate_cancel(void *ctx, struct tls_wish *wish)
{
	struct gate *g = ctx;

	for (unsigned int i = 0; i < g->nasked; i++)
		if (g->asked[i] == wish) {
			g->asked[i] = NULL;
			g->ncancelled++;
			return;
		}
	CHECK(false, "nobody asked for it");
}
static const struct tls_signer gate_seam = { gate_ask, gate_cancel, &gate };

/* The i-th question; the answer may be no, or nonsense. */
static void
gate_answer(unsigned int i, enum err e, struct span nonsense)
{
	struct tls_wish *wish = gate.asked[i];
	struct tls_signature to = { 0 };

	assert_non_null(wish);
	gate.asked[i] = NULL;
	if (e == ERR_OK && nonsense.n == 0)
		CHECK_NUM(signer_sign(&signer, wish->id, wish->scheme,
		    wish->octets, &to), ERR_OK, "%u", i);
	tls_wish_answer(wish, e, nonsense.n > 0 ? nonsense :
	    span_of(to.octets, to.n));
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
	gate = (struct gate){ 0 };
	rig_begin(&c->rig);
	assert_int_equal(tls_context_server(span_str(pem.cert), &gate_seam,
	    &c->tls, why), ERR_OK);
}

static void
scene_end(struct scene *c)
{
	tls_context_free(c->tls);
	SSL_CTX_free(c->ctx);
	rig_end(&c->rig);
	for (unsigned int i = 0; i < gate.nasked; i++)
		CHECK(gate.asked[i] == NULL, "%u: answered, or given up",
		    i);
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

/* Until so many signatures have been asked for. */
static void
go_until_asked(struct scene *c, size_t n, unsigned int asked)
{
	for (unsigned int turn = 0; turn < TURNS_MAX && gate.nasked < asked;
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
scene_of(struct scene *c, size_t n)
{
	scene_begin(c);
	for (size_t i = 0; i < n; i++)
		side_begin(c, &c->sides[i]);
	go_until_asked(c, n, (unsigned int)n);
	CHECK_NUM(gate.nasked, n, "each has asked, and none stands in the way");
}

/* All wait at once, and are answered in another order. */
static void
test_waits(void **state UNUSED)
{
	struct scene c;

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION;
	    version++) {
		scene_begin(&c);
		(void)SSL_CTX_set_max_proto_version(c.ctx, version);
		for (size_t i = 0; i < PEERS; i++)
			side_begin(&c, &c.sides[i]);
		go_until_asked(&c, PEERS, PEERS);
		CHECK_NUM(gate.nasked, PEERS, "all");
		for (size_t i = 0; i < PEERS; i++)
			CHECK(!c.sides[i].is_ready && !c.sides[i].has_ended,
			    "%zu", i);
		for (unsigned int i = PEERS; i-- > 0;)
			gate_answer(i, ERR_OK, span_of(NULL, 0));
		for (size_t i = 0; i < PEERS; i++) {
			go_until(&c, PEERS, &c.sides[i].is_ready);
			CHECK(c.sides[i].is_ready, "%zu: %s", i,
			    c.sides[i].why);
			side_end(&c.sides[i]);
		}
		CHECK_NUM(gate.ncancelled, 0, "all answered");
		scene_end(&c);
	}
}

/* Its owner frees it, or it runs out of time, while it waits. */
static void
test_ends_in_the_middle(void **state UNUSED)
{
	struct scene c;

	scene_of(&c, 2);
	stream_deadline(c.sides[1].s, 50);
	go_until(&c, 2, &c.sides[1].has_ended);
	CHECK_STR(c.sides[1].why, "timeout", "why");
	stream_free(c.sides[0].s);
	c.sides[0].s = NULL;
	CHECK_NUM(gate.ncancelled, 2, "nobody waits any more");
	go(&c, 2);
	CHECK(!c.sides[0].is_ready && !c.sides[1].is_ready, "nobody is told");
	CHECK(!SSL_is_init_finished(c.sides[0].client), "no handshake");
	side_end(&c.sides[0]);
	side_end(&c.sides[1]);
	/* Others go on. */
	side_begin(&c, &c.sides[2]);
	go_until_asked(&c, 3, 3);
	gate_answer(2, ERR_OK, span_of(NULL, 0));
	go_until(&c, 3, &c.sides[2].is_ready);
	CHECK(c.sides[2].is_ready, "%s", c.sides[2].why);
	side_end(&c.sides[2]);
	scene_end(&c);
}

/* Who goes while we ask is told by nothing but the answer, or our deadline. */
static void
test_peer_talks_or_goes(void **state UNUSED)
{
	struct timespec began, ended;
	struct scene c;

	scene_of(&c, 2);
	assert_int_equal(send(c.sides[0].peer, "what?", 5, 0), 5);
	assert_int_equal(shutdown(c.sides[1].peer, SHUT_RDWR), 0);
	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began), 0);
	go(&c, 0);
	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended), 0);
	/* A loop that were told again and again would be busy all the time. */
	CHECK((ended.tv_sec - began.tv_sec) * 1000000000 + ended.tv_nsec -
	    began.tv_nsec < 50000000, "the loop slept");
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(!c.sides[i].has_ended, "%u", i);
		gate_answer(i, ERR_OK, span_of(NULL, 0));
		go_until(&c, 0, &c.sides[i].has_ended);
		CHECK(c.sides[i].has_ended && !c.sides[i].is_ready, "%u", i);
		side_end(&c.sides[i]);
	}
	scene_end(&c);
}

/* What its owner says while it asks, and that it ends, leaves behind the answer. */
static void
test_finished_while_it_asks(void **state UNUSED)
{
	char said[16] = "";
	struct scene c;
	struct side *d = &c.sides[0];
	int n = 0;

	scene_of(&c, 1);
	assert_int_equal(stream_send(d->s, SPAN("421 bye\r\n")), ERR_OK);
	stream_finish(d->s);
	go(&c, 1);
	CHECK(!d->has_ended && !d->is_ready, "it asks");
	gate_answer(0, ERR_OK, span_of(NULL, 0));
	for (unsigned int turn = 0; turn < TURNS_MAX && n <= 0; turn++) {
		step(&c, 1);
		n = SSL_read(d->client, said, sizeof said - 1);
	}
	CHECK_STR(said, "421 bye\r\n", "the last word");
	CHECK(d->is_ready && SSL_read(d->client, said, 1) <= 0 &&
	    SSL_get_shutdown(d->client) == SSL_RECEIVED_SHUTDOWN,
	    "and close_notify");
	assert_int_equal(shutdown(d->peer, SHUT_RDWR), 0);
	go_until(&c, 0, &d->has_ended);
	CHECK_STR(d->why, "finished", "why");
	ERR_clear_error();
	side_end(d);
	scene_end(&c);
}

/* No signature, no handshake; whatever the signer says. */
static void
test_wrong_answers(void **state UNUSED)
{
	static const uint8_t long_one[TLS_SIGNATURE_MAX + 1] = { 0x30 };
	static const struct {
		const char	*name;
		enum err	 e;
		struct span	 signature;
	} rows[] = {
		{ "refused", ERR_DENIED, { NULL, 0 } },
		{ "gone", ERR_CLOSED, { NULL, 0 } },
		{ "too long", ERR_OK, { long_one, sizeof long_one } },
		{ "longer than the key's", ERR_OK, { long_one, 500 } },
		{ "of something else", ERR_OK, { long_one, 70 } },
	};
	struct scene c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		scene_of(&c, 1);
		gate_answer(0, rows[i].e, rows[i].signature);
		go_until(&c, 1, &c.sides[0].has_ended);
		CHECK(c.sides[0].has_ended && !c.sides[0].is_ready &&
		    !SSL_is_init_finished(c.sides[0].client), "%s",
		    rows[i].name);
		side_end(&c.sides[0]);
		scene_end(&c);
	}
	scene_begin(&c);
	gate.is_away = true;
	side_begin(&c, &c.sides[0]);
	go_until(&c, 1, &c.sides[0].has_ended);
	CHECK(c.sides[0].has_ended, "at once when nobody is there");
	side_end(&c.sides[0]);
	scene_end(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_waits, "TLS-12"),
		TEST(test_ends_in_the_middle, "TLS-2"),
		TEST(test_peer_talks_or_goes, "TLS-2"),
		TEST(test_finished_while_it_asks, "OPS-4"),
		TEST(test_wrong_answers, "TLS-7"),
	};
	char why[TLS_WHY_MAX];

	pem_make(&pem, "mx.example.org");
	if (signer_add(&pem, why) != ERR_OK)
		return 1;
	return RUN_TESTS(tests);
}
