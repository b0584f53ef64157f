/*
 * match_act.c - what a rule does when it matches.
 */
#include "config/match_private.h"

static bool
do_nothing(struct match_reader *m UNUSED, struct config_condition *c UNUSED)
{
	return true;
}

/* RFC 5321 4.2.1: 4yz or 5yz, y of 0 to 5, z a digit. */
static bool
is_code(struct span text, char class)
{
	return text.n == 3 && text.p[0] == (uint8_t)class &&
	    text.p[1] >= '0' && text.p[1] <= '5' && ascii_is_digit(text.p[2]);
}

/* RFC 3463 2: class "." 1*3digit "." 1*3digit, no zeros in front. */
static bool
is_status(struct span text, char class)
{
	struct span part = span_take(&text, span_find(text, '.'));

	if (part.n != 1 || part.p[0] != (uint8_t)class)
		return false;
	for (int i = 0; i < 2; i++) {
		uint64_t n;

		text = span_skip(text, MIN((size_t)1, text.n));
		part = span_take(&text, span_find(text, '.'));
		if (part.n == 0 || span_u64(part, 999, &n) != ERR_OK ||
		    (part.n > 1 && part.p[0] == '0'))
			return false;
	}
	return text.n == 0;
}

/* `code 550 5.7.1`: a refusal is 5yz, a deferral 4yz, and both say the same. */
static bool
read_code(struct match_reader *m, char class)
{
	const struct word *code = value_next(m->v), *status;
	uint64_t n;

	if (code == NULL)
		return match_missing(m, MATCH_CODE, "CODE STATUS");
	if (!is_code(code->text, class) ||
	    span_u64(code->text, 599, &n) != ERR_OK)
		return match_wrong(m, code, class == '5' ?
		    "a code that refuses: 500 to 559" :
		    "a code that defers: 400 to 459");
	status = value_next(m->v);
	if (status == NULL)
		return match_missing(m, MATCH_CODE, "CODE STATUS");
	if (!is_status(status->text, class))
		return match_wrong(m, status, class == '5' ?
		    "a status of the same class, such as 5.7.1" :
		    "a status of the same class, such as 4.7.1");
	m->rule.code = (unsigned int)n;
	m->rule.status = value_keep(m->v, status->text, false);
	return m->rule.status != NULL;
}

/* RFC 5321 4.2: the text of a reply is ASCII. */
static bool
do_text(struct match_reader *m, struct config_condition *c UNUSED)
{
	const struct word *w = value_next(m->v);

	if (w != NULL && !w->is_quoted &&
	    span_eq(w->text, SPAN(MATCH_CODE))) {
		if (!read_code(m, m->rule.action == CONFIG_DO_REFUSE ? '5' :
		    '4'))
			return false;
		w = value_next(m->v);
	}
	if (w == NULL)
		return true;
	for (size_t i = 0; i < w->text.n; i++)
		if (w->text.p[i] < ' ' || w->text.p[i] > '~')
			return match_wrong(m, w, "ASCII, as replies must be");
	if (w->text.n == 0 || w->text.n > CONFIG_RULE_TEXT_MAX)
		return match_wrong(m, w, "a text of 1 to 200 octets");
	m->rule.text = value_keep(m->v, w->text, false);
	return m->rule.text != NULL;
}

static bool
do_tag(struct match_reader *m, struct config_condition *c UNUSED)
{
	const struct word *w = match_next_tag(m);
	struct config_rules *all = m->all;
	size_t i;

	if (w == NULL)
		return false;
	i = match_tag_number(all, w->text);
	if (i == CONFIG_SET_MAX)
		return match_too_many(m, w, CONFIG_SET_MAX, "tags");
	if (i == all->ntags) {
		all->ntag_octets += w->text.n + 1;
		if (all->ntag_octets > CONFIG_TAGS_MAX)
			return match_too_many(m, w, CONFIG_TAGS_MAX,
			    "octets of tags");
		all->tags[all->ntags] = value_keep(m->v, w->text, false);
		if (all->tags[all->ntags] == NULL)
			return false;
		all->tag_stages[all->ntags++] = CONFIG_AT_CONTENT;
	}
	m->rule.number = (uint8_t)i;
	return true;
}

