/*
 * heap: always the smallest first, whoever leaves or moves.
 */
#include "check.h"

#include "base/heap.h"
#include "base/rand.h"

#define NODES	500

static uint64_t
smallest(const struct heap_node *nodes)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < NODES; i++)
		if (heap_has(&nodes[i]))
			due = MIN(due, nodes[i].due);
	return due;
}

/* Add, take out and move at random; ask a plain list who is first. */
static void
test_against_a_list(void **state)
{
	(void)state;
	struct heap h = heap_make(NODES);
	static struct heap_node nodes[NODES];
	struct rand r = { 3 };

	for (int step = 0; step < 20000; step++) {
		struct heap_node *n = &nodes[rand_below(&r, NODES)];
		uint64_t due = rand_below(&r, 1000);

		if (!heap_has(n))
			CHECK_NUM(heap_add(&h, n, due), ERR_OK, "add");
		else if (due % 2)
			heap_remove(&h, n);
		else
			heap_move(&h, n, due);
		CHECK((heap_first(&h) == NULL ? UINT64_MAX
					      : heap_first(&h)->due) ==
			smallest(nodes),
		    "step %d", step);
	}
	heap_free(&h);
	for (size_t i = 0; i < NODES; i++)
		CHECK(!heap_has(&nodes[i]), "%zu is free", i);
}

static void
test_comes_out_sorted(void **state)
{
	(void)state;
	struct heap h = heap_make(NODES);
	static struct heap_node nodes[NODES];
	struct rand r = { 4 };
	uint64_t last = 0;

	for (size_t i = 0; i < NODES; i++)
		CHECK_NUM(heap_add(&h, &nodes[i], rand_u64(&r)), ERR_OK, "%zu",
		    i);
	while (heap_count(&h) > 0) {
		struct heap_node *n = heap_first(&h);

		CHECK(n->due >= last, "in order");
		last = n->due;
		heap_remove(&h, n);
	}
	heap_free(&h);
}

static void
test_limit(void **state)
{
	(void)state;
	struct heap h = heap_make(2);
	struct heap_node a = { 0 }, b = { 0 }, c = { 0 };

	CHECK_NUM(heap_add(&h, &a, 1), ERR_OK, "one");
	CHECK_NUM(heap_add(&h, &b, 2), ERR_OK, "two");
	CHECK_NUM(heap_add(&h, &c, 0), ERR_FULL, "three");
	CHECK(!heap_has(&c) && heap_first(&h) == &a, "unchanged");
	heap_remove(&h, &a);
	CHECK_NUM(heap_add(&h, &c, 0), ERR_OK, "room again");
	heap_free(&h);
}

static const struct CMUnitTest tests[] = {
	TEST(test_against_a_list, ""),
	TEST(test_comes_out_sorted, ""),
	TEST(test_limit, "MEM-2"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
