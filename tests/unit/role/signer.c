/*
 * signer.c - what a receiver's handshakes ask keys, against answers that come late,
 * wrongly, in another order, or not at all.
 */
#include "../io/rig.h"
#include "role/receiver/signer.h"

static const uint8_t id[TLS_KEY_ID] = { 1, 2, 3 };
static const uint8_t signature[] = "signature";

/* Keys, which heard the last question. */
static struct keys {
	bool		is_away;
	unsigned int	nasked;
	uint64_t	tag;
} keys;

static bool
say(void *ctx, const struct keys_sign *m)
{
	struct keys *k = ctx;

	if (k->is_away)
		return false;
	CHECK_NUM(m->scheme, 0x0403, "scheme");
	CHECK(span_eq(m->key, span_of(id, sizeof id)), "whose");
	CHECK(span_eq(m->octets, SPAN("octets")), "what");
	CHECK(m->tag > k->tag, "ever larger, and never 0");
	k->tag = m->tag;
	k->nasked++;
	return true;
}

static void
begin(struct rig *r, struct signer *s)
{
	keys = (struct keys){ 0 };
	rig_begin(r);
	signer_begin(s, say, &keys);
	assert_int_equal(signer_start(s, r->loop), ERR_OK);
}

static void
end(struct rig *r, struct signer *s)
{
	CHECK(s->first == NULL && s->last == &s->first, "nobody waits");
	loop_timer_free(s->timer);
	rig_end(r);
}

static bool
ask(struct signer *s, struct tls_wish *w)
{
	*w = (struct tls_wish){ .e = ERR_AGAIN, .id = id, .scheme = 0x0403,
		.octets = SPAN("octets") };
	return s->seam.ask(s->seam.ctx, w);
}

static void
ask_all(struct signer *s, struct tls_wish *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK(ask(s, &w[i]), "%zu", i);
}

static bool
answer(struct signer *s, uint64_t tag, uint8_t result)
{
	const struct keys_signature m = { .tag = tag, .result = result,
		.octets = result == KEYS_SIGNED ?
		span_of(signature, sizeof signature) : span_of(NULL, 0) };

	return signer_answer(s, &m);
}

static const struct {
	const char	*name;
	uint8_t		 result;
	enum err	 e;
} rows[] = {
	{ "signs", KEYS_SIGNED, ERR_OK },
	{ "refuses", KEYS_REFUSED, ERR_DENIED },
	{ "fails", KEYS_FAILED, ERR_DENIED },
};

static void
test_answers(void **state UNUSED)
{
	struct rig r;
	struct signer s;
	struct tls_wish w;

	begin(&r, &s);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(ask(&s, &w), "%s", rows[i].name);
		CHECK(answer(&s, keys.tag, rows[i].result), "%s",
		    rows[i].name);
		CHECK_NUM(w.e, rows[i].e, "%s", rows[i].name);
		if (w.e == ERR_OK)
			CHECK(span_eq(span_of(w.signature.octets,
			    w.signature.n), span_of(signature,
			    sizeof signature)), "%s", rows[i].name);
	}
	end(&r, &s);
}

/* Each gets its own, whatever the order; what was given up is dropped. */
static void
test_order(void **state UNUSED)
{
	static const unsigned int orders[][4] = { { 0, 1, 2, 3 },
		{ 3, 2, 1, 0 }, { 1, 3, 0, 2 }, { 2, 0, 3, 1 } };

	for (size_t i = 0; i < COUNT(orders); i++) {
		struct rig r;
		struct signer s;
		static struct tls_wish w[4];
		uint64_t tags[4];

		begin(&r, &s);
		for (size_t k = 0; k < 4; k++) {
			CHECK(ask(&s, &w[k]), "%zu", k);
			tags[k] = keys.tag;
		}
		s.seam.cancel(s.seam.ctx, &w[orders[i][1]]);
		for (size_t k = 0; k < 4; k++) {
			unsigned int n = orders[i][k];

			CHECK(answer(&s, tags[n], n % 2 ? KEYS_REFUSED :
			    KEYS_SIGNED), "%u", n);
			CHECK_NUM(w[n].e, k == 1 ? ERR_AGAIN : n % 2 ?
			    ERR_DENIED : ERR_OK, "%zu: %u", i, n);
		}
		CHECK(!answer(&s, tags[0], KEYS_SIGNED), "one too many");
		end(&r, &s);
	}
}

#define MANY	(KEYS_ASKED_MAX + 3)

