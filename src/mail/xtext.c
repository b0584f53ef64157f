/*
 * xtext.c - what stands between `!` and `~`, and all else as +HH.
 */
#include "mail/xtext.h"

#include "base/utf8.h"

/* RFC 3461 section 4: upper case only. */
static int
hex_value(uint8_t c)
{
	return ascii_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 :
	    -1;
}

/* The octet of "+HH" at the front of s, or -1. */
static int
hexchar(struct span s)
{
	int high, low, octet;

	if (s.n < 3 || s.p[0] != '+')
		return -1;
	high = hex_value(s.p[1]);
	low = hex_value(s.p[2]);
	octet = high * 16 + low;
	return high < 0 || low < 0 || octet == 0 || octet == '\n' ||
	    octet == '\r' ? -1 : octet;
}

bool
xtext_is_utf8(struct span s, bool may_be_utf8, bool *has_utf8)
{
	uint32_t point;

	while (s.n > 0) {
		size_t n = 1;

		if (s.p[0] >= 0x80) {
			n = may_be_utf8 ? utf8_take(s, &point) : 0;
			if (n == 0 || utf8_is_hidden(point))
				return false;
			*has_utf8 = true;
		} else if (s.p[0] < 33 || s.p[0] > 126 || s.p[0] == '=')
			return false;
		else if (s.p[0] == '+') {
			if (hexchar(s) < 0)
				return false;
			n = 3;
		}
		s = span_skip(s, n);
	}
	return true;
}

bool
xtext_is(struct span s)
{
	bool has_utf8 = false;

	return s.n > 0 && xtext_is_utf8(s, false, &has_utf8);
}

bool
xtext_decode(struct span s, uint8_t *to, size_t room, size_t *n)
{
	for (*n = 0; s.n > 0; ++*n) {
		int octet = hexchar(s);

		if (*n == room)
			return false;
		to[*n] = octet >= 0 ? (uint8_t)octet : s.p[0];
		s = span_skip(s, octet >= 0 ? 3 : 1);
	}
	return true;
}
