/*
 * queue_route.c - which destination a recipient has, which site its hosts are.
 */
#include "check.h"

#include "role/queue/queue.h"

static const char text[] =
    "hostname mx.example.org\n"
    "relay via smtp://smart.example.net\n"
    "relay named backup via smtp://backup.example.net\n"
    "relay partner.example named partner via smtp://[192.0.2.7]\n";

static const struct {
	const char		*address;
	enum envelope_route	 route;
	bool			 has_relays;
	const char		*name;
} cases[] = {
	{ "ann@example.org", ENVELOPE_LOCAL, false, "l" },
	{ "ann@example.org", ENVELOPE_LOCAL, true, "l" },
	{ "bob@Example.NET", ENVELOPE_REMOTE, false, "mexample.net" },
	/* RFC 5321 2.4: only the domain's case says nothing. */
	{ "Bob@b@EXAMPLE.net", ENVELOPE_REMOTE, false, "mexample.net" },
	{ "bob@[192.0.2.1]", ENVELOPE_REMOTE, false, "m[192.0.2.1]" },
	{ "postmaster", ENVELOPE_REMOTE, false, "m" },
};

static void
test_destination(void **state)
{
	struct config none = { 0 };
	struct buf name = buf_make(SCHED_NAME_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct envelope_recipient r = {
			.address = span_str(cases[i].address),
			.route = cases[i].route,
		};

		CHECK_NUM(queue_destination(&none, &r, &name), ERR_OK, "%s",
		    cases[i].address);
		CHECK(span_eq(buf_span(&name), span_str(cases[i].name)),
		    "%s: %.*s", cases[i].address, SPAN_FMT(name));
	}
	buf_free(&name);
}

static struct config *
config_of(const char *lines)
{
	static const struct config_host host = { "mx.example.org", 1 };
	struct config_report report = config_report_make();
	struct config *c = NULL;

	CHECK(config_parse(span_str(lines), "/test.conf", NULL, &host, &c,
	    &report) == ERR_OK, "%.*s", SPAN_FMT(report.text));
	config_report_free(&report);
	return c;
}

static void
test_relays(void **state)
{
	static const struct {
		const char	*address;
		const char	*host;
	} rows[] = {
		{ "a@partner.EXAMPLE", "192.0.2.7" },
		{ "a@sub.partner.example", "smart.example.net" },
		{ "a@elsewhere.example", "smart.example.net" },
	};
	struct config *c = config_of(text);
	struct buf name = buf_make(SCHED_NAME_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct envelope_recipient r = {
			.address = span_str(rows[i].address),
			.route = ENVELOPE_REMOTE,
		};
		uint32_t relay;

		CHECK_NUM(queue_destination(c, &r, &name), ERR_OK, "%s",
		    rows[i].address);
		relay = queue_relay_of(buf_span(&name));
		CHECK(relay > 0, "%s: %.*s", rows[i].address, SPAN_FMT(name));
		CHECK_STR(c->relays[relay - 1].host, rows[i].host, "%s",
		    rows[i].address);
	}
	buf_free(&name);
	config_free(c);
}

/* What a rule says comes before what the domain says; a lost route waits. */
static void
test_named(void **state)
{
	static const struct {
		const char	*address, *via, *host;	/* or the name */
	} rows[] = {
		{ "a@elsewhere.example", "backup", "backup.example.net" },
		{ "a@partner.example", "backup", "backup.example.net" },
		{ "a@elsewhere.example", "partner", "192.0.2.7" },
		{ "a@partner.example", "gone", "rgone" },
		{ "a@elsewhere.example", "", "smart.example.net" },
	};
	struct config *c = config_of(text);
	struct buf name = buf_make(SCHED_NAME_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct envelope_recipient r = {
			.address = span_str(rows[i].address),
			.route = ENVELOPE_REMOTE, .via = span_str(rows[i].via),
		};
		uint32_t relay;

		CHECK_NUM(queue_destination(c, &r, &name), ERR_OK, "%s",
		    rows[i].via);
		relay = queue_relay_of(buf_span(&name));
		CHECK(queue_destination_is_lost(buf_span(&name)) ==
		    (rows[i].host[0] == 'r'), "%s", rows[i].via);
		CHECK(span_eq(relay > 0 ? span_str(c->relays[relay - 1].host) :
		    buf_span(&name), span_str(rows[i].host)), "%s to %s: %.*s",
		    rows[i].address, rows[i].via, SPAN_FMT(name));
	}
	buf_free(&name);
	config_free(c);
}

