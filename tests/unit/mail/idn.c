/* Domains beyond ASCII, as DNS knows them (RFC 5890, 5891; UTS 46). */
#include "mail/idn.h"

#include "check.h"

static const struct {
	const char	*domain, *ascii;	/* NULL: is none */
} cases[] = {
	{ "example.org", "example.org" },
	{ "EXAMPLE.Org", "example.org" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
	{ "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" },
	/* Two writings of one letter. */
	{ "bu\xcc\x88" "cher.example", "xn--bcher-kva.example" },
	/* Not transitional: the sharp s is a letter of its own. */
	{ "stra\xc3\x9f" "e.example", "xn--strae-oqa.example" },
	{ "\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95",
		"xn--fsqu00a.xn--0zwm56d" },
	{ "b\xc3", NULL },
	{ "b\xe2\x80\x8b" "a.example", NULL },
	{ "\xcc\x88" "a.example", NULL },
	{ "b\xc3\xbc..example", NULL },
};

static void
test_cases(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf to = buf_make(512);
		enum err e = idn_to_ascii(span_str(cases[i].domain), &to);

		CHECK_NUM(e, cases[i].ascii == NULL ? ERR_SYNTAX : ERR_OK, "%zu",
		    i);
		CHECK(span_eq(buf_span(&to), span_str(cases[i].ascii == NULL ?
		    "" : cases[i].ascii)), "%zu: %.*s", i,
		    SPAN_FMT(buf_span(&to)));
		buf_free(&to);
	}
}

/* 63 octets a label in ASCII, whatever it was before. */
static void
test_long_label(void **state UNUSED)
{
	struct buf to = buf_make(512);
	char text[256] = "\xc3\xbc";

	for (size_t i = 2; i < 80; i++)
		text[i] = 'a';
	CHECK_NUM(idn_to_ascii(span_str(text), &to), ERR_SYNTAX, "80");
	CHECK_NUM(to.n, 0, "nothing");
	buf_free(&to);
}

/* A name or an address, or a pattern of one: only whole labels are known. */
static void
test_entry(void **state UNUSED)
{
	static const struct {
		const char *entry, *ascii;
	} rows[] = {
		{ "", "" }, { ".", "." }, { "A.b", "a.b" }, { "<>", "<>" },
		{ "@B\xc3\xbc" "cher.Example", "@xn--bcher-kva.example" },
		{ "@.b\xc3\xbc" "cher.example", "@.xn--bcher-kva.example" },
		{ ".b\xc3\xbc" "cher.example", ".xn--bcher-kva.example" },
		{ "*@b\xc3\xbc" "cher.*", "*@xn--bcher-kva.*" },
		{ "b\xc3\xbc" "cher@a@b\xc3\xbc" "cher",
		    "b\xc3\xbc" "cher@a@xn--bcher-kva" },
		{ "b\xc3\xbc*.example", "b\xc3\xbc*.example" },
		{ "b\xc3.example", "b\xc3.example" },
		{ "*@*", "*@*" }, { "a..b.", "a..b." },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(512);

		CHECK_NUM(idn_entry(span_str(rows[i].entry), &to), ERR_OK, "%s",
		    rows[i].entry);
		CHECK(span_eq(buf_span(&to), span_str(rows[i].ascii)),
		    "%s: %.*s", rows[i].entry, SPAN_FMT(buf_span(&to)));
		buf_free(&to);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cases, "PRS-4"),
		TEST(test_long_label, "PRS-4"),
		TEST(test_entry, "PRS-4"),
	};

	return RUN_TESTS(tests);
}
