/* What is said about a header that a user's program hands in. */
#include "mail/submit.h"

#include "check.h"

#define FROM	"From: a@b.c\r\n"

enum how { PLAIN, UTF8, LOCAL, LOOSE };

/* Senders as "a@b c@d ", cuts as "from-to ". */
static const struct {
	const char		*content;
	enum how		 how;
	enum submit_verdict	 verdict;
	const char		*said, *senders, *cuts;
} cases[] = {
	{ FROM "To: d@e\r\n\r\nbody\r\n", PLAIN, SUBMIT_GOOD, "", "a@b.c ",
		"" },
	{ FROM, PLAIN, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ "From: \"A, B\" <a@b.c>\r\nSubject: \t x\r\n y\r\n\r\n", PLAIN,
		SUBMIT_GOOD, "", "a@b.c ", "" },
	{ "From: a@b, c@d\r\nSender: E <e@f>\r\n", PLAIN, SUBMIT_GOOD, "",
		"a@b c@d e@f ", "" },
	{ "Sender: e@f\r\nFrom: a@b\r\n", PLAIN, SUBMIT_GOOD, "", "a@b e@f ",
		"" },
	{ "To: x:;\r\nFrom: G: a@b;\r\nReply-To: r@s, t@u\r\n", PLAIN,
		SUBMIT_GOOD, "", "a@b ", "" },
	{ FROM "TLS-Required: No\r\n", PLAIN, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ FROM "TLS-Required: No\r\nX: y\r\nTLS-Required: No\r\n", PLAIN,
		SUBMIT_FORM, "Line 4: a second TLS-Required field; the first "
		"is in line 2", "a@b.c ", "" },
	{ FROM "TLS-Required: No\r\nTLS-Required: No\r\n", LOOSE,
		SUBMIT_GOOD, "", "a@b.c ", "" },
	/* From: exactly one. */
	{ "Subject: x\r\n\r\n", PLAIN, SUBMIT_FORM,
		"There is no From field: it must say who sends this", "", "" },
	{ "", PLAIN, SUBMIT_FORM,
		"There is no From field: it must say who sends this", "", "" },
	{ "\r\n" FROM, PLAIN, SUBMIT_FORM,
		"There is no From field: it must say who sends this", "", "" },
	{ "Subject: x\r\n\r\n", LOCAL, SUBMIT_GOOD, "", "", "" },
	{ FROM "X: y\r\nFROM: a@b.c\r\n", PLAIN, SUBMIT_IDENTITY,
		"Line 3: a second From field; the first is in line 1", "", "" },
	{ FROM "From: a@b.c\r\n", LOOSE, SUBMIT_IDENTITY,
		"Line 2: a second From field; the first is in line 1", "", "" },
	{ FROM "From : d@e\r\n", LOOSE, SUBMIT_IDENTITY,
		"Line 2: a second From field; the first is in line 1", "", "" },
	{ FROM "Sender: a@b\r\nSender: a@b\r\n", LOCAL, SUBMIT_IDENTITY,
		"Line 3: a second Sender field; the first is in line 2", "",
		"" },
	{ "From:\r\n", PLAIN, SUBMIT_FORM, "From, line 1: it names nobody", "",
		"" },
	{ "From: g:;\r\n", PLAIN, SUBMIT_FORM,
		"From, line 1: it names nobody", "", "" },
	{ "X: y\r\nFrom: A B\r\n", PLAIN, SUBMIT_FORM,
		"From, line 2: a name without an address (octet 7 of the "
		"field)", "", "" },
	{ "From: a@b.c a@b.c\r\n", LOOSE, SUBMIT_FORM, "From, line 1: a comma "
		"is missing behind an address (octet 13 of the field)", "",
		"" },
	{ "From: a@b, c@d\r\n", PLAIN, SUBMIT_FORM, "From, line 1: 2 "
		"addresses; a Sender field must say which of them sends this",
		"", "" },
	{ FROM "Sender: a@b, c@d\r\n", PLAIN, SUBMIT_FORM,
		"Sender, line 2: 2 addresses, not one", "", "" },
	{ FROM "Sender: \r\n", PLAIN, SUBMIT_FORM,
		"Sender, line 2: 0 addresses, not one", "", "" },
	{ "From: a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,"
		"a@b,a@b,a@b,a@b,a@b,a@b\r\nSender: a@b\r\n", PLAIN,
		SUBMIT_FORM, "From, line 1: more than 20 addresses", "", "" },
	/* RFC 5322 3.6: the others at most once. */
	{ FROM "To: a@b\r\nTo: c@d\r\n", PLAIN, SUBMIT_FORM,
		"Line 3: a second To field; the first is in line 2", "", "" },
	{ FROM "Subject: x\r\n y\r\nSUBJECT: c@d\r\n", PLAIN, SUBMIT_FORM,
		"Line 4: a second Subject field; the first is in line 2", "",
		"" },
	{ FROM "Date: x\r\nDate: y\r\n", PLAIN, SUBMIT_FORM,
		"Line 3: a second Date field; the first is in line 2", "", "" },
	{ FROM "Message-ID: x\r\nMessage-Id: y\r\n", PLAIN, SUBMIT_FORM,
		"Line 3: a second Message-ID field; the first is in line 2",
		"", "" },
	{ FROM "References: x\r\nReferences: y\r\n", PLAIN, SUBMIT_FORM,
		"Line 3: a second References field; the first is in line 2",
		"", "" },
	{ FROM "Cc: x@y\r\nCc: y@z\r\n", LOOSE, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ FROM "Received: x\r\nReceived: y\r\nX: a\r\nX: b\r\n", PLAIN,
		SUBMIT_GOOD, "", "a@b.c ", "" },
	/* RFC 5322 2.2: lines that are no fields. */
	{ FROM "hello there\r\n", PLAIN, SUBMIT_FORM,
		"Line 2: no field, and no empty line before it", "", "" },
	{ FROM "hello\r\nFrom: x@y\r\n", LOOSE, SUBMIT_FORM,
		"Line 2: no field, and no empty line before it", "", "" },
	/* Of this host: completed, so cut. */
	{ "From: root (Cron Daemon)\r\nTo: root\r\n\r\n", LOCAL, SUBMIT_GOOD,
		"", "root ", "0-26 26-36 " },
	{ "From: A <root>\r\nTo: a@b\r\nBcc: c\r\n\r\n", LOCAL, SUBMIT_GOOD,
		"", "root ", "0-16 25-33 " },
	{ "From: A B\r\n\r\n", LOCAL, SUBMIT_FORM, "From, line 1: a name "
		"without an address (octet 7 of the field)", "", "" },
	{ "From: root\r\n", PLAIN, SUBMIT_FORM, "From, line 1: a name without "
		"an address (octet 7 of the field)", "", "" },
	{ "hello there\r\nTo: x\r\n", LOCAL, SUBMIT_GOOD, "", "", "" },
	{ " hello:\r\n", LOCAL, SUBMIT_GOOD, "", "", "" },
	{ "To: a@b\r\nhello\r\n", LOCAL, SUBMIT_FORM,
		"Line 2: no field, and no empty line before it", "", "" },
	{ " " FROM, PLAIN, SUBMIT_FORM,
		"Line 1: the header begins with a space", "", "" },
	{ FROM ": x\r\n", PLAIN, SUBMIT_FORM,
		"Line 2: a field without a name", "", "" },
	{ FROM "X\xc3\xa4: x\r\n", UTF8, SUBMIT_FORM,
		"Line 2: an octet that no field's name holds", "", "" },
	{ FROM "Subject : x\r\n", PLAIN, SUBMIT_FORM, "Line 2: no space may "
		"stand before the colon of subject", "", "" },
	{ FROM "Subject : x\r\n", LOOSE, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ FROM "Subject: x\r\n y\x07\r\n", PLAIN, SUBMIT_FORM,
		"subject, line 3: a control octet", "", "" },
	{ FROM "Subject: x\x7f\r\n", PLAIN, SUBMIT_FORM,
		"subject, line 2: a control octet", "", "" },
	{ FROM "Subject: x\ry\r\n", PLAIN, SUBMIT_FORM,
		"subject, line 2: a control octet", "", "" },
	{ FROM "Subject: x\ny\r\n", PLAIN, SUBMIT_FORM,
		"subject, line 2: a control octet", "", "" },
	{ FROM "Subject: x\x07\r\n", LOOSE, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ "From: \"\x07\"@b\r\n", LOOSE, SUBMIT_FORM,
		"From, line 1: a control octet in an address", "", "" },
	{ FROM "To: a b\r\n", PLAIN, SUBMIT_FORM, "To, line 2: a name without "
		"an address (octet 5 of the field)", "", "" },
	{ FROM "To: a b\r\nCc: @\r\n", LOOSE, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ FROM "Cc: <a@b\r\n", PLAIN, SUBMIT_FORM, "Cc, line 2: a < without "
		"its > (octet 11 of the field)", "", "" },
	{ FROM "Reply-To: a,\r\n", PLAIN, SUBMIT_FORM, "Reply-To, line 2: a "
		"name without an address (octet 11 of the field)", "", "" },
	/* RFC 6532. */
	{ FROM "Subject: \xc3\xa4\r\n", PLAIN, SUBMIT_FORM, "subject, line 2: "
		"an octet above 127, which needs SMTPUTF8 or an encoded word",
		"", "" },
	{ FROM "Subject: \xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xb4\r\n", UTF8,
		SUBMIT_GOOD, "", "a@b.c ", "" },
	{ "From: J\xc3\xb6rg <j\xc3\xb6rg@b>\r\n", UTF8, SUBMIT_GOOD, "",
		"j\xc3\xb6rg@b ", "" },
	{ FROM "Subject: \xc3\r\n", UTF8, SUBMIT_FORM,
		"subject, line 2: octets that are no UTF-8", "", "" },
	{ FROM "Subject: \xe2\x82x\r\n", UTF8, SUBMIT_FORM,
		"subject, line 2: octets that are no UTF-8", "", "" },
	{ FROM "Subject: \xc0\xaf\r\n", UTF8, SUBMIT_FORM,
		"subject, line 2: octets that are no UTF-8", "", "" },
	{ FROM "Subject: \xff\r\n", UTF8, SUBMIT_FORM,
		"subject, line 2: octets that are no UTF-8", "", "" },
	{ FROM "Subject: \xed\xa0\x80\r\n", UTF8, SUBMIT_FORM,
		"subject, line 2: octets that are no UTF-8", "", "" },
	{ FROM "Subject: \xc3\xa4\r\n", LOOSE, SUBMIT_GOOD, "", "a@b.c ", "" },
	{ FROM "\r\nbody \xc3\xa4 \x07\r\n", PLAIN, SUBMIT_GOOD, "", "a@b.c ",
		"" },
	/* Bcc, whatever is in it. */
	{ FROM "Bcc: secret@b\r\nTo: d@e\r\n\r\n", PLAIN, SUBMIT_GOOD, "",
		"a@b.c ", "13-28 " },
	{ "BCC: a b\r\n c\r\n" FROM "bcc:\r\nResent-Bcc: x\r\n\r\nBcc: y\r\n",
		PLAIN, SUBMIT_GOOD, "", "a@b.c ", "0-14 27-33 33-48 " },
	{ FROM "Bcc: x", PLAIN, SUBMIT_GOOD, "", "a@b.c ", "13-19 " },
};

