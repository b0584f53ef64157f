/*
 * check.h - cmocka with rows: every check names the case that it belongs to.
 *
 * A test is registered with the requirement ids that it shows:
 *
 *	static const struct CMUnitTest tests[] = {
 *		TEST(test_body_cut_anywhere, "PRS-2 SMTP-1"),
 *		TEST(test_lengths, ""),
 *	};
 *
 * tools/requirements reads these lines: keep one TEST( ) a line.
 */
#ifndef POSTHORSE_TESTS_CHECK_H
#define POSTHORSE_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(function, ids)	{ #function " [" ids "]", function, NULL, NULL, NULL }
#define RUN_TESTS(tests)	cmocka_run_group_tests(tests, NULL, NULL)

/* CHECK(claim, "format of the case", ...) */
#define CHECK(claim, ...)                                                     \
	do {                                                                  \
		if (!(claim)) {                                               \
			print_error("%s:%d: not so: %s: ", __FILE__,          \
			    __LINE__, #claim);                                \
			print_error(__VA_ARGS__);                             \
			print_error("\n");                                    \
			fail();                                               \
		}                                                             \
	} while (0)

#define CHECK_NUM(got, want, ...)                                             \
	do {                                                                  \
		long long got_ = (long long)(got), want_ = (long long)(want); \
		if (got_ != want_) {                                          \
			print_error("%s:%d: %s is %lld, not %lld: ",          \
			    __FILE__, __LINE__, #got, got_, want_);           \
			print_error(__VA_ARGS__);                             \
			print_error("\n");                                    \
			fail();                                               \
		}                                                             \
	} while (0)

#define CHECK_STR(got, want, ...)                                             \
	do {                                                                  \
		const char *got_ = (got), *want_ = (want);                    \
		if (strcmp(got_, want_) != 0) {                               \
			print_error("%s:%d: %s is\n  %s\nnot\n  %s\n",        \
			    __FILE__, __LINE__, #got, got_, want_);           \
			print_error(__VA_ARGS__);                             \
			print_error("\n");                                    \
			fail();                                               \
		}                                                             \
	} while (0)

#endif
