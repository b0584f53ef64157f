/*
 * The first octet chooses how the content is cut: the fields are the same, and
 * what is kept lies where it says (PRS-2).
 */
#include "mail/header_keep.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct span names[] = {
	{ (const uint8_t *)"from", 4 }, { (const uint8_t *)"bcc", 3 },
};

static void
demand(bool claim)
{
	if (!claim)
		abort();
}

static void
read_all(struct header_keep *k, struct header *h, struct span in, size_t piece)
{
	struct header_event ev;

	header_begin(h);
	while (in.n > 0) {
		struct span part = span_take(&in, piece);

		do {
			ev = header_next(h, &part);
			header_keep_event(k, h, ev);
			demand(ev.kind != HEADER_END || h->size <= h->offset);
		} while (ev.kind != HEADER_MORE && ev.kind != HEADER_END);
		if (ev.kind == HEADER_END)
			return;
	}
	do {
		ev = header_end(h);
		header_keep_event(k, h, ev);
	} while (ev.kind != HEADER_END);
}

static void
check_kept(struct span all, const struct header_kept *f)
{
	struct span field, value;
	size_t n;

	demand(f->offset + f->length <= all.n && f->value.n < f->length);
	field = span_of(all.p + f->offset, (size_t)f->length);
	n = names[f->which].n;
	demand(span_starts_nocase(field, names[f->which]));
	value = span_skip(field, field.n - f->value.n);
	demand(span_eq(value, f->value) && field.n > n);
	demand(field.p[field.n - f->value.n - 1] == ':');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header_keep whole = header_keep_make(names, COUNT(names));
	struct header_keep cut = header_keep_make(names, COUNT(names));
	struct span in = span_of(data, size);
	struct header_kept f, g;
	struct header a, b;
	struct buf line = buf_make(HEADER_MAX);
	size_t piece, i = 0;

	if (size == 0)
		return 0;
	piece = span_take(&in, 1).p[0] % 17 + 1u;
	read_all(&whole, &a, in, in.n + 1);
	read_all(&cut, &b, in, piece);
	demand(a.size == b.size && a.fault == b.fault && a.line == b.line &&
	    a.field.number == b.field.number && a.size <= in.n);
	for (; header_keep_at(&whole, i, &f); i++) {
		demand(header_keep_at(&cut, i, &g) && f.line == g.line &&
		    f.offset == g.offset && f.length == g.length &&
		    span_eq(f.value, g.value));
		check_kept(in, &f);
		buf_cut(&line, 0);
		demand(header_unfold(f.value, &line) == ERR_OK);
		demand(span_find(buf_span(&line), '\n') == line.n);
	}
	demand(!header_keep_at(&cut, i, &g));
	header_keep_free(&whole);
	header_keep_free(&cut);
	buf_free(&line);
	return 0;
}
