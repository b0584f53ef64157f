/*
 * smtp_reply_parse.c - one line at a time, each octet looked at once.
 */
#include "proto/smtp_reply_parse.h"

struct smtp_answers
smtp_answers_make(void)
{
	return (struct smtp_answers){
		.line = buf_make(SMTP_ANSWER_LINE_MAX),
		.text = buf_make(SMTP_ANSWER_MAX),
	};
}

void
smtp_answers_free(struct smtp_answers *r)
{
	buf_free(&r->line);
	buf_free(&r->text);
}

/* One to three digits, no leading zero but "0" (RFC 3463 section 2). */
static bool
take_number(struct span *s)
{
	size_t n = 0;

	while (n < s->n && n < 4 && ascii_is_digit(s->p[n]))
		n++;
	if (n < 1 || n > 3 || (n > 1 && s->p[0] == '0'))
		return false;
	*s = span_skip(*s, n);
	return true;
}

static bool
take_octet(struct span *s, uint8_t octet)
{
	if (s->n == 0 || s->p[0] != octet)
		return false;
	*s = span_skip(*s, 1);
	return true;
}

struct span
smtp_status_find(struct span text)
{
	struct span rest = text;

	if (text.n == 0 ||
	    (text.p[0] != '2' && text.p[0] != '4' && text.p[0] != '5'))
		return span_of(text.p, 0);
	rest = span_skip(rest, 1);
	if (!take_octet(&rest, '.') || !take_number(&rest) ||
	    !take_octet(&rest, '.') || !take_number(&rest) ||
	    (rest.n > 0 && rest.p[0] != ' '))
		return span_of(text.p, 0);
	return span_of(text.p, text.n - rest.n);
}

static bool
is_clean(struct span line)
{
	return span_find(line, '\0') == line.n &&
	    span_find(line, '\r') == line.n;
}

/*
 * RFC 5321 4.2: three digits, of which the first one says all (servers do use
 * second digits that the grammar does not have), then a space, a hyphen, or
 * the end.
 */
static enum err
add_line(struct smtp_answers *r, struct span line, bool *is_last)
{
	unsigned int code = 0;

	if (line.n < 3 || !is_clean(line) || line.p[0] < '2' ||
	    line.p[0] > '5')
		return ERR_SYNTAX;
	for (size_t i = 0; i < 3; i++) {
		if (!ascii_is_digit(line.p[i]))
			return ERR_SYNTAX;
		code = code * 10 + (unsigned int)(line.p[i] - '0');
	}
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return ERR_SYNTAX;
	if (r->nlines > 0 && code != r->code)
		return ERR_SYNTAX;
	if (r->nlines == SMTP_ANSWER_LINES_MAX)
		return ERR_FULL;
	if (r->nlines > 0 && buf_addc(&r->text, '\n') != ERR_OK)
		return ERR_NOMEM;
	r->code = code;
	r->nlines++;
	*is_last = line.n == 3 || line.p[3] == ' ';
	return buf_add(&r->text, span_skip(line, 4));
}

/*
 * The next whole line without its CRLF: where it lies, or in r->line when it
 * was cut.  ERR_SHORT: the piece was kept.
 */
static enum err
take_line(struct smtp_answers *r, struct span *in, struct span *line)
{
	size_t n = span_find(*in, '\n');
	bool is_whole = n < in->n;
	struct span piece = span_take(in, is_whole ? n + 1 : n);

	r->total += piece.n;
	if (piece.n > SMTP_ANSWER_LINE_MAX - r->line.n ||
	    r->total > SMTP_ANSWER_MAX)
		return ERR_FULL;
	if (!is_whole || r->line.n > 0) {
		enum err e = buf_add(&r->line, piece);

		if (e != ERR_OK)
			return e;
		if (!is_whole)
			return ERR_SHORT;
		piece = buf_span(&r->line);
	}
	if (piece.n < 2 || piece.p[piece.n - 2] != '\r')
		return ERR_SYNTAX;
	*line = span_of(piece.p, piece.n - 2);
	return ERR_OK;
}

static void
begin_anew(struct smtp_answers *r)
{
	buf_free(&r->text);
	r->total = 0;
	r->nlines = 0;
	r->is_given = false;
}

static struct smtp_answer
whole_answer(struct smtp_answers *r)
{
	struct smtp_answer a = { .code = r->code, .text = buf_span(&r->text) };
	struct span first =
	    span_of(a.text.p, a.text.n == 0 ? 0 : span_find(a.text, '\n'));
	struct span status = smtp_status_find(first);

	if (status.n > 0 && status.p[0] == '0' + a.code / 100)
		a.status = status;
	r->is_given = true;
	return a;
}

enum err
smtp_answers_next(struct smtp_answers *r, struct span *in,
    struct smtp_answer *a)
{
	bool is_last = false;

	if (r->error != ERR_OK)
		return r->error;
	if (r->is_given)
		begin_anew(r);
	while (!is_last) {
		struct span line;
		enum err e = take_line(r, in, &line);

		if (e == ERR_SHORT)
			return e;
		if (e == ERR_OK)
			e = add_line(r, line, &is_last);
		buf_cut(&r->line, 0);
		if (e != ERR_OK)
			return r->error = e;
	}
	*a = whole_answer(r);
	return ERR_OK;
}
