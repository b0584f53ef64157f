/* Mailboxes and paths, laid beside RFC 5321 4.1.2 and 4.1.3. */
#include "mail/address.h"

#include "check.h"

#include "base/rand.h"

static const struct {
	const char	*text;
	bool		 is_good;
} cases[] = {
	{ "user@example.com", true },
	{ "a@b", true },
	{ "a.b@c.d", true },
	{ "a.b.c.d@e.f.g.h", true },
	{ "user+tag@example.com", true },
	{ "user-name@example.com", true },
	{ "user_name@example.com", true },
	{ "-leading@example.com", true },
	{ "trailing-@example.com", true },
	{ "!@example.com", true },
	{ "#@example.com", true },
	{ "$@example.com", true },
	{ "%@example.com", true },
	{ "&@example.com", true },
	{ "'@example.com", true },
	{ "*@example.com", true },
	{ "+@example.com", true },
	{ "/@example.com", true },
	{ "=@example.com", true },
	{ "\?@example.com", true },
	{ "^@example.com", true },
	{ "_@example.com", true },
	{ "`@example.com", true },
	{ "{@example.com", true },
	{ "|@example.com", true },
	{ "}@example.com", true },
	{ "~@example.com", true },
	{ "user%example.com@example.org", true },
	{ "example.com!user@example.org", true },
	{ "|/bin/sh@example.com", true },
	{ "`id`@example.com", true },
	{ "=\?utf-8\?q\?user\?=@example.com", true },
	{ "1@2", true },
	{ "123@456.789", true },
	{ "user@1example.com", true },
	{ "user@example1.com", true },
	{ "user@xn--bcher-kva.example", true },
	{ "user@a-b.example", true },
	{ "user@a--b.example", true },
	{ "user@EXAMPLE.COM", true },
	{ "USER@example.com", true },
	{ "user@x", true },
	{ "\"user\"@example.com", true },
	{ "\"\"@example.com", true },
	{ "\" \"@example.com", true },
	{ "\"a b\"@example.com", true },
	{ "\"a@b\"@example.com", true },
	{ "\"a\\@b\"@example.com", true },
	{ "\"a\\\"b\"@example.com", true },
	{ "\"a\\\\b\"@example.com", true },
	{ "\"\\a\"@example.com", true },
	{ "\"<>\"@example.com", true },
	{ "\"a>b\"@example.com", true },
	{ "\",;:()[]\"@example.com", true },
	{ "\".a.\"@example.com", true },
	{ "\"a..b\"@example.com", true },
	{ "\"victim@example.com\"@example.org", true },
	{ "user@[192.0.2.1]", true },
	{ "user@[0.0.0.0]", true },
	{ "user@[255.255.255.255]", true },
	{ "user@[1.2.3.4]", true },
	{ "user@[001.002.003.004]", true },
	{ "user@[IPv6:::]", true },
	{ "user@[IPv6:::1]", true },
	{ "user@[IPv6:2001:db8::1]", true },
	{ "user@[ipv6:2001:db8::1]", true },
	{ "user@[IPv6:2001:DB8:0:0:0:0:0:1]", true },
	{ "user@[IPv6:1:2:3:4:5:6:7:8]", true },
	{ "user@[IPv6:1::8]", true },
	{ "user@[IPv6:1:2:3:4:5:6::]", true },
	{ "user@[IPv6:::3:4:5:6:7:8]", true },
	{ "user@[IPv6:1:2:3:4:5:6:192.0.2.1]", true },
	{ "user@[IPv6:::192.0.2.1]", true },
	{ "user@[IPv6:::ffff:192.0.2.1]", true },
	{ "user@[IPv6:1::5:6:192.0.2.1]", true },
	{ "user", false },
	{ "@", false },
	{ "user@", false },
	{ "@example.com", false },
	{ "user@@example.com", false },
	{ "a@b@c", false },
	{ "user@example.com@", false },
	{ ".user@example.com", false },
	{ "user.@example.com", false },
	{ "us..er@example.com", false },
	{ ".@example.com", false },
	{ "user@.example.com", false },
	{ "user@example.com.", false },
	{ "user@example..com", false },
	{ "user@-example.com", false },
	{ "user@example-.com", false },
	{ "user@a.-b.example", false },
	{ "user@a-.example", false },
	{ "user@example_host.com", false },
	{ "user@exam ple.com", false },
	{ "us er@example.com", false },
	{ " user@example.com", false },
	{ "user @example.com", false },
	{ "user@ example.com", false },
	{ "user@example.com ", false },
	{ "(c)user@example.com", false },
	{ "user(c)@example.com", false },
	{ "user@(c)example.com", false },
	{ "user@example.com(c)", false },
	{ "User <user@example.com", false },
	{ "us,er@example.com", false },
	{ "us;er@example.com", false },
	{ "us:er@example.com", false },
	{ "us<er@example.com", false },
	{ "us[er@example.com", false },
	{ "us]er@example.com", false },
	{ "us\\er@example.com", false },
	{ "us\\@er@example.com", false },
	{ "us\"er\"@example.com", false },
	{ "\"us\"er@example.com", false },
	{ "\"a\".\"b\"@example.com", false },
	{ "\"a\".b@example.com", false },
	{ "a.\"b\"@example.com", false },
	{ "\"user@example.com", false },
	{ "user\"@example.com", false },
	{ "\"@example.com", false },
	{ "\"a\"b\"@example.com", false },
	{ "\"a\\\"@example.com", false },
	{ "\"a\"", false },
	{ "\"a\"@", false },
	{ "$(reboot)@example.com", false },
	{ ";reboot@example.com", false },
	{ "a;b@example.com", false },
	{ "user@exam/ple.com", false },
	{ "user@exam'ple.com", false },
	{ "user@exam`id`ple.com", false },
	{ "user@$(id).com", false },
	{ "user@example.com;id", false },
	{ "user@example.com|id", false },
	{ "user@ex%ample.com", false },
	{ "user@ex!ample.com", false },
	{ "user@#123", false },
	{ "user@\"example.com\"", false },
	{ "user@[]", false },
	{ "user@[192.0.2]", false },
	{ "user@[192.0.2.1.5]", false },
	{ "user@[192.0.2.256]", false },
	{ "user@[192.0.2.1000]", false },
	{ "user@[192.0.2.0001]", false },
	{ "user@[192.0.2.]", false },
	{ "user@[.192.0.2]", false },
	{ "user@[192..0.2]", false },
	{ "user@[192.0.2.1", false },
	{ "user@192.0.2.1]", false },
	{ "user@[ 192.0.2.1]", false },
	{ "user@[192.0.2.1 ]", false },
	{ "user@[-1.0.2.1]", false },
	{ "user@[0x7f.0.0.1]", false },
	{ "user@[127.1]", false },
	{ "user@[localhost]", false },
	{ "user@[2001:db8::1]", false },
	{ "user@[IPv6:]", false },
	{ "user@[IPv6:1]", false },
	{ "user@[IPv6:1:2:3:4:5:6:7]", false },
	{ "user@[IPv6:1:2:3:4:5:6:7:8:9]", false },
	{ "user@[IPv6:1:2:3:4:5:6:7::]", false },
	{ "user@[IPv6:::2:3:4:5:6:7:8]", false },
	{ "user@[IPv6:1:::8]", false },
	{ "user@[IPv6:1::2::8]", false },
	{ "user@[IPv6::]", false },
	{ "user@[IPv6::1]", false },
	{ "user@[IPv6:1:]", false },
	{ "user@[IPv6:12345::1]", false },
	{ "user@[IPv6:g::1]", false },
	{ "user@[IPv6:2001:db8::1%eth0]", false },
	{ "user@[IPv6:192.0.2.1]", false },
	{ "user@[IPv6:::192.0.2.1:1]", false },
	{ "user@[IPv6:::192.0.2.256]", false },
	{ "user@[IPv6:1:2:3:4:5:6:7:192.0.2.1]", false },
	{ "user@[IPv6 :2001:db8::1]", false },
	{ "user@[Tag:content]", false },
	{ "user@[192.0.2.1]x", false },
	{ "user@[192.0.2.1].com", false },
	{ "user@example.com]", false },
	{ "postmaster", false },
};

