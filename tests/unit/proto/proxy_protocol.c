/*
 * proxy_protocol: what a header says, wherever it is cut, and what is refused.
 */
#include "check.h"

#include "proto/proxy_protocol.h"

#include <arpa/inet.h>

#define SIG	"\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.1 port 1234, to 198.51.100.2 port 25 */
#define TCP4	"\xc0\0\2\1\xc6\x33\x64\2\4\xd2\0\x19"
/* 2001:db8::1 port 1234, to 2001:db8::2 port 25 */
#define V6(last) "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define TCP6	V6("\1") V6("\2") "\4\xd2\0\x19"
#define MAPPED	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1" V6("\2") "\4\xd2\0\x19"

/* Row: the octets, what comes of them, how many of them are used. */
#define ALL	SIZE_MAX
static const struct {
	const char	*name;
	struct span	 wire;
	enum proxy_result result;
	const char	*client;
	size_t		 used;
} cases[] = {
	{ "v1 IPv4", SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n"),
	    PROXY_CLIENT, "192.0.2.1 1234", ALL },
	{ "v1 IPv6", SPAN("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"),
	    PROXY_CLIENT, "2001:db8::1 0", ALL },
	{ "v1 mapped", SPAN("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"),
	    PROXY_CLIENT, "::ffff:192.0.2.1 1", ALL },
	{ "v1 and a command", SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
	    "EHLO x\r\n"), PROXY_CLIENT, "192.0.2.1 1", 36 },
	{ "v1 unknown", SPAN("PROXY UNKNOWN\r\n"), PROXY_UNKNOWN, "", ALL },
	{ "v1 unknown and more", SPAN("PROXY UNKNOWN ffff::1 ::2 1 2\r\n"),
	    PROXY_UNKNOWN, "", ALL },
	{ "v1 families differ", SPAN("PROXY TCP4 2001:db8::1 ::1 1 2\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 destination differs", SPAN("PROXY TCP4 192.0.2.1 ::1 1 2\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 no port", SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 port of five digits too many",
	    SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 port 01", SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 01 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 a word more", SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 25 x\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 two spaces", SPAN("PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 leading zero", SPAN("PROXY TCP4 192.0.2.01 192.0.2.2 1 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 NUL", SPAN("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 LF alone", SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 family of UDP", SPAN("PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n"),
	    PROXY_BAD, "", ALL },
	{ "v1 lower case", SPAN("proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n"),
	    PROXY_BAD, "", 1 },
	{ "v1 another word", SPAN("PROXYTCP4 \r\n"), PROXY_BAD, "", 6 },
	{ "no header at all", SPAN("EHLO x\r\n"), PROXY_BAD, "", 1 },
	{ "HTTP", SPAN("POST / HTTP/1.1\r\n"), PROXY_BAD, "", 2 },
	{ "TLS", SPAN("\x16\3\1"), PROXY_BAD, "", 1 },

	{ "v2 IPv4", SPAN(SIG "\x21\x11\0\x0c" TCP4), PROXY_CLIENT,
	    "192.0.2.1 1234", ALL },
	{ "v2 IPv6", SPAN(SIG "\x21\x21\0\x24" TCP6), PROXY_CLIENT,
	    "2001:db8::1 1234", ALL },
	{ "v2 mapped", SPAN(SIG "\x21\x21\0\x24" MAPPED), PROXY_CLIENT,
	    "::ffff:192.0.2.1 1234", ALL },
	{ "v2 and TLS", SPAN(SIG "\x21\x11\0\x0c" TCP4 "\x16\3\1"),
	    PROXY_CLIENT, "192.0.2.1 1234", 28 },
	{ "v2 TLVs that fill it", SPAN(SIG "\x21\x11\0\x14" TCP4
	    "\1\0\2h2" "\4\0\0"), PROXY_CLIENT, "192.0.2.1 1234", ALL },
	{ "v2 checksum", SPAN(SIG "\x21\x11\0\x13" TCP4
	    "\3\0\4\x60\x7e\xeb\x7e"), PROXY_CLIENT, "192.0.2.1 1234", ALL },
	{ "v2 wrong checksum", SPAN(SIG "\x21\x11\0\x13" TCP4
	    "\3\0\4\x60\x7e\xeb\x7f"), PROXY_BAD, "", ALL },
	{ "v2 short checksum", SPAN(SIG "\x21\x11\0\x12" TCP4
	    "\3\0\3\1\2\3"), PROXY_BAD, "", 31 },
	{ "v2 two checksums", SPAN(SIG "\x21\x11\0\x1a" TCP4
	    "\3\0\4\1\2\3\4\3\0\4\1\2\3\4"), PROXY_BAD, "", 38 },
	{ "v2 TLV of type 0", SPAN(SIG "\x21\x11\0\x0f" TCP4 "\0\0\0"),
	    PROXY_BAD, "", ALL },
	{ "v2 TLV beyond the end", SPAN(SIG "\x21\x11\0\x10" TCP4
	    "\1\0\2h2"), PROXY_BAD, "", 31 },
	{ "v2 TLV cut", SPAN(SIG "\x21\x11\0\x0e" TCP4 "\1\0"), PROXY_BAD,
	    "", ALL },
	{ "v2 addresses cut", SPAN(SIG "\x21\x11\0\x0b" TCP4), PROXY_BAD, "",
	    27 },
	{ "v2 no addresses", SPAN(SIG "\x21\x11\0\0"), PROXY_BAD, "", ALL },
	{ "v2 local", SPAN(SIG "\x20\0\0\0"), PROXY_LOCAL, "", ALL },
	{ "v2 local with more", SPAN(SIG "\x20\x11\0\x0c" TCP4), PROXY_LOCAL,
	    "", ALL },
	{ "v2 unspecified", SPAN(SIG "\x21\0\0\3abc"), PROXY_UNKNOWN, "",
	    ALL },
	{ "v2 UDP", SPAN(SIG "\x21\x12\0\x0c" TCP4), PROXY_UNKNOWN, "", ALL },
	{ "v2 UNIX socket", SPAN(SIG "\x21\x31\0\0"), PROXY_UNKNOWN, "", ALL },
	{ "v2 version 1", SPAN(SIG "\x11\x11\0\x0c" TCP4), PROXY_BAD, "",
	    16 },
	{ "v2 command 2", SPAN(SIG "\x22\x11\0\x0c" TCP4), PROXY_BAD, "",
	    16 },
	{ "v2 64 KiB", SPAN(SIG "\x21\x11\xff\xff" TCP4 "\1\xff\xf0"),
	    PROXY_TOO_LONG, "", 16 },
	{ "v2 4097 octets", SPAN(SIG "\x21\x11\x10\1" TCP4), PROXY_TOO_LONG,
	    "", 16 },
	{ "v2 64 KiB of nobody", SPAN(SIG "\x20\0\xff\xff"), PROXY_TOO_LONG,
	    "", 16 },
	{ "v2 another signature", SPAN("\r\n\r\n\0\r\nQUIX\n"), PROXY_BAD, "",
	    11 },
};

struct read {
	enum proxy_result	result;
	char			client[80];
	size_t			used;
};

static struct read
read_of(struct span wire, size_t cut)
{
	struct proxy_header p = { 0 };
	struct span parts[] = { span_of(wire.p, cut), span_skip(wire, cut) };
	struct read r = { PROXY_MORE, "", 0 };
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < COUNT(parts) && r.result == PROXY_MORE; i++) {
		size_t before = parts[i].n;

		r.result = proxy_header_feed(&p, &parts[i]);
		r.used += before - parts[i].n;
	}
	if (r.result == PROXY_CLIENT) {
		CHECK(p.client.naddress == 4 || p.client.naddress == 16,
		    "a family");
		(void)inet_ntop(p.client.naddress == 4 ? AF_INET : AF_INET6,
		    p.client.address, text, sizeof text);
		(void)snprintf(r.client, sizeof r.client, "%s %u", text,
		    p.client.port);
	}
	return r;
}

