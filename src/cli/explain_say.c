/*
 * explain_say.c - stages, rules and replies as lines, or as rows of JSON.
 */
#include "cli/explain.h"
#include "cli/rows.h"
#include "mail/idn.h"

#include <stdio.h>

static const char *const answers[] = {
	[RULES_NO] = "no", [RULES_YES] = "yes", [RULES_ABSENT] = "not known",
	[RULES_IN_DOUBT] = "in doubt",
};

static const char *
stage_name(enum rules_stage stage)
{
	return config_stage_name((enum config_stage)stage);
}

/* What is asked about at a stage: an address, or "". */
static const char *
stage_of_whom(const struct explain *x, enum rules_stage stage)
{
	const char *const whom[RULES_STAGE_COUNT] = {
		[RULES_CONNECT] = x->client, [RULES_HELO] = x->helo,
		[RULES_MAIL] = x->from,
		[RULES_RCPT] = x->now == NULL ? "" : x->now->address,
		[RULES_CONTENT] = x->now == NULL ? "" : x->now->address,
	};

	return whom[stage] == NULL ? "" : whom[stage];
}

static const char *const routes[ROUTE_COUNT] = {
	[ROUTE_UNKNOWN] = "unknown", [ROUTE_LOCAL] = "local",
	[ROUTE_REMOTE] = "remote", [ROUTE_TEMPFAIL] = "in doubt",
	[ROUTE_NO_MAIL] = "takes no mail", [ROUTE_ALIAS] = "alias",
};

/* Which line makes it one. */
static void
say_alias(const struct explain_to *t)
{
	const struct expand_missing *m = &t->members.missing;

	if (t->found.alias == NULL)
		return;
	(void)printf("  %s:%u: %.*s\n", t->found.domain->aliases_file,
	    t->found.alias->line, SPAN_FMT(t->found.alias->name));
	if (m->alias != NULL)
		(void)printf("  %s:%u: %.*s is not there%s\n",
		    m->domain->aliases_file, m->alias->line,
		    SPAN_FMT(m->address),
		    t->members.nmissing > 1 ? ", nor are others" : "");
}

void
explain_say_stage(const struct explain *x, enum rules_stage stage)
{
	const char *whom = stage_of_whom(x, stage);

	if (x->is_json)
		return;
	(void)printf("%s%s%s%s%s\n", stage_name(stage),
	    whom[0] != '\0' ? " " : "", whom, stage == RULES_RCPT ? ": " : "",
	    stage == RULES_RCPT ? routes[x->now->found.route] : "");
	if (stage == RULES_RCPT)
		say_alias(x->now);
}

/* --- rules --- */

static void
condition_row(json_t *list, struct span condition, enum rules_answer a)
{
	(void)json_array_append_new(list, json_pack("{s:s%, s:s}", "condition",
	    condition.p, condition.n, "answer", answers[a]));
}

static void
condition_line(struct span condition, enum rules_answer a, bool is_of_dns)
{
	(void)printf("      %.*s: %s%s\n", SPAN_FMT(condition), answers[a],
	    a == RULES_ABSENT && is_of_dns ?
	    ", for the DNS is not asked (see --check)" : "");
}

/* Each condition, and what it says now. */
static void
conditions(const struct explain *x, enum rules_stage stage, size_t rule,
    json_t *list)
{
	const struct config_rule *from = &x->c->rules->rules[rule];
	const struct rules_rule *r = &x->rules.rules[rule];
	struct buf text = buf_make(CONFIG_PRINT_MAX);

	for (size_t i = 0; i < r->nconditions; i++) {
		enum rules_answer a = rules_ask(&r->conditions[i], stage,
		    &x->facts);

		buf_cut(&text, 0);
		if (config_condition_print(x->c, &from->conditions[i],
		    &text) != ERR_OK)
			continue;
		if (list != NULL)
			condition_row(list, buf_span(&text), a);
		else
			condition_line(buf_span(&text), a,
			    r->conditions[i].fact == RULES_CHECK);
	}
	buf_free(&text);
}

static void
rule_row(const struct explain *x, enum rules_stage stage, size_t rule,
    const struct rules_verdict *v, struct span statement)
{
	json_t *list = json_array();

	conditions(x, stage, rule, list);
	row_print(json_pack("{s:s, s:s, s:s%, s:s%, s:b, s:s, s:o}", "stage",
	    stage_name(stage), "of", stage_of_whom(x, stage), "rule",
	    x->rules.rules[rule].origin.p, x->rules.rules[rule].origin.n,
	    "statement", statement.p, statement.n, "matches", v != NULL,
	    "verdict", v == NULL ? "" : v->action == RULES_DOUBT ? "doubt" :
	    config_action_name(x->c->rules->rules[rule].action),
	    "conditions", list));
}

