/* Address lists of a header: RFC 5322 3.4 and its appendix A, and 4.4. */
#include "mail/mailbox.h"

#include "check.h"

#define SHOWN_MAX	1024

/* "name[address]" each, `*` before what stands in a group; then the end. */
static const struct {
	const char	*value, *shown;
} cases[] = {
	{ "", "end" },
	{ " \r\n", "end" },
	{ " a@b.c\r\n", "[a@b.c]end" },
	{ "a@B.C", "[a@b.c]end" },
	{ "<a@b>", "[a@b]end" },
	{ " <a@b>\r\n", "[a@b]end" },
	{ "A <a@b>", "A[a@b]end" },
	{ "a@b,c@d", "[a@b][c@d]end" },
	{ "a@b, C D <c@d> ,\"E, F\" <e@f>",
		"[a@b]C D[c@d]\"E, F\"[e@f]end" },
	/* RFC 5322 A.1.1 to A.1.3, A.5, A.6. */
	{ "John Doe <jdoe@machine.example>",
		"John Doe[jdoe@machine.example]end" },
	{ "\"Joe Q. Public\" <john.q.public@example.com>",
		"\"Joe Q. Public\"[john.q.public@example.com]end" },
	{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		"Mary Smith[mary@x.test][jdoe@example.org]Who?[one@y.test]"
		"end" },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@e.net>",
		"[boss@nil.test]\"Giant; \\\"Big\\\" Box\""
		"[sysservices@e.net]end" },
	{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		"*Ed Jones[c@a.test]*[joe@where.test]*John[jdoe@one.test]"
		"end" },
	{ "Undisclosed recipients:;", "end" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
		"Pete[pete@silly.test]end" },
	{ "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)"
		"public.example>,\r\n         joe@example.org,\r\n  John "
		"<jdoe@one.test> (my dear friend); (the end of the group)",
		"*Chris Jones[c@public.example]*[joe@example.org]"
		"*John[jdoe@one.test]end" },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
		"end" },
	{ "Joe Q. Public <john.q.public@example.com>",
		"Joe Q. Public[john.q.public@example.com]end" },
	{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
		"Mary Smith[mary@example.net][jdoe@test.example]end" },
	{ "John Doe <jdoe@machine(comment).  example>",
		"John Doe[jdoe@machine.example]end" },
	/* Routes and empty elements. */
	{ "<@a,@b:c@d>", "[c@d]end" }, { "<@a,,@b:c@d>", "[c@d]end" },
	{ ",a@b", "[a@b]end" }, { ",,a@b,,", "[a@b]end" }, { ",", "end" },
	{ "g:,a@b,;", "*[a@b]end" },
	{ "g:;,a@b", "[a@b]end" }, { "a@b,g:c@d;,e@f",
		"[a@b]*[c@d][e@f]end" },
	/* Plain forms: one mailbox, one writing. */
	{ "\"a\"@b", "[a@b]end" }, { "\"a.b\"@c", "[a.b@c]end" },
	{ "a . b@c", "[a.b@c]end" }, { "\"a\".\"b\"@c", "[a.b@c]end" },
	{ "\"a b\"@c", "[\"a b\"@c]end" }, { "\"a\\b\"@c", "[ab@c]end" },
	{ "\"a\\\"b\"@c", "[\"a\\\"b\"@c]end" },
	{ "\"a\\\\b\"@c", "[\"a\\\\b\"@c]end" },
	{ "\"\"@c", "[\"\"@c]end" }, { "\".a\"@c", "[\".a\"@c]end" },
	{ "\"a.\"@c", "[\"a.\"@c]end" }, { "\"a..b\"@c", "[\"a..b\"@c]end" },
	{ "\"a\r\n b\"@c", "[\"a b\"@c]end" },
	{ "a@[192.0.2.1]", "[a@[192.0.2.1]]end" },
	{ "a@[IPv6: 2001:db8::1]", "[a@[ipv6:2001:db8::1]]end" },
	{ "A@b", "[A@b]end" }, { "a+b@c", "[a+b@c]end" },
	{ "=?utf-8?q?a=40b?= <a@b>", "=?utf-8?q?a=40b?=[a@b]end" },
	{ "\xc3\xa4@\xc3\xb6", "[\xc3\xa4@\xc3\xb6]end" },
	{ "J\xc3\xb6rg <a@b>", "J\xc3\xb6rg[a@b]end" },
	{ "\"\" <a@b>", "\"\"[a@b]end" },
	/* What is wrong, and where. */
	{ "a", "0 a name without an address" },
	{ "A B", "0 a name without an address" },
	{ "a, b@c", "0 a name without an address" },
	{ "a@", "2 an address without a whole domain" },
	{ "@b", "0 an address without a local part" },
	{ "a@b.", "4 an address without a whole domain" },
	{ "a@.b", "2 an address without a whole domain" },
	{ "a@b..c", "4 an address without a whole domain" },
	{ ".a@b", "2 a name with an at-sign in it must be in quotes" },
	{ "a.@b", "2 a name with an at-sign in it must be in quotes" },
	{ "a..b@c", "4 a name with an at-sign in it must be in quotes" },
	{ "a b@c", "3 a name with an at-sign in it must be in quotes" },
	{ "a@b@c", "3 a comma is missing behind an address" },
	{ "a@b c@d", "4 a comma is missing behind an address" },
	{ "a@b <c@d>", "4 a name with an at-sign in it must be in quotes" },
	{ "<a@b> c@d", "6 a comma is missing behind an address" },
	{ "<a@b", "4 a < without its >" },
	{ "<>", "1 no address between < and >" },
	{ "<a>", "2 no address between < and >" },
	{ "<<a@b>>", "1 no address between < and >" },
	{ "A <a@b>>", "7 a comma is missing behind an address" },
	{ "a@b>", "3 a comma is missing behind an address" },
	{ ">", "0 an octet that no address holds" },
	{ "a;", "0 a name without an address" },
	{ "a@b;", "3 a comma is missing behind an address" },
	{ ";", "0 an octet that no address holds" },
	{ "g:a@b", "*[a@b]5 a group does not end with ;" },
	{ "g:", "2 a group does not end with ;" },
	{ "g:h:a@b;;", "3 a colon that begins no group" },
	{ ":a@b;", "0 a colon that begins no group" },
	{ "g:;a@b", "4 a comma is missing before an address" },
	{ ". <a@b>", "2 a name that begins with a dot" },
	{ "\"a", "2 a quoted string does not end" },
	{ "\"a\\", "3 a quoted string does not end" },
	{ "(a", "2 a comment does not end" },
	{ "(a\\", "3 a comment does not end" },
	{ "(a\\)", "4 a comment does not end" },
	{ "a@b)", "3 a comma is missing behind an address" },
	{ "a@[192.0.2.1", "12 an address literal does not end" },
	{ "a@[[1]]", "3 an address literal does not end" },
	{ "<@a:>", "4 no address between < and >" },
	{ "<@a>", "3 a route is not whole" },
	{ "<@a,b@c>", "4 a route is not whole" },
	{ "a@b\x01", "3 a comma is missing behind an address" },
	{ "\x01", "0 an octet that no address holds" },
	{ "a@b c", "4 a comma is missing behind an address" },
};

