#include "role/lookup/limits.h"

#include "check.h"

static const struct siphash_key key = { 3, 4 };
static const struct config_limits defaults = {
	.sessions = 10000, .sessions_per_address = 30,
	.sessions_per_network = 200, .connections_per_minute = 120,
	.handshakes_per_minute = 60, .auth_per_minute = 10, .auth_per_day = 50, .auth_per_account = 10,
};

#define MINUTE	60000u
#define DAY	(1440u * MINUTE)

static struct address
at(const char *text)
{
	struct address a;

	CHECK(address_parse(span_str(text), &a) == ERR_OK, "%s", text);
	return a;
}

static struct address
v4(unsigned int n)
{
	uint8_t octets[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };
	struct address a;

	CHECK(address_make(span_of(octets, 4), &a) == ERR_OK, "%u", n);
	return a;
}

/* How many of n sessions from one address begin. */
static unsigned int
connect_n(struct limits *l, struct limits_peer *p, const char *from,
    unsigned int n, bool is_exempt, uint64_t now)
{
	struct address a = at(from);
	unsigned int allowed = 0;

	for (unsigned int i = 0; i < n; i++)
		allowed += limits_connect(l, p, &a, is_exempt, now);
	return allowed;
}

static void
test_sessions_per_address(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	struct address a = at("192.0.2.1");

	(void)state;
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 30, false, 0), 30, "at it");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 1, false, 0), 0, "past it");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 3000, false, 0), 0, "100x");
	CHECK_NUM(connect_n(&l, &p, "::ffff:192.0.2.1", 1, false, 0), 0,
	    "mapped is the same");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.2", 1, false, 0), 1, "another");
	limits_disconnect(&l, &p, &a);
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 2, false, 0), 1, "one left");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 50, true, 0), 50, "exempt");
	limits_forget(&l, &p);
	limits_free(&l);
}

static void
test_sessions_per_network(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	unsigned int allowed = 0;

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		struct address a = v4(0xc0000200u + i);

		allowed += limits_connect(&l, &p, &a, false, 0);
	}
	CHECK_NUM(allowed, 200, "a /24");
	CHECK_NUM(connect_n(&l, &p, "192.0.3.1", 1, false, 0), 1, "the next");
	CHECK_NUM(connect_n(&l, &p, "2001:db8:1:1::1", 15, false, 0), 15, "v6");
	CHECK_NUM(connect_n(&l, &p, "2001:db8:1:1::2", 16, false, 0), 15,
	    "a /64 is one address");
	CHECK_NUM(connect_n(&l, &p, "2001:db8:1:2::1", 30, false, 0), 30,
	    "another /64 of the /48");
	limits_forget(&l, &p);
	limits_free(&l);
}

static void
test_connections_per_minute(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	struct address a = at("192.0.2.1");
	unsigned int allowed = 0;

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		if (limits_connect(&l, &p, &a, false, 1000)) {
			allowed++;
			limits_disconnect(&l, &p, &a);
		}
	CHECK_NUM(allowed, 120, "in one minute");
	CHECK(!limits_connect(&l, &p, &a, false, 1000 + MINUTE - 1), "still");
	CHECK(limits_connect(&l, &p, &a, false, 1000 + MINUTE), "the next");
	limits_forget(&l, &p);
	limits_free(&l);
}

static void
test_sessions_in_all(void **state)
{
	struct config_limits few = defaults;
	struct limits l = limits_make(&key, &few);
	struct limits_peer p = limits_peer_make(&key);

	(void)state;
	few.sessions = 3;
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 2, false, 0), 2, "two");
	CHECK_NUM(connect_n(&l, &p, "198.51.100.1", 2, false, 0), 1, "three");
	CHECK_NUM(connect_n(&l, &p, "203.0.113.1", 2, true, 0), 0,
	    "exempt too");
	limits_forget(&l, &p);
	limits_free(&l);
}

