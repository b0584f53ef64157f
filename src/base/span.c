/*
 * span.c - looking at borrowed octets.
 */
#include "base/span.h"

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_eq_nocase(struct span a, struct span b)
{
	return a.n == b.n && span_starts_nocase(a, b);
}

bool
span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n &&
	    (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool
span_starts_nocase(struct span s, struct span prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
			return false;
	return true;
}

bool
span_ends_nocase(struct span s, struct span suffix)
{
	return s.n >= suffix.n &&
	    span_eq_nocase(span_skip(s, s.n - suffix.n), suffix);
}

size_t
span_find(struct span s, uint8_t octet)
{
	const uint8_t *at = s.n == 0 ? NULL : memchr(s.p, octet, s.n);

	return at == NULL ? s.n : (size_t)(at - s.p);
}

size_t
span_rfind(struct span s, uint8_t octet)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == octet)
			return i - 1;
	return s.n;
}

size_t
span_find_span(struct span s, struct span what)
{
	const uint8_t *at;

	if (s.n == 0 || what.n == 0)
		return what.n == 0 ? 0 : s.n;
	at = memmem(s.p, s.n, what.p, what.n);
	return at == NULL ? s.n : (size_t)(at - s.p);
}

struct span
span_take(struct span *s, size_t n)
{
	struct span front = { s->p, MIN(n, s->n) };

	*s = span_skip(*s, n);
	return front;
}

struct span
span_skip(struct span s, size_t n)
{
	n = MIN(n, s.n);
	return (struct span){ n == 0 ? s.p : s.p + n, s.n - n };
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = span_skip(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct span
span_lower(struct span s, uint8_t *room)
{
	for (size_t i = 0; i < s.n; i++)
		room[i] = ascii_lower(s.p[i]);
	return span_of(room, s.n);
}

enum err
span_u64(struct span s, uint64_t limit, uint64_t *value)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 20)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]))
			return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return ERR_FULL;
	}
	if (v > limit)
		return ERR_FULL;
	*value = v;
	return ERR_OK;
}
