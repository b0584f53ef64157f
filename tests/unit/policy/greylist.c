/*
 * greylist: a story a row, told in virtual time.
 */
#include "check.h"

#include "policy/greylist.h"

#define DELAY	300u
#define DAY	86400u
#define START	UINT64_C(1800000000000)

/* Steps "+SECONDS word": what is said so long after the step before. */
static const struct {
	const char	*name;
	struct {
		int64_t		 s;
		enum greylist_word word;
		uint64_t	 wait_s;
	}		 steps[8];
} stories[] = {
	{ "comes again", { { 0, GREYLIST_WAIT, 300 }, { 299, GREYLIST_WAIT, 1 },
	    { 1, GREYLIST_PASS, 0 }, { 0, GREYLIST_PASS, 0 },
	    { 35 * DAY, GREYLIST_PASS, 0 }, { 36 * DAY, GREYLIST_PASS, 0 },
	    { 36 * DAY + 1, GREYLIST_WAIT, 300 } } },
	{ "does not wait", { { 0, GREYLIST_WAIT, 300 },
	    { 10, GREYLIST_WAIT, 290 }, { 10, GREYLIST_WAIT, 280 } } },
	{ "comes too late", { { 0, GREYLIST_WAIT, 300 },
	    { 2 * DAY + 1, GREYLIST_WAIT, 300 }, { 300, GREYLIST_PASS, 0 } } },
	{ "comes just in time", { { 0, GREYLIST_WAIT, 300 },
	    { 2 * DAY, GREYLIST_PASS, 0 } } },
	{ "the clock goes back", { { 0, GREYLIST_WAIT, 300 },
	    { -1000 * (int64_t)DAY, GREYLIST_WAIT, 300 },
	    { 300, GREYLIST_PASS, 0 } } },
	{ "and far ahead", { { 0, GREYLIST_WAIT, 300 },
	    { 3650 * (int64_t)DAY, GREYLIST_WAIT, 300 },
	    { 300, GREYLIST_PASS, 0 } } },
};

static void
test_stories(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(stories); i++) {
		struct greylist_seen seen = { 0 };
		struct greylist_client client = { 0 };
		uint64_t now = START;

		for (size_t k = 0; k < COUNT(stories[i].steps); k++) {
			struct greylist_verdict v;

			if (k > 0 && stories[i].steps[k].s == 0 &&
			    stories[i].steps[k].word == GREYLIST_WAIT)
				break;
			now += (uint64_t)(1000 * stories[i].steps[k].s);
			v = greylist_judge(now, DELAY, &seen, &client);
			CHECK_STR(greylist_word_text(v.word),
			    greylist_word_text(stories[i].steps[k].word),
			    "%s, step %zu", stories[i].name, k);
			CHECK_NUM(v.wait_s, stories[i].steps[k].wait_s,
			    "%s, step %zu", stories[i].name, k);
		}
	}
}

/* Five triplets of a network came again: it is known, until it is away long. */
static void
test_learns_clients(void **state UNUSED)
{
	struct greylist_client client = { 0 };
	uint64_t now = START;

	for (unsigned int i = 0; i < GREYLIST_KNOWN; i++) {
		struct greylist_seen seen = { 0 };

		CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
		    GREYLIST_WAIT, "triplet %u", i);
		now += 1000 * DELAY;
		CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
		    GREYLIST_PASS, "triplet %u", i);
		CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
		    i + 1 < GREYLIST_KNOWN ? GREYLIST_PASS :
		    GREYLIST_KNOWN_CLIENT, "counted once");
	}
	for (unsigned int i = 0; i < 3; i++) {
		struct greylist_seen seen = { 0 };

		now += UINT64_C(1000) * GREYLIST_KEEP_S;
		CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
		    GREYLIST_KNOWN_CLIENT, "a new triplet of it");
		CHECK_NUM(seen.first_ms, 0, "is not remembered");
	}
	now += UINT64_C(1000) * GREYLIST_KEEP_S + 1;
	struct greylist_seen seen = { 0 };
	CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
	    GREYLIST_WAIT, "away too long");
	now += 1000 * DELAY;
	CHECK_NUM(greylist_judge(now, DELAY, &seen, &client).word,
	    GREYLIST_PASS, "again");
	CHECK_NUM(client.passes, 1, "it begins anew");
}

static void
test_networks(void **state UNUSED)
{
	static const struct {
		struct span	address, key;
	} rows[] = {
		{ SPAN("\xc0\0\2\1"), SPAN("\4\xc0\0\2") },
		{ SPAN("\xc0\0\2\xff"), SPAN("\4\xc0\0\2") },
		{ SPAN("\x20\1\x0d\xb8\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c"),
		    SPAN("\6\x20\1\x0d\xb8\1\2\3\4") },
		{ SPAN(""), SPAN("") },
		{ SPAN("\1\2\3"), SPAN("") },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t key[GREYLIST_NETWORK_MAX];
		size_t n = greylist_network(rows[i].address, key);

		CHECK(span_eq(span_of(key, n), rows[i].key), "row %zu", i);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_stories, "RLY-7"),
		TEST(test_learns_clients, ""),
		TEST(test_networks, ""),
	};

	return RUN_TESTS(tests);
}
