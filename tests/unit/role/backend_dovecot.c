/*
 * Lines of Dovecot's auth server, and ours for it.
 */
#include "check.h"

#include "role/backend/dovecot_line.h"

static const struct {
	const char	*name, *line;
	enum err	 e;
	enum dovecot_word word;
	uint32_t	 number;
	const char	*text;
	bool		 is_temporary;
} lines[] = {
	{ "version", "VERSION\t1\t2", ERR_OK, DOVECOT_VERSION, 1, "", false },
	{ "version alone", "VERSION\t2", ERR_OK, DOVECOT_VERSION, 2, "",
	    false },
	{ "no version", "VERSION", ERR_SYNTAX, 0, 0, "", false },
	{ "mechanism", "MECH\tPLAIN\tplaintext", ERR_OK, DOVECOT_MECH, 0,
	    "PLAIN", false },
	{ "no mechanism", "MECH\t", ERR_SYNTAX, 0, 0, "", false },
	{ "done", "DONE", ERR_OK, DOVECOT_DONE, 0, "", false },
	{ "done and more", "DONE\tx", ERR_SYNTAX, 0, 0, "", false },
	{ "unknown", "COOKIE\tabc", ERR_OK, DOVECOT_OTHER, 0, "", false },
	{ "lower case", "ok\t1", ERR_OK, DOVECOT_OTHER, 0, "", false },
	{ "ok", "OK\t1", ERR_OK, DOVECOT_OK, 1, "", false },
	{ "ok of a user", "OK\t1\tuser=anna", ERR_OK, DOVECOT_OK, 1, "anna",
	    false },
	{ "of the first user", "OK\t1\tx=y\tuser=anna\tuser=eve", ERR_OK,
	    DOVECOT_OK, 1, "anna", false },
	{ "an empty parameter", "OK\t1\t\tuser=anna", ERR_OK, DOVECOT_OK, 1,
	    "anna", false },
	{ "largest", "OK\t4294967295", ERR_OK, DOVECOT_OK, 4294967295u, "",
	    false },
	{ "one past it", "OK\t4294967296", ERR_SYNTAX, 0, 0, "", false },
	{ "negative", "OK\t-1", ERR_SYNTAX, 0, 0, "", false },
	{ "no number", "OK\tanna", ERR_SYNTAX, 0, 0, "", false },
	{ "none at all", "OK", ERR_SYNTAX, 0, 0, "", false },
	{ "fail", "FAIL\t1\tuser=anna", ERR_OK, DOVECOT_FAIL, 1, "", false },
	{ "fail for now", "FAIL\t1\tuser=anna\ttemp", ERR_OK, DOVECOT_FAIL, 1,
	    "", true },
	{ "fail for now, newer", "FAIL\t1\tcode=temp_fail", ERR_OK,
	    DOVECOT_FAIL, 1, "", true },
	{ "fail, and like it", "FAIL\t1\ttemporal\tcode=temp", ERR_OK,
	    DOVECOT_FAIL, 1, "", false },
	{ "go on", "CONT\t3\tYQ==", ERR_OK, DOVECOT_CONT, 3, "", false },
	{ "empty", "", ERR_SYNTAX, 0, 0, "", false },
	{ "a tab", "\t", ERR_SYNTAX, 0, 0, "", false },
	{ "a line in a line", "OK\t1\nOK\t2", ERR_SYNTAX, 0, 0, "", false },
};

static void
test_lines(void **state UNUSED)
{
	struct dovecot_line l;

	for (size_t i = 0; i < COUNT(lines); i++) {
		CHECK_NUM(dovecot_line_parse(span_str(lines[i].line), &l),
		    lines[i].e, "%s", lines[i].name);
		if (lines[i].e != ERR_OK)
			continue;
		CHECK_NUM(l.word, lines[i].word, "%s", lines[i].name);
		CHECK_NUM(l.number, lines[i].number, "%s", lines[i].name);
		CHECK(span_eq(l.text, span_str(lines[i].text)), "%s",
		    lines[i].name);
		CHECK_NUM(l.is_temporary, lines[i].is_temporary, "%s",
		    lines[i].name);
	}
}

/* What is cut off is an error, or says less; nothing is read behind it. */
static void
test_lines_cut_anywhere(void **state UNUSED)
{
	struct dovecot_line l;

	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t cut = 0; cut < strlen(lines[i].line); cut++) {
			/* Exactly so long: a sanitizer sees what is read. */
			uint8_t *exact = malloc(cut + 1);

			assert_non_null(exact);
			memcpy(exact + 1, lines[i].line, cut);
			if (dovecot_line_parse(span_of(exact + 1, cut), &l) ==
			    ERR_OK)
				CHECK(l.text.n <= cut, "%s cut at %zu",
				    lines[i].name, cut);
			free(exact);
		}
}

static void
test_longest(void **state UNUSED)
{
	static uint8_t line[DOVECOT_LINE_MAX];
	struct dovecot_line l;

	memset(line, 'x', sizeof line);
	memcpy(line, "OK\t1\t", 5);
	CHECK_NUM(dovecot_line_parse(span_of(line, sizeof line - 1), &l),
	    ERR_OK, "with its LF it is 8,192");
	CHECK_NUM(dovecot_line_parse(span_of(line, sizeof line), &l),
	    ERR_SYNTAX, "one more");
	line[9] = '\0';
	CHECK_NUM(dovecot_line_parse(span_of(line, 20), &l), ERR_SYNTAX,
	    "a NUL");
}

static void
test_ask(void **state UNUSED)
{
	static const uint8_t v4[] = { 192, 0, 2, 1 };
	static uint8_t longest[6000];
	struct buf to = buf_make(4 * DOVECOT_LINE_MAX);

	assert_int_equal(dovecot_hello(17, &to), ERR_OK);
	assert_int_equal(dovecot_ask(1, SPAN("anna\tx=y"), SPAN("a\nb"),
	    span_of(v4, sizeof v4), &to), ERR_OK);
	assert_int_equal(dovecot_ask(2, SPAN(""), SPAN(""), SPAN(""), &to),
	    ERR_OK);
	assert_int_equal(buf_addc(&to, '\0'), ERR_OK);
	CHECK_STR((const char *)to.p,
	    "VERSION\t1\t1\nCPID\t17\n"
	    "AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.1\t"
	    "resp=AGFubmEJeD15AGEKYg==\n"
	    "AUTH\t2\tPLAIN\tservice=smtp\tsecured\tresp=AAA=\n", "asked");
	memset(longest, 'p', sizeof longest);
	assert_int_equal(dovecot_ask(3, SPAN("anna"),
	    span_of(longest, sizeof longest), SPAN(""), &to), ERR_OK);
	assert_int_equal(dovecot_ask(3, span_of(longest, 1000),
	    span_of(longest, sizeof longest), SPAN(""), &to), ERR_FULL);
	buf_free(&to);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_lines, "PRS-6"),
		TEST(test_lines_cut_anywhere, "PRS-6"),
		TEST(test_longest, "MEM-4"),
		TEST(test_ask, "AUTH-8"),
	};

	return RUN_TESTS(tests);
}