static void
show_list(struct span value, char *to, size_t room)
{
	struct mailbox_list l;
	size_t n = 0;
	enum err e;

	mailbox_begin(&l, value);
	while ((e = mailbox_next(&l)) == ERR_OK)
		n += (size_t)snprintf(to + n, room - n, "%s%.*s[%.*s]",
		    l.is_in_group ? "*" : "", SPAN_FMT(l.name),
		    SPAN_FMT(l.address));
	if (e == ERR_NONE)
		(void)snprintf(to + n, room - n, "end");
	else
		(void)snprintf(to + n, room - n, "%zu %s", l.at, l.why);
}

static void
test_lists(void **state UNUSED)
{
	char shown[SHOWN_MAX];

	for (size_t i = 0; i < COUNT(cases); i++) {
		show_list(span_str(cases[i].value), shown, sizeof shown);
		CHECK_STR(shown, cases[i].shown, "%zu: %s", i,
		    cases[i].value);
	}
}

/* Names of this host, where somebody takes them: "[name at octet]". */
static void
test_bare(void **state UNUSED)
{
	static const struct {
		const char	*value, *shown;
	} rows[] = {
		{ "root", "[root 4]end" }, { " root (x)\r\n", "[root 5]end" },
		{ "A <root>", "[root 7]end" }, { "<\"root\" >", "[root 7]end" },
		{ "a, b@c,\"d e\"",
			"[a 1][b@c 0][\"d e\" 12]end" },
		{ "g: a.b;", "[a.b 6]end" },
		{ "A B", "0 a name without an address" },
		{ "a.", "0 a name without an address" },
		{ "<>", "1 no address between < and >" },
		{ "<a b>", "4 no address between < and >" },
		{ "a@", "2 an address without a whole domain" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mailbox_list l;
		char shown[256] = "";
		size_t n = 0;
		enum err e;

		mailbox_begin(&l, span_str(rows[i].value));
		l.takes_bare = true;
		while ((e = mailbox_next(&l)) == ERR_OK)
			n += (size_t)snprintf(shown + n, sizeof shown - n,
			    "[%.*s %zu]", SPAN_FMT(l.address),
			    l.is_bare ? l.bare_at : 0);
		if (e == ERR_NONE)
			(void)snprintf(shown + n, sizeof shown - n, "end");
		else
			(void)snprintf(shown + n, sizeof shown - n, "%zu %s",
			    l.at, l.why);
		CHECK_STR(shown, rows[i].shown, "%s", rows[i].value);
	}
}

/* What is cut off never reads past its end, and never as more than it is. */
static void
test_cut_off(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span all = span_str(cases[i].value);

		for (size_t n = 0; n <= all.n; n++) {
			uint8_t *exact = malloc(n + 1);
			struct mailbox_list l;
			enum err e;

			assert_non_null(exact);
			memcpy(exact, all.p, n);
			mailbox_begin(&l, span_of(exact, n));
			while ((e = mailbox_next(&l)) == ERR_OK)
				CHECK(l.count <= n, "%zu cut at %zu", i, n);
			CHECK(l.at <= n, "%zu cut at %zu", i, n);
			CHECK(e == ERR_NONE || l.why[0] != '\0',
			    "%zu cut at %zu", i, n);
			free(exact);
		}
	}
}

