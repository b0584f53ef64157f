#include "policy/table.h"
#include "config/users.h"

#include "check.h"

static const struct siphash_key key = { 1, 2 };

#define KEYS	"W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtb" \
	"sT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define VERIFIER	"SCRAM-SHA-256$4096:" KEYS
#define HASH	"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$abc"

static const char users[] =
    "# who lives here\n"
    "\n"
    "Anna:" HASH "\n"
    "  bob:*\r\n"
    "carl.x-1_2:" HASH;		/* no line end behind the last */

static struct table
make(const char *text)
{
	struct table t = table_make(&key);
	size_t line = 0;

	CHECK(table_replace(&t, span_str(text), &line) == ERR_OK, "line %zu",
	    line);
	return t;
}

static const struct {
	const char *local, *name;	/* NULL: nobody */
} finds[] = {
	{ "anna", "Anna" }, { "ANNA", "Anna" }, { "Anna", "Anna" },
	{ "anna+list", NULL }, { "anna+", NULL },
	{ "bob", "bob" }, { "carl.x-1_2", "carl.x-1_2" },
	{ "", NULL }, { "+", NULL }, { "+anna", NULL }, { "ann", NULL },
	{ "annaa", NULL }, { "anna ", NULL }, { "carl", NULL },
	/* What a query language or a path would take for its own (AUTH-8). */
	{ "*", NULL }, { "%", NULL }, { "a*", NULL }, { "anna'--", NULL },
	{ "anna)(uid=*", NULL }, { "anna\n", NULL }, { "\"anna\"", NULL },
	{ "../anna", NULL }, { "anna:" HASH, NULL }, { "anna;", NULL },
	{ "# who lives here", NULL }, { "an_a", NULL }, { "anna%00", NULL },
	{ "01234567890123456789012345678901234567890123456789012345678901234"
	  "56789", NULL },
};

/* name NULL: nobody. */
static void
check_user(const struct table_user *u, const char *name, const char *what)
{
	CHECK((u == NULL) == (name == NULL), "%s", what);
	if (u != NULL)
		CHECK(span_eq(u->name, span_str(name)), "%s", what);
}

static void
test_find(void **state)
{
	struct table t = make(users);

	(void)state;
	for (size_t i = 0; i < COUNT(finds); i++)
		check_user(table_find(&t, span_str(finds[i].local)),
		    finds[i].name, finds[i].local);
	CHECK(table_find(&t, SPAN("anna\0")) == NULL, "NUL behind");
	CHECK(table_find(&t, SPAN("an\0na")) == NULL, "NUL within");
	CHECK(table_find(&t, SPAN("\0")) == NULL, "only NUL");
	CHECK(span_eq(t.first_login->name, SPAN("Anna")), "a login");
	table_free(&t);
}

static const char dashes[] = "anna:*\nanna-maria:*\nbob.x:*\nx:*\n";

