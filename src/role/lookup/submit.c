/*
 * submit.c - may this user send in that name, and so much?  (AUTH-6, RLY-6)
 *
 * A user's own addresses are those whose mail comes to the user's mailbox and to
 * no other: subaddresses, other cases, postmaster, aliases.  Others are granted by
 * `grant`.
 */
#include "role/lookup/lookup.h"

#include "mail/address.h"

/* --- in whose name --------------------------------------------------------- */

static bool
is_granted_by(struct span patterns, struct span address, struct span domain)
{
	while (patterns.n > 0) {
		struct span one = span_take(&patterns,
		    span_find(patterns, ','));

		patterns = span_skip(patterns, MIN(patterns.n, (size_t)1));
		if (span_eq(one, SPAN("*")) ||
		    span_eq_nocase(one, address) ||
		    (span_starts(one, SPAN("@")) &&
		    span_eq_nocase(span_skip(one, 1), domain)))
			return true;
	}
	return false;
}

static bool
is_granted(const struct role *r, struct span user, const struct addr *a)
{
	for (size_t i = 0; i < r->config->ngrants; i++) {
		const struct config_grant *g = &r->config->grants[i];

		if (span_eq_nocase(span_str(g->user), user) &&
		    is_granted_by(span_str(g->senders), a->text, a->domain))
			return true;
	}
	return false;
}

/* ERR_NONE: it is somebody else's; ERR_AGAIN: nobody can tell now. */
static enum err
comes_to(struct role *r, struct span user, const struct addr *a)
{
	struct route_found own = lookup_mailbox(r, user, true);
	struct route_found at = lookup_mailbox(r, a->text, false);

	if (at.route == ROUTE_TEMPFAIL || own.route == ROUTE_TEMPFAIL)
		return ERR_AGAIN;
	return at.route == ROUTE_LOCAL && own.route == ROUTE_LOCAL &&
	    at.user == own.user ? ERR_OK : ERR_NONE;
}

static enum err
may_send_as(struct role *r, struct span user, struct span address)
{
	struct addr a;

	if (r->config->is_foreign_sender_allowed)
		return ERR_OK;
	/* RFC 8098 section 3: notifications go with the null reverse-path. */
	if (address.n == 0 || span_eq_nocase(user, address))
		return ERR_OK;
	if (addr_parse(address, &a) != ERR_OK)
		return ERR_NONE;
	return is_granted(r, user, &a) ? ERR_OK : comes_to(r, user, &a);
}

static enum lookup_submit_result
may_send_as_all(struct role *r, const struct lookup_submit *q,
    uint16_t *which)
{
	struct span rest = q->addresses;

	for (*which = 0; rest.n > 0; (*which)++) {
		struct span one = span_take(&rest, span_find(rest, '\0'));
		enum err e = may_send_as(r, q->user, one);

		rest = span_skip(rest, MIN(rest.n, (size_t)1));
		if (e != ERR_OK)
			return e == ERR_AGAIN ? LOOKUP_SUBMIT_TEMPFAIL :
			    LOOKUP_SUBMIT_FOREIGN;
	}
	return LOOKUP_SUBMIT_OK;
}

/* --- how much --------------------------------------------------------------- */

static void
tell(struct role *r, const struct lookup_submit *q,
    const struct address *client, const struct rates_verdict *v)
{
	bool is_stop = v->result == RATES_STOPPED;
	struct buf text = buf_make(64);
	struct log_line l;

	if (!v->is_news)
		return;
	log_begin(&l, is_stop ? LOG_LEVEL_ALARM : LOG_LEVEL_WARN, NULL,
	    is_stop ? "user-stopped" : "user-rate");
	log_span(&l, "user", q->user);
	if (address_print(client, &text) == ERR_OK)
		log_span(&l, "client", buf_span(&text));
	log_num(&l, "messages", v->messages);
	log_num(&l, "recipients", v->recipients);
	role_log(r, &l);
	buf_free(&text);
}

