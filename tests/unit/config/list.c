#include "config/list.h"

#include "check.h"

static const struct siphash_key key = { 1, 2 };

static const char networks[] =
    "# who is bad\n\n192.0.2.0/24\r\n  198.51.100.7\n2001:db8::/32\n"
    "::ffff:203.0.113.0/120\n0.0.0.0/1";
static const char names[] = "mail.example.org\n.example.net\nUPPER.org\n";
static const char addresses[] =
    "Ann@Example.org\n@example.net\n@.example.com\n<>\nann b@example.org\n";

/* A client is written as its octets in hexadecimal digits. */
static const struct {
	enum config_match kind;
	const char	 *text, *subject;
	bool		  holds;
} cases[] = {
	{ CONFIG_MATCH_CLIENT, networks, "c0000207", true },
	{ CONFIG_MATCH_CLIENT, networks, "c0000307", false },
	{ CONFIG_MATCH_CLIENT, networks, "c6336407", true },
	{ CONFIG_MATCH_CLIENT, networks, "c6336408", false },
	{ CONFIG_MATCH_CLIENT, networks, "20010db8000000000000000000000001",
	    true },
	{ CONFIG_MATCH_CLIENT, networks, "20010db9000000000000000000000001",
	    false },
	{ CONFIG_MATCH_CLIENT, networks, "00000000000000000000ffffc0000207",
	    true },
	{ CONFIG_MATCH_CLIENT, networks, "cb007109", true },
	{ CONFIG_MATCH_CLIENT, networks, "7fffffff", true },
	{ CONFIG_MATCH_CLIENT, networks, "80000000", false },
	{ CONFIG_MATCH_CLIENT, networks, "", false },
	{ CONFIG_MATCH_CLIENT, networks, "c00002", false },
	{ CONFIG_MATCH_CLIENT, "0.0.0.0/0", "c0000207", true },
	{ CONFIG_MATCH_CLIENT, "0.0.0.0/0",
	    "20010db8000000000000000000000001", false },
	{ CONFIG_MATCH_HELO, names, "mail.example.org", true },
	{ CONFIG_MATCH_HELO, names, "x.mail.example.org", false },
	{ CONFIG_MATCH_HELO, names, "example.net", false },
	{ CONFIG_MATCH_HELO, names, "a.example.net", true },
	{ CONFIG_MATCH_HELO, names, "a.b.example.net", true },
	{ CONFIG_MATCH_HELO, names, "xexample.net", false },
	{ CONFIG_MATCH_HELO, names, "upper.org", true },
	{ CONFIG_MATCH_HELO, names, "", false },
	{ CONFIG_MATCH_HELO, names, ".", false },
	{ CONFIG_MATCH_HELO, names, "...", false },
	{ CONFIG_MATCH_SENDER, addresses, "ann@example.org", true },
	{ CONFIG_MATCH_SENDER, addresses, "bob@example.org", false },
	{ CONFIG_MATCH_SENDER, addresses, "bob@example.net", true },
	{ CONFIG_MATCH_SENDER, addresses, "bob@a.example.net", false },
	{ CONFIG_MATCH_SENDER, addresses, "bob@example.com", false },
	{ CONFIG_MATCH_SENDER, addresses, "bob@a.b.example.com", true },
	{ CONFIG_MATCH_SENDER, addresses, "a@b@example.net", true },
	{ CONFIG_MATCH_SENDER, addresses, "ann b@example.org", true },
	{ CONFIG_MATCH_SENDER, addresses, "<>", true },
	{ CONFIG_MATCH_SENDER, addresses, "example.net", false },
	{ CONFIG_MATCH_RECIPIENT, addresses, "bob@example.net", true },
	{ CONFIG_MATCH_USER, "Ann\n.b\n", "ann", true },
	{ CONFIG_MATCH_USER, "Ann\n.b\n", "a.b", false },
	{ CONFIG_MATCH_USER, "", "ann", false },
};

static struct span
subject_of(size_t i, uint8_t room[64])
{
	struct span text = span_str(cases[i].subject);

	if (cases[i].kind != CONFIG_MATCH_CLIENT)
		return text;
	for (size_t k = 0; k < text.n / 2; k++) {
		char pair[3] = { (char)text.p[2 * k], (char)text.p[2 * k + 1] };

		room[k] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return span_of(room, text.n / 2);
}

static void
test_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct list l = list_make(&key, cases[i].kind);
		uint8_t room[64];
		size_t line = 0;

		CHECK(!list_holds(&l, subject_of(i, room)), "nothing is read");
		CHECK(list_replace(&l, span_str(cases[i].text), &line) ==
		    ERR_OK && l.is_there, "line %zu", line);
		CHECK(list_holds(&l, subject_of(i, room)) == cases[i].holds,
		    "%s", cases[i].subject);
		list_free(&l);
		CHECK(!l.is_there, "it is gone");
	}
}

