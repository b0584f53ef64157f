/*
 * dsn: the three parts (RFC 6522), their fields (RFC 3464), and strangers'
 * words that must stay words.
 */
#include "check.h"
#include "mail/dsn.h"

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

/* A full buf keeps what it had. */
static void
test_full(void **state UNUSED)
{
	for (size_t limit = 1; limit < 1300; limit += 37) {
		struct buf to = buf_make(limit);

		CHECK_NUM(buf_addc(&to, 'x'), ERR_OK, "%zu", limit);
		CHECK_NUM(dsn_write(&base, &to), ERR_FULL, "%zu", limit);
		CHECK_NUM(to.n, 1, "%zu", limit);
		buf_free(&to);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_fields, ""),
	TEST(test_no_injection, "SMTP-9"),
	TEST(test_long_words_fold, ""),
	TEST(test_copy_limit, ""),
	TEST(test_8bit_is_said, ""),
	TEST(test_boundary_is_unique, ""),
	TEST(test_full, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
