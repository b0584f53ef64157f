/*
 * idn.c - ASCII is lowered here; all else is libidn2's work.
 */
#include "mail/idn.h"

#include "base/utf8.h"
#include "mail/address.h"

#include <idn2.h>

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > 127)
			return false;
	return true;
}

static enum err
add_lowered(struct span s, struct buf *to)
{
	size_t before = to->n;
	enum err e = buf_add(to, s);

	for (size_t i = before; e == ERR_OK && i < to->n; i++)
		to->p[i] = ascii_lower(to->p[i]);
	return e;
}

enum err
idn_to_ascii(struct span domain, struct buf *to)
{
	char text[ADDR_DOMAIN_MAX + 1], *ascii = NULL;
	enum err e;
	int result;

	if (is_ascii(domain))
		return add_lowered(domain, to);
	/* Not longer than the text, without NUL: a C string is all of it. */
	if (domain.n >= sizeof text || !utf8_is_clean(domain))
		return ERR_SYNTAX;
	memcpy(text, domain.p, domain.n);
	text[domain.n] = '\0';
	result = idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL |
	    IDN2_NFC_INPUT);
	if (result != IDN2_OK)
		return result == IDN2_MALLOC ? ERR_NOMEM : ERR_SYNTAX;
	/* libidn2 lets an empty label pass, RFC 5321 4.1.2 does not. */
	e = ascii[0] == '.' || strstr(ascii, "..") != NULL ? ERR_SYNTAX :
	    add_lowered(span_str(ascii), to);
	idn2_free(ascii);
	return e;
}

static bool
is_glob(struct span label)
{
	return span_find(label, '*') < label.n ||
	    span_find(label, '?') < label.n;
}

static enum err
add_label(struct span label, struct buf *to)
{
	enum err e = is_glob(label) ? ERR_SYNTAX : idn_to_ascii(label, to);

	return e == ERR_SYNTAX ? add_lowered(label, to) : e;
}

enum err
idn_entry(struct span entry, struct buf *to)
{
	struct span at = SPAN("@"), name = entry;
	enum err e;
	size_t i;

	while ((i = span_find_span(name, at)) < name.n)
		name = span_skip(name, i + at.n);
	e = add_lowered(span_of(entry.p, entry.n - name.n), to);
	while (e == ERR_OK && name.n > 0) {
		struct span label = span_take(&name, span_find(name, '.'));

		e = add_label(label, to);
		if (e == ERR_OK && name.n > 0)
			e = buf_addc(to, '.');
		name = span_skip(name, MIN((size_t)1, name.n));
	}
	return e;
}
