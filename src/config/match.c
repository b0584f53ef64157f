/*
 * match.c - a rule from its words: conditions, then one action.
 */
#include "config/match_private.h"
#include "config/suggest.h"

#include <stdio.h>

#define SHOWN	60
#define SHOW(s)	(int)MIN((s).n, (size_t)SHOWN), (const char *)(s).p

static const char *const stages[CONFIG_STAGE_COUNT] = {
	[CONFIG_AT_CONNECT] = "connect", [CONFIG_AT_HELO] = "helo",
	[CONFIG_AT_MAIL] = "mail", [CONFIG_AT_RCPT] = "rcpt",
	[CONFIG_AT_CONTENT] = "content",
};

const char *
config_stage_name(enum config_stage stage)
{
	return stages[stage];
}

const char *
config_action_name(enum config_action action)
{
	return match_actions[action].name;
}

const char *
config_match_name(enum config_match kind)
{
	return match_conditions[kind].name;
}

static const char *const other_words[] = { "at", "not", "origin" };

/* All words that may come next, one after the other; NULL behind the last. */
static const char *
word_at(size_t i)
{
	if (i < CONFIG_MATCH_COUNT)
		return match_conditions[i].name;
	i -= CONFIG_MATCH_COUNT;
	if (i < CONFIG_ACTION_COUNT)
		return match_actions[i].name;
	i -= CONFIG_ACTION_COUNT;
	return i < COUNT(other_words) ? other_words[i] : NULL;
}

static bool
unknown_word(struct match_reader *m, const struct word *w)
{
	const char *name, *nearest = "";
	size_t best = SIZE_MAX;

	for (size_t i = 0; (name = word_at(i)) != NULL; i++) {
		size_t d = suggest_distance(w->text, span_str(name));

		if (d < best) {
			best = d;
			nearest = name;
		}
	}
	if (suggest_is_near(w->text, best))
		report_error(m->v->report, w->at, "\"%.*s\" is no word of a "
		    "rule, did you mean \"%s\"?", SHOW(w->text), nearest);
	else
		report_error(m->v->report, w->at, "\"%.*s\" is no word of a "
		    "rule", SHOW(w->text));
	return false;
}

static size_t
find(const struct match_word *words, size_t n, const struct word *w)
{
	size_t i = 0;

	while (i < n && (w->is_quoted ||
	    !span_eq(w->text, span_str(words[i].name))))
		i++;
	return i;
}

/* `at mail,rcpt` */
static bool
read_at(struct match_reader *m)
{
	const struct word *w = value_next(m->v);
	struct span rest;

	if (w == NULL)
		return match_missing(m, "at", "STAGE,...");
	rest = w->text;
	do {
		struct span name = span_take(&rest, span_find(rest, ','));
		size_t i = 0;

		while (i < COUNT(stages) &&
		    !span_eq(name, span_str(stages[i])))
			i++;
		if (i == COUNT(stages))
			return match_wrong(m, w, "a list of connect, helo, "
			    "mail, rcpt and content");
		m->rule.stages |= 1u << i;
		rest = span_skip(rest, MIN((size_t)1, rest.n));
	} while (rest.n > 0);
	m->rule.is_at = true;
	return true;
}

/* What config_print wrote: where the rule stood. */
static bool
read_origin(struct match_reader *m)
{
	const struct word *w = value_next(m->v);

	if (w == NULL)
		return match_missing(m, "origin", "FILE:LINE");
	m->rule.origin = value_keep(m->v, w->text, false);
	return m->rule.origin != NULL;
}

static void
needs(struct match_reader *m, const struct match_word *word)
{
	if (word->earliest <= m->earliest)
		return;
	m->earliest = word->earliest;
	m->because = word->name;
}

static bool
read_condition(struct match_reader *m, size_t kind, bool is_not)
{
	struct config_condition *c;
	const struct match_word *word = &match_conditions[kind];

	if (m->rule.nconditions == CONFIG_CONDITIONS_MAX) {
		report_error(m->v->report, m->v->words[m->v->i - 1].at,
		    "more than %u conditions", CONFIG_CONDITIONS_MAX);
		return false;
	}
	c = &m->conditions[m->rule.nconditions++];
	*c = (struct config_condition){ .kind = (enum config_match)kind,
		.is_not = is_not, .name = "" };
	needs(m, word);
	return word->read(m, c);
}

static bool
read_action(struct match_reader *m, size_t action)
{
	m->has_action = true;
	m->rule.action = (enum config_action)action;
	needs(m, &match_actions[action]);
	return match_actions[action].read(m, NULL);
}