static bool
parses(struct span text)
{
	struct addr a;

	if (addr_parse(text, &a) != ERR_OK)
		return false;
	/* Whole, and made of what was written. */
	CHECK(span_eq(a.text, text) &&
	    a.local.n + 1 + a.domain.n == text.n, "%.*s", SPAN_FMT(text));
	for (size_t i = 0; i < text.n; i++) {
		CHECK(text.p[i] >= 32 && text.p[i] != 127, "%.*s",
		    SPAN_FMT(text));
		CHECK(text.p[i] < 127 || a.is_utf8, "%.*s", SPAN_FMT(text));
	}
	return true;
}

/* RFC 6531 3.3, RFC 3629. */
static const struct {
	const char	*text;
	bool		 is_good;
} utf8_cases[] = {
	{ "jos\xc3\xa9@example.com", true },
	{ "\xc3\xa9@example.com", true },
	{ "\xe7\x94\xa8.\xe6\x88\xb7@example.com", true },
	{ "\xf0\x9f\x90\xb4@example.com", true },
	{ "\"jos\xc3\xa9 x\"@example.com", true },
	{ "a@\xe4\xbe\x8b\xe5\xad\x90.example", true },
	{ "a@b.\xe4\xbe\x8b", true },
	{ "a@b\xc3\xbc-cher.example", true },
	{ "a@-\xc3\xbc.example", false },
	{ "a@\xc3\xbc-.example", false },
	{ "a@.\xc3\xbc", false },
	{ "a@\xc3\xbc..x", false },
	{ "a@\xc3\xbc.", false },
	{ ".\xc3\xbc@x", false },
	{ "\xc3\xbc.@x", false },
	{ "\x80@x", false },
	{ "a\xc3@x", false },
	{ "a@x\xc3", false },
	{ "\"a\xc3\"@x", false },
	{ "\"a\\\xc3\xa9\"@x", false },
	{ "a\xc0\xaf@x", false },			/* overlong */
	{ "a\xe0\x80\xaf@x", false },
	{ "a\xed\xa0\x80@x", false },			/* surrogate */
	{ "a\xf4\x90\x80\x80@x", false },		/* beyond U+10FFFF */
	{ "a\xf8\x88\x80\x80\x80@x", false },
	{ "a\xc2\x85@x", false },			/* C1 control */
	{ "a\xc2\xad@x", false },			/* soft hyphen */
	{ "a\xe2\x80\x8b@x", false },			/* zero width */
	{ "a\xe2\x80\xae@x", false },			/* override */
	{ "a@x\xe2\x80\xa8y", false },			/* line separator */
};