static struct submit_rules
rules_of(enum how how)
{
	return (struct submit_rules){ .is_from_added = how == LOCAL,
		.is_bare_taken = how == LOCAL,
		.is_text_taken = how == LOCAL,
		.is_utf8 = how == UTF8, .is_loose = how == LOOSE };
}

struct reading {
	struct submit	s;
	struct header	h;
	bool		is_over;
};

static void
reading_begin(struct reading *r, enum how how)
{
	const struct submit_rules rules = rules_of(how);

	r->is_over = false;
	header_begin(&r->h);
	submit_begin(&r->s, &rules);
}

static void
feed(struct reading *r, struct span in)
{
	while (!r->is_over) {
		struct header_event ev = header_next(&r->h, &in);

		if (ev.kind == HEADER_MORE)
			return;
		submit_event(&r->s, &r->h, ev);
		r->is_over = ev.kind == HEADER_END;
	}
}

static enum submit_verdict
finish(struct reading *r)
{
	while (!r->is_over) {
		struct header_event ev = header_end(&r->h);

		submit_event(&r->s, &r->h, ev);
		r->is_over = ev.kind == HEADER_END;
	}
	return submit_end(&r->s);
}

static void
check(struct reading *r, size_t i, size_t cut)
{
	enum submit_verdict verdict = finish(r);
	struct span rest = buf_span(&r->s.senders);
	char text[512] = "";
	size_t n = 0, at = 0;
	uint64_t from, to;

	CHECK_STR(r->s.said, cases[i].said, "%zu, cut at %zu", i, cut);
	CHECK_NUM(verdict, cases[i].verdict, "%zu, cut at %zu", i, cut);
	if (verdict != SUBMIT_GOOD)
		return;
	while (rest.n > 0) {
		struct span one = span_take(&rest, span_find(rest, '\0'));

		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s ",
		    SPAN_FMT(one));
		rest = span_skip(rest, 1);
	}
	CHECK_STR(text, cases[i].senders, "%zu, cut at %zu", i, cut);
	text[n = 0] = '\0';
	while (submit_cut(&r->s, &at, &from, &to))
		n += (size_t)snprintf(text + n, sizeof text - n, "%llu-%llu ",
		    (unsigned long long)from, (unsigned long long)to);
	CHECK_STR(text, cases[i].cuts, "%zu, cut at %zu", i, cut);
}

