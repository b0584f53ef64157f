/*
 * rules.c - the rules at each stage of a session (doc/design/rules.md).
 *
 * What a stage has learned is first looked for in the files that rules name,
 * which lookup has: one question each, and none without such files.  Then the
 * rules are asked at once, and the session machine hears the verdict.
 */
#include "role/receiver/receiver.h"

#include <stdlib.h>

static struct session_rules *
rules_of(struct session *s)
{
	return &s->rules;
}

/* --- facts --- */

static unsigned int
listener_of(const struct session *s)
{
	static const uint8_t numbers[SMTP_LISTENER_COUNT] = {
		[SMTP_MX] = CONFIG_FROM_MX,
		[SMTP_SUBMISSION] = CONFIG_FROM_SUBMISSION,
		[SMTP_RELAY] = CONFIG_FROM_RELAY,
		[SMTP_LOCAL] = CONFIG_FROM_LOCAL,
		[SMTP_LMTP] = CONFIG_FROM_LMTP,
	};

	return numbers[s->listen->policy.listener];
}

static unsigned int
tls_of(const struct session *s)
{
	struct span name = stream_tls_name(s->stream);

	if (!s->server.is_tls)
		return CONFIG_TLS_IS_NONE;
	return span_starts(name, SPAN("TLSv1.3")) ? CONFIG_TLS_IS_13 :
	    CONFIG_TLS_IS_12;
}

/* What may have changed since it was last looked at. */
static void
refresh(struct session *s)
{
	struct rules_facts *f = &rules_of(s)->facts;

	f->listener = listener_of(s);
	f->tls = tls_of(s);
	f->client = rules_address_make(address_span(&s->address));
	f->helo = buf_span(&s->server.helo);
	f->user = buf_span(&s->server.user);
	f->checks = check_results(s, &f->nchecks);
}

/* An address of this transaction. */
static struct span
subject(struct session *s, struct span address)
{
	uint8_t room[RULES_SUBJECT_MAX];
	struct span kept;

	if (s->receiver->rules.n == 0)
		return address;
	if (rules_subject(address, room, &kept) == ERR_OK &&
	    arena_copy(&s->server.arena, kept, &kept) == ERR_OK)
		return kept;
	rules_of(s)->has_no_memory = true;
	return address;
}

/* --- verdicts --- */

static enum smtp_reply
say_no(struct session *s, enum rules_stage stage,
    const struct rules_verdict *v)
{
	const struct rules_reply r = rules_reply(stage, v);

	rules_of(s)->origin = v->rule->origin;
	s->server.said = (struct smtp_said){ r.code, r.esc, r.text };
	return v->action == RULES_REFUSE ? RE_RULE_REFUSED : RE_RULE_LATER;
}

/* One rule that matched: RE_NONE, or the answer that it wants. */
static enum smtp_reply
follow(struct session *s, enum rules_stage stage,
    const struct rules_verdict *v)
{
	struct session_rules *r = rules_of(s);
	uint64_t bit = UINT64_C(1) << v->rule->bit;

	tell_rule(s, stage, v);
	switch (v->action) {
	case RULES_ADD_TAG:
		r->facts.tags |= bit;
		return RE_NONE;
	case RULES_COPY:
		r->copies |= bit;
		return RE_NONE;
	case RULES_VIA:
		/* At content decide() has given it to whom it is for. */
		if (stage == RULES_RCPT)
			rules_via_asked(s, v->rule);
		return RE_NONE;
	case RULES_HOLD:
		r->is_held = true;
		return RE_NONE;
	case RULES_RELAY:
		r->may_relay = true;
		return RE_NONE;
	case RULES_REFUSE:
	case RULES_DEFER:
	case RULES_DOUBT:
		return say_no(s, stage, v);
	case RULES_ACCEPT:
	default:
		return RE_NONE;
	}
}

/*
 * False: it is for no recipient, and nothing was said.  What cannot be told of
 * one recipient is in doubt for all.
 */
static bool
route_holds(struct session *s, enum rules_stage stage,
    struct rules_verdict *v)
{
	enum rules_answer a;

	if (v->action != RULES_VIA || stage != RULES_CONTENT)
		return true;
	a = rules_via_content(s, rules_of(s)->now, v->rule);
	if (a == RULES_IN_DOUBT) {
		v->action = RULES_DOUBT;
		v->is_final = true;
	}
	return a != RULES_NO;
}

static enum smtp_reply
decide(struct session *s, enum rules_stage stage)
{
	struct session_rules *r = rules_of(s);
	struct rules_verdict v = { 0 };
	enum smtp_reply re = RE_NONE;
	size_t at = 0;

	if (r->has_no_memory)
		return RE_NO_MEMORY;
	refresh(s);
	while (!v.is_final && rules_next(&s->receiver->rules, stage,
	    &r->facts, &at, &v))
		if (route_holds(s, stage, &v))
			re = follow(s, stage, &v);
	r->is_accepted = v.is_final && re == RE_NONE;
	return re;
}