static void
test_utf8(void **state UNUSED)
{
	char label[80], local[80];
	struct addr a;

	for (size_t i = 0; i < COUNT(utf8_cases); i++)
		CHECK_NUM(parses(span_str(utf8_cases[i].text)),
		    utf8_cases[i].is_good, "%zu", i);
	assert_true(addr_parse(SPAN("a@x"), &a) == ERR_OK && !a.is_utf8);
	/* Octets count (RFC 6531 3.3 leaves the limits as they are). */
	(void)snprintf(local, sizeof local, "%062d\xc3\xa9@x", 0);
	assert_true(parses(span_str(local)));
	(void)snprintf(local, sizeof local, "%063d\xc3\xa9@x", 0);
	assert_false(parses(span_str(local)));
	(void)snprintf(label, sizeof label, "a@%063d", 0);
	assert_true(parses(span_str(label)));
	(void)snprintf(label, sizeof label, "a@%064d", 0);
	assert_false(parses(span_str(label)));
}

static void
test_mailboxes(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_NUM(parses(span_str(cases[i].text)), cases[i].is_good,
		    "%s", cases[i].text);
}

static void
test_any_octet_anywhere(void **state UNUSED)
{
	static const char plain[] = "us.er@ex.co", quoted[] = "\"us\"@ex.co";
	static const char atext[] = "!#$%&'*+-/=?^_`{|}~";

	for (unsigned int c = 0; c < 256; c++) {
		char at[16];
		bool is_word = ascii_is_alpha((uint8_t)c) ||
		    ascii_is_digit((uint8_t)c);

		memcpy(at, plain, sizeof plain);
		at[1] = (char)c;
		CHECK_NUM(parses(span_of(at, sizeof plain - 1)), is_word ||
		    (c != 0 && strchr(atext, (int)c) != NULL), "local %u", c);
		memcpy(at, plain, sizeof plain);
		at[9] = (char)c;
		CHECK_NUM(parses(span_of(at, sizeof plain - 1)), is_word,
		    "domain %u", c);
		memcpy(at, quoted, sizeof quoted);
		at[1] = (char)c;
		CHECK_NUM(parses(span_of(at, sizeof quoted - 1)),
		    c >= 32 && c < 127 && c != '"', "quoted %u", c);
	}
}

