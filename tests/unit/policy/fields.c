#include "base/buf.h"
#include "policy/fields.h"

#include "check.h"

/* A constant, which a cast of SPAN() is not. */
#define S(literal)	{ (const uint8_t *)(literal), sizeof(literal) - 1 }
#define P(...)	.patterns = (const struct span[]){ __VA_ARGS__ }, \
		.npatterns = sizeof((const struct span[]){ __VA_ARGS__ }) / \
		    sizeof(struct span)

static const struct rules_condition conditions[] = {
	{ RULES_HEADER, P(S("subject"), S("*viagra*"), S("hello")),
	    .bit = 0 },
	{ RULES_HEADER, P(S("X-Very-Long-Name-Of-Some-Program"),
	    S("yes")), .bit = 1 },
	{ RULES_HEADER, P(S("from"), S("*")), .bit = 2 },
	{ RULES_HEADER, P(S("subject"), S("a b")), .bit = 3 },
};
static const struct rules_rule rule = { 1u << RULES_CONTENT, conditions,
	COUNT(conditions) };
static const struct rules rules = { &rule, 1 };

static const struct {
	const char *name, *content;
	uint64_t    holds;
} cases[] = {
	{ "nothing", "", 0 },
	{ "other fields", "To: viagra\r\nX-Subject: hello\r\n\r\n", 0 },
	{ "a glob", "SUBJECT: cheap ViAgRa here\r\n\r\nx\r\n", 1 },
	{ "a whole value", "Subject:\t Hello \t\r\n\r\n", 1 },
	{ "not all of it", "Subject: hello you\r\n\r\n", 0 },
	{ "space before the colon", "Subject : hello\r\n\r\n", 1 },
	{ "in the body", "To: a\r\n\r\nSubject: hello\r\n", 0 },
	{ "behind what is no field", "To: a\r\nno field\r\nSubject: hello\r\n",
	    0 },
	{ "folded", "Subject: a\r\n b\r\n\r\n", 8 },
	{ "folded to nothing", "From: \r\n \r\n\r\n", 4 },
	{ "empty", "From:\r\n\r\n", 4 },
	{ "encoded", "Subject: =?utf-8?b?aGVs?=\r\n =?utf-8?q?lo?=\r\n\r\n", 1 },
	{ "encoded in part", "Subject: cheap via=?utf-8?q?gr?=a\r\n\r\n", 1 },
	{ "encoded, space at its end", "Subject: =?us-ascii?q?hello_?=\r\n\r\n",
	    1 },
	{ "of a set that we do not know", "Subject: =?big5?q?hello?=\r\n\r\n",
	    1 },
	{ "a long name", "X-Very-Long-Name-Of-Some-Program: yes\r\n\r\n", 2 },
	{ "longer by one", "X-Very-Long-Name-Of-Some-Programs: yes\r\n\r\n",
	    0 },
	{ "the second of a name", "Subject: x\r\nSubject: hello\r\n\r\n", 1 },
	{ "all", "From: a\r\nX-Very-Long-Name-Of-Some-Program: YES\r\n"
	    "Subject: viagra\r\n\r\n", 7 },
	{ "a header alone", "From: a\r\nSubject: hello\r\n", 5 },
};

static uint64_t
feed_in_two(struct span content, size_t cut)
{
	static struct rules_fields w;
	struct rules_facts f = { 0 };
	struct content_scan s;

	content_scan_begin(&s, SPAN("mx.example.org"));
	rules_fields_begin(&w, &rules, &f, &s);
	content_scan_feed(&s, span_of(content.p, cut));
	content_scan_feed(&s, span_skip(content, cut));
	(void)content_scan_end(&s);
	return f.headers;
}

/* The same fields, wherever the network cuts them (PRS-2). */
static void
test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span content = span_str(cases[i].content);

		for (size_t cut = 0; cut <= content.n; cut++)
			CHECK_NUM(feed_in_two(content, cut), cases[i].holds,
			    "%s, cut at %zu", cases[i].name, cut);
	}
}

/* A value's first 2048 octets, a name's 64: the rest is not looked at. */
static void
test_limits(void **state)
{
	struct buf b = buf_make(1u << 20);

	(void)state;
	for (int longer = 0; longer < 2; longer++) {
		buf_cut(&b, 0);
		assert_int_equal(buf_addf(&b, "Subject:%*sviagra\r\n\r\n",
		    (int)RULES_VALUE_MAX - 6 + longer, ""), ERR_OK);
		CHECK_NUM(feed_in_two(buf_span(&b), b.n), longer ? 0 : 1,
		    "%d octets further", longer);
	}
	buf_cut(&b, 0);
	assert_int_equal(buf_addf(&b, "Subject: hello\r\n%0200000d: x\r\n"
	    "From: a\r\n\r\n", 7), ERR_OK);
	CHECK_NUM(feed_in_two(buf_span(&b), 5), 5, "a name of 200,000 octets");
	buf_free(&b);
}

static const struct CMUnitTest tests[] = {
	TEST(test_fields, "PRS-2 PRS-1"),
	TEST(test_limits, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