/* As mail/idn.h does it, for one letter. */
static enum err
to_ascii(struct span entry, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < entry.n; i++)
		e = entry.p[i] == 0xc3 ? buf_add(to, SPAN("xn--u")) :
		    entry.p[i] > 127 ? ERR_OK : buf_addc(to, entry.p[i]);
	return e;
}

static void
test_ascii(void **state)
{
	static const enum config_match kinds[] = { CONFIG_MATCH_SENDER,
		CONFIG_MATCH_USER };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct list l = list_make(&key, kinds[i]);
		size_t line = 0;

		l.to_ascii = to_ascii;
		CHECK(list_replace(&l, SPAN("@\xc3\xbc.org\na@b.org\n"),
		    &line) == ERR_OK, "entries");
		CHECK(list_holds(&l, SPAN("a@xn--u.org")) == (i == 0),
		    "a domain");
		CHECK(list_holds(&l, SPAN("@\xc3\xbc.org")) == (i == 1),
		    "no domain, as it is");
		CHECK(list_holds(&l, SPAN("a@b.org")), "in ASCII");
		CHECK(list_replace(&l, SPAN("@\xc3\xbc.net\n"), &line) ==
		    ERR_OK, "again");
		CHECK(list_holds(&l, SPAN("a@xn--u.net")) == (i == 0),
		    "as before");
		list_free(&l);
	}
}

static const struct {
	enum config_match kind;
	const char	 *text;
	size_t		  line;
} wrong[] = {
	{ CONFIG_MATCH_CLIENT, "192.0.2.1\n192.0.2.1/24\n", 2 },
	{ CONFIG_MATCH_CLIENT, "192.0.2.1 # a friend\n", 1 },
	{ CONFIG_MATCH_CLIENT, "#\n\nmx.example.org", 3 },
	{ CONFIG_MATCH_HELO, "a\n*.example.org\n", 2 },
	{ CONFIG_MATCH_SENDER, "ann\n", 1 },
	{ CONFIG_MATCH_SENDER, "a@b\n\nann@\n", 3 },
	{ CONFIG_MATCH_SENDER, "?@b\n", 1 },
	{ CONFIG_MATCH_RECIPIENT, "a@b\x01" "c\n", 1 },
	{ CONFIG_MATCH_USER, "a\rb\n", 1 },
};

/* RLY-2: nothing is half read, and what was read before stays. */
static void
test_wrong_file_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct list l = list_make(&key, wrong[i].kind);
		const char *good = wrong[i].kind == CONFIG_MATCH_CLIENT ?
		    "192.0.2.9" : "old@x";
		struct span old = wrong[i].kind == CONFIG_MATCH_CLIENT ?
		    SPAN("\xc0\0\2\x9") : SPAN("old@x");
		size_t line = 0;

		CHECK(list_replace(&l, span_str(good), &line) == ERR_OK, "%zu",
		    i);
		CHECK(list_replace(&l, span_str(wrong[i].text), &line) ==
		    ERR_SYNTAX, "%s", wrong[i].text);
		CHECK_NUM(line, wrong[i].line, "%s", wrong[i].text);
		CHECK(l.is_there && list_holds(&l, old), "%s", wrong[i].text);
		list_free(&l);
	}
}

/* An entry of 320 octets; a million of them, and not one more. */
static void
test_limits(void **state)
{
	struct list l = list_make(&key, CONFIG_MATCH_USER);
	struct buf text = buf_make(LIST_FILE_MAX);
	size_t line = 0;

	(void)state;
	CHECK(buf_addf(&text, "%0320d\n", 1) == ERR_OK, "an entry");
	CHECK(list_replace(&l, buf_span(&text), &line) == ERR_OK, "320");
	CHECK(buf_addf(&text, "%0321d\n", 1) == ERR_OK, "an entry");
	CHECK(list_replace(&l, buf_span(&text), &line) == ERR_SYNTAX, "321");
	CHECK_NUM(line, 2, "321 octets");
	buf_cut(&text, 0);
	for (size_t i = 0; i < LIST_ENTRIES_MAX; i++)
		CHECK(buf_addf(&text, "user%zu\n", i) == ERR_OK, "%zu", i);
	CHECK(list_replace(&l, buf_span(&text), &line) == ERR_OK, "a million");
	CHECK(list_holds(&l, SPAN("user999999")), "the last");
	CHECK(buf_add(&text, SPAN("one-more\n")) == ERR_OK, "one more");
	CHECK(list_replace(&l, buf_span(&text), &line) == ERR_FULL, "more");
	CHECK(list_holds(&l, SPAN("user0")) &&
	    !list_holds(&l, SPAN("one-more")), "as before");
	list_free(&l);
	buf_free(&text);
}

static const struct CMUnitTest tests[] = {
	TEST(test_ascii, ""),
	TEST(test_holds, "SMTP-12 PRS-8"),
	TEST(test_wrong_file_changes_nothing, "RLY-2 RLY-3"),
	TEST(test_limits, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