/* "a...a@b...b" with so many octets; labels of 63 at most. */
static struct span
sized(char *to, size_t local, size_t domain)
{
	size_t n = 0;

	while (n < local)
		to[n++] = 'a';
	to[n++] = '@';
	for (size_t i = 0; i < domain; i++)
		to[n++] = i % 60 == 59 && i + 1 < domain ? '.' : 'b';
	return span_of(to, n);
}

static void
test_lengths(void **state UNUSED)
{
	static const struct {
		size_t	local, domain;
		bool	is_good;
	} rows[] = {
		{ 1, 1, true }, { 64, 1, true }, { 65, 1, false },
		{ 63, 190, true }, { 64, 189, true }, { 64, 190, false },
		{ 1, 252, true }, { 1, 253, false }, { 1, 255, false },
		{ 1, 256, false }, { 64, 255, false }, { 10000, 10, false },
	};
	static char text[12000];

	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_NUM(parses(sized(text, rows[i].local, rows[i].domain)),
		    rows[i].is_good, "%zu@%zu", rows[i].local, rows[i].domain);
	for (size_t n = 62; n < 66; n++) {
		memset(text, 'b', sizeof text);
		memcpy(text, "a@", 2);
		CHECK_NUM(parses(span_of(text, 2 + n)), n <= 63, "label %zu", n);
	}
}

#define M	1u	/* good behind MAIL FROM: */
#define R	2u	/* good behind RCPT TO: */
static const struct {
	const char	*text;
	unsigned int	 verdict;
	const char	*left, *mailbox;
} paths[] = {
	{ "<>", M, "", "" },
	{ "<> SIZE=1", M, " SIZE=1", "" },
	{ "< >", 0, NULL, NULL },
	{ "<Postmaster>", R, "", "Postmaster" },
	{ "<POSTMASTER>", R, "", "POSTMASTER" },
	{ "<postmaster", 0, NULL, NULL },
	{ "<postmasters>", 0, NULL, NULL },
	{ "<a@b>", M | R, "", "a@b" },
	{ "<a@b> X=1", M | R, " X=1", "a@b" },
	{ "<a@b>>", M | R, ">", "a@b" },
	{ "<<a@b>>", 0, NULL, NULL },
	{ "a@b", 0, NULL, NULL },
	{ "<a@b", 0, NULL, NULL },
	{ "a@b>", 0, NULL, NULL },
	{ "<\"a>b\"@c>", M | R, "", "\"a>b\"@c" },
	{ "<@x:a@b>", M | R, "", "a@b" },
	{ "<@x,@y.z:a@b>", M | R, "", "a@b" },
	{ "<@x,y:a@b>", 0, NULL, NULL },
	{ "<@x,:a@b>", 0, NULL, NULL },
	{ "<@x a@b>", 0, NULL, NULL },
	{ "<@:a@b>", 0, NULL, NULL },
	{ "<@x:>", 0, NULL, NULL },
	{ "<@x>", 0, NULL, NULL },
	{ "<@x:", 0, NULL, NULL },
	{ "<@x", 0, NULL, NULL },
	{ "<@", 0, NULL, NULL },
	{ "<", 0, NULL, NULL },
	{ "", 0, NULL, NULL },
};

