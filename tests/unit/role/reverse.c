/*
 * From an address to a name and back: the DNS is a table of this test.
 */
#include "check.h"

#include "role/resolver/reverse.h"

#define ROWS_MAX	24

/* One row a record: rdata as octets; a NULL: that it fails. */
struct row {
	const char	*name;
	enum ask_type	 type;
	struct span	 rdata;
};
#define PTR4	"1.2.0.192.in-addr.arpa"
#define FAILS	{ NULL, 1 }
#define R(text)	{ (const uint8_t *)(text), sizeof(text) - 1 }
#define HOST(label)	R("\1" label "\7example\0")
#define OURS	R("\xc0\0\2\1")		/* 192.0.2.1 */
#define OTHER	R("\xc0\0\2\2")

static const struct {
	const char		*name;
	struct row		 zone[ROWS_MAX];
	enum inquiry_found	 found;
	const char		*host;
	size_t			 nqueries;
} cases[] = {
	{ "no name", { { 0 } }, INQUIRY_NONE, "", 1 },
	{ "leads back", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_A, OURS } }, INQUIRY_PASS, "a.example", 2 },
	{ "leads elsewhere", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_A, OTHER } }, INQUIRY_MISMATCH, "a.example",
	    2 },
	{ "leads nowhere", { { PTR4, ASK_PTR, HOST("a") } },
	    INQUIRY_MISMATCH, "a.example", 2 },
	{ "one of several addresses", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_A, OTHER }, { "a.example", ASK_A, OURS } },
	    INQUIRY_PASS, "a.example", 2 },
	{ "the second name", { { PTR4, ASK_PTR, HOST("a") },
	    { PTR4, ASK_PTR, HOST("b") }, { "a.example", ASK_A, OTHER },
	    { "b.example", ASK_A, OURS } }, INQUIRY_PASS, "b.example", 3 },
	{ "the other family is no proof", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_AAAA, R("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2"
	    "\1") } }, INQUIRY_MISMATCH, "a.example", 2 },
	{ "PTR fails", { { PTR4, ASK_PTR, FAILS } }, INQUIRY_LATER, "", 1 },
	{ "the way back fails", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_A, FAILS } }, INQUIRY_LATER, "", 2 },
	{ "one fails, one leads back", { { PTR4, ASK_PTR, HOST("a") },
	    { PTR4, ASK_PTR, HOST("b") }, { "a.example", ASK_A, FAILS },
	    { "b.example", ASK_A, OURS } }, INQUIRY_PASS, "b.example", 3 },
	{ "one fails, one leads elsewhere", { { PTR4, ASK_PTR, HOST("a") },
	    { PTR4, ASK_PTR, HOST("b") }, { "a.example", ASK_A, FAILS },
	    { "b.example", ASK_A, OTHER } }, INQUIRY_LATER, "", 3 },
	{ "no host name", { { PTR4, ASK_PTR, R("\3a\nb\7example\0") },
	    { PTR4, ASK_PTR, R("\3a b\7example\0") } }, INQUIRY_NONE, "", 1 },
	{ "no host name beside a good one",
	    { { PTR4, ASK_PTR, R("\3a\"b\7example\0") },
	    { PTR4, ASK_PTR, HOST("b") }, { "b.example", ASK_A, OURS } },
	    INQUIRY_PASS, "b.example", 2 },
	{ "a short A record", { { PTR4, ASK_PTR, HOST("a") },
	    { "a.example", ASK_A, R("\xc0\0\2") } }, INQUIRY_MISMATCH,
	    "a.example", 2 },
	{ "eleven names", { { PTR4, ASK_PTR, HOST("a") },
	    { PTR4, ASK_PTR, HOST("b") }, { PTR4, ASK_PTR, HOST("c") },
	    { PTR4, ASK_PTR, HOST("d") }, { PTR4, ASK_PTR, HOST("e") },
	    { PTR4, ASK_PTR, HOST("f") }, { PTR4, ASK_PTR, HOST("g") },
	    { PTR4, ASK_PTR, HOST("h") }, { PTR4, ASK_PTR, HOST("i") },
	    { PTR4, ASK_PTR, HOST("j") }, { PTR4, ASK_PTR, HOST("k") },
	    { "k.example", ASK_A, OURS } }, INQUIRY_MISMATCH, "a.example",
	    11 },
};

