/*
 * The first octet chooses the rules and the cut: the verdict, the words and the
 * ranges are the same, and the words are fit for a reply (PRS-2).
 */
#include "mail/submit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool claim)
{
	if (!claim)
		abort();
}

static enum submit_verdict
read_all(struct submit *s, struct span in, size_t piece)
{
	struct header_event ev = { .kind = HEADER_MORE };
	struct header h;

	header_begin(&h);
	while (in.n > 0 && ev.kind != HEADER_END) {
		struct span part = span_take(&in, piece);

		do {
			ev = header_next(&h, &part);
			submit_event(s, &h, ev);
		} while (ev.kind != HEADER_MORE && ev.kind != HEADER_END);
	}
	while (ev.kind != HEADER_END) {
		ev = header_end(&h);
		submit_event(s, &h, ev);
	}
	return submit_end(s);
}

static void
check_said(const char *said)
{
	demand(strlen(said) < SUBMIT_SAID_MAX);
	for (; *said != '\0'; said++)
		demand(*said >= ' ' && *said <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct submit a, b;
	struct submit_rules rules;
	struct buf added = buf_make(64u << 20);
	uint64_t from[2], to[2], last = 0;
	size_t at[2] = { 0, 0 };
	enum submit_verdict verdict;
	uint8_t how;

	if (size == 0)
		return 0;
	how = span_take(&in, 1).p[0];
	rules = (struct submit_rules){ .is_from_added = how & 1,
		.is_text_taken = how & 1, .is_bare_taken = how & 1,
		.is_utf8 = how & 2, .is_loose = how & 4 };
	submit_begin(&a, &rules);
	submit_begin(&b, &rules);
	verdict = read_all(&a, in, in.n + 1);
	demand(verdict == read_all(&b, in, how / 8 + 1u));
	demand(strcmp(a.said, b.said) == 0 && a.nsenders == b.nsenders);
	demand(a.nsenders <= SUBMIT_SENDERS_MAX);
	check_said(a.said);
	while (submit_cut(&a, &at[0], &from[0], &to[0])) {
		demand(submit_cut(&b, &at[1], &from[1], &to[1]));
		demand(from[0] == from[1] && to[0] == to[1]);
		demand(from[0] >= last && from[0] < to[0] && to[0] <= in.n);
		last = to[0];
	}
	demand(verdict != SUBMIT_GOOD ||
	    submit_complete(&a, SPAN("d"), &added) == ERR_OK);
	/* Nothing of it ends the header before its time. */
	demand(span_find_span(buf_span(&added), SPAN("\r\n\r\n")) == added.n);
	buf_free(&added);
	for (unsigned int i = 0; i < a.nsenders; i++) {
		submit_say_foreign(&a, i);
		check_said(a.said);
	}
	submit_free(&a);
	submit_free(&b);
	return 0;
}