/* A domain cannot be written so that it looks like a relay or a mailbox. */
static void
test_names_do_not_mix(void **state)
{
	(void)state;
	CHECK_NUM(queue_relay_of(SPAN("h0")), 1, "row 0");
	CHECK_NUM(queue_relay_of(SPAN("h255")), 256, "row 255");
	CHECK_NUM(queue_relay_of(SPAN("h256")), 0, "no such row");
	CHECK_NUM(queue_relay_of(SPAN("mh1")), 0, "a domain h1");
	CHECK_NUM(queue_relay_of(SPAN("h")), 0, "nothing");
	CHECK_NUM(queue_relay_of(SPAN("")), 0, "nothing at all");
	CHECK(!queue_destination_is_local(SPAN("ml")), "a domain l");
	CHECK(!queue_destination_is_lost(SPAN("mr")), "a domain r");
}

static void
add_host(struct buf *hosts, uint16_t preference, const char *name)
{
	const struct resolve_host h = {
		.preference = preference, .name = span_str(name), .port = 25,
	};

	CHECK(ipc_list_add(&ipc_resolve_host, &h, hosts) == ERR_OK, "add");
}

/* The set of hosts names the site, in whatever order DNS gave them. */
static void
test_site_is_the_set_of_hosts(void **state)
{
	struct buf a = buf_make(4096), b = buf_make(4096);
	struct buf x = buf_make(SCHED_NAME_MAX), y = buf_make(SCHED_NAME_MAX);

	(void)state;
	add_host(&a, 10, "mx1.example.net");
	add_host(&a, 20, "mx2.example.net");
	add_host(&b, 5, "mx2.example.net");
	add_host(&b, 5, "mx1.example.net");
	CHECK_NUM(queue_site_name(buf_span(&a), &x), ERR_OK, "a");
	CHECK_NUM(queue_site_name(buf_span(&b), &y), ERR_OK, "b");
	CHECK(span_eq(buf_span(&x), buf_span(&y)), "one site");
	add_host(&b, 9, "mx3.example.net");
	CHECK_NUM(queue_site_name(buf_span(&b), &y), ERR_OK, "b");
	CHECK(!span_eq(buf_span(&x), buf_span(&y)), "two sites");
	CHECK_NUM(queue_site_name(SPAN(""), &y), ERR_NONE, "no hosts");
	buf_free(&a);
	buf_free(&b);
	buf_free(&x);
	buf_free(&y);
}

static void
test_kept_connections(void **state)
{
	struct queue_worker w = { 0 };

	(void)state;
	CHECK(!queue_kept_has(&w, 5), "none yet");
	queue_kept_set(&w, 5, true);
	queue_kept_set(&w, 5, true);
	CHECK(queue_kept_has(&w, 5), "kept");
	CHECK_NUM(w.nkept, 1, "once");
	for (uint64_t site = 100; site < 100 + QUEUE_KEPT_MAX; site++)
		queue_kept_set(&w, site, true);
	CHECK(!queue_kept_has(&w, 5), "the oldest is forgotten");
	queue_kept_set(&w, 120, false);
	CHECK(!queue_kept_has(&w, 120), "closed");
}

static const struct CMUnitTest tests[] = {
	TEST(test_destination, ""),
	TEST(test_relays, ""),
	TEST(test_named, ""),
	TEST(test_names_do_not_mix, ""),
	TEST(test_site_is_the_set_of_hosts, "DLV-7"),
	TEST(test_kept_connections, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
