/* Parameters of MAIL and RCPT, laid beside the RFC of each (PRS-5). */
#include "mail/envelope.h"
#include "mail/xtext.h"
#include "proto/smtp_command.h"

#include "check.h"

#define M	VERB_MAIL
#define R	VERB_RCPT
#define TEN	"1234567890"
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	enum smtp_verb	 verb;
	const char	*text;
	enum smtp_reply	 re;
} cases[] = {
	{ M, "", RE_NONE },
	{ M, " ", RE_NONE },
	{ M, "SIZE=1", RE_PARAM_VALUE },
	{ M, " =", RE_BAD_PARAM },
	{ M, " X-NO=1", RE_BAD_PARAM },
	/* RFC 3030 section 3 */
	{ M, " BODY=binarymime", RE_NONE },
	{ M, " BODY=BINARY", RE_PARAM_VALUE },
	/* RFC 6531 3.4 */
	{ M, " SMTPUTF8", RE_NONE },
	{ M, " smtputf8 BODY=8BITMIME", RE_NONE },
	{ M, " SMTPUTF8=", RE_PARAM_VALUE },
	{ M, " SMTPUTF8=1", RE_PARAM_VALUE },
	{ M, " SMTPUTF8 SMTPUTF8", RE_PARAM_VALUE },
	{ R, " SMTPUTF8", RE_BAD_PARAM },
	/* RFC 8689 section 2 */
	{ M, " REQUIRETLS", RE_NONE },
	{ M, " REQUIRETLS=YES", RE_PARAM_VALUE },
	{ M, " PRDR", RE_NONE },
	{ M, " PRDR=1", RE_PARAM_VALUE },
	/* RFC 4954 section 5 */
	{ M, " AUTH=<>", RE_NONE },
	{ M, " AUTH=e+3Dmc2@example.com", RE_NONE },
	{ M, " AUTH=nobody", RE_PARAM_VALUE },
	{ M, " AUTH=", RE_PARAM_VALUE },
	{ M, " AUTH", RE_PARAM_VALUE },
	{ M, " AUTH=a+20b@example.com", RE_PARAM_VALUE },
	/* RFC 3461 4.3 */
	{ M, " RET=FULL", RE_NONE },
	{ M, " RET=hdrs", RE_NONE },
	{ M, " RET=BODY", RE_PARAM_VALUE },
	{ M, " RET=", RE_PARAM_VALUE },
	{ M, " RET=FULL RET=HDRS", RE_PARAM_VALUE },
	/* 4.4 */
	{ M, " ENVID=QQ314159", RE_NONE },
	{ M, " ENVID=a+2Bb", RE_NONE },
	{ M, " ENVID=" HUNDRED, RE_NONE },
	{ M, " ENVID=1" HUNDRED, RE_PARAM_VALUE },
	{ M, " ENVID=a+2b", RE_PARAM_VALUE },
	{ M, " ENVID=a+0A", RE_PARAM_VALUE },
	{ M, " ENVID=a+0D", RE_PARAM_VALUE },
	{ M, " ENVID=a+00", RE_PARAM_VALUE },
	{ M, " ENVID=a+", RE_PARAM_VALUE },
	{ M, " ENVID=a=b", RE_PARAM_VALUE },
	{ M, " ENVID=", RE_PARAM_VALUE },
	{ M, " ENVID=\xc3\xa9", RE_PARAM_VALUE },
	/* 4.1 */
	{ R, " NOTIFY=NEVER", RE_NONE },
	{ R, " NOTIFY=SUCCESS", RE_NONE },
	{ R, " NOTIFY=success,Failure,DELAY", RE_NONE },
	{ R, " NOTIFY=NEVER,FAILURE", RE_PARAM_VALUE },
	{ R, " NOTIFY=FAILURE,NEVER", RE_PARAM_VALUE },
	{ R, " NOTIFY=SUCCESS,SUCCESS", RE_PARAM_VALUE },
	{ R, " NOTIFY=SUCCESS,", RE_PARAM_VALUE },
	{ R, " NOTIFY=,SUCCESS", RE_PARAM_VALUE },
	{ R, " NOTIFY=ALWAYS", RE_PARAM_VALUE },
	{ R, " NOTIFY=", RE_PARAM_VALUE },
	{ M, " NOTIFY=NEVER", RE_BAD_PARAM },
	/* 4.2 */
	{ R, " ORCPT=rfc822;a@b.example", RE_NONE },
	{ R, " ORCPT=rfc822;a+40b", RE_NONE },
	{ R, " ORCPT=x400;a", RE_NONE },
	{ R, " ORCPT=rfc822;", RE_PARAM_VALUE },
	{ R, " ORCPT=;a", RE_PARAM_VALUE },
	{ R, " ORCPT=rfc822", RE_PARAM_VALUE },
	{ R, " ORCPT=a@b", RE_PARAM_VALUE },
	{ R, " ORCPT=rfc 822;a", RE_PARAM_VALUE },
	{ R, " ORCPT=rfc822;a+00", RE_PARAM_VALUE },
	{ R, " ORCPT=rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED
		"123456789012345678901234567890123456789012345678901234567890"
		"123456789012345678901234567890123", RE_NONE },
	{ R, " ORCPT=rfc822;" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED,
		RE_PARAM_VALUE },
	/* RFC 6533 section 3 */
	{ R, " ORCPT=utf-8;\\x{E9}@example.com", RE_NONE },
	{ R, " ORCPT=utf-8;\xc3\xa9@example.com", RE_NONE },
	{ R, " ORCPT=rfc822;\xc3\xa9@example.com", RE_PARAM_VALUE },
	{ R, " ORCPT=utf-8;\xc3@example.com", RE_PARAM_VALUE },
	{ R, " ORCPT=utf-8;\xe2\x80\xae@example.com", RE_PARAM_VALUE },
	/* RFC 2852 section 4 */
	{ M, " BY=120;R", RE_NONE },
	{ M, " BY=120;rt", RE_NONE },
	{ M, " BY=+5;N", RE_NONE },
	{ M, " BY=-5;NT", RE_NONE },
	{ M, " BY=0;N", RE_NONE },
	{ M, " BY=999999999;R", RE_NONE },
	{ M, " BY=0;R", RE_PARAM_VALUE },
	{ M, " BY=-1;R", RE_PARAM_VALUE },
	{ M, " BY=1000000000;R", RE_PARAM_VALUE },
	{ M, " BY=;R", RE_PARAM_VALUE },
	{ M, " BY=--1;N", RE_PARAM_VALUE },
	{ M, " BY=120", RE_PARAM_VALUE },
	{ M, " BY=120;", RE_PARAM_VALUE },
	{ M, " BY=120;X", RE_PARAM_VALUE },
	{ M, " BY=120;RX", RE_PARAM_VALUE },
	{ M, " BY=120;RTT", RE_PARAM_VALUE },
	{ M, " BY=120,R", RE_PARAM_VALUE },
	/* RFC 4865 section 3 */
	{ M, " HOLDFOR=0", RE_PARAM_VALUE },
	{ M, " HOLDFOR=999999999", RE_NONE },
	{ M, " HOLDFOR=1000000000", RE_PARAM_VALUE },
	{ M, " HOLDFOR=-1", RE_PARAM_VALUE },
	{ M, " HOLDUNTIL=2026-11-27T02:03:04Z", RE_NONE },
	{ M, " HOLDUNTIL=2026-11-27", RE_PARAM_VALUE },
	{ M, " HOLDUNTIL=2026-02-30T02:03:04Z", RE_PARAM_VALUE },
	{ M, " HOLDFOR=1 HOLDUNTIL=2026-11-27T02:03:04Z", RE_PARAM_VALUE },
	{ M, " HOLDUNTIL=2026-11-27T02:03:04Z HOLDFOR=1", RE_PARAM_VALUE },
	/* RFC 6710 section 4 */
	{ M, " MT-PRIORITY=9", RE_NONE },
	{ M, " MT-PRIORITY=-9", RE_NONE },
	{ M, " MT-PRIORITY=0", RE_NONE },
	{ M, " MT-PRIORITY=10", RE_PARAM_VALUE },
	{ M, " MT-PRIORITY=+1", RE_PARAM_VALUE },
	{ M, " MT-PRIORITY=-", RE_PARAM_VALUE },
	{ M, " MT-PRIORITY=a", RE_PARAM_VALUE },
	{ M, " MT-PRIORITY=", RE_PARAM_VALUE },
};