/* Keys hears of so many, and of another one for each that it has answered. */
static void
test_many(void **state UNUSED)
{
	static struct tls_wish w[MANY];
	struct rig r;
	struct signer s;

	begin(&r, &s);
	ask_all(&s, w, MANY);
	CHECK_NUM(keys.nasked, KEYS_ASKED_MAX, "no more at a time");
	/* One that keys has heard of counts until it is answered. */
	s.seam.cancel(s.seam.ctx, &w[2]);
	CHECK_NUM(keys.nasked, KEYS_ASKED_MAX, "keys signs it all the same");
	CHECK(answer(&s, 3, KEYS_SIGNED), "too late");
	CHECK_NUM(keys.nasked, KEYS_ASKED_MAX + 1, "the next");
	/* One that keys has not heard of costs nothing. */
	s.seam.cancel(s.seam.ctx, &w[KEYS_ASKED_MAX + 1]);
	for (uint64_t tag = 1; tag <= KEYS_ASKED_MAX + 2; tag++)
		if (tag != 3)
			CHECK(answer(&s, tag, KEYS_SIGNED), "%u", (unsigned)tag);
	CHECK_NUM(keys.nasked, KEYS_ASKED_MAX + 2, "all but the one given up");
	CHECK(!answer(&s, 1, KEYS_SIGNED), "nothing is unanswered");
	for (size_t i = 0; i < MANY; i++)
		CHECK_NUM(w[i].e, i == 2 || i == KEYS_ASKED_MAX + 1 ?
		    ERR_AGAIN : ERR_OK, "%zu", i);
	end(&r, &s);
}

/* Who waits for room when keys goes hears so, too. */
static void
test_many_and_keys_goes(void **state UNUSED)
{
	static struct tls_wish w[MANY];
	struct rig r;
	struct signer s;

	begin(&r, &s);
	ask_all(&s, w, MANY);
	keys.is_away = true;
	CHECK(answer(&s, 1, KEYS_SIGNED), "its last word");
	CHECK_NUM(w[KEYS_ASKED_MAX].e, ERR_CLOSED, "the next cannot be told");
	signer_keys_went(&s);
	for (size_t i = 0; i < MANY; i++)
		CHECK_NUM(w[i].e, i == 0 ? ERR_OK : ERR_CLOSED, "%zu", i);
	end(&r, &s);
}

/* PRV-4: an answer to a question that nobody has asked. */
static void
test_no_such_question(void **state UNUSED)
{
	struct rig r;
	struct signer s;
	struct tls_wish w;

	begin(&r, &s);
	CHECK(!answer(&s, 0, KEYS_SIGNED), "0");
	CHECK(!answer(&s, 1, KEYS_SIGNED), "the first to come");
	CHECK(ask(&s, &w), "asked");
	CHECK(!answer(&s, keys.tag + 1, KEYS_SIGNED), "the next");
	CHECK_NUM(w.e, ERR_AGAIN, "it waits");
	signer_keys_went(&s);
	CHECK_NUM(w.e, ERR_CLOSED, "for no longer than keys is there");
	end(&r, &s);
}

static void
test_keys_goes(void **state UNUSED)
{
	struct rig r;
	struct signer s;
	struct tls_wish w[3];

	begin(&r, &s);
	ask_all(&s, w, COUNT(w));
	signer_keys_went(&s);
	for (size_t i = 0; i < COUNT(w); i++)
		CHECK_NUM(w[i].e, ERR_CLOSED, "%zu", i);
	keys.is_away = true;
	CHECK(!ask(&s, &w[0]), "nobody is there");
	/* A new one, which knows nothing of what the old one was asked. */
	keys.is_away = false;
	CHECK(!answer(&s, keys.tag, KEYS_SIGNED), "it was not asked");
	CHECK(ask(&s, &w[0]) && answer(&s, keys.tag, KEYS_SIGNED), "again");
	CHECK_NUM(w[0].e, ERR_OK, "signed");
	end(&r, &s);
}

/* The longest test: each waits for its own time, and for no more. */
static void
test_silence(void **state UNUSED)
{
	struct rig r;
	struct signer s;
	struct tls_wish w[3];
	uint64_t tags[3];

	begin(&r, &s);
	CHECK(ask(&s, &w[0]), "first");
	tags[0] = keys.tag;
	rig_run_ms(&r, 1000);
	CHECK(ask(&s, &w[1]), "second");
	tags[1] = keys.tag;
	rig_run_ms(&r, SIGNER_WITHIN_MS - 1500);
	CHECK_NUM(w[0].e, ERR_AGAIN, "before its time");
	rig_run_ms(&r, 700);
	CHECK_NUM(w[0].e, ERR_CLOSED, "no answer");
	CHECK_NUM(w[1].e, ERR_AGAIN, "it has time left");
	CHECK(ask(&s, &w[2]), "third");
	tags[2] = keys.tag;
	CHECK(answer(&s, tags[0], KEYS_SIGNED), "too late is dropped");
	CHECK(answer(&s, tags[1], KEYS_SIGNED), "in time");
	CHECK_NUM(w[1].e, ERR_OK, "in time");
	CHECK(answer(&s, tags[2], KEYS_SIGNED), "in time");
	CHECK_NUM(w[2].e, ERR_OK, "in time");
	end(&r, &s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_answers, "TLS-7"),
		TEST(test_order, "TLS-7"),
		TEST(test_many, "TLS-12"),
		TEST(test_many_and_keys_goes, "PRV-3"),
		TEST(test_no_such_question, "PRV-4"),
		TEST(test_keys_goes, "PRV-3"),
		TEST(test_silence, "OPS-6"),
	};

	return RUN_TESTS(tests);
}
