/*
 * lookup_life.c - the program itself: routes, passwords, sessions.
 */
#include "lookup_stage.h"
#include "role/lookup/lookup.h"
#include "welch.h"

#include <crypt.h>

static struct lookup_rcpt_answer
ask_rcpt(struct stage *s, const char *address)
{
	struct lookup_rcpt q = { ++s->tag, span_str(address) };
	struct lookup_rcpt_answer a;

	send_msg(s->receiver, &ipc_lookup_rcpt, &q, -1);
	expect(s, &ipc_lookup_rcpt_answer, &a);
	CHECK_NUM(a.tag, s->tag, "%s", address);
	return a;
}

static uint8_t
ask_auth(struct stage *s, const char *user, const char *password,
    unsigned int client)
{
	uint8_t octets[4] = { 192, 0, (uint8_t)(client >> 8),
		(uint8_t)client };
	struct lookup_auth q = { ++s->tag, span_str(user), span_str(password),
		span_of(octets, 4) };
	struct lookup_auth_answer a;

	send_msg(s->receiver, &ipc_lookup_auth, &q, -1);
	expect(s, &ipc_lookup_auth_answer, &a);
	CHECK_NUM(a.tag, s->tag, "%s", user);
	if (a.result == LOOKUP_AUTH_OK)
		CHECK(span_eq(a.user, SPAN("anna@example.org")), "canonical");
	return a.result;
}

static bool
ask_connect(struct stage *s, uint8_t last, bool is_exempt)
{
	uint8_t octets[4] = { 192, 0, 2, last };
	struct lookup_connect q = { ++s->tag, span_of(octets, 4), is_exempt,
		LOOKUP_SESSION };
	struct lookup_connect_answer a;

	send_msg(s->receiver, &ipc_lookup_connect, &q, -1);
	expect(s, &ipc_lookup_connect_answer, &a);
	return a.is_allowed != 0;
}

static const struct {
	const char		*address;
	enum lookup_route	 route;
	const char		*key;
} routes[] = {
	{ "anna@example.org", LOOKUP_LOCAL, "anna" },
	{ "ANNA@EXAMPLE.ORG", LOOKUP_LOCAL, "anna" },
	{ "anna+x@example.org", LOOKUP_LOCAL, "anna" },
	{ "\"anna\"@example.org", LOOKUP_LOCAL, "anna" },
	{ "postmaster@example.org", LOOKUP_LOCAL, "bob" },
	{ "PostMaster", LOOKUP_LOCAL, "bob" },
	{ "postmaster@mx.example.org", LOOKUP_LOCAL, "bob" },
	{ "nobody@example.org", LOOKUP_UNKNOWN, "" },
	{ "\"../anna\"@example.org", LOOKUP_UNKNOWN, "" },
	{ "\"a@b\"@example.org", LOOKUP_UNKNOWN, "" },
	{ "anna@sub.example.org", LOOKUP_REMOTE, "" },
	{ "anna@example.com", LOOKUP_REMOTE, "" },
	{ "anna@[192.0.2.1]", LOOKUP_REMOTE, "" },
	{ "anna", LOOKUP_UNKNOWN, "" },
	{ "anna@example.org@example.com", LOOKUP_UNKNOWN, "" },
	{ "", LOOKUP_UNKNOWN, "" },
	{ "anna@None.example", LOOKUP_NO_MAIL, "" },
	{ "postmaster@none.example", LOOKUP_NO_MAIL, "" },
	{ "x@b\303\274cher.example", LOOKUP_NO_MAIL, "" },
	{ "x@xn--bcher-kva.example", LOOKUP_NO_MAIL, "" },
	{ "x@a.old.example", LOOKUP_NO_MAIL, "" },
	{ "x@old.example", LOOKUP_REMOTE, "" },
	{ "x@a.none.example", LOOKUP_REMOTE, "" },
};

static void
test_routes(void **state)
{
	struct stage s;

	(void)state;
	stage_begin_with(&s, "anna:*\nbob:*\n",
	    "no-mail none.example, xn--bcher-kva.example, .old.example\n");
	for (size_t i = 0; i < COUNT(routes); i++) {
		struct lookup_rcpt_answer a = ask_rcpt(&s, routes[i].address);

		CHECK_NUM(a.route, routes[i].route, "%s", routes[i].address);
		CHECK(span_eq(a.key, span_str(routes[i].key)), "%s",
		    routes[i].address);
		if (a.route == LOOKUP_LOCAL)
			CHECK(span_eq(a.domain, SPAN("example.org")), "%s",
			    routes[i].address);
	}
	stage_end(&s);
}

