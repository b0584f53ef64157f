/*
 * value_dns.c - DNS block and allow lists: NAME [weight N] [reply A/PREFIX],
 * and commas between them.
 */
#include "config/value.h"

#define SHOWN	60
#define SHOW(s)	(int)MIN((s).n, (size_t)SHOWN), (const char *)(s).p

#define ZONE_MAX	189u	/* octets: 64 stand before it for IPv6 */
#define WEIGHT_MAX	1000
#define WEIGHT_DEFAULT	10	/* enough to refuse (policy/check.h) */

static const struct network any_reply = { { 4, { 127 } }, 8 };

/* Pieces of words, cut at commas. */
struct pieces {
	const struct word	*word;
	struct span		 rest;
	bool			 is_item_over;	/* a comma stood behind it */
};

static bool
next_piece(struct value_reader *v, struct pieces *p, struct span *piece)
{
	if (p->rest.n == 0) {
		const struct word *w = value_next(v);

		if (w == NULL)
			return false;
		p->word = w;
		p->rest = w->text;
	}
	*piece = span_take(&p->rest, span_find(p->rest, ','));
	p->is_item_over = p->rest.n > 0;
	p->rest = span_skip(p->rest, 1);
	return true;
}

static bool
wrong(struct value_reader *v, const struct pieces *p, struct span text,
    const char *is_not)
{
	report_error(v->report, p->word->at, "\"%.*s\" is not %s", SHOW(text),
	    is_not);
	return false;
}

static bool
read_weight(struct span text, struct config_dns_list *list)
{
	bool is_negative = text.n > 0 && text.p[0] == '-';
	uint64_t n;

	if (span_u64(is_negative ? span_skip(text, 1) : text, WEIGHT_MAX,
	    &n) != ERR_OK)
		return false;
	list->weight = is_negative ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool
read_reply(struct span text, struct config_dns_list *list)
{
	return network_parse(text, &list->reply) == ERR_OK &&
	    list->reply.base.n == 4;
}

static const struct {
	const char	*word;
	bool		(*read)(struct span text, struct config_dns_list *list);
	const char	*is_not;
} options[] = {
	{ "weight", read_weight, "a weight from -1000 to 1000" },
	{ "reply", read_reply,
	    "a network of replies such as 127.0.0.2 or 127.0.0.0/24" },
};

static bool
read_option(struct value_reader *v, struct pieces *p, struct span word,
    struct config_dns_list *list)
{
	struct span text;

	for (size_t i = 0; i < COUNT(options); i++) {
		if (!span_eq(word, span_str(options[i].word)))
			continue;
		if (p->is_item_over || !next_piece(v, p, &text)) {
			report_error(v->report, v->end_at,
			    "a value is missing: %s", options[i].word);
			return false;
		}
		return options[i].read(text, list) ||
		    wrong(v, p, text, options[i].is_not);
	}
	return wrong(v, p, word, "\"weight\", \"reply\" or a comma");
}

static bool
read_item(struct value_reader *v, struct pieces *p, struct span zone,
    struct config_dns_list *list)
{
	struct span word;

	if (!value_is_host_name(zone) || zone.n > ZONE_MAX)
		return wrong(v, p, zone, "a list's domain of at most 189 "
		    "octets");
	*list = (struct config_dns_list){
		.zone = value_keep(v, zone, true),
		.weight = WEIGHT_DEFAULT,
		.reply = any_reply,
	};
	while (!p->is_item_over && next_piece(v, p, &word))
		if (!read_option(v, p, word, list))
			return false;
	return list->zone != NULL;
}

static bool
is_there(const struct config_dns_list *lists, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(lists[i].zone, lists[n].zone) == 0)
			return true;
	return false;
}

static bool
read_dns_lists(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	struct config_dns_list lists[CONFIG_DNS_LISTS_MAX];
	struct pieces p = { .is_item_over = true };
	struct config *c = field;
	struct span zone, copy;
	size_t n = 0;

	while (p.is_item_over && next_piece(v, &p, &zone)) {
		if (n == CONFIG_DNS_LISTS_MAX)
			return wrong(v, &p, zone, "possible: more than 16 "
			    "lists");
		if (!read_item(v, &p, zone, &lists[n]))
			return false;
		if (is_there(lists, n))
			return wrong(v, &p, zone, "new: it was there before");
		n++;
	}
	if (n == 0 || p.is_item_over) {
		report_error(v->report, v->end_at,
		    "a value is missing: %s %s", row->name, row->type->shape);
		return false;
	}
	copy = span_of(lists, n * sizeof lists[0]);
	if (arena_copy(&c->memory, copy, &copy) != ERR_OK) {
		v->is_out_of_memory = true;
		return false;
	}
	c->dns_lists = (const struct config_dns_list *)(const void *)copy.p;
	c->ndns_lists = n;
	return true;
}

static enum err
print_dns_lists(const struct schema_row *row, const void *field,
    struct buf *to)
{
	const struct config *c = field;
	enum err e = ERR_OK;

	(void)row;
	for (size_t i = 0; e == ERR_OK && i < c->ndns_lists; i++) {
		const struct config_dns_list *l = &c->dns_lists[i];

		e = buf_addf(to, "%s%s weight %lld reply ",
		    i > 0 ? ", " : "", l->zone, (long long)l->weight);
		if (e == ERR_OK)
			e = network_print(&l->reply, to);
	}
	return e;
}
const struct value_type value_dns_lists = {
	"NAME weight N reply ADDRESS/PREFIX ...", read_dns_lists,
	print_dns_lists
};
