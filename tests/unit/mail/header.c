/* Fields as they stream past; the same however the content is cut. */
#include "mail/header_keep.h"

#include "check.h"

#define SHOWN_MAX	1024

/*
 * What came of it: "name@line:offset+length=value|" a field, with `~` before
 * the `@` for spaces before the colon; then the fault and the header's size.
 */
static const struct {
	const char	*content, *events;
} cases[] = {
	{ "", "good 0" },
	{ "\r\n", "good 2" },
	{ "\r\nA: b\r\n", "good 2" },
	{ "A: b\r\n\r\nC: d\r\n", "a@1:0+6= b$|good 8" },
	{ "A: b\r\n", "a@1:0+6= b$|good 6" },
	{ "A:\r\nB:\r\n\r\n", "a@1:0+4=$|b@2:4+4=$|good 10" },
	{ "Subject: a\r\n b\r\n\tc\r\nX: d\r\n\r\n",
		"subject@1:0+20= a$ b$\tc$|x@4:20+6= d$|good 28" },
	{ "A: b\r\n \r\nB: c\r\n", "a@1:0+9= b$ $|b@3:9+6= c$|good 15" },
	{ "A : b\r\nC\t \t: d\r\n\r\n",
		"a~@1:0+7= b$|c~@2:7+9= d$|good 18" },
	{ "A:b:c\r\n\r\n", "a@1:0+7=b:c$|good 9" },
	{ "!#~: b\r\n\r\n", "!#~@1:0+8= b$|good 10" },
	{ "A: \xc3\xa4\r\n\r\n", "a@1:0+7= \xc3\xa4$|good 9" },
	{ " A: b\r\n\r\n", "fold-first line 1 0" },
	{ "\tA: b\r\n", "fold-first line 1 0" },
	{ ": b\r\n\r\n", "no-name line 1 0" },
	{ "A: b\r\n: c\r\n", "a@1:0+6= b$|no-name line 2 6" },
	{ "A: b\r\nno field\r\nC: d\r\n", "a@1:0+6= b$|no-colon line 2 6" },
	{ "A: b\r\nword\r\n", "a@1:0+6= b$|no-colon line 2 6" },
	{ "A: b\r\nword ", "a@1:0+6= b$|no-colon line 2 6" },
	{ "A: b\r\nword", "a@1:0+6= b$|no-colon line 2 6" },
	{ "From anna Mon Nov 23 10:00\r\nA: b\r\n", "no-colon line 1 0" },
	{ "A: b\r\nX\xc3\xa4: c\r\n", "a@1:0+6= b$|name-octet line 2 6" },
	{ "\xc3\xa4: c\r\n", "name-octet line 1 0" },
	{ "A\x01: c\r\n", "name-octet line 1 0" },
	{ "A\x7f: c\r\n", "name-octet line 1 0" },
	{ "\x01: c\r\n", "name-octet line 1 0" },
	{ "0123456789012345678901234567890123456789012345678901234567890123"
	  ": a\r\n\r\n",
	  "0123456789012345678901234567890123456789012345678901234567890123"
	  "@1:0+69= a$|good 71" },
	{ "01234567890123456789012345678901234567890123456789012345678901234"
	  ": a\r\n\r\n", "(long)@1:0+70= a$|good 72" },
};

struct shown {
	char	text[SHOWN_MAX];
	size_t	n;
};

static void
show(struct shown *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n && s->n + 1 < sizeof s->text; i++) {
		if (text[i] == '\r')
			continue;
		s->text[s->n++] = text[i] == '\n' ? '$' : text[i];
	}
	s->text[s->n] = '\0';
}

static void
show_str(struct shown *s, const char *text)
{
	show(s, text, strlen(text));
}

/* Lengths are known late: the value waits for them. */
struct reader {
	struct header	h;
	struct shown	events, value;
	bool		is_over;
};

