/*
 * match_print.c - rules as text that reads back as the same rules.
 */
#include "config/match_private.h"

static enum err
add(struct buf *to, const char *text)
{
	return buf_add(to, span_str(text));
}

/* A word whose comma parts nothing stands in quotes. */
static enum err
add_word(struct buf *to, struct span word, bool is_quoted)
{
	enum err e;

	if (!is_quoted || !lexer_is_plain(word))
		return value_print_word(word, to);
	e = buf_addc(to, '"');
	if (e == ERR_OK)
		e = buf_add(to, word);
	return e != ERR_OK ? e : buf_addc(to, '"');
}

static enum err
print_words(const char *const *names, uint32_t values, struct buf *to)
{
	bool is_first = true;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && names[i] != NULL; i++) {
		if ((values >> i & 1) == 0)
			continue;
		if (!is_first)
			e = buf_addc(to, ',');
		is_first = false;
		if (e == ERR_OK)
			e = add(to, names[i]);
	}
	return e;
}

static enum err
print_items(const struct config_condition *c, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < c->n; i++) {
		if (i > 0)
			e = buf_addc(to, ',');
		if (e != ERR_OK)
			return e;
		if (c->networks != NULL)
			e = network_print(&c->networks[i], to);
		/* Only a quoted one stands alone and may look like more. */
		else if (c->n > 1)
			e = buf_add(to, c->items[i]);
		else
			e = add_word(to, c->items[i],
			    span_find(c->items[i], ',') < c->items[i].n ||
			    span_eq(c->items[i], SPAN("file")) ||
			    c->kind == CONFIG_MATCH_USER);
	}
	return e;
}

static enum err
print_value(const struct config_rules *all, const struct config_condition *c,
    struct buf *to)
{
	static const char *const *const tables[CONFIG_MATCH_COUNT] = {
		[CONFIG_MATCH_LISTENER] = match_listeners,
		[CONFIG_MATCH_USER] = match_user_words,
		[CONFIG_MATCH_TLS] = match_tls_words,
	};
	enum err e;

	if (c->kind == CONFIG_MATCH_TAG)
		return add(to, all->tags[c->number]);
	if (c->kind == CONFIG_MATCH_SIZE)
		return buf_addf(to, "%c %llu", c->is_over ? '>' : '<',
		    (unsigned long long)c->size);
	if (c->has_file) {
		e = add(to, "file ");
		return e != ERR_OK ? e : value_print_word(
		    span_str(all->lists[c->number].path), to);
	}
	if (c->name[0] != '\0') {
		e = value_print_word(span_str(c->name), to);
		if (e == ERR_OK)
			e = buf_addc(to, ' ');
		if (e != ERR_OK)
			return e;
	}
	if (c->values == 0)
		return print_items(c, to);
	return print_words(c->kind == CONFIG_MATCH_CHECK ?
	    match_check_words(c->name) : tables[c->kind], c->values, to);
}

static enum err
print_at(const struct config_rule *r, struct buf *to)
{
	bool is_first = true;
	enum err e = r->is_at ? add(to, " at ") : ERR_OK;

	for (unsigned int i = 0; r->is_at && i < CONFIG_STAGE_COUNT; i++) {
		if ((r->stages >> i & 1) == 0)
			continue;
		if (e == ERR_OK && !is_first)
			e = buf_addc(to, ',');
		if (e == ERR_OK)
			e = add(to, config_stage_name((enum config_stage)i));
		is_first = false;
	}
	return e;
}

static enum err
print_action(const struct config_rules *all, const struct config_rule *r,
    struct buf *to)
{
	enum err e = buf_addf(to, " %s", match_actions[r->action].name);

	if (e == ERR_OK && r->action == CONFIG_DO_TAG)
		return buf_addf(to, " %s", all->tags[r->number]);
	if (e == ERR_OK && r->action == CONFIG_DO_ROUTE)
		return buf_addf(to, " %s", all->routes[r->number]);
	if (e == ERR_OK && r->action == CONFIG_DO_COPY)
		e = buf_addc(to, ' ');
	if (e == ERR_OK && r->action == CONFIG_DO_COPY)
		return value_print_word(span_str(all->copies[r->number]), to);
	if (e == ERR_OK && r->code != 0)
		e = buf_addf(to, " code %u %s", r->code, r->status);
	if (e != ERR_OK || r->text[0] == '\0')
		return e;
	e = buf_addc(to, ' ');
	return e != ERR_OK ? e : add_word(to, span_str(r->text),
	    strcmp(r->text, MATCH_CODE) == 0);
}

enum err
config_condition_print(const struct config *c,
    const struct config_condition *k, struct buf *to)
{
	enum err e = buf_addf(to, "%s%s ", k->is_not ? "not " : "",
	    match_conditions[k->kind].name);

	return e != ERR_OK ? e : print_value(c->rules, k, to);
}

const char *
config_from_name(unsigned int from)
{
	return match_listeners[from];
}

enum err
config_match_print(const struct config *c, const struct config_rule *r,
    bool with_origin, struct buf *to)
{
	enum err e = add(to, "match");

	if (e == ERR_OK && with_origin) {
		e = add(to, " origin ");
		if (e == ERR_OK)
			e = value_print_word(span_str(r->origin), to);
	}
	if (e == ERR_OK)
		e = print_at(r, to);
	for (size_t i = 0; e == ERR_OK && i < r->nconditions; i++) {
		e = buf_addc(to, ' ');
		if (e == ERR_OK)
			e = config_condition_print(c, &r->conditions[i], to);
	}
	return e != ERR_OK ? e : print_action(c->rules, r, to);
}

bool
config_match_word(size_t i, const char **name, const char **shape,
    const char **sentence)
{
	static const struct match_word first[] = {
		{ .name = "at", .shape = "STAGE,...", .sentence = "Ask the "
		    "rule at these stages, of connect, helo, mail, rcpt and "
		    "content, instead of the first at which all is known." },
		{ .name = "not", .shape = "CONDITION", .sentence = "The "
		    "opposite of one condition." },
	};
	const struct match_word *w = first + MIN(i, COUNT(first) - 1);

	if (i >= COUNT(first) + CONFIG_MATCH_COUNT + CONFIG_ACTION_COUNT)
		return false;
	if (i >= COUNT(first) + CONFIG_MATCH_COUNT)
		w = &match_actions[i - COUNT(first) - CONFIG_MATCH_COUNT];
	else if (i >= COUNT(first))
		w = &match_conditions[i - COUNT(first)];
	*name = w->name;
	*shape = w->shape;
	*sentence = w->sentence;
	return true;
}
