/*
 * Every parser, at a tenth of its limit and at its limit, over the texts that
 * are worst for parsers: ten times the octets may cost twenty-five times the work
 * (PRS-3).
 *
 * Work is counted in the processor time of this thread, the least of many
 * rounds: what a machine does besides makes a round dearer, never cheaper.  A
 * parser that looks at everything again for each octet costs a hundred times.
 */
#include "check.h"

#include "mail/address.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "mail/header_keep.h"
#include "mail/mailbox.h"
#include "mail/submit.h"
#include "proto/dns_rdata.h"
#include "proto/sasl.h"
#include "mail/xtext.h"
#include "proto/smtp_command.h"
#include "proto/smtp_reply_parse.h"
#include "proto/smtp_stuff.h"
#include "proto/smtp_wire.h"

#include <pthread.h>
#include <time.h>

#define TEXT_MAX	(1u << 20)
#define ROUNDS_MAX	400u
#ifdef __SANITIZE_ADDRESS__
#define ROUND_OCTETS	(32u * 1024)
#define STEP		4u	/* each is ten times as dear: every fourth */
#else
#define STEP		1u
#define ROUND_OCTETS	(256u * 1024)	/* at least so many a round */
#endif
#define RATIO		25u	/* of ten; what is quadratic takes a hundred */

static void
read_address(struct span text)
{
	struct span in = text, local, domain;
	struct addr a;

	if (addr_parse(text, &a) != ERR_OK)
		(void)addr_split(text, &local, &domain);
	if (addr_parse_reverse(&in, &a) != ERR_OK)
		in = text;
	(void)addr_is_domain(text);
	(void)addr_is_literal(text);
}

static void
read_command(struct span text)
{
	struct smtp_cmd cmd;

	(void)(smtp_command_parse(text, &cmd) == RE_NONE);
	(void)xtext_is(text);
}

static void
read_wire(struct span text)
{
	struct smtp_wire w = smtp_wire_make();

	for (unsigned int body = 0; body < 2; body++) {
		struct span in = text;

		while (in.n > 0)
			if (smtp_wire_next(&w, &in).kind == SMTP_WIRE_MORE)
				break;
		smtp_wire_expect_body(&w);
	}
	smtp_wire_free(&w);
}

/* Octet by octet: what is kept for later must not be looked at again. */
static void
read_wire_in_octets(struct span text)
{
	struct smtp_wire w = smtp_wire_make();

	while (text.n > 0) {
		struct span in = span_take(&text, 1);

		while (smtp_wire_next(&w, &in).kind != SMTP_WIRE_MORE)
			continue;
	}
	smtp_wire_free(&w);
}

static void
read_replies(struct span text)
{
	struct smtp_answers r = smtp_answers_make();
	struct smtp_answer a;

	while (smtp_answers_next(&r, &text, &a) == ERR_OK)
		(void)smtp_status_find(a.text);
	smtp_answers_free(&r);
}

static void
read_content(struct span text)
{
	struct content_scan s;

	content_scan_begin(&s, SPAN("mx.example"));
	content_scan_feed(&s, text);
	(void)content_scan_end(&s);
}

static void
read_header(struct span text)
{
	static const struct span names[] = {
		{ (const uint8_t *)"to", 2 },
		{ (const uint8_t *)"received", 8 },
	};
	struct header_keep k = header_keep_make(names, COUNT(names));
	struct header_event ev;
	struct header h;

	header_begin(&h);
	do {
		ev = header_next(&h, &text);
		header_keep_event(&k, &h, ev);
	} while (ev.kind != HEADER_MORE && ev.kind != HEADER_END);
	header_keep_free(&k);
}