static void
on_event(struct reader *r, struct header_event ev)
{
	static const char *const faults[HEADER_FAULT_COUNT] = { "good",
		"fold-first", "no-name", "name-octet", "no-colon" };
	const struct header_field *f = &r->h.field;
	char text[256];

	if (ev.kind == HEADER_FIELD) {
		r->value = (struct shown){ .n = 0 };
	} else if (ev.kind == HEADER_VALUE) {
		show(&r->value, (const char *)ev.text.p, ev.text.n);
	} else if (ev.kind == HEADER_FIELD_END) {
		(void)snprintf(text, sizeof text, "%.*s%s@%u:%llu+%llu=",
		    f->is_long ? 6 : (int)f->name_n,
		    f->is_long ? "(long)" : (const char *)f->name,
		    f->is_spaced ? "~" : "", f->line,
		    (unsigned long long)f->offset,
		    (unsigned long long)f->length);
		show_str(&r->events, text);
		show_str(&r->events, r->value.text);
		show_str(&r->events, "|");
	} else {
		(void)snprintf(text, sizeof text, "%s ", faults[r->h.fault]);
		show_str(&r->events, text);
		if (r->h.fault != HEADER_GOOD) {
			(void)snprintf(text, sizeof text, "line %u ",
			    r->h.line);
			show_str(&r->events, text);
		}
		(void)snprintf(text, sizeof text, "%llu",
		    (unsigned long long)r->h.size);
		show_str(&r->events, text);
		r->is_over = true;
	}
}

static void
feed(struct reader *r, struct span in)
{
	while (!r->is_over) {
		struct header_event ev = header_next(&r->h, &in);

		if (ev.kind == HEADER_MORE)
			return;
		on_event(r, ev);
	}
}

static void
end(struct reader *r)
{
	while (!r->is_over)
		on_event(r, header_end(&r->h));
}

static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);

		for (size_t cut = 0; cut <= all.n; cut++) {
			struct reader r = { .is_over = false };

			header_begin(&r.h);
			feed(&r, span_of(all.p, cut));
			feed(&r, span_skip(all, cut));
			end(&r);
			CHECK_STR(r.events.text, cases[i].events,
			    "%zu, cut at %zu", i, cut);
		}
	}
}

static void
test_octet_by_octet(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);
		struct reader r = { .is_over = false };

		header_begin(&r.h);
		while (all.n > 0)
			feed(&r, span_take(&all, 1));
		end(&r);
		CHECK_STR(r.events.text, cases[i].events, "%zu", i);
	}
}

/* What stands behind the header is not taken. */
static void
test_body_is_left(void **state UNUSED)
{
	struct span in = SPAN("A: b\r\n\r\nbody");
	struct header h;
	unsigned int n = 0;

	header_begin(&h);
	while (header_next(&h, &in).kind != HEADER_END)
		CHECK(++n < 10, "it ends");
	CHECK_NUM(in.n, 4, "the body");
	CHECK_NUM(header_next(&h, &in).kind, HEADER_END, "again");
	CHECK_NUM(in.n, 4, "the body");
}

/* --- fields that are kept -------------------------------------------------- */

static const struct span wanted[] = {
	{ (const uint8_t *)"from", 4 }, { (const uint8_t *)"bcc", 3 },
};
static const char mail[] = "Received: by x\r\nFROM: a\r\nBcc: b,\r\n c\r\n"
    "X-From: d\r\nbcc :\r\nfrom: e\r\n\r\nbcc: body\r\n";

static void
keep_all(struct header_keep *k, struct header *h, struct span in)
{
	struct header_event ev;

	while ((ev = header_next(h, &in)).kind != HEADER_MORE) {
		header_keep_event(k, h, ev);
		if (ev.kind == HEADER_END)
			return;
	}
}

