/*
 * From a domain to hosts: the DNS is a table of this test.
 */
#include "check.h"
#include "role/resolver/ask.h"

#define ROWS_MAX	8

/* One row a name and type; data parted by '|', or a status. */
struct row {
	const char	*name;
	enum ask_type	 type;
	const char	*data;		/* "SERVFAIL", "BOGUS", "NXDOMAIN" or data */
};
struct zone {
	struct row	rows[ROWS_MAX];
};

struct records {
	size_t	n;
	size_t	lengths[64];
	uint8_t	octets[64][64];
};

static struct span
record(const void *ctx, size_t i)
{
	const struct records *r = ctx;

	return i < r->n ? span_of(r->octets[i], r->lengths[i])
			: (struct span){ 0 };
}

/* "10 mx.a.example" or "192.0.2.1" into rdata. */
static void
add_record(struct records *r, enum ask_type type, struct span text)
{
	uint8_t *to = r->octets[r->n];
	struct address a;
	size_t n = 0;

	if (type == ASK_MX) {
		size_t blank = span_find(text, ' ');
		uint64_t preference;

		assert_int_equal(span_u64(span_of(text.p, blank), 65535,
		    &preference), ERR_OK);
		to[n++] = (uint8_t)(preference >> 8);
		to[n++] = (uint8_t)preference;
		text = span_skip(text, blank + 1);
		while (text.n > 0) {
			struct span label = span_take(&text,
			    span_find(text, '.'));

			text = span_skip(text, 1);
			to[n++] = (uint8_t)label.n;
			memcpy(to + n, label.p, label.n);
			n += label.n;
		}
		to[n++] = 0;
	} else {
		assert_int_equal(address_parse(text, &a), ERR_OK);
		memcpy(to, a.octets, a.n);
		n = a.n;
	}
	r->lengths[r->n++] = n;
}

static struct ask_answer
look_up(const struct zone *z, const struct ask_query *q, struct records *r)
{
	struct ask_answer a = { .status = RESOLVE_OK, .why = "", .ttl_s = 300,
		.record = record, .ctx = r, .security = RESOLVE_SECURE };
	struct span data;

	r->n = 0;
	for (size_t i = 0; i < ROWS_MAX && z->rows[i].name != NULL; i++) {
		if (strcmp(z->rows[i].name, q->name) != 0 ||
		    z->rows[i].type != q->type)
			continue;
		data = span_str(z->rows[i].data);
		if (span_eq(data, SPAN("SERVFAIL")) ||
		    span_eq(data, SPAN("BOGUS"))) {
			a.status = RESOLVE_TEMPFAIL;
			a.why = z->rows[i].data;
			return a;
		}
		if (span_eq(data, SPAN("NXDOMAIN"))) {
			a.status = RESOLVE_NONE;
			return a;
		}
		a.has_data = true;
		while (data.n > 0) {
			add_record(r, q->type,
			    span_take(&data, span_find(data, '|')));
			data = span_skip(data, 1);
		}
	}
	return a;
}

/* "mx.a.example=192.0.2.1,192.0.2.2 ..." of what was answered. */
static void
show(const struct resolve_route_answer *m, char *to, size_t room)
{
	struct span hosts = m->hosts;
	struct resolve_host h;
	size_t n = 0;

	to[0] = '\0';
	while (ipc_list_next(&ipc_resolve_host, &hosts, &h) == ERR_OK) {
		struct resolve_address one;
		char mark = '=';

		n += (size_t)snprintf(to + n, room - n, "%s%.*s",
		    n > 0 ? " " : "", SPAN_FMT(h.name));
		while (ipc_list_next(&ipc_resolve_address, &h.addresses,
			   &one) == ERR_OK) {
			struct buf text = buf_make(64);
			struct address a;

			assert_int_equal(address_make(one.address, &a), ERR_OK);
			assert_int_equal(address_print(&a, &text), ERR_OK);
			n += (size_t)snprintf(to + n, room - n, "%c%.*s", mark,
			    SPAN_FMT(buf_span(&text)));
			buf_free(&text);
			mark = ',';
		}
	}
}