static size_t
fill(char *to, size_t n, const char *again)
{
	size_t k = strlen(again);

	for (size_t i = 0; i < n * k; i++)
		to[i] = again[i % k];
	return n * k;
}

/* Section 19: addresses of a field. */
static void
test_count(void **state UNUSED)
{
	static char text[MAILBOX_LIST_MAX * 200];
	static const unsigned int counts[] = { MAILBOX_LIST_MAX,
		MAILBOX_LIST_MAX + 1, MAILBOX_LIST_MAX * 40 };

	for (size_t i = 0; i < COUNT(counts); i++) {
		size_t n = fill(text, counts[i], "a@b,");
		struct mailbox_list l;
		enum err e;

		mailbox_begin(&l, span_of(text, n));
		while ((e = mailbox_next(&l)) == ERR_OK)
			continue;
		CHECK_NUM(e, i == 0 ? ERR_NONE : ERR_FULL, "%u", counts[i]);
		CHECK_NUM(l.count, MAILBOX_LIST_MAX, "%u", counts[i]);
	}
}

static void
test_depth(void **state UNUSED)
{
	static char text[100 * MAILBOX_DEPTH_MAX * 2];

	for (unsigned int over = 0; over < 2; over++) {
		size_t depth = MAILBOX_DEPTH_MAX + over;
		size_t n = fill(text, depth, "(");
		struct mailbox_list l;

		n += fill(text + n, depth, ")");
		memcpy(text + n, "a@b", 3);
		mailbox_begin(&l, span_of(text, n + 3));
		CHECK_NUM(mailbox_next(&l), over ? ERR_SYNTAX : ERR_OK,
		    "depth %zu", depth);
	}
}

static void
test_lengths(void **state UNUSED)
{
	static const struct {
		size_t		local, domain;
		enum err	e;
	} rows[] = {
		{ 64, 255, ERR_OK }, { 65, 1, ERR_SYNTAX },
		{ 1, 256, ERR_SYNTAX }, { 6400, 1, ERR_SYNTAX },
		{ 1, 25600, ERR_SYNTAX },
	};
	static char text[40000];

	for (size_t i = 0; i < COUNT(rows); i++)
		for (unsigned int quoted = 0; quoted < 2; quoted++) {
			struct mailbox_list l;
			size_t n = 0;

			if (quoted)
				text[n++] = '"';
			n += fill(text + n, rows[i].local,
			    quoted ? "\\\"" : "l");
			if (quoted)
				text[n++] = '"';
			text[n++] = '@';
			n += fill(text + n, rows[i].domain, "d");
			mailbox_begin(&l, span_of(text, n));
			CHECK_NUM(mailbox_next(&l), rows[i].e, "row %zu", i);
			if (rows[i].e == ERR_OK)
				CHECK_NUM(l.address.n, rows[i].domain + 1 +
				    (quoted ? 2 * rows[i].local + 2 :
				    rows[i].local), "row %zu", i);
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_lists, "PRS-1"),
		TEST(test_bare, ""),
		TEST(test_cut_off, ""),
		TEST(test_count, ""),
		TEST(test_depth, "MEM-3"),
		TEST(test_lengths, ""),
	};

	return RUN_TESTS(tests);
}
