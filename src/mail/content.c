/*
 * content.c - the header through header.h, lines with memchr.
 *
 * Only names, the words behind `by` in a Received and the value of TLS-Required
 * are looked at.
 */
#include "mail/content.h"

/* What is watched in the value of the field that streams past. */
enum watching { NOTHING, BEFORE_BY, BEHIND_BY, TLS_REQUIRED };

/* RFC 5322 3.6, RFC 8689 section 3: the fields that somebody asks for. */
static const struct {
	struct span	name;
	uint16_t	flag;
	enum watching	watch;
} known[] = {
	{ { (const uint8_t *)"date", 4 }, CONTENT_HAS_DATE, NOTHING },
	{ { (const uint8_t *)"message-id", 10 }, CONTENT_HAS_MESSAGE_ID,
		NOTHING },
	{ { (const uint8_t *)"from", 4 }, CONTENT_HAS_FROM, NOTHING },
	{ { (const uint8_t *)"received", 8 }, 0, BEFORE_BY },
	{ { (const uint8_t *)"tls-required", 12 }, 0, TLS_REQUIRED },
};

void
content_scan_begin(struct content_scan *s, struct span hostname)
{
	*s = (struct content_scan){ .hostname = hostname };
	header_begin(&s->header);
}

void
content_scan_watch(struct content_scan *s, struct content_watch w)
{
	ASSERT(s->nwatches < CONTENT_WATCHES_MAX);
	s->watches[s->nwatches++] = w;
}

void
content_scan_unwatch(struct content_scan *s, const void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nwatches; i++)
		if (s->watches[i].arg != arg)
			s->watches[n++] = s->watches[i];
	s->nwatches = n;
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
	const struct header_field *f = &s->header.field;

	s->facts.fields = f->number;
	for (size_t i = 0; i < COUNT(known); i++) {
		if (!header_is(f, known[i].name))
			continue;
		s->facts.flags |= known[i].flag;
		s->watching = (uint8_t)known[i].watch;
		s->word_n = 0;
		if (known[i].watch == BEFORE_BY)
			count(&s->facts.received);
	}
}

/* One that did not fit is none. */
static struct span
word_of(const struct content_scan *s)
{
	return span_of(s->word, s->word_n <= sizeof s->word ? s->word_n : 0);
}

static void
word_octet(struct content_scan *s, uint8_t c)
{
	if (s->word_n < sizeof s->word)
		s->word[s->word_n] = c;
	count(&s->word_n);
}

static void
received_word_end(struct content_scan *s)
{
	if (s->word_n == 0)
		return;
	if (s->watching == BEHIND_BY) {
		if (span_eq_nocase(word_of(s), s->hostname))
			count(&s->facts.received_own);
		s->watching = NOTHING;
	} else if (span_eq_nocase(word_of(s), SPAN("by"))) {
		s->watching = BEHIND_BY;
	}
	s->word_n = 0;
}

/*
 * RFC 8689 section 3: "No", however it is folded.  The field stands once; with
 * two of them nobody knows what was meant, and none counts.
 */
static void
tls_required_end(struct content_scan *s)
{
	if (s->has_tls_required)
		s->facts.flags &= (uint16_t)~CONTENT_TLS_OPTIONAL;
	else if (span_eq_nocase(span_trim(word_of(s)), SPAN("No")))
		s->facts.flags |= CONTENT_TLS_OPTIONAL;
	s->has_tls_required = true;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
value_octet(struct content_scan *s, uint8_t c)
{
	if (s->watching == TLS_REQUIRED) {
		if (s->word_n > 0 || !is_space(c))
			word_octet(s, is_space(c) ? ' ' : c);
	} else if (s->watching != NOTHING) {
		if (is_space(c) || c == ';')
			received_word_end(s);
		else
			word_octet(s, c);
	}
}

static void
value(struct content_scan *s, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		value_octet(s, text.p[i]);
}

static void
field_end(struct content_scan *s)
{
	uint32_t length = (uint32_t)MIN(s->header.field.length, UINT32_MAX);

	if (s->watching == TLS_REQUIRED)
		tls_required_end(s);
	else if (s->watching != NOTHING)
		received_word_end(s);
	s->facts.longest_field = MAX(s->facts.longest_field, length);
	s->watching = NOTHING;
}

static void
on_event(struct content_scan *s, struct header_event ev)
{
	if (ev.kind == HEADER_FIELD)
		name_end(s);
	else if (ev.kind == HEADER_VALUE && s->watching != NOTHING)
		value(s, ev.text);
	else if (ev.kind == HEADER_FIELD_END)
		field_end(s);
	else if (ev.kind == HEADER_END)
		s->is_body = true;
	for (size_t i = 0; i < s->nwatches; i++)
		s->watches[i].event(s->watches[i].arg, &s->header, ev);
}

static void
header_feed(struct content_scan *s, struct span in)
{
	while (!s->is_body) {
		struct header_event ev = header_next(&s->header, &in);

		if (ev.kind == HEADER_MORE)
			return;
		on_event(s, ev);
	}
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
lines_feed(struct content_scan *s, struct span in)
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
	s->facts.size += in.n;
	header_feed(s, in);
	lines_feed(s, in);
}

struct content_facts
content_scan_end(struct content_scan *s)
{
	while (!s->is_body)
		on_event(s, header_end(&s->header));
	s->facts.header_size = (uint32_t)MIN(s->header.size, UINT32_MAX);
	return s->facts;
}
