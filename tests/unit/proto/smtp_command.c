/* One line, one command: RFC 5321 4.1.1 and the extensions we offer. */
#include "proto/smtp_command.h"

#include "check.h"

#define W(s)	s, sizeof(s) - 1
static const struct {
	const char	*line;
	size_t		 n;
	enum smtp_reply	 re;
	enum smtp_verb	 verb;		/* when re is RE_NONE */
} cases[] = {
	{ W("EHLO a.example"), RE_NONE, VERB_EHLO },
	{ W("ehlo a"), RE_NONE, VERB_EHLO },
	{ W("EHLO [192.0.2.1]"), RE_NONE, VERB_EHLO },
	{ W("EHLO [IPv6:2001:db8::1]"), RE_NONE, VERB_EHLO },
	{ W("EHLO under_score"), RE_NONE, VERB_EHLO },
	{ W("HELO a "), RE_NONE, VERB_HELO },
	{ W("EHLO"), RE_ARGUMENT, 0 },
	{ W("EHLO "), RE_ARGUMENT, 0 },
	{ W("HELO a b"), RE_ARGUMENT, 0 },
	{ W("EHLO a(b"), RE_ARGUMENT, 0 },
	{ W("EHLO a\xc3\xa4"), RE_ARGUMENT, 0 },
	{ W("EHLO a\0b"), RE_SYNTAX, 0 },
	{ W("EHLO a\rb"), RE_SYNTAX, 0 },
	{ W("EHLO a\nb"), RE_SYNTAX, 0 },
	{ W("EHLO a\x1b"), RE_SYNTAX, 0 },
	{ W("EHLO a\x7f"), RE_SYNTAX, 0 },
	{ W("MAIL FROM:<a@b>"), RE_NONE, VERB_MAIL },
	{ W("mail from:<a@b>"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM: <a@b>"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<>"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<@x:a@b> SIZE=1"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> SIZE=0 BODY=8BITMIME AUTH=<>"), RE_NONE,
		VERB_MAIL },
	{ W("MAIL FROM:<a@b> body=7bit"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> AUTH=a+40b"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> SIZE=18446744073709551615"), RE_NONE, VERB_MAIL },
	{ W("MAIL"), RE_ARGUMENT, 0 },
	{ W("MAIL <a@b>"), RE_ARGUMENT, 0 },
	{ W("MAIL TO:<a@b>"), RE_ARGUMENT, 0 },
	{ W("MAIL FROM:"), RE_BAD_SENDER, 0 },
	{ W("MAIL FROM:a@b"), RE_BAD_SENDER, 0 },
	{ W("MAIL FROM:<a@b"), RE_BAD_SENDER, 0 },
	{ W("MAIL FROM:<a>"), RE_BAD_SENDER, 0 },
	{ W("MAIL FROM:<postmaster>"), RE_BAD_SENDER, 0 },
	{ W("MAIL FROM:<a@b>SIZE=1"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE="), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE=-1"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE=1k"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE=18446744073709551616"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> SIZE=000000000000000000001"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SIZE=1 SIZE=1"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> BODY=8BITMIME BODY=7BIT"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> BODY=BINARYMIME"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> BODY=9BITMIME"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+00b"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+0Ab"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+0Db"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+4"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+4g"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a+4a"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a=b"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> AUTH=a\x80"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> RET=FULL"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> ENVID=+00"), RE_PARAM_VALUE, 0 },
	{ W("MAIL FROM:<a@b> SMTPUTF8"), RE_NONE, VERB_MAIL },
	{ W("MAIL FROM:<a@b> NOTIFY=NEVER"), RE_BAD_PARAM, 0 },
	{ W("MAIL FROM:<a@b> =1"), RE_BAD_PARAM, 0 },
	{ W("MAIL FROM:<a@b> SIZES=1"), RE_BAD_PARAM, 0 },
	{ W("MAIL FROM:<a\0@b>"), RE_SYNTAX, 0 },
	{ W("MAIL FROM:<a@b>\n"), RE_SYNTAX, 0 },
	{ W("RCPT TO:<a@b>"), RE_NONE, VERB_RCPT },
	{ W("RCPT TO:<Postmaster>"), RE_NONE, VERB_RCPT },
	{ W("RCPT TO:<\"a b\"@c>"), RE_NONE, VERB_RCPT },
	{ W("RCPT TO:<>"), RE_BAD_RCPT, 0 },
	{ W("RCPT TO:<a@b> ORCPT=rfc822;a@b"), RE_NONE, VERB_RCPT },
	{ W("RCPT TO:<a@b> NOTIFY=NEVER"), RE_NONE, VERB_RCPT },
	{ W("RCPT TO:<a@b> RET=FULL"), RE_BAD_PARAM, 0 },
	{ W("RCPT TO:<a@b> SIZE=1"), RE_BAD_PARAM, 0 },
	{ W("RCPT FROM:<a@b>"), RE_ARGUMENT, 0 },
	{ W("DATA"), RE_NONE, VERB_DATA },
	{ W("DATA "), RE_NONE, VERB_DATA },
	{ W("DATA x"), RE_NO_ARGUMENT, 0 },
	{ W("RSET"), RE_NONE, VERB_RSET },
	{ W("RSET x"), RE_NO_ARGUMENT, 0 },
	{ W("NOOP"), RE_NONE, VERB_NOOP },
	{ W("NOOP any thing"), RE_NONE, VERB_NOOP },
	{ W("VRFY user"), RE_NONE, VERB_VRFY },
	{ W("VRFY \xc3\xa4"), RE_NONE, VERB_VRFY },
	{ W("VRFY"), RE_ARGUMENT, 0 },
	{ W("HELP"), RE_NONE, VERB_HELP },
	{ W("QUIT"), RE_NONE, VERB_QUIT },
	{ W("QUIT now"), RE_NO_ARGUMENT, 0 },
	{ W("STARTTLS"), RE_NONE, VERB_STARTTLS },
	{ W("STARTTLS now"), RE_NO_ARGUMENT, 0 },
	{ W("AUTH PLAIN"), RE_NONE, VERB_AUTH },
	{ W("AUTH PLAIN ="), RE_NONE, VERB_AUTH },
	{ W("AUTH PLAIN AAAA"), RE_NONE, VERB_AUTH },
	{ W("AUTH"), RE_ARGUMENT, 0 },
	{ W("AUTH PLAIN A B"), RE_ARGUMENT, 0 },
	{ W("BDAT 10 LAST"), RE_NONE, VERB_BDAT },
	{ W("bdat 0 last"), RE_NONE, VERB_BDAT },
	{ W("BDAT 18446744073709551615"), RE_NONE, VERB_BDAT },
	{ W("BDAT"), RE_BAD_CHUNK, 0 },
	{ W("BDAT LAST"), RE_BAD_CHUNK, 0 },
	{ W("BDAT -1"), RE_BAD_CHUNK, 0 },
	{ W("BDAT 1 LAS"), RE_BAD_CHUNK, 0 },
	{ W("BDAT 1 LAST x"), RE_BAD_CHUNK, 0 },
	{ W("BDAT 0x10"), RE_BAD_CHUNK, 0 },
	{ W("BDAT 18446744073709551616"), RE_BAD_CHUNK, 0 },
	{ W("LHLO a"), RE_NONE, VERB_LHLO },
	{ W("LHLO"), RE_ARGUMENT, 0 },
	{ W(""), RE_UNKNOWN, 0 },
	{ W(" "), RE_UNKNOWN, 0 },
	{ W(" NOOP"), RE_UNKNOWN, 0 },
	{ W("NOOPS"), RE_UNKNOWN, 0 },
	{ W("NOO"), RE_UNKNOWN, 0 },
	{ W("NOOP\tx"), RE_UNKNOWN, 0 },
	{ W("NO\0OP"), RE_SYNTAX, 0 },
	{ W("XCLIENT ADDR=1.2.3.4"), RE_NONE, VERB_XCLIENT },
	{ W("XCLIENT"), RE_ARGUMENT, 0 },
	{ W("XFORWARD NAME=a"), RE_NONE, VERB_XFORWARD },
	{ W("PROXY TCP4 192.0.2.1 192.0.2.2 1 2"), RE_HTTP, 0 },
	{ W("EXPN list"), RE_NONE, VERB_EXPN },
	{ W("ETRN x"), RE_NONE, VERB_ETRN },
	{ W("ETRN"), RE_ARGUMENT, 0 },
	{ W("TURN"), RE_NOT_DONE, 0 },
	{ W("DEBUG"), RE_NOT_DONE, 0 },
	{ W("GET / HTTP/1.1"), RE_HTTP, 0 },
	{ W("POST / HTTP/1.1"), RE_HTTP, 0 },
	{ W("PUT / HTTP/1.1"), RE_HTTP, 0 },
	{ W("HEAD / HTTP/1.1"), RE_HTTP, 0 },
	{ W("OPTIONS * HTTP/1.1"), RE_HTTP, 0 },
	{ W("CONNECT a:25 HTTP/1.1"), RE_HTTP, 0 },
	{ W("get /\0 HTTP/1.1"), RE_HTTP, 0 },
};

static void
test_lines(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct smtp_cmd cmd;
		enum smtp_reply re = smtp_command_parse(
		    span_of(cases[i].line, cases[i].n), &cmd);

		CHECK_NUM(re, cases[i].re, "%s", cases[i].line);
		if (re == RE_NONE)
			CHECK_NUM(cmd.verb, cases[i].verb, "%s", cases[i].line);
	}
}

/* Every line cut at every octet: some answer, nothing read beyond. */
static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n <= cases[i].n; n++) {
			char *exact = malloc(n + 1);
			struct smtp_cmd cmd;

			assert_non_null(exact);
			memcpy(exact, cases[i].line, n);
			CHECK(smtp_command_parse(span_of(exact, n), &cmd) <
			    RE_COUNT, "%s", cases[i].line);
			free(exact);
		}
}

