/*
 * rules_reply.c - what a client hears of a rule that lets it not pass.
 */
#include "policy/rules.h"

/* RFC 5321 3.1: 554 in place of a greeting; 3.8: 421 by who closes. */
static const struct row {
	unsigned int	code;
	struct span	esc;
} refused[RULES_STAGE_COUNT] = {
	[RULES_CONNECT] = { 554, SPAN("5.7.1") },
	[RULES_HELO] = { 550, SPAN("5.7.1") },
	[RULES_MAIL] = { 550, SPAN("5.7.1") },
	[RULES_RCPT] = { 550, SPAN("5.7.1") },
	[RULES_CONTENT] = { 550, SPAN("5.7.1") },
}, deferred[RULES_STAGE_COUNT] = {
	[RULES_CONNECT] = { 421, SPAN("4.7.1") },
	[RULES_HELO] = { 450, SPAN("4.7.1") },
	[RULES_MAIL] = { 450, SPAN("4.7.1") },
	[RULES_RCPT] = { 450, SPAN("4.7.1") },
	[RULES_CONTENT] = { 450, SPAN("4.7.1") },
}, doubted[RULES_STAGE_COUNT] = {
	[RULES_CONNECT] = { 421, SPAN("4.3.0") },
	[RULES_HELO] = { 451, SPAN("4.3.0") },
	[RULES_MAIL] = { 451, SPAN("4.3.0") },
	[RULES_RCPT] = { 451, SPAN("4.3.0") },
	[RULES_CONTENT] = { 451, SPAN("4.3.0") },
};

static const struct {
	const struct row	*rows;	/* NULL: it passes */
	struct span		 text;	/* when the rule has none */
} says[RULES_ACTION_COUNT] = {
	[RULES_REFUSE] = { refused, SPAN("Refused by a rule of this server") },
	[RULES_DEFER] = { deferred, SPAN("Not now, try again later") },
	[RULES_DOUBT] = { doubted, SPAN("Cannot look that up now") },
};

struct rules_reply
rules_reply(enum rules_stage stage, const struct rules_verdict *v)
{
	const struct row *row = says[v->action].rows;
	struct rules_reply r = { 0 };

	if (row == NULL)
		return r;
	r = (struct rules_reply){ row[stage].code, row[stage].esc,
		says[v->action].text };
	/* What the rule wanted to say is not what became of it. */
	if (v->action == RULES_DOUBT)
		return r;
	if (v->rule->text.n > 0)
		r.text = v->rule->text;
	if (v->rule->code != 0) {
		r.code = v->rule->code;
		r.esc = v->rule->esc;
	}
	return r;
}