static const struct {
	const char *text, *separators, *postmaster, *catch_all;
	const char *local, *name;	/* NULL: nobody */
} mailboxes[] = {
	{ users, "+", "", "", "anna", "Anna" },
	{ users, "+", "", "", "anna+list", "Anna" },
	{ users, "+", "", "", "ANNA+", "Anna" },
	{ users, "+", "", "", "anna+a+b", "Anna" },
	{ users, "+", "", "", "+anna", NULL },
	{ users, "+", "", "", "+", NULL },
	{ users, "+", "", "", "", NULL },
	{ users, "+", "", "", "anna-list", NULL },
	/* other separators, several, none */
	{ users, "", "", "", "anna+list", NULL },
	{ users, "-", "", "", "anna+list", NULL },
	{ users, "+-", "", "", "anna-list+x", "Anna" },
	{ users, "+-", "", "", "anna+list-x", "Anna" },
	/* a whole name goes before a detail, and the first separator counts */
	{ dashes, "-", "", "", "anna-maria", "anna-maria" },
	{ dashes, "-", "", "", "Anna-Maria-x", "anna" },
	{ dashes, "-", "", "", "anna-x", "anna" },
	{ dashes, "-+", "", "", "anna-maria+x", "anna" },
	{ dashes, "+", "", "", "anna-maria+x", "anna-maria" },
	{ dashes, ".", "", "", "bob.x", "bob.x" },
	{ dashes, ".", "", "", "bob.y", NULL },
	{ dashes, ".", "", "", "x.y.z", "x" },
	/* postmaster */
	{ users, "+", "", "", "postmaster", "Anna" },
	{ users, "+", "bob", "", "PostMaster", "bob" },
	{ users, "+", "bob", "", "postmaster+x", "bob" },
	{ users, "-", "bob", "", "postmaster+x", NULL },
	{ users, "-", "bob", "", "postmaster-x", "bob" },
	{ users, "+", "gone", "", "postmaster", "Anna" },
	{ users, "+", "gone", "bob", "postmaster", "Anna" },
	{ "x:*\npostmaster:*\n", "+", "x", "", "postmaster", "postmaster" },
	{ "", "+", "bob", "bob", "postmaster", NULL },
	{ users, "+", "bob", "", "abuse", NULL },
	{ users, "+", "anna", "", "bob", "bob" },
	/* everybody else's */
	{ users, "+", "", "bob", "abuse", "bob" },
	{ users, "+", "", "BOB", "a+b", "bob" },
	{ users, "+", "", "bob", "anna+x", "Anna" },
	{ users, "+", "", "bob", "+", "bob" },
	{ users, "+", "", "bob", "", "bob" },
	{ users, "+", "", "gone", "abuse", NULL },
	{ users, "+", "", "bob+x", "abuse", NULL },
};

static void
test_mailboxes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mailboxes); i++) {
		struct table t = make(mailboxes[i].text);
		const struct table_names names = {
			span_str(mailboxes[i].separators),
			span_str(mailboxes[i].postmaster),
			span_str(mailboxes[i].catch_all),
		};

		check_user(table_mailbox(&t, span_str(mailboxes[i].local),
		    &names), mailboxes[i].name, mailboxes[i].local);
		table_free(&t);
	}
}

static const struct {
	const char *text;
	size_t	    line;
} bad[] = {
	{ "anna\n", 1 },
	{ "a:*\n:" HASH "\n", 2 },
	{ "a:*\n\n# x\nb c:*\n", 4 },
	{ "../x:*\n", 1 }, { ".:*\n", 1 }, { "..:*\n", 1 }, { ".a:*\n", 1 },
	{ "a/b:*\n", 1 }, { "-a:*\n", 1 }, { "a+b:*\n", 1 },
	{ "a@b:*\n", 1 }, { "\xc3:*\n", 1 },
	{ "a:*\nA:*\n", 2 },		/* the same name twice */
	{ "a:\n", 1 }, { "a:plain\n", 1 }, { "a:$1$abc$def\n", 1 },
	{ "a:$y$jFT$abc$def\n", 1 },	/* 1 GiB of work (AUTH-9) */
	{ "a:$7$CU..../....abc$def\n", 1 },
	{ "a:$2b$13$abcdefghijklmnopqrstuv\n", 1 },
	{ "a:$6$rounds=1000001$abc$def\n", 1 },
	{ "a:$6$rounds=$abc$def\n", 1 },
	{ "a:" HASH ":x\n", 1 }, { "a:" HASH ":\n", 1 },
	{ "a:*:" VERIFIER "\n", 1 }, { "a:" HASH ":" VERIFIER ":\n", 1 },
	{ "a:" HASH ":SCRAM-SHA-256$4095:" KEYS "\n", 1 },
	{ "a:" HASH ":SCRAM-SHA-256$1000001:" KEYS "\n", 1 },
	{ "a:" HASH ":SCRAM-SHA-1$4096:" KEYS "\n", 1 },
	{ "a:" VERIFIER "\n", 1 },
	{ "a:" HASH " x\n", 1 },
};