/* A NUL in any place of any command is refused (MEM-4). */
static void
test_nul_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t at = 0; at <= cases[i].n; at++) {
			char line[128];
			struct smtp_cmd cmd;
			enum smtp_reply re;

			memcpy(line, cases[i].line, at);
			line[at] = '\0';
			memcpy(line + at + 1, cases[i].line + at,
			    cases[i].n - at);
			re = smtp_command_parse(span_of(line, cases[i].n + 1),
			    &cmd);
			CHECK(re == RE_SYNTAX || re == RE_HTTP, "%s at %zu",
			    cases[i].line, at);
		}
}

static void
test_what_is_read(void **state UNUSED)
{
	struct smtp_cmd cmd;

	assert_true(smtp_command_parse(
	    SPAN("MAIL FROM:<@r:a@B> SIZE=77 BODY=8BITMIME"), &cmd) == RE_NONE);
	assert_true(span_eq(cmd.path.text, SPAN("a@B")));
	assert_int_equal(cmd.params.size, 77);
	assert_int_equal(cmd.params.body, SMTP_BODY_8BIT);
	assert_true(smtp_command_parse(SPAN("AUTH PLAIN AbC="), &cmd) ==
	    RE_NONE);
	assert_true(span_eq(cmd.mechanism, SPAN("PLAIN")));
	assert_true(cmd.has_initial && span_eq(cmd.initial, SPAN("AbC=")));
	assert_true(smtp_command_parse(SPAN("AUTH LOGIN"), &cmd) == RE_NONE);
	assert_false(cmd.has_initial);
}

/* Every row has a code, an enhanced code of the same class, and a text. */
static void
test_replies(void **state UNUSED)
{
	for (unsigned int i = RE_NONE + 1; i < RE_COUNT; i++) {
		enum smtp_reply re = (enum smtp_reply)i;
		unsigned int code = smtp_reply_code(re);
		const char *esc = smtp_reply_esc(re);
		struct buf to = buf_make(512);

		CHECK(code >= 200 && code < 600, "row %u", i);
		CHECK(esc[0] == '\0' ||
		    (unsigned int)(esc[0] - '0') == code / 100 , "row %u", i);
		assert_true(smtp_reply_write(&to, re, true, SPAN("!")) ==
		    ERR_OK);
		CHECK(to.n <= 512 && span_ends_nocase(buf_span(&to),
		    SPAN("!\r\n")), "row %u", i);
		buf_free(&to);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_lines, "PRS-5 SMTP-7 SMTP-10 MEM-4"),
		TEST(test_cut_anywhere, ""),
		TEST(test_nul_anywhere, "MEM-4"),
		TEST(test_what_is_read, ""),
		TEST(test_replies, ""),
	};

	return RUN_TESTS(tests);
}
