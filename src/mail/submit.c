/*
 * submit.c - the fields as they come, then From and the lists as a whole.
 *
 * The first trouble counts.  HARD troubles are those by which two readers of
 * one header could see two senders; the others go unsaid when rules are loose.
 */
#include "mail/submit.h"

#include "base/utf8.h"
#include "mail/mailbox.h"

#include <stdio.h>

#define SENDERS_ROOM	(SUBMIT_SENDERS_MAX * (MAILBOX_TEXT_MAX + 1))

/* RFC 5322 3.6. */
static const struct {
	struct span	name;
	const char	*shown;
	bool		 is_identity;
} unique[SUBMIT_FIELD_COUNT] = {
#define ROW(name, shown, is_identity) \
	{ { (const uint8_t *)(name), sizeof(name) - 1 }, shown, is_identity }
	[SUBMIT_DATE] = ROW("date", "Date", false),
	[SUBMIT_FROM] = ROW("from", "From", true),
	[SUBMIT_SENDER] = ROW("sender", "Sender", true),
	[SUBMIT_REPLY_TO] = ROW("reply-to", "Reply-To", false),
	[SUBMIT_TO] = ROW("to", "To", false),
	[SUBMIT_CC] = ROW("cc", "Cc", false),
	[SUBMIT_MESSAGE_ID] = ROW("message-id", "Message-ID", false),
	[SUBMIT_IN_REPLY_TO] = ROW("in-reply-to", "In-Reply-To", false),
	[SUBMIT_REFERENCES] = ROW("references", "References", false),
	[SUBMIT_SUBJECT] = ROW("subject", "Subject", false),
	[SUBMIT_TLS_REQUIRED] = ROW("tls-required", "TLS-Required", false),
#undef ROW
};

/* What is kept to be parsed, or cut. */
enum { KEEP_FROM, KEEP_SENDER, KEEP_REPLY_TO, KEEP_TO, KEEP_CC, KEEP_BCC,
    KEEP_RESENT_BCC, KEEP_COUNT };
static const struct span kept[KEEP_COUNT] = {
	[KEEP_FROM] = { (const uint8_t *)"from", 4 },
	[KEEP_SENDER] = { (const uint8_t *)"sender", 6 },
	[KEEP_REPLY_TO] = { (const uint8_t *)"reply-to", 8 },
	[KEEP_TO] = { (const uint8_t *)"to", 2 },
	[KEEP_CC] = { (const uint8_t *)"cc", 2 },
	[KEEP_BCC] = { (const uint8_t *)"bcc", 3 },
	[KEEP_RESENT_BCC] = { (const uint8_t *)"resent-bcc", 10 },
};
static const char *const shown[KEEP_COUNT] = { "From", "Sender", "Reply-To",
	"To", "Cc", "Bcc", "Resent-Bcc" };

void
submit_begin(struct submit *s, const struct submit_rules *rules)
{
	*s = (struct submit){
		.rules = *rules,
		.senders = buf_make(SENDERS_ROOM),
		.keep = header_keep_make(kept, KEEP_COUNT),
	};
}

void
submit_free(struct submit *s)
{
	header_keep_free(&s->keep);
	buf_free(&s->senders);
	s->nsenders = s->nfrom = 0;
}

/* A name or an address of theirs may be in it. */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static PRINTF(3, 4) void
trouble(struct submit *s, enum submit_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	if (s->verdict != SUBMIT_GOOD)
		return;
	s->verdict = verdict;
	va_start(ap, fmt);
	(void)vsnprintf(s->said, sizeof s->said, fmt, ap);
	va_end(ap);
	make_printable(s->said);
}

/* --- as they stream past --------------------------------------------------- */

static void
on_field(struct submit *s, const struct header_field *f)
{
	if (f->is_spaced && !s->rules.is_loose)
		trouble(s, SUBMIT_FORM, "Line %u: no space may stand before "
		    "the colon of %.*s", f->line, (int)f->name_n,
		    (const char *)f->name);
	for (size_t i = 0; i < SUBMIT_FIELD_COUNT; i++) {
		if (!header_is(f, unique[i].name))
			continue;
		if (s->first[i] != 0 &&
		    (unique[i].is_identity || !s->rules.is_loose))
			trouble(s, unique[i].is_identity ? SUBMIT_IDENTITY :
			    SUBMIT_FORM, "Line %u: a second %s field; the "
			    "first is in line %u", f->line, unique[i].shown,
			    s->first[i]);
		if (s->first[i] == 0)
			s->first[i] = f->line;
		return;
	}
}

