/* BDAT, laid beside RFC 3030 and SMTP-5; LMTP's and PRDR's many replies. */
#include "smtp_play.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }
#define LIMITS	.has_tls = true, .message_size = 1000, .recipients = 3, \
	.errors_soft = 100000, .errors = 100000, .commands = 100000, \
	.mails = 1000, .bad_recipients = 1000, .body_line = 200, \
	.auth_per_session = 3, .hops = 5, .hops_own = 2, .hold = 3600

static const struct smtp_policy mx = {
	.listener = SMTP_MX, .hostname = HOST, .home = HOME, LIMITS
};
static const struct smtp_policy lmtp = {
	.listener = SMTP_LMTP, .hostname = HOST, .home = HOME, LIMITS
};

#define HELLO	"EHLO c.example\r\n"
#define MAIL	"MAIL FROM:<s@x>\r\n"
#define BINARY	"MAIL FROM:<s@x> BODY=BINARYMIME\r\n"
#define RCPT	"RCPT TO:<u@example.org>\r\n"
#define OPEN	HELLO MAIL RCPT
#define READY	"220 250 250 250 "
#define X100	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"

/* The content of the last COMMIT: octets, NUL as `0`. */
static const struct {
	const char	*name, *wire;
	size_t		 n;
	const char	*codes, *content;	/* NULL: nothing is stored */
	bool		 is_closed;
} cases[] = {
#define W(s)	s, sizeof(s) - 1
	{ "one chunk", W(OPEN "BDAT 10 LAST\r\nA: b\r\n\r\nhi"), READY "250",
		"A: b\r\n\r\nhi", false },
	{ "two chunks", W(OPEN "BDAT 4\r\nA: bBDAT 6 LAST\r\n\r\n\r\nhi"),
		READY "250 250", "A: b\r\n\r\nhi", false },
	{ "an empty last one", W(OPEN "BDAT 10\r\nA: b\r\n\r\nhi"
		"BDAT 0 LAST\r\n"), READY "250 250", "A: b\r\n\r\nhi", false },
	{ "nothing at all", W(OPEN "BDAT 0 LAST\r\n"), READY "250", "", false },
	{ "a dot is no end", W(OPEN "BDAT 12 LAST\r\nA: b\r\n\r\n.\r\n.QUIT\r\n"),
		READY "250 221", "A: b\r\n\r\n.\r\n.", true },
	{ "CRLF over two chunks", W(OPEN "BDAT 5\r\nA: b\rBDAT 3 LAST\r\n"
		"\n\r\n"), READY "250 250", "A: b\r\n\r\n", false },
	{ "everything in one go", W(OPEN "BDAT 2\r\nhiBDAT 2 LAST\r\nhi"
		MAIL RCPT "BDAT 2 LAST\r\nho" "QUIT\r\n"),
		READY "250 250 250 250 250 221", "ho", true },
	{ "bare LF", W(OPEN "BDAT 3 LAST\r\na\nb" MAIL), READY "550 250", NULL,
		false },
	{ "bare CR at the end", W(OPEN "BDAT 2 LAST\r\na\r" MAIL),
		READY "550 250", NULL, false },
	{ "NUL", W(OPEN "BDAT 3 LAST\r\na\0b" MAIL), READY "550 250", NULL,
		false },
	{ "bare LF, more chunks", W(OPEN "BDAT 3\r\na\nb" "BDAT 2\r\nhi"
		"BDAT 2 LAST\r\nhi" MAIL RCPT "DATA\r\n" "VRFY x\r\nNOOP\r\n"
		"RSET\r\n" MAIL),
		READY "550 503 503 503 503 503 252 250 250 250", NULL, false },
	{ "EHLO helps as well", W(OPEN "BDAT 3\r\na\nb" "STARTTLS\r\n" HELLO
		MAIL), READY "550 503 250 250", NULL, false },
	{ "QUIT in the middle", W(OPEN "BDAT 2\r\nhiQUIT\r\n"),
		READY "250 221", NULL, true },
	{ "RSET in the middle", W(OPEN "BDAT 2\r\nhiRSET\r\n" MAIL RCPT
		"BDAT 2 LAST\r\nho"), READY "250 250 250 250 250", "ho",
		false },
	{ "EHLO in the middle", W(OPEN "BDAT 2\r\nhi" HELLO MAIL RCPT
		"BDAT 2 LAST\r\nho"), READY "250 250 250 250 250", "ho",
		false },
	{ "MAIL, RCPT in the middle", W(OPEN "BDAT 2\r\nhi" MAIL RCPT
		"BDAT 2 LAST\r\nho"), READY "250 503 503 250", "hiho", false },
	{ "DATA in the middle", W(OPEN "BDAT 2\r\nhiDATA\r\n" "BDAT 0 LAST\r\n"
		MAIL "RSET\r\n"), READY "250 503 503 503 250", NULL, false },
	{ "after the last", W(OPEN "BDAT 2 LAST\r\nhi" "BDAT 2\r\nhi" MAIL
		"RSET\r\n"), READY "250 503 503 250", "hi", false },
	{ "no recipient", W(HELLO MAIL "RCPT TO:<no@example.org>\r\n"
		"BDAT 6 LAST\r\nQUIT\r\n" RCPT "RSET\r\n"),
		"220 250 250 550 503 503 250", NULL, false },
	{ "a bad size closes", W(OPEN "BDAT x\r\nQUIT\r\n"), READY "501", NULL,
		true },
	{ "a negative size", W(OPEN "BDAT -1 LAST\r\n"), READY "501", NULL,
		true },
	{ "a size beyond reading", W(OPEN "BDAT 9223372036854775808 LAST\r\n"),
		READY "552", NULL, true },
	{ "2^64", W(OPEN "BDAT 18446744073709551616 LAST\r\n"), READY "501",
		NULL, true },
	{ "beyond the limit, read", W(OPEN "BDAT 1100\r\n" X100 X100 X100 X100
		X100 X100 X100 X100 X100 X100 X100 MAIL "RSET\r\n"),
		READY "552 503 250", NULL, false },
	{ "beyond it in two", W(OPEN "BDAT 600\r\n" X100 X100 X100 X100 X100
		X100 "BDAT 600 LAST\r\n" X100 X100 X100 X100 X100 X100 MAIL),
		READY "250 552 250", NULL, false },
	{ "chunks for nothing flood", W(HELLO "BDAT 1100\r\n" X100 X100 X100
		X100 X100 X100 X100 X100 X100 X100 X100 "BDAT 1100\r\n" X100
		X100 X100 X100 X100 X100 X100 X100 X100 X100 X100),
		"220 250 503 421", NULL, true },
	{ "binary", W(HELLO BINARY RCPT "BDAT 6 LAST\r\na\nb\rc\0"), READY
		"250", "a\nb\rc0", false },
	{ "binary needs BDAT", W(HELLO BINARY RCPT "DATA\r\n" "BDAT 1 LAST\r\n\n"),
		READY "503 250", "\n", false },
	{ "misspelled", W(OPEN "BDAT\t4\r\nMAIL FROM:<>\r\n"), READY "500", NULL,
		true },
};