/* Ask again until the route is the one, within our patience. */
static void
wait_route(struct stage *s, const char *address, enum lookup_route route)
{
	static const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };
	struct lookup_rcpt_answer a = { 0 };

	for (unsigned int i = 0; i < PATIENCE_MS / 50; i++) {
		a = ask_rcpt(s, address);
		if (a.route == route)
			return;
		(void)nanosleep(&moment, NULL);
	}
	CHECK_NUM(a.route, route, "%s", address);
}

/* A table that is away is no "unknown", and a wrong one changes nothing. */
static void
test_table_comes_and_goes(void **state)
{
	struct stage s;
	char path[128];
	uint64_t generation;

	(void)state;
	stage_begin(&s, NULL);
	CHECK_NUM(ask_rcpt(&s, "anna@example.org").route, LOOKUP_TEMPFAIL,
	    "no table");
	CHECK_NUM(ask_rcpt(&s, "x@example.org").cache_ms, 0, "not kept");
	CHECK_NUM(ask_auth(&s, "anna@example.org", "x", 1),
	    LOOKUP_AUTH_TEMPFAIL, "no table");
	write_users(&s, "anna:*\n");
	wait_route(&s, "anna@example.org", LOOKUP_LOCAL);
	generation = ask_rcpt(&s, "bob@example.org").generation;
	write_users(&s, "anna:*\nbob:*\n");
	wait_route(&s, "bob@example.org", LOOKUP_LOCAL);
	CHECK(ask_rcpt(&s, "bob@example.org").generation > generation,
	    "what is kept is void");
	(void)snprintf(path, sizeof path, "%s/users", s.folder);
	CHECK(unlink(path) == 0, "gone");
	wait_route(&s, "anna@example.org", LOOKUP_TEMPFAIL);
	stage_end(&s);
}

