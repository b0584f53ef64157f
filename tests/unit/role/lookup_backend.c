/*
 * lookup_backend.c - the lookup program, and a back end that is played here: what
 * it asks, and what it makes of answers that are not as they should be.
 */
#include "lookup_stage.h"

#include "config/users.h"

#include <crypt.h>

#define SQL	"backend sqlite b file /f query q\n" \
	"limit auth-per-minute 100000\nlimit auth-per-day 100000\n" \
	"limit auth-per-account 100000\n"
#define PAM	"backend pam b service s\n" \
	"limit auth-per-minute 100000\nlimit auth-per-day 100000\n" \
	"limit auth-per-account 100000\n"
#define DOMAIN	"\tusers backend b\n"
#define USERS	"bob:*\n"

static void
begin(struct stage *s, const char *config)
{
	stage_begin_domain(s, USERS, config, DOMAIN);
}

static void
ask(struct stage *s, const char *user, struct span password)
{
	struct lookup_auth q = { ++s->tag, span_str(user), password,
		SPAN("\300\0\2\1") };

	send_msg(s->receiver, &ipc_lookup_auth, &q, -1);
}

static uint8_t
hear(struct stage *s)
{
	struct lookup_auth_answer a;

	expect(s, &ipc_lookup_auth_answer, &a);
	return a.result;
}

/* Its spans are good until the next one is heard; false: the channel ended. */
static bool
asked(struct stage *s, struct backend_ask *q)
{
	struct span packet = receive(s->backend), payload;
	uint16_t number;

	if (packet.n == 0)
		return false;
	assert_int_equal(channel_frame_next(&packet, &number, &payload),
	    ERR_OK);
	CHECK_NUM(number, ipc_backend_ask.number, "a question");
	assert_int_equal(packet.n, 0);
	assert_int_equal(ipc_decode(&ipc_backend_ask, payload, q), ERR_OK);
	return true;
}

static void
tell(struct stage *s, uint64_t tag, enum backend_result result,
    struct span secret)
{
	struct backend_answer a = { .tag = tag, .result = (uint8_t)result,
		.secret = secret };

	send_msg(s->backend, &ipc_backend_answer, &a, -1);
}

static const char *
hash_of(const char *password)
{
	static struct crypt_data data;

	return crypt_rn(password, "$6$rounds=1000$saltsalt$", &data,
	    sizeof data);
}

static void
test_questions(void **state UNUSED)
{
	struct backend_ask q;
	struct stage s;

	begin(&s, PAM);
	ask(&s, "Anna@Example.ORG", SPAN("secret"));
	assert_true(asked(&s, &q));
	CHECK_NUM(q.what, BACKEND_PASSWORD, "is it right?");
	CHECK(span_eq(q.name, SPAN("anna")), "the name in lower case");
	CHECK(span_eq(q.domain, SPAN("example.org")), "the domain");
	CHECK(span_eq(q.password, SPAN("secret")), "the password");
	tell(&s, q.tag, BACKEND_OK, SPAN(""));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_OK, "yes");
	/* What is said again is remembered, what was wrong is not. */
	ask(&s, "anna", SPAN("secret"));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_OK, "again");
	for (int i = 0; i < 2; i++) {
		ask(&s, "anna", SPAN("wrong"));
		assert_true(asked(&s, &q));
		tell(&s, q.tag, BACKEND_NO, SPAN(""));
		CHECK_NUM(hear(&s), LOOKUP_AUTH_BAD, "no");
	}
	ask(&s, "bob", SPAN("x"));
	assert_true(asked(&s, &q));
	tell(&s, q.tag, BACKEND_TROUBLE, SPAN(""));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "nobody can tell");
	stage_end(&s);
}

/* Nobody outside hears of these. */
static void
test_never_asked(void **state UNUSED)
{
	static const struct {
		const char	*user;
		struct span	 password;
	} rows[] = {
		{ "anna", { (const uint8_t *)"", 0 } },
		{ "anna", { (const uint8_t *)"a\0b", 3 } },
		{ "anna+x", { (const uint8_t *)"x", 1 } },
		{ "anna ", { (const uint8_t *)"x", 1 } },
		{ "an na", { (const uint8_t *)"x", 1 } },
		{ "\"anna\"", { (const uint8_t *)"x", 1 } },
		{ "anna\n", { (const uint8_t *)"x", 1 } },
		{ "\xef\xbd\x81nna", { (const uint8_t *)"x", 1 } },
		{ "a)(b", { (const uint8_t *)"x", 1 } },
		{ ".anna", { (const uint8_t *)"x", 1 } },
		{ "anna@example.com", { (const uint8_t *)"x", 1 } },
		{ "", { (const uint8_t *)"x", 1 } },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaa", { (const uint8_t *)"x", 1 } },
	};
	struct pollfd p;
	struct stage s;

	begin(&s, PAM);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(&s, rows[i].user, rows[i].password);
		CHECK_NUM(hear(&s), LOOKUP_AUTH_BAD, "%s", rows[i].user);
	}
	p = (struct pollfd){ .fd = s.backend, .events = POLLIN };
	CHECK_NUM(poll(&p, 1, 0), 0, "nothing was asked");
	stage_end(&s);
}

