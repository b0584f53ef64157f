/*
 * Records from the DNS: short, overlong and hostile ones are unusable.
 */
#include "check.h"
#include "proto/dns_rdata.h"

#define O(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static const struct {
	struct span	 rdata;
	const char	*host;		/* NULL: unusable */
	uint16_t	 preference;
	bool		 is_null;
} mxs[] = {
	{ O("\0\12\2mx\7example\3org\0"), "mx.example.org", 10, false },
	{ O("\1\0\2MX\7eXample\0"), "mx.example", 256, false },
	{ O("\0\0\0"), "", 0, true },
	{ O(""), NULL, 0, false },
	{ O("\0"), NULL, 0, false },
	{ O("\0\12"), NULL, 0, false },
	{ O("\0\12\2mx"), NULL, 0, false },		/* no end */
	{ O("\0\12\2mx\0\0"), NULL, 0, false },		/* octets behind it */
	{ O("\0\12\5mx\0"), NULL, 0, false },		/* label too long */
	{ O("\0\12\300\14"), NULL, 0, false },		/* a pointer */
	{ O("\0\12\4m x.\3org\0"), NULL, 0, false },	/* dot in a label */
	{ O("\0\12\2m\n\0"), NULL, 0, false },
	{ O("\0\12\2m\"\0"), NULL, 0, false },
	{ O("\0\12\2m\\\0"), NULL, 0, false },
	{ O("\0\12\2m\377\0"), NULL, 0, false },
	{ O("\0\12\2m\0\0"), NULL, 0, false },
	{ O("\0\12\3-mx\0"), NULL, 0, false },
	{ O("\0\12\3mx-\0"), NULL, 0, false },
	{ O("\0\12\3_mx\0"), NULL, 0, false },
};

static void
test_mx(void **state)
{
	struct dns_mx mx;

	(void)state;
	for (size_t i = 0; i < COUNT(mxs); i++) {
		enum err e = dns_mx_parse(mxs[i].rdata, &mx);

		CHECK_NUM(e, mxs[i].host == NULL ? ERR_SYNTAX : ERR_OK,
		    "row %zu", i);
		if (mxs[i].host == NULL)
			continue;
		CHECK_STR(mx.host.text, mxs[i].host, "row %zu", i);
		CHECK_NUM(mx.preference, mxs[i].preference, "row %zu", i);
		CHECK_NUM(mx.is_null, mxs[i].is_null, "row %zu", i);
	}
}

static void
test_mx_cut_and_overlong(void **state)
{
	static const uint8_t good[] = "\0\12\2mx\7example\3org\0\0\0\0\0\0\0\0"
				      "\0\0\0\0\0\0\0\0\0\0";
	const size_t n = 18;
	struct dns_mx mx;

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		CHECK_NUM(dns_mx_parse(span_of(good, cut), &mx), ERR_SYNTAX,
		    "cut at %zu", cut);
	CHECK_NUM(dns_mx_parse(span_of(good, n), &mx), ERR_OK, "whole");
	for (size_t more = 1; more <= 16; more++)
		CHECK_NUM(dns_mx_parse(span_of(good, n + more), &mx),
		    ERR_SYNTAX, "%zu more", more);
}

/* What stands in a PTR record is a stranger's: a host name, or no name. */
static void
test_ptr(void **state)
{
	static const struct {
		struct span	 rdata;
		const char	*name;
	} rows[] = {
		{ O("\4host\7example\0"), "host.example" },
		{ O("\4HOST\7Example\0"), "host.example" },
		{ O("\1a\0"), "a" },
		{ O("\0"), NULL },
		{ O(""), NULL },
		{ O("\4host"), NULL },
		{ O("\4host\0x"), NULL },
		{ O("\5ho\nst\7example\0"), NULL },
		{ O("\5ho st\7example\0"), NULL },
		{ O("\5ho\"st\7example\0"), NULL },
		{ O("\5ho\\st\7example\0"), NULL },
		{ O("\5ho.st\7example\0"), NULL },
		{ O("\5ho\xe4st\7example\0"), NULL },
		{ O("\5ho\0st\7example\0"), NULL },
		{ O("\xc0\4\0"), NULL },
	};
	struct dns_name name;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum err e = dns_ptr_parse(rows[i].rdata, &name);

		CHECK_NUM(e, rows[i].name == NULL ? ERR_SYNTAX : ERR_OK,
		    "row %zu", i);
		if (rows[i].name != NULL)
			CHECK_STR(name.text, rows[i].name, "row %zu", i);
	}
}

