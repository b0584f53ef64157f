/*
 * content.c - the header octet by octet, the body with memchr.
 *
 * The header ends at the first empty line, or at the first line that is no
 * field (RFC 5322 2.2): what follows is body.  Only names, and the words behind
 * `by` in a Received, are looked at.
 */
#include "mail/content.h"

enum {
	LINE,		/* at the start of a line of the header */
	NAME,		/* in what may be a field's name */
	VALUE,
	EMPTY,		/* behind the CR of the empty line */
	BODY
};

/* RFC 5322 3.6: the fields that somebody asks for. */
static const struct {
	struct span	name;
	uint16_t	flag;
	bool		is_received;
} known[] = {
	{ { (const uint8_t *)"date", 4 }, CONTENT_HAS_DATE, false },
	{ { (const uint8_t *)"message-id", 10 }, CONTENT_HAS_MESSAGE_ID, false },
	{ { (const uint8_t *)"from", 4 }, CONTENT_HAS_FROM, false },
	{ { (const uint8_t *)"received", 8 }, 0, true },
};

enum after_by { NOT_RECEIVED, BEFORE_BY, BEHIND_BY, BY_SEEN };

void
content_scan_begin(struct content_scan *s, struct span hostname)
{
	*s = (struct content_scan){ .hostname = hostname };
}

static void
line_grew(struct content_scan *s, size_t n)
{
	s->line_n = (uint32_t)MIN((uint64_t)s->line_n + n, UINT32_MAX);
	s->facts.longest_line = MAX(s->facts.longest_line, s->line_n);
}

static void
count(uint16_t *n)
{
	if (*n < UINT16_MAX)
		(*n)++;
}

static void
name_end(struct content_scan *s)
{
	struct span name = span_trim(span_of(s->name, s->name_n));

	for (size_t i = 0; i < COUNT(known); i++) {
		if (!span_eq_nocase(name, known[i].name))
			continue;
		s->facts.flags |= known[i].flag;
		if (!known[i].is_received)
			continue;
		count(&s->facts.received);
		s->after_by = BEFORE_BY;
		s->word_n = 0;
	}
	if (s->facts.fields < UINT32_MAX)
		s->facts.fields++;
	s->state = VALUE;
}

static void
word_end(struct content_scan *s)
{
	/* One that did not fit is no host name. */
	bool is_whole = s->word_n > 0 && s->word_n <= sizeof s->word;
	struct span word = span_of(s->word, is_whole ? s->word_n : 0);

	if (s->word_n == 0)
		return;
	if (s->after_by == BEHIND_BY) {
		if (is_whole && span_eq_nocase(word, s->hostname))
			count(&s->facts.received_own);
		s->after_by = BY_SEEN;
	} else if (span_eq_nocase(word, SPAN("by"))) {
		s->after_by = BEHIND_BY;
	}
	s->word_n = 0;
}

static void
value_octet(struct content_scan *s, uint8_t c)
{
	if (s->after_by != BEFORE_BY && s->after_by != BEHIND_BY)
		return;
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';') {
		word_end(s);
		return;
	}
	if (s->word_n < sizeof s->word)
		s->word[s->word_n] = c;
	count(&s->word_n);
}

static void
field_end(struct content_scan *s)
{
	if (s->after_by == BEFORE_BY || s->after_by == BEHIND_BY)
		word_end(s);
	s->facts.longest_field = MAX(s->facts.longest_field, s->field_n);
	s->field_n = 0;
	s->name_n = 0;
	s->after_by = NOT_RECEIVED;
}

static void
on_line(struct content_scan *s, uint8_t c)
{
	if ((c == ' ' || c == '\t') && s->facts.fields > 0) {
		s->state = VALUE;
		value_octet(s, c);
		return;
	}
	s->field_n--;		/* this octet is the next line's already */
	field_end(s);
	if (c == '\r')
		s->state = EMPTY;
	else if (c < 33 || c > 126 || c == ':')
		s->state = BODY;
	else {
		s->state = NAME;
		s->name[s->name_n++] = c;
	}
}

static void
on_name(struct content_scan *s, uint8_t c)
{
	if (c == ':') {
		name_end(s);
	} else if ((c < 33 && c != ' ' && c != '\t') || c > 126) {
		/* The line was no field: it is the body's first. */
		s->field_n = 0;
		s->state = BODY;
	} else if (s->name_n < sizeof s->name) {
		s->name[s->name_n++] = c;
	} else {
		s->name[0] = '!';	/* too long for any that we know */
	}
}

static void
line_end(struct content_scan *s)
{
	s->facts.header_size = (uint32_t)MIN(s->facts.size, UINT32_MAX);
	s->line_n = 0;
	s->state = s->state == EMPTY ? BODY : LINE;
}

static void
header_octet(struct content_scan *s, uint8_t c)
{
	s->facts.size++;
	if (c >= 128)
		s->facts.flags |= CONTENT_8BIT;
	if (s->line_n == 0 && c == '.')
		s->facts.flags |= CONTENT_DOT_LINE;
	if (s->field_n < UINT32_MAX)
		s->field_n++;
	if (c == '\n' && (s->state == VALUE || s->state == EMPTY)) {
		value_octet(s, c);
		line_end(s);
		return;
	}
	if (s->state == LINE) {
		on_line(s, c);
		if (s->state == NAME)
			s->field_n = 1;
		else if (s->state != VALUE)
			s->field_n = 0;
	} else if (s->state == NAME) {
		on_name(s, c);
	} else {
		value_octet(s, c);
	}
	if (c != '\r')
		line_grew(s, 1);
}

static bool
has_8bit(struct span s)
{
	uint64_t all = 0, word;
	size_t i = 0;

	for (; i + sizeof word <= s.n; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		all |= word;
	}
	for (; i < s.n; i++)
		all |= s.p[i];
	return (all & UINT64_C(0x8080808080808080)) != 0;
}

/* Canonical content: a CR stands before each LF and nowhere else. */
static void
body_feed(struct content_scan *s, struct span in)
{
	if (has_8bit(in))
		s->facts.flags |= CONTENT_8BIT;
	while (in.n > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.n);
		size_t n = lf == NULL ? in.n : (size_t)(lf - in.p);
		size_t text = n > 0 && in.p[n - 1] == '\r' ? n - 1 : n;

		if (s->line_n == 0 && text > 0 && in.p[0] == '.')
			s->facts.flags |= CONTENT_DOT_LINE;
		line_grew(s, text);
		if (lf == NULL)
			return;
		s->line_n = 0;
		in = span_skip(in, n + 1);
	}
}

void
content_scan_feed(struct content_scan *s, struct span in)
{
	while (in.n > 0 && s->state != BODY)
		header_octet(s, span_take(&in, 1).p[0]);
	s->facts.size += in.n;
	body_feed(s, in);
}

struct content_facts
content_scan_end(struct content_scan *s)
{
	if (s->state != BODY)
		field_end(s);
	return s->facts;
}