static void
expect(const struct play *p, size_t i, const char *how)
{
	char got[512], content[2048];
	size_t n = p->ncommits > 0 ? p->committed : 0;

	CHECK_STR(codes(p, got), cases[i].codes, "%s%s", cases[i].name, how);
	CHECK_NUM(p->is_closed, cases[i].is_closed, "%s%s", cases[i].name, how);
	CHECK_NUM(p->ncommits > 0, cases[i].content != NULL, "%s%s",
	    cases[i].name, how);
	for (size_t k = 0; k < n; k++)
		content[k] = p->stored[k] == 0 ? '0' : p->stored[k];
	content[n] = '\0';
	if (cases[i].content != NULL)
		CHECK_STR(content, cases[i].content, "%s%s", cases[i].name,
		    how);
	/* Whoever keeps content was told of its end. */
	CHECK(p->nbegins <= p->ncommits + p->ndiscards + p->ndrops +
	    (unsigned int)p->is_closed, "%s%s", cases[i].name, how);
}

/* EHLO ends a group (RFC 2920), so it comes alone; the rest is cut anywhere. */
static void
say_cut(struct play *p, size_t i, size_t cut)
{
	const char *wire = cases[i].wire, *end = wire + cases[i].n, *more;

	for (; wire < end && !p->is_closed; wire = more) {
		size_t n;

		more = strncmp(wire, HELLO, sizeof HELLO - 1) == 0 ?
		    wire + sizeof HELLO - 1 : strstr(wire + 1, HELLO);
		if (more == NULL || memchr(wire, 0, (size_t)(end - wire)) != NULL)
			more = strncmp(wire, HELLO, sizeof HELLO - 1) == 0 ?
			    wire + sizeof HELLO - 1 : end;
		n = (size_t)(more - wire);
		if (cut > 0 && cut < n) {
			say(p, wire, cut);
			if (!p->is_closed)
				say(p, wire + cut, n - cut);
		} else
			say(p, wire, n);
	}
}

static void
test_cases(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut < MIN(cases[i].n, (size_t)400);
		    cut++) {
			struct play *p = play_begin(&mx, false);
			char how[32];

			(void)snprintf(how, sizeof how, ", cut at %zu", cut);
			say_cut(p, i, cut);
			expect(p, i, how);
			play_end(p);
		}
}

