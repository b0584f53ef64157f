/*
 * retry.c - the waits grow as they should; no clock ends or saves a letter.
 */
#include "check.h"

#include "sched/retry.h"

#define MINUTE	60000u
#define HOUR	(60u * MINUTE)
#define DAY	(24u * HOUR)
#define YEAR	((uint64_t)365 * DAY)

/* x1.5 from 300 s; 2 h is passed at the ninth: 300 * 1.5^8 = 7688 s. */
static const struct {
	uint32_t	attempts;
	uint64_t	plain_ms;
} waits[] = {
	{ 1, 300000 },
	{ 2, 450000 },
	{ 3, 675000 },
	{ 4, 1012500 },
	{ 8, 5125781 },
	{ 9, 7200000 },
	{ 100, 7200000 },
	{ UINT32_MAX, 7200000 },
};

static void
test_curve(void **state)
{
	const struct retry r = RETRY_DEFAULT;

	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		uint64_t plain = waits[i].plain_ms;
		uint64_t low = retry_wait_ms(&r, waits[i].attempts, 0);
		uint64_t high = retry_wait_ms(&r, waits[i].attempts, 65535);

		CHECK(low >= plain * 79 / 100 && low <= plain * 81 / 100,
		    "attempt %u: %llu", waits[i].attempts,
		    (unsigned long long)low);
		CHECK(high >= plain * 119 / 100 && high <= plain * 120 / 100,
		    "attempt %u: %llu", waits[i].attempts,
		    (unsigned long long)high);
	}
}

static void
test_no_jitter(void **state)
{
	struct retry r = RETRY_DEFAULT;

	(void)state;
	r.jitter_percent = 0;
	for (size_t i = 0; i < COUNT(waits); i++)
		CHECK(retry_wait_ms(&r, waits[i].attempts, 12345) / 10 ==
		    waits[i].plain_ms / 10, "attempt %u", waits[i].attempts);
}

static const struct {
	const char	*name;
	uint32_t	 attempts;
	int64_t		 claim_ms;		/* wall now - arrived */
	uint64_t	 low_ms, high_ms;
} ages[] = {
	{ "just came",		0, 10,			0, 10 },
	{ "true age",		5, 60 * MINUTE,		60 * MINUTE,
	    60 * MINUTE },
	{ "ten years on, new",	0, (int64_t)(10 * YEAR), 0, 4 * HOUR },
	{ "ten years on, tried", 9, (int64_t)(10 * YEAR), 0, 12 * HOUR },
	{ "ten years back, new", 0, -(int64_t)(10 * YEAR), 0, 0 },
	/* 80 attempts fill more than five days: it does end. */
	{ "ten years back, old", 90, -(int64_t)(10 * YEAR), 5 * DAY, 8 * DAY },
};

static void
test_age_is_believed_within_reason(void **state)
{
	const struct retry r = RETRY_DEFAULT;
	const uint64_t arrived = 20 * YEAR;

	(void)state;
	for (size_t i = 0; i < COUNT(ages); i++) {
		uint64_t age = retry_age_ms(&r, ages[i].attempts, arrived,
		    (uint64_t)((int64_t)arrived + ages[i].claim_ms));

		CHECK(age >= ages[i].low_ms && age <= ages[i].high_ms,
		    "%s: %llu", ages[i].name, (unsigned long long)age);
	}
}

static void
test_left_is_at_most_one_wait(void **state)
{
	const struct retry r = RETRY_DEFAULT;
	const uint64_t now = 20 * YEAR;

	(void)state;
	CHECK_NUM(retry_left_ms(&r, 1, now + 1000, now), 1000, "as planned");
	CHECK_NUM(retry_left_ms(&r, 1, now - 1000, now), 0, "overdue");
	CHECK_NUM(retry_left_ms(&r, 1, now + 10 * YEAR, now), 300000,
	    "clock went back");
	CHECK_NUM(retry_left_ms(&r, 50, now + 10 * YEAR, now), 7200000,
	    "clock went back, late");
}

static const struct CMUnitTest tests[] = {
	TEST(test_curve, "DLV-6"),
	TEST(test_no_jitter, ""),
	TEST(test_age_is_believed_within_reason, "DLV-9"),
	TEST(test_left_is_at_most_one_wait, "DLV-9"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
