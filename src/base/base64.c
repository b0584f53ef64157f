/*
 * base64.c - four letters, three octets.
 */
#include "base/base64.h"

static const char letters[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The four letters of a group, of which the last npad are `=`. */
static enum err
decode_group(const uint8_t *p, unsigned int npad, struct buf *to)
{
	uint32_t bits = 0;
	uint8_t out[3];

	for (unsigned int i = 0; i < 4; i++) {
		int v = i < 4 - npad ? base64_value(p[i]) : 0;

		if (v < 0)
			return ERR_SYNTAX;
		bits = bits << 6 | (uint32_t)v;
	}
	/* RFC 4648 3.5: bits that say nothing are zero. */
	if ((bits & ((1u << 8 * npad) - 1)) != 0)
		return ERR_SYNTAX;
	out[0] = (uint8_t)(bits >> 16);
	out[1] = (uint8_t)(bits >> 8);
	out[2] = (uint8_t)bits;
	return buf_add(to, span_of(out, 3 - npad));
}

enum err
base64_decode(struct span text, struct buf *to)
{
	if (text.n % 4 != 0)
		return ERR_SYNTAX;
	while (text.n > 0) {
		struct span group = span_take(&text, 4);
		unsigned int npad = 0;
		enum err e;

		if (text.n == 0 && group.p[3] == '=')
			npad = group.p[2] == '=' ? 2 : 1;
		e = decode_group(group.p, npad, to);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* A whole group of letters, or the last one, in the other alphabet. */
static bool
translate(struct span part, uint8_t group[4])
{
	memset(group, '=', 4);
	for (size_t i = 0; i < part.n; i++) {
		uint8_t c = part.p[i];

		if (c == '+' || c == '/' || c == '=')
			return false;
		group[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	return part.n != 1;
}

enum err
base64url_decode(struct span text, struct buf *to)
{
	while (text.n > 0) {
		struct span part = span_take(&text, 4);
		uint8_t group[4];
		enum err e;

		if (!translate(part, group))
			return ERR_SYNTAX;
		e = decode_group(group, (unsigned int)(4 - part.n), to);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
base64_encode(struct span in, struct buf *to)
{
	while (in.n > 0) {
		struct span part = span_take(&in, 3);
		uint32_t bits = (uint32_t)part.p[0] << 16 |
		    (part.n > 1 ? (uint32_t)part.p[1] << 8 : 0) |
		    (part.n > 2 ? part.p[2] : 0);
		char four[4];
		enum err e;

		for (unsigned int i = 0; i < 4; i++)
			four[i] = i <= part.n ?
			    letters[bits >> (18 - 6 * i) & 63] : '=';
		e = buf_add(to, span_of(four, 4));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
