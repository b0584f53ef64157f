/*
 * utf8.c - forms, and points that show nothing, as rows.
 */
#include "base/utf8.h"

/* Code points that turn a line around, end it, or show nothing. */
static const struct {
	uint32_t	first, last;
} hidden[] = {
	{ 0x0080, 0x009f },	/* C1 controls */
	{ 0x00ad, 0x00ad },	/* soft hyphen */
	{ 0x061c, 0x061c },	/* Arabic letter mark */
	{ 0x200b, 0x200f },	/* zero width, marks of direction */
	{ 0x2028, 0x202e },	/* separators, bidirectional overrides */
	{ 0x2060, 0x206f },	/* invisible operators, isolates */
	{ 0xfeff, 0xfeff },	/* byte order mark */
	{ 0xfff9, 0xfffb },	/* annotations */
	{ 0xe0000, 0xe007f },	/* tags */
};

bool
utf8_is_hidden(uint32_t point)
{
	for (size_t i = 0; i < COUNT(hidden); i++)
		if (point >= hidden[i].first && point <= hidden[i].last)
			return true;
	return false;
}

/* RFC 3629: the first octet's length, its bits, the least legal value. */
static const struct {
	uint8_t		mask, lead;
	uint8_t		n;
	uint32_t	least;
} forms[] = {
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

size_t
utf8_take(struct span s, uint32_t *point)
{
	size_t form = 0;
	uint32_t v;

	while (form < COUNT(forms) &&
	    (s.p[0] & forms[form].mask) != forms[form].lead)
		form++;
	if (form == COUNT(forms) || s.n < forms[form].n)
		return 0;
	v = s.p[0] & (uint8_t)~forms[form].mask;
	for (size_t i = 1; i < forms[form].n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3f);
	}
	if (v < forms[form].least || v > 0x10ffff ||
	    (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*point = v;
	return forms[form].n;
}

bool
utf8_is_clean(struct span s)
{
	uint32_t point;

	while (s.n > 0) {
		size_t n = 1;

		if (s.p[0] >= 0x80) {
			n = utf8_take(s, &point);
			if (n == 0 || utf8_is_hidden(point))
				return false;
		} else if (s.p[0] < 0x20 || s.p[0] == 0x7f)
			return false;
		s = span_skip(s, n);
	}
	return true;
}
