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
	.listener = SMTP_SUBMISSION,
	.hostname = { (const uint8_t *)"mx.example", 10 },
	.home = { (const uint8_t *)"example", 7 },
	.message_size = 1000, .recipients = 100, .errors_soft = 10,
	.errors = 10, .commands = 100, .mails = 10, .bad_recipients = 10,
	.body_line = 100, .auth_per_session = 3, .hops = 5, .hops_own = 2,
};
static const char script[] = "EHLO c.example\r\n"
    "AUTH PLAIN AHVzZXIAcGFzcw==\r\nMAIL FROM:<s@x>\r\nRCPT TO:<a@b>\r\n"
    "RCPT TO:<c@example>\r\nDATA\r\nA: b\r\n\r\nhi\r\n.\r\nQUIT\r\n";

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
		smtp_server_auth(s, RE_AUTH_OK, SPAN("user"));
	else if (a->kind == SMTP_DO_DISCARD)
		smtp_server_done(s, a->reply);
	else if (a->kind == SMTP_DO_COMMIT) {
		++*commits;
		smtp_server_done(s, RE_QUEUED);
	}
	return true;
}

/* The class of the first reply that is no success; '2' while all are. */
static void
look(const struct smtp_server *s, char *class)
{
	if (s->out.n > 0 && *class == '2' && s->out.p[0] > '3')
		*class = (char)s->out.p[0];
}

/* Octet groups of seven, so that lines are kept; how many were committed. */
static unsigned int
run(unsigned int fail, char *class)
{
	struct span all = SPAN(script);
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
test_each_allocation_fails(void **state UNUSED)
{
	unsigned int n = 0, left;
	char none = '2';

	do {
		n++;
		char class = '2';

		(void)run(n, &class);
		left = countdown;
		CHECK(class == '2' || class == '4', "%c at %u", class, n);
		CHECK(n < 1000, "it never ends");
	} while (left == 0);
	CHECK(n > 8, "only %u allocations were met", n);
	countdown = 0;
	assert_int_equal(run(0, &none), 1);
	CHECK(none == '2', "without one");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_each_allocation_fails, "MEM-5"),
	};

	return RUN_TESTS(tests);
}