static void
test_names(void **state)
{
	static const char l63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const struct {
		struct span	 text;
		const char	*name;
	} rows[] = {
		{ O("mx.example.org"), "mx.example.org" },
		{ O("MX.Example.ORG."), "mx.example.org" },
		{ O("a"), "a" },
		{ O("xn--bcher-kva.example"), "xn--bcher-kva.example" },
		{ O(""), NULL },
		{ O("."), NULL },
		{ O(".."), NULL },
		{ O("a..b"), NULL },
		{ O(".a"), NULL },
		{ O("a b"), NULL },
		{ O("a\0b"), NULL },
		{ O("a\n"), NULL },
		{ O("a_b"), NULL },
		{ O("-a"), NULL },
		{ O("a.."), NULL },
		{ O("b\xc3\xbc" "cher.example"), NULL },
	};
	struct dns_name name;
	char text[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum err e = dns_host_name(rows[i].text, &name);

		CHECK_NUM(e, rows[i].name == NULL ? ERR_SYNTAX : ERR_OK,
		    "row %zu", i);
		if (rows[i].name != NULL)
			CHECK_STR(name.text, rows[i].name, "row %zu", i);
	}
	CHECK_NUM(strlen(l63), 63, "a label of 63");
	CHECK_NUM(dns_host_name(span_str(l63), &name), ERR_OK, "63");
	(void)snprintf(text, sizeof text, "%sa", l63);
	CHECK_NUM(dns_host_name(span_str(text), &name), ERR_SYNTAX, "64");
	(void)snprintf(text, sizeof text, "%s.%s.%s.%.61s", l63, l63, l63, l63);
	CHECK_NUM(strlen(text), 253, "a name of 253");
	CHECK_NUM(dns_host_name(span_str(text), &name), ERR_OK, "253");
	(void)snprintf(text, sizeof text, "%s.%s.%s.%.62s", l63, l63, l63, l63);
	CHECK_NUM(dns_host_name(span_str(text), &name), ERR_SYNTAX, "254");
}

static void
test_public(void **state)
{
	static const struct {
		struct span	octets;
		bool		is_public;
	} rows[] = {
		{ O("\10\10\10\10"), true },
		{ O("\177\0\0\1"), false },
		{ O("\12\1\2\3"), false },
		{ O("\254\20\0\1"), false },
		{ O("\254\40\0\1"), true },
		{ O("\300\250\1\1"), false },
		{ O("\251\376\251\376"), false },
		{ O("\144\100\0\1"), false },
		{ O("\0\0\0\0"), false },
		{ O("\340\0\0\1"), false },
		{ O("\377\377\377\377"), false },
		{ O("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), false },
		{ O("\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\1"), false },
		{ O("\0\0\0\0\0\0\0\0\0\0\377\377\10\10\10\10"), true },
		{ O("\0\144\377\233\0\0\0\0\0\0\0\0\12\0\0\1"), false },
		{ O("\40\2\177\0\0\1\0\0\0\0\0\0\0\0\0\1"), false },
		{ O("\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), false },
		{ O("\376\200\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), false },
		{ O("\377\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), false },
		{ O("\52\0\24\120\0\0\0\0\0\0\0\0\0\0\0\1"), true },
		{ O("\10\10\10"), false },
		{ O(""), false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_NUM(dns_address_is_public(rows[i].octets),
		    rows[i].is_public, "row %zu", i);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_mx, "DNS-1 DNS-2 PRS-6"),
		TEST(test_mx_cut_and_overlong, "PRS-6"),
		TEST(test_ptr, "DNS-2 PRS-6 MEM-4"),
		TEST(test_names, "DNS-2 MEM-4"),
		TEST(test_public, "DNS-6"),
	};

	return RUN_TESTS(tests);
}
