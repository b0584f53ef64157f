/*
 * The same events in one piece and in many (the first octet says how many);
 * content that was not voided is canonical (SMTP-1, SMTP-2, PRS-2).
 */
#include "proto/smtp_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	uint64_t	kinds[SMTP_WIRE_KINDS], octets, sum;
	uint8_t		last;
};

static bool
feed(struct smtp_wire *w, struct span in, struct tally *t)
{
	struct smtp_wire_event ev;

	while ((ev = smtp_wire_next(w, &in)).kind != SMTP_WIRE_MORE) {
		if (ev.kind != SMTP_WIRE_BODY)
			t->kinds[ev.kind]++;
		for (size_t i = 0; i < ev.text.n; i++) {
			uint8_t c = ev.text.p[i];

			t->sum = t->sum * 31 + c;
			if (ev.kind == SMTP_WIRE_BODY &&
			    (c == 0 || (c == '\n') != (t->last == '\r')))
				abort();
			t->last = ev.kind == SMTP_WIRE_BODY ? c : 0;
		}
		t->octets += ev.text.n;
		if (ev.kind == SMTP_WIRE_LINE && span_eq(ev.text, SPAN("D")))
			smtp_wire_expect_body(w);
		if (ev.kind == SMTP_WIRE_LINE && ev.text.n == 2 &&
		    ev.text.p[0] >= 'A' && ev.text.p[0] < 'D')
			smtp_wire_expect_chunk(w, ev.text.p[1],
			    ev.text.p[0] - 'A');
		if (ev.kind == SMTP_WIRE_FLOOD)
			return false;
		if (ev.kind == SMTP_WIRE_BARE)
			t->last = 0;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_wire whole = smtp_wire_make(), cut = smtp_wire_make();
	struct tally a = { .last = 0 }, b = { .last = 0 };
	struct span in = span_of(data, size);
	size_t piece;

	if (size == 0)
		return 0;
	piece = span_take(&in, 1).p[0] % 13 + 1u;
	(void)feed(&whole, in, &a);
	while (in.n > 0 && feed(&cut, span_take(&in, piece), &b))
		;
	if (memcmp(a.kinds, b.kinds, sizeof a.kinds) != 0)
		abort();
	/* Content that BARE voids may have been shown in part. */
	if (a.kinds[SMTP_WIRE_BARE] == 0 &&
	    (a.octets != b.octets || a.sum != b.sum))
		abort();
	smtp_wire_free(&whole);
	smtp_wire_free(&cut);
	return 0;
}
