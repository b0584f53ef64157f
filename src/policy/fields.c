/*
 * fields.c - one field at a time, kept only while it passes.
 */
#include "policy/fields.h"

#include "mail/encoded_word.h"

static void
see_name(struct rules_fields *w, const struct header_field *f)
{
	w->value_n = 0;
	/* One that did not fit is none that a rule names. */
	w->is_wanted = !f->is_long && rules_has_header(w->rules,
	    span_of(f->name, f->name_n));
}

/* A fold is its white space alone: control octets are left out. */
static void
see_value(struct rules_fields *w, struct span text)
{
	for (size_t i = 0; w->is_wanted && i < text.n; i++)
		if (w->value_n < sizeof w->value &&
		    (text.p[i] >= ' ' || text.p[i] == '\t'))
			w->value[w->value_n++] = text.p[i];
}

static void
see_end(struct rules_fields *w, const struct header_field *f)
{
	size_t n;

	if (!w->is_wanted)
		return;
	w->is_wanted = false;
	n = encoded_words_decode(span_of(w->value, w->value_n), w->plain,
	    sizeof w->plain);
	rules_keep_header(w->rules, w->facts, span_of(f->name, f->name_n),
	    span_trim(span_of(w->plain, n)));
}

static void
see(void *fields, const struct header *h, struct header_event ev)
{
	struct rules_fields *w = fields;

	if (ev.kind == HEADER_FIELD)
		see_name(w, &h->field);
	else if (ev.kind == HEADER_VALUE)
		see_value(w, ev.text);
	else if (ev.kind == HEADER_FIELD_END)
		see_end(w, &h->field);
}

void
rules_fields_begin(struct rules_fields *w, const struct rules *r,
    struct rules_facts *f, struct content_scan *scan)
{
	w->rules = r;
	w->facts = f;
	w->value_n = 0;
	w->is_wanted = false;
	content_scan_watch(scan, (struct content_watch){ see, w });
}
