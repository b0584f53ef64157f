/*
 * The log: whatever a stranger writes, it stays one line and one field.
 */
#include "base/log.h"
#include "check.h"

static const char *
shown(const struct log_line *l)
{
	static char text[LOG_LINE_MAX + 1];

	memcpy(text, l->text, l->n);
	text[l->n] = '\0';
	return text;
}

static void
test_values(void **state)
{
	static const struct {
		const char	*value;
		size_t		 n;
		const char	*line;
	} rows[] = {
		{ "plain", 5, "- e k=plain" },
		{ "a@b.example", 11, "- e k=a@b.example" },
		{ "", 0, "- e k=\"\"" },
		{ "two words", 9, "- e k=\"two words\"" },
		{ "x\r\ny", 4, "- e k=\"x\\x0d\\x0ay\"" },
		{ "\0", 1, "- e k=\"\\x00\"" },
		{ "\x1b[31m", 5, "- e k=\"\\x1b[31m\"" },
		{ "say \"x\"\\", 8, "- e k=\"say \\\"x\\\"\\\\\"" },
		{ "a=b", 3, "- e k=\"a=b\"" },
		{ "\x7f", 1, "- e k=\"\\x7f\"" },
		{ "gr\xc3\xbc\xc3\x9f", 6, "- e k=\"gr\xc3\xbc\xc3\x9f\"" },
		{ "\xe2\x80\xae" "abc", 6, "- e k=\"\\u{202e}abc\"" },
		{ "\xe2\x81\xa6", 3, "- e k=\"\\u{2066}\"" },
		{ "\xe2\x80\xa8", 3, "- e k=\"\\u{2028}\"" },
		{ "\xc2\x85", 2, "- e k=\"\\u{0085}\"" },
		{ "\xff", 1, "- e k=\"\\xff\"" },
		{ "\xc3", 1, "- e k=\"\\xc3\"" },
		{ "\xc0\x8a", 2, "- e k=\"\\xc0\\x8a\"" },	/* overlong LF */
		{ "\xed\xa0\x80", 3, "- e k=\"\\xed\\xa0\\x80\"" },
		{ "\xf4\x90\x80\x80", 4, "- e k=\"\\xf4\\x90\\x80\\x80\"" },
	};
	struct log_line l;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		log_begin(&l, LOG_LEVEL_INFO, NULL, "e");
		log_span(&l, "k", span_of(rows[i].value, rows[i].n));
		CHECK_STR(shown(&l), rows[i].line, "row %zu", i);
	}
}

static void
test_id_and_numbers(void **state)
{
	struct msg_id id = { { 0, 0, 0, 0, 0, 1 } };
	struct log_line l;

	(void)state;
	log_begin(&l, LOG_LEVEL_INFO, &id, "accepted");
	log_num(&l, "size", 0);
	log_num(&l, "most", UINT64_MAX);
	CHECK_STR(shown(&l),
	    "00000000010000000000000000 accepted size=0 "
	    "most=18446744073709551615", "numbers");
}

/* Each octet, alone and in the middle: one line without a control octet. */
static void
test_every_octet(void **state)
{
	struct log_line l;

	(void)state;
	for (unsigned int a = 0; a < 256; a++)
		for (unsigned int b = 0; b < 256; b++) {
			uint8_t v[] = { 'x', (uint8_t)a, (uint8_t)b, 'y' };

			log_begin(&l, LOG_LEVEL_INFO, NULL, "e");
			log_span(&l, "k", span_of(v, sizeof v));
			for (size_t i = 0; i < l.n; i++)
				CHECK((uint8_t)l.text[i] >= 0x20 &&
				    l.text[i] != 0x7f, "%u %u", a, b);
		}
}

static void
test_caps(void **state)
{
	static uint8_t big[100000];
	struct log_line l;

	(void)state;
	for (size_t n = LOG_FIELD_MAX - 1; n <= LOG_FIELD_MAX + 1; n++) {
		memset(big, 'a', sizeof big);
		log_begin(&l, LOG_LEVEL_INFO, NULL, "e");
		log_span(&l, "k", span_of(big, n));
		CHECK_NUM(l.text[l.n - 2] == '~', n > LOG_FIELD_MAX, "%zu", n);
	}
	/* Every octet escaped, field after field, until the line is full. */
	memset(big, 1, sizeof big);
	log_begin(&l, LOG_LEVEL_INFO, NULL, "e");
	for (int i = 0; i < 100; i++)
		log_span(&l, "key", span_of(big, sizeof big));
	CHECK(l.n <= LOG_LINE_MAX, "%zu", l.n);
	CHECK_NUM(l.text[l.n - 1], '~', "the cut is marked");
	CHECK(l.is_cut, "cut");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_values, "LOG-1"),
		TEST(test_id_and_numbers, ""),
		TEST(test_every_octet, "LOG-1 MEM-4"),
		TEST(test_caps, "LOG-1"),
	};

	return RUN_TESTS(tests);
}
