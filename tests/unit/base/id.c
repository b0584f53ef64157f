/*
 * id: printed, parsed, in order of time, and never twice.
 */
#include "check.h"

#include "base/id.h"
#include "base/rand.h"

static void
test_print_and_parse(void **state)
{
	(void)state;
	struct rand r = { 1 };

	for (int i = 0; i < 1000; i++) {
		char text[MSG_ID_LETTERS + 1];
		uint8_t random[10];
		struct msg_id a, b;

		for (size_t k = 0; k < sizeof random; k++)
			random[k] = (uint8_t)rand_u64(&r);
		a = msg_id_make(rand_u64(&r) >> 16, random);
		msg_id_print(&a, text);
		CHECK_NUM(strlen(text), MSG_ID_LETTERS, "%s", text);
		CHECK_NUM(msg_id_parse(span_str(text), &b), ERR_OK, "%s",
		    text);
		CHECK(msg_id_eq(&a, &b), "%s", text);
	}
}

static void
test_known_letters(void **state)
{
	(void)state;
	struct msg_id id;
	char text[MSG_ID_LETTERS + 1];

	memset(&id, 0, sizeof id);
	CHECK(msg_id_is_none(&id), "all zero is none");
	msg_id_print(&id, text);
	CHECK_STR(text, "00000000000000000000000000", "none");
	id.octets[15] = 1;
	CHECK(!msg_id_is_none(&id), "one is not none");
	memset(&id, 0xff, sizeof id);
	msg_id_print(&id, text);
	CHECK_STR(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "all ones");
}

static void
test_parse_table(void **state)
{
	(void)state;
	static const struct {
		struct span	text;
		enum err	e;
	} cases[] = {
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAV"), ERR_OK },
		{ SPAN("01arz3ndektsv4rrffq69g5fav"), ERR_OK },
		{ SPAN("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), ERR_OK },
		{ SPAN("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FA"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAVX"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAI"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAL"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAO"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAU"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5FA\0"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5F/V"), ERR_SYNTAX },
		{ SPAN("01ARZ3NDEKTSV4RRFFQ69G5F\xc3\xa4"), ERR_SYNTAX },
		{ SPAN("../../../../etc/passwd0000"), ERR_SYNTAX },
		{ SPAN(""), ERR_SYNTAX },
	};
	struct msg_id id;

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_NUM(msg_id_parse(cases[i].text, &id), cases[i].e,
		    "row %zu", i);
}

/* Letters sort as time does, within 48 bits. */
static void
test_sorts_by_time(void **state)
{
	(void)state;
	char last[MSG_ID_LETTERS + 1] = "", text[MSG_ID_LETTERS + 1];
	uint8_t random[10];

	for (unsigned int bit = 0; bit < 48; bit++) {
		struct msg_id id;

		memset(random, bit % 2 ? 0 : 0xff, sizeof random);
		id = msg_id_make(UINT64_C(1) << bit, random);
		msg_id_print(&id, text);
		CHECK(strcmp(last, text) < 0, "%s then %s", last, text);
		memcpy(last, text, sizeof last);
	}
}

static int
by_octets(const void *a, const void *b)
{
	return memcmp(a, b, MSG_ID_OCTETS);
}

/*
 * 10^5 ids of one millisecond, 10^7 in the long run: all different.  The
 * system's random source, as in the server.
 */
static void
test_no_collision(void **state)
{
	(void)state;
	size_t n = getenv("POSTHORSE_LONG") != NULL ? 10000000 : 100000;
	struct msg_id *ids = malloc(n * sizeof *ids);
	FILE *f = fopen("/dev/urandom", "rb");

	CHECK(ids != NULL && f != NULL, "set up");
	for (size_t i = 0; i < n; i++) {
		uint8_t random[10];

		CHECK(fread(random, sizeof random, 1, f) == 1, "random");
		ids[i] = msg_id_make(1700000000000, random);
	}
	(void)fclose(f);
	qsort(ids, n, sizeof *ids, by_octets);
	for (size_t i = 1; i < n; i++)
		CHECK(!msg_id_eq(&ids[i - 1], &ids[i]), "id %zu", i);
	free(ids);
}

static const struct CMUnitTest tests[] = {
	TEST(test_print_and_parse, ""),
	TEST(test_known_letters, ""),
	TEST(test_parse_table, "PRS-6 MEM-4"),
	TEST(test_sorts_by_time, ""),
	TEST(test_no_collision, "SPL-11"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