/* What a user hands in, and what is cut and completed of it. */
static void
read_submitted(struct span text)
{
	static const struct submit_rules rules = { .is_bare_taken = true };
	struct buf added = buf_make(4 * HEADER_MAX);
	struct content_scan s;
	struct submit u;
	uint64_t from, to;
	size_t at = 0;

	content_scan_begin(&s, SPAN("mx.example"));
	submit_begin(&u, &rules);
	content_scan_watch(&s, (struct content_watch){ submit_event, &u });
	content_scan_feed(&s, text);
	(void)content_scan_end(&s);
	(void)(submit_end(&u) == SUBMIT_GOOD);
	while (submit_cut(&u, &at, &from, &to))
		continue;
	(void)(submit_complete(&u, SPAN("d"), &added) == ERR_OK);
	buf_free(&added);
	submit_free(&u);
}

/* With and without the name of a field before it. */
static void
read_mailboxes(struct span text)
{
	struct mailbox_list l;

	for (unsigned int i = 0; i < 2; i++) {
		mailbox_begin(&l, text);
		while (mailbox_next(&l) == ERR_OK)
			continue;
		text = span_skip(text, MIN(span_find(text, ' '), text.n));
	}
}

static void
read_sasl(struct span text)
{
	struct sasl s;

	if (sasl_begin(&s, SPAN("PLAIN"), SASL_PASSWORDS) == ERR_OK)
		(void)(sasl_feed(&s, true, text) == SASL_ASK);
	sasl_end(&s);
}

static void
read_envelope(struct span text)
{
	struct envelope e;
	struct envelope_recipient r;

	if (envelope_decode(text, &e) == ERR_OK)
		return;
	while (envelope_next(&text, &r) == ERR_OK)
		continue;
}

static void
read_dns(struct span text)
{
	struct dns_name name;
	struct dns_mx mx;

	(void)(dns_host_name(text, &name) == ERR_OK);
	(void)(dns_mx_parse(text, &mx) == ERR_OK);
}

static const struct {
	const char	*name;
	void		(*read)(struct span);
	size_t		 limit;		/* octets that it is ever given */
} parsers[] = {
	{ "address", read_address, 2048 },
	{ "command", read_command, SMTP_AUTH_LINE_MAX },
	{ "wire", read_wire, TEXT_MAX },
	{ "wire in octets", read_wire_in_octets, TEXT_MAX / 4 },
	{ "replies", read_replies, SMTP_ANSWER_MAX },
	{ "content", read_content, TEXT_MAX },
	{ "header", read_header, HEADER_MAX },
	{ "mailboxes", read_mailboxes, HEADER_FIELD_MAX },
	{ "submitted", read_submitted, HEADER_MAX },
	{ "sasl", read_sasl, SMTP_AUTH_LINE_MAX },
	{ "envelope", read_envelope, TEXT_MAX / 4 },
	{ "dns", read_dns, 65535 },
};
/* A beginning, and what is said again and again behind it. */
static const struct {
	const char	*name, *head, *again;
} families[] = {
	{ "commas", "To: ", "a@b, " },
	{ "parentheses", "To: ", "(" },
	{ "comments, closed", "To: ", "()" },
	{ "nested comments", "To: ", "(((((((((a)))))))))" },
	{ "names", "To: ", "a ." },
	{ "blind copies", "From: a\r\n", "Bcc: a, b\r\n" },
	{ "names of this host", "To: ", "a," },
	{ "groups", "To: ", "a:b@c;," },
	{ "obsolete routes", "To: <", "@a," },
	{ "quotes", "\"", "\\\"" },
	{ "opened quotes", "", "\"" },
	{ "routes", "<@a", ",@a" },
	{ "path", "MAIL FROM:<a@b", ".a" },
	{ "parameters", "MAIL FROM:<a@b>", " SIZE=1" },
	{ "xtext", "MAIL FROM:<a@b> AUTH=", "+41" },
	{ "spaces", "RCPT TO:<a@b>", " " },
	{ "at signs", "", "@" },
	{ "labels", "a@", "b." },
	{ "literal", "a@[IPv6:", "1:" },
	{ "encoded words", "Subject: ", "=?utf-8?q?a?= " },
	{ "RFC 2231 parts", "Content-Type: a/b", "; x*0*=utf-8''a" },
	{ "boundaries", "", "--b\r\n" },
	{ "folding", "Received: by x\r\n", " \r\n" },
	{ "long folding", "Received: from", " by\r\n by" },
	{ "received", "", "Received: by mx.example\r\n" },
	{ "fields without colon", "", "abc\r\n" },
	{ "lines of a reply", "", "250-a\r\n" },
	{ "lines without an end", "250-", "a" },
	{ "dots", "", "\r\n.\r\n." },
	{ "CR", "", "\r" }, { "LF", "", "\n" }, { "NUL", "", NULL },
	{ "base64", "", "AHVz" }, { "padding", "", "=" },
};

