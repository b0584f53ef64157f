#include "mail/header_keep.h"

/* A field as it is kept: the value's place in `values`. */
struct entry {
	uint32_t	which, line;
	uint64_t	offset, length;
	size_t		at, n;
};

struct header_keep
header_keep_make(const struct span *names, size_t nnames)
{
	return (struct header_keep){
		.names = names,
		.nnames = nnames,
		.values = buf_make(HEADER_MAX),
		.fields = buf_make(HEADER_FIELDS_MAX * sizeof(struct entry)),
	};
}

void
header_keep_free(struct header_keep *k)
{
	buf_free(&k->values);
	buf_free(&k->fields);
	k->is_wanted = k->is_short = false;
}

static struct entry *
entries(const struct header_keep *k, size_t *n)
{
	*n = k->fields.n / sizeof(struct entry);
	return (struct entry *)(void *)k->fields.p;
}

static struct entry *
last(const struct header_keep *k)
{
	size_t n;
	struct entry *e = entries(k, &n);

	return &e[n - 1];
}

static void
field_begin(struct header_keep *k, const struct header_field *f)
{
	struct entry e = { .line = f->line, .offset = f->offset,
		.at = k->values.n };

	for (size_t i = 0; i < k->nnames; i++) {
		if (!header_is(f, k->names[i]))
			continue;
		e.which = (uint32_t)i;
		k->is_wanted = buf_add(&k->fields, span_of(&e, sizeof e)) ==
		    ERR_OK;
		k->is_short = k->is_short || !k->is_wanted;
		return;
	}
}

void
header_keep_event(struct header_keep *k, const struct header *h,
    struct header_event ev)
{
	if (ev.kind == HEADER_FIELD) {
		field_begin(k, &h->field);
	} else if (k->is_wanted && ev.kind == HEADER_VALUE) {
		if (buf_add(&k->values, ev.text) == ERR_OK)
			return;
		/* Half a value is none. */
		k->is_short = true;
		k->is_wanted = false;
		buf_cut(&k->values, last(k)->at);
		buf_cut(&k->fields, k->fields.n - sizeof(struct entry));
	} else if (k->is_wanted && ev.kind == HEADER_FIELD_END) {
		last(k)->length = h->field.length;
		last(k)->n = k->values.n - last(k)->at;
		k->is_wanted = false;
	}
}

bool
header_keep_at(const struct header_keep *k, size_t i, struct header_kept *f)
{
	size_t n;
	const struct entry *e = entries(k, &n);

	n -= k->is_wanted;		/* it has not ended */
	if (i >= n)
		return false;
	*f = (struct header_kept){
		.which = e[i].which,
		.line = e[i].line,
		.offset = e[i].offset,
		.length = e[i].length,
		.value = span_of(k->values.p + e[i].at, e[i].n),
	};
	return true;
}

enum err
header_unfold(struct span value, struct buf *to)
{
	enum err e = ERR_OK;

	while (value.n > 0 && value.p[value.n - 1] <= ' ')
		value.n--;
	while (value.n > 0 && value.p[0] <= ' ')
		value = span_skip(value, 1);
	while (value.n > 0 && e == ERR_OK) {
		struct span line = span_take(&value, span_find(value, '\n'));

		if (value.n > 0)
			value = span_skip(value, 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		e = buf_add(to, line);
	}
	return e;
}
