/*
 * span.h - octets that belong to somebody else.
 *
 * A span borrows: it never owns, never ends in NUL, and may hold any octet.
 * Nothing here allocates.  Comparisons named _nocase fold ASCII letters only
 * (RFC 5321 2.4).
 */
#ifndef POSTHORSE_BASE_SPAN_H
#define POSTHORSE_BASE_SPAN_H

#include "base/base.h"

#include <string.h>

struct span {
	const uint8_t	*p;
	size_t		 n;
};

/* The whole of a string literal, or of a C string that we made. */
#define SPAN(literal) \
	((struct span){ (const uint8_t *)(literal), sizeof(literal) - 1 })
static inline struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}
static inline struct span
span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}
/* For printf("%.*s"): only for octets known to be printable. */
#define SPAN_FMT(s)	(int)(s).n, (const char *)(s).p

bool span_eq(struct span a, struct span b);
bool span_eq_nocase(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_starts_nocase(struct span s, struct span prefix);
bool span_ends_nocase(struct span s, struct span suffix);
/* Offset of the first such octet, or s.n when there is none. */
size_t span_find(struct span s, uint8_t octet);
size_t span_rfind(struct span s, uint8_t octet);
/* Offset of the first such sequence, or s.n when there is none. */
size_t span_find_span(struct span s, struct span what);
/* Take n octets (at most s->n) off the front of *s and return them. */
struct span span_take(struct span *s, size_t n);
/* Without the first n octets (at most s.n). */
struct span span_skip(struct span s, size_t n);
/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);
/* ASCII letters in lower case, in room of s.n octets. */
struct span span_lower(struct span s, uint8_t *room);
/*
 * A decimal number: 1 to 20 digits and nothing else, within limit.
 * ERR_SYNTAX, or ERR_FULL when it is larger.
 */
MUST_USE enum err span_u64(struct span s, uint64_t limit, uint64_t *value);

static inline uint8_t
ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}
/* Of either case; -1: no hexadecimal digit. */
static inline int
ascii_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
static inline bool
ascii_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}
static inline bool
ascii_is_alpha(uint8_t c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

#endif
