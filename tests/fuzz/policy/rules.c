/*
 * A glob means what the simplest reading of it means; an address and a header
 * that rules look at stay within their rooms.  pattern NUL text.
 */
#include "policy/fields.h"

#include <stdlib.h>

#define SMALL	300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By a table of prefixes, row by row: slow and without a trick. */
static bool
reference(struct span pattern, struct span text)
{
	bool now[SMALL + 1] = { true }, next[SMALL + 1];

	for (size_t i = 0; i < pattern.n; i++) {
		uint8_t p = pattern.p[i];

		memset(next, 0, sizeof next);
		next[0] = p == '*' && now[0];
		for (size_t k = 1; k <= text.n; k++)
			next[k] = p == '*' ? now[k] || next[k - 1] :
			    now[k - 1] && (p == '?' || ascii_lower(p) ==
			    ascii_lower(text.p[k - 1]));
		memcpy(now, next, sizeof now);
	}
	return now[text.n];
}

static void
look_at_header(struct span pattern, struct span text)
{
	const struct span patterns[] = { SPAN("s"), pattern };
	const struct rules_condition c = { RULES_HEADER, .patterns = patterns,
		.npatterns = 2 };
	const struct rules_rule rule = { 1u << RULES_CONTENT, &c, 1 };
	const struct rules r = { &rule, 1 };
	struct rules_facts f = { 0 };
	static struct rules_fields w;
	struct content_scan s;

	content_scan_begin(&s, SPAN("mx"));
	rules_fields_begin(&w, &r, &f, &s);
	content_scan_feed(&s, text);
	(void)content_scan_end(&s);
	if ((f.headers & ~UINT64_C(1)) != 0 || w.value_n > sizeof w.value)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), pattern, subject;
	uint8_t room[RULES_SUBJECT_MAX];

	pattern = span_take(&text, span_find(text, 0));
	text = span_skip(text, MIN((size_t)1, text.n));
	if (rules_subject(text, room, &subject) != ERR_OK ||
	    subject.n > sizeof room || (subject.n == 0 && text.n > 0))
		abort();
	look_at_header(pattern, text);
	if (pattern.n <= SMALL && text.n <= SMALL &&
	    rules_glob(pattern, text) != reference(pattern, text))
		abort();
	return 0;
}
