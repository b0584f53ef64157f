/*
 * arena: aligned, capped, warm after a reset, and poisoned in between.
 */
#include "check.h"

#include "base/arena.h"

#include <sys/wait.h>
#include <unistd.h>

static void
test_aligned_and_apart(void **state)
{
	(void)state;
	struct arena a = arena_make(1 << 20, 1 << 16);
	uint8_t *last = NULL;

	for (size_t n = 0; n < 300; n++) {
		void *p;

		CHECK_NUM(arena_get(&a, n, &p), ERR_OK, "%zu octets", n);
		CHECK_NUM((uintptr_t)p % 16, 0, "%zu octets", n);
		CHECK(p != last || n <= 1, "its own place, %zu", n);
		memset(p, 0xa5, n);
		last = p;
	}
	arena_free(&a);
	CHECK_NUM(a.held, 0, "all given back");
}

static void
test_cap(void **state)
{
	(void)state;
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15,
		((size_t)1 << 31) - 1, ((size_t)1 << 31) + 1,
		((size_t)1 << 32) - 1, ((size_t)1 << 32) + 1, 8193 };
	struct arena a = arena_make(8192, 8192);
	size_t got = 0;
	void *p;

	for (size_t i = 0; i < COUNT(sizes); i++)
		CHECK_NUM(arena_get(&a, sizes[i], &p), ERR_FULL, "%zu",
		    sizes[i]);
	while (arena_get(&a, 64, &p) == ERR_OK)
		got += 64;
	CHECK(got >= 4096 && got <= 8192, "%zu octets of 8192", got);
	CHECK(a.held <= 8192, "the system was asked for %zu", a.held);
	arena_reset(&a);
	CHECK_NUM(arena_get(&a, 64, &p), ERR_OK, "again after a reset");
	arena_free(&a);
}

static void
test_warm_after_reset(void **state)
{
	(void)state;
	struct arena a = arena_make(1 << 20, 1 << 14);
	void *p;
	size_t warm;

	for (int i = 0; i < 100; i++)
		CHECK_NUM(arena_get(&a, 1000, &p), ERR_OK, "round %d", i);
	arena_reset(&a);
	warm = a.held;
	CHECK(warm > 0 && warm <= 1 << 14, "kept %zu", warm);
	for (size_t i = 0; i < warm / 4096; i++)
		CHECK_NUM(arena_get(&a, 1000, &p), ERR_OK, "again %zu", i);
	CHECK_NUM(a.held, warm, "the system was asked for nothing");
	arena_free(&a);
}

static void
test_copy(void **state)
{
	(void)state;
	struct arena a = arena_make(64, 0);
	char text[] = "a\0b";
	struct span copy;

	CHECK_NUM(arena_copy(&a, span_of(text, 3), &copy), ERR_OK, "copy");
	text[0] = 'x';
	CHECK(span_eq(copy, SPAN("a\0b")), "its own octets");
	CHECK_NUM(arena_copy(&a, (struct span){ 0 }, &copy), ERR_OK, "empty");
	CHECK_NUM(copy.n, 0, "empty");
	arena_free(&a);
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN	1
#endif
#endif

/* What was reset must not be read: a child that does is stopped by ASan. */
static void
test_reset_poisons(void **state)
{
	(void)state;
#ifndef HAS_ASAN
	skip();
#else
	struct arena a = arena_make(4096, 4096);
	volatile uint8_t *octet;
	void *p;
	int status;
	pid_t child;

	CHECK_NUM(arena_get(&a, 10, &p), ERR_OK, "ten");
	octet = p;
	*octet = 1;
	arena_reset(&a);
	child = fork();
	if (child == 0) {
		(void)close(2);
		_exit(*octet == 1 ? 0 : 3);
	}
	CHECK(waitpid(child, &status, 0) == child, "child");
	CHECK(!WIFEXITED(status) ||
		(WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3),
	    "the child was stopped");
	arena_free(&a);
#endif
}

/* Blocks grow with what is held, and no more than an eighth lies idle. */
static void
test_many(void **state)
{
	(void)state;
	struct arena a = arena_make(1 << 26, 0);
	void *p;

	for (size_t i = 1; i <= 500000; i++) {
		CHECK_NUM(arena_get(&a, 64, &p), ERR_OK, "%zu", i);
		CHECK(a.held <= a.used + a.used / 8 + 8192,
		    "%zu held for %zu", a.held, a.used);
	}
	arena_free(&a);
	CHECK_NUM(a.held, 0, "all given back");
}

static const struct CMUnitTest tests[] = {
	TEST(test_aligned_and_apart, "MEM-1"),
	TEST(test_cap, "MEM-1 MEM-2"),
	TEST(test_warm_after_reset, ""),
	TEST(test_many, "MEM-1"),
	TEST(test_copy, "MEM-4"),
	TEST(test_reset_poisons, "MEM-1"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