/* A receiver that died holds nothing; the other's sessions stay. */
static void
test_forget_a_receiver(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	struct limits_peer q = limits_peer_make(&key);
	struct address a = at("192.0.2.1");

	(void)state;
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 20, false, 0), 20, "p");
	CHECK_NUM(connect_n(&l, &q, "192.0.2.1", 20, false, 0), 10, "q");
	limits_forget(&l, &p);
	CHECK_NUM(l.sessions, 10, "of q");
	CHECK_NUM(connect_n(&l, &q, "192.0.2.1", 30, false, 0), 20, "again");
	/* What it never had cannot be taken from others. */
	p = limits_peer_make(&key);
	for (unsigned int i = 0; i < 100; i++)
		limits_disconnect(&l, &p, &a);
	CHECK_NUM(l.sessions, 30, "untouched");
	limits_forget(&l, &p);
	limits_forget(&l, &q);
	CHECK_NUM(l.sessions, 0, "none");
	limits_free(&l);
}

/* Memory stays bounded whatever comes; what runs out makes room. */
static void
test_tables_are_bounded(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	unsigned int allowed = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * LIMITS_ENTRIES_MAX; i++) {
		struct address a = v4(0x0a000000u + i * 256);

		if (!limits_connect(&l, &p, &a, false, 0))
			continue;
		allowed++;
		limits_disconnect(&l, &p, &a);
	}
	CHECK(map_count(&l.sources) <= LIMITS_ENTRIES_MAX, "bounded");
	CHECK(allowed >= LIMITS_ENTRIES_MAX / 2, "%u", allowed);
	CHECK_NUM(connect_n(&l, &p, "203.0.113.1", 1, false, MINUTE + 1), 1,
	    "room again");
	limits_forget(&l, &p);
	limits_free(&l);
}

/* Section 19: TLS handshakes of an address in a minute. */
static void
test_handshakes_per_minute(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct address a = at("192.0.2.1"), b = at("192.0.2.2");
	struct address mapped = at("::ffff:192.0.2.1");
	unsigned int allowed = 0;

	(void)state;
	for (unsigned int i = 0; i < 60; i++)
		allowed += limits_handshake(&l, &a, false, 1000);
	CHECK_NUM(allowed, 60, "at it");
	CHECK(!limits_handshake(&l, &a, false, 1000), "one past it");
	for (unsigned int i = 0; i < 6000; i++)
		allowed += limits_handshake(&l, &a, false, 1000);
	CHECK_NUM(allowed, 60, "100x past it");
	CHECK(!limits_handshake(&l, &mapped, false, 1000), "mapped");
	CHECK(limits_handshake(&l, &b, false, 1000), "another address");
	CHECK(limits_handshake(&l, &a, true, 1000), "exempt");
	CHECK(!limits_handshake(&l, &a, false, 1000 + MINUTE - 1), "still");
	CHECK(limits_handshake(&l, &a, false, 1000 + MINUTE), "the next");
	CHECK_NUM(l.sessions, 0, "a handshake is no session");
	limits_free(&l);
}

/* Counted when the session begins; given back when none came of it. */
static void
test_handshakes_ahead(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct address a = at("192.0.2.1"), b = at("192.0.2.2");
	uint64_t words[30], late, other;
	unsigned int allowed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		words[i] = limits_shake_ahead(&l, &a, false, i);
		CHECK(words[i] != 0, "%zu: fewer than half are counted", i);
	}
	CHECK_NUM(limits_shake_ahead(&l, &a, false, 30), 0, "half are");
	CHECK(limits_shake_ahead(&l, &a, true, 30) != 0, "exempt");
	other = limits_shake_ahead(&l, &b, false, 30);
	CHECK(other != 0, "another address");
	for (unsigned int i = 0; i < 60; i++)
		allowed += limits_handshake(&l, &a, false, 40);
	CHECK_NUM(allowed, 29, "what is counted ahead is counted");
	limits_unshaken(&l, &a, 0);
	CHECK(!limits_handshake(&l, &a, false, 40), "nothing came back");
	limits_unshaken(&l, &a, words[0]);
	limits_unshaken(&l, &a, words[29]);
	CHECK(limits_handshake(&l, &a, false, 40), "one came back");
	CHECK(limits_handshake(&l, &a, false, 40), "and the other");
	CHECK(!limits_handshake(&l, &a, false, 40), "and no more");
	/* Of a minute that has ended nothing comes back. */
	late = limits_shake_ahead(&l, &a, false, 2 * MINUTE);
	CHECK(late != 0, "the next minute");
	limits_unshaken(&l, &a, words[1]);
	allowed = 0;
	for (unsigned int i = 0; i < 100; i++)
		allowed += limits_handshake(&l, &a, false, 2 * MINUTE);
	CHECK_NUM(allowed, 59, "a word of the minute before");
	limits_unshaken(&l, &b, other);
	limits_unshaken(&l, &b, other);
	CHECK(limits_shake_ahead(&l, &b, false, 31) != 0, "never below none");
	limits_free(&l);
}

