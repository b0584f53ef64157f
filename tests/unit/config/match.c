#include "config/match.h"

#include "read.h"

#define D	"domain a.org {\nusers file u\ndeliver maildir m/{user}\n}\n"

/* What is wrong, and the whole of what is said about it. */
static const struct {
	const char *text, *errors;
} wrong[] = {
	{ "match\n", "/etc/x:1:6: a rule ends in what to do: accept, refuse, "
	    "defer, hold, relay, route, tag or copy-to\n" },
	{ "match sender a@b.org\n", "/etc/x:1:21: a rule ends in what to do: "
	    "accept, refuse, defer, hold, relay, route, tag or copy-to\n" },
	{ "match sendr a@b.org refuse\n", "/etc/x:1:7: \"sendr\" is no word "
	    "of a rule, did you mean \"sender\"?\n" },
	{ "\n match sender a refse\n", "/etc/x:2:17: \"refse\" is no word of "
	    "a rule, did you mean \"refuse\"?\n" },
	{ "match \"refuse\"\n", "/etc/x:1:7: \"refuse\" is no word of a rule, "
	    "did you mean \"refuse\"?\n" },
	{ "match rout x\n", "/etc/x:1:7: \"rout\" is no word of a rule, did "
	    "you mean \"route\"?\n" },
	{ "match route\n", "/etc/x:1:12: a value is missing: route NAME\n" },
	{ "match route A\n", "/etc/x:1:13: \"A\" is not the name of a relay: "
	    "at most 32 of a-z, 0-9 and -\n" },
	{ "match sender a route x\nrelay via smtp://a.b\n", "/etc/x:1:22: no "
	    "relay is called x: say \"relay named x via URL\"\n" },
	{ "match at mail route x\nrelay named x via smtp://a.b\n", "/etc/x:1:1: "
	    "route is not known before rcpt: say \"at rcpt\", or leave it "
	    "out\n" },
	{ "relay named x y via smtp://a.b\n", "/etc/x:1:15: \"y\" is no option "
	    "of relay\n" },
	{ "relay named X via smtp://a.b\n", "/etc/x:1:13: \"X\" is not a name: "
	    "at most 32 of a-z, 0-9 and -\n" },
	{ "relay named x via smtp://a.b\nrelay c.d named x via smtp://a.b\n",
	    "/etc/x:2:1: the same relay was on line 1 already\n" },
	{ "match refuse a b\n", "/etc/x:1:16: \"b\" is one word too many\n" },
	{ "match accept x\n", "/etc/x:1:14: \"x\" is one word too many\n" },
	{ "match not refuse\n", "/etc/x:1:11: \"refuse\" is not a condition, "
	    "which \"not\" needs\n" },
	{ "match not\n", "/etc/x:1:10: a value is missing: not CONDITION\n" },
	{ "match {\nrefuse\n}\n", "/etc/x:1:7: match takes no block\n" },
	{ D "domain b.org {\nmatch refuse\nusers file u\n"
	    "deliver maildir m/{user}\n}\n",
	    "/etc/x:6:1: \"match\" cannot stand in a block of domain\n" },
	/* values */
	{ "match client 192.0.2.1/24 refuse\n", "/etc/x:1:14: "
	    "\"192.0.2.1/24\" is not a network such as 192.0.2.0/24 or "
	    "2001:db8::/32 (with no bit set behind its prefix)\n" },
	{ "match client mx.example.org refuse\n", "/etc/x:1:14: "
	    "\"mx.example.org\" is not a network such as 192.0.2.0/24 or "
	    "2001:db8::/32 (with no bit set behind its prefix)\n" },
	{ "match listener port refuse\n", "/etc/x:1:16: \"port\" is not known "
	    "here; listener takes mx | submission | relay | lmtp | "
	    "local\n" },
	{ "match listener mx,submision refuse\n", "/etc/x:1:16: \"submision\" "
	    "is not known here, did you mean \"submission\"?\n" },
	{ "match tls 1.1 refuse\n", "/etc/x:1:11: \"1.1\" is not known here, "
	    "did you mean \"1.2\"?\n" },
	{ "match size 10M refuse\n", "/etc/x:1:12: \"10M\" is not > or <, and "
	    "a size behind it\n" },
	{ "match size > ten refuse\n", "/etc/x:1:14: \"ten\" is not a size: "
	    "digits, and k, M or G behind them\n" },
	{ "match header a:b x refuse\n", "/etc/x:1:14: \"a:b\" is not the name "
	    "of a header field\n" },
	{ "match tls any check bl.example listed refuse\n", "/etc/x:1:1: nobody "
	    "makes the check bl.example: say \"dns-list bl.example\"\n" },
	{ "\nmatch check reverse-dns none refuse\n", "/etc/x:2:1: nobody makes "
	    "the check reverse-dns: say \"reverse-dns look\"\n" },
	{ "reverse-dns look\nmatch check reverse-dns listed refuse\n",
	    "/etc/x:2:25: \"listed\" is not known here; check takes pass, "
	    "none, mismatch, later or timeout\n" },
	{ "dns-list a.b\nmatch check a.b lsited refuse\n", "/etc/x:2:17: "
	    "\"lsited\" is not known here, did you mean \"listed\"?\n" },
	{ "dns-list a.b\nmatch check a.b - refuse\n", "/etc/x:2:17: \"-\" is "
	    "not known here; check takes listed, clear, odd, later or "
	    "timeout\n" },
	{ "match check route remot refuse\n", "/etc/x:1:19: \"remot\" is not "
	    "known here, did you mean \"remote\"?\n" },
	{ "match tag x refuse\n",
	    "/etc/x:1:11: no rule above this one sets the tag x\n" },
	{ "match tag Bad\n", "/etc/x:1:11: \"Bad\" is not a tag: at most 32 of "
	    "a-z, 0-9 and -\n" },
	{ "match copy-to ann\n", "/etc/x:1:15: \"ann\" is not an address such "
	    "as archive@example.org\n" },
	{ "match copy-to a..b@c\n", "/etc/x:1:15: \"a..b@c\" is not an address "
	    "such as archive@example.org\n" },
	{ "match copy-to \"a b@c\"\n", "/etc/x:1:15: \"a b@c\" is not an "
	    "address such as archive@example.org\n" },
	{ "match sender a,,b refuse\n", "/etc/x:1:14: \"a,,b\" is not a list: "
	    "something is missing at a comma\n" },
	{ "match sender a,\n", "/etc/x:1:16: a value is missing: sender "
	    "ADDRESS,... | file FILE\n" },
	{ "match sender @b\xc3\xbc*.org refuse\n", "/etc/x:1:14: "
	    "\"@b\xc3\xbc*.org\" is not a pattern: * and ? cannot stand in a "
	    "label beyond ASCII\n" },
	{ "match helo x,b\xc3\xbc?.org refuse\n", "/etc/x:1:12: "
	    "\"x,b\xc3\xbc?.org\" is not a pattern: * and ? cannot stand in a "
	    "label beyond ASCII\n" },
	{ "match sender file\n", "/etc/x:1:18: a value is missing: file "
	    "FILE\n" },
	{ "match refuse \"b\xc3\xb6se\"\n", "/etc/x:1:14: \"b\xc3\xb6se\" is "
	    "not ASCII, as replies must be\n" },
	{ "match refuse \"\"\n", "/etc/x:1:14: \"\" is not a text of 1 to 200 "
	    "octets\n" },
	/* codes */
	{ "match refuse code\n", "/etc/x:1:18: a value is missing: code CODE "
	    "STATUS\n" },
	{ "match refuse code 550\n", "/etc/x:1:22: a value is missing: code "
	    "CODE STATUS\n" },
	{ "match refuse code 450 4.7.1\n", "/etc/x:1:19: \"450\" is not a code "
	    "that refuses: 500 to 559\n" },
	{ "match defer code 550 5.7.1\n", "/etc/x:1:18: \"550\" is not a code "
	    "that defers: 400 to 459\n" },
	{ "match refuse code 560 5.7.1\n", "/etc/x:1:19: \"560\" is not a code "
	    "that refuses: 500 to 559\n" },
	{ "match refuse code 55a 5.7.1\n", "/etc/x:1:19: \"55a\" is not a code "
	    "that refuses: 500 to 559\n" },
	{ "match refuse code 5500 5.7.1\n", "/etc/x:1:19: \"5500\" is not a "
	    "code that refuses: 500 to 559\n" },
	{ "match refuse code 550 4.7.1\n", "/etc/x:1:23: \"4.7.1\" is not a "
	    "status of the same class, such as 5.7.1\n" },
	{ "match defer code 451 5.7.1\n", "/etc/x:1:22: \"5.7.1\" is not a "
	    "status of the same class, such as 4.7.1\n" },
	{ "match refuse code 550 5.7\n", "/etc/x:1:23: \"5.7\" is not a status "
	    "of the same class, such as 5.7.1\n" },
	{ "match refuse code 550 5.7.1.1\n", "/etc/x:1:23: \"5.7.1.1\" is not a "
	    "status of the same class, such as 5.7.1\n" },
	{ "match refuse code 550 5.07.1\n", "/etc/x:1:23: \"5.07.1\" is not a "
	    "status of the same class, such as 5.7.1\n" },
	{ "match refuse code 550 5.7.1000\n", "/etc/x:1:23: \"5.7.1000\" is not "
	    "a status of the same class, such as 5.7.1\n" },
	{ "match refuse code 550 5.7.1 \"\"\n", "/etc/x:1:29: \"\" is not a "
	    "text of 1 to 200 octets\n" },
	{ "match refuse code 550 5.7.1 a b\n", "/etc/x:1:31: \"b\" is one word "
	    "too many\n" },
	/* stages */
	{ "match at data refuse\n", "/etc/x:1:10: \"data\" is not a list of "
	    "connect, helo, mail, rcpt and content\n" },
	{ "match at mail recipient a refuse\n", "/etc/x:1:1: recipient is not "
	    "known before rcpt: say \"at rcpt\", or leave it out\n" },
	{ "match at connect,rcpt header s x refuse\n", "/etc/x:1:1: header is "
	    "not known before content: say \"at content\", or leave it out\n" },
	{ "match at helo hold\n", "/etc/x:1:1: hold is not known before mail: "
	    "say \"at mail\", or leave it out\n" },
	{ "match sender a tag x\nmatch at helo tag x refuse\n", "/etc/x:2:1: "
	    "that tag is not known before mail: say \"at mail\", or leave it "
	    "out\n" },
	/* relaying */
	{ "match relay\n", "/etc/x:1:1: relay needs a client or a user, or "
	    "the whole world could relay\n" },
	{ "match recipient @a.org relay\n", "/etc/x:1:1: relay needs a client "
	    "or a user, or the whole world could relay\n" },
	{ "match not client 192.0.2.0/24 relay\n", "/etc/x:1:1: relay needs a "
	    "client or a user, or the whole world could relay\n" },
	{ "match client 192.0.2.0/24,::/0 relay\n", "/etc/x:1:1: relay needs a "
	    "client or a user, or the whole world could relay\n" },
	{ "match user none relay\n", "/etc/x:1:1: relay needs a client or a "
	    "user, or the whole world could relay\n" },
	{ "match client 192.0.2.0/24 size > 1k relay\n", "/etc/x:1:1: relay "
	    "is decided at rcpt and nowhere else\n" },
};