static enum lookup_submit_result
count(struct role *r, const struct lookup_submit *q,
    const struct address *client)
{
	static const enum lookup_submit_result results[] = {
		[RATES_OK] = LOOKUP_SUBMIT_OK,
		[RATES_OVER] = LOOKUP_SUBMIT_RATE,
		[RATES_STOPPED] = LOOKUP_SUBMIT_STOPPED,
	};
	struct rates *rates = &lookup_of(r)->rates;
	uint64_t now = loop_now_ms(r->loop);
	struct rates_verdict v = q->stage == LOOKUP_SUBMIT_MAIL ?
	    rates_begin(rates, q->user, client, now) :
	    rates_message(rates, q->user, client, q->recipients, now);

	tell(r, q, client, &v);
	return results[v.result];
}

bool
lookup_handle_submit(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_submit *q = msg;
	struct lookup_submit_answer m = { .tag = q->tag };
	enum lookup_submit_result result;
	struct address client;

	if (q->user.n == 0 || address_make(q->client, &client) != ERR_OK)
		return false;
	result = may_send_as_all(r, q, &m.which);
	if (result == LOOKUP_SUBMIT_OK)
		result = count(r, q, &client);
	m.result = (uint8_t)result;
	return role_send(r, from, &ipc_lookup_submit_answer, &m, NULL) ==
	    ERR_OK;
}

/* --- the operator ------------------------------------------------------------ */

/* No name of a users file holds what JSON would quote. */
static void
make_plain(struct span s, char to[RATES_USER_MAX + 1])
{
	size_t n = MIN(s.n, (size_t)RATES_USER_MAX);

	for (size_t i = 0; i < n; i++)
		to[i] = s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '\\' ? '?' : (char)s.p[i];
	to[n] = '\0';
}

static bool
send_row(struct role *r, struct role_peer *to, uint64_t tag,
    const struct rates_stopped *s)
{
	uint64_t ago = loop_now_ms(r->loop) - s->since_ms;
	char user[RATES_USER_MAX + 1];
	struct buf text = buf_make(2048);
	struct steer_row m = { .tag = tag };
	enum err e;

	make_plain(s->user, user);
	e = buf_addf(&text, "{\"user\":\"%s\",\"since_ms\":%llu,"
	    "\"messages\":%llu,\"recipients\":%llu}", user,
	    (unsigned long long)(loop_wall_ms(r->loop) - ago),
	    (unsigned long long)s->messages,
	    (unsigned long long)s->recipients);
	m.json = buf_span(&text);
	if (e == ERR_OK)
		e = role_send(r, to, &ipc_steer_row, &m, NULL);
	buf_free(&text);
	return e == ERR_OK;
}

static bool
list_stopped(struct role *r, struct role_peer *from,
    const struct steer_ask *q)
{
	struct steer_end m = { .tag = q->tag, .is_ok = true };
	struct map_node *at = NULL;
	struct rates_stopped s;

	while (rates_next_stopped(&lookup_of(r)->rates, &at, &s)) {
		if (!send_row(r, from, q->tag, &s))
			return false;
		m.count++;
	}
	return role_send(r, from, &ipc_steer_end, &m, NULL) == ERR_OK;
}

static bool
lift(struct role *r, struct role_peer *from, const struct steer_ask *q)
{
	struct steer_end m = { .tag = q->tag };
	struct log_line l;

	m.is_ok = rates_lift(&lookup_of(r)->rates, q->argument);
	m.count = m.is_ok;
	if (m.is_ok) {
		log_begin(&l, LOG_LEVEL_WARN, NULL, "user-lifted");
		log_span(&l, "user", q->argument);
		role_log(r, &l);
	} else {
		m.why = SPAN("that user is not stopped");
	}
	return role_send(r, from, &ipc_steer_end, &m, NULL) == ERR_OK;
}

bool
lookup_handle_steer(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct steer_ask *q = msg;

	if (q->verb == STEER_USER_STOPPED)
		return list_stopped(r, from, q);
	return q->verb == STEER_USER_LIFT && lift(r, from, q);
}