static enum smtp_reply
parse(enum smtp_verb verb, const char *text, size_t n, struct smtp_params *p)
{
	static uint8_t exact[1024];

	/* What follows is not the line's. */
	memset(exact, '=', sizeof exact);
	assert_true(n <= sizeof exact);
	memcpy(exact, text, n);
	*p = (struct smtp_params){ 0 };
	return smtp_params_parse(span_of(exact, n), verb, p);
}

static void
test_cases(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = cases[i].text;
		struct smtp_params p;

		CHECK_NUM(parse(cases[i].verb, text, strlen(text), &p),
		    cases[i].re, "%s", text);
	}
}

/* However it is cut: a prefix of what is good is good, or an error. */
static void
test_cut_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t n = 0; n < strlen(cases[i].text); n++) {
			struct smtp_params p;
			enum smtp_reply re = parse(cases[i].verb,
			    cases[i].text, n, &p);

			CHECK(re == RE_NONE || re == RE_PARAM_VALUE ||
			    re == RE_BAD_PARAM, "%s at %zu", cases[i].text, n);
		}
}

static void
test_mail_values(void **state UNUSED)
{
	static const char text[] = " SIZE=5 BODY=BINARYMIME SMTPUTF8 "
	    "REQUIRETLS RET=HDRS ENVID=a+2Bb AUTH=u@x BY=-7;NT "
	    "HOLDUNTIL=1970-01-01T00:00:02Z MT-PRIORITY=-3 PRDR";
	struct smtp_params p;

	assert_int_equal(parse(M, text, sizeof text - 1, &p), RE_NONE);
	assert_int_equal(p.said, (SMTP_SAID(
	    SMTP_PARAM_COUNT) - 1) & ~(SMTP_SAID(SMTP_PARAM_NOTIFY) |
	    SMTP_SAID(SMTP_PARAM_ORCPT) | SMTP_SAID(SMTP_PARAM_HOLDFOR)));
	assert_int_equal(p.size, 5);
	assert_int_equal(p.body, SMTP_BODY_BINARY);
	assert_int_equal(p.ret, SMTP_RET_HEADERS);
	assert_true(span_eq(p.envid, SPAN("a+2Bb")));
	assert_true(span_eq(p.auth, SPAN("u@x")));
	assert_int_equal(p.by_s, -7);
	assert_true(!p.is_by_return && p.is_by_trace);
	assert_int_equal(p.hold_until_ms, 2000);
	assert_int_equal(p.priority, -3);
}

static void
test_rcpt_values(void **state UNUSED)
{
	static const char text[] =
	    " NOTIFY=DELAY,SUCCESS ORCPT=utf-8;\xc3\xa9@x";
	struct smtp_params p;

	assert_int_equal(parse(R, text, sizeof text - 1, &p), RE_NONE);
	assert_int_equal(p.notify, ENVELOPE_DELAY | ENVELOPE_SUCCESS);
	assert_true(span_eq(p.orcpt, SPAN("utf-8;\xc3\xa9@x")));
	assert_true(p.has_utf8);
}

static void
test_xtext(void **state UNUSED)
{
	uint8_t to[4];
	size_t n;

	assert_true(xtext_decode(SPAN("a+2B+3Dz"), to, 4, &n));
	assert_true(span_eq(span_of(to, n), SPAN("a+=z")));
	assert_false(xtext_decode(SPAN("a+2B+3Dzy"), to, 4, &n));
	assert_false(xtext_is(SPAN("")));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cases, "PRS-5"),
		TEST(test_cut_anywhere, "PRS-5"),
		TEST(test_mail_values, ""),
		TEST(test_rcpt_values, ""),
		TEST(test_xtext, "PRS-5"),
	};

	return RUN_TESTS(tests);
}
