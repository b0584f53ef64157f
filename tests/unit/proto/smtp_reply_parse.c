/*
 * smtp_reply_parse: what servers answer, and what hostile ones do (RFC 5321
 * 4.2, RFC 2034 section 4).
 */
#include "check.h"
#include "proto/smtp_reply_parse.h"

static const struct row {
	const char *name;
	struct span in;
	enum err want;
	unsigned int code;
	const char *status, *text;
} rows[] = {
	{ "one line", SPAN("250 ok\r\n"), ERR_OK, 250, "", "ok" },
	{ "no text", SPAN("250\r\n"), ERR_OK, 250, "", "" },
	{ "empty text", SPAN("250 \r\n"), ERR_OK, 250, "", "" },
	{ "lines", SPAN("250-a\r\n250-\r\n250 c\r\n"), ERR_OK, 250, "",
	    "a\n\nc" },
	{ "status", SPAN("550 5.1.1 who\r\n"), ERR_OK, 550, "5.1.1",
	    "5.1.1 who" },
	{ "status alone", SPAN("550 5.7.123\r\n"), ERR_OK, 550, "5.7.123",
	    "5.7.123" },
	{ "status of another class", SPAN("550 4.1.1 who\r\n"), ERR_OK, 550,
	    "", "4.1.1 who" },
	{ "status with letters", SPAN("550 5.x.y\r\n"), ERR_OK, 550, "",
	    "5.x.y" },
	{ "status too long", SPAN("550 5.1.1234 x\r\n"), ERR_OK, 550, "",
	    "5.1.1234 x" },
	{ "status with a zero in front", SPAN("550 5.01.1 x\r\n"), ERR_OK,
	    550, "", "5.01.1 x" },
	{ "status glued", SPAN("550 5.1.1: x\r\n"), ERR_OK, 550, "",
	    "5.1.1: x" },
	{ "status of the first line", SPAN("550-5.1.1 a\r\n550 5.2.2 b\r\n"),
	    ERR_OK, 550, "5.1.1", "5.1.1 a\n5.2.2 b" },
	{ "odd second digit", SPAN("571 no\r\n"), ERR_OK, 571, "", "no" },
	{ "escape stays data", SPAN("550 a\x1b[2J\r\n"), ERR_OK, 550, "",
	    "a\x1b[2J" },
	{ "mixed codes", SPAN("250-a\r\n550 b\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "no code", SPAN("hello\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "code of two", SPAN("25 x\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "code of four", SPAN("2500 x\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "code 150", SPAN("150 x\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "code 650", SPAN("650 x\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "empty line", SPAN("\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "bare LF", SPAN("250 ok\n"), ERR_SYNTAX, 0, "", "" },
	{ "bare LF inside", SPAN("250 a\nb\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "bare CR", SPAN("250 a\rb\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "CR CR LF", SPAN("250 a\r\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "NUL", SPAN("250 a\0b\r\n"), ERR_SYNTAX, 0, "", "" },
	{ "unfinished", SPAN("250-a\r\n250 b"), ERR_SHORT, 0, "", "" },
};

static enum err
read_cut(const struct row *row, size_t cut, struct smtp_answers *r,
    struct smtp_answer *a)
{
	struct span front = span_of(row->in.p, cut);
	struct span back = span_skip(row->in, cut);
	enum err e = smtp_answers_next(r, &front, a);

	if (e != ERR_SHORT)
		return e;
	CHECK_NUM(front.n, 0, "%s: all is taken", row->name);
	return smtp_answers_next(r, &back, a);
}

static void
check_row(const struct row *row, size_t cut)
{
	struct smtp_answers r = smtp_answers_make();
	struct smtp_answer a;
	char text[64], status[16];

	CHECK_NUM(read_cut(row, cut, &r, &a), row->want, "%s, cut %zu",
	    row->name, cut);
	if (row->want == ERR_OK) {
		(void)snprintf(text, sizeof text, "%.*s", SPAN_FMT(a.text));
		(void)snprintf(status, sizeof status, "%.*s",
		    SPAN_FMT(a.status));
		CHECK_NUM(a.code, row->code, "%s", row->name);
		CHECK_STR(text, row->text, "%s", row->name);
		CHECK_STR(status, row->status, "%s", row->name);
	}
	smtp_answers_free(&r);
}

static void
test_replies_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut <= rows[i].in.n; cut++)
			check_row(&rows[i], cut);
}

/* Each limit: met, one past it, and far past it with bounded memory. */
static enum err
feed_lines(size_t nlines, size_t octets, size_t *held)
{
	static char line[SMTP_ANSWER_LINE_MAX * 2];
	struct smtp_answers r = smtp_answers_make();
	struct smtp_answer a;
	enum err e = ERR_SHORT;

	memset(line, 'x', sizeof line);
	memcpy(line, "250-", 4);
	memcpy(line + octets - 2, "\r\n", 2);
	for (size_t i = 0; i < nlines && e == ERR_SHORT; i++) {
		struct span in = span_of(line, octets);

		line[3] = i + 1 == nlines ? ' ' : '-';
		e = smtp_answers_next(&r, &in, &a);
	}
	*held = r.line.room + r.text.room;
	smtp_answers_free(&r);
	return e;
}

static void
test_limits(void **state UNUSED)
{
	static const struct {
		size_t nlines, octets;
		enum err want;
	} limits[] = {
		{ 1, SMTP_ANSWER_LINE_MAX, ERR_OK },
		{ 1, SMTP_ANSWER_LINE_MAX + 1, ERR_FULL },
		{ SMTP_ANSWER_LINES_MAX, 20, ERR_OK },
		{ SMTP_ANSWER_LINES_MAX + 1, 20, ERR_FULL },
		{ 100000, 20, ERR_FULL },
		{ 32, 2048, ERR_OK },
		{ 33, 2048, ERR_FULL },
	};

	for (size_t i = 0; i < COUNT(limits); i++) {
		size_t held;

		CHECK_NUM(feed_lines(limits[i].nlines, limits[i].octets,
		    &held), limits[i].want, "row %zu", i);
		CHECK(held <= 3 * SMTP_ANSWER_MAX, "row %zu", i);
	}
}

/* After garbage nothing is believed any more. */
static void
test_error_is_final(void **state UNUSED)
{
	struct smtp_answers r = smtp_answers_make();
	struct span in = SPAN("garbage\r\n250 ok\r\n");
	struct smtp_answer a;

	CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_SYNTAX, "first");
	CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_SYNTAX, "second");
	smtp_answers_free(&r);
}

static void
test_several_replies(void **state UNUSED)
{
	struct smtp_answers r = smtp_answers_make();
	struct span in = SPAN("250-a\r\n250 b\r\n354 go\r\n");
	struct smtp_answer a;

	CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_OK, "first");
	CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_OK, "second");
	CHECK_NUM(a.code, 354, "second");
	CHECK_NUM(a.text.n, 2, "its own text");
	CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_SHORT, "end");
	smtp_answers_free(&r);
}

/* A NUL anywhere spoils the reply: nothing is cut off at it. */
static void
test_nul_anywhere(void **state UNUSED)
{
	static const char whole[] = "250-mx.example\r\n250 2.1.0 ok\r\n";

	for (size_t at = 0; at < sizeof whole; at++) {
		struct smtp_answers r = smtp_answers_make();
		struct smtp_answer a;
		char wire[sizeof whole];
		struct span in = span_of(wire, sizeof wire);

		memcpy(wire, whole, at);
		wire[at] = '\0';
		memcpy(wire + at + 1, whole + at, sizeof whole - 1 - at);
		/* Behind the last CRLF it is the next reply that is spoilt. */
		if (at == sizeof whole - 1) {
			CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_OK,
			    "before");
			CHECK_NUM(in.n, 1, "the NUL is left");
		} else
			CHECK_NUM(smtp_answers_next(&r, &in, &a), ERR_SYNTAX,
			    "at %zu", at);
		smtp_answers_free(&r);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_replies_cut_anywhere, "SMTP-9 PRS-2"),
	TEST(test_limits, "SMTP-9"),
	TEST(test_error_is_final, "SMTP-9"),
	TEST(test_several_replies, ""),
		TEST(test_nul_anywhere, "MEM-4"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
