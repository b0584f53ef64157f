/*
 * smtp_client: a server that says anything, in pieces.  Each recipient has at
 * most one result, what is said has no stranger's octet in it, and it ends.
 */
#include "proto/smtp_client.h"

#define RCPTS	3u
#define MAILS	3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct talk {
	struct smtp_client	 c;
	/* By turns: of this message, and of the one that goes ahead. */
	struct smtp_client_rcpt	 rcpts[2][RCPTS];
	unsigned int		 nresults[2][RCPTS];
	unsigned int		 mails, now;
	bool			 is_over, is_ahead;
};

static void
check_said(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		ASSERT(text.p[i] == '\r' || text.p[i] == '\n' ||
		    (text.p[i] >= 32 && text.p[i] <= 126));
	ASSERT(text.n >= 2 && text.p[text.n - 1] == '\n');
}

static struct smtp_client_message
next_message(struct talk *t, unsigned int which)
{
	for (size_t i = 0; i < RCPTS; i++) {
		t->rcpts[which][i] = (struct smtp_client_rcpt){
			.address = SPAN("r@example.net"),
		};
		t->nresults[which][i] = 0;
	}
	return (struct smtp_client_message){
		.reverse_path = SPAN("s@example.org"),
		.rcpts = t->rcpts[which], .nrcpts = RCPTS,
		.size = 1000, .is_8bit = t->mails % 2 == 1,
	};
}

static void
begin(struct talk *t)
{
	struct smtp_client_message m;

	ASSERT(!t->is_ahead);
	if (t->mails++ >= MAILS) {
		smtp_client_quit(&t->c);
		return;
	}
	m = next_message(t, t->now);
	smtp_client_begin(&t->c, &m);
}

static void
send_content(struct talk *t)
{
	struct smtp_client_message m = next_message(t, 1 - t->now);

	ASSERT(!t->is_ahead);
	t->is_ahead = t->mails < MAILS && smtp_client_ahead(&t->c, &m);
	t->mails += t->is_ahead;
	smtp_client_content_sent(&t->c);
}

static void
message_done(struct talk *t)
{
	for (size_t i = 0; i < RCPTS; i++)
		ASSERT(t->nresults[t->now][i] == 1);
	if (t->is_ahead)
		t->now = 1 - t->now;
	t->is_ahead = false;
}

static void
act(struct talk *t, const struct smtp_client_action *a)
{
	ASSERT(!t->is_over);
	if (a->kind == SMTP_CLIENT_SEND)
		check_said(a->text);
	else if (a->kind == SMTP_CLIENT_RESULT) {
		ASSERT(a->rcpt < RCPTS &&
		    t->nresults[t->now][a->rcpt]++ == 0);
		ASSERT(a->status.n >= 5 && a->text.n <= SMTP_CLIENT_TEXT_MAX);
	} else if (a->kind == SMTP_CLIENT_START_TLS)
		smtp_client_tls_ready(&t->c, false);
	else if (a->kind == SMTP_CLIENT_CONTENT)
		send_content(t);
	else if (a->kind == SMTP_CLIENT_MESSAGE_DONE)
		message_done(t);
	else if (a->kind == SMTP_CLIENT_READY)
		begin(t);
	else if (a->kind == SMTP_CLIENT_CLOSE) {
		ASSERT(a->status.n >= 5);
		t->is_over = true;
	}
}

static void
run(struct talk *t, struct span in)
{
	struct smtp_client_action a;

	do {
		a = smtp_client_next(&t->c, &in);
		act(t, &a);
	} while (a.kind != SMTP_CLIENT_WAIT && !t->is_over);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct talk t = { .mails = 0 };
	size_t piece = size == 0 ? 1 : 1 + data[size - 1] % 32u;
	struct smtp_client_settings set = {
		.hostname = SPAN("me.example.org"),
		.tls = size % 2 == 0 ? SMTP_CLIENT_TLS_OFFERED :
		    SMTP_CLIENT_TLS_IMPLICIT,
		.user = size % 3 == 0 ? SPAN("user") : SPAN(""),
		.password = SPAN("secret"),
	};

	smtp_client_init(&t.c, &set);
	smtp_client_connected(&t.c, false);
	while (in.n > 0 && !t.is_over)
		run(&t, span_take(&in, MIN(piece, in.n)));
	if (!t.is_over) {
		smtp_client_lost(&t.c, "the input is over");
		run(&t, SPAN(""));
	}
	ASSERT(t.is_over);
	smtp_client_free(&t.c);
	return 0;
}
