/* MEM-5: any allocation of a session may fail; the session ends, nothing else. */
#include "proto/smtp_server.h"

#include "check.h"

void *__real_malloc(size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_realloc(void *p, size_t n);

/* The allocation that fails, counted down; 0: none does. */
static unsigned int countdown;

static bool
fails_now(void)
{
	return countdown > 0 && --countdown == 0;
}

void *
__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

static const struct smtp_policy policy = {
	.listener = SMTP_SUBMISSION, .checks_header = true,
	.hostname = { (const uint8_t *)"mx.example", 10 },
	.home = { (const uint8_t *)"example", 7 },
	.message_size = 1000, .recipients = 100, .errors_soft = 10,
	.errors = 10, .commands = 100, .mails = 10, .bad_recipients = 10,
	.body_line = 100, .auth_per_session = 3, .hops = 5, .hops_own = 2,
	.mechanisms = SASL_BIT(SASL_SCRAM) | SASL_BIT(SASL_OAUTHBEARER),
};
static const char script[] = "EHLO c.example\r\n"
    "AUTH PLAIN AHVzZXIAcGFzcw==\r\nMAIL FROM:<s@x>\r\nRCPT TO:<a@b>\r\n"
    "RCPT TO:<c@example>\r\nDATA\r\nFrom: a@b\r\nBcc: c@d\r\n\r\nhi\r\n.\r\nQUIT\r\n";
/* A token that is none, then SCRAM to its end (as tests/unit/proto/scram.c). */
static const char exchanges[] = "EHLO c.example\r\nAUTH OAUTHBEARER "
    "biwsAWF1dGg9QmVhcmVyIGJhZAEB\r\nAQ==\r\n"
    "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9eA==\r\n"
    "Yz1iaXdzLHI9eG91cnMscD1BUUVCQVFFQkFRRUJBUUVCQVFF"
    "QkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFPQ==\r\n\r\n"
    "MAIL FROM:<s@x>\r\nRCPT TO:<a@b>\r\nDATA\r\nFrom: a@b\r\n\r\nhi\r\n.\r\n"
    "QUIT\r\n";

static void
answer_auth(struct smtp_server *s)
{
	static const uint8_t signature[SCRAM_KEY];

	if (s->sasl.question == SASL_ASK_SALT)
		smtp_server_auth_salt(s, SPAN("ours"), SPAN("salt"), 4096,
		    SPAN(""));
	else if (s->sasl.question == SASL_ASK_PROOF)
		smtp_server_auth_proved(s, SPAN("user"),
		    span_of(signature, sizeof signature));
	else
		smtp_server_auth(s, s->sasl.question == SASL_ASK_TOKEN ?
		    RE_AUTH_BAD : RE_AUTH_OK, SPAN("user"));
}

static bool
act(struct smtp_server *s, const struct smtp_action *a, unsigned int *commits)
{
	static const struct msg_id id = { { 1 } };

	if (a->kind == SMTP_DO_MORE || a->kind == SMTP_DO_CLOSE)
		return false;
	if (a->kind == SMTP_DO_MAIL)
		smtp_server_mail(s, RE_SENDER_OK, &id);
	else if (a->kind == SMTP_DO_RCPT)
		(void)smtp_server_rcpt(s, SMTP_ROUTE_LOCAL, SPAN("d"), SPAN("k"));
	else if (a->kind == SMTP_DO_AUTH)
		answer_auth(s);
	else if (a->kind == SMTP_DO_DISCARD)
		smtp_server_done(s, a->reply);
	else if (a->kind == SMTP_DO_COMMIT) {
		++*commits;
		smtp_server_done(s, RE_QUEUED);
	}
	return true;
}

/*
 * The class of the first reply that is no success; '2' while all are.  A token
 * that is none may be refused.  What is said is whole: each line of a reply has
 * its code, the last one a space.
 */
static void
look(const struct smtp_server *s, char *class)
{
	struct span rest = buf_span(&s->out), first = span_of(NULL, 0);

	while (rest.n > 0) {
		struct span line = span_take(&rest, span_find(rest, '\n') + 1);

		CHECK(line.n > 4 && line.p[line.n - 1] == '\n', "%.*s",
		    SPAN_FMT(buf_span(&s->out)));
		CHECK(first.n == 0 || span_starts(line, first), "%.*s",
		    SPAN_FMT(buf_span(&s->out)));
		first = line.p[3] == '-' ? span_of(line.p, 3) :
		    span_of(NULL, 0);
		CHECK(rest.n > 0 || first.n == 0, "%.*s",
		    SPAN_FMT(buf_span(&s->out)));
		if (*class == '2' && line.p[0] > '3' &&
		    !span_starts(line, SPAN("535 ")))
			*class = (char)line.p[0];
	}
}

/* Octet groups of seven, so that lines are kept; how many were committed. */
static unsigned int
run(const char *text, unsigned int fail, char *class)
{
	struct span all = span_str(text);
	struct smtp_server s;
	struct smtp_action a = { .kind = SMTP_DO_MORE };
	unsigned int commits = 0;

	countdown = fail;
	smtp_server_begin(&s, &policy, true);
	smtp_server_greet(&s, RE_GREETING, false);
	while (all.n > 0 && a.kind != SMTP_DO_CLOSE) {
		/* A client that waits sends no more than the line. */
		size_t line = span_find(all, '\n') + 1;
		struct span in = span_take(&all, MIN(line, (size_t)7));

		do {
			a = smtp_server_next(&s, &in);
			look(&s, class);
			buf_cut(&s.out, 0);
		} while (act(&s, &a, &commits));
	}
	smtp_server_free(&s);
	return commits;
}

static void
each_allocation(const char *text)
{
	unsigned int n = 0, left;
	char none = '2';

	do {
		n++;
		char class = '2';

		(void)run(text, n, &class);
		left = countdown;
		CHECK(class == '2' || class == '4', "%c at %u", class, n);
		CHECK(n < 1000, "it never ends");
	} while (left == 0);
	CHECK(n > 8, "only %u allocations were met", n);
	countdown = 0;
	assert_int_equal(run(text, 0, &none), 1);
	CHECK(none == '2', "without one");
}

static void
test_each_allocation_fails(void **state UNUSED)
{
	each_allocation(script);
}

static void
test_each_allocation_of_auth(void **state UNUSED)
{
	each_allocation(exchanges);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_each_allocation_fails, "MEM-5"),
		TEST(test_each_allocation_of_auth, "MEM-5 AUTH-7"),
	};

	return RUN_TESTS(tests);
}
