/*
 * play.c - the owner of a scenario's session: lookup, spool, TLS and clock.
 */
#include "scenario.h"

#include <stdlib.h>

#define OUT_MAX		(1024u * 1024)
#define DELAY_S		1u	/* section 19: errors, soft */

static const struct {
	const char	*name;
	size_t		 at;
} limits[] = {
#define ROW(name, member)	{ name, offsetof(struct scenario, member) }
	ROW("message-size", policy.message_size),
	ROW("recipients", policy.recipients),
	ROW("errors-soft", policy.errors_soft),
	ROW("errors", policy.errors),
	ROW("commands", policy.commands),
	ROW("mails", policy.mails),
	ROW("bad-recipients", policy.bad_recipients),
	ROW("body-line", policy.body_line),
	ROW("auth-per-session", policy.auth_per_session),
	ROW("hops", policy.hops),
	ROW("hops-own", policy.hops_own),
	ROW("hold", policy.hold),
	ROW("idle", idle_s),
	ROW("data-idle", data_idle_s),
};

uint64_t *
scenario_limit(struct scenario *sc, struct span name)
{
	for (size_t i = 0; i < COUNT(limits); i++)
		if (span_eq(name, span_str(limits[i].name)))
			return (uint64_t *)(void *)((uint8_t *)sc +
			    limits[i].at);
	return NULL;
}

/* One question is answered badly, once. */
static bool
fails(struct play *p, enum smtp_do question)
{
	unsigned int bit = 1u << question;
	bool is_now = (p->fails & bit) != 0;

	p->fails &= ~bit;
	return is_now;
}

static bool
on_mail(struct play *p, const struct smtp_action *a UNUSED)
{
	struct msg_id id = { { 1, ++p->nmails } };

	smtp_server_mail(&p->s, fails(p, SMTP_DO_MAIL) ? RE_NO_SPACE :
	    RE_SENDER_OK, &id);
	return true;
}

static enum smtp_route
route_of(struct play *p, struct span address, enum smtp_do question)
{
	if (span_starts_nocase(address, SPAN("later")) || fails(p, question))
		return SMTP_ROUTE_TEMPFAIL;
	if (span_ends_nocase(address, SPAN("@none.example")))
		return SMTP_ROUTE_NO_MAIL;
	if (!span_ends_nocase(address, SPAN("@example.org")))
		return SMTP_ROUTE_REMOTE;
	return span_starts_nocase(address, SPAN("no")) ? SMTP_ROUTE_UNKNOWN :
	    SMTP_ROUTE_LOCAL;
}

static bool
on_rcpt(struct play *p, const struct smtp_action *a)
{
	(void)smtp_server_rcpt(&p->s, route_of(p, a->text, SMTP_DO_RCPT),
	    SPAN("example.org"), SPAN("key"));
	return true;
}

static bool
on_auth(struct play *p, const struct smtp_action *a UNUSED)
{
	if (fails(p, SMTP_DO_AUTH))
		smtp_server_auth(&p->s, RE_AUTH_LATER, SPAN(""));
	else
		play_auth(p);
	return true;
}

static bool
on_expn(struct play *p, const struct smtp_action *a)
{
	(void)smtp_server_expn(&p->s, route_of(p, a->text, SMTP_DO_EXPN),
	    SPAN("example.org"), span_starts_nocase(a->text, SPAN("j")) ?
	    SPAN("j\303\266rg") : SPAN("anna"));
	return true;
}

static bool
on_etrn(struct play *p, const struct smtp_action *a UNUSED)
{
	smtp_server_turn(&p->s, fails(p, SMTP_DO_ETRN) ? RE_TURN_LATER :
	    RE_TURN);
	return true;
}

/* The client that a listed peer names is greeted as if it had come itself. */
static bool
on_xclient(struct play *p, const struct smtp_action *a UNUSED)
{
	smtp_server_greet(&p->s, RE_GREETING, false);
	return true;
}

static bool
on_starttls(struct play *p, const struct smtp_action *a UNUSED)
{
	smtp_server_starttls(&p->s, fails(p, SMTP_DO_STARTTLS) ? RE_TLS_LATER :
	    RE_START_TLS);
	return true;
}

static bool
on_begin(struct play *p, const struct smtp_action *a UNUSED)
{
	buf_cut(&p->content, 0);
	return true;
}

static bool
on_body(struct play *p, const struct smtp_action *a)
{
	ASSERT(buf_add(&p->content, a->text) == ERR_OK);
	if (fails(p, SMTP_DO_BODY))
		smtp_server_spoil(&p->s, RE_NO_LARGE);
	return true;
}

static void
fact(struct buf *to, const char *name, struct span value)
{
	if (value.n > 0)
		ASSERT(buf_addf(to, "%s=%.*s\n", name, SPAN_FMT(value)) ==
		    ERR_OK);
}

