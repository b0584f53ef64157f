/*
 * client_rig.h - a scripted server for smtp_client, and what it sees and says.
 */
#ifndef POSTHORSE_TESTS_CLIENT_RIG_H
#define POSTHORSE_TESTS_CLIENT_RIG_H

#include "check.h"
#include "proto/smtp_client.h"

#define TRACE_MAX	8192

/*
 * One connection.  `server` is a list of replies, each ended by `|`: one for
 * the greeting, then one for each line that the client has said, and one for
 * content.  `\` is a line end inside a reply, "@" a broken connection, "-" a
 * deadline.  A `^` before a reply says: together with the one before it.
 */
struct rig {
	struct smtp_client	 c;
	char			 trace[TRACE_MAX];
	const char		*server;
	struct smtp_client_rcpt	 rcpts[3], ahead_rcpts[3];
	size_t			 nrcpts, due;
	size_t			 cut;		/* feed so many octets at once */
	unsigned int		 mails;		/* still to begin */
	bool			 is_closed, is_8bit, shows_time;
	bool			 is_content_stuck;
	bool			 goes_on;	/* with who is open, ... */
	bool			 is_under_way;	/* as it does now */
	bool			 is_verified;
	const struct smtp_client_message *like;	/* what a message asks for */
	unsigned int		 ahead;		/* recipients of the next */
	bool			 is_ahead_8bit;
	uint64_t		 size, ahead_size;
	struct span		 left;
	char			 fed[4096];
};

static void
note(struct rig *r, const char *fmt, ...) PRINTF(2, 3);

static void
note(struct rig *r, const char *fmt, ...)
{
	size_t n = strlen(r->trace);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->trace + n, sizeof r->trace - n, fmt, ap);
	va_end(ap);
}

static void
note_said(struct rig *r, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\r')
			note(r, "|");
		else if (text.p[i] == '\n')
			r->due++;
		else
			note(r, "%c", text.p[i]);
}

static void
name_rcpts(struct smtp_client_rcpt *rcpts, size_t n)
{
	static const char *const names[] = { "a@x", "b@x", "c@x" };

	for (size_t i = 0; i < n; i++)
		rcpts[i] = (struct smtp_client_rcpt){
			.address = span_str(names[i]),
		};
}

static bool
has_open(const struct rig *r)
{
	for (size_t i = 0; i < r->nrcpts; i++)
		if (smtp_client_is_open(&r->rcpts[i]))
			return true;
	return false;
}

static void
begin(struct rig *r)
{
	struct smtp_client_message m = {
		.reverse_path = SPAN("s@y"),
		.rcpts = r->rcpts,
		.nrcpts = r->nrcpts,
		.size = r->size,
		.is_8bit = r->is_8bit,
	};

	if (!r->is_under_way)
		name_rcpts(r->rcpts, r->nrcpts);
	if (r->like != NULL) {
		struct smtp_client_message like = *r->like;

		like.rcpts = m.rcpts;
		like.nrcpts = m.nrcpts;
		for (size_t i = 0; r->like->rcpts != NULL && i < m.nrcpts &&
		    !r->is_under_way; i++)
			m.rcpts[i] = r->like->rcpts[i];
		m = like;
	}
	smtp_client_begin(&r->c, &m);
}

static void
note_verdict(struct rig *r, const struct smtp_client_action *a)
{
	static const char *const fates[] = { "done", "retry", "failed" };

	note(r, "%s,%u,%.*s|", fates[a->fate], a->code, SPAN_FMT(a->status));
}

static void
on_ready(struct rig *r)
{
	if ((r->mails == 0 && !r->is_under_way) || !smtp_client_may_begin(&r->c)) {
		smtp_client_quit(&r->c);
		return;
	}
	r->mails -= !r->is_under_way;
	begin(r);
}

/* Once: the message behind the first one, from t@y. */
static void
go_ahead(struct rig *r)
{
	struct smtp_client_message m = {
		.reverse_path = SPAN("t@y"),
		.rcpts = r->ahead_rcpts,
		.nrcpts = r->ahead,
		.size = r->ahead_size,
		.is_8bit = r->is_ahead_8bit,
	};

	if (r->ahead == 0)
		return;
	name_rcpts(r->ahead_rcpts, r->ahead);
	r->ahead = 0;
	if (!smtp_client_ahead(&r->c, &m))
		note(r, "<no>|");
}