/* --- files --- */

static struct span
asked_of(struct session *s, enum lookup_fact fact)
{
	const struct rules_facts *f = &rules_of(s)->facts;

	switch (fact) {
	case LOOKUP_FACT_CLIENT:
		return address_span(&s->address);
	case LOOKUP_FACT_HELO:
		return f->helo;
	case LOOKUP_FACT_SENDER:
		return f->sender;
	case LOOKUP_FACT_RECIPIENT:
		return f->recipient;
	case LOOKUP_FACT_USER:
	case LOOKUP_FACT_COUNT:
	default:
		return f->user;
	}
}

/* What is asked before a stage; the count ends it. */
static const uint8_t asked_before[RULES_STAGE_COUNT][3] = {
	[RULES_CONNECT] = { LOOKUP_FACT_CLIENT, LOOKUP_FACT_COUNT },
	[RULES_HELO] = { LOOKUP_FACT_HELO, LOOKUP_FACT_COUNT },
	[RULES_MAIL] = { LOOKUP_FACT_SENDER, LOOKUP_FACT_USER,
	    LOOKUP_FACT_COUNT },
	[RULES_RCPT] = { LOOKUP_FACT_RECIPIENT, LOOKUP_FACT_COUNT },
	[RULES_CONTENT] = { LOOKUP_FACT_COUNT },
};

static void (*const decided[RULES_STAGE_COUNT])(struct session *s);

static void
go_on(struct session *s)
{
	struct session_rules *r = rules_of(s);

	while (asked_before[r->stage][r->nasked] != LOOKUP_FACT_COUNT) {
		enum lookup_fact fact = (enum lookup_fact)
		    asked_before[r->stage][r->nasked];
		uint64_t lists = s->receiver->lists[fact];
		struct span what = asked_of(s, fact);

		r->facts.lists_yes &= ~lists;
		r->facts.lists_known &= ~lists;
		if (lists != 0 && what.n > 0 && ask_lists(s, fact, what))
			return;
		r->nasked++;
	}
	decided[r->stage](s);
}

static void
begin(struct session *s, enum rules_stage stage)
{
	refresh(s);
	rules_of(s)->stage = stage;
	rules_of(s)->nasked = 0;
	go_on(s);
}

void
rules_listed(struct session *s, uint64_t yes, uint64_t known)
{
	struct session_rules *r = rules_of(s);
	uint64_t lists =
	    s->receiver->lists[asked_before[r->stage][r->nasked]];

	r->facts.lists_yes |= yes & known & lists;
	r->facts.lists_known |= known & lists;
	r->nasked++;
	go_on(s);
}

/* --- stages --- */

/* Greeted behind the answer whether there is a place: see rules_greeting(). */
static void
connect_decided(struct session *s)
{
	ask_connect(s);
}

/* Behind XCLIENT again: what was said of the one before is forgotten. */
void
rules_connect(struct session *s)
{
	rules_end_content(s);
	*rules_of(s) = (struct session_rules){ 0 };
	begin(s, RULES_CONNECT);
}

enum smtp_reply
rules_greeting(struct session *s)
{
	enum smtp_reply re = decide(s, RULES_CONNECT);

	rules_of(s)->first_tags = rules_of(s)->facts.tags;
	return re == RE_NONE ? RE_GREETING : re;
}

static void
hello_decided(struct session *s)
{
	struct session_rules *r = rules_of(s);
	enum smtp_reply re;

	r->facts.tags = r->first_tags;
	re = decide(s, RULES_HELO);
	r->session_tags = r->facts.tags;
	r->has_hello = true;
	smtp_server_hello(&s->server, re);
}

void
rules_hello(struct session *s)
{
	begin(s, RULES_HELO);
}

void
rules_mail_end(struct session *s, enum smtp_reply re)
{
	if (re != RE_NONE)
		tell_refused(s, re, s->server.tx.reverse_path);
	smtp_server_mail(&s->server, re == RE_NONE ? RE_SENDER_OK : re,
	    &rules_of(s)->id);
	if (re == RE_NONE)
		tell_checks(s);
}

static void
mail_decided(struct session *s)
{
	enum smtp_reply re = decide(s, RULES_MAIL);

	rules_of(s)->mail_tags = rules_of(s)->facts.tags;
	/* A rule has the first word, and never gives away a name (AUTH-6). */
	if (re != RE_NONE || (!ask_mail(s) && !sender_ask(s)))
		release_mail(s, re);
}

