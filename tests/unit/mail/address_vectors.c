/*
 * Every address that others have collected, in shared/vectors/address.  There is
 * none of which our verdict is another than theirs; one that shall be goes into
 * a table here, with its reason.
 *
 * isemail-tests.xml judges by several RFCs; only its categories VALID, DNSWARN
 * and RFC5321 are Mailboxes of RFC 5321 4.1.2.  What is good in RFC 5322 alone
 * (comments, folding, several quoted words) is none: CFWS, DEPREC, RFC5322.
 */
#include "mail/address.h"

#include "check.h"

#include <jansson.h>

static char *
read_vectors(const char *name)
{
	const char *dir = getenv("POSTHORSE_VECTORS");
	static char text[256 * 1024];
	char path[1024];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/address/%s",
	    dir != NULL ? dir : "../shared/vectors", name);
	f = fopen(path, "rb");
	if (f == NULL)
		return NULL;
	n = fread(text, 1, sizeof text - 1, f);
	(void)fclose(f);
	CHECK(n < sizeof text - 1, "%s is larger", name);
	text[n] = '\0';
	return text;
}

/* A path is good where SMTPUTF8 was agreed upon, or where it needs none. */
static bool
is_path(const char *path, bool is_reverse, bool is_utf8)
{
	struct span in = span_str(path);
	struct addr a;
	enum err e = is_reverse ? addr_parse_reverse(&in, &a) :
	    addr_parse_forward(&in, &a);

	return e == ERR_OK && in.n == 0 && (is_utf8 || !a.is_utf8);
}

static void
test_smtp_paths(void **state UNUSED)
{
	const char *text = read_vectors("smtp-paths.json");
	size_t i;
	json_t *root, *row;

	if (text == NULL)
		skip();
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		const char *path = json_string_value(json_object_get(row,
		    "path"));
		bool is_utf8 = json_is_true(json_object_get(row, "utf8"));

		assert_non_null(path);
		CHECK_NUM(is_path(path, true, is_utf8),
		    json_is_true(json_object_get(row, "mail")), "%s", path);
		CHECK_NUM(is_path(path, false, is_utf8),
		    json_is_true(json_object_get(row, "rcpt")), "%s", path);
		if (is_utf8)
			CHECK(!is_path(path, true, false) &&
			    !is_path(path, false, false), "%s in ASCII", path);
	}
	CHECK(i >= 39, "%zu cases", i);
	json_decref(root);
}

/* Take "&#xHHHH;": U+2400 + n is the octet n, others are their UTF-8. */
static size_t
take_number(struct span *in, char *to)
{
	unsigned long point = strtoul((const char *)in->p + 3, NULL, 16);

	(void)span_take(in, span_find(*in, ';') + 1);
	CHECK(point < 0x800 || (point >= 0x2400 && point < 0x2480), "%lx",
	    point);
	if (point >= 0x2400 || point < 0x80) {
		to[0] = (char)(point & 0x7f);
		return 1;
	}
	to[0] = (char)(0xc0 | point >> 6);
	to[1] = (char)(0x80 | (point & 0x3f));
	return 2;
}

/* Take one of XML's names; 0 when the next octet is none. */
static char
take_name(struct span *in)
{
	static const struct {
		const char	*name;
		char		 octet;
	} names[] = {
		{ "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
		{ "&quot;", '"' }, { "&apos;", '\'' },
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (span_starts(*in, span_str(names[i].name))) {
			*in = span_skip(*in, strlen(names[i].name));
			return names[i].octet;
		}
	return '\0';
}

static size_t
unescape(struct span in, char *to)
{
	size_t n = 0;

	while (in.n > 0) {
		char octet = take_name(&in);

		if (octet != '\0')
			to[n++] = octet;
		else if (span_starts(in, SPAN("&#x")))
			n += take_number(&in, to + n);
		else
			to[n++] = (char)span_take(&in, 1).p[0];
	}
	to[n] = '\0';
	return n;
}

/* The text of an element, and *in behind it; empty for <name/>. */
static struct span
element(struct span *in, const char *open, const char *close)
{
	struct span rest = span_skip(*in, span_find_span(*in, span_str(open)) +
	    strlen(open)), text;

	text = span_take(&rest, span_find_span(rest, span_str(close)));
	*in = rest;
	return text;
}

static bool
is_mailbox(struct span category)
{
	return span_eq(category, SPAN("ISEMAIL_VALID_CATEGORY")) ||
	    span_eq(category, SPAN("ISEMAIL_DNSWARN")) ||
	    span_eq(category, SPAN("ISEMAIL_RFC5321"));
}

static void
check_test(struct span one)
{
	bool has_address = span_find_span(one, SPAN("<address/>")) == one.n;
	struct span raw = has_address ? element(&one, "<address>",
	    "</address>") : span_of(NULL, 0);
	struct span category = element(&one, "<category>", "</category>");
	char text[2048];
	struct addr a;
	size_t n;

	CHECK(raw.n < sizeof text && category.n > 0, "%.*s", SPAN_FMT(raw));
	n = unescape(raw, text);
	CHECK_NUM(addr_parse(span_of(text, n), &a) == ERR_OK && !a.is_utf8,
	    is_mailbox(category), "%s", text);
}

static void
test_isemail(void **state UNUSED)
{
	const char *text = read_vectors("isemail-tests.xml");
	size_t ntests = 0;
	struct span in;

	if (text == NULL)
		skip();
	in = span_str(text);
	(void)span_take(&in, span_find_span(in, SPAN("<tests ")));
	while (span_find_span(in, SPAN("<test id")) < in.n) {
		check_test(element(&in, "<test id", "</test>"));
		ntests++;
	}
	CHECK(ntests >= 100, "%zu tests", ntests);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_smtp_paths, "PRS-4"),
		TEST(test_isemail, "PRS-4"),
	};

	return RUN_TESTS(tests);
}