void
explain_say_rule(const struct explain *x, enum rules_stage stage,
    size_t rule, const struct rules_verdict *v)
{
	const struct config_rule *from = &x->c->rules->rules[rule];
	struct buf text = buf_make(CONFIG_PRINT_MAX);

	if (config_match_print(x->c, from, false, &text) != ERR_OK) {
		cli_complain("out of memory");
	} else if (x->is_json) {
		rule_row(x, stage, rule, v, buf_span(&text));
	} else {
		(void)printf("  %s: %.*s\n", from->origin, SPAN_FMT(text));
		conditions(x, stage, rule, NULL);
		(void)printf("      %s\n", v == NULL ? "does not match" :
		    v->action == RULES_DOUBT ? "matches, unless a file that "
		    "cannot be read says no" : v->is_final ?
		    "matches, and decides" : "matches");
	}
	buf_free(&text);
}

/* --- replies --- */

void
explain_say_reply(const struct explain *x, enum rules_stage stage,
    const struct rules_reply *r, const struct rules_rule *rule)
{
	const char *result = r->code == 0 ? "passes" : r->code >= 500 ?
	    "refused" : "deferred";
	struct span origin = rule == NULL ? SPAN("") : rule->origin;

	if (x->is_json)
		row_print(json_pack("{s:s, s:s, s:s, s:i, s:s%, s:s%, s:s%}",
		    "stage", stage_name(stage), "of", stage_of_whom(x, stage),
		    "result", result, "code", (int)r->code, "status",
		    r->code == 0 ? "" : (const char *)r->esc.p, r->esc.n,
		    "text", r->code == 0 ? "" : (const char *)r->text.p,
		    r->text.n, "rule", (const char *)origin.p, origin.n));
	else if (r->code == 0)
		(void)printf("  -> %s\n", result);
	else
		(void)printf("  -> %s: %u %.*s %.*s%s%.*s\n", result, r->code,
		    SPAN_FMT(r->esc), SPAN_FMT(r->text),
		    rule == NULL ? "" : "  by ", SPAN_FMT(origin));
}

/* --- the end --- */

#define MEMBERS_SHOWN	20u
#define WAY_MAX		32768u	/* octets */

static enum err
members(const struct expand *x, struct buf *to)
{
	enum err e = buf_addf(to, "to %u member%s of the %s:", x->n,
	    x->n == 1 ? "" : "s", x->is_list ? "list" : "alias");

	for (uint32_t i = 0; e == ERR_OK && i < MIN(x->n, MEMBERS_SHOWN); i++)
		e = buf_addf(to, "%s %.*s%s%.*s%s", i > 0 ? "," : "",
		    SPAN_FMT(x->members[i].address),
		    x->members[i].owner.n > 0 ? " from <" : "",
		    SPAN_FMT(x->members[i].owner),
		    x->members[i].owner.n > 0 ? ">" : "");
	if (e == ERR_OK && x->n > MEMBERS_SHOWN)
		e = buf_addf(to, " and %u more", x->n - MEMBERS_SHOWN);
	return e;
}

/* Where it would go; which host that is the DNS knows. */
static void
way_of(const struct explain *x, const struct explain_to *t, struct buf *to)
{
	struct addr a;
	const struct config_relay *relay = NULL;
	struct buf ascii = buf_make(ADDR_DOMAIN_MAX);
	enum err e;

	if (addr_parse(span_str(t->address), &a) == ERR_OK &&
	    idn_to_ascii(a.domain, &ascii) == ERR_OK)
		relay = config_relay_for(x->c, buf_span(&ascii));
	if (t->via > 0)
		e = buf_addf(to, "by route %s",
		    x->c->rules->routes[t->via - 1]);
	else if (t->found.route == ROUTE_LOCAL)
		e = buf_addf(to, "to the mailbox %.*s of %s",
		    SPAN_FMT(t->found.user->name), t->found.domain->name);
	else if (t->found.route == ROUTE_ALIAS)
		e = members(&t->members, to);
	else if (relay != NULL)
		e = buf_addf(to, "by the relay %s", relay->host);
	else
		e = buf_addf(to, "where the DNS says");
	if (e != ERR_OK)
		cli_complain("out of memory");
	buf_free(&ascii);
}

static void
end_row(const struct explain *x, const struct explain_to *t, struct span way)
{
	row_print(json_pack("{s:s, s:s, s:s%, s:b}", "result", "accepted", "to",
	    t->address, "goes", way.p, way.n, "held", x->is_held));
}

void
explain_say_end(const struct explain *x)
{
	struct buf way = buf_make(WAY_MAX);

	for (size_t i = 0; i < x->nto; i++) {
		if (!x->to[i].is_taken)
			continue;
		buf_cut(&way, 0);
		way_of(x, &x->to[i], &way);
		if (x->is_json)
			end_row(x, &x->to[i], buf_span(&way));
		else
			(void)printf("accepted for %s: %.*s%s\n",
			    x->to[i].address, SPAN_FMT(way),
			    x->is_held ? ", when it is released" : "");
	}
	buf_free(&way);
	for (size_t i = 0; x->copies >> i != 0; i++) {
		if ((x->copies >> i & 1) == 0)
			continue;
		if (x->is_json)
			row_print(json_pack("{s:s}", "copy",
			    x->c->rules->copies[i]));
		else
			(void)printf("a copy for %s\n",
			    x->c->rules->copies[i]);
	}
}
