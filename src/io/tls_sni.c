/*
 * tls_sni.c - host names, as clients ask for them and as certificates have
 * them.
 */
#include "io/tls_sni.h"

#define LABEL_MAX	63u
#define HOST_NAME	0u	/* RFC 6066 3: the only type there is */

/* Two octets and as many as they say; false: they are not there. */
static bool
take_vector(struct span *in, struct span *out)
{
	size_t n;

	if (in->n < 2)
		return false;
	n = (size_t)in->p[0] << 8 | in->p[1];
	*in = span_skip(*in, 2);
	if (in->n < n)
		return false;
	*out = span_take(in, n);
	return true;
}

enum err
tls_sni_parse(struct span ext, struct span *name)
{
	struct span list, host = { 0 };
	bool is_found = false;

	if (!take_vector(&ext, &list) || ext.n > 0 || list.n == 0)
		return ERR_SYNTAX;
	while (list.n > 0) {
		uint8_t type = span_take(&list, 1).p[0];
		struct span value;

		/* RFC 6066 3: at most one of a type. */
		if (!take_vector(&list, &value) ||
		    (type == HOST_NAME && is_found))
			return ERR_SYNTAX;
		if (type != HOST_NAME)
			continue;
		host = value;
		is_found = true;
	}
	if (!is_found)
		return ERR_NONE;
	if (!tls_name_is_good(host, false))
		return ERR_SYNTAX;
	*name = host;
	return ERR_OK;
}

static bool
is_label(struct span label)
{
	if (label.n == 0 || label.n > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_alpha(label.p[i]) &&
		    !ascii_is_digit(label.p[i]) && label.p[i] != '-' &&
		    label.p[i] != '_')
			return false;
	return true;
}

bool
tls_name_is_good(struct span name, bool is_pattern)
{
	bool is_wild = is_pattern && span_starts(name, SPAN("*."));
	size_t nlabels = 0, dot;

	if (name.n == 0 || name.n > TLS_NAME_MAX)
		return false;
	if (is_wild)
		name = span_skip(name, 2);
	do {
		dot = span_find(name, '.');
		if (!is_label(span_of(name.p, dot)))
			return false;
		nlabels++;
		/* A final dot leaves an empty label, which is none. */
		if (dot < name.n && dot + 1 == name.n)
			return false;
		name = span_skip(name, dot + 1);
	} while (name.n > 0);
	return nlabels >= (is_wild ? 2u : 1u);
}

bool
tls_name_matches(struct span pattern, struct span name)
{
	if (!span_starts(pattern, SPAN("*.")))
		return span_eq_nocase(pattern, name);
	return span_eq_nocase(span_skip(pattern, 1),
	    span_skip(name, span_find(name, '.')));
}