static void
test_errors(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct config *c = read_text(span_str(wrong[i].text), NULL,
		    errors, sizeof errors);

		CHECK_STR(errors, wrong[i].errors, "%s", wrong[i].text);
		config_free(c);
	}
}

static const struct {
	const char   *text;
	unsigned int  stages;
} staged[] = {
	{ "match refuse", 1u << CONFIG_AT_CONNECT },
	{ "match listener mx client 192.0.2.1 refuse", 1u << CONFIG_AT_CONNECT },
	{ "match client 192.0.2.1 helo x refuse", 1u << CONFIG_AT_HELO },
	{ "match tls none refuse", 1u << CONFIG_AT_MAIL },
	{ "match user none refuse", 1u << CONFIG_AT_MAIL },
	{ "match sender b\xc3\xbc*@b\xc3\xbc.*,*\xc3\xbc* refuse",
	    1u << CONFIG_AT_MAIL },
	{ "match sender <> helo x refuse", 1u << CONFIG_AT_MAIL },
	{ "match client 192.0.2.1 hold", 1u << CONFIG_AT_MAIL },
	{ "match copy-to a@b.org", 1u << CONFIG_AT_MAIL },
	{ "match sender x recipient y refuse", 1u << CONFIG_AT_RCPT },
	{ "match check route unknown refuse", 1u << CONFIG_AT_RCPT },
	{ "match check A.b listed,odd refuse\ndns-list a.b",
	    1u << CONFIG_AT_CONNECT },
	{ "match client 192.0.2.1 relay", 1u << CONFIG_AT_RCPT },
	{ "match sender x route y\nrelay named y via smtp://a.b",
	    1u << CONFIG_AT_RCPT },
	{ "match recipient x size < 1k refuse", 1u << CONFIG_AT_CONTENT },
	{ "match header s x refuse", 1u << CONFIG_AT_CONTENT },
	{ "match at rcpt client 192.0.2.1 refuse", 1u << CONFIG_AT_RCPT },
	{ "match client 192.0.2.1 at rcpt,mail accept",
	    1u << CONFIG_AT_RCPT | 1u << CONFIG_AT_MAIL },
};

