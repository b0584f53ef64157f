/*
 * smtp_stuff: dots doubled at line starts and nowhere else (RFC 5321 4.5.2),
 * and content that is not canonical is seen (2.3.8).
 */
#include "check.h"
#include "proto/smtp_stuff.h"

static const struct {
	const char *name;
	struct span in;
	const char *out;	/* NULL: not canonical */
	bool has_dot_line, is_8bit, is_ended;
} rows[] = {
	{ "empty", SPAN(""), "", false, false, true },
	{ "plain", SPAN("a\r\nb\r\n"), "a\r\nb\r\n", false, false, true },
	{ "dot first", SPAN(".a\r\n"), "..a\r\n", true, false, true },
	{ "dot line", SPAN("a\r\n.\r\nb\r\n"), "a\r\n..\r\nb\r\n", true, false,
	    true },
	{ "dots inside", SPAN("a.b\r\na.\r\n"), "a.b\r\na.\r\n", false, false,
	    true },
	{ "two dots", SPAN("..\r\n"), "...\r\n", true, false, true },
	{ "no end", SPAN("a"), "a", false, false, false },
	{ "8 bit", SPAN("\xe9\r\n"), "\xe9\r\n", false, true, true },
	{ "bare LF", SPAN("a\nb\r\n"), NULL, false, false, true },
	{ "LF first", SPAN("\na\r\n"), NULL, false, false, true },
	{ "end smuggled with LF", SPAN("a\n.\nb\r\n"), NULL, false, false,
	    true },
	{ "bare CR", SPAN("a\rb\r\n"), NULL, false, false, true },
	{ "CR CR LF", SPAN("a\r\r\n"), NULL, false, false, true },
	{ "CR at the end", SPAN("a\r\nb\r"), NULL, false, false, false },
	{ "NUL", SPAN("a\0b\r\n"), NULL, false, false, true },
};

static void
test_facts(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct smtp_stuff_facts f = smtp_stuff_look(rows[i].in);

		CHECK_NUM(f.is_canonical, rows[i].out != NULL, "%s",
		    rows[i].name);
		if (rows[i].out == NULL)
			continue;
		CHECK_NUM(f.has_dot_line, rows[i].has_dot_line, "%s",
		    rows[i].name);
		CHECK_NUM(f.is_8bit, rows[i].is_8bit, "%s", rows[i].name);
		CHECK_NUM(f.is_ended, rows[i].is_ended, "%s", rows[i].name);
	}
}

static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; rows[i].out != NULL &&
		    cut <= rows[i].in.n; cut++) {
			struct buf to = buf_make(100);
			struct smtp_stuff s = { 0 };

			CHECK_NUM(smtp_stuff_add(&s,
			    span_of(rows[i].in.p, cut), &to), ERR_OK, "%s",
			    rows[i].name);
			CHECK_NUM(smtp_stuff_add(&s,
			    span_skip(rows[i].in, cut), &to), ERR_OK, "%s",
			    rows[i].name);
			CHECK(span_eq(buf_span(&to), span_str(rows[i].out)),
			    "%s, cut %zu", rows[i].name, cut);
			buf_free(&to);
		}
}

/* What is sent has one terminator, at its end. */
static void
test_one_terminator(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(100);
		struct smtp_stuff s = { 0 };
		struct span all;

		if (rows[i].out == NULL)
			continue;
		CHECK_NUM(buf_add(&to, SPAN("\r\n")), ERR_OK, "354");
		CHECK_NUM(smtp_stuff_add(&s, rows[i].in, &to), ERR_OK, "add");
		CHECK_NUM(buf_add(&to, smtp_stuff_end(rows[i].is_ended)),
		    ERR_OK, "end");
		all = buf_span(&to);
		CHECK_NUM(span_find_span(all, SPAN("\r\n.\r\n")), all.n - 5,
		    "%s", rows[i].name);
		buf_free(&to);
	}
}

static void
test_full_changes_nothing(void **state UNUSED)
{
	struct buf to = buf_make(4);
	struct smtp_stuff s = { 0 };

	CHECK_NUM(smtp_stuff_add(&s, SPAN("abcde"), &to), ERR_FULL, "full");
	CHECK_NUM(to.n, 0, "nothing was added");
	CHECK_NUM(smtp_stuff_add(&s, SPAN(".a"), &to), ERR_OK, "line start");
	CHECK(span_eq(buf_span(&to), SPAN("..a")), "still a line's start");
	buf_free(&to);
}

static const struct CMUnitTest tests[] = {
	TEST(test_facts, "SMTP-3"),
	TEST(test_cut_anywhere, "PRS-2"),
	TEST(test_one_terminator, "SMTP-3"),
	TEST(test_full_changes_nothing, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