static void
test_stored(void **state UNUSED)
{
	static uint8_t longest[BACKEND_SECRET_MAX];
	const char *right = hash_of("right");
	const struct {
		const char		*name;
		enum backend_result	 result;
		struct span		 secret;
		uint8_t			 want;
	} rows[] = {
		{ "right", BACKEND_OK, span_str(right), LOOKUP_AUTH_OK },
		{ "wrong", BACKEND_OK, span_str("$6$saltsalt$x"),
		    LOOKUP_AUTH_BAD },
		{ "nobody", BACKEND_NO, SPAN(""), LOOKUP_AUTH_BAD },
		{ "nobody's hash", BACKEND_NO, span_str(right),
		    LOOKUP_AUTH_BAD },
		{ "no password", BACKEND_OK, SPAN("*"), LOOKUP_AUTH_BAD },
		{ "nothing", BACKEND_OK, SPAN(""), LOOKUP_AUTH_TEMPFAIL },
		{ "a NUL", BACKEND_OK, SPAN("$6$salt\0salt$x"),
		    LOOKUP_AUTH_TEMPFAIL },
		{ "a line", BACKEND_OK, SPAN("$6$salt$x\n"),
		    LOOKUP_AUTH_TEMPFAIL },
		{ "longest", BACKEND_OK, span_of(longest, sizeof longest),
		    LOOKUP_AUTH_TEMPFAIL },
		{ "too costly", BACKEND_OK, SPAN("$2b$31$aaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), LOOKUP_AUTH_TEMPFAIL },
		{ "trouble", BACKEND_TROUBLE, span_str(right),
		    LOOKUP_AUTH_TEMPFAIL },
	};
	struct backend_ask q;
	struct stage s;

	memset(longest, 'a', sizeof longest);
	begin(&s, SQL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(&s, "anna", SPAN("right"));
		assert_true(asked(&s, &q));
		CHECK_NUM(q.what, BACKEND_SECRET, "%s", rows[i].name);
		CHECK_NUM(q.password.n, 0, "no password is shown to it");
		tell(&s, q.tag, rows[i].result, rows[i].secret);
		CHECK_NUM(hear(&s), rows[i].want, "%s", rows[i].name);
	}
	stage_end(&s);
}

/* 64 at a time, whoever waits for them; one that is answered makes room. */
static void
test_under_way(void **state UNUSED)
{
	struct backend_ask first, q;
	struct stage s;

	begin(&s, PAM);
	for (unsigned int i = 0; i < BACKEND_ASKED_MAX; i++) {
		ask(&s, "anna", SPAN("guess"));
		assert_true(asked(&s, i == 0 ? &first : &q));
	}
	for (int far = 0; far < 3; far++) {
		ask(&s, "anna", SPAN("guess"));
		CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "one past it");
	}
	tell(&s, first.tag, BACKEND_NO, SPAN(""));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_BAD, "the first");
	ask(&s, "anna", SPAN("guess"));
	assert_true(asked(&s, &q));
	/* It goes: all that waits for it ends. */
	(void)close(s.backend);
	s.backend = -1;
	for (unsigned int i = 0; i < BACKEND_ASKED_MAX; i++)
		CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "left at %u", i);
	ask(&s, "anna", SPAN("guess"));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "nobody to ask");
	stage_end(&s);
}

/* Who answers what was not asked, or twice, or is silent. */
static void
test_liar(void **state UNUSED)
{
	struct backend_ask q;
	struct stage s;

	for (int twice = 0; twice < 2; twice++) {
		begin(&s, PAM);
		ask(&s, "anna", SPAN("guess"));
		assert_true(asked(&s, &q));
		if (twice) {
			tell(&s, q.tag, BACKEND_NO, SPAN(""));
			CHECK_NUM(hear(&s), LOOKUP_AUTH_BAD, "once");
		}
		tell(&s, twice ? q.tag : q.tag + 1, BACKEND_OK, SPAN(""));
		if (!twice)
			CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "cut");
		CHECK(!asked(&s, &q), "the liar is cut off");
		ask(&s, "anna", SPAN("guess"));
		CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "lookup goes on");
		stage_end(&s);
	}
}

static void
test_silent(void **state UNUSED)
{
	struct backend_ask q;
	struct stage s;

	begin(&s, PAM);
	ask(&s, "anna", SPAN("guess"));
	assert_true(asked(&s, &q));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_TEMPFAIL, "in 8 s");
	/* Late it is nobody's, and no lie. */
	tell(&s, q.tag, BACKEND_OK, SPAN(""));
	ask(&s, "anna", SPAN("guess"));
	assert_true(asked(&s, &q));
	tell(&s, q.tag, BACKEND_NO, SPAN(""));
	CHECK_NUM(hear(&s), LOOKUP_AUTH_BAD, "asked again");
	stage_end(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_questions, "AUTH-2 AUTH-7"),
		TEST(test_never_asked, "AUTH-8"),
		TEST(test_stored, "AUTH-8 AUTH-9"),
		TEST(test_under_way, "AUTH-5"),
		TEST(test_liar, "PRV-3 PRV-4"),
		TEST(test_silent, "AUTH-5 OPS-6"),
	};

	return RUN_TESTS(tests);
}