static void
test_kept_cut_anywhere(void **state UNUSED)
{
	static const struct {
		uint32_t	 which, line;
		uint64_t	 offset, length;
		const char	*value;
	} want[] = {
		{ 0, 2, 16, 9, " a\r\n" }, { 1, 3, 25, 13, " b,\r\n c\r\n" },
		{ 1, 6, 49, 7, "\r\n" }, { 0, 7, 56, 9, " e\r\n" },
	};
	struct span all = SPAN(mail);

	for (size_t cut = 0; cut <= all.n; cut++) {
		struct header_keep k = header_keep_make(wanted, COUNT(wanted));
		struct header_kept f;
		struct header h;

		header_begin(&h);
		keep_all(&k, &h, span_of(all.p, cut));
		keep_all(&k, &h, span_skip(all, cut));
		for (size_t i = 0; i < COUNT(want); i++) {
			assert_true(header_keep_at(&k, i, &f));
			CHECK_NUM(f.which, want[i].which, "%zu", i);
			CHECK_NUM(f.line, want[i].line, "%zu", i);
			CHECK_NUM(f.offset, want[i].offset, "%zu", i);
			CHECK_NUM(f.length, want[i].length, "%zu", i);
			CHECK(span_eq(f.value, span_str(want[i].value)),
			    "%zu, cut at %zu", i, cut);
		}
		assert_false(header_keep_at(&k, COUNT(want), &f));
		assert_false(k.is_short);
		header_keep_free(&k);
	}
}

/* A field in its middle is not shown. */
static void
test_kept_when_whole(void **state UNUSED)
{
	struct header_keep k = header_keep_make(wanted, COUNT(wanted));
	struct header_kept f;
	struct header h;

	header_begin(&h);
	keep_all(&k, &h, SPAN("From: a\r\nFrom: b\r\n"));
	assert_true(header_keep_at(&k, 0, &f));
	assert_false(header_keep_at(&k, 1, &f));
	header_keep_event(&k, &h, header_end(&h));
	assert_true(header_keep_at(&k, 1, &f));
	CHECK_NUM(f.length, 9, "its length");
	header_keep_free(&k);
}

/* Past the bounds it is said so, and what was kept is whole. */
static void
test_kept_within_bounds(void **state UNUSED)
{
	static uint8_t big[100 * 1024];
	struct header_keep k = header_keep_make(wanted, COUNT(wanted));
	struct header_kept f;
	struct header h;

	memset(big, 'a', sizeof big);
	header_begin(&h);
	for (unsigned int i = 0; i < 4; i++) {
		keep_all(&k, &h, SPAN("From: "));
		keep_all(&k, &h, span_of(big, sizeof big));
		keep_all(&k, &h, SPAN("\r\n"));
		CHECK_NUM(k.is_short, i >= 2, "field %u", i);
	}
	keep_all(&k, &h, SPAN("Bcc: a\r\n\r\n"));
	assert_true(header_keep_at(&k, 2, &f));
	CHECK_NUM(f.which, 1, "the small one behind them fits");
	assert_false(header_keep_at(&k, 3, &f));
	header_keep_free(&k);

	k = header_keep_make(wanted, COUNT(wanted));
	header_begin(&h);
	for (unsigned int i = 0; i < HEADER_FIELDS_MAX + 1; i++) {
		assert_false(k.is_short);
		keep_all(&k, &h, SPAN("From:\r\n"));
	}
	assert_true(k.is_short);
	assert_false(header_keep_at(&k, HEADER_FIELDS_MAX, &f));
	header_keep_free(&k);
}

static void
test_unfold(void **state UNUSED)
{
	static const struct {
		const char	*value, *want;
	} rows[] = {
		{ "", "" }, { "\r\n", "" }, { " a b \r\n", "a b" },
		{ " a\r\n b\r\n\tc\r\n", "a b\tc" }, { "a", "a" },
		{ " \r\n a\r\n \r\n", "a" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = buf_make(64);

		assert_int_equal(header_unfold(span_str(rows[i].value), &b),
		    ERR_OK);
		CHECK(span_eq(buf_span(&b), span_str(rows[i].want)), "%zu", i);
		buf_free(&b);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere, "PRS-1 PRS-2"),
		TEST(test_octet_by_octet, "PRS-2"),
		TEST(test_body_is_left, ""),
		TEST(test_kept_cut_anywhere, "PRS-2"),
		TEST(test_kept_when_whole, ""),
		TEST(test_kept_within_bounds, ""),
		TEST(test_unfold, ""),
	};

	return RUN_TESTS(tests);
}