void
rules_mail(struct session *s, const struct msg_id *id)
{
	struct session_rules *r = rules_of(s);
	struct rules_facts *f = &r->facts;

	r->id = *id;
	r->copies = r->rcpt_tags = 0;
	r->is_held = r->has_no_memory = false;
	r->rcpts = r->now = NULL;
	f->tags = r->has_hello ? r->session_tags : r->first_tags;
	f->sender = subject(s, s->server.tx.reverse_path);
	f->recipient = span_of(NULL, 0);
	f->routes = f->headers = f->rcpts_yes = f->rcpts_doubt = 0;
	begin(s, RULES_MAIL);
}

static void
rcpt_decided(struct session *s)
{
	ask_rcpt(s, s->server.tx.asked);
}

void
rules_rcpt(struct session *s)
{
	struct session_rules *r = rules_of(s);

	/* Another recipient's tags say nothing of this one. */
	r->may_relay = false;
	r->facts.tags = r->mail_tags;
	r->facts.recipient = subject(s, s->server.tx.asked);
	if (!rules_via_begin(s))
		r->has_no_memory = true;
	begin(s, RULES_RCPT);
}

void
rules_routed(struct session *s, enum smtp_route route, struct span domain,
    struct span key)
{
	static const uint64_t routes[SMTP_ROUTE_COUNT] = {
		[SMTP_ROUTE_LOCAL] = 1u << RULES_ROUTE_LOCAL,
		[SMTP_ROUTE_REMOTE] = 1u << RULES_ROUTE_REMOTE,
		[SMTP_ROUTE_UNKNOWN] = 1u << RULES_ROUTE_UNKNOWN,
		[SMTP_ROUTE_NO_MAIL] = 1u << RULES_ROUTE_UNKNOWN,
		[SMTP_ROUTE_ALIAS] = 1u << RULES_ROUTE_LOCAL,
		[SMTP_ROUTE_BAD_ALIAS] = 1u << RULES_ROUTE_UNKNOWN,
	};
	struct session_rules *r = rules_of(s);
	enum smtp_reply re;

	r->copies_before = r->copies;
	r->was_held = r->is_held;
	r->facts.routes = routes[route];
	re = decide(s, RULES_RCPT);
	if (re != RE_NONE) {
		smtp_server_rcpt_no(&s->server, re);
	} else {
		if (route == SMTP_ROUTE_REMOTE && r->may_relay)
			route = SMTP_ROUTE_ALLOWED;
		if (grey_rcpt(s, route, domain, key))
			return;
		re = smtp_server_rcpt(&s->server, route, domain, key);
	}
	rules_rcpt_done(s, re);
}

void
rules_rcpt_done(struct session *s, enum smtp_reply re)
{
	struct session_rules *r = rules_of(s);

	if (re == RE_RCPT_OK) {
		const struct rules_recipient said =
		    rules_keep_recipient(&s->receiver->rules, &r->facts);

		rules_via_taken(s, &said);
		r->rcpt_tags |= r->facts.tags;
	} else {
		/* Who is not there leaves nothing in the message. */
		r->copies = r->copies_before;
		r->is_held = r->was_held;
	}
	members_end(s);
}

void
rules_begin_content(struct session *s)
{
	struct session_rules *r = rules_of(s);

	rules_end_content(s);
	r->facts.headers = 0;
	if (!s->receiver->has_headers)
		return;
	r->fields = malloc(sizeof *r->fields);
	if (r->fields == NULL) {
		smtp_server_spoil(&s->server, RE_NOT_STORED);
		return;
	}
	rules_fields_begin(r->fields, &s->receiver->rules, &r->facts,
	    &s->server.scan);
}

void
rules_end_content(struct session *s)
{
	if (rules_of(s)->fields != NULL)
		content_scan_unwatch(&s->server.scan, rules_of(s)->fields);
	free(rules_of(s)->fields);
	rules_of(s)->fields = NULL;
}

/* False: it is not taken, and leaves nothing in the message. */
static bool
decide_one(struct session *s, struct rules_rcpt *one)
{
	struct session_rules *r = rules_of(s);
	uint64_t copies = r->copies;

	r->now = one;
	r->facts.rcpts_yes = one->said.yes;
	r->facts.rcpts_doubt = one->said.doubt;
	one->each.re = decide(s, RULES_CONTENT);
	one->each.said = s->server.said;
	if (one->each.re != RE_NONE) {
		tell_refused(s, one->each.re, one->address);
		/* No refusal stands behind a hold, which decides. */
		r->copies = copies;
	}
	r->now = NULL;
	return one->each.re == RE_NONE;
}