static uint8_t text[TEXT_MAX];

static struct span
fill(size_t family, size_t n)
{
	const char *again = families[family].again;
	size_t nhead = MIN(strlen(families[family].head), n);
	size_t len = again != NULL ? strlen(again) : 1;

	memcpy(text, families[family].head, nhead);
	for (size_t i = nhead; i < n; i++)
		text[i] = again != NULL ? (uint8_t)again[(i - nhead) % len] : 0;
	return span_of(text, n);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* So often that the clock's own grain does not count. */
static uint64_t
cost(void (*read)(struct span), struct span s, size_t times)
{
	uint64_t before = cpu_ns();

	for (size_t i = 0; i < times; i++)
		read(s);
	return cpu_ns() - before;
}

static bool
is_linear(size_t p, size_t f, uint64_t least[2])
{
	size_t limit = parsers[p].limit;
	size_t times = MAX(ROUND_OCTETS / limit, (size_t)1);

	least[0] = least[1] = UINT64_MAX;
	for (unsigned int round = 0; round < ROUNDS_MAX; round++) {
		uint64_t small = cost(parsers[p].read, fill(f, limit / 10),
		    times);
		uint64_t big = cost(parsers[p].read, fill(f, limit), times);

		least[0] = MIN(least[0], small);
		least[1] = MIN(least[1], big);
		/* Below 20 us it is the call that costs, and below 0.1 ns an
		 * octet the memory behind a cache, not the parser. */
		if (least[1] <= RATIO * least[0] || least[1] < 20000 ||
		    least[1] * 10 < limit * times)
			return true;
	}
	return false;
}

static void
test_ten_times_the_octets(void **state UNUSED)
{
	uint64_t ns[2];

	for (size_t p = 0; p < COUNT(parsers); p++)
		for (size_t f = 0; f < COUNT(families); f += STEP)
			CHECK(is_linear(p, f, ns),
			    "%s, %s: %llu ns at a tenth, %llu ns",
			    parsers[p].name, families[f].name,
			    (unsigned long long)ns[0],
			    (unsigned long long)ns[1]);
	(void)printf("FIGURE linear-parsers %zu parsers-over-%zu-families\n",
	    COUNT(parsers), COUNT(families));
}

/* What is nested is not followed by calls: MEM-3, 64 KiB of stack in all. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_OCTETS	(512u * 1024)	/* their frames are wider */
#else
#define STACK_OCTETS	(64u * 1024)
#endif

static void *
read_all(void *none)
{
	for (size_t f = 0; f < COUNT(families); f++)
		for (size_t p = 0; p < COUNT(parsers); p++)
			parsers[p].read(fill(f, TEXT_MAX));
	return none;
}

static void
test_stack_is_bounded(void **state UNUSED)
{
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, STACK_OCTETS), 0);
	assert_int_equal(pthread_create(&thread, &attr, read_all, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)pthread_attr_destroy(&attr);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_ten_times_the_octets, "PRS-3"),
		TEST(test_stack_is_bounded, "MEM-3"),
	};

	return RUN_TESTS(tests);
}