static void
test_passwords(void **state)
{
	static struct crypt_data data;
	const char *hash = crypt_rn("secret",
	    "$y$j75$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data);
	char users[512];
	struct stage s;
	uint8_t last = LOOKUP_AUTH_BAD;

	(void)state;
	(void)snprintf(users, sizeof users, "anna:%s\nbob:*\n", hash);
	stage_begin(&s, users);
	for (unsigned int i = 0; i < 20; i++)
		CHECK_NUM(ask_auth(&s, i % 2 ? "anna" : "Anna@Example.ORG",
		    "secret", 1), LOOKUP_AUTH_OK, "right, time %u", i);
	/* A full-width e: another spelling of our domain, and one user. */
	CHECK_NUM(ask_auth(&s, "anna@\357\275\205xample.org", "secret", 1),
	    LOOKUP_AUTH_OK, "one name");
	CHECK_NUM(ask_auth(&s, "anna", "Secret", 2), LOOKUP_AUTH_BAD, "wrong");
	CHECK_NUM(ask_auth(&s, "anna", "", 3), LOOKUP_AUTH_BAD, "empty");
	CHECK_NUM(ask_auth(&s, "anna+x", "secret", 4), LOOKUP_AUTH_BAD,
	    "no subaddress");
	CHECK_NUM(ask_auth(&s, "bob", "*", 5), LOOKUP_AUTH_BAD, "no login");
	CHECK_NUM(ask_auth(&s, "eve", "secret", 6), LOOKUP_AUTH_BAD, "nobody");
	CHECK_NUM(ask_auth(&s, "anna@example.com", "secret", 7),
	    LOOKUP_AUTH_BAD, "not our domain");
	CHECK_NUM(ask_auth(&s, "'; --", "%", 8), LOOKUP_AUTH_BAD, "AUTH-8");
	for (unsigned int i = 0; i < 10; i++)
		last = ask_auth(&s, "mallory", "x", 300 + 256 * i);
	CHECK_NUM(last, LOOKUP_AUTH_BAD, "the tenth");
	CHECK_NUM(ask_auth(&s, "mallory", "x", 10000), LOOKUP_AUTH_LIMITED,
	    "past it");
	CHECK_NUM(ask_auth(&s, "anna", "secret", 1), LOOKUP_AUTH_OK,
	    "others are not touched");
	stage_end(&s);
}

/*
 * AUTH-4: what an answer costs says nothing.  The processor time of the whole
 * process is compared, which a busy machine does not change; the kinds take
 * turns, and the longest tenth (an interrupt, a cold cache) is left out.
 */
#define KINDS		3u
static const struct {
	const char *name, *user, *password;
} kinds[KINDS] = {
	{ "unknown", "nobody@example.org", "wrong-password" },
	{ "wrong", "anna@example.org", "wrong-password" },
	{ "disabled", "dora@example.org", "wrong-password" },
};

static double
worst_of(struct stage *s, clockid_t clock, unsigned int n)
{
	static double samples[KINDS][WELCH_SAMPLES];
	struct figures f[KINDS];
	double worst = 0;

	for (unsigned int i = 0; i < n * KINDS; i++) {
		unsigned int k = (i + i / KINDS) % KINDS;
		double before = cpu_ns(clock);

		CHECK_NUM(ask_auth(s, kinds[k].user, kinds[k].password, i),
		    LOOKUP_AUTH_BAD, "%s", kinds[k].name);
		samples[k][i / KINDS] = cpu_ns(clock) - before;
	}
	for (unsigned int k = 0; k < KINDS; k++)
		f[k] = figures_of(samples[k], n);
	for (unsigned int k = 0; k < KINDS; k++)
		worst = MAX(worst, welch_squared(&f[k], &f[(k + 1) % KINDS]));
	return worst;
}

/* In a process of its own: where a name stands in its tables is chance. */
static double
worst_of_new(const char *users, unsigned int n)
{
	clockid_t clock;
	struct stage s;
	double worst;

	stage_begin_with(&s, users, "limit auth-per-account 100000\n"
	    "limit auth-per-minute 100000\nlimit auth-per-day 100000\n");
	assert_int_equal(clock_getcpuclockid(s.pid, &clock), 0);
	worst = worst_of(&s, clock, n);
	stage_end(&s);
	return worst;
}

static void
test_timing(void **state)
{
	static struct crypt_data data;
	const char *hash = crypt_rn("secret", "$6$rounds=1000$saltsalt$", &data,
	    sizeof data);
	unsigned int n = getenv("POSTHORSE_LONG") != NULL ? WELCH_SAMPLES : 300;
	double worst = WELCH_LIMIT;
	char users[512];

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	/* Its allocator's own work is in the time: the release is measured. */
	skip();
#endif
	(void)snprintf(users, sizeof users, "anna:%s\nbob:*\ndora:*\n", hash);
	for (unsigned int i = 0; i < 3 && worst >= WELCH_LIMIT; i++)
		worst = worst_of_new(users, n);
	CHECK(worst < WELCH_LIMIT, "t squared is %g", worst);
}

/* What one attempt costs, in processor time of the whole process. */
static double
cost_of(struct stage *s, clockid_t clock, const char *password,
    enum lookup_auth_result result, unsigned int client)
{
	double before = cpu_ns(clock);

	CHECK_NUM(ask_auth(s, "anna", password, client), result, "%s",
	    password);
	return cpu_ns(clock) - before;
}

/* The next login of a busy client costs no hash; a wrong one always does. */
static void
test_remembered(void **state)
{
	static struct crypt_data data;
	double first, next = 0, wrong, again;
	char users[512];
	clockid_t clock;
	struct stage s;

	(void)state;
	(void)snprintf(users, sizeof users, "anna:%s\n", crypt_rn("secret",
	    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data));
	stage_begin(&s, users);
	assert_int_equal(clock_getcpuclockid(s.pid, &clock), 0);
	first = cost_of(&s, clock, "secret", LOOKUP_AUTH_OK, 1);
	for (unsigned int i = 0; i < 10; i++)
		next = MAX(next, cost_of(&s, clock, "secret", LOOKUP_AUTH_OK,
		    1));
	CHECK(next < first / 5, "first %g ns, next %g ns", first, next);
	wrong = cost_of(&s, clock, "Secret", LOOKUP_AUTH_BAD, 2);
	again = cost_of(&s, clock, "Secret", LOOKUP_AUTH_BAD, 3);
	CHECK(wrong > first / 3 && again > first / 3,
	    "first %g ns, wrong %g ns, again %g ns", first, wrong, again);
	/* Another password in the file: the old one is forgotten with it. */
	(void)snprintf(users, sizeof users, "anna:%s\n", crypt_rn("another",
	    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data));
	write_users(&s, users);
	(void)nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	CHECK_NUM(ask_auth(&s, "anna", "secret", 1), LOOKUP_AUTH_BAD, "old");
	CHECK_NUM(ask_auth(&s, "anna", "another", 1), LOOKUP_AUTH_OK, "new");
	stage_end(&s);
}

#define CROWD	(ALLOWED + LOOKUP_HELD + 6)
#define ALLOWED	10u	/* attempts a minute and address */

/*
 * All of them ask before one is answered; how many hear what.  They come from three
 * addresses, `last` and the next two, in turn.
 */
static void
crowd_asks(struct stage *s, const char *password, uint8_t last,
    unsigned int heard[LOOKUP_AUTH_RESULT_COUNT])
{
	uint8_t octets[4] = { 192, 0, 2, last };
	struct lookup_auth q = { 0, SPAN("anna"), span_str(password),
		span_of(octets, 4) };
	struct lookup_auth_answer a;

	for (unsigned int i = 0; i < CROWD; i++) {
		q.tag = ++s->tag;
		octets[3] = (uint8_t)(last + i % 3);
		send_msg(s->receiver, &ipc_lookup_auth, &q, -1);
	}
	for (unsigned int i = 0; i < CROWD; i++) {
		expect(s, &ipc_lookup_auth_answer, &a);
		assert_true(a.result < LOOKUP_AUTH_RESULT_COUNT);
		heard[a.result]++;
	}
}

/*
 * Attempts that are not judged yet shut out nobody who knows the password, up
 * to LOOKUP_HELD of them; and who does not may try no more often than before.
 */
static void
test_crowd(void **state)
{
	static struct crypt_data data;
	unsigned int right[LOOKUP_AUTH_RESULT_COUNT] = { 0 },
	    wrong[LOOKUP_AUTH_RESULT_COUNT] = { 0 };
	char users[512];
	struct stage s;

	(void)state;
	(void)snprintf(users, sizeof users, "anna:%s\n", crypt_rn("secret",
	    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data));
	stage_begin(&s, users);
	crowd_asks(&s, "secret", 1, right);
	CHECK(right[LOOKUP_AUTH_OK] >= ALLOWED + LOOKUP_HELD, "%u right",
	    right[LOOKUP_AUTH_OK]);
	CHECK_NUM(right[LOOKUP_AUTH_OK] + right[LOOKUP_AUTH_LIMITED], CROWD,
	    "no other answer");
	CHECK_NUM(ask_auth(&s, "anna", "secret", 513), LOOKUP_AUTH_OK,
	    "nothing stays counted");
	crowd_asks(&s, "Secret", 5, wrong);
	CHECK_NUM(wrong[LOOKUP_AUTH_BAD], ALLOWED, "as many as ever");
	CHECK_NUM(wrong[LOOKUP_AUTH_LIMITED], CROWD - ALLOWED, "the others");
	stage_end(&s);
}

/* A crowd at one address leaves places for others. */
static void
test_crowd_of_an_address(void **state UNUSED)
{
	uint8_t octets[4] = { 192, 0, 2, 1 };
	static struct crypt_data data;
	struct lookup_auth_answer a;
	struct lookup_auth q = { 0, SPAN("anna"), SPAN("secret"),
		span_of(octets, 4) };
	unsigned int right = 0;
	char users[512];
	struct stage s;

	(void)snprintf(users, sizeof users, "anna:%s\n", crypt_rn("secret",
	    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", &data, sizeof data));
	stage_begin(&s, users);
	for (unsigned int i = 0; i <= CROWD; i++) {
		q.tag = ++s.tag;
		octets[3] = i == CROWD ? 2 : 1;
		send_msg(s.receiver, &ipc_lookup_auth, &q, -1);
	}
	for (unsigned int i = 0; i <= CROWD; i++) {
		expect(&s, &ipc_lookup_auth_answer, &a);
		right += a.tag != q.tag && a.result == LOOKUP_AUTH_OK;
		if (a.tag == q.tag)
			CHECK_NUM(a.result, LOOKUP_AUTH_OK, "the other one");
		else
			CHECK(a.result == LOOKUP_AUTH_OK ||
			    a.result == LOOKUP_AUTH_LIMITED, "%u", a.result);
	}
	CHECK(right >= ALLOWED + LOOKUP_HELD_OF_ADDRESS && right < CROWD,
	    "%u right", right);
	stage_end(&s);
}

static const struct {
	const char	*identity, *user;
	uint8_t		 result;
} identities[] = {
	{ "anna@example.org", "", LOOKUP_AUTH_OK },
	{ "Anna@Example.org", "anna", LOOKUP_AUTH_OK },
	{ "anna@example.org", "ANNA@example.org", LOOKUP_AUTH_OK },
	{ "anna@example.org", "bob", LOOKUP_AUTH_BAD },
	{ "anna@example.org", "anna@example.com", LOOKUP_AUTH_BAD },
	{ "eve@example.org", "", LOOKUP_AUTH_BAD },
	{ "eve@example.org", "anna", LOOKUP_AUTH_BAD },
	{ "anna@example.com", "", LOOKUP_AUTH_BAD },
	{ "anna+x@example.org", "", LOOKUP_AUTH_BAD },
	{ "", "", LOOKUP_AUTH_BAD }, { "", "anna", LOOKUP_AUTH_BAD },
};

static void
test_identities(void **state)
{
	struct stage s;

	(void)state;
	stage_begin(&s, "anna:*\nbob:*\n");
	for (size_t i = 0; i < COUNT(identities); i++) {
		struct login_identity q = { ++s.tag,
			span_str(identities[i].identity),
			span_str(identities[i].user) };
		struct lookup_auth_answer a;

		send_msg(s.receiver, &ipc_login_identity, &q, -1);
		expect(&s, &ipc_lookup_auth_answer, &a);
		CHECK_NUM(a.result, identities[i].result, "row %zu", i);
		if (a.result == LOOKUP_AUTH_OK)
			CHECK(span_eq(a.user, SPAN("anna@example.org")),
			    "row %zu", i);
	}
	stage_end(&s);
}

static void
test_sessions(void **state)
{
	uint8_t octets[4] = { 192, 0, 2, 1 };
	struct lookup_disconnect gone = { span_of(octets, 4) };
	struct stage s;

	(void)state;
	stage_begin(&s, "anna:*\n");
	CHECK(ask_connect(&s, 1, false) && ask_connect(&s, 1, false), "two");
	CHECK(!ask_connect(&s, 1, false), "three");
	CHECK(ask_connect(&s, 1, true), "exempt");
	CHECK(ask_connect(&s, 2, false), "another");
	send_msg(s.receiver, &ipc_lookup_disconnect, &gone, -1);
	send_msg(s.receiver, &ipc_lookup_disconnect, &gone, -1);
	CHECK(ask_connect(&s, 1, false), "room again");
	stage_end(&s);
}

/* Octets that are no message end the channel, not the process. */
static void
test_broken_conversation(void **state)
{
	struct lookup_connect q = { 1, SPAN("12345"), 0, LOOKUP_SESSION };
	struct stage s;

	(void)state;
	stage_begin(&s, "anna:*\n");
	send_msg(s.receiver, &ipc_lookup_connect, &q, -1);
	while (receive(s.receiver).n > 0)
		continue;
	CHECK_NUM(waitpid(s.pid, NULL, WNOHANG), 0, "still there");
	stage_end(&s);
}

static const struct CMUnitTest tests[] = {
	TEST(test_routes, "RLY-3 AUTH-8"),
	TEST(test_table_comes_and_goes, "RLY-2 RLY-3"),
	TEST(test_passwords, "AUTH-4 AUTH-5 AUTH-8"),
	TEST(test_timing, "AUTH-4"),
	TEST(test_remembered, "AUTH-4"),
	TEST(test_crowd, "AUTH-5"),
	TEST(test_crowd_of_an_address, "AUTH-5"),
	TEST(test_identities, "AUTH-3"),
	TEST(test_sessions, ""),
	TEST(test_broken_conversation, "PRV-4"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
