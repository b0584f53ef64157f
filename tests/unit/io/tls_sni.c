/*
 * tls_sni.c - names that clients ask for, and names that certificates have.
 */
#include "check.h"
#include "io/tls_sni.h"

#define WIRE(octets)	octets, sizeof octets - 1

static const struct {
	const char	*name, *wire;
	size_t		 n;
	const char	*host;		/* NULL: not taken */
} wires[] = {
	{ "a name", WIRE("\0\4\0\0\1a"), "a" },
	{ "two labels", WIRE("\0\6\0\0\3a.b"), "a.b" },
	{ "another type before it", WIRE("\0\x8\7\0\1x\0\0\1a"), "a" },
	{ "another type only", WIRE("\0\4\7\0\1x"), NULL },
	{ "two names", WIRE("\0\x8\0\0\1a\0\0\1b"), NULL },
	{ "nothing", WIRE(""), NULL },
	{ "an empty list", WIRE("\0\0"), NULL },
	{ "an empty name", WIRE("\0\3\0\0\0"), NULL },
	{ "a list too long", WIRE("\0\5\0\0\1a"), NULL },
	{ "a list too short", WIRE("\0\3\0\0\1a"), NULL },
	{ "a name too long", WIRE("\0\4\0\0\2a"), NULL },
	{ "octets behind the list", WIRE("\0\4\0\0\1ab"), NULL },
	{ "NUL", WIRE("\0\6\0\0\3a\0b"), NULL },
	{ "backslash", WIRE("\0\6\0\0\3a\\b"), NULL },
	{ "wildcard", WIRE("\0\6\0\0\3*.b"), NULL },
	{ "final dot", WIRE("\0\5\0\0\2a."), NULL },
};

static void
test_wires(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(wires); i++) {
		struct span name = SPAN("untouched");
		enum err e = tls_sni_parse(span_of(wires[i].wire, wires[i].n),
		    &name);

		CHECK_NUM(e == ERR_OK, wires[i].host != NULL, "%s",
		    wires[i].name);
		if (wires[i].host != NULL)
			CHECK(span_eq(name, span_str(wires[i].host)), "%s",
			    wires[i].name);
	}
}

/* Cut at every octet it is not taken for another. */
static void
test_cut(void **state UNUSED)
{
	static const char wire[] = "\0\x12\0\0\xfmx.example.test";

	for (size_t n = 0; n < sizeof wire - 1; n++) {
		struct span name;

		CHECK(tls_sni_parse(span_of(wire, n), &name) == ERR_SYNTAX,
		    "%zu octets", n);
	}
}

static void
test_lengths(void **state UNUSED)
{
	static uint8_t wire[300];
	struct span name;

	for (size_t n = 60; n < 256; n++) {
		memset(wire, 'a', sizeof wire);
		for (size_t i = 20; i < 290; i += 20)
			wire[i] = '.';
		wire[0] = wire[2] = wire[3] = 0;
		wire[1] = (uint8_t)(n + 3);
		wire[0] = (uint8_t)((n + 3) >> 8);
		wire[4] = (uint8_t)n;
		if (wire[4 + n] == '.')
			continue;
		CHECK_NUM(tls_sni_parse(span_of(wire, n + 5), &name),
		    n <= TLS_NAME_MAX ? ERR_OK : ERR_SYNTAX, "%zu octets", n);
	}
}

static const struct {
	const char	*pattern, *name;
	bool		 is_good, matches;
} names[] = {
	{ "mx.example.org", "mx.example.org", true, true },
	{ "MX.example.org", "mx.EXAMPLE.org", true, true },
	{ "mx.example.org", "m.example.org", true, false },
	{ "mx.example.org", "mx.example.or", true, false },
	{ "*.example.org", "mx.example.org", true, true },
	{ "*.example.org", "a.mx.example.org", true, false },
	{ "*.example.org", "example.org", true, false },
	{ "localhost", "localhost", true, true },
	{ "_dane.example.org", "_dane.example.org", true, true },
	{ "m*.example.org", "mx.example.org", false, false },
	{ "*x.example.org", "mx.example.org", false, false },
	{ "mx.*.org", "mx.example.org", false, false },
	{ "*.*.org", "mx.example.org", false, false },
	{ "*.org", "example.org", false, false },
	{ "*", "mx", false, false },
	{ "*.", "mx", false, false },
	{ "", "mx", false, false },
	{ "a..b", "a..b", false, false },
	{ ".a", ".a", false, false },
	{ "a.", "a.", false, false },
	{ "a b", "a b", false, false },
};

static void
test_names(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		struct span pattern = span_str(names[i].pattern);
		struct span name = span_str(names[i].name);

		CHECK_NUM(tls_name_is_good(pattern, true), names[i].is_good,
		    "%s", names[i].pattern);
		CHECK(!names[i].is_good || tls_name_matches(pattern, name) ==
		    names[i].matches, "%s for %s", names[i].pattern,
		    names[i].name);
	}
	CHECK(!tls_name_is_good(SPAN("mx\0.example.org"), true), "NUL");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_wires, "TLS-6"),
		TEST(test_cut, "PRS-2"),
		TEST(test_lengths, ""),
		TEST(test_names, "TLS-11"),
	};

	return RUN_TESTS(tests);
}
