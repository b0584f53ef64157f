/*
 * header.c - names octet by octet, values with memchr.
 */
#include "mail/header.h"

enum {
	LINE,		/* at the start of a line */
	NAME,
	SPACE,		/* behind a name, before its colon */
	VALUE,
	EMPTY,		/* behind the CR of the empty line */
	OVER
};

void
header_begin(struct header *h)
{
	*h = (struct header){ .line = 1 };
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct header_event
say(enum header_kind kind)
{
	return (struct header_event){ .kind = kind };
}

static struct header_event
over(struct header *h, uint64_t size, enum header_fault fault)
{
	h->state = OVER;
	h->size = size;
	h->fault = fault;
	return say(HEADER_END);
}

/* This line is no field: it is the body's first. */
static struct header_event
no_field(struct header *h, enum header_fault fault)
{
	return over(h, h->line_offset, fault);
}

static struct span
take(struct header *h, struct span *in, size_t n)
{
	h->offset += n;
	return span_take(in, n);
}

static struct header_event
field_end(struct header *h)
{
	h->is_open = false;
	h->field.length = h->line_offset - h->field.offset;
	return say(HEADER_FIELD_END);
}

static struct header_event
on_line(struct header *h, struct span *in)
{
	uint8_t c = in->p[0];

	h->line_offset = h->offset;
	if (is_space(c) && h->is_open) {
		h->state = VALUE;
		return say(HEADER_MORE);
	}
	if (h->is_open)
		return field_end(h);
	if (is_space(c))
		return no_field(h, HEADER_FOLD_FIRST);
	if (c == '\r') {
		(void)take(h, in, 1);
		h->state = EMPTY;
	} else if (c == ':') {
		return no_field(h, HEADER_NO_NAME);
	} else {
		h->field = (struct header_field){ .offset = h->offset,
			.line = h->line, .number = h->field.number };
		h->state = NAME;
	}
	return say(HEADER_MORE);
}

static struct header_event
field_begin(struct header *h)
{
	if (h->field.number < UINT32_MAX)
		h->field.number++;
	h->is_open = true;
	h->state = VALUE;
	return say(HEADER_FIELD);
}

static void
name_add(struct header_field *f, uint8_t c)
{
	if (f->name_n == sizeof f->name)
		f->is_long = true;
	else
		f->name[f->name_n++] = ascii_lower(c);
}

static struct header_event
on_name(struct header *h, struct span *in)
{
	while (in->n > 0) {
		uint8_t c = take(h, in, 1).p[0];

		if (c == ':')
			return field_begin(h);
		if (is_space(c)) {
			h->field.is_spaced = true;
			h->state = SPACE;
		} else if (c == '\r' || c == '\n' || h->state == SPACE) {
			return no_field(h, HEADER_NO_COLON);
		} else if (c < 33 || c > 126) {
			return no_field(h, HEADER_NAME_OCTET);
		} else {
			name_add(&h->field, c);
		}
	}
	return say(HEADER_MORE);
}

static struct header_event
on_value(struct header *h, struct span *in)
{
	size_t lf = span_find(*in, '\n');
	struct header_event ev = { HEADER_VALUE, { 0 } };

	if (lf < in->n) {
		h->state = LINE;
		if (h->line < UINT32_MAX)
			h->line++;
	}
	ev.text = take(h, in, MIN(lf + 1, in->n));
	return ev;
}

static struct header_event
on_empty(struct header *h, struct span *in)
{
	if (take(h, in, 1).p[0] != '\n')
		return no_field(h, HEADER_NAME_OCTET);
	return over(h, h->offset, HEADER_GOOD);
}

struct header_event
header_next(struct header *h, struct span *in)
{
	static struct header_event (*const states[])(struct header *,
	    struct span *) = {
		[LINE] = on_line, [NAME] = on_name, [SPACE] = on_name,
		[VALUE] = on_value, [EMPTY] = on_empty,
	};

	while (h->state != OVER && in->n > 0) {
		struct header_event ev = states[h->state](h, in);

		if (ev.kind != HEADER_MORE)
			return ev;
	}
	return say(h->state == OVER ? HEADER_END : HEADER_MORE);
}

struct header_event
header_end(struct header *h)
{
	if (h->is_open) {
		h->line_offset = h->offset;
		return field_end(h);
	}
	if (h->state == NAME || h->state == SPACE)
		return no_field(h, HEADER_NO_COLON);
	if (h->state != OVER)
		return over(h, h->offset, HEADER_GOOD);
	return say(HEADER_END);
}
