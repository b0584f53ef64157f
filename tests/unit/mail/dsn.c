/*
 * dsn: the three parts (RFC 6522), their fields (RFC 3464), and strangers'
 * words that must stay words.
 */
#include "check.h"
#include "mail/dsn.h"
#include "mail/envelope.h"

static struct dsn_recipient rcpt = {
	.address = SPAN("user@example.net"),
	.status = SPAN("5.1.1"),
	.remote = SPAN("mx.example.net [192.0.2.1]:25"),
	.code = 550,
	.text = SPAN("5.1.1 no such user"),
};
static const struct dsn base = {
	.hostname = SPAN("mx.example.org"),
	.reverse_path = SPAN("sender@example.com"),
	.now_ms = 1795469357000,
	.arrived_ms = 1795469357000,
	.recipients = &rcpt,
	.nrecipients = 1,
	.original = SPAN("Subject: hello\r\nFrom: x\r\n\r\nbody\r\n"),
};

static char *
write_text(const struct dsn *d)
{
	struct buf to = buf_make(DSN_MAX);

	CHECK_NUM(dsn_write(d, &to), ERR_OK, "write");
	CHECK_NUM(buf_addc(&to, '\0'), ERR_OK, "end");
	return (char *)to.p;
}

static const struct {
	const char *name, *has;
} fields[] = {
	{ "from", "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>"
	    "\r\n" },
	{ "to", "\r\nTo: <sender@example.com>\r\n" },
	{ "no answer wanted", "\r\nAuto-Submitted: auto-replied\r\n" },
	{ "id", "\r\nMessage-ID: <00000000000000000000000000@mx.example.org>"
	    "\r\n" },
	{ "type", "multipart/report; report-type=delivery-status;\r\n" },
	{ "status part", "Content-Type: message/delivery-status\r\n" },
	{ "host", "\r\n\r\nReporting-MTA: dns; mx.example.org\r\nArrival-Date:" },
	{ "recipient", "\r\n\r\nFinal-Recipient: rfc822; user@example.net\r\n"
	    "Action: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.example.net\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" },
	{ "for people", "mx.example.net [192.0.2.1]:25 said 550:\r\n"
	    "    5.1.1 no such user\r\n" },
	{ "original", "Content-Type: text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\nSubject: hello\r\n"
	    "From: x\r\n\r\n--=_" },
};

static void
test_fields(void **state UNUSED)
{
	char *text = write_text(&base);

	for (size_t i = 0; i < COUNT(fields); i++)
		CHECK(strstr(text, fields[i].has) != NULL, "%s in\n%s",
		    fields[i].name, text);
	free(text);
}

/* What a stranger wrote cannot begin a field. */
static void
test_no_injection(void **state UNUSED)
{
	static const char *const words[] = {
		"no\r\nStatus: 2.0.0", "no\nStatus: 2.0.0",
		"no\rStatus: 2.0.0", "\r\n\r\nStatus: 2.0.0",
		"\nStatus: 2.0.0\x1b[2J\xff",
	};
	struct dsn_recipient r = rcpt;
	struct dsn d = base;

	d.recipients = &r;
	for (size_t i = 0; i < COUNT(words); i++) {
		char *text;

		r.text = r.remote = r.status = r.address = span_str(words[i]);
		text = write_text(&d);
		CHECK(strstr(text, "\nStatus: 2") == NULL, "%zu\n%s", i, text);
		CHECK(strchr(text, '\x1b') == NULL, "%zu", i);
		CHECK(strstr(text, "\nStatus: 5.0.0\r\n") != NULL, "%zu\n%s",
		    i, text);
		free(text);
	}
}

static void
test_long_words_fold(void **state UNUSED)
{
	static char words[5000];
	struct dsn_recipient r = rcpt;
	struct dsn d = base;
	char *text, *line;

	memset(words, 'x', sizeof words);
	for (size_t gap = 10; gap < 3000; gap = gap * 3) {
		words[gap] = ' ';
		r.text = span_of(words, sizeof words);
		d.recipients = &r;
		text = write_text(&d);
		for (line = text; (line = strstr(line, "\r\n")) != NULL;
		    line += 2)
			CHECK(strcspn(line + 2, "\r") <= 998, "gap %zu", gap);
		free(text);
	}
}