static void
check_path(size_t i, unsigned int which)
{
	struct span in = span_str(paths[i].text);
	struct addr a;
	enum err e = which == M ? addr_parse_reverse(&in, &a) :
	    addr_parse_forward(&in, &a);

	CHECK_NUM(e == ERR_OK, (paths[i].verdict & which) != 0, "%s, %u",
	    paths[i].text, which);
	if (e != ERR_OK) {
		CHECK(in.n == strlen(paths[i].text), "%s", paths[i].text);
		return;
	}
	CHECK(span_eq(in, span_str(paths[i].left)), "%s", paths[i].text);
	CHECK(span_eq(a.text, span_str(paths[i].mailbox)), "%s", paths[i].text);
}

static void
test_paths(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(paths); i++) {
		check_path(i, M);
		check_path(i, R);
	}
}

/* Cut anywhere, no path is good: nothing is completed (PRS-4). */
static void
test_cut_anywhere(void **state UNUSED)
{
	static const char *const whole[] = { "<user@example.com>",
		"<\"a b\"@[192.0.2.1]>", "<@x,@y:u@[IPv6:2001:db8::1]>" };

	for (size_t i = 0; i < COUNT(whole); i++)
		for (size_t n = 0; n < strlen(whole[i]); n++) {
			char *exact = malloc(n + 1);
			struct span in = span_of(exact, n);
			struct addr a;

			assert_non_null(exact);
			memcpy(exact, whole[i], n);
			CHECK(addr_parse_reverse(&in, &a) == ERR_SYNTAX,
			    "%s cut at %zu", whole[i], n);
			free(exact);
		}
}