static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);

		for (size_t cut = 0; cut <= all.n; cut++) {
			struct reading r;

			reading_begin(&r, cases[i].how);
			feed(&r, span_of(all.p, cut));
			feed(&r, span_skip(all, cut));
			check(&r, i, cut);
			submit_free(&r.s);
		}
	}
}

static void
test_octet_by_octet(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].content);
		struct reading r;

		reading_begin(&r, cases[i].how);
		while (all.n > 0)
			feed(&r, span_take(&all, 1));
		check(&r, i, 1);
		submit_free(&r.s);
	}
}

/* Whose address it is that is refused, and where it stands. */
static void
test_foreign(void **state UNUSED)
{
	static const char *const want[] = {
		"From, line 2: a@b is not yours to send from",
		"From, line 2: j?g@d is not yours to send from",
		"Sender, line 3: e@f is not yours to send from",
	};
	struct reading r;

	reading_begin(&r, LOOSE);
	feed(&r, SPAN("X: y\r\nFrom: a@b, j\xb6g@d\r\nSender: <e@f>\r\n"));
	assert_int_equal(finish(&r), SUBMIT_GOOD);
	for (unsigned int i = 0; i < COUNT(want); i++) {
		submit_say_foreign(&r.s, i);
		CHECK_STR(r.s.said, want[i], "%u", i);
	}
	submit_free(&r.s);
}