/* One octet of what may be UTF-8; false: it is none. */
static bool
utf8_octet(struct submit *s, uint8_t c)
{
	uint32_t point;
	size_t want;

	if (c < 128 && s->npoint == 0)
		return true;
	s->point[s->npoint++] = c;
	want = s->point[0] >= 0xf0 ? 4 : s->point[0] >= 0xe0 ? 3 : 2;
	if (s->npoint < want)
		return c >= 128;
	want = s->npoint;
	s->npoint = 0;
	return utf8_take(span_of(s->point, want), &point) == want;
}

/* Why an octet may not be here, or NULL. */
static const char *
octet_trouble(struct submit *s, uint8_t c)
{
	bool was_cr = s->is_cr;

	s->is_cr = c == '\r';
	if (was_cr != (c == '\n') || (c < ' ' && c != '\t' && c != '\r' &&
	    c != '\n') || c == 127)
		return "a control octet";
	if (c >= 128 && !s->rules.is_utf8)
		return "an octet above 127, which needs SMTPUTF8 or an "
		    "encoded word";
	return s->rules.is_utf8 && !utf8_octet(s, c) ?
	    "octets that are no UTF-8" : NULL;
}

static void
on_value(struct submit *s, const struct header *h, struct span text)
{
	bool is_line = text.n > 0 && text.p[text.n - 1] == '\n';

	if (s->rules.is_loose || s->verdict != SUBMIT_GOOD)
		return;
	for (size_t i = 0; i < text.n; i++) {
		const char *why = octet_trouble(s, text.p[i]);

		if (why == NULL)
			continue;
		trouble(s, SUBMIT_FORM, "%.*s, line %u: %s",
		    (int)h->field.name_n, (const char *)h->field.name,
		    h->line - is_line, why);
		return;
	}
}

/* RFC 5322 2.2. */
static void
on_end(struct submit *s, const struct header *h)
{
	static const char *const whys[HEADER_FAULT_COUNT] = {
		[HEADER_FOLD_FIRST] = "the header begins with a space",
		[HEADER_NO_NAME] = "a field without a name",
		[HEADER_NAME_OCTET] = "an octet that no field's name holds",
		[HEADER_NO_COLON] = "no field, and no empty line before it",
	};

	if (h->fault == HEADER_GOOD ||
	    (s->rules.is_text_taken && h->field.number == 0))
		return;
	trouble(s, SUBMIT_FORM, "Line %u: %s", h->line, whys[h->fault]);
}

void
submit_event(void *submit, const struct header *h, struct header_event ev)
{
	struct submit *s = submit;

	header_keep_event(&s->keep, h, ev);
	if (ev.kind == HEADER_FIELD)
		on_field(s, &h->field);
	else if (ev.kind == HEADER_VALUE)
		on_value(s, h, ev.text);
	else if (ev.kind == HEADER_END)
		on_end(s, h);
}

/* --- as a whole ------------------------------------------------------------- */

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 127)
			return true;
	return false;
}

static void
add_sender(struct submit *s, const struct header_kept *f, struct span address)
{
	if (has_control(address))
		trouble(s, SUBMIT_FORM, "%s, line %u: a control octet in an "
		    "address", shown[f->which], f->line);
	else if (s->nsenders == SUBMIT_SENDERS_MAX)
		trouble(s, SUBMIT_FORM, "%s, line %u: more than %u addresses",
		    shown[f->which], f->line, SUBMIT_SENDERS_MAX);
	else if (buf_add(&s->senders, address) != ERR_OK ||
	    buf_addc(&s->senders, '\0') != ERR_OK)
		trouble(s, SUBMIT_NO_MEMORY, "Out of memory");
	else
		s->nsenders++;
}

/* How many addresses; is_sender: they are kept. */
static unsigned int
read_list(struct submit *s, const struct header_kept *f, bool is_sender)
{
	struct mailbox_list l;
	enum err e;

	mailbox_begin(&l, f->value);
	l.takes_bare = s->rules.is_bare_taken;
	while ((e = mailbox_next(&l)) == ERR_OK &&
	    s->verdict == SUBMIT_GOOD) {
		if (l.is_bare)
			s->bare |= 1u << f->which;
		if (is_sender)
			add_sender(s, f, l.address);
	}
	if (e != ERR_NONE && e != ERR_OK)
		trouble(s, SUBMIT_FORM, "%s, line %u: %s (octet %zu of the "
		    "field)", shown[f->which], f->line, l.why,
		    (size_t)(f->length - f->value.n) + l.at + 1);
	return l.count;
}

