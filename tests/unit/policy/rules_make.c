/* Statements become rules: domains by their A-labels, one bit a recipient. */
#include "policy/rules_make.h"

#include "check.h"

static struct config *
config_of(const char *lines)
{
	static const struct config_host host = { "mx.example.org", 1 };
	struct config_report report = config_report_make();
	struct config *c = NULL;

	CHECK(config_parse(span_str(lines), "/test.conf", NULL, &host, &c,
	    &report) == ERR_OK, "%.*s", SPAN_FMT(report.text));
	config_report_free(&report);
	return c;
}

/* Which of the lines holds for this sender? */
static const struct {
	const char *pattern, *sender;
	bool	    holds;
} cases[] = {
	{ "@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example", true },
	{ "@b\xc3\xbc" "cher.example", "a@b\xc3\xbc" "cher.example", true },
	{ "@b\xc3\xbc" "cher.example", "a@B\xc3\x9c" "CHER.example", true },
	{ "@b\xc3\xbc" "cher.example", "a@bucher.example", false },
	{ "@xn--bcher-kva.example", "a@b\xc3\xbc" "cher.example", true },
	{ "@XN--BCHER-KVA.example", "a@xn--bcher-kva.example", true },
	{ "@.b\xc3\xbc" "cher.example", "a@x.xn--bcher-kva.example", true },
	{ "@.b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example", false },
	{ "a@b\xc3\xbc" "cher.*", "a@xn--bcher-kva.example", true },
	{ "*@xn--*", "a@b\xc3\xbc" "cher.example", true },
	/* A local part is the octets that it is. */
	{ "b\xc3\xbc@example.org", "b\xc3\xbc@example.org", true },
	{ "b\xc3\xbc@example.org", "xn--b-xga@example.org", false },
	/* What is no label is what was written. */
	{ "@b\xc3\xbc..example", "a@b.example", false },
};

static void
test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena memory = arena_make(RULES_MEMORY, 0);
		struct rules_facts f = { 0 };
		struct rules_verdict v;
		uint8_t room[RULES_SUBJECT_MAX];
		struct rules r;
		char text[256];
		struct config *c;
		size_t at = 0;

		(void)snprintf(text, sizeof text, "match sender %s refuse\n",
		    cases[i].pattern);
		c = config_of(text);
		CHECK(rules_make(c->rules, &memory, &r) == ERR_OK, "make");
		CHECK(rules_subject(span_str(cases[i].sender), room,
		    &f.sender) == ERR_OK, "%s", cases[i].sender);
		CHECK(rules_next(&r, RULES_MAIL, &f, &at, &v) ==
		    cases[i].holds, "%s, %s", cases[i].pattern,
		    cases[i].sender);
		config_free(c);
		arena_free(&memory);
	}
}

static void
test_made(void **state)
{
	struct config *c = config_of("relay named far via smtp://a.b\n"
	    "match client 192.0.2.0/24 refuse code 521 5.3.2 \"Go\"\n"
	    "match recipient a,b size > 1k tag big\n"
	    "match not recipient c at content route far\n"
	    "match header subject x,y size < 5 hold\n");
	struct arena memory = arena_make(RULES_MEMORY, 0);
	struct rules r;

	(void)state;
	CHECK(rules_make(NULL, &memory, &r) == ERR_OK && r.n == 0, "none");
	CHECK(rules_make(c->rules, &memory, &r) == ERR_OK, "make");
	CHECK_NUM(r.n, 4, "four");
	CHECK(span_eq(r.rules[0].origin, SPAN("/test.conf:2")), "origin");
	CHECK_NUM(r.rules[0].code, 521, "code");
	CHECK(span_eq(r.rules[0].esc, SPAN("5.3.2")), "status");
	CHECK_NUM(r.rules[0].conditions[0].nnetworks, 1, "network");
	CHECK_NUM(r.rules[1].conditions[0].bit, 0, "first recipient");
	CHECK_NUM(r.rules[2].conditions[0].bit, 1, "second recipient");
	CHECK(r.rules[2].conditions[0].is_not, "not");
	CHECK_NUM(r.rules[2].action, RULES_VIA, "route");
	CHECK_NUM(r.rules[1].conditions[1].low, 1025, "more than 1k");
	CHECK_NUM(r.rules[3].conditions[0].npatterns, 3, "name, and two");
	CHECK_NUM(r.rules[3].conditions[1].high, 4, "less than 5");
	config_free(c);
	arena_free(&memory);
}

static const struct CMUnitTest tests[] = {
	TEST(test_domains, "PRS-1"),
	TEST(test_made, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