static void
test_headers_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut <= cases[i].wire.n; cut++) {
			struct read r = read_of(cases[i].wire, cut);
			size_t used = cases[i].used == ALL ? cases[i].wire.n :
			    cases[i].used;

			CHECK_NUM(r.result, cases[i].result, "%s, cut at %zu",
			    cases[i].name, cut);
			CHECK_STR(r.client, cases[i].client, "%s, cut at %zu",
			    cases[i].name, cut);
			CHECK_NUM(r.used, used, "%s, cut at %zu",
			    cases[i].name, cut);
		}
}

/* Whatever is cut off at the end, the header is never taken for whole. */
static void
test_every_beginning_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = cases[i].used == ALL ? cases[i].wire.n :
		    cases[i].used;

		for (size_t k = 0; k < n; k++)
			CHECK_NUM(read_of(span_of(cases[i].wire.p, k),
			    k).result, PROXY_MORE, "%s, %zu octets",
			    cases[i].name, k);
	}
}

/* A line of 107 octets is the longest (2.1); the 108th is never asked for. */
static void
test_longest_line(void **state)
{
	(void)state;
	char line[PROXY_LINE_MAX + 2];
	struct read r;

	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + PROXY_LINE_MAX - 2, "\r\n", 2);
	r = read_of(span_of(line, PROXY_LINE_MAX), 1);
	CHECK_NUM(r.result, PROXY_UNKNOWN, "107 octets");
	memcpy(line + PROXY_LINE_MAX - 2, "x\r\n", 3);
	r = read_of(span_of(line, PROXY_LINE_MAX + 1), 1);
	CHECK_NUM(r.result, PROXY_TOO_LONG, "108 octets");
	CHECK_NUM(r.used, PROXY_LINE_MAX, "and no more is read");
}

/* As much as is taken: one TLV up to the bound, and its checksum still seen. */
static void
test_longest_rest(void **state)
{
	(void)state;
	static uint8_t wire[PROXY_HEAD + PROXY_REST_MAX];
	size_t value = PROXY_REST_MAX - 12 - 3;
	struct read r;

	memcpy(wire, SIG "\x21\x11\x10\0" TCP4, PROXY_HEAD + 12);
	wire[28] = 0x20;
	wire[29] = (uint8_t)(value >> 8);
	wire[30] = (uint8_t)value;
	r = read_of(span_of(wire, sizeof wire), 100);
	CHECK_NUM(r.result, PROXY_CLIENT, "4096 octets");
	CHECK_NUM(r.used, sizeof wire, "all of them");
	wire[30]++;
	r = read_of(span_of(wire, sizeof wire), 100);
	CHECK_NUM(r.result, PROXY_BAD, "a TLV of one more");
}

static void
test_each_result_has_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PROXY_RESULT_COUNT; i++)
		CHECK(proxy_result_text((enum proxy_result)i)[0] != '\0', "%u",
		    i);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_headers_cut_anywhere, "SMTP-11 PRS-2 PRS-6"),
		TEST(test_every_beginning_waits, "PRS-6"),
		TEST(test_longest_line, "SMTP-11"),
		TEST(test_longest_rest, "SMTP-11"),
		TEST(test_each_result_has_words, ""),
	};

	return RUN_TESTS(tests);
}
