#include "cli/send_fields.h"

enum err
send_canonical(struct span text, struct buf *to)
{
	enum err e = ERR_OK;

	while (text.n > 0 && e == ERR_OK) {
		struct span line = span_take(&text, span_find(text, '\n'));

		if (text.n > 0)
			text = span_skip(text, 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		e = buf_add(to, line);
		if (e == ERR_OK)
			e = buf_add(to, SPAN("\r\n"));
	}
	return e;
}

/* The list of one field, letter by letter. */
struct scan {
	struct buf	*list;
	size_t		 start;		/* of the address that is being read */
	unsigned int	 comment;	/* depth */
	bool		 is_quoted, is_angle;
};

static void
drop(struct scan *s)
{
	buf_cut(s->list, s->start);
}

static enum err
end_address(struct scan *s)
{
	enum err e;

	s->is_angle = false;
	if (s->list->n == s->start)
		return ERR_OK;
	e = buf_addc(s->list, '\0');
	s->start = s->list->n;
	return e;
}

/* Inside quotes and comments nothing has a meaning but their ends. */
static bool
is_inside(struct scan *s, uint8_t c)
{
	if (s->comment > 0) {
		s->comment += c == '(' ? 1u : 0u;
		s->comment -= c == ')' ? 1u : 0u;
		return true;
	}
	if (c == '"')
		s->is_quoted = !s->is_quoted;
	return s->is_quoted && c != '"';
}

static enum err
scan_letter(struct scan *s, uint8_t c)
{
	switch (c) {
	case '(':
		s->comment = 1;
		return ERR_OK;
	case '<':
		drop(s);	/* that was the name */
		s->is_angle = true;
		return ERR_OK;
	case ':':
		if (!s->is_angle)
			drop(s);	/* the name of a group */
		return s->is_angle ? buf_addc(s->list, c) : ERR_OK;
	case '>':
	case ',':
	case ';':
		return end_address(s);
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return ERR_OK;
	default:
		return buf_addc(s->list, c);
	}
}

static enum err
scan_addresses(struct span value, struct buf *list)
{
	struct scan s = { .list = list, .start = list->n };
	enum err e = ERR_OK;

	for (size_t i = 0; i < value.n && e == ERR_OK; i++) {
		uint8_t c = value.p[i];
		bool is_pair = c == '\\' && i + 1 < value.n;
		bool is_comment = s.comment > 0;

		if (is_pair && !is_comment)
			e = buf_addc(list, c);
		if (is_pair)
			c = value.p[++i];
		else if (!is_inside(&s, c)) {
			e = scan_letter(&s, c);
			continue;
		}
		if (!is_comment && e == ERR_OK)
			e = buf_addc(list, c);
	}
	return e != ERR_OK ? e : end_address(&s);
}

/* One field at the front, folded lines included, its line end too. */
static struct span
take_field(struct span *rest)
{
	size_t n = 0;

	do {
		struct span left = span_skip(*rest, n);

		n += MIN(span_find(left, '\n') + 1, left.n);
	} while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
	return span_take(rest, n);
}

enum err
send_recipients(struct span content, struct buf *list, struct buf *rest)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && content.n > 0 &&
	    !span_starts(content, SPAN("\r\n"))) {
		struct span field = take_field(&content), value = field;
		struct span name = span_trim(span_take(&value,
		    span_find(value, ':')));
		bool is_bcc = span_eq_nocase(name, SPAN("Bcc"));

		if (value.n > 0 && (is_bcc ||
		    span_eq_nocase(name, SPAN("To")) ||
		    span_eq_nocase(name, SPAN("Cc"))))
			e = scan_addresses(span_skip(value, 1), list);
		if (e == ERR_OK && !is_bcc)
			e = buf_add(rest, field);
	}
	return e != ERR_OK ? e : buf_add(rest, content);
}
