/*
 * encoded_word.c - "=?" charset "?" encoding "?" encoded-text "?=", and what it
 * stands for.
 *
 * No part of it holds a `?`, so that a word that is none is known by the fourth
 * one behind its start: no octet is looked at more often (PRS-8).
 */
#include "mail/encoded_word.h"

#include "base/base64.h"

struct out {
	uint8_t	*to;
	size_t	 n, room;
};

static void
put(struct out *o, uint8_t c)
{
	bool is_control = (c < ' ' && c != '\t') || c == 0x7f;

	if (!is_control && o->n < o->room)
		o->to[o->n++] = c;
}

/* RFC 3629; none that we know of is beyond U+FFFF. */
static void
put_point(struct out *o, unsigned int point)
{
	if (point >= 0x800)
		put(o, (uint8_t)(0xe0u | point >> 12));
	if (point >= 0x800)
		put(o, (uint8_t)(0x80u | (point >> 6 & 0x3f)));
	else
		put(o, (uint8_t)(0xc0u | point >> 6));
	put(o, (uint8_t)(0x80u | (point & 0x3f)));
}

/* --- character sets --- */

/* An octet, and its code point where that is another number. */
struct point {
	uint8_t		octet;
	uint16_t	point;
};
static const struct point of_8859_15[] = {
	{ 0xa4, 0x20ac }, { 0xa6, 0x160 }, { 0xa8, 0x161 }, { 0xb4, 0x17d },
	{ 0xb8, 0x17e }, { 0xbc, 0x152 }, { 0xbd, 0x153 }, { 0xbe, 0x178 },
}, of_1252[] = {
	{ 0x80, 0x20ac }, { 0x82, 0x201a }, { 0x83, 0x192 }, { 0x84, 0x201e },
	{ 0x85, 0x2026 }, { 0x86, 0x2020 }, { 0x87, 0x2021 }, { 0x88, 0x2c6 },
	{ 0x89, 0x2030 }, { 0x8a, 0x160 }, { 0x8b, 0x2039 }, { 0x8c, 0x152 },
	{ 0x8e, 0x17d }, { 0x91, 0x2018 }, { 0x92, 0x2019 }, { 0x93, 0x201c },
	{ 0x94, 0x201d }, { 0x95, 0x2022 }, { 0x96, 0x2013 }, { 0x97, 0x2014 },
	{ 0x98, 0x2dc }, { 0x99, 0x2122 }, { 0x9a, 0x161 }, { 0x9b, 0x203a },
	{ 0x9c, 0x153 }, { 0x9e, 0x17e }, { 0x9f, 0x178 },
};

static const struct charset {
	const char		*name;		/* IANA's, and what is written */
	bool			 is_octets;	/* taken as they are */
	const struct point	*points;	/* others are Latin-1 */
	size_t			 npoints;
} charsets[] = {
	{ "utf-8", true }, { "utf8", true },
	{ "us-ascii", true }, { "ascii", true },
	{ "iso-8859-1" }, { "latin1" },
	{ "iso-8859-15", false, of_8859_15, COUNT(of_8859_15) },
	{ "windows-1252", false, of_1252, COUNT(of_1252) },
	{ "cp1252", false, of_1252, COUNT(of_1252) },
};

static const struct charset *
charset_find(struct span name)
{
	name.n = span_find(name, '*');
	for (size_t i = 0; i < COUNT(charsets); i++)
		if (span_eq_nocase(name, span_str(charsets[i].name)))
			return &charsets[i];
	return NULL;
}

static void
put_octet(struct out *o, const struct charset *c, uint8_t octet)
{
	unsigned int point = octet;

	if (c->is_octets || octet < 0x80) {
		put(o, octet);
		return;
	}
	for (size_t i = 0; i < c->npoints; i++)
		if (c->points[i].octet == octet)
			point = c->points[i].point;
	put_point(o, point);
}

/* --- Q (4.2) --- */