/* RFC 5322 3.6.2. */
static void
judge_from(struct submit *s, const struct header_kept *f)
{
	s->nfrom = read_list(s, f, true);
	if (s->rules.is_loose)
		return;
	if (s->nfrom == 0)
		trouble(s, SUBMIT_FORM, "From, line %u: it names nobody",
		    f->line);
	else if (s->nfrom > 1 && s->first[SUBMIT_SENDER] == 0)
		trouble(s, SUBMIT_FORM, "From, line %u: %u addresses; a "
		    "Sender field must say which of them sends this", f->line,
		    s->nfrom);
}

static void
judge_sender(struct submit *s, const struct header_kept *f)
{
	unsigned int n = read_list(s, f, true);

	if (n != 1 && !s->rules.is_loose)
		trouble(s, SUBMIT_FORM, "Sender, line %u: %u addresses, not "
		    "one", f->line, n);
}

static void
judge_list(struct submit *s, const struct header_kept *f)
{
	if (!s->rules.is_loose)
		(void)read_list(s, f, false);
}

enum submit_verdict
submit_end(struct submit *s)
{
	static void (*const judges[KEEP_COUNT])(struct submit *,
	    const struct header_kept *) = {
		[KEEP_FROM] = judge_from,
		[KEEP_SENDER] = judge_sender,
		[KEEP_REPLY_TO] = judge_list,
		[KEEP_TO] = judge_list,
		[KEEP_CC] = judge_list,
	};
	struct header_kept f;

	if (s->keep.is_short)
		trouble(s, SUBMIT_NO_MEMORY, "Out of memory");
	if (s->first[SUBMIT_FROM] == 0 && !s->rules.is_from_added &&
	    !s->rules.is_loose)
		trouble(s, SUBMIT_FORM, "There is no From field: it must say "
		    "who sends this");
	for (uint32_t which = 0; which < KEEP_COUNT; which++)
		for (size_t i = 0; judges[which] != NULL &&
		    header_keep_at(&s->keep, i, &f); i++)
			if (f.which == which && s->verdict == SUBMIT_GOOD)
				judges[which](s, &f);
	return s->verdict;
}

static bool
is_completed(const struct submit *s, const struct header_kept *f)
{
	return (s->bare >> f->which & 1) != 0;
}

/* The field with the domain behind each address that lacks one. */
static enum err
complete(const struct header_kept *f, struct span domain, struct buf *to)
{
	struct mailbox_list l;
	size_t done = 0;
	enum err e = buf_addf(to, "%s:", shown[f->which]);

	mailbox_begin(&l, f->value);
	l.takes_bare = true;
	while (e == ERR_OK && (e = mailbox_next(&l)) == ERR_OK) {
		if (!l.is_bare)
			continue;
		e = buf_addf(to, "%.*s@%.*s", (int)(l.bare_at - done),
		    (const char *)f->value.p + done, SPAN_FMT(domain));
		done = l.bare_at;
	}
	return e != ERR_NONE ? e : buf_add(to, span_skip(f->value, done));
}

enum err
submit_complete(const struct submit *s, struct span domain, struct buf *to)
{
	struct header_kept f;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && header_keep_at(&s->keep, i, &f); i++)
		if (is_completed(s, &f))
			e = complete(&f, domain, to);
	return e;
}

bool
submit_cut(const struct submit *s, size_t *at, uint64_t *from, uint64_t *to)
{
	struct header_kept f;

	while (header_keep_at(&s->keep, (*at)++, &f)) {
		if (f.which != KEEP_BCC && f.which != KEEP_RESENT_BCC &&
		    !is_completed(s, &f))
			continue;
		*from = f.offset;
		*to = f.offset + f.length;
		return true;
	}
	return false;
}

void
submit_say_foreign(struct submit *s, unsigned int i)
{
	struct span rest = buf_span(&s->senders), one = { 0 };
	enum submit_field field = i < s->nfrom ? SUBMIT_FROM : SUBMIT_SENDER;

	for (unsigned int k = 0; k <= i && rest.n > 0; k++) {
		one = span_take(&rest, span_find(rest, '\0'));
		rest = span_skip(rest, MIN(rest.n, (size_t)1));
	}
	s->verdict = SUBMIT_GOOD;
	/* RFC 5321 4.5.3.1.5: a reply's line is short, an address need not be. */
	trouble(s, SUBMIT_IDENTITY, "%s, line %u: %.*s is not yours to send "
	    "from", unique[field].shown, s->first[field],
	    (int)MIN(one.n, (size_t)100), (const char *)one.p);
}