static void
test_stages(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(staged); i++) {
		struct config *c = read_text(span_str(staged[i].text), NULL,
		    errors, sizeof errors);

		CHECK(c != NULL, "%s: %s", staged[i].text, errors);
		CHECK_NUM(c->rules->rules[0].stages, staged[i].stages, "%s",
		    staged[i].text);
		config_free(c);
	}
}

/* A tag is known when a rule above has set it, and not before. */
static void
test_stage_of_a_tag(void **state)
{
	static char errors[16384];
	struct config *c = read_text(SPAN("match recipient a tag x\n"
	    "match tag x refuse\nmatch at content,mail client 192.0.2.1 tag x\n"
	    "match not tag x refuse\nmatch tls any tag x\n"
	    "match at rcpt tag x refuse\n"), NULL, errors, sizeof errors);

	(void)state;
	CHECK(c != NULL, "%s", errors);
	CHECK_NUM(c->rules->rules[1].stages, 1u << CONFIG_AT_RCPT, "rcpt");
	CHECK_NUM(c->rules->rules[3].stages, 1u << CONFIG_AT_MAIL, "mail");
	CHECK_NUM(c->rules->rules[5].stages, 1u << CONFIG_AT_RCPT, "at");
	config_free(c);
}

/* --- limits: at it, one past it, and far past it --- */

