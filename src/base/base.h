/*
 * base.h - the few words that every file of ours uses.
 */
#ifndef POSTHORSE_BASE_BASE_H
#define POSTHORSE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define MUST_USE	__attribute__((warn_unused_result))
#define UNUSED		__attribute__((unused))
#define NORETURN	__attribute__((noreturn))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

/*
 * How our own functions fail.  Results are stored on ERR_OK only.
 */
enum err {
	ERR_OK,
	ERR_NOMEM,	/* an allocation failed */
	ERR_FULL,	/* a stated limit is reached */
	ERR_SYNTAX,	/* the octets are not in the grammar */
	ERR_SHORT,	/* the octets end too early; more may help */
	ERR_NONE,	/* what was asked for is not there */
	ERR_IO,		/* the operating system failed; errno says why */
	ERR_AGAIN,	/* would block; ask again when the descriptor is ready */
	ERR_CLOSED,	/* the peer has gone */
	ERR_DENIED,	/* not allowed */
	ERR_CORRUPT,	/* a checksum or an identity does not hold */
	ERR_COUNT
};
/* A short English word for the log, never NULL. */
const char *err_name(enum err e);

/*
 * Checked sums on sizes that come from outside: true when the sum or product
 * fits, and only then stored.
 */
MUST_USE static inline bool
size_add(size_t a, size_t b, size_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

MUST_USE static inline bool
size_mul(size_t a, size_t b, size_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

MUST_USE static inline bool
u64_add(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/*
 * A claim about what we alone could have broken.  Stays on in release and
 * ends this process; the supervisor starts another.
 */
#define ASSERT(claim)                                                         \
	((claim) ? (void)0 : assert_failed(#claim, __FILE__, __LINE__))
NORETURN void assert_failed(const char *claim, const char *file, int line);

#endif
