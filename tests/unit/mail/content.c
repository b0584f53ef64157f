/* Facts about content; the same however it was cut. */
#include "mail/content.h"

#include "check.h"

static const struct {
	const char	*content;
	unsigned int	 header, line, fields, field, received, own, flags;
} cases[] = {
	{ "", 0, 0, 0, 0, 0, 0, 0 },
	{ "\r\n", 2, 0, 0, 0, 0, 0, 0 },
	{ "A: b\r\n\r\nbody\r\n", 8, 4, 1, 6, 0, 0, 0 },
	{ "A: b\r\n", 6, 4, 1, 6, 0, 0, 0 },
	{ "A: b\r\n c\r\nB: d\r\n\r\nx\r\n", 18, 4, 2, 10, 0, 0, 0 },
	{ "body only\r\n", 0, 9, 0, 0, 0, 0, 0 },
	{ "A: b\r\nno field\r\nC: d\r\n", 6, 8, 1, 6, 0, 0, 0 },
	{ " A: b\r\n\r\n", 0, 5, 0, 0, 0, 0, 0 },
	{ "\r\nA: b\r\n", 2, 4, 0, 0, 0, 0, 0 },
	{ ": b\r\n\r\n", 0, 3, 0, 0, 0, 0, 0 },
	{ "Date: x\r\nFROM: y\r\nmessage-id : z\r\n\r\n",
		36, 14, 3, 16, 0, 0, CONTENT_HAS_DATE | CONTENT_HAS_FROM | CONTENT_HAS_MESSAGE_ID },
	{ "Dates: x\r\nXFrom: y\r\n\r\n", 22, 8, 2, 10, 0, 0, 0 },
	{ "\r\nDate: in the body\r\n", 2, 17, 0, 0, 0, 0, 0 },
	{ "Received: from a by mx.example.org; d\r\n\r\n",
		41, 37, 1, 39, 1, 1, 0 },
	{ "Received: from a\r\n\tBY MX.example.org\r\n\tid by; d\r\n\r\n",
		51, 18, 1, 49, 1, 1, 0 },
	{ "Received: from by.x by other; x by mx.example.org\r\n\r\n",
		53, 49, 1, 51, 1, 0, 0 },
	{ "Received: by mx.example.organ\r\n\r\n", 33, 29, 1, 31, 1, 0, 0 },
	{ "X-Received: by mx.example.org\r\n\r\n", 33, 29, 1, 31, 0, 0, 0 },
	{ "Received: by mx.example.org\r\nReceived: by mx.example.org\r\n\r\n",
		60, 27, 2, 29, 2, 2, 0 },
	{ "A: b\r\n\r\n.dot\r\n", 8, 4, 1, 6, 0, 0, CONTENT_DOT_LINE },
	{ "A: b\r\n\r\nno .dot\r\n", 8, 7, 1, 6, 0, 0, 0 },
	{ ".A: b\r\n\r\n", 9, 5, 1, 7, 0, 0, CONTENT_DOT_LINE },
	{ "A: \xc3\xa4\r\n\r\n", 9, 5, 1, 7, 0, 0, CONTENT_8BIT },
	{ "A: b\r\n\r\nlong enough for words \xc3\xa4\r\n",
		8, 24, 1, 6, 0, 0, CONTENT_8BIT },
	{ "an-extremely-long-field-name: b\r\n\r\n", 35, 31, 1, 33, 0, 0, 0 },
	/* RFC 8689 section 3 */
	{ "TLS-Required: No\r\n\r\n", 20, 16, 1, 18, 0, 0,
		CONTENT_TLS_OPTIONAL },
	{ "tls-required:NO\r\n\r\n", 19, 15, 1, 17, 0, 0,
		CONTENT_TLS_OPTIONAL },
	{ "TLS-Required:\r\n \tno \r\n\r\n", 24, 13, 1, 22, 0, 0,
		CONTENT_TLS_OPTIONAL },
	{ "TLS-Required: Nope\r\n\r\n", 22, 18, 1, 20, 0, 0, 0 },
	{ "TLS-Required: N o\r\n\r\n", 21, 17, 1, 19, 0, 0, 0 },
	{ "TLS-Required: N\r\n o\r\n\r\n", 23, 15, 1, 21, 0, 0, 0 },
	{ "TLS-Required: Yes\r\n\r\n", 21, 17, 1, 19, 0, 0, 0 },
	{ "TLS-Required: No (really)\r\n\r\n", 29, 25, 1, 27, 0, 0, 0 },
	{ "TLS-Required:\r\n\r\n", 17, 13, 1, 15, 0, 0, 0 },
	{ "TLS-Required: No\r\nTLS-Required: No\r\n\r\n",
		38, 16, 2, 18, 0, 0, 0 },
	{ "TLS-Required: no\r\nA: b\r\nTLS-Required: x\r\n\r\n",
		43, 16, 3, 18, 0, 0, 0 },
	{ "TLS-Required: x\r\nTLS-Required: No\r\n\r\n",
		37, 16, 2, 18, 0, 0, 0 },
	{ "A: b\r\n\r\nTLS-Required: No\r\n", 8, 16, 1, 6, 0, 0, 0 },
	{ "Received: by mx.example.org\r\nTLS-Required: No\r\n\r\n",
		49, 27, 2, 29, 1, 1, CONTENT_TLS_OPTIONAL },
};

static void
check_facts(const struct content_facts *f, size_t i, size_t cut)
{
	CHECK_NUM(f->size, strlen(cases[i].content), "%zu cut %zu", i, cut);
	CHECK_NUM(f->header_size, cases[i].header, "%zu cut %zu", i, cut);
	CHECK_NUM(f->longest_line, cases[i].line, "%zu cut %zu", i, cut);
	CHECK_NUM(f->fields, cases[i].fields, "%zu cut %zu", i, cut);
	CHECK_NUM(f->longest_field, cases[i].field, "%zu cut %zu", i, cut);
	CHECK_NUM(f->received, cases[i].received, "%zu cut %zu", i, cut);
	CHECK_NUM(f->received_own, cases[i].own, "%zu cut %zu", i, cut);
	CHECK_NUM(f->flags, cases[i].flags, "%zu cut %zu", i, cut);
}

static void
test_facts_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);

		for (size_t cut = 0; cut <= all.n; cut++) {
			struct content_scan s;
			struct content_facts f;

			content_scan_begin(&s, SPAN("mx.example.org"));
			content_scan_feed(&s, span_of(all.p, cut));
			content_scan_feed(&s, span_skip(all, cut));
			f = content_scan_end(&s);
			check_facts(&f, i, cut);
		}
	}
}

static void
test_octet_by_octet(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);
		struct content_scan s;
		struct content_facts f;

		content_scan_begin(&s, SPAN("mx.example.org"));
		while (all.n > 0)
			content_scan_feed(&s, span_take(&all, 1));
		f = content_scan_end(&s);
		check_facts(&f, i, 1);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_facts_cut_anywhere, "PRS-2 SMTP-13"),
		TEST(test_octet_by_octet, "PRS-2"),
	};

	return RUN_TESTS(tests);
}
