/*
 * signer.c - a receiver that asks for signatures, against keys that answers
 * late, wrongly, or not at all.  Each script is played by a thread on the other
 * end of a line.
 */
#include "check.h"
#include "io/channel.h"
#include "io/line.h"
#include "os/clock.h"
#include "role/receiver/signer.h"

#include <sys/socket.h>
#include <unistd.h>

static const uint8_t id[TLS_KEY_ID] = { 1, 2, 3 };

struct scene {
	int	fd;			/* of keys */
	void	(*script)(struct scene *);
	struct keys_sign asked;
	uint8_t	packet[LINE_PACKET_MAX];
};

static void
hear(struct scene *c)
{
	struct span payload;
	uint16_t type;

	assert_int_equal(line_hear(c->fd, clock_mono_ms() + 5000, c->packet,
	    &type, &payload), ERR_OK);
	assert_int_equal(type, ipc_keys_sign.number);
	assert_int_equal(ipc_decode(&ipc_keys_sign, payload, &c->asked),
	    ERR_OK);
}

static void
say(struct scene *c, uint64_t tag, uint8_t result, const char *octets)
{
	struct keys_signature m = { .tag = tag, .result = result,
	    .octets = span_str(octets) };
	struct buf b = buf_make(1024);

	assert_int_equal(ipc_encode(&ipc_keys_signature, &m, &b), ERR_OK);
	assert_int_equal(line_say(c->fd, ipc_keys_signature.number,
	    buf_span(&b)), ERR_OK);
	buf_free(&b);
}

static void
signs(struct scene *c)
{
	hear(c);
	assert_int_equal(c->asked.scheme, 0x0403);
	assert_true(span_eq(c->asked.key, span_of(id, sizeof id)));
	assert_true(span_eq(c->asked.octets, SPAN("octets")));
	say(c, c->asked.tag, KEYS_SIGNED, "signature");
}

static void
refuses(struct scene *c)
{
	hear(c);
	say(c, c->asked.tag, KEYS_REFUSED, "");
}

static void
fails(struct scene *c)
{
	hear(c);
	say(c, c->asked.tag, KEYS_FAILED, "");
}

/* What an earlier asker gave up is no answer. */
static void
answers_an_old_one_first(struct scene *c)
{
	hear(c);
	say(c, c->asked.tag - 1, KEYS_SIGNED, "of another handshake");
	say(c, c->asked.tag, KEYS_SIGNED, "signature");
}

static void
answers_a_question_to_come(struct scene *c)
{
	hear(c);
	say(c, c->asked.tag + 1, KEYS_SIGNED, "signature");
}

static void
says_another_type(struct scene *c)
{
	hear(c);
	assert_int_equal(line_say(c->fd, ipc_keys_sign.number, SPAN("x")),
	    ERR_OK);
}

static void
says_nonsense(struct scene *c)
{
	hear(c);
	assert_int_equal(line_say(c->fd, ipc_keys_signature.number,
	    SPAN("nonsense")), ERR_OK);
}

static void
goes_away(struct scene *c)
{
	hear(c);
}

static const struct {
	const char	*name;
	void		(*script)(struct scene *);
	enum err	 e;
	bool		 lives;		/* the line can be used again */
} rows[] = {
	{ "signs", signs, ERR_OK, true },
	{ "refuses", refuses, ERR_DENIED, true },
	{ "fails", fails, ERR_DENIED, true },
	{ "an old answer first", answers_an_old_one_first, ERR_OK, true },
	{ "an answer to no question", answers_a_question_to_come, ERR_SYNTAX,
	    false },
	{ "another type", says_another_type, ERR_SYNTAX, false },
	{ "nonsense", says_nonsense, ERR_SYNTAX, false },
	{ "goes away", goes_away, ERR_CLOSED, false },
};

static void *
thread_main(void *arg)
{
	struct scene *c = arg;

	c->script(c);
	if (c->script == goes_away)
		(void)shutdown(c->fd, SHUT_RDWR);
	return NULL;
}

