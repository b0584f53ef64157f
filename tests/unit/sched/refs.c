/*
 * refs.c - the compact table against a plain array, through many changes.
 */
#include "check.h"

#include "base/rand.h"
#include "sched/refs.h"

#define N	3000u

static bool
has(struct refs *m, uint32_t hash, uint32_t ref)
{
	uint32_t at = 0, r;

	while ((r = refs_next(m, hash, &at)) != REFS_NONE)
		if (r == ref)
			return true;
	return false;
}

/* mask: how many different hashes; few means long runs. */
static void
run(uint32_t mask)
{
	struct refs m = { 0 };
	static bool in[N];
	struct rand dice = { mask };

	memset(in, 0, sizeof(in));
	for (unsigned int turn = 0; turn < 40000; turn++) {
		uint32_t ref = (uint32_t)rand_below(&dice, N);
		uint32_t hash = refs_mix(ref) & mask;

		CHECK(has(&m, hash, ref) == in[ref], "mask %x turn %u", mask,
		    turn);
		if (in[ref])
			CHECK(refs_remove(&m, hash, ref), "turn %u", turn);
		else
			CHECK(refs_put(&m, hash, ref) == ERR_OK, "turn %u",
			    turn);
		in[ref] = !in[ref];
	}
	for (uint32_t ref = 0; ref < N; ref++)
		CHECK(has(&m, refs_mix(ref) & mask, ref) == in[ref],
		    "ref %u", ref);
	refs_free(&m);
}

static void
test_against_array(void **state)
{
	(void)state;
	run(UINT32_MAX);
	run(0xff);
}

static void
test_absent(void **state)
{
	struct refs m = { 0 };
	uint32_t at = 0;

	(void)state;
	CHECK(!refs_remove(&m, 1, 1), "nothing there");
	CHECK(refs_next(&m, 1, &at) == REFS_NONE, "nothing there");
	CHECK(refs_put(&m, 1, 1) == ERR_OK, "put");
	CHECK(!refs_replace(&m, 1, 2, 3), "another ref");
	CHECK(refs_replace(&m, 1, 1, 3), "replace");
	CHECK(has(&m, 1, 3) && !has(&m, 1, 1), "replaced");
	refs_free(&m);
}

static const struct CMUnitTest tests[] = {
	TEST(test_against_array, ""),
	TEST(test_absent, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