static void
flag(struct buf *to, const char *name, bool is_set)
{
	if (is_set)
		ASSERT(buf_addf(to, "%s\n", name) == ERR_OK);
}

static void
number(struct buf *to, const char *name, int64_t value)
{
	if (value != 0)
		ASSERT(buf_addf(to, "%s=%lld\n", name, (long long)value) ==
		    ERR_OK);
}

/* Seconds from the beginning of the scenario on. */
static void
when(struct buf *to, const char *name, uint64_t ms)
{
	if (ms != 0)
		number(to, name, ((int64_t)ms - SCENARIO_WALL_MS) / 1000);
}

/* What "E: " may name, a line each; what was not said is not there. */
static void
write_facts(const struct envelope *e, struct buf *to)
{
	fact(to, "helo", e->helo);
	fact(to, "user", e->originator);
	fact(to, "envid", e->envid);
	fact(to, "auth", e->auth);
	flag(to, "8bitmime", (e->flags & ENVELOPE_8BITMIME) != 0);
	flag(to, "binarymime", (e->flags & ENVELOPE_BINARY) != 0);
	flag(to, "smtputf8", (e->flags & ENVELOPE_SMTPUTF8) != 0);
	flag(to, "requiretls", (e->flags & ENVELOPE_REQUIRETLS) != 0);
	flag(to, "tls-optional", (e->flags & ENVELOPE_TLS_OPTIONAL) != 0);
	flag(to, "ret=full", (e->flags & ENVELOPE_RET_FULL) != 0);
	flag(to, "ret=hdrs", (e->flags & ENVELOPE_RET_HEADERS) != 0);
	flag(to, "by-return", (e->by_mode & ENVELOPE_BY_RETURN) != 0);
	flag(to, "by-trace", (e->by_mode & ENVELOPE_BY_TRACE) != 0);
	number(to, "priority", e->priority);
	when(to, "by", e->by_ms);
	when(to, "hold", e->hold_ms);
}

static void
write_notify(struct buf *to, unsigned int n, uint8_t notify)
{
	static const char *const names[] = { "never", "success", "failure",
		"delay" };

	for (unsigned int i = 0; i < COUNT(names); i++)
		if ((notify & 1u << i) != 0)
			ASSERT(buf_addf(to, "%u notify=%s\n", n, names[i]) ==
			    ERR_OK);
}

/* The record of a message as the spool would have it, read back. */
static void
store(struct play *p, struct play_message *m)
{
	struct buf record = buf_make(ENVELOPE_MAX + 4096);
	struct envelope e;
	struct envelope_recipient r;
	struct span list;
	unsigned int n = 0;

	m->paths = buf_make(OUT_MAX);
	m->facts = buf_make(OUT_MAX);
	smtp_server_envelope(&p->s, &e);
	ASSERT(envelope_encode(&e, &record) == ERR_OK &&
	    envelope_decode(buf_span(&record), &e) == ERR_OK);
	ASSERT(buf_addf(&m->paths, "<%.*s>", SPAN_FMT(e.reverse_path)) ==
	    ERR_OK);
	write_facts(&e, &m->facts);
	for (list = e.recipients; envelope_next(&list, &r) == ERR_OK;) {
		n++;
		ASSERT(buf_addf(&m->paths, " <%.*s>", SPAN_FMT(r.address)) ==
		    ERR_OK);
		write_notify(&m->facts, n, r.notify);
		if (r.orcpt.n > 0)
			ASSERT(buf_addf(&m->facts, "%u orcpt=%.*s\n", n,
			    SPAN_FMT(r.orcpt)) == ERR_OK);
	}
	ASSERT(n == e.nrecipients && p->s.facts.size == p->content.n);
	buf_free(&record);
	m->content = p->content;
	p->content = buf_make(OUT_MAX);
}

static bool
on_commit(struct play *p, const struct smtp_action *a UNUSED)
{
	if (fails(p, SMTP_DO_COMMIT)) {
		smtp_server_done(&p->s, RE_NOT_STORED);
		return true;
	}
	ASSERT(p->nmessages < SCENARIO_MESSAGES_MAX);
	store(p, &p->messages[p->nmessages++]);
	smtp_server_done(&p->s, RE_QUEUED);
	return true;
}

static bool
on_drop(struct play *p, const struct smtp_action *a UNUSED)
{
	buf_cut(&p->content, 0);
	return true;
}

static bool
on_discard(struct play *p, const struct smtp_action *a)
{
	buf_cut(&p->content, 0);
	smtp_server_done(&p->s, a->reply);
	return true;
}

static bool
on_tls(struct play *p, const struct smtp_action *a UNUSED)
{
	p->is_tls_awaited = true;
	return false;
}

static bool
on_refused(struct play *p UNUSED, const struct smtp_action *a UNUSED)
{
	return true;
}

