/*
 * rules_make.c - statements into rules: numbers, networks, patterns.
 */
#include "policy/rules_make.h"

#include "mail/idn.h"

struct maker {
	struct arena	*memory;
	uint8_t		 nrecipients;	/* conditions numbered so far */
};

/* One number of the configuration is the same one of the policy. */
static const enum rules_fact facts[CONFIG_MATCH_COUNT] = {
	[CONFIG_MATCH_LISTENER] = RULES_LISTENER,
	[CONFIG_MATCH_CLIENT] = RULES_CLIENT,
	[CONFIG_MATCH_HELO] = RULES_HELO_NAME,
	[CONFIG_MATCH_SENDER] = RULES_SENDER,
	[CONFIG_MATCH_RECIPIENT] = RULES_RECIPIENT,
	[CONFIG_MATCH_USER] = RULES_USER,
	[CONFIG_MATCH_TLS] = RULES_TLS,
	[CONFIG_MATCH_SIZE] = RULES_SIZE,
	[CONFIG_MATCH_HEADER] = RULES_HEADER,
	[CONFIG_MATCH_CHECK] = RULES_CHECK,
	[CONFIG_MATCH_TAG] = RULES_TAG,
};
static const enum rules_action acts[CONFIG_ACTION_COUNT] = {
	[CONFIG_DO_ACCEPT] = RULES_ACCEPT, [CONFIG_DO_REFUSE] = RULES_REFUSE,
	[CONFIG_DO_DEFER] = RULES_DEFER, [CONFIG_DO_HOLD] = RULES_HOLD,
	[CONFIG_DO_RELAY] = RULES_RELAY, [CONFIG_DO_TAG] = RULES_ADD_TAG,
	[CONFIG_DO_COPY] = RULES_COPY, [CONFIG_DO_ROUTE] = RULES_VIA,
};
_Static_assert((int)CONFIG_AT_CONNECT == RULES_CONNECT &&
    (int)CONFIG_AT_HELO == RULES_HELO && (int)CONFIG_AT_MAIL == RULES_MAIL &&
    (int)CONFIG_AT_RCPT == RULES_RCPT &&
    (int)CONFIG_AT_CONTENT == RULES_CONTENT, "a set of stages is the same");
_Static_assert(1u << CONFIG_USER_IS_NONE == RULES_USER_NONE &&
    1u << CONFIG_USER_IS_ANY == RULES_USER_ANY, "so are users");
_Static_assert((int)CONFIG_ROUTE_LOCAL == RULES_ROUTE_LOCAL &&
    (int)CONFIG_ROUTE_REMOTE == RULES_ROUTE_REMOTE &&
    (int)CONFIG_ROUTE_UNKNOWN == RULES_ROUTE_UNKNOWN, "and routes");
_Static_assert(CONFIG_SET_MAX == RULES_BITS, "a set is a word");

static bool
get(struct maker *m, size_t n, size_t size, void *room)
{
	void *p;

	if (arena_get(m->memory, MAX(n, (size_t)1) * size, &p) !=
	    ERR_OK)
		return false;
	memset(p, 0, n * size);
	memcpy(room, &p, sizeof p);
	return true;
}

static bool
load_networks(struct maker *m, const struct config_condition *from,
    struct rules_condition *to)
{
	struct rules_network *n;

	if (!get(m, from->n, sizeof *n, &n))
		return false;
	for (size_t i = 0; i < from->n; i++) {
		n[i].base = rules_address_make(
		    address_span(&from->networks[i].base));
		n[i].bits = from->networks[i].bits;
	}
	to->networks = n;
	to->nnetworks = from->n;
	return true;
}

/* The name of a check is its pattern; a route has none. */
static bool
load_check(struct maker *m, const struct config_condition *from,
    struct rules_condition *to)
{
	static const enum check_word words[CONFIG_FOUND_COUNT] = {
		[CONFIG_FOUND_TIMEOUT] = CHECK_TIMEOUT,
		[CONFIG_FOUND_LATER] = CHECK_LATER,
		[CONFIG_FOUND_PASS] = CHECK_PASS,
		[CONFIG_FOUND_NONE] = CHECK_NONE,
		[CONFIG_FOUND_MISMATCH] = CHECK_MISMATCH,
		[CONFIG_FOUND_LISTED] = CHECK_LISTED,
		[CONFIG_FOUND_CLEAR] = CHECK_CLEAR,
		[CONFIG_FOUND_ODD] = CHECK_ODD,
	};
	struct span *name;

