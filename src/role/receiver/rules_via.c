/*
 * rules_via.c - recipients whose mail rules send by a named route, or refuse.
 *
 * Which conditions about recipients held is kept of each one that was taken, as
 * a rule at content may speak of some of them only.  Nothing is kept when no
 * rule says `route`, unless each recipient is answered behind the content.  The
 * first route that a recipient gets stays.
 */
#include "role/receiver/receiver.h"

bool
rules_via_begin(struct session *s)
{
	struct session_rules *r = &s->rules;
	void *p;

	r->asked = NULL;
	if (!s->receiver->has_routes && !(s->receiver->has_content_rules &&
	    smtp_server_is_each(&s->server)))
		return true;
	if (arena_get(&s->server.arena, sizeof *r->asked, &p) != ERR_OK)
		return false;
	r->asked = p;
	*r->asked = (struct rules_rcpt){ .address = s->server.tx.asked,
		.each.re = RE_NONE };
	return true;
}

static void
give(struct rules_rcpt *one, const struct rules_rule *rule)
{
	if (one->via == 0)
		one->via = (uint8_t)(rule->bit + 1);
}

void
rules_via_asked(struct session *s, const struct rules_rule *rule)
{
	if (s->rules.asked != NULL)
		give(s->rules.asked, rule);
}

void
rules_via_taken(struct session *s, const struct rules_recipient *said)
{
	struct session_rules *r = &s->rules;

	if (r->asked == NULL)
		return;
	r->asked->said = *said;
	r->asked->n = MAX(s->server.members.n, 1u);
	r->asked->notify = s->server.tx.notify;
	r->asked->orcpt = s->server.tx.orcpt;
	if (r->rcpts == NULL) {
		r->rcpts = r->asked;
	} else {
		r->last_rcpt->next = r->asked;
		r->last_rcpt->each.next = &r->asked->each;
	}
	r->last_rcpt = r->asked;
	r->asked = NULL;
}

static enum rules_answer
give_content(struct rules_rcpt *one, const struct rules_rule *rule)
{
	enum rules_answer a = rules_fits(rule, &one->said);

	if (a == RULES_YES)
		give(one, rule);
	return a;
}

enum rules_answer
rules_via_content(struct session *s, struct rules_rcpt *only,
    const struct rules_rule *rule)
{
	enum rules_answer all = RULES_NO;
	struct rules_rcpt *one;

	if (only != NULL)
		return give_content(only, rule);
	for (one = s->rules.rcpts; one != NULL; one = one->next) {
		enum rules_answer a = give_content(one, rule);

		if (a == RULES_IN_DOUBT || (a == RULES_YES && all == RULES_NO))
			all = a;
	}
	return all;
}

bool
rules_via_is_refused(const struct rules_rcpt *one)
{
	return one != NULL && one->each.re != RE_NONE;
}

bool
rules_via_is_elsewhere(const struct rules_rcpt *one)
{
	return one != NULL && (one->via > 0 || one->each.re != RE_NONE);
}

const struct rules_rcpt *
rules_via_next(const struct rules_rcpt *one, uint32_t *member)
{
	if (one == NULL || ++*member < one->n)
		return one;
	*member = 0;
	return one->next;
}

/*
 * Who is given to another server is none of our mailboxes; whom an alias would
 * stand for here is that server's to know.
 */
static struct envelope_recipient
sent_by(const struct rules_rcpt *one, const char *route)
{
	return (struct envelope_recipient){
		.address = one->address,
		.route = ENVELOPE_REMOTE,
		.notify = one->notify,
		.orcpt = one->orcpt,
		.via = span_str(route),
	};
}

enum err
rules_via_list(struct session *s, struct envelope *to)
{
	const struct config_rules *all = s->receiver->role->config->rules;
	struct buf *changed = &s->receiver->routed;
	const struct rules_rcpt *one = s->rules.rcpts;
	struct span from = to->recipients;
	struct envelope_recipient r;
	uint32_t member = 0;
	enum err e = ERR_OK;

	while (one != NULL && !rules_via_is_elsewhere(one))
		one = one->next;
	if (one == NULL)
		return ERR_OK;
	buf_cut(changed, 0);
	/* Copies stand behind them all, and go their own way. */
	for (one = s->rules.rcpts; e == ERR_OK &&
	    envelope_next(&from, &r) == ERR_OK;
	    one = rules_via_next(one, &member)) {
		bool is_via = one != NULL && one->via > 0;

		if (rules_via_is_refused(one) || (is_via && member > 0)) {
			to->nrecipients--;
			continue;
		}
		if (is_via)
			r = sent_by(one, all->routes[one->via - 1]);
		e = envelope_add_recipient(changed, &r);
	}
	to->recipients = buf_span(changed);
	return e;
}
