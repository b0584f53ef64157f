/*
 * verifier_prep.c - SASLprep (RFC 4013) of a password.
 *
 * A client prepares what is typed in the same way, so both must come to the
 * same octets.  ASCII is itself.  Anything else is mapped, normalised (NFKC,
 * libunistring's, which is newer than the Unicode 3.2 of RFC 3454: that matters
 * for characters which did not exist then) and looked at for what is forbidden.
 */
#include "config/verifier.h"

#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* RFC 3454 B.1: "commonly mapped to nothing". */
static bool
is_nothing(ucs4_t c)
{
	static const ucs4_t alone[] = { 0xad, 0x34f, 0x1806, 0x2060, 0xfeff };

	for (size_t i = 0; i < COUNT(alone); i++)
		if (c == alone[i])
			return true;
	return (c >= 0x180b && c <= 0x180d) || (c >= 0x200c && c <= 0x200d) ||
	    (c >= 0xfe00 && c <= 0xfe0f);
}

/* RFC 3454 C.1.2 to C.9, and A.1: not in a stored string. */
static bool
is_forbidden(ucs4_t c)
{
	static const struct {
		ucs4_t	first, last;
	} ranges[] = {
		{ 0x340, 0x341 }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f },
		{ 0x180e, 0x180e }, { 0x200c, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x2063 }, { 0x206a, 0x206f }, { 0x2ff0, 0x2ffb },
		{ 0xfdd0, 0xfdef }, { 0xfff9, 0xfffd }, { 0x1d173, 0x1d17a },
		{ 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f },
	};

	if (c == ' ')
		return false;
	for (size_t i = 0; i < COUNT(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return (c & 0xfffe) == 0xfffe || uc_is_general_category_withtable(c,
	    UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Co |
	    UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Cn);
}

/* RFC 3454 6: right-to-left stands at both ends, or nowhere. */
static bool
is_directed(const uint32_t *text, size_t n)
{
	bool has_right = false, has_left = false;

	for (size_t i = 0; i < n; i++) {
		int kind = uc_bidi_class(text[i]);

		has_right |= kind == UC_BIDI_R || kind == UC_BIDI_AL;
		has_left |= kind == UC_BIDI_L;
	}
	if (!has_right)
		return true;
	for (size_t i = 0; i < n; i += MAX(n - 1, (size_t)1)) {
		int kind = uc_bidi_class(text[i]);

		if (kind != UC_BIDI_R && kind != UC_BIDI_AL)
			return false;
	}
	return !has_left;
}

static size_t
map_all(uint32_t *text, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_nothing(text[i]))
			continue;
		/* RFC 4013 2.1: each space of another kind is a space. */
		text[kept++] = text[i] == 0x200b || uc_is_general_category(
		    text[i], UC_SPACE_SEPARATOR) ? ' ' : text[i];
	}
	return kept;
}

static enum err
check_all(const uint32_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_forbidden(text[i]))
			return ERR_SYNTAX;
	return n > 0 && is_directed(text, n) ? ERR_OK : ERR_SYNTAX;
}

static enum err
add_utf8(const uint32_t *text, size_t n, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		uint8_t octets[6];
		int k = u8_uctomb(octets, text[i], sizeof octets);

		e = k <= 0 ? ERR_SYNTAX : buf_add(to, span_of(octets,
		    (size_t)k));
	}
	return e;
}

static void
forget(uint32_t *text, size_t n)
{
	if (text != NULL)
		explicit_bzero(text, n * sizeof *text);
	free(text);
}

static enum err
prepare(uint32_t *text, size_t n, struct buf *to)
{
	size_t nnormal = 0, nmapped = map_all(text, n);
	uint32_t *normal;
	enum err e = ERR_NOMEM;

	if (nmapped == 0)
		return ERR_SYNTAX;
	normal = u32_normalize(UNINORM_NFKC, text, nmapped, NULL, &nnormal);
	if (normal != NULL)
		e = check_all(normal, nnormal);
	if (e == ERR_OK)
		e = add_utf8(normal, nnormal, to);
	forget(normal, nnormal);
	return e;
}

enum err
verifier_prepare(struct span password, struct buf *to)
{
	size_t n = 0;
	uint32_t *text;
	enum err e;

	if (password.n == 0 || u8_check(password.p, password.n) != NULL)
		return ERR_SYNTAX;
	text = u8_to_u32(password.p, password.n, NULL, &n);
	if (text == NULL)
		return ERR_NOMEM;
	e = prepare(text, n, to);
	forget(text, n);
	return e;
}