/*
 * RFC 2033 4.2, and PRDR: the client hears of each recipient, so the rules are
 * asked for each alone.  What they do to the message (a tag, a copy, hold) comes
 * from those who take it; with none there is no message.
 */
static enum smtp_reply
decide_each(struct session *s)
{
	struct session_rules *r = rules_of(s);
	const struct rules_facts before = r->facts;
	uint64_t tags = before.tags;
	struct span origin = r->origin;
	bool is_any = false;

	for (struct rules_rcpt *one = r->rcpts; one != NULL; one = one->next) {
		r->facts = before;
		if (decide_one(s, one)) {
			is_any = true;
			tags |= r->facts.tags;
		}
		if (one == r->rcpts)
			origin = r->origin;
	}
	r->facts = before;
	r->facts.tags = tags;
	/* Of the message, if there is none, speaks the first one's answer. */
	r->origin = origin;
	s->server.tx.each = &r->rcpts->each;
	s->server.said = r->rcpts->each.said;
	return is_any ? RE_NONE : r->rcpts->each.re;
}

enum smtp_reply
rules_content(struct session *s)
{
	struct session_rules *r = rules_of(s);

	r->facts.size = s->server.facts.size;
	r->facts.tags = r->mail_tags | r->rcpt_tags;
	if (r->rcpts != NULL && smtp_server_is_each(&s->server))
		return decide_each(s);
	return decide(s, RULES_CONTENT);
}

static void (*const decided[RULES_STAGE_COUNT])(struct session *s) = {
	[RULES_CONNECT] = connect_decided,
	[RULES_HELO] = hello_decided,
	[RULES_MAIL] = mail_decided,
	[RULES_RCPT] = rcpt_decided,
};

/* --- copies --- */

/* One that goes by a route, or was refused, is not where the copy would be. */
static bool
is_recipient(const struct session *s, struct span address)
{
	struct span list = buf_span(&s->server.recipients);
	const struct rules_rcpt *one = s->rules.rcpts;
	struct envelope_recipient r;
	uint32_t member = 0;

	while (envelope_next(&list, &r) == ERR_OK) {
		if (!rules_via_is_elsewhere(one) &&
		    span_eq_nocase(r.address, address))
			return true;
		one = rules_via_next(one, &member);
	}
	return false;
}

static unsigned int
next_copy(const struct session *s)
{
	unsigned int i = 0;

	while ((s->rules.copies >> i & 1) == 0)
		i++;
	return i;
}

struct span
rules_copy(const struct session *s)
{
	return span_str(s->receiver->role->config->rules->
	    copies[next_copy(s)]);
}

/*
 * Whom a copy goes to was written down by the operator.  One that cannot be
 * sent is our trouble: the mail waits where it is.
 */
static bool
no_copy(struct session *s, enum smtp_reply re, const char *why)
{
	tell_no_copy(s, rules_copy(s), why);
	commit_refuse(s, re);
	return false;
}

bool
rules_copy_routed(struct session *s, enum smtp_route route,
    struct span domain, struct span key)
{
	struct span to = rules_copy(s);
	enum err e;

	if (route == SMTP_ROUTE_UNKNOWN || route == SMTP_ROUTE_NO_MAIL ||
	    route == SMTP_ROUTE_BAD_ALIAS)
		return no_copy(s, RE_BAD_TABLE, "there is no such mailbox");
	if (route == SMTP_ROUTE_TEMPFAIL)
		return no_copy(s, RE_BAD_TABLE, "its table cannot be read");
	e = smtp_server_copy(&s->server, route, to, domain, key);
	if (e != ERR_OK)
		return no_copy(s, RE_NOT_STORED, e == ERR_FULL ?
		    "too many recipients with it" : "out of memory");
	rules_of(s)->copies &= rules_of(s)->copies - 1;
	return true;
}

void
rules_commit(struct session *s)
{
	struct session_rules *r = rules_of(s);

	while (r->copies != 0) {
		if (is_recipient(s, rules_copy(s)))
			r->copies &= r->copies - 1;
		else if (!ask_copy(s, rules_copy(s)))
			return;
	}
	commit_message(s);
}

/* --- the envelope --- */

struct span
rules_tags(const struct session *s, uint8_t room[ENVELOPE_TAGS_MAX])
{
	const struct config_rules *all = s->receiver->role->config->rules;
	size_t n = 0;

	for (size_t i = 0; all != NULL && i < all->ntags; i++) {
		size_t length = strlen(all->tags[i]);

		if ((s->rules.facts.tags >> i & 1) == 0 ||
		    n + (n > 0) + length > ENVELOPE_TAGS_MAX)
			continue;
		if (n > 0)
			room[n++] = ' ';
		memcpy(room + n, all->tags[i], length);
		n += length;
	}
	return span_of(room, n);
}
