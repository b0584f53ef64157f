/* The trace field: RFC 5321 4.4, folded, and safe with any stranger's words. */
#include "mail/received.h"

#include "mail/content.h"
#include "check.h"

static char *
written(const struct received *r, char *to, size_t room)
{
	struct buf b = buf_make(4096);

	assert_true(received_write(r, &b) == ERR_OK);
	assert_true(b.n < room);
	memcpy(to, b.p, b.n);
	to[b.n] = '\0';
	buf_free(&b);
	return to;
}

static const struct received plain = {
	.helo = { (const uint8_t *)"client.example.net", 18 },
	.client = { (const uint8_t *)"192.0.2.1", 9 },
	.by = { (const uint8_t *)"mx.example.org", 14 },
	.is_esmtp = true,
};

static void
test_forms(void **state UNUSED)
{
	struct received r = plain;
	char got[2048];

	CHECK_STR(written(&r, got, sizeof got),
	    "Received: from client.example.net ([192.0.2.1])\r\n"
	    "\tby mx.example.org (Posthorse)\r\n"
	    "\twith ESMTP id 00000000000000000000000000;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "plain");
	r.client = SPAN("2001:db8::1");
	r.tls = SPAN("TLSv1.3 TLS_AES_256_GCM_SHA384");
	r.is_authenticated = true;
	r.only_rcpt = SPAN("user@example.org");
	CHECK_STR(written(&r, got, sizeof got),
	    "Received: from client.example.net ([IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.org (Posthorse)\r\n"
	    "\twith ESMTPSA id 00000000000000000000000000\r\n"
	    "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tfor <user@example.org>;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "all");
	r = plain;
	r.name = SPAN("host.example");
	CHECK_STR(written(&r, got, sizeof got),
	    "Received: from client.example.net\r\n"
	    "\t (host.example [192.0.2.1])\r\n"
	    "\tby mx.example.org (Posthorse)\r\n"
	    "\twith ESMTP id 00000000000000000000000000;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "a name");
	r = plain;
	r.client = SPAN("unknown");
	r.is_esmtp = false;
	r.helo = SPAN("");
	CHECK_STR(written(&r, got, sizeof got),
	    "Received: from unknown (unknown)\r\n"
	    "\tby mx.example.org (Posthorse)\r\n"
	    "\twith SMTP id 00000000000000000000000000;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "nobody");
	r.client = SPAN("local uid 1000");
	CHECK_STR(written(&r, got, sizeof got),
	    "Received: from unknown (local uid 1000)\r\n"
	    "\tby mx.example.org (Posthorse)\r\n"
	    "\twith SMTP id 00000000000000000000000000;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n", "local");
}

/* Any octet in HELO: one field, no line that begins another. */
static void
test_any_octet(void **state UNUSED)
{
	for (unsigned int c = 0; c < 256; c++) {
		char helo[] = "a?\r\nX: y(", got[2048];
		struct received r = plain;
		size_t n = 0;

		helo[1] = (char)c;
		r.helo = span_of(helo, sizeof helo - 1);
		(void)written(&r, got, sizeof got);
		for (char *p = got; (p = strstr(p, "\r\n")) != NULL; p += 2)
			n += p[2] != '\t';
		CHECK_NUM(n, 1, "octet %u", c);
		CHECK(strchr(got, '(')[1] == '[', "octet %u", c);
	}
}

static void
test_long_names_fold(void **state UNUSED)
{
	struct received r = plain;
	char helo[60], got[2048];

	memset(helo, 'h', sizeof helo);
	r.helo = span_of(helo, sizeof helo);
	r.client = SPAN("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
	(void)written(&r, got, sizeof got);
	for (const char *p = got, *end; *p != '\0'; p = end + 2) {
		end = strstr(p, "\r\n");
		CHECK(end - p <= 78, "%.*s", (int)(end - p), p);
	}
}

/* What we write is what our own loop detection counts (SMTP-13). */
static void
test_counts_as_own(void **state UNUSED)
{
	struct content_scan s;
	struct received r = plain;
	struct content_facts f;
	char got[2048];

	(void)written(&r, got, sizeof got);
	content_scan_begin(&s, SPAN("MX.example.org"));
	content_scan_feed(&s, span_str(got));
	content_scan_feed(&s, SPAN("\r\nbody\r\n"));
	f = content_scan_end(&s);
	assert_int_equal(f.received, 1);
	assert_int_equal(f.received_own, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_forms, ""),
		TEST(test_any_octet, "SMTP-9 LOG-1"),
		TEST(test_long_names_fold, ""),
		TEST(test_counts_as_own, "SMTP-13"),
	};

	return RUN_TESTS(tests);
}
