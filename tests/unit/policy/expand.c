/* Whom an alias stands for (RFC 5321 3.9), and where that has an end. */
#include "policy/expand.h"

#include "check.h"

static const struct siphash_key key = { 1, 2 };
static const char lines[] =
    "hostname mx.example.org\nno-mail none.example\n"
    "domain a.example {\nusers file /u\ndeliver maildir /m/{user}\n"
    "aliases /a\n}\n"
    "domain b.example {\nusers file /v\ndeliver maildir /n/{user}\n"
    "aliases /b\n}\n"
    "domain gone.example {\nusers file /w\ndeliver maildir /o/{user}\n}\n";

struct all {
	struct config	*c;
	struct table	 users[3];
	struct aliases	 aliases[3];
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
take(struct all *all, size_t domain, struct span text)
{
	struct alias_trouble t;

	CHECK(aliases_replace(&all->aliases[domain], text, &t) == ERR_OK,
	    "%zu: %s", t.line, t.why);
}

static void
begin(struct all *all)
{
	static const struct config_host host = { "mx.example.org", 1 };
	struct config_report report = config_report_make();
	size_t line;

	*all = (struct all){ 0 };
	CHECK(config_parse(span_str(lines), "/test.conf", NULL, &host, &all->c,
	    &report) == ERR_OK, "%.*s", SPAN_FMT(report.text));
	for (size_t i = 0; i < COUNT(all->users); i++) {
		all->users[i] = table_make(&key);
		all->aliases[i] = aliases_make(&key);
	}
	CHECK(table_replace(&all->users[0], SPAN("anna:*\nbob:*\nroot:*\n"),
	    &line) == ERR_OK && table_replace(&all->users[1],
	    SPAN("anna:*\neve:*\n"), &line) == ERR_OK, "users");
	take(all, 0, SPAN(""));
	take(all, 1, SPAN(""));
	config_report_free(&report);
}

static void
end(struct all *all)
{
	for (size_t i = 0; i < COUNT(all->users); i++) {
		table_free(&all->users[i]);
		aliases_free(&all->aliases[i]);
	}
	config_free(all->c);
}

static enum expand_result
run(struct all *all, const char *address, struct expand *x)
{
	const struct route_tables tables = { users_of, aliases_of, all };
	const struct route_found f = route_find(all->c, span_str(address),
	    &tables);

	CHECK_NUM(f.route, ROUTE_ALIAS, "%s", address);
	return expand_run(x, all->c, &f, &tables);
}

static const struct {
	const char		*a, *b;		/* aliases files */
	enum expand_result	 result;
	const char		*members;	/* "address[=user]", blanks between */
	unsigned int		 missing;
} cases[] = {		/* of x@a.example */
	{ "x: anna", "", EXPAND_OK, "anna@a.example=anna", 0 },
	{ "x: anna, bob", "", EXPAND_OK,
	    "anna@a.example=anna bob@a.example=bob", 0 },
	{ "x: anna+l", "", EXPAND_OK, "anna+l@a.example=anna", 0 },
	{ "x: far@example.net", "", EXPAND_OK, "far@example.net", 0 },
	/* Each once, however it is written: ours by the mailbox. */
	{ "x: anna, ANNA, anna+l, anna@A.example", "", EXPAND_OK,
	    "anna@a.example=anna", 0 },
	{ "x: f@example.net, f@EXAMPLE.net", "", EXPAND_OK,
	    "f@example.net", 0 },
	/* RFC 5321 2.4: a local part of others is theirs to read. */
	{ "x: f@example.net, F@example.net", "", EXPAND_OK,
	    "f@example.net F@example.net", 0 },
	/* The same name in another domain is somebody else. */
	{ "x: anna, anna@b.example", "", EXPAND_OK,
	    "anna@a.example=anna anna@b.example=anna", 0 },
	/* Nested, over domains, met twice. */
	{ "x: y, z\ny: anna\nz: anna, bob", "", EXPAND_OK,
	    "anna@a.example=anna bob@a.example=bob", 0 },
	{ "x: y@b.example", "y: z@a.example, eve", EXPAND_OK,
	    "eve@b.example=eve", 1 },
	{ "x: y@b.example\nz: bob", "y: z@a.example, eve", EXPAND_OK,
	    "eve@b.example=eve bob@a.example=bob", 0 },
	/* Comes back to itself: the user, or nobody. */
	{ "x: bob\nbob: bob, anna", "", EXPAND_OK,
	    "bob@a.example=bob anna@a.example=anna", 0 },
	{ "x: bob\nbob: \\bob, anna", "", EXPAND_OK,
	    "bob@a.example=bob anna@a.example=anna", 0 },
	{ "x: x", "", EXPAND_LOOP, "", 1 },
	{ "x: y\ny: x", "", EXPAND_LOOP, "", 1 },
	{ "x: y@b.example", "y: x@a.example", EXPAND_LOOP, "", 1 },
	{ "x: x, anna", "", EXPAND_OK, "anna@a.example=anna", 1 },
	{ "x: \\x", "", EXPAND_NOBODY, "", 1 },
	/* Whom nobody knows. */
	{ "x: nobody", "", EXPAND_NOBODY, "", 1 },
	{ "x: nobody, anna, none2", "", EXPAND_OK, "anna@a.example=anna", 2 },
	{ "x: a@none.example, anna", "", EXPAND_OK, "anna@a.example=anna", 1 },
	/* RLY-3: never less than all because a file is not there. */
	{ "x: anna, y@gone.example", "", EXPAND_TEMPFAIL, NULL, 0 },
	/* RFC 5321 4.5.1 */
	{ "x: postmaster\npostmaster: root", "", EXPAND_OK,
	    "root@a.example=root", 0 },
	/* Met twice is no loop: opened once, and no user of that name. */
	{ "x: carl2, y\ny: carl2\ncarl2: bob", "", EXPAND_OK,
	    "bob@a.example=bob", 0 },
	{ "x: bob, y\ny: bob\nbob: anna", "", EXPAND_OK,
	    "anna@a.example=anna", 0 },
	{ "x: y, y\ny: anna", "", EXPAND_OK, "anna@a.example=anna", 0 },
	{ "x: y, z\ny: \\gone\nz: y", "", EXPAND_NOBODY, "", 1 },
	/* Quotes come where they must. */
	{ "x: \"an na\"\n\"an na\": bob, \"o \\\"x\"@example.net", "",
	    EXPAND_OK, "bob@a.example=bob \"o \\\"x\"@example.net", 0 },
	{ "x: \"no body\"", "", EXPAND_NOBODY, "", 1 },
	/* RFC 5321 3.9.2: a list has an owner; one inside of another its own. */
	{ "x: anna\nowner-x: bob", "", EXPAND_OK,
	    "anna@a.example=anna/owner-x@a.example", 0 },
	{ "x: anna, y\ny: bob, far@example.net\nOwner-Y: root", "", EXPAND_OK,
	    "anna@a.example=anna bob@a.example=bob/Owner-Y@a.example "
	    "far@example.net/Owner-Y@a.example", 0 },
	{ "x: y\ny: bob\nowner-x: root", "", EXPAND_OK,
	    "bob@a.example=bob/owner-x@a.example", 0 },
	{ "x: y@b.example\nowner-x: root\nowner-y: root", "y: eve", EXPAND_OK,
	    "eve@b.example=eve/owner-x@a.example", 0 },
};

static void
print(const struct expand *x, struct buf *to)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct expand_member *m = &x->members[i];

