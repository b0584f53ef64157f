/* Where mail for an address goes. */
#include "policy/route.h"

#include "check.h"

static const char lines[] =
    "hostname mx.example.org\nno-mail .none.example, b.none.example\n"
    "domain example.org {\nusers file /u\ndeliver maildir /m/{user}\n"
    "aliases /a\n}\n"
    "domain xn--bcher-kva.example {\nusers file /v\n"
    "deliver maildir /n/{user}\npostmaster bob\n}\n"
    "domain gone.example {\nusers file /w\ndeliver maildir /o/{user}\n}\n"
    "domain lost.example {\nusers file /w\ndeliver maildir /o/{user}\n"
    "aliases /b\n}\n";

static const struct {
	const char *address;
	enum route  route;
	const char *user;	/* "": none */
	bool	    is_sure;
} cases[] = {
	{ "ann@example.org", ROUTE_LOCAL, "ann", true },
	{ "\"Ann+x\"@EXAMPLE.org", ROUTE_LOCAL, "ann", true },
	{ "ANN+x@EXAMPLE.org", ROUTE_LOCAL, "ann", true },
	{ "bob@example.org", ROUTE_UNKNOWN, "", true },
	{ "bob@b\xc3\xbc" "cher.example", ROUTE_LOCAL, "bob", true },
	{ "bob@XN--bcher-kva.example", ROUTE_LOCAL, "bob", true },
	/* RFC 5321 4.5.1 */
	{ "postmaster", ROUTE_LOCAL, "ann", true },
	{ "Postmaster@mx.example.org", ROUTE_LOCAL, "ann", true },
	{ "ann@mx.example.org", ROUTE_REMOTE, "", true },
	{ "postmaster@b\xc3\xbc" "cher.example", ROUTE_LOCAL, "bob", true },
	{ "x@gone.example", ROUTE_TEMPFAIL, "", false },
	/* RLY-3: without its aliases nobody knows who is there. */
	{ "ann@lost.example", ROUTE_TEMPFAIL, "", false },
	/* An alias goes before a user, the whole before its front. */
	{ "info@example.org", ROUTE_ALIAS, "", true },
	{ "INFO+x@example.org", ROUTE_ALIAS, "", true },
	{ "ann+x@example.org", ROUTE_LOCAL, "ann", true },
	{ "carl@example.org", ROUTE_ALIAS, "", true },
	{ "dan@example.org", ROUTE_LOCAL, "dan", true },
	{ "dan+y@example.org", ROUTE_ALIAS, "", true },
	{ "dan+z@example.org", ROUTE_LOCAL, "dan", true },
	{ "eve+z@example.org", ROUTE_ALIAS, "", true },
	{ "x@example.net", ROUTE_REMOTE, "", true },
	{ "x@a.none.example", ROUTE_NO_MAIL, "", true },
	{ "x@none.example", ROUTE_REMOTE, "", true },
	{ "x@[192.0.2.1]", ROUTE_REMOTE, "", true },
	{ "no address", ROUTE_UNKNOWN, "", false },
	{ "", ROUTE_UNKNOWN, "", false },
};

struct all {
	struct table	users[4];
	struct aliases	aliases[4];
};

static const struct table *
users_of(void *all, size_t domain)
{
	return &((const struct all *)all)->users[domain];
}

static const struct aliases *
aliases_of(void *all, size_t domain)
{
	return &((const struct all *)all)->aliases[domain];
}

static void
test_find(void **state)
{
	static const struct config_host host = { "mx.example.org", 1 };
	static const struct siphash_key key = { 1, 2 };
	struct config_report report = config_report_make();
	struct all all;
	const struct route_tables tables = { users_of, aliases_of, &all };
	struct alias_trouble trouble;
	struct config *c = NULL;
	size_t line;

	(void)state;
	CHECK(config_parse(span_str(lines), "/test.conf", NULL, &host, &c,
	    &report) == ERR_OK, "%.*s", SPAN_FMT(report.text));
	for (size_t i = 0; i < COUNT(all.users); i++) {
		all.users[i] = table_make(&key);
		all.aliases[i] = aliases_make(&key);
	}
	CHECK(table_replace(&all.users[0], SPAN("ann:*\ncarl:*\ndan:*\n"),
	    &line) == ERR_OK &&
	    table_replace(&all.users[1], SPAN("eve:*\nbob:*\n"), &line) ==
	    ERR_OK &&
	    table_replace(&all.users[3], SPAN("ann:*\n"), &line) == ERR_OK,
	    "tables");
	CHECK(aliases_replace(&all.aliases[0], SPAN("info: ann\ncarl: ann\n"
	    "dan+y: ann\neve: ann\n"), &trouble) == ERR_OK, "aliases");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct route_found f = route_find(c,
		    span_str(cases[i].address), &tables);

		CHECK_NUM(f.route, cases[i].route, "%s", cases[i].address);
		CHECK(f.is_sure == cases[i].is_sure, "%s", cases[i].address);
		CHECK(span_eq(f.user == NULL ? SPAN("") : f.user->name,
		    span_str(cases[i].user)), "%s", cases[i].address);
		CHECK(f.user == NULL || f.domain != NULL, "%s",
		    cases[i].address);
	}
	for (size_t i = 0; i < COUNT(all.users); i++) {
		table_free(&all.users[i]);
		aliases_free(&all.aliases[i]);
	}
	config_free(c);
	config_report_free(&report);
}

static const struct CMUnitTest tests[] = {
	TEST(test_find, "RLY-3"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