static struct config *
config_of(const char *text)
{
	struct config_report report = config_report_make();
	struct config_host host = { "mx.us.example", 1 };
	struct config *c;

	assert_int_equal(config_parse(span_str(text), "/t.conf", NULL, &host,
	    &c, &report), ERR_OK);
	config_report_free(&report);
	return c;
}

static enum resolve_status
resolve(const struct config *c, const struct zone *z, const char *domain,
    bool is_host, char *shown, size_t room, size_t *queries)
{
	static const uint32_t random[ASK_QUERIES_MAX] = { 5, 4, 3, 2, 1 };
	struct resolve_route question = { .tag = 7, .domain = span_str(domain),
		.is_host = is_host };
	struct resolve_route_answer m;
	struct buf list = buf_make(32768);
	static struct records records;
	struct ask *a = calloc(1, sizeof *a);
	struct ask_query q;
	enum resolve_status status;

	assert_non_null(a);
	shown[0] = '\0';
	*queries = 0;
	if (ask_begin(a, c, &question) != ERR_OK) {
		free(a);
		return RESOLVE_NONE;
	}
	while (!ask_is_done(a)) {
		struct ask_answer answer;

		assert_true(ask_next(a, &q));
		assert_true(++*queries <= ASK_QUERIES_MAX);
		answer = look_up(z, &q, &records);
		ask_told(a, &q, &answer, random);
	}
	assert_int_equal(ask_result(a, &list, &m), ERR_OK);
	assert_int_equal(m.tag, 7);
	status = (enum resolve_status)m.status;
	show(&m, shown, room);
	buf_free(&list);
	free(a);
	return status;
}

static const struct {
	const char		*name, *domain;
	bool			 is_host;
	struct zone		 zone;
	enum resolve_status	 status;
	const char		*hosts;
} cases[] = {
	{ "two MX in order", "a.example", false, { {
	    { "a.example", ASK_MX, "20 mx2.a.example|10 mx1.a.example" },
	    { "mx1.a.example", ASK_A, "11.0.0.1|11.0.0.2" },
	    { "mx2.a.example", ASK_AAAA, "2a00:1450::2" } } },
	    RESOLVE_OK, "mx1.a.example=11.0.0.1,11.0.0.2 "
	    "mx2.a.example=2a00:1450::2" },
	{ "among equals chance decides", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx1.a.example|10 mx2.a.example" },
	    { "mx1.a.example", ASK_A, "11.0.0.1" },
	    { "mx2.a.example", ASK_A, "11.0.0.2" } } },
	    RESOLVE_OK, "mx2.a.example=11.0.0.2 mx1.a.example=11.0.0.1" },
	{ "no MX", "a.example", false, { {
	    { "a.example", ASK_A, "11.0.0.1" } } },
	    RESOLVE_OK, "a.example=11.0.0.1" },
	{ "null MX", "a.example", false, { {
	    { "a.example", ASK_MX, "0 " },
	    { "a.example", ASK_A, "11.0.0.1" } } }, RESOLVE_NULL_MX, "" },
	{ "no such domain", "a.example", false, { {
	    { "a.example", ASK_MX, "NXDOMAIN" } } }, RESOLVE_NONE, "" },
	{ "neither MX nor address", "a.example", false, { { { 0 } } },
	    RESOLVE_NONE, "" },
	{ "SERVFAIL for MX", "a.example", false, { {
	    { "a.example", ASK_MX, "SERVFAIL" },
	    { "a.example", ASK_A, "11.0.0.1" } } }, RESOLVE_TEMPFAIL, "" },
	{ "bogus MX", "a.example", false, { {
	    { "a.example", ASK_MX, "BOGUS" } } }, RESOLVE_TEMPFAIL, "" },
	{ "SERVFAIL for the only host", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx.a.example" },
	    { "mx.a.example", ASK_A, "SERVFAIL" } } }, RESOLVE_TEMPFAIL, "" },
	{ "MX host without address", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx.a.example" } } }, RESOLVE_NONE, "" },
	{ "MX that is no host name", "a.example", false, { {
	    { "a.example", ASK_MX, "10 -bad-.example" },
	    { "a.example", ASK_A, "11.0.0.1" } } }, RESOLVE_NONE, "" },
	{ "private addresses only", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx.a.example" },
	    { "mx.a.example", ASK_A, "127.0.0.1|10.0.0.1" } } },
	    RESOLVE_REFUSED, "" },
	{ "we are the best", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx.us.example|20 mx2.a.example" },
	    { "mx.us.example", ASK_A, "11.0.0.9" },
	    { "mx2.a.example", ASK_A, "11.0.0.2" } } }, RESOLVE_LOOP, "" },
	{ "we are second", "a.example", false, { {
	    { "a.example", ASK_MX, "10 mx1.a.example|20 mx.us.example|"
		"20 mx3.a.example" },
	    { "mx1.a.example", ASK_A, "11.0.0.1" },
	    { "mx3.a.example", ASK_A, "11.0.0.3" },
	    { "mx.us.example", ASK_A, "11.0.0.9" } } },
	    RESOLVE_OK, "mx1.a.example=11.0.0.1" },
	{ "a relay may be private", "relay.example", true, { {
	    { "relay.example", ASK_MX, "10 other.example" },
	    { "relay.example", ASK_A, "127.0.0.1" } } },
	    RESOLVE_OK, "relay.example=127.0.0.1" },
	{ "a relay by address", "127.0.0.1", true, { { { 0 } } },
	    RESOLVE_OK, "[127.0.0.1]=127.0.0.1" },
	{ "address literal", "[11.0.0.1]", false, { { { 0 } } },
	    RESOLVE_OK, "[11.0.0.1]=11.0.0.1" },
	{ "private literal", "[127.0.0.1]", false, { { { 0 } } },
	    RESOLVE_REFUSED, "" },
	{ "no literal", "[x]", false, { { { 0 } } }, RESOLVE_NONE, "" },
	{ "no name", "a b", false, { { { 0 } } }, RESOLVE_NONE, "" },
};