		CHECK(buf_addf(to, "%s%.*s%s%.*s%s%.*s", i > 0 ? " " : "",
		    SPAN_FMT(m->address), m->user != NULL ? "=" : "",
		    m->user != NULL ? (int)m->user->name.n : 0,
		    m->user != NULL ? (const char *)m->user->name.p : "",
		    m->owner.n > 0 ? "/" : "", SPAN_FMT(m->owner)) ==
		    ERR_OK, "room");
	}
}

static void
test_cases(void **state)
{
	struct buf got = buf_make(4096);
	struct all all;

	(void)state;
	begin(&all);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct expand x = expand_make(&key);

		take(&all, 0, span_str(cases[i].a));
		take(&all, 1, span_str(cases[i].b));
		CHECK_NUM(run(&all, "x@a.example", &x), cases[i].result,
		    "row %zu", i);
		buf_cut(&got, 0);
		print(&x, &got);
		if (cases[i].members != NULL)
			CHECK(span_eq(buf_span(&got),
			    span_str(cases[i].members)), "row %zu: %.*s", i,
			    SPAN_FMT(buf_span(&got)));
		CHECK_NUM(x.nmissing, cases[i].missing, "row %zu", i);
		CHECK((x.missing.alias != NULL) == (x.nmissing > 0),
		    "row %zu", i);
		CHECK(x.is_list == (strstr(cases[i].a, "owner-x") != NULL),
		    "row %zu", i);
		expand_free(&x);
	}
	buf_free(&got);
	end(&all);
}

