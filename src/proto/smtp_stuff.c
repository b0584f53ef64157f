/*
 * smtp_stuff.c - line by line, found with memchr.
 */
#include "proto/smtp_stuff.h"

static bool
has_8bit(struct span s)
{
	uint8_t all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= s.p[i];
	return all > 127;
}

/* Every LF stands behind a CR, and no CR stands elsewhere. */
static bool
is_canonical(struct span s, bool *has_dot_line)
{
	size_t ncr = 0, nlines = 0;
	struct span rest = s;

	*has_dot_line = false;
	while (rest.n > 0) {
		size_t n = span_find(rest, '\n');

		if (rest.p[0] == '.')
			*has_dot_line = true;
		if (n == rest.n)
			break;
		if (n == 0 || rest.p[n - 1] != '\r')
			return false;
		nlines++;
		rest = span_skip(rest, n + 1);
	}
	for (size_t i = 0; i < s.n; i++)
		ncr += s.p[i] == '\r';
	return ncr == nlines;
}

/* The fields, or all where no empty line ends them. */
static struct span
header_of(struct span content)
{
	if (span_starts(content, SPAN("\r\n")))
		return span_of(content.p, 0);
	return span_of(content.p,
	    span_find_span(content, SPAN("\r\n\r\n")));
}

struct smtp_stuff_facts
smtp_stuff_look(struct span content)
{
	struct smtp_stuff_facts f = { 0 };

	f.is_canonical = is_canonical(content, &f.has_dot_line) &&
	    span_find(content, '\0') == content.n;
	f.is_8bit = has_8bit(content);
	f.is_8bit_header = f.is_8bit && has_8bit(header_of(content));
	f.is_ended = content.n == 0 || content.p[content.n - 1] == '\n';
	return f;
}

enum err
smtp_stuff_add(struct smtp_stuff *s, struct span octets, struct buf *to)
{
	size_t before = to->n;
	bool was_inside = s->is_inside;
	enum err e = ERR_OK;

	while (octets.n > 0 && e == ERR_OK) {
		size_t n = span_find(octets, '\n');
		bool is_whole = n < octets.n;

		if (!s->is_inside && octets.p[0] == '.')
			e = buf_addc(to, '.');
		if (e == ERR_OK)
			e = buf_add(to,
			    span_take(&octets, is_whole ? n + 1 : n));
		s->is_inside = !is_whole;
	}
	if (e != ERR_OK) {
		buf_cut(to, before);
		s->is_inside = was_inside;
	}
	return e;
}

struct span
smtp_stuff_end(bool is_ended)
{
	return is_ended ? SPAN(".\r\n") : SPAN("\r\n.\r\n");
}