static enum err
ask(struct signer *s, struct tls_signature *to)
{
	return s->seam.sign(s->seam.ctx, id, 0x0403, SPAN("octets"), to);
}

static enum err
play(struct signer *s, int fd, void (*script)(struct scene *),
    struct tls_signature *to)
{
	static struct scene c;
	pthread_t thread;
	enum err e;

	c = (struct scene){ .fd = fd, .script = script };
	assert_int_equal(pthread_create(&thread, NULL, thread_main, &c), 0);
	e = ask(s, to);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return e;
}

static void
test_answers(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		static struct signer s;
		struct tls_signature signature;
		int fds[2];

		signer_begin(&s);
		CHECK_NUM(ask(&s, &signature), ERR_CLOSED, "no line yet");
		assert_int_equal(channel_pair(fds), ERR_OK);
		signer_line(&s, 2, fds[0]);
		CHECK_NUM(play(&s, fds[1], rows[i].script, &signature),
		    rows[i].e, "%s", rows[i].name);
		if (rows[i].e == ERR_OK)
			CHECK(span_eq(span_of(signature.octets, signature.n),
			    SPAN("signature")), "%s", rows[i].name);
		CHECK_NUM(s.lines[2].fd >= 0, rows[i].lives, "%s: its line",
		    rows[i].name);
		if (rows[i].lives)
			CHECK_NUM(play(&s, fds[1], signs, &signature), ERR_OK,
			    "%s, then signs", rows[i].name);
		else
			CHECK_NUM(ask(&s, &signature), ERR_CLOSED,
			    "%s: at once", rows[i].name);
		(void)close(fds[1]);
		/* A new keys brings a new line. */
		assert_int_equal(channel_pair(fds), ERR_OK);
		signer_line(&s, 2, fds[0]);
		CHECK_NUM(play(&s, fds[1], signs, &signature), ERR_OK,
		    "%s: a new line", rows[i].name);
		(void)close(fds[1]);
		(void)close(s.lines[2].fd);
	}
}

/* A new line for a thread that is waiting on the old one: it is used next. */
static struct signer busy;
static int next_fds[2];

static void
is_replaced_meanwhile(struct scene *c)
{
	hear(c);
	assert_int_equal(channel_pair(next_fds), ERR_OK);
	signer_line(&busy, 0, next_fds[0]);
	say(c, c->asked.tag, KEYS_SIGNED, "signature");
}

static void
test_replaced_while_it_waits(void **state UNUSED)
{
	struct tls_signature signature;
	int fds[2];

	signer_begin(&busy);
	assert_int_equal(channel_pair(fds), ERR_OK);
	signer_line(&busy, 0, fds[0]);
	CHECK_NUM(play(&busy, fds[1], is_replaced_meanwhile, &signature),
	    ERR_OK, "on the old line");
	CHECK_NUM(play(&busy, next_fds[1], signs, &signature), ERR_OK,
	    "on the new one");
	(void)close(fds[1]);
	(void)close(next_fds[1]);
	(void)close(busy.lines[0].fd);
}

static void
is_silent(struct scene *c)
{
	hear(c);
}

/* The longest test: nobody waits for more than its time. */
static void
test_silence(void **state UNUSED)
{
	static struct signer s;
	struct tls_signature signature;
	uint64_t began = clock_mono_ms();
	int fds[2];

	signer_begin(&s);
	assert_int_equal(channel_pair(fds), ERR_OK);
	signer_line(&s, 0, fds[0]);
	CHECK_NUM(play(&s, fds[1], is_silent, &signature), ERR_AGAIN,
	    "no answer");
	CHECK(clock_mono_ms() - began < SIGNER_WITHIN_MS + 2000, "in time");
	CHECK_NUM(play(&s, fds[1], answers_an_old_one_first, &signature),
	    ERR_OK, "it wakes, and the old answer is dropped");
	(void)close(fds[1]);
	(void)close(s.lines[0].fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_answers, "TLS-7 PRV-4"),
		TEST(test_replaced_while_it_waits, "PRV-3"),
		TEST(test_silence, "OPS-6"),
	};

	return RUN_TESTS(tests);
}