	if (config_condition_is_of_recipient(from))
		return true;
	if (!get(m, 1, sizeof *name, &name))
		return false;
	*name = span_str(from->name);
	to->patterns = name;
	to->npatterns = 1;
	to->values = 0;
	for (unsigned int i = 0; i < CONFIG_FOUND_COUNT; i++)
		if ((from->values >> i & 1) != 0)
			to->values |= 1u << words[i];
	return true;
}

static bool
has_domains(const struct config_condition *c)
{
	return c->items != NULL && (c->kind == CONFIG_MATCH_HELO ||
	    c->kind == CONFIG_MATCH_SENDER ||
	    c->kind == CONFIG_MATCH_RECIPIENT);
}

/* A domain is one name in U-labels and in A-labels: these are compared. */
static bool
load_domains(struct maker *m, const struct config_condition *from,
    struct rules_condition *to)
{
	struct buf name = buf_make(4 * CONFIG_WORD_MAX);
	enum err e = ERR_OK;
	struct span *p;

	if (!get(m, from->n, sizeof *p, &p))
		return false;
	for (size_t i = 0; e == ERR_OK && i < from->n; i++) {
		buf_cut(&name, 0);
		e = idn_entry(from->items[i], &name);
		if (e == ERR_OK)
			e = arena_copy(m->memory, buf_span(&name), &p[i]);
	}
	buf_free(&name);
	to->patterns = p;
	return e == ERR_OK;
}

/* A header's name is the first of its patterns. */
static bool
load_header(struct maker *m, const struct config_condition *from,
    struct rules_condition *to)
{
	struct span *p;

	if (!get(m, from->n + 1, sizeof *p, &p))
		return false;
	p[0] = span_str(from->name);
	if (from->n > 0)
		memcpy(p + 1, from->items, from->n * sizeof *p);
	to->patterns = p;
	to->npatterns = from->n + 1;
	to->bit = from->number;
	return true;
}

static bool
load_condition(struct maker *m, const struct config_condition *from,
    bool is_content, struct rules_condition *to)
{
	uint64_t number = UINT64_C(1) << from->number;
	bool is_of_recipient = config_condition_is_of_recipient(from);

	*to = (struct rules_condition){
		.fact = facts[from->kind],
		.is_not = from->is_not,
		.patterns = from->items,
		.npatterns = from->items == NULL ? 0 : from->n,
		.lists = from->has_file ? number : 0,
		.values = from->kind == CONFIG_MATCH_TAG ? number :
		    from->values,
		.low = from->is_over ? from->size + 1 : 0,
		.high = from->is_over ? UINT64_MAX : from->size - 1,
	};
	/* Nothing is smaller than nothing. */
	if (from->kind == CONFIG_MATCH_SIZE && !from->is_over &&
	    from->size == 0)
		to->low = UINT64_MAX, to->high = 0;
	if (is_of_recipient && is_content)
		to->bit = m->nrecipients++;
	if (from->kind == CONFIG_MATCH_HEADER)
		return load_header(m, from, to);
	if (from->kind == CONFIG_MATCH_CHECK)
		return load_check(m, from, to);
	if (has_domains(from))
		return load_domains(m, from, to);
	return from->networks == NULL || load_networks(m, from, to);
}

static bool
load_rule(struct maker *m, const struct config_rule *from,
    struct rules_rule *to)
{
	bool is_content = (from->stages & 1u << CONFIG_AT_CONTENT) != 0;
	struct rules_condition *c;

	if (!get(m, from->nconditions, sizeof *c, &c))
		return false;
	for (size_t i = 0; i < from->nconditions; i++)
		if (!load_condition(m, &from->conditions[i], is_content,
		    &c[i]))
			return false;
	*to = (struct rules_rule){
		.stages = from->stages,
		.conditions = c,
		.nconditions = from->nconditions,
		.action = acts[from->action],
		.text = span_str(from->text),
		.code = from->code,
		.esc = span_str(from->status),
		.origin = span_str(from->origin),
		.bit = from->number,
	};
	return true;
}

enum err
rules_make(const struct config_rules *all, struct arena *memory,
    struct rules *r)
{
	struct maker m = { .memory = memory };
	struct rules_rule *rules;

	*r = (struct rules){ 0 };
	if (all == NULL)
		return ERR_OK;
	if (!get(&m, all->n, sizeof *rules, &rules))
		return ERR_NOMEM;
	for (size_t i = 0; i < all->n; i++)
		if (!load_rule(&m, &all->rules[i], &rules[i]))
			return ERR_NOMEM;
	*r = (struct rules){ rules, all->n };
	return ERR_OK;
}
