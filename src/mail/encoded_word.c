/*
 * encoded_word.c - "=?" charset "?" encoding "?" encoded-text "?=", and what it
 * stands for.
 *
 * No part of it holds a `?`, so that a word that is none is known by the fourth
 * one behind its start: no octet is looked at more often (PRS-8).
 */
#include "mail/encoded_word.h"

#include "base/base64.h"
#include "mail/charset.h"

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

/* RFC 3629; no set of single octets has any beyond U+FFFF. */
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

static void
put_octet(struct out *o, const struct charset *c, uint8_t octet)
{
	unsigned int point = charset_point(c, octet);

	if (point < 0x80 || point == CHARSET_OCTET)
		put(o, octet);
	else
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
			octet = (uint8_t)(16 * ascii_hex(text.p[i + 1]) +
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
	    !take_part(&rest, &w->text) || !span_starts(rest, SPAN("=")) ||
	    charset.n == 0)
		return false;
	w->n = in.n - rest.n + 1;
	w->charset = charset_find(charset);
	w->encoding = encoding_find(encoding);
	return w->encoding != NULL && w->encoding->is_whole(w->text);
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