static void
test_octet_by_octet(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct play *p = play_begin(&mx, false);

		for (size_t n = 0; n < cases[i].n && !p->is_closed; n++)
			say(p, cases[i].wire + n, 1);
		expect(p, i, ", octet by octet");
		play_end(p);
	}
}

/* Section 19: 10,000 chunks; of them 100 below 512 octets, the last apart. */
static void
chunks(unsigned int n, unsigned int octets, const char *want, bool is_good)
{
	struct smtp_policy policy = mx;
	struct play *p;
	char line[32], body[513];

	policy.message_size = 100000000;
	policy.body_line = 100000000;
	p = play_begin(&policy, false);
	memset(body, 'x', sizeof body);
	memcpy(body, "\r\n", 2);	/* no header */
	say_lines(p, OPEN);
	for (unsigned int i = 0; i < n && p->s.phase != PH_BROKEN; i++) {
		(void)snprintf(line, sizeof line, "BDAT %u\r\n", octets);
		p->nout = p->ncontent = 0;
		say(p, line, strlen(line));
		say(p, body, octets);
	}
	if (p->s.phase != PH_BROKEN) {
		p->nout = 0;
		say_lines(p, "BDAT 0 LAST\r\n");
	}
	CHECK(strncmp(p->out, want, 3) == 0, "%u of %u: %s", n, octets, p->out);
	CHECK_NUM(p->ncommits, is_good, "%u of %u", n, octets);
	play_end(p);
}

static void
test_chunk_limits(void **state UNUSED)
{
	chunks(SMTP_SMALL_CHUNKS_MAX, SMTP_SMALL_CHUNK - 1, "250", true);
	chunks(SMTP_SMALL_CHUNKS_MAX + 1, SMTP_SMALL_CHUNK - 1, "554", false);
	chunks(100 * SMTP_SMALL_CHUNKS_MAX, 0, "554", false);
	chunks(SMTP_CHUNKS_MAX - 1, SMTP_SMALL_CHUNK, "250", true);
	chunks(SMTP_CHUNKS_MAX, SMTP_SMALL_CHUNK, "554", false);
}

/* RFC 2033 4.2: one reply for each recipient that was accepted. */
static void
test_lmtp(void **state UNUSED)
{
	static const struct {
		const char	*name, *script, *codes;
		bool		 fails;
	} rows[] = {
		{ "two", "LHLO c\r\n" MAIL RCPT RCPT "DATA\r\nhi\r\n.\r\nNOOP\r\n",
			"220 250 250 250 250 354 250 250 250", false },
		{ "one", "LHLO c\r\n" MAIL RCPT "DATA\r\nhi\r\n.\r\nNOOP\r\n",
			"220 250 250 250 354 250 250", false },
		{ "one of two accepted", "LHLO c\r\n" MAIL
			"RCPT TO:<no@example.org>\r\n" RCPT
			"DATA\r\nhi\r\n.\r\nNOOP\r\n",
			"220 250 250 550 250 354 250 250", false },
		{ "none", "LHLO c\r\n" MAIL "RCPT TO:<no@example.org>\r\n"
			"DATA\r\n", "220 250 250 550 503", false },
		{ "refused", "LHLO c\r\n" MAIL RCPT RCPT
			"DATA\r\nh\ni\r\n.\r\nNOOP\r\n",
			"220 250 250 250 250 354 550 550 250", false },
		{ "not stored", "LHLO c\r\n" MAIL RCPT RCPT
			"DATA\r\nhi\r\n.\r\nNOOP\r\n",
			"220 250 250 250 250 354 451 451 250", true },
		{ "BDAT", "LHLO c\r\n" MAIL RCPT RCPT
			"BDAT 2\r\n\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n",
			"220 250 250 250 250 250 250 250 250", false },
		{ "a chunk that fails", "LHLO c\r\n" MAIL RCPT RCPT
			"BDAT 3\r\n\n\r\nNOOP\r\n",
			"220 250 250 250 250 550 250", false },
		{ "EHLO, HELO", HELLO "HELO c\r\n", "220 500 500", false },
		{ "relaying", "LHLO c\r\n" MAIL "RCPT TO:<a@other>\r\n",
			"220 250 250 550", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&lmtp, false);
		char got[512];

		p->store_fails = rows[i].fails;
		say_lines(p, rows[i].script);
		CHECK_STR(codes(p, got), rows[i].codes, "%s", rows[i].name);
		CHECK(strncmp(p->out, "220 mx.example.org LMTP ", 24) == 0 &&
		    strstr(p->out, "PRDR") == NULL, "%s", rows[i].name);
		play_end(p);
	}
}