static void
test_same_mailbox(void **state UNUSED)
{
	static const struct {
		const char	*a, *b;
		bool		 is_same;
	} rows[] = {
		{ "a@EXAMPLE.com", "a@example.COM", true },
		{ "A@b", "a@b", false },
		{ "\"a\"@b", "a@b", true },
		{ "\"\\a\"@b", "a@b", true },
		{ "\"a b\"@c", "\"a\\ b\"@c", true },
		{ "\"a\"@b", "ab@b", false },
		{ "a@b", "a@bc", false },
		{ "a@b", "ab@b", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a, b;

		assert_true(addr_parse(span_str(rows[i].a), &a) == ERR_OK);
		assert_true(addr_parse(span_str(rows[i].b), &b) == ERR_OK);
		CHECK_NUM(addr_eq(&a, &b), rows[i].is_same, "%s %s", rows[i].a,
		    rows[i].b);
		CHECK_NUM(addr_eq(&b, &a), rows[i].is_same, "%s %s", rows[i].a,
		    rows[i].b);
	}
}

static void
test_canonical(void **state UNUSED)
{
	struct buf to = buf_make(64);
	struct addr a;

	assert_true(addr_parse(SPAN("Us.Er@EXAMPLE.Com"), &a) == ERR_OK);
	assert_true(addr_canonical(&a, &to) == ERR_OK);
	assert_true(span_eq(buf_span(&to), SPAN("Us.Er@example.com")));
	buf_free(&to);
}

/* Letters of the grammar more often than others. */
static void
mutate(struct rand *r, uint8_t *text, size_t *n)
{
	static const char letters[] = "@\"\\.[]<>ab-:,; \t\r\n";
	size_t at = rand_below(r, *n);
	uint8_t c = rand_below(r, 8) == 0 ? (uint8_t)rand_below(r, 256) :
	    (uint8_t)letters[rand_below(r, sizeof letters - 1)];

	if (rand_below(r, 3) == 0 && *n > 1)
		memmove(text + at, text + at + 1, --*n - at);
	else
		text[at] = c;
}

/*
 * The server's reading, a mailbox and a path in brackets, and what delivery
 * makes of the stored text: the same halves, for whatever is accepted.
 */
static void
test_one_reading(void **state UNUSED)
{
	unsigned int n = getenv("POSTHORSE_LONG") != NULL ? 1000000 : 200000;
	unsigned int ngood = 0;
	struct rand r = { 20261124 };

	for (unsigned int i = 0; i < n; i++) {
		const char *from = cases[rand_below(&r, COUNT(cases))].text;
		uint8_t text[600] = "<";
		size_t len = MIN(strlen(from), sizeof text - 2);
		struct span path, local, domain;
		struct addr a, b;
		enum err e;

		memcpy(text + 1, from, len);
		for (uint64_t k = rand_below(&r, 3); k > 0 && len > 0; k--)
			mutate(&r, text + 1, &len);
		text[len + 1] = '>';
		path = span_of(text, len + 2);
		e = addr_parse(span_of(text + 1, len), &a);
		if (e != ERR_OK)
			continue;
		ngood++;
		CHECK(addr_parse_forward(&path, &b) == ERR_OK && path.n == 0 &&
		    span_eq(a.local, b.local) && span_eq(a.domain, b.domain),
		    "in brackets: %.*s", (int)len, text + 1);
		CHECK(addr_split(a.text, &local, &domain) &&
		    span_eq(a.local, local) && span_eq(a.domain, domain),
		    "halves: %.*s", (int)len, text + 1);
	}
	CHECK(ngood > n / 20, "%u were accepted", ngood);
}

static void
test_split(void **state UNUSED)
{
	static const struct {
		const char	*text, *local, *domain;
		bool		 has_domain;
	} rows[] = {
		{ "a@b", "a", "b", true }, { "a", "a", "", false },
		{ "", "", "", false }, { "@b", "", "b", true },
		{ "a@", "a", "", true }, { "\"a@b\"@c", "\"a@b\"", "c", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span local, domain;

		CHECK_NUM(addr_split(span_str(rows[i].text), &local, &domain),
		    rows[i].has_domain, "%s", rows[i].text);
		CHECK(span_eq(local, span_str(rows[i].local)) &&
		    span_eq(domain, span_str(rows[i].domain)), "%s",
		    rows[i].text);
	}
}

/* Quotes only where they must be; what comes of it is an address. */
static void
test_join(void **state UNUSED)
{
	static const struct {
		const char *local, *whole;
	} joins[] = {
		{ "anna", "anna@x.example" },
		{ "a.b+c", "a.b+c@x.example" },
		{ "j\xc3\xb6rg", "j\xc3\xb6rg@x.example" },
		{ "a b", "\"a b\"@x.example" },
		{ ".a", "\".a\"@x.example" },
		{ "a.", "\"a.\"@x.example" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"@x.example" },
		{ "a@b", "\"a@b\"@x.example" },
	};
	struct buf to = buf_make(320), small = buf_make(5);
	struct addr a;

	for (size_t i = 0; i < COUNT(joins); i++) {
		buf_cut(&to, 0);
		assert_true(addr_join(span_str(joins[i].local),
		    SPAN("x.example"), &to) == ERR_OK);
		CHECK(span_eq(buf_span(&to), span_str(joins[i].whole)),
		    "%.*s", SPAN_FMT(buf_span(&to)));
		CHECK(addr_parse(buf_span(&to), &a) == ERR_OK, "row %zu", i);
	}
	assert_true(addr_join(SPAN("anna"), SPAN("x"), &small) == ERR_FULL);
	assert_int_equal(small.n, 0);
	buf_free(&to);
	buf_free(&small);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_join, "PRS-1"),
		TEST(test_mailboxes, "PRS-4"),
		TEST(test_utf8, "PRS-4"),
		TEST(test_any_octet_anywhere, "PRS-4 MEM-4"),
		TEST(test_lengths, "PRS-4"),
		TEST(test_paths, "PRS-4"),
		TEST(test_cut_anywhere, "PRS-4"),
		TEST(test_same_mailbox, ""),
		TEST(test_canonical, ""),
		TEST(test_one_reading, "PRS-1"),
		TEST(test_split, "PRS-1"),
	};

	return RUN_TESTS(tests);
}