/* x -> n1 -> n2 ... -> anna, depth aliases in all. */
static void
chain(struct all *all, unsigned int depth)
{
	struct buf text = buf_make(1u << 20);

	for (unsigned int i = 0; i < depth; i++) {
		char name[16], target[16];

		(void)snprintf(name, sizeof name, "n%u", i);
		(void)snprintf(target, sizeof target, "n%u", i + 1);
		CHECK(buf_addf(&text, "%s: %s\n", i == 0 ? "x" : name,
		    i + 1 == depth ? "anna" : target) == ERR_OK, "room");
	}
	take(all, 0, buf_span(&text));
	buf_free(&text);
}

/* DLV-5, section 19: ten deep, one past it, and ten thousand. */
static void
test_depth(void **state)
{
	static const struct {
		unsigned int		depth;
		enum expand_result	result;
	} depths[] = { { 1, EXPAND_OK }, { EXPAND_DEPTH_MAX, EXPAND_OK },
		{ EXPAND_DEPTH_MAX + 1, EXPAND_LOOP },
		{ 10000, EXPAND_LOOP } };
	struct all all;

	(void)state;
	begin(&all);
	for (size_t i = 0; i < COUNT(depths); i++) {
		struct expand x = expand_make(&key);

		chain(&all, depths[i].depth);
		CHECK_NUM(run(&all, "x@a.example", &x), depths[i].result,
		    "%u deep", depths[i].depth);
		CHECK(x.memory.used < 1u << 20, "%zu octets", x.memory.used);
		expand_free(&x);
	}
	end(&all);
}

/* lists of 500 addresses of others each, and x for all of them. */
static void
lists(struct all *all, unsigned int n, unsigned int each)
{
	struct buf text = buf_make(64u << 20);

	CHECK(buf_add(&text, SPAN("x: l0")) == ERR_OK, "room");
	for (unsigned int i = 1; i < n; i++)
		CHECK(buf_addf(&text, ", l%u", i) == ERR_OK, "room");
	for (unsigned int i = 0; i < n; i++) {
		CHECK(buf_addf(&text, "\nl%u: ", i) == ERR_OK, "room");
		for (unsigned int k = 0; k < each; k++)
			CHECK(buf_addf(&text, "%sm%ux%u@example.net", k > 0 ?
			    "," : "", i, k) == ERR_OK, "room");
	}
	take(all, 0, buf_span(&text));
	buf_free(&text);
}

/* Section 19: a thousand members, one more, a hundred times as many. */
static void
test_members(void **state)
{
	static const struct {
		unsigned int		n, each;
		enum expand_result	result;
	} counts[] = { { 2, 500, EXPAND_OK }, { 7, 143, EXPAND_TOO_MANY },
		{ 100, 1000, EXPAND_TOO_MANY } };
	struct all all;

	(void)state;
	begin(&all);
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct expand x = expand_make(&key);

		lists(&all, counts[i].n, counts[i].each);
		CHECK_NUM(run(&all, "x@a.example", &x), counts[i].result,
		    "%u lists of %u", counts[i].n, counts[i].each);
		CHECK(x.n <= EXPAND_MEMBERS_MAX, "bounded");
		CHECK(x.memory.used < 1u << 20, "%zu octets", x.memory.used);
		expand_free(&x);
	}
	end(&all);
}

/* A member that is named ten thousand times is looked for no more often. */
static void
test_looks(void **state)
{
	struct buf text = buf_make(16u << 20);
	struct expand x = expand_make(&key);
	struct all all;

	(void)state;
	begin(&all);
	CHECK(buf_add(&text, SPAN("x: l0")) == ERR_OK, "room");
	for (unsigned int i = 1; i < 20; i++)
		CHECK(buf_addf(&text, ", l%u", i) == ERR_OK, "room");
	for (unsigned int i = 0; i < 20; i++) {
		CHECK(buf_addf(&text, "\nl%u: anna", i) == ERR_OK, "room");
		for (unsigned int k = 1; k < 1000; k++)
			CHECK(buf_add(&text, SPAN(",anna")) == ERR_OK, "room");
	}
	take(&all, 0, buf_span(&text));
	CHECK_NUM(run(&all, "x@a.example", &x), EXPAND_TOO_MANY, "20 x 1000");
	CHECK_NUM(x.n, 1, "anna");
	expand_free(&x);
	end(&all);
	buf_free(&text);
}

static const struct CMUnitTest tests[] = {
	TEST(test_cases, "DLV-5 RLY-3"),
	TEST(test_depth, "DLV-5 MEM-3"),
	TEST(test_members, "DLV-5"),
	TEST(test_looks, "DLV-5"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