static void
test_no_lhlo_elsewhere(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char got[512];

	say_lines(p, "LHLO c\r\n" MAIL);
	CHECK_STR(codes(p, got), "220 500 503", "SMTP");
	play_end(p);
}

/* 353, a reply for each recipient, and one for the message. */
static void
test_prdr(void **state UNUSED)
{
	static const struct {
		const char	*script, *codes;
		bool		 fails;
	} rows[] = {
		{ HELLO "MAIL FROM:<s@x> PRDR\r\n" RCPT RCPT
			"DATA\r\nhi\r\n.\r\n" MAIL,
			"220 250 250 250 250 354 353 250 250 250 250", false },
		{ HELLO "MAIL FROM:<s@x> PRDR\r\n" RCPT RCPT
			"DATA\r\nhi\r\n.\r\n" MAIL,
			"220 250 250 250 250 354 353 451 451 451 250", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(&mx, false);
		char got[512];

		p->store_fails = rows[i].fails;
		say_lines(p, rows[i].script);
		CHECK_STR(codes(p, got), rows[i].codes, "%zu", i);
		play_end(p);
	}
}

/* RFC 2033 4.2: each its own word; whose is none, the message's. */
static void
test_each(void **state UNUSED)
{
	static struct smtp_each as_all = { NULL, RE_NONE, { 0 } },
	    no = { &as_all, RE_RULE_REFUSED, { 0 } },
	    later = { NULL, RE_RULE_LATER, { 450, SPAN("4.7.1"), SPAN("Come again") } },
	    none[2] = { { &none[1], RE_RULE_REFUSED, { 550, SPAN("5.7.1"), SPAN("A") } },
	    { NULL, RE_RULE_REFUSED, { 554, SPAN("5.7.2"), SPAN("B") } } };
	static const struct {
		const char		*name, *replies;
		const struct smtp_each	*each;
		bool			 is_lmtp, fails;
	} rows[] = {
		{ "first", "550 5.7.1 Not here\r\n250 2.0.0 queued",
			&no, true, false },
		{ "not stored", "550 5.7.1 Not here\r\n451 4.3.0 ",
			&no, true, true },
		{ "one of two known", "450 4.7.1 Come again\r\n250 2.0.0 queued",
			&later, true, false },
		{ "last", "550 5.7.1 A\r\n554 5.7.2 B\r\n250 2.1.0 ",
			none, true, false },
		{ "all", "550 5.7.1 A\r\n554 5.7.2 B\r\n250 2.1.0 ",
			none, true, true },
		{ "PRDR", "353 One reply a recipient follows\r\n"
			"550 5.7.1 Not here\r\n250 2.0.0 queued",
			&no, false, false },
	};

	no.said = (struct smtp_said){ 550, SPAN("5.7.1"), SPAN("Not here") };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct play *p = play_begin(rows[i].is_lmtp ? &lmtp : &mx,
		    false);

		p->each = rows[i].each;
		p->store_fails = rows[i].fails;
		say_lines(p, rows[i].is_lmtp ? "LHLO c\r\n" MAIL :
		    HELLO "MAIL FROM:<s@x> PRDR\r\n");
		say_lines(p, RCPT RCPT "DATA\r\nhi\r\n.\r\n" MAIL);
		CHECK(strstr(p->out, rows[i].replies) != NULL, "%s: %s",
		    rows[i].name, p->out);
		CHECK(!rows[i].is_lmtp || strstr(p->out, "353") == NULL,
		    "%s", rows[i].name);
		play_end(p);
	}
}

/* The owner cannot keep it: that is said at the end of this chunk. */
static void
test_spoilt_chunk(void **state UNUSED)
{
	struct play *p = play_begin(&mx, false);
	char got[512];

	say_lines(p, OPEN "BDAT 4\r\n");
	say(p, "a\r", 2);
	smtp_server_spoil(&p->s, RE_NO_LARGE);
	say(p, "\nb", 2);
	say_lines(p, "BDAT 0 LAST\r\nRSET\r\n");
	CHECK_STR(codes(p, got), READY "452 503 250", "452");
	assert_int_equal(p->ndiscards, 1);
	play_end(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cases, "SMTP-2 SMTP-4 SMTP-5 SMTP-8 PRS-2"),
		TEST(test_octet_by_octet, "SMTP-5 PRS-2"),
		TEST(test_chunk_limits, "SMTP-5"),
		TEST(test_lmtp, ""),
		TEST(test_no_lhlo_elsewhere, ""),
		TEST(test_prdr, ""),
		TEST(test_each, ""),
		TEST(test_spoilt_chunk, "SMTP-5"),
	};

	return RUN_TESTS(tests);
}