/* The N-th line of many is row, with the number in its place. */
static struct config *
read_many(const char *row, size_t n, char *errors, size_t room)
{
	struct buf text = buf_make(64u << 20);
	struct config *c;

	for (size_t i = 0; i < n; i++) {
		const char *rest = row, *mark;

		for (; (mark = strchr(rest, '#')) != NULL; rest = mark + 1)
			CHECK(buf_addf(&text, "%.*s%zu", (int)(mark - rest),
			    rest, i) == ERR_OK, "%s", row);
		CHECK(buf_addf(&text, "%s\n", rest) == ERR_OK, "%s", row);
	}
	c = read_text(buf_span(&text), NULL, errors, room);
	buf_free(&text);
	return c;
}

static const struct {
	const char *row, *says;
	size_t	    max;
} many[] = {
	{ "match helo h# refuse", "more than 1000 rules\n", CONFIG_RULES_MAX },
	{ "match helo file f# refuse", "more than 64 files of rules\n",
	    CONFIG_SET_MAX },
	{ "match helo h tag t#", "more than 64 tags\n", CONFIG_SET_MAX },
	{ "match helo h tag t23456789012345678901234567890#",
	    "more than 256 octets of tags\n", 8 },
	{ "match copy-to a#@b.org", "more than 64 addresses of copies\n",
	    CONFIG_SET_MAX },
	{ "match sender a route r#\nrelay named r# via smtp://a.b",
	    "more than 64 routes\n", CONFIG_SET_MAX },
	{ "match header s x# refuse", "more than 64 header conditions\n",
	    CONFIG_SET_MAX },
	{ "match recipient r# size > 1k refuse", "more than 64 conditions "
	    "about recipients in rules at content\n", CONFIG_SET_MAX },
};

static void
test_limits(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++) {
		const size_t counts[] = { many[i].max, many[i].max + 1,
			MIN(100 * many[i].max, (size_t)5000) };

		for (size_t k = 0; k < COUNT(counts); k++) {
			struct config *c = read_many(many[i].row, counts[k],
			    errors, sizeof errors);

			CHECK((c != NULL) == (k == 0), "%s, %zu: %s",
			    many[i].row, counts[k], errors);
			CHECK(k == 0 || strstr(errors, many[i].says) != NULL,
			    "%s, %zu: %s", many[i].row, counts[k], errors);
			config_free(c);
		}
	}
}

/* Conditions of a rule, items of a condition, octets of a text. */
static void
test_limits_of_a_rule(void **state)
{
	static char errors[16384];
	static const struct {
		const char *begin, *more, *end, *says;
		size_t	    max;
	} rows[] = {
		{ "match", " helo h", " refuse", "more than 16 conditions",
		    CONFIG_CONDITIONS_MAX },
		{ "match helo h", ",h", " refuse", "more than 64 of a condition"
		    "; put them into a file", CONFIG_ITEMS_MAX - 1 },
		{ "match refuse ", "x", "", "is not a text of 1 to 200 octets",
		    CONFIG_RULE_TEXT_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t past = 0; past < 2; past++) {
			struct buf text = buf_make(1u << 20);
			struct config *c;

			CHECK(buf_add(&text, span_str(rows[i].begin)) ==
			    ERR_OK, "begin");
			for (size_t k = 0; k < rows[i].max + past; k++)
				CHECK(buf_add(&text, span_str(rows[i].more)) ==
				    ERR_OK, "more");
			CHECK(buf_add(&text, span_str(rows[i].end)) == ERR_OK,
			    "end");
			c = read_text(buf_span(&text), NULL, errors,
			    sizeof errors);
			CHECK((c != NULL) == (past == 0), "%s: %s",
			    rows[i].says, errors);
			CHECK(past == 0 || strstr(errors, rows[i].says) !=
			    NULL, "%s: %s", rows[i].says, errors);
			config_free(c);
			buf_free(&text);
		}
}

static const struct CMUnitTest tests[] = {
	TEST(test_errors, "RLY-1 RLY-2"),
	TEST(test_stages, ""),
	TEST(test_stage_of_a_tag, ""),
	TEST(test_limits, ""),
	TEST(test_limits_of_a_rule, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