/* `tag NAME` at the end is the action, before it a condition. */
static bool
is_last_tag(const struct match_reader *m, size_t kind)
{
	return kind == CONFIG_MATCH_TAG && m->v->i + 1 >= m->v->n;
}

static bool
read_word(struct match_reader *m)
{
	const struct word *w = value_next(m->v);
	bool is_not = !w->is_quoted && span_eq(w->text, SPAN("not"));
	size_t i;

	if (!w->is_quoted && span_eq(w->text, SPAN("at")))
		return read_at(m);
	if (!w->is_quoted && span_eq(w->text, SPAN("origin")))
		return read_origin(m);
	if (is_not) {
		w = value_next(m->v);
		if (w == NULL)
			return match_missing(m, "not", "CONDITION");
	}
	i = find(match_conditions, CONFIG_MATCH_COUNT, w);
	if (i < CONFIG_MATCH_COUNT && (is_not || !is_last_tag(m, i)))
		return read_condition(m, i, is_not);
	i = find(match_actions, CONFIG_ACTION_COUNT, w);
	if (i == CONFIG_ACTION_COUNT)
		return unknown_word(m, w);
	return is_not ? match_wrong(m, w, "a condition, which \"not\" needs") :
	    read_action(m, i);
}

/* --- the whole of it --- */

static bool
check_stages(struct match_reader *m, struct place at)
{
	unsigned int early = (1u << m->earliest) - 1;

	if (!m->rule.is_at)
		m->rule.stages = 1u << m->earliest;
	if ((m->rule.stages & early) == 0)
		return true;
	report_error(m->v->report, at, "%s is not known before %s: say \"at "
	    "%s\", or leave it out", m->because, stages[m->earliest],
	    stages[m->earliest]);
	return false;
}

/* Nobody opens a relay to the world by a slip (RLY-1, RLY-2). */
static bool
check_relay(struct match_reader *m, struct place at)
{
	bool is_narrow = false;

	if (m->rule.action != CONFIG_DO_RELAY)
		return true;
	for (size_t i = 0; i < m->rule.nconditions; i++) {
		const struct config_condition *c = &m->conditions[i];
		bool is_wide = c->is_not || (c->values &
		    1u << CONFIG_USER_IS_NONE) != 0;

		for (size_t k = 0; c->networks != NULL && k < c->n; k++)
			is_wide |= c->networks[k].bits == 0;
		is_narrow |= !is_wide && (c->kind == CONFIG_MATCH_CLIENT ||
		    c->kind == CONFIG_MATCH_USER);
	}
	if (is_narrow && m->rule.stages == 1u << CONFIG_AT_RCPT)
		return true;
	report_error(m->v->report, at, is_narrow ?
	    "relay is decided at rcpt and nowhere else" :
	    "relay needs a client or a user, or the whole world could relay");
	return false;
}

bool
config_condition_is_of_recipient(const struct config_condition *c)
{
	return c->kind == CONFIG_MATCH_RECIPIENT ||
	    (c->kind == CONFIG_MATCH_CHECK &&
	    strcmp(c->name, CONFIG_CHECK_ROUTE) == 0);
}

/* What a content rule says of recipients is remembered as bits. */
static bool
number_recipients(struct match_reader *m, struct place at)
{
	bool is_content = (m->rule.stages & 1u << CONFIG_AT_CONTENT) != 0;

	for (size_t i = 0; i < m->rule.nconditions && is_content; i++) {
		if (!config_condition_is_of_recipient(&m->conditions[i]))
			continue;
		if (m->all->nrecipients++ < CONFIG_SET_MAX)
			continue;
		report_error(m->v->report, at, "more than %u conditions about "
		    "recipients in rules at content", CONFIG_SET_MAX);
		return false;
	}
	return true;
}

static bool
no_memory(struct match_reader *m)
{
	m->v->is_out_of_memory = true;
	return false;
}

/* A rule that reads the tag can do so from the first stage that sets it. */
static void
note_tag(struct match_reader *m)
{
	enum config_stage *known = &m->all->tag_stages[m->rule.number],
	    first = CONFIG_AT_CONNECT;

	while ((m->rule.stages >> first & 1) == 0)
		first++;
	*known = MIN(*known, first);
}