static void
on_content(struct rig *r, bool is_chunk)
{
	note(r, is_chunk ? "<chunk>|" : "<content>|");
	/* The reply to BDAT is that to its octets. */
	r->due += !is_chunk;
	go_ahead(r);
	if (!r->is_content_stuck)
		smtp_client_content_sent(&r->c);
}

static void
act(struct rig *r, const struct smtp_client_action *a)
{
	static const char *const ends[] = { "quit", "host", "tls", "login",
	    "doubt" };

	if (a->kind == SMTP_CLIENT_SEND)
		note_said(r, a->text);
	else if (a->kind == SMTP_CLIENT_DEADLINE && r->shows_time)
		note(r, "%llus|", (unsigned long long)a->ms / 1000);
	else if (a->kind == SMTP_CLIENT_RESULT) {
		note(r, "r%zu=", a->rcpt);
		note_verdict(r, a);
	} else if (a->kind == SMTP_CLIENT_START_TLS) {
		note(r, "<tls>|");
		smtp_client_tls_ready(&r->c, r->is_verified);
	} else if (a->kind == SMTP_CLIENT_CONTENT)
		on_content(r, a->is_chunk);
	else if (a->kind == SMTP_CLIENT_MESSAGE_DONE) {
		note(r, "<sent>|");
		r->is_under_way = r->goes_on && has_open(r);
	} else if (a->kind == SMTP_CLIENT_UNFIT) {
		note(r, "unfit=");
		note_verdict(r, a);
	}
	else if (a->kind == SMTP_CLIENT_READY)
		on_ready(r);
	else if (a->kind == SMTP_CLIENT_CLOSE) {
		note(r, "close:%s%s:", ends[a->end],
		    a->is_tls_trouble ? "+tls" : "");
		note_verdict(r, a);
		r->is_closed = true;
	}
}

static void
run_actions(struct rig *r)
{
	struct smtp_client_action a;

	do {
		a = smtp_client_next(&r->c, &r->left);
		act(r, &a);
	} while (a.kind != SMTP_CLIENT_WAIT && !r->is_closed);
}

static void
feed(struct rig *r, size_t n)
{
	for (size_t at = 0; at < n && !r->is_closed;) {
		size_t piece = MIN(r->cut == 0 ? n : r->cut, n - at);

		r->left = span_of(r->fed + at, piece);
		run_actions(r);
		at += piece;
	}
}

static void
put(struct rig *r, size_t *n, char c)
{
	CHECK(*n + 2 < sizeof r->fed, "%s", r->server);
	if (c == '\\' || c == '|')
		r->fed[(*n)++] = '\r';
	r->fed[(*n)++] = (char)(c == '\\' || c == '|' ? '\n' : c);
}

/* Feed the next reply and those that come with it. */
static void
feed_reply(struct rig *r)
{
	size_t n = 0;

	if (*r->server == '@' || *r->server == '-') {
		if (*r->server == '@')
			smtp_client_lost(&r->c, "gone");
		else
			smtp_client_timeout(&r->c);
		run_actions(r);
		return;
	}
	do {
		r->server += *r->server == '^';
		while (*r->server != '|')
			put(r, &n, *r->server++);
		put(r, &n, *r->server++);
	} while (*r->server == '^');
	feed(r, n);
}

static struct smtp_client_settings
plain_settings(void)
{
	return (struct smtp_client_settings){
		.hostname = SPAN("me"),
		.tls = SMTP_CLIENT_TLS_OFFERED,
		.timeouts = { 300000, 120000, 180000, 600000, 5000 },
	};
}

static void
run(struct rig *r, const struct smtp_client_settings *set)
{
	smtp_client_init(&r->c, set);
	if (*r->server != '@' && *r->server != '-')
		smtp_client_connected(&r->c, r->is_verified);
	run_actions(r);
	r->due = 1;
	while (!r->is_closed && r->due > 0 && *r->server != '\0') {
		r->due--;
		feed_reply(r);
	}
	smtp_client_free(&r->c);
}

#define HI	"220 hi|250 x|"
#define ENV	"EHLO me|MAIL FROM:<s@y>|"
#define BYE	"QUIT|close:quit:done,221,2.0.0|"
#define PIPE	"220 hi|250-x\\250-PIPELINING\\250 HELP|"

#endif