/* Whole lines of the header up to the limit, and never the body. */
static void
test_copy_limit(void **state UNUSED)
{
	static const struct {
		size_t limit;
		const char *has, *has_not;
	} rows[] = {
		{ 1000, "From: x\r\n\r\n--", "body\r\n" },
		{ 25, "From: x\r\n", "body\r\n" },
		{ 24, "Subject: hello\r\n", "From: x" },
		{ 20, "Subject: hello\r\n", "From: x" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dsn d = base;
		char *text;

		d.original_max = rows[i].limit;
		text = write_text(&d);
		CHECK(strstr(text, rows[i].has) != NULL, "%zu\n%s", i, text);
		CHECK(strstr(text, rows[i].has_not) == NULL, "%zu\n%s", i,
		    text);
		free(text);
	}
}

/* RFC 2852 section 5: in its place among the fields of the message. */
static void
test_deliver_by(void **state UNUSED)
{
	struct dsn d = base;
	char *text = write_text(&d);

	CHECK(strstr(text, "Deliver-By") == NULL, "%s", text);
	free(text);
	d.by_ms = 1795469357000;
	d.hold_ms = 1795469357000;
	text = write_text(&d);
	CHECK(text != NULL && strstr(text, "Arrival-Date: Mon, 23 Nov 2026 21:29:17 +0000\r\n"
	    "Deliver-By-Date: Mon, 23 Nov 2026 21:29:17 +0000\r\n"
	    "Future-Release-Request: until;2026-11-23T21:29:17Z\r\n") != NULL,
	    "%s", text);
	free(text);
}

/* RFC 8689 4.3: said by who does not want TLS required. */
static void
test_tls_required(void **state UNUSED)
{
	for (int is_optional = 0; is_optional < 2; is_optional++) {
		struct dsn d = base;
		char *text;

		d.is_tls_optional = is_optional != 0;
		text = write_text(&d);
		CHECK(text != NULL &&
		    (strstr(text, "\r\nTLS-Required: No\r\n") != NULL) ==
		    d.is_tls_optional, "%s", text);
		free(text);
	}
}

static void
test_8bit_is_said(void **state UNUSED)
{
	struct dsn d = base;
	char *text;

	d.original = SPAN("Subject: h\xc3\xa9\r\n\r\nx\r\n");
	text = write_text(&d);
	CHECK(strstr(text, "Content-Transfer-Encoding: 8bit\r\n\r\nThis is a")
	    != NULL, "%s", text);
	free(text);
}

/* Even an original that knows the first boundary cannot end its part. */
static void
test_boundary_is_unique(void **state UNUSED)
{
	struct dsn d = base;
	char *text, *at;
	size_t n = 0;

	d.original = SPAN("A: b\r\n--=_00000000000000000000000000_0_\r\n\r\n");
	text = write_text(&d);
	for (at = text; (at = strstr(at,
	    "\r\n--=_00000000000000000000000000_1_")) != NULL; at++)
		n++;
	CHECK_NUM(n, 4, "%s", text);
	free(text);
}

/* A full buf keeps what it had: not even the brief one fits. */
static void
test_full(void **state UNUSED)
{
	for (size_t limit = 1; limit < 900; limit += 37) {
		struct buf to = buf_make(limit);

		CHECK_NUM(buf_addc(&to, 'x'), ERR_OK, "%zu", limit);
		CHECK_NUM(dsn_write(&base, &to), ERR_FULL, "%zu", limit);
		CHECK_NUM(to.n, 1, "%zu", limit);
		buf_free(&to);
	}
}

/*
 * As many recipients as a message has, each with as much to say of it as can
 * be: a report that does not fit would be tried for ever.
 */
static void
test_largest(void **state)
{
	static struct dsn_recipient list[ENVELOPE_RECIPIENTS_MAX];
	static char orcpt[ENVELOPE_ORCPT_MAX + 1], text[DSN_TEXT_MAX + 1],
	    address[255], remote[513], header[1024u * 1024];
	struct dsn d = base;
	struct buf to = buf_make(DSN_MAX);

	(void)state;
	memset(orcpt, '\\', ENVELOPE_ORCPT_MAX);
	memcpy(orcpt, "utf-8;\xc3\xa9", 8);
	for (size_t i = 0; i < DSN_TEXT_MAX; i++)
		text[i] = i % 73 == 72 ? ' ' : 'x';
	for (size_t i = 0; i < 64; i++)
		address[i] = '=';
	for (size_t i = 64; i < 254; i++)
		address[i] = i % 2 == 0 ? '\xc3' : '\xa9';
	address[64] = '@';
	address[65] = 'x';
	memset(remote, 'r', 512);
	for (size_t i = 0; i + 2 < sizeof header; i++)
		header[i] = i % 2 == 0 ? 'x' : '\n';
	for (size_t i = 0; i < COUNT(list); i++)
		list[i] = (struct dsn_recipient){
			.address = span_str(address),
			.orcpt = span_str(orcpt),
			.status = SPAN("5.100.100"),
			.remote = span_str(remote), .code = 550,
			.text = span_str(text),
		};
	d.recipients = list;
	d.nrecipients = COUNT(list);
	d.original = span_str(header);
	d.original_max = sizeof header;
	CHECK_NUM(dsn_write(&d, &to), ERR_OK, "%zu octets", to.n);
	buf_free(&to);
}

static const struct CMUnitTest tests[] = {
	TEST(test_largest, "DLV-1"),
	TEST(test_fields, ""),
	TEST(test_no_injection, "SMTP-9"),
	TEST(test_long_words_fold, ""),
	TEST(test_copy_limit, ""),
	TEST(test_8bit_is_said, ""),
	TEST(test_deliver_by, ""),
	TEST(test_tls_required, ""),
	TEST(test_boundary_is_unique, ""),
	TEST(test_full, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
