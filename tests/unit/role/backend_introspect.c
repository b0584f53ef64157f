/*
 * What an issuer says of a token: only what says all of it names a user.
 */
#include "check.h"

#include "role/backend/introspect.h"

#define NOW	1000
#define GOOD	"\"active\":true,\"aud\":\"smtp\",\"username\":\"anna\""

static const struct {
	const char	*name, *answer;
	enum err	 e;
	int64_t		 until_s;
} cases[] = {
	{ "good", "{" GOOD "}", ERR_OK, INT64_MAX },
	{ "with all", "{" GOOD ",\"iss\":\"https://i\",\"exp\":1001,\"nbf\":1000,"
	    "\"sub\":\"x\",\"client_id\":\"y\"}", ERR_OK, 1001 },
	{ "one of an audience", "{\"active\":true,\"aud\":[\"a\",\"smtp\"],"
	    "\"username\":\"anna\"}", ERR_OK, INT64_MAX },
	{ "not active", "{\"active\":false,\"aud\":\"smtp\",\"username\":"
	    "\"anna\"}", ERR_DENIED, 0 },
	{ "not active, as most say it", "{\"active\":false}", ERR_DENIED, 0 },
	{ "no word of it", "{\"aud\":\"smtp\",\"username\":\"anna\"}",
	    ERR_SYNTAX, 0 },
	{ "a text", "{\"active\":\"true\",\"aud\":\"smtp\",\"username\":\"anna"
	    "\"}", ERR_SYNTAX, 0 },
	{ "a number", "{\"active\":1,\"aud\":\"smtp\",\"username\":\"anna\"}",
	    ERR_SYNTAX, 0 },
	{ "twice", "{\"active\":false," GOOD "}", ERR_SYNTAX, 0 },
	{ "for others", "{\"active\":true,\"aud\":\"imap\",\"username\":\"anna"
	    "\"}", ERR_DENIED, 0 },
	{ "for nobody", "{\"active\":true,\"username\":\"anna\"}", ERR_DENIED,
	    0 },
	{ "for no list", "{\"active\":true,\"aud\":[[\"smtp\"]],\"username\":"
	    "\"anna\"}", ERR_DENIED, 0 },
	{ "of another", "{" GOOD ",\"iss\":\"https://i/\"}", ERR_DENIED, 0 },
	{ "over", "{" GOOD ",\"exp\":1000}", ERR_DENIED, 0 },
	{ "long over", "{" GOOD ",\"exp\":-9223372036854775808}", ERR_DENIED,
	    0 },
	{ "for ever", "{" GOOD ",\"exp\":9223372036854775807}", ERR_OK,
	    INT64_MAX },
	{ "past that", "{" GOOD ",\"exp\":9223372036854775808}", ERR_SYNTAX,
	    0 },
	{ "no time", "{" GOOD ",\"exp\":\"1001\"}", ERR_DENIED, 0 },
	{ "a part of it", "{" GOOD ",\"exp\":1001.5}", ERR_DENIED, 0 },
	{ "clocks differ", "{" GOOD ",\"nbf\":1060}", ERR_OK, INT64_MAX },
	{ "not yet", "{" GOOD ",\"nbf\":1061}", ERR_DENIED, 0 },
	{ "never yet", "{" GOOD ",\"nbf\":-9223372036854775808}", ERR_OK,
	    INT64_MAX },
	{ "nobody's", "{\"active\":true,\"aud\":\"smtp\"}", ERR_DENIED, 0 },
	{ "of no name", "{\"active\":true,\"aud\":\"smtp\",\"username\":\"\"}",
	    ERR_DENIED, 0 },
	{ "of no text", "{\"active\":true,\"aud\":\"smtp\",\"username\":7}",
	    ERR_DENIED, 0 },
	{ "of a NUL", "{\"active\":true,\"aud\":\"smtp\",\"username\":\"an"
	    "\\u0000na\"}", ERR_SYNTAX, 0 },
	{ "too deep", "{" GOOD ",\"x\":[[[[[[[[1]]]]]]]]}", ERR_SYNTAX, 0 },
	{ "deep", "{" GOOD ",\"x\":[[[[[[[1]]]]]]]}", ERR_OK, INT64_MAX },
	{ "a list", "[{" GOOD "}]", ERR_SYNTAX, 0 },
	{ "more behind it", "{" GOOD "}{}", ERR_SYNTAX, 0 },
	{ "HTML", "<html>", ERR_SYNTAX, 0 },
	{ "nothing", "", ERR_SYNTAX, 0 },
	{ "null", "null", ERR_SYNTAX, 0 },
	{ "no UTF-8", "{" GOOD ",\"x\":\"\xff\"}", ERR_SYNTAX, 0 },
};