struct asked {
	const struct row	*zone;
	const struct ask_query	*q;
};

static bool
is_asked(const struct asked *a, const struct row *row)
{
	return row->name != NULL && row->type == a->q->type &&
	    strcmp(row->name, a->q->name) == 0;
}

static struct span
record(const void *ctx, size_t i)
{
	const struct asked *a = ctx;

	for (size_t k = 0; k < ROWS_MAX; k++)
		if (is_asked(a, &a->zone[k]) && i-- == 0)
			return a->zone[k].rdata;
	return span_of(NULL, 0);
}

static void
tell(struct reverse *r, const struct row *zone, const struct ask_query *q)
{
	struct asked asked = { zone, q };
	struct ask_answer a = { .status = RESOLVE_NONE, .why = "",
		.record = record, .ctx = &asked };

	for (size_t k = 0; k < ROWS_MAX; k++)
		if (is_asked(&asked, &zone[k])) {
			a.status = zone[k].rdata.p == NULL ?
			    RESOLVE_TEMPFAIL : RESOLVE_OK;
			a.has_data = a.status == RESOLVE_OK;
		}
	reverse_told(r, q, &a);
}

/* Answers come in the order of the questions, or turned round. */
static size_t
play(struct reverse *r, const struct row *zone, bool is_turned)
{
	struct ask_query open[REVERSE_NAMES_MAX + 1];
	size_t n = 0, asked = 0;

	while (!reverse_is_done(r)) {
		while (n < COUNT(open) && reverse_next(r, &open[n])) {
			n++;
			asked++;
		}
		assert_true(n > 0);
		n--;
		if (is_turned) {
			tell(r, zone, &open[n]);
		} else {
			struct ask_query first = open[0];

			memmove(open, open + 1, n * sizeof open[0]);
			tell(r, zone, &first);
		}
	}
	return asked;
}

static void
test_cases(void **state UNUSED)
{
	static struct reverse r;

	for (size_t i = 0; i < COUNT(cases); i++)
		for (int turned = 0; turned < 2; turned++) {
			struct span name;
			char text[DNS_NAME_MAX + 1];
			size_t n;

			assert_int_equal(reverse_begin(&r,
			    SPAN("\xc0\0\2\1")), ERR_OK);
			CHECK_NUM(reverse_result(&r, &name), INQUIRY_LATER,
			    "%s: nothing is known", cases[i].name);
			n = play(&r, cases[i].zone, turned != 0);
			CHECK_NUM(n, cases[i].nqueries, "%s", cases[i].name);
			CHECK_NUM(reverse_result(&r, &name), cases[i].found,
			    "%s", cases[i].name);
			(void)snprintf(text, sizeof text, "%.*s",
			    SPAN_FMT(name));
			CHECK_STR(text, cases[i].host, "%s", cases[i].name);
		}
}

static void
test_ipv6(void **state UNUSED)
{
	static const uint8_t client[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	static struct reverse r;
	struct ask_query q;

	assert_int_equal(reverse_begin(&r, span_of(client, 16)), ERR_OK);
	assert_true(reverse_next(&r, &q));
	CHECK_STR(q.name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "8.b.d.0.1.0.0.2.ip6.arpa", "nibbles");
	CHECK_NUM(reverse_begin(&r, SPAN("\1\2\3")), ERR_SYNTAX, "no address");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cases, "DNS-2 DNS-4"),
		TEST(test_ipv6, ""),
	};

	return RUN_TESTS(tests);
}
