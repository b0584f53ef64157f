/*
 * charset.c - names of character sets, and their upper halves, which are written
 * when we are built (tools/write-charsets).
 */
#include "mail/charset.h"

#define REPLACEMENT	0xfffdu

struct charset {
	const char	*name;
	const uint16_t	*upper;		/* code points of 128 to 255; or NULL */
};

#include "charset_tables.h"

/* The first stands for all that we do not know. */
static const struct charset others[] = {
	{ "" }, { "utf-8" }, { "utf8" }, { "us-ascii" }, { "ascii" },
};

static const struct charset *
find(struct span name, const struct charset *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_nocase(name, span_str(in[i].name)))
			return &in[i];
	return NULL;
}

const struct charset *
charset_find(struct span name)
{
	const struct charset *c;

	name.n = span_find(name, '*');
	c = find(name, others, COUNT(others));
	if (c == NULL)
		c = find(name, single_octet, COUNT(single_octet));
	return c == NULL ? &others[0] : c;
}

unsigned int
charset_point(const struct charset *c, uint8_t octet)
{
	if (octet < 0x80)
		return octet;
	if (c == &others[0])
		return REPLACEMENT;
	return c->upper == NULL ? CHARSET_OCTET : c->upper[octet - 0x80];
}