static void
test_complete(void **state UNUSED)
{
	static const struct {
		const char	*content, *added;
	} rows[] = {
		{ "From: root (Cron Daemon)\r\nTo: root\r\nX: y\r\n",
			"From: root@d.e (Cron Daemon)\r\nTo: root@d.e\r\n" },
		{ "From: a@b\r\nTo: anna,\r\n Bob <bob>, c@d, g: x, \"y z\";"
			"\r\nCc: e@f\r\n", "To: anna@d.e,\r\n Bob <bob@d.e>, c@d,"
			" g: x@d.e, \"y z\"@d.e;\r\n" },
		{ "Sender: a.b \r\nFrom: a@b\r\n", "Sender: a.b@d.e \r\n" },
		{ "From: a@b\r\nBcc: c\r\n", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(1024);
		struct reading r;

		reading_begin(&r, LOCAL);
		feed(&r, span_str(rows[i].content));
		CHECK_NUM(finish(&r), SUBMIT_GOOD, "%zu: %s", i, r.s.said);
		assert_int_equal(submit_complete(&r.s, SPAN("d.e"), &to),
		    ERR_OK);
		CHECK(span_eq(buf_span(&to), span_str(rows[i].added)),
		    "%zu: %.*s", i, SPAN_FMT(buf_span(&to)));
		submit_free(&r.s);
		buf_free(&to);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere, "PRS-2 AUTH-6"),
		TEST(test_octet_by_octet, "PRS-2"),
		TEST(test_foreign, "AUTH-6"),
		TEST(test_complete, ""),
	};

	return RUN_TESTS(tests);
}