/* A network gets ahead what eight addresses do. */
static void
test_handshakes_ahead_of_a_network(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	unsigned int n = 0;

	(void)state;
	for (unsigned int i = 0; i < 256 * 30; i++) {
		struct address a = v4(0xc0000200u + i % 256);

		n += limits_shake_ahead(&l, &a, false, 1000) != 0;
	}
	CHECK_NUM(n, LIMITS_NETWORK_RATE * 30, "of a /24");
	limits_free(&l);
}

/* Many addresses of one network are not many strangers. */
static void
test_rates_of_a_network(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct limits_peer p = limits_peer_make(&key);
	struct address next = at("192.0.3.1"), a;
	unsigned int sessions = 0, handshakes = 0;

	(void)state;
	for (unsigned int i = 0; i < 256 * 120; i++) {
		a = v4(0xc0000200u + i % 256);
		handshakes += limits_handshake(&l, &a, false, 1000);
		if (!limits_connect(&l, &p, &a, false, 1000))
			continue;
		sessions++;
		limits_disconnect(&l, &p, &a);
	}
	CHECK_NUM(sessions, LIMITS_NETWORK_RATE * 120, "sessions of a /24");
	CHECK_NUM(handshakes, LIMITS_NETWORK_RATE * 60, "handshakes of a /24");
	CHECK(limits_connect(&l, &p, &next, false, 1000), "the next /24");
	CHECK(limits_handshake(&l, &next, false, 1000), "its handshakes");
	CHECK(limits_connect(&l, &p, &a, true, 1000), "exempt");
	CHECK(limits_handshake(&l, &a, true, 1000), "exempt, TLS");
	CHECK(!limits_connect(&l, &p, &a, false, 1000 + MINUTE - 1), "still");
	CHECK(limits_connect(&l, &p, &a, false, 1000 + MINUTE), "later");
	CHECK(limits_handshake(&l, &a, false, 1000 + MINUTE), "later, TLS");
	limits_forget(&l, &p);
	limits_free(&l);
}

static unsigned int
try_n(struct limits *l, const char *from, const char *account,
    unsigned int n, uint64_t now)
{
	struct address a = at(from);
	unsigned int allowed = 0;

	for (unsigned int i = 0; i < n; i++)
		allowed += limits_try(l, &a, span_str(account), now);
	return allowed;
}

static void
test_tries_per_address(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	char name[16];
	unsigned int day = 0;

	(void)state;
	for (unsigned int m = 0; m < 20; m++)
		for (unsigned int i = 0; i < 20; i++) {
			(void)snprintf(name, sizeof name, "u%u-%u", m, i);
			day += try_n(&l, "192.0.2.1", name, 1, m * MINUTE);
			if (m == 0 && i == 19)
				CHECK_NUM(day, 10, "a minute");
		}
	CHECK_NUM(day, 50, "a day");
	CHECK_NUM(try_n(&l, "192.0.2.1", "v", 1, DAY - 1), 0, "still");
	CHECK_NUM(try_n(&l, "192.0.2.1", "v", 1, DAY), 1, "the next day");
	limits_free(&l);
}

static void
test_tries_per_account_and_network(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	unsigned int allowed = 0;
	char from[32], name[16];

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		(void)snprintf(from, sizeof from, "198.51.%u.1", i);
		allowed += try_n(&l, from, "anna@a.b", 1, 0);
	}
	CHECK_NUM(allowed, 10, "one account, from many");
	CHECK_NUM(try_n(&l, "203.0.113.1", "anna@a.b", 1, 15 * MINUTE), 1,
	    "15 minutes later");
	allowed = 0;
	for (unsigned int i = 0; i < 250; i++) {
		(void)snprintf(from, sizeof from, "192.0.2.%u", i);
		(void)snprintf(name, sizeof name, "w%u", i);
		allowed += try_n(&l, from, name, 1, 0);
	}
	CHECK_NUM(allowed, 10 * LIMITS_NETWORK_TRIES, "one /24, many accounts");
	CHECK_NUM(try_n(&l, "203.0.113.9", "bob@a.b", 1, 0), 1,
	    "others are not touched");
	limits_free(&l);
}

