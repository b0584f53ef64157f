/* How much a user hands in within an hour (RLY-6). */
#include "role/lookup/rates.h"

#include "check.h"

#define MINUTE	60000u
#define ANNA	SPAN("anna@example.org")

static const struct siphash_key key = { 3, 4 };
static const struct config_limits defaults = {
	.user_messages = 500, .user_recipients = 2000,
};

static struct address
at(const char *text)
{
	struct address a;

	CHECK(address_parse(span_str(text), &a) == ERR_OK, "%s", text);
	return a;
}

/* So many messages: how many of them were taken. */
static unsigned int
send_n(struct rates *r, struct span user, const char *from, unsigned int n,
    uint32_t recipients, uint64_t now)
{
	struct address a = at(from);
	unsigned int taken = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (rates_begin(r, user, &a, now).result != RATES_OK)
			continue;
		taken += rates_message(r, user, &a, recipients, now).result ==
		    RATES_OK;
	}
	return taken;
}

static enum rates_result
begin(struct rates *r, struct span user, uint64_t now)
{
	struct address a = at("192.0.2.1");

	return rates_begin(r, user, &a, now).result;
}

/* At the limit, one past it, and in the next hour. */
static void
test_messages(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);

	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 500, 1, 0), 500, "at it");
	CHECK_NUM(begin(&r, ANNA, 0), RATES_OVER, "past it, at MAIL");
	CHECK_NUM(begin(&r, SPAN("ANNA@example.ORG"), 0), RATES_OVER,
	    "by whatever case");
	CHECK_NUM(begin(&r, ANNA, 60 * MINUTE - 1), RATES_OVER, "still");
	CHECK_NUM(begin(&r, SPAN("bob@example.org"), 0), RATES_OK, "another");
	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 600, 1, 60 * MINUTE), 500,
	    "the next hour");
	rates_free(&r);
}

static void
test_recipients(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);

	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1, 1000, 0), 1, "below");
	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1, 1001, 0), 0, "one past");
	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1, 1000, 0), 1, "at it");
	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1, 1, 0), 0, "past it");
	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1, 1, 61 * MINUTE), 1,
	    "an hour later");
	rates_free(&r);
}

/* RLY-6: 10,000 recipients in a minute. */
static void
test_flood(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);
	struct address a = at("192.0.2.1"), b = at("198.51.100.1");
	struct rates_stopped s;
	struct rates_verdict v;
	struct map_node *n = NULL;
	unsigned int taken = 0, news = 0, alarms = 0;

	for (unsigned int i = 0; i < 10; i++) {
		v = rates_begin(&r, ANNA, &a, i * 6000);
		if (v.result == RATES_OK)
			v = rates_message(&r, ANNA, &a, 1000, i * 6000);
		taken += v.result == RATES_OK;
		news += v.result == RATES_OVER && v.is_news;
		alarms += v.result == RATES_STOPPED && v.is_news;
	}
	CHECK_NUM(taken, 2, "2,000 recipients");
	CHECK_NUM(news, 1, "said once");
	CHECK_NUM(alarms, 1, "alarmed once");
	CHECK_NUM(rates_begin(&r, ANNA, &b, 10 * 60 * MINUTE).result,
	    RATES_STOPPED, "from anywhere, hours later");
	CHECK_NUM(rates_begin(&r, SPAN("bob@example.org"), &a, 0).result,
	    RATES_OK, "another user there");
	assert_true(rates_next_stopped(&r, &n, &s));
	CHECK(span_eq(s.user, ANNA), "who");
	CHECK_NUM(s.since_ms, 8 * 6000, "since when");
	assert_false(rates_next_stopped(&r, &n, &s));

	assert_false(rates_lift(&r, SPAN("bob@example.org")));
	assert_true(rates_lift(&r, SPAN("Anna@Example.org")));
	assert_false(rates_lift(&r, ANNA));
	CHECK_NUM(send_n(&r, ANNA, "198.51.100.1", 1, 1, 10 * 60 * MINUTE), 1,
	    "lifted");
	n = NULL;
	assert_false(rates_next_stopped(&r, &n, &s));
	rates_free(&r);
}

/* Who only tries a little again is no flood. */
static void
test_stop_by_messages(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);

	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 2000, 1, 0), 500, "four times");
	CHECK_NUM(begin(&r, ANNA, 0), RATES_STOPPED, "one more");
	rates_free(&r);

	r = rates_make(&key, &defaults);
	for (unsigned int hour = 0; hour < 50; hour++)
		CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 1900, 1,
		    hour * 60 * MINUTE), 500, "hour %u", hour);
	rates_free(&r);
}

/* Users behind one address, IPv6 by /64; it is never stopped. */
static void
test_address(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);
	char name[32];
	unsigned int taken = 0;

	for (unsigned int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof name, "u%u@example.org", i);
		taken += send_n(&r, span_str(name), i % 2 == 0 ?
		    "2001:db8::1" : "2001:db8::2", 100, 1, 0);
	}
	CHECK_NUM(taken, 2000, "four times a user's");
	CHECK_NUM(send_n(&r, ANNA, "2001:db8:0:1::1", 1, 1, 0), 1,
	    "from elsewhere");
	CHECK_NUM(send_n(&r, ANNA, "2001:db8::3", 1, 1, 61 * MINUTE), 1,
	    "an hour later");
	rates_free(&r);
}

static void
test_no_limit(void **state UNUSED)
{
	static const struct config_limits none = { 0 };
	struct rates r = rates_make(&key, &none);

	CHECK_NUM(send_n(&r, ANNA, "192.0.2.1", 100000, 1000, 0), 100000,
	    "all");
	rates_free(&r);
}

/* A full table puts off who is new, and makes room of what has run out. */
static void
test_table_is_bounded(void **state UNUSED)
{
	struct rates r = rates_make(&key, &defaults);
	char name[32];
	unsigned int taken = 0;

	for (unsigned int i = 0; i < RATES_ENTRIES_MAX + 100; i++) {
		(void)snprintf(name, sizeof name, "u%u@example.org", i);
		taken += begin(&r, span_str(name), 0) == RATES_OK;
	}
	CHECK_NUM(taken, RATES_ENTRIES_MAX - 1, "and one address");
	CHECK_NUM(map_count(&r.entries), RATES_ENTRIES_MAX, "full");
	CHECK_NUM(begin(&r, ANNA, 61 * MINUTE), RATES_OK, "room again");
	rates_free(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_messages, "RLY-6"),
		TEST(test_recipients, "RLY-6"),
		TEST(test_flood, "RLY-6"),
		TEST(test_stop_by_messages, "RLY-6"),
		TEST(test_address, "RLY-6"),
		TEST(test_no_limit, ""),
		TEST(test_table_is_bounded, ""),
	};

	return RUN_TESTS(tests);
}
