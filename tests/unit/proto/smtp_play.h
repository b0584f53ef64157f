/*
 * smtp_play.h - a session of the server, played: lines in, replies out, lookup
 * and spool answered by the test.  Includes check.h's user before it.
 */
#ifndef POSTHORSE_TESTS_SMTP_PLAY_H
#define POSTHORSE_TESTS_SMTP_PLAY_H

#include "proto/smtp_server.h"

#include "check.h"

/* What the test's owner did with a session. */
struct play {
	struct smtp_server	s;
	char			out[131072];
	size_t			nout;
	unsigned int		ncommits, ndiscards, nbegins, nrefused, ndrops;
	enum smtp_reply		refused;	/* of the last DISCARD */
	struct envelope		envelope;	/* at COMMIT; spans are gone */
	char			text[2048];	/* its words and recipients */
	char			content[2048], asked[300], user[300];
	char			stored[2048];	/* at COMMIT */
	size_t			ncontent, committed;
	uint32_t		nrecipients;
	bool			is_closed, is_tls_wanted, holds_answers;
	bool			store_fails, mail_fails, is_tls_refused;
	const struct smtp_each	*each;		/* said at COMMIT */
	struct smtp_action	held;
};

/* "envid auth|address notify orcpt|..." */
static void
keep_envelope(struct play *p)
{
	struct envelope_recipient r;
	struct span list;
	int n;

	smtp_server_envelope(&p->s, &p->envelope);
	n = snprintf(p->text, sizeof p->text, "%.*s %.*s",
	    SPAN_FMT(p->envelope.envid), SPAN_FMT(p->envelope.auth));
	list = p->envelope.recipients;
	while (envelope_next(&list, &r) == ERR_OK && (size_t)n < sizeof p->text)
		n += snprintf(p->text + n, sizeof p->text - (size_t)n,
		    "|%.*s %u %.*s", SPAN_FMT(r.address), r.notify,
		    SPAN_FMT(r.orcpt));
}

static void
answer_auth(struct smtp_server *s, struct span pass)
{
	static const uint8_t signature[SCRAM_KEY];

	if (s->sasl.question == SASL_ASK_SALT)
		smtp_server_auth_salt(s, SPAN("ours"), SPAN("salt"), 4096,
		    SPAN("channel"));
	else if (s->sasl.question == SASL_ASK_PROOF &&
	    scram_proof(&s->sasl.scram).p[0] != 0)
		smtp_server_auth_proved(s, SPAN("user"),
		    span_of(signature, sizeof signature));
	else if (s->sasl.question == SASL_ASK_IDENTITY)
		smtp_server_auth(s, s->sasl.user.n == 0 || span_eq(s->sasl.user,
		    SPAN("user")) ? RE_AUTH_OK : RE_AUTH_BAD, SPAN("user"));
	else if (s->sasl.question == SASL_ASK_TOKEN)
		smtp_server_auth(s, span_eq(pass, SPAN("good")) ? RE_AUTH_OK :
		    RE_AUTH_BAD, SPAN("user"));
	else
		smtp_server_auth(s, span_eq(pass, SPAN("pass")) ? RE_AUTH_OK :
		    RE_AUTH_BAD, s->sasl.user);
}

static void
answer(struct play *p, const struct smtp_action *a)
{
	struct smtp_server *s = &p->s;
	static const struct msg_id id = { { 1 } };
	enum smtp_route route = SMTP_ROUTE_REMOTE;
	struct span pass = s->sasl.password;

	(void)snprintf(p->asked, sizeof p->asked, "%.*s", SPAN_FMT(a->text));
	if (a->kind == SMTP_DO_MAIL) {
		smtp_server_mail(s, p->mail_fails ? RE_NO_SPACE : RE_SENDER_OK,
		    &id);
	} else if (a->kind == SMTP_DO_RCPT) {
		if (span_ends_nocase(a->text, SPAN("@example.org")))
			route = span_starts_nocase(a->text, SPAN("no")) ?
			    SMTP_ROUTE_UNKNOWN : SMTP_ROUTE_LOCAL;
		if (span_starts_nocase(a->text, SPAN("later")))
			route = SMTP_ROUTE_TEMPFAIL;
		(void)smtp_server_rcpt(s, route, SPAN("example.org"),
		    SPAN("key"));
	} else if (a->kind == SMTP_DO_STARTTLS) {
		smtp_server_starttls(s, p->is_tls_refused ? RE_TLS_LATER :
		    RE_START_TLS);
	} else if (a->kind == SMTP_DO_XCLIENT) {
		smtp_server_greet(s, RE_GREETING, false);
	} else if (a->kind == SMTP_DO_AUTH) {
		answer_auth(s, pass);
	} else if (a->kind == SMTP_DO_COMMIT) {
		p->ncommits++;
		p->committed = p->ncontent;
		memcpy(p->stored, p->content, p->ncontent);
		p->nrecipients = s->tx.nrecipients;
		keep_envelope(p);
		s->tx.each = p->each;
		smtp_server_done(s, p->store_fails ? RE_NOT_STORED : RE_QUEUED);
	}
}

