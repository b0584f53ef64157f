#include "config/network.h"
#include "config/suggest.h"

#include "check.h"

static const struct {
	const char *network, *address;
	bool	    holds;
} cases[] = {
	{ "192.0.2.0/24", "192.0.2.1", true },
	{ "192.0.2.0/24", "192.0.3.1", false },
	{ "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "192.0.2.8", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "192.0.2.1", false },
	{ "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "::1", "::1", true },
	{ "::1", "127.0.0.1", false },
	/* SMTP-12: mapped on either side is IPv4. */
	{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
	{ "192.0.2.0/24", "::ffff:192.0.3.1", false },
	{ "::ffff:192.0.2.0/120", "192.0.2.1", true },
	{ "::ffff:192.0.2.0/120", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.1", "192.0.2.1", true },
	{ "::ffff:0.0.0.0/96", "203.0.113.9", true },
	{ "::ffff:0.0.0.0/96", "2001:db8::1", false },
	{ "127.0.0.0/8", "::ffff:127.0.0.1", true },
};

static void
test_networks_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct network n;
		struct address a;

		CHECK(network_parse(span_str(cases[i].network), &n) == ERR_OK,
		    "%s", cases[i].network);
		CHECK(address_parse(span_str(cases[i].address), &a) == ERR_OK,
		    "%s", cases[i].address);
		CHECK_NUM(network_holds(&n, &a), cases[i].holds, "%s in %s",
		    cases[i].address, cases[i].network);
	}
}

static const char *const no_networks[] = {
	"", "/", "/8", "192.0.2.0/", "192.0.2.0/33", "192.0.2.1/24",
	"192.0.2/24", "192.0.2.0/-1", "192.0.2.0/8x", "192.0.2.0/+8",
	"192.0.2.0/024x", "192.0.2.256", "1.2.3.4.5", "01.2.3.4",
	"2001:db8::/129", "2001:db8::1/64", "2001:db8::1::", "[::1]",
	"fe80::1%eth0", "::ffff:192.0.2.1/120", "example.org", " 192.0.2.1",
	"::ffff:192.0.2.0/95",
};

static void
test_networks_refused(void **state)
{
	struct network n;

	(void)state;
	for (size_t i = 0; i < COUNT(no_networks); i++)
		CHECK(network_parse(span_str(no_networks[i]), &n) ==
		    ERR_SYNTAX, "\"%s\"", no_networks[i]);
	CHECK(network_parse(SPAN("192.0.2.1\0"), &n) == ERR_SYNTAX, "NUL");
}

static void
test_address_octets(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 192, 0,
		2, 1 };
	struct address a, b;

	(void)state;
	CHECK(address_make(span_of(mapped, 16), &a) == ERR_OK, "mapped");
	CHECK(address_parse(SPAN("192.0.2.1"), &b) == ERR_OK, "plain");
	CHECK(address_eq(&a, &b), "a mapped address is the IPv4 one");
	for (size_t n = 0; n < 20; n++)
		CHECK_NUM(address_make(span_of(mapped, MIN(n, 16u)), &a),
		    n == 4 || n >= 16 ? ERR_OK : ERR_SYNTAX, "%zu octets", n);
}

static const struct {
	const char *address;
	uint8_t	    bits;
	const char *kept;
} prefixes[] = {
	{ "192.0.2.255", 24, "192.0.2.0" },
	{ "192.0.2.255", 32, "192.0.2.255" },
	{ "192.0.2.255", 25, "192.0.2.128" },
	{ "192.0.2.255", 0, "0.0.0.0" },
	{ "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::" },
	{ "2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::" },
	{ "2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6" },
	{ "192.0.2.255", 255, "192.0.2.255" },
};

static void
test_address_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		struct buf text = buf_make(64);
		struct address a;

		CHECK(address_parse(span_str(prefixes[i].address), &a) ==
		    ERR_OK, "%zu", i);
		a = address_prefix(&a, prefixes[i].bits);
		CHECK(address_print(&a, &text) == ERR_OK &&
		    span_eq(buf_span(&text), span_str(prefixes[i].kept)),
		    "%s/%u is %.*s", prefixes[i].address, prefixes[i].bits,
		    SPAN_FMT(buf_span(&text)));
		buf_free(&text);
	}
}

static const struct {
	const char *a, *b;
	size_t	    distance;
} distances[] = {
	{ "", "", 0 }, { "", "abc", 3 }, { "abc", "", 3 },
	{ "listen", "listen", 0 }, { "lsiten", "listen", 1 },
	{ "listn", "listen", 1 }, { "listenn", "listen", 1 },
	{ "kitten", "sitting", 3 }, { "ab", "ba", 1 }, { "abc", "cab", 2 },
	{ "0123456789012345678901234567890123", "x", SIZE_MAX },
};

static void
test_suggest_distance(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(distances); i++)
		CHECK_NUM(suggest_distance(span_str(distances[i].a),
		    span_str(distances[i].b)), distances[i].distance,
		    "%s to %s", distances[i].a, distances[i].b);
}

static const struct CMUnitTest tests[] = {
	TEST(test_networks_hold, "SMTP-12"),
	TEST(test_networks_refused, ""),
	TEST(test_address_octets, "SMTP-12"),
	TEST(test_address_prefix, ""),
	TEST(test_suggest_distance, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