static const struct introspect_rule plain = { "https://i", "smtp", "",
	"username" };

static enum err
ask(struct span answer, const struct introspect_rule *rule, struct buf *user,
    int64_t *until_s)
{
	*user = buf_make(INTROSPECT_USER_MAX);
	return introspect_user(answer, rule, NOW, user, until_s);
}

static void
test_answers(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf user;
		int64_t until_s = 0;

		CHECK_NUM(ask(span_str(cases[i].answer), &plain, &user,
		    &until_s), cases[i].e, "%s", cases[i].name);
		CHECK(span_eq(buf_span(&user), cases[i].e == ERR_OK ?
		    SPAN("anna") : SPAN("")), "%s", cases[i].name);
		if (cases[i].e == ERR_OK)
			CHECK_NUM(until_s, cases[i].until_s, "%s",
			    cases[i].name);
		buf_free(&user);
	}
}

/* What is cut off is no answer, wherever; nothing is read behind it. */
static void
test_answers_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut < strlen(cases[i].answer); cut++) {
			uint8_t *exact = malloc(cut + 1);
			struct buf user;
			int64_t until_s;

			assert_non_null(exact);
			memcpy(exact + 1, cases[i].answer, cut);
			/* Only what has more behind it is whole before. */
			CHECK(ask(span_of(exact + 1, cut), &plain, &user,
			    &until_s) != ERR_OK ||
			    cases[i].answer[cut] == '{', "%s cut at %zu",
			    cases[i].name, cut);
			buf_free(&user);
			free(exact);
		}
}

static void
test_scope(void **state UNUSED)
{
	static const struct {
		const char	*scope;
		enum err	 e;
	} rows[] = {
		{ "\"mail smtp x\"", ERR_OK }, { "\"smtp\"", ERR_OK },
		{ "\"smtps\"", ERR_DENIED }, { "\"\"", ERR_DENIED },
		{ "\" smtp\"", ERR_OK }, { "\"SMTP\"", ERR_DENIED },
		{ "[\"smtp\"]", ERR_DENIED }, { "7", ERR_DENIED },
		{ "null", ERR_DENIED },
	};
	struct introspect_rule rule = plain;

	rule.scope = "smtp";
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf user;
		char answer[128];
		int64_t until_s;

		(void)snprintf(answer, sizeof answer, "{" GOOD ",\"scope\":%s}",
		    rows[i].scope);
		CHECK_NUM(ask(span_str(answer), &rule, &user, &until_s),
		    rows[i].e, "%s", rows[i].scope);
		buf_free(&user);
	}
}

static void
test_longest(void **state UNUSED)
{
	static char answer[INTROSPECT_MAX + 2];
	struct introspect_rule rule = plain;
	struct buf user;
	int64_t until_s;
	int n = snprintf(answer, sizeof answer, "{" GOOD "}");

	memset(answer + n, ' ', sizeof answer - (size_t)n);
	CHECK_NUM(ask(span_of(answer, INTROSPECT_MAX), &rule, &user, &until_s),
	    ERR_OK, "at the limit");
	buf_free(&user);
	CHECK_NUM(ask(span_of(answer, INTROSPECT_MAX + 1), &rule, &user,
	    &until_s), ERR_SYNTAX, "past it");
	buf_free(&user);
	for (int more = 0; more < 2; more++) {
		(void)snprintf(answer, sizeof answer, "{\"active\":true,\"aud\":"
		    "\"smtp\",\"username\":\"%0*d\"}",
		    (int)INTROSPECT_USER_MAX + more, 0);
		CHECK_NUM(ask(span_str(answer), &rule, &user, &until_s),
		    more ? ERR_DENIED : ERR_OK, "user, %d past it", more);
		buf_free(&user);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_answers, "AUTH-2 MEM-3"),
		TEST(test_answers_cut_anywhere, "PRS-6"),
		TEST(test_scope, "AUTH-2"),
		TEST(test_longest, "MEM-1"),
	};

	return RUN_TESTS(tests);
}