static bool
act(struct play *p, const struct smtp_action *a)
{
	struct smtp_server *s = &p->s;

	switch (a->kind) {
	case SMTP_DO_MORE:
	case SMTP_DO_WAIT:
		return false;
	case SMTP_DO_CLOSE:
		p->is_closed = true;
		return false;
	case SMTP_DO_BEGIN:
		p->nbegins++;
		p->ncontent = 0;
		return true;
	case SMTP_DO_BODY:
		assert_true(a->text.n <= sizeof p->content - p->ncontent);
		memcpy(p->content + p->ncontent, a->text.p, a->text.n);
		p->ncontent += a->text.n;
		return true;
	case SMTP_DO_DROP:
		p->ndrops++;
		p->ncontent = 0;
		return true;
	case SMTP_DO_DISCARD:
		p->ndiscards++;
		p->refused = a->reply;
		smtp_server_done(s, a->reply);
		return true;
	case SMTP_DO_TLS:
		p->is_tls_wanted = true;
		return false;
	case SMTP_DO_REFUSED:
		p->nrefused++;
		return true;
	case SMTP_DO_DELAY:
		smtp_server_delayed(s);
		return true;
	default:
		if (p->holds_answers)
			p->held = *a;
		else
			answer(p, a);
		return true;
	}
}

static void
pump(struct play *p, struct span *in)
{
	struct smtp_action a;

	do {
		a = smtp_server_next(&p->s, in);
		if (!smtp_server_may_send(&p->s))
			continue;
		assert_true(p->s.out.n < sizeof p->out - p->nout);
		if (p->s.out.n > 0)
			memcpy(p->out + p->nout, p->s.out.p, p->s.out.n);
		p->nout += p->s.out.n;
		p->out[p->nout] = '\0';
		buf_cut(&p->s.out, 0);
	} while (act(p, &a));
}

static struct play *
play_begin(const struct smtp_policy *policy, bool is_tls)
{
	struct play *p = calloc(1, sizeof *p);
	struct span none = span_of(NULL, 0);

	assert_non_null(p);
	smtp_server_begin(&p->s, policy, is_tls);
	smtp_server_greet(&p->s, RE_GREETING, false);
	pump(p, &none);
	return p;
}

static void
play_end(struct play *p)
{
	smtp_server_free(&p->s);
	free(p);
}

/* Each octet from memory of its own, cut as asked; what is left is shown on. */
static void
say(struct play *p, const char *octets, size_t n)
{
	struct span in;
	char *exact = malloc(n + 1);

	assert_non_null(exact);
	memcpy(exact, octets, n);
	in = span_of(exact, n);
	pump(p, &in);
	CHECK(p->is_closed || p->is_tls_wanted || in.n == 0, "%.*s left",
	    SPAN_FMT(in));
	free(exact);
}

/* One line a time, as a client that waits. */
static void
say_lines(struct play *p, const char *script)
{
	while (*script != '\0' && !p->is_closed) {
		const char *end = strstr(script, "\r\n");

		assert_non_null(end);
		say(p, script, (size_t)(end + 2 - script));
		script = end + 2;
	}
}

/* The codes of all replies so far: "220 250 ...". */
static UNUSED const char *
codes(const struct play *p, char *to)
{
	size_t n = 0;

	for (const char *line = p->out; *line != '\0';) {
		if (line[3] == ' ')
			n += (size_t)snprintf(to + n, 512 - n, "%s%.3s",
			    n > 0 ? " " : "", line);
		line = strstr(line, "\r\n") + 2;
	}
	return to;
}

#endif