static void
test_bad_file_changes_nothing(void **state)
{
	struct table t = make(users);

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		size_t line = 0;

		CHECK(table_replace(&t, span_str(bad[i].text), &line) ==
		    ERR_SYNTAX, "%s", bad[i].text);
		CHECK_NUM(line, bad[i].line, "%s", bad[i].text);
		CHECK(t.is_there && table_find(&t, SPAN("bob")) != NULL,
		    "still there after %s", bad[i].text);
	}
	table_free(&t);
	CHECK(!t.is_there, "gone");
	CHECK(table_find(&t, SPAN("bob")) == NULL, "gone");
}

static const char *const good_hashes[] = {
	"*", HASH, "$y$jCT$abc$def", "$2b$12$abcdefghijklmnopqrstuv",
	"$2y$04$abc", "$2a$10$abc", "$6$abc$def", "$5$abc$def",
	"$6$rounds=1000000$abc$def",
};

static void
test_hashes(void **state)
{
	char longest[USERS_HASH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(good_hashes); i++)
		CHECK(users_is_hash(span_str(good_hashes[i])), "%s",
		    good_hashes[i]);
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "$6$", 3);
	CHECK(users_is_hash(span_of(longest, USERS_HASH_MAX)), "at the limit");
	CHECK(!users_is_hash(span_of(longest, USERS_HASH_MAX + 1)),
	    "past the limit");
}

/* Whatever is cut off, only a table or a line comes out. */
static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof users; n++) {
		struct table t = table_make(&key);
		size_t line = 0;
		enum err e = table_replace(&t, span_of(users, n), &line);

		CHECK(e == ERR_OK || (e == ERR_SYNTAX && line > 0), "at %zu",
		    n);
		table_free(&t);
	}
}

static const struct {
	const char *address, *local;
} locals[] = {
	{ "anna@a.b", "anna" },
	{ "\"anna\"@a.b", "anna" },
	{ "\"an\\na\"@a.b", "anna" },
	{ "\"a\\\"\\\\b\"@a.b", "a\"\\b" },
	{ "\"../x\"@a.b", "../x" },
	{ "\"\"@a.b", "" },
};

static void
test_quoted_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(locals); i++) {
		uint8_t room[ADDR_LOCAL_MAX];
		struct addr a;
		struct span got;

		CHECK(addr_parse(span_str(locals[i].address), &a) == ERR_OK,
		    "%s", locals[i].address);
		got = table_local(&a, room);
		CHECK(span_eq(got, span_str(locals[i].local)), "%s is %.*s",
		    locals[i].address, SPAN_FMT(got));
	}
}

/* Old lines and new ones in one file; SCRAM is for all or for nobody. */
static const struct {
	const char	*text;
	bool		 is_all;
	const char	*first;		/* with a verifier */
} scrams[] = {
	{ "a:" HASH "\n", false, NULL },
	{ "a:*\n", true, NULL },
	{ "a:*\nb:" HASH ":" VERIFIER "\n", true, "b" },
	{ "a:" HASH "\nb:" HASH ":" VERIFIER "\n", false, "b" },
	{ "b:" HASH ":" VERIFIER "\nc:" HASH "\n", false, "b" },
	{ "", true, NULL },
};

static void
test_verifiers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scrams); i++) {
		struct table t = make(scrams[i].text);

		CHECK_NUM(t.first_plain == NULL, scrams[i].is_all, "row %zu", i);
		CHECK((t.first_scram == NULL) == (scrams[i].first == NULL),
		    "row %zu", i);
		if (t.first_scram != NULL)
			CHECK(span_eq(t.first_scram->name,
			    span_str(scrams[i].first)) &&
			    span_eq(t.first_scram->verifier, SPAN(VERIFIER)),
			    "row %zu", i);
		table_free(&t);
		CHECK(t.first_scram == NULL, "gone");
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_find, "AUTH-8 RLY-3 MEM-4"),
	TEST(test_mailboxes, ""),
	TEST(test_bad_file_changes_nothing, "RLY-3 AUTH-9"),
	TEST(test_hashes, "AUTH-9"),
	TEST(test_verifiers, "AUTH-2"),
	TEST(test_cut_anywhere, "PRS-6"),
	TEST(test_quoted_local, "AUTH-8"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