static void
test_cases(void **state)
{
	struct config *c = config_of("hostname mx.us.example\n");
	static char shown[2048];
	size_t queries;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_NUM(resolve(c, &cases[i].zone, cases[i].domain,
			      cases[i].is_host, shown, sizeof shown, &queries),
		    cases[i].status, "%s", cases[i].name);
		CHECK_STR(shown, cases[i].hosts, "%s", cases[i].name);
	}
	config_free(c);
}

/* Fifty MX hosts: the twenty best are kept, forty queries at most. */
static void
test_budget(void **state)
{
	struct config *c = config_of("hostname mx.us.example\n");
	struct zone z = { 0 };
	static char data[2048], shown[4096];
	size_t n = 0, queries;

	(void)state;
	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(data + n, sizeof data - n, "%s%d h%d.x",
		    i > 0 ? "|" : "", 100 - i, i);
	z.rows[0] = (struct row){ "a.example", ASK_MX, data };
	z.rows[1] = (struct row){ "h49.x", ASK_A, "11.0.0.49" };
	z.rows[2] = (struct row){ "h0.x", ASK_A, "11.0.0.1" };
	CHECK_NUM(resolve(c, &z, "a.example", false, shown, sizeof shown,
		      &queries), RESOLVE_OK, "status");
	CHECK_STR(shown, "h49.x=11.0.0.49", "the best is among them");
	CHECK(queries <= ASK_QUERIES_MAX, "%zu", queries);
	config_free(c);
}

/* Time is up before anything came: temporary, never "no such domain". */
static void
test_expire(void **state)
{
	struct config *c = config_of("hostname mx.us.example\n");
	struct resolve_route question = { .domain = SPAN("a.example") };
	struct resolve_route_answer m;
	struct buf list = buf_make(32768);
	struct ask *a = calloc(1, sizeof *a);
	struct ask_query q;

	(void)state;
	assert_non_null(a);
	assert_int_equal(ask_begin(a, c, &question), ERR_OK);
	assert_true(ask_next(a, &q));
	ask_expire(a);
	assert_int_equal(ask_result(a, &list, &m), ERR_OK);
	CHECK_NUM(m.status, RESOLVE_TEMPFAIL, "status");
	buf_free(&list);
	free(a);
	config_free(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cases, "DNS-2 DNS-4 DNS-6"),
		TEST(test_budget, "DNS-5"),
		TEST(test_expire, "DNS-4"),
	};

	return RUN_TESTS(tests);
}