static bool
q_is_whole(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '=')
			continue;
		if (text.n - i < 3 || ascii_hex(text.p[i + 1]) < 0 ||
		    ascii_hex(text.p[i + 2]) < 0)
			return false;
		i += 2;
	}
	return true;
}

static void
q_decode(struct span text, const struct charset *c, struct out *o)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t octet = text.p[i] == '_' ? ' ' : text.p[i];

		if (octet == '=') {
			octet = (uint8_t)(ascii_hex(text.p[i + 1]) << 4 |
			    ascii_hex(text.p[i + 2]));
			i += 2;
		}
		put_octet(o, c, octet);
	}
}

/* --- B (4.1) --- */

/* Padding may be missing, as it often is; a lone letter says nothing. */
static struct span
b_unpadded(struct span text)
{
	for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
		text.n--;
	return text;
}

static bool
b_is_whole(struct span text)
{
	text = b_unpadded(text);
	for (size_t i = 0; i < text.n; i++)
		if (base64_value(text.p[i]) < 0)
			return false;
	return text.n % 4 != 1;
}

static void
b_decode(struct span text, const struct charset *c, struct out *o)
{
	unsigned int bits = 0, n = 0;

	text = b_unpadded(text);
	for (size_t i = 0; i < text.n; i++) {
		bits = (bits << 6 | (unsigned int)base64_value(text.p[i])) & 0xfff;
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		put_octet(o, c, (uint8_t)(bits >> n & 0xff));
	}
}

/* --- words --- */

static const struct encoding {
	uint8_t	letter;
	bool	(*is_whole)(struct span text);
	void	(*decode)(struct span text, const struct charset *c,
		    struct out *o);
} encodings[] = {
	{ 'q', q_is_whole, q_decode },
	{ 'b', b_is_whole, b_decode },
};

struct encoded_word {
	const struct charset	*charset;
	const struct encoding	*encoding;
	struct span		 text;
	size_t			 n;	/* octets of the whole */
};

/* What stands before the next `?`, which is skipped: printable, no space. */
static bool
take_part(struct span *in, struct span *part)
{
	size_t n = 0;

	while (n < in->n && in->p[n] > ' ' && in->p[n] < 0x7f &&
	    in->p[n] != '?')
		n++;
	if (n == in->n || in->p[n] != '?')
		return false;
	*part = span_of(in->p, n);
	*in = span_skip(*in, n + 1);
	return true;
}

static const struct encoding *
encoding_find(struct span name)
{
	for (size_t i = 0; name.n == 1 && i < COUNT(encodings); i++)
		if (ascii_lower(name.p[0]) == encodings[i].letter)
			return &encodings[i];
	return NULL;
}

static bool
word_at(struct span in, struct encoded_word *w)
{
	struct span rest = in, charset, encoding;

	if (!span_starts(in, SPAN("=?")))
		return false;
	rest = span_skip(rest, 2);
	if (!take_part(&rest, &charset) || !take_part(&rest, &encoding) ||
	    !take_part(&rest, &w->text) || !span_starts(rest, SPAN("=")))
		return false;
	w->n = in.n - rest.n + 1;
	w->charset = charset_find(charset);
	w->encoding = encoding_find(encoding);
	return w->charset != NULL && w->encoding != NULL &&
	    w->encoding->is_whole(w->text);
}

size_t
encoded_words_decode(struct span value, uint8_t *to, size_t room)
{
	struct out o = { .to = to, .room = room };
	struct encoded_word w;
	bool is_gap = false;	/* nothing but spaces since a word */
	size_t end = 0;		/* of that word, in what was written */

	while (value.n > 0) {
		if (word_at(value, &w)) {
			if (is_gap)
				o.n = end;
			w.encoding->decode(w.text, w.charset, &o);
			is_gap = true;
			end = o.n;
			value = span_skip(value, w.n);
			continue;
		}
		is_gap = is_gap && (value.p[0] == ' ' || value.p[0] == '\t');
		put(&o, value.p[0]);
		value = span_skip(value, 1);
	}
	return o.n;
}