/* Failures of an address or an account: nothing, then 250 ms, doubled. */
static void
test_delay_grows(void **state)
{
	static const uint32_t want[] = { 0, 250, 500, 1000, 2000, 4000, 8000,
		8000, 8000, 8000 };
	struct limits l = limits_make(&key, &defaults);
	struct address a = at("192.0.2.1"), b = at("192.0.2.2");
	char name[16], from[32];

	(void)state;
	for (unsigned int i = 0; i < COUNT(want); i++) {
		(void)snprintf(name, sizeof name, "u%u", i);
		CHECK_NUM(try_n(&l, "192.0.2.1", name, 1, i), 1, "%u", i);
		CHECK_NUM(limits_delay_ms(&l, &a, span_str(name)), want[i],
		    "address, failure %u", i);
	}
	CHECK_NUM(limits_delay_ms(&l, &b, SPAN("other")), 0,
	    "a neighbour in the same /24");
	for (unsigned int i = 0; i < COUNT(want); i++) {
		(void)snprintf(from, sizeof from, "198.51.%u.1", i);
		CHECK_NUM(try_n(&l, from, "anna@a.b", 1, i), 1, "%u", i);
	}
	CHECK_NUM(limits_delay_ms(&l, &b, SPAN("anna@a.b")), 8000, "account");
	limits_free(&l);
}

/* Who knows the password is never slowed. */
static void
test_successes_do_not_count(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct address a = at("192.0.2.1");

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		CHECK(limits_try(&l, &a, SPAN("anna@a.b"), i), "%u", i);
		limits_succeeded(&l, &a, SPAN("anna@a.b"));
		CHECK_NUM(limits_delay_ms(&l, &a, SPAN("anna@a.b")), 0, "%u", i);
	}
	limits_free(&l);
}

/* Nor do they take the places of those who fail. */
static void
test_successes_are_not_kept(void **state)
{
	struct limits l = limits_make(&key, &defaults);
	struct address a = at("192.0.2.1");
	char name[16];

	(void)state;
	for (unsigned int i = 0; i < LIMITS_ENTRIES_MAX + 10; i++) {
		struct span user = { (const uint8_t *)name, (size_t)snprintf(
		    name, sizeof name, "%u", i) };

		CHECK(limits_try(&l, &a, user, 1), "%u", i);
		limits_succeeded(&l, &a, user);
	}
	limits_free(&l);
}

/* Of a hundred places the last five are for users. */
static void
test_last_places(void **state)
{
	struct config_limits few = defaults;
	struct limits l;
	struct limits_peer p = limits_peer_make(&key);

	(void)state;
	few.sessions = 100;
	l = limits_make(&key, &few);
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 94, true, 0), 94, "below");
	CHECK(limits_has_place(&l, false), "a stranger");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 1, true, 0), 1, "the last");
	CHECK(!limits_has_place(&l, false), "no place for strangers");
	CHECK(limits_has_place(&l, true), "a user");
	CHECK_NUM(connect_n(&l, &p, "192.0.2.1", 9, true, 0), 5, "users");
	CHECK(!limits_has_place(&l, true), "no place at all");
	limits_forget(&l, &p);
	limits_free(&l);
}

static const struct CMUnitTest tests[] = {
	TEST(test_sessions_per_address, "SMTP-12"),
	TEST(test_sessions_per_network, ""),
	TEST(test_connections_per_minute, ""),
	TEST(test_sessions_in_all, ""),
	TEST(test_last_places, "OPS-1"),
	TEST(test_forget_a_receiver, ""),
	TEST(test_tables_are_bounded, "PRS-7"),
	TEST(test_handshakes_per_minute, "TLS-12"),
	TEST(test_handshakes_ahead, "TLS-12"),
	TEST(test_handshakes_ahead_of_a_network, "TLS-12"),
	TEST(test_rates_of_a_network, "TLS-12"),
	TEST(test_delay_grows, "AUTH-5"),
	TEST(test_tries_per_address, "AUTH-5"),
	TEST(test_tries_per_account_and_network, "AUTH-5"),
	TEST(test_successes_do_not_count, "AUTH-5"),
	TEST(test_successes_are_not_kept, "AUTH-5"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