/* RFC 5321 4.1.2, without quotes, literals and other writings. */
static bool
is_plain_address(struct span address)
{
	static const struct span at = { (const uint8_t *)"@", 1 };
	struct span more = SPAN("!#$%&'*+-/=?^_`{|}~."), local;

	local = span_take(&address, span_find_span(address, at));
	if (address.n == 0 || local.n == 0 || local.n > 64 ||
	    local.p[0] == '.' || local.p[local.n - 1] == '.' ||
	    span_find_span(local, SPAN("..")) < local.n)
		return false;
	for (size_t i = 0; i < local.n; i++)
		if (!ascii_is_alpha(local.p[i]) &&
		    !ascii_is_digit(local.p[i]) &&
		    span_find(more, local.p[i]) == more.n)
			return false;
	return local.n + address.n <= 254 &&
	    value_is_host_name(span_skip(address, at.n));
}

static bool
do_copy(struct match_reader *m, struct config_condition *c UNUSED)
{
	const struct word *w = value_next(m->v);
	struct config_rules *all = m->all;
	size_t i = 0;

	if (w == NULL)
		return match_missing(m, "copy-to", "ADDRESS");
	if (!is_plain_address(w->text))
		return match_wrong(m, w, "an address such as "
		    "archive@example.org");
	while (i < all->ncopies &&
	    !span_eq_nocase(span_str(all->copies[i]), w->text))
		i++;
	if (i == CONFIG_SET_MAX)
		return match_too_many(m, w, CONFIG_SET_MAX, "addresses of copies");
	if (i == all->ncopies) {
		all->copies[i] = value_keep(m->v, w->text, false);
		if (all->copies[i] == NULL)
			return false;
		all->ncopies++;
	}
	m->rule.number = (uint8_t)i;
	return true;
}

/* Whether there is one is known when all is read: match_finish(). */
static bool
do_route(struct match_reader *m, struct config_condition *c UNUSED)
{
	const struct word *w = value_next(m->v);
	struct config_rules *all = m->all;
	size_t i = 0;

	if (w == NULL)
		return match_missing(m, "route", "NAME");
	if (!value_is_name(w->text))
		return match_wrong(m, w, "the name of a relay: at most 32 of "
		    "a-z, 0-9 and -");
	while (i < all->nroutes &&
	    !span_eq(span_str(all->routes[i]), w->text))
		i++;
	if (i == CONFIG_SET_MAX)
		return match_too_many(m, w, CONFIG_SET_MAX, "routes");
	if (i == all->nroutes) {
		all->routes[i] = value_keep(m->v, w->text, false);
		if (all->routes[i] == NULL)
			return false;
		all->nroutes++;
	}
	m->rule.number = (uint8_t)i;
	m->rule.column = w->at.column;
	return true;
}

const struct match_word match_actions[CONFIG_ACTION_COUNT] = {
	[CONFIG_DO_ACCEPT] = { "accept", "",
	    "Ask no more rules at this stage. It opens no relay and takes no "
	    "limit away. At connect it spares the verdict of dns-list and "
	    "reverse-dns, at rcpt greylisting.", CONFIG_AT_CONNECT, do_nothing },
	[CONFIG_DO_REFUSE] = { "refuse", "[code CODE STATUS] [TEXT]",
	    "Answer 550 5.7.1 with TEXT, at connect 554; or with the code and "
	    "status of your choice, as in code 521 5.3.2. At connect the "
	    "session ends.",
	    CONFIG_AT_CONNECT, do_text },
	[CONFIG_DO_DEFER] = { "defer", "[code CODE STATUS] [TEXT]",
	    "Answer 450 4.7.1 with TEXT, at connect 421: try again later; or "
	    "with another code and status, as in code 451 4.7.0. 421 ends the "
	    "session.",
	    CONFIG_AT_CONNECT, do_text },
	[CONFIG_DO_HOLD] = { "hold", "",
	    "As accept; the message then stays in the queue until "
	    "posthorse-queue(1) releases it.", CONFIG_AT_MAIL, do_nothing },
	[CONFIG_DO_RELAY] = { "relay", "",
	    "As accept, and this recipient may be anywhere. Only beside a "
	    "client or user.", CONFIG_AT_RCPT, do_nothing },
	[CONFIG_DO_ROUTE] = { "route", "NAME",
	    "Give the mail for this recipient to the relay that is named so, "
	    "ours or not, and go on with the next rule: nobody may relay "
	    "because of it. The first route that holds for a recipient stays. "
	    "At content it is for the recipients of which the rule's "
	    "conditions hold. Mail whose relay has left the configuration "
	    "waits.",
	    CONFIG_AT_RCPT, do_route },
	[CONFIG_DO_TAG] = { "tag", "NAME",
	    "Remember NAME, of a-z, 0-9 and -, and go on with the next rule.",
	    CONFIG_AT_CONNECT, do_tag },
	[CONFIG_DO_COPY] = { "copy-to", "ADDRESS",
	    "A copy goes there, too; go on with the next rule.",
	    CONFIG_AT_MAIL, do_copy },
};