static bool
append(struct match_reader *m, struct place at)
{
	struct config_rules *all = m->all;
	struct arena *memory = &m->v->c->memory;
	char origin[2 * CONFIG_WORD_MAX];
	struct span kept;
	void *room;

	if (all->n == CONFIG_RULES_MAX) {
		report_error(m->v->report, at, "more than %u rules",
		    CONFIG_RULES_MAX);
		return false;
	}
	m->rule.file = at.file;
	m->rule.line = at.line;
	if (m->rule.origin == NULL) {
		(void)snprintf(origin, sizeof origin, "%s:%u", at.file,
		    at.line);
		m->rule.origin = value_keep(m->v, span_str(origin), false);
	}
	if (all->rules == NULL) {
		if (arena_get(memory, CONFIG_RULES_MAX * sizeof *all->rules,
		    &room) != ERR_OK)
			return no_memory(m);
		all->rules = room;
	}
	kept = span_of(m->conditions,
	    m->rule.nconditions * sizeof m->conditions[0]);
	if (m->rule.origin == NULL ||
	    arena_copy(memory, kept, &kept) != ERR_OK)
		return no_memory(m);
	m->rule.conditions = (const void *)kept.p;
	if (m->rule.action == CONFIG_DO_TAG)
		note_tag(m);
	all->rules[all->n++] = m->rule;
	return true;
}

static struct config_rules *
rules_of(struct value_reader *v)
{
	struct config *c = v->c;
	void *room;

	if (c->rules != NULL)
		return c->rules;
	if (arena_get(&c->memory, sizeof *c->rules, &room) != ERR_OK) {
		v->is_out_of_memory = true;
		return NULL;
	}
	c->rules = room;
	memset(c->rules, 0, sizeof *c->rules);
	return c->rules;
}

static bool
read_rule(struct match_reader *m, struct place at)
{
	while (m->v->i < m->v->n && !m->has_action)
		if (!read_word(m))
			return false;
	if (!m->has_action) {
		report_error(m->v->report, m->v->end_at, "a rule ends in what "
		    "to do: accept, refuse, defer, hold, relay, route, "
		    "tag or copy-to");
		return false;
	}
	return check_stages(m, at) && check_relay(m, at) &&
	    number_recipients(m, at) && append(m, at);
}

static bool
read_match(struct value_reader *v, const struct schema_row *row UNUSED,
    void *field UNUSED)
{
	struct match_reader m = { .v = v, .rule = { .text = "", .status = "" },
		.because = "" };

	m.all = rules_of(v);
	return m.all != NULL && read_rule(&m, v->words[0].at);
}

/* --- once all is read --- */

static bool
is_made(const struct config *c, const char *check)
{
	if (strcmp(check, CONFIG_CHECK_ROUTE) == 0)
		return true;
	if (strcmp(check, CONFIG_CHECK_REVERSE) == 0)
		return c->reverse_dns != CONFIG_REVERSE_NO;
	for (size_t i = 0; i < c->ndns_lists; i++)
		if (strcmp(c->dns_lists[i].zone, check) == 0)
			return true;
	return false;
}

static void
finish_rule(const struct config *c, const struct config_rule *r,
    struct config_report *report)
{
	for (size_t i = 0; i < r->nconditions; i++) {
		const struct config_condition *k = &r->conditions[i];
		bool is_reverse;

		if (k->kind != CONFIG_MATCH_CHECK || is_made(c, k->name))
			continue;
		is_reverse = strcmp(k->name, CONFIG_CHECK_REVERSE) == 0;
		report_error(report, (struct place){ r->file, r->line, 1 },
		    "nobody makes the check %s: say \"%s%s\"", k->name,
		    is_reverse ? "reverse-dns look" : "dns-list ",
		    is_reverse ? "" : k->name);
	}
}

static void
finish_route(const struct config *c, const struct config_rule *r,
    struct config_report *report)
{
	const char *name;

	if (r->action != CONFIG_DO_ROUTE)
		return;
	name = c->rules->routes[r->number];
	if (config_relay_named(c, span_str(name)) == NULL)
		report_error(report, (struct place){ r->file, r->line,
		    r->column }, "no relay is called %s: say \"relay named %s "
		    "via URL\"", name, name);
}

void
match_finish(struct config *c, struct config_report *report)
{
	for (size_t i = 0; c->rules != NULL && i < c->rules->n; i++) {
		finish_rule(c, &c->rules->rules[i], report);
		finish_route(c, &c->rules->rules[i], report);
	}
}

/* Each rule has a line of its own: config_match_print(). */
const struct value_type value_match = {
	"CONDITION ... ACTION", read_match, NULL
};
