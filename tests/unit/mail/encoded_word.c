/* What a reader sees of encoded words, and what is none. */
#include "mail/encoded_word.h"

#include "check.h"

static const struct {
	const char *value, *plain;
} cases[] = {
	{ "", "" }, { "plain text", "plain text" }, { "=", "=" },
	{ "=?", "=?" }, { "a\tb", "a\tb" },
	/* RFC 2047 section 8 */
	{ "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
	    "Keith Moore <moore@cs.utk.edu>" },
	{ "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
	    "Keld J\xc3\xb8rn Simonsen <keld@dkuug.dk>" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=",
	    "If you can read this yo" },
	{ "=?ISO-8859-1?Q?a?=", "a" },
	{ "=?ISO-8859-1?Q?a?= b", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a?=  \t=?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a_b?=", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?_b?=", "a b" },
	{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
	/* character sets */
	{ "=?utf-8?q?gr=C3=BC=c3=9Fe?=", "gr\xc3\xbc\xc3\x9f" "e" },
	{ "=?UTF-8?B?Z3LDvMOfZQ==?=", "gr\xc3\xbc\xc3\x9f" "e" },
	{ "=?utf-8*de?q?a?=", "a" },
	{ "=?iso-8859-15?q?=A4=a6=E9?=", "\xe2\x82\xac\xc5\xa0\xc3\xa9" },
	{ "=?windows-1252?q?=80=93x=94=81?=",
	    "\xe2\x82\xac\xe2\x80\x9cx\xe2\x80\x9d\xc2\x81" },
	{ "=?us-ascii?q?=ff?=", "\xff" },
	{ "=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\xc3\xbc" },
	{ "=?koi8-r?q?=C1?=", "\xd0\xb0" },
	{ "=?KOI8-U?b?pA==?=", "\xd1\x94" },
	{ "=?windows-1251?q?=E0=b9?=", "\xd0\xb0\xe2\x84\x96" },
	{ "=?iso-8859-7?q?=e1?=", "\xce\xb1" },
	{ "=?iso-8859-8-i?q?=e0?=", "\xd7\x90" },
	{ "=?iso-8859-6?q?=a1?=", "\xc2\xa1" },
	/* of one that we do not know, what all have alike */
	{ "=?big5?q?ch=A4=40eap?=", "ch\xef\xbf\xbd@eap" },
	{ "=?x?b?Y2hlYXA=?=", "cheap" },
	{ "=?x*de?q?a?= =?utf-8?q?b?=", "ab" },
	{ "=?*de?q?a?=", "a" },
	/* wherever it stands, however long */
	{ "che=?utf-8?q?a?=p", "cheap" }, { "che=?utf-8?q?" "?=ap", "cheap" },
	{ "=?utf-8?q?a?==?utf-8?q?b?=", "ab" },
	{ "=?utf-8?b?Y2hlYXA?=", "cheap" }, { "=?utf-8?b?Y2hlYQ=?=", "chea" },
	/* control octets are nothing that a rule compares */
	{ "=?utf-8?q?a=00=0D=0A=7Fb=09?=", "ab\t" }, { "a\x01" "b", "ab" },
	/* none */
	{ "=?utf-8?q?a=4?=", "=?utf-8?q?a=4?=" },
	{ "=?utf-8?q?a=xx?=", "=?utf-8?q?a=xx?=" },
	{ "=?utf-8?q?a b?=", "=?utf-8?q?a b?=" },
	{ "=?utf-8?x?ab?=", "=?utf-8?x?ab?=" },
	{ "=?utf-8?qb?ab?=", "=?utf-8?qb?ab?=" },
	{ "=?utf-8??ab?=", "=?utf-8??ab?=" },
	{ "=??q?ab?=", "=??q?ab?=" },
	{ "=?utf-8?b?Y?=", "=?utf-8?b?Y?=" },
	{ "=?utf-8?b?Y2h=YX==?=", "=?utf-8?b?Y2h=YX==?=" },
	{ "=?utf-8?b?Y2hl===?=", "=?utf-8?b?Y2hl===?=" },
	{ "=?utf-8?b?Y2h-?=", "=?utf-8?b?Y2h-?=" },
	{ "=?utf-8?q?a?b?=", "=?utf-8?q?a?b?=" },
	{ "=?utf-8?q?a?", "=?utf-8?q?a?" },
	{ "=?=?utf-8?q?a?=", "=?a" },
};

static void
test_decode(void **state)
{
	uint8_t to[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = encoded_words_decode(span_str(cases[i].value), to,
		    sizeof to);

		CHECK(span_eq(span_of(to, n), span_str(cases[i].plain)),
		    "%s: %.*s", cases[i].value, (int)n, (const char *)to);
	}
}

/*
 * Each beginning of each row, in exactly its octets: nothing behind them is read,
 * and what was whole before the cut is as ever.
 */
static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n <= strlen(cases[i].value); n++) {
			uint8_t *exact = malloc(n + 1), to[256], again[256];
			size_t got, same;

			assert_non_null(exact);
			memcpy(exact, cases[i].value, n);
			got = encoded_words_decode(span_of(exact, n), to,
			    sizeof to);
			/* Twice the same, with as much room as it takes. */
			same = encoded_words_decode(span_of(exact, n), again,
			    got);
			CHECK(got <= 3 * n && same == got &&
			    memcmp(to, again, got) == 0, "%s, cut at %zu",
			    cases[i].value, n);
			free(exact);
		}
}

/* With less room it is the same, cut off. */
static void
test_room(void **state)
{
	uint8_t whole[256], to[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span value = span_str(cases[i].value);
		size_t n = encoded_words_decode(value, whole, sizeof whole);

		for (size_t room = 0; room <= n; room++) {
			memset(to, 0xaa, sizeof to);
			CHECK_NUM(encoded_words_decode(value, to, room), room,
			    "%s", cases[i].value);
			CHECK(memcmp(to, whole, room) == 0 &&
			    to[room] == 0xaa, "%s, %zu", cases[i].value, room);
		}
	}
}

/* PRS-8: what begins like words and is none takes no more time an octet. */
static void
test_linear(void **state)
{
	static const char *const parts[] = { "=?", "=?a?q?", "=?utf-8?q?",
		"=?utf-8?b?AAAA", "=?utf-8?q?=41", "?=", "=?utf-8?q?a?= " };
	static uint8_t value[1 << 20], to[1 << 20];

	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++) {
		size_t n = strlen(parts[i]);

		for (size_t k = 0; k < sizeof value; k++)
			value[k] = (uint8_t)parts[i][k % n];
		CHECK(encoded_words_decode(span_of(value, sizeof value), to,
		    sizeof to) <= sizeof to, "%s", parts[i]);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_decode, ""),
	TEST(test_cut_anywhere, "PRS-2"),
	TEST(test_room, ""),
	TEST(test_linear, "PRS-8"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