static bool
on_delay(struct play *p, const struct smtp_action *a UNUSED)
{
	p->delayed_s = p->now_s + DELAY_S;
	return false;
}

static bool
on_close(struct play *p, const struct smtp_action *a UNUSED)
{
	p->is_closed = true;
	return false;
}

static bool
on_nothing(struct play *p UNUSED, const struct smtp_action *a UNUSED)
{
	return false;
}

static bool (*const actions[SMTP_DO_COUNT])(struct play *,
    const struct smtp_action *) = {
	[SMTP_DO_MORE] = on_nothing,
	[SMTP_DO_WAIT] = on_nothing,
	[SMTP_DO_MAIL] = on_mail,
	[SMTP_DO_RCPT] = on_rcpt,
	[SMTP_DO_AUTH] = on_auth,
	[SMTP_DO_BEGIN] = on_begin,
	[SMTP_DO_BODY] = on_body,
	[SMTP_DO_COMMIT] = on_commit,
	[SMTP_DO_DISCARD] = on_discard,
	[SMTP_DO_DROP] = on_drop,
	[SMTP_DO_STARTTLS] = on_starttls,
	[SMTP_DO_ETRN] = on_etrn,
	[SMTP_DO_EXPN] = on_expn,
	[SMTP_DO_XCLIENT] = on_xclient,
	[SMTP_DO_TLS] = on_tls,
	[SMTP_DO_REFUSED] = on_refused,
	[SMTP_DO_DELAY] = on_delay,
	[SMTP_DO_CLOSE] = on_close,
};

/* From memory of its own, so that a reader past its end is caught. */
static void
pump(struct play *p)
{
	size_t n = p->pending.n;
	uint8_t *exact = calloc(1, n + 1);
	struct span in = span_of(exact, n);
	struct smtp_action a;

	ASSERT(exact != NULL);
	p->s.wall_ms = SCENARIO_WALL_MS + 1000 * p->now_s;
	if (n > 0)
		memcpy(exact, p->pending.p, n);
	do {
		a = smtp_server_next(&p->s, &in);
		if (!smtp_server_may_send(&p->s))
			continue;
		ASSERT(buf_add(&p->out, buf_span(&p->s.out)) == ERR_OK);
		buf_cut(&p->s.out, 0);
	} while (actions[a.kind](p, &a));
	buf_drop(&p->pending, n - in.n);
	free(exact);
}

void
play_begin(struct play *p, const struct scenario *sc, bool early)
{
	*p = (struct play){
		.sc = sc, .out = buf_make(OUT_MAX),
		.pending = buf_make(SCENARIO_TEXT_MAX),
		.content = buf_make(OUT_MAX), .now_s = 0, .last_s = 0,
	};
	smtp_server_begin(&p->s, &sc->policy, sc->is_implicit);
	p->s.wall_ms = SCENARIO_WALL_MS;
	p->s.may_xclient = p->s.may_turn = sc->is_listed_peer;
	/* As the receiver does (role/receiver/greet.c). */
	smtp_server_greet(&p->s, sc->policy.listener == SMTP_CLOSED ?
	    RE_NO_MAIL_HOST : RE_GREETING, early);
	pump(p);
}

void
play_free(struct play *p)
{
	smtp_server_free(&p->s);
	buf_free(&p->out);
	buf_free(&p->pending);
	buf_free(&p->content);
	for (size_t i = 0; i < p->nmessages; i++) {
		buf_free(&p->messages[i].paths);
		buf_free(&p->messages[i].facts);
		buf_free(&p->messages[i].content);
	}
}

void
play_say(struct play *p, struct span octets)
{
	if (p->is_closed)
		return;
	ASSERT(buf_add(&p->pending, octets) == ERR_OK);
	p->last_s = p->now_s;
	if (!p->is_tls_awaited)
		pump(p);
}

/* The receiver's deadlines, in its order (role/receiver/session.c). */
void
play_time(struct play *p, uint64_t seconds)
{
	uint64_t idle = p->s.phase == PH_BODY ? p->sc->data_idle_s :
	    p->sc->idle_s;

	p->now_s += seconds;
	if (p->delayed_s != 0 && p->now_s >= p->delayed_s) {
		p->delayed_s = 0;
		p->last_s = p->now_s;
		smtp_server_delayed(&p->s);
		pump(p);
		return;
	}
	if (p->is_closed || p->now_s < p->last_s + idle)
		return;
	smtp_server_end(&p->s, RE_TIMEOUT);
	pump(p);
}

void
play_tls(struct play *p)
{
	p->is_tls_awaited = false;
	smtp_server_tls(&p->s);
	pump(p);
}

void
play_stop(struct play *p)
{
	if (!smtp_server_is_idle(&p->s))
		return;
	smtp_server_end(&p->s, RE_STOPPING);
	pump(p);
}
