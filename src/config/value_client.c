/*
 * value_client.c - which clients are known by their certificates.
 */
#include "config/value.h"

#define SHOW(s)	(int)MIN((s).n, (size_t)80), (const char *)(s).p

static const char *const demands[] = {
	[CONFIG_CLIENT_OPTIONAL] = "optional",
	[CONFIG_CLIENT_REQUIRED] = "required",
};

/* As openssl prints it: pairs of digits, with colons between them or not. */
static bool
parse_print(struct span text, uint8_t print[CONFIG_PRINT_OCTETS])
{
	bool has_colons = span_find(text, ':') < text.n;

	for (size_t i = 0; i < CONFIG_PRINT_OCTETS; i++) {
		int high = text.n < 2 ? -1 : ascii_hex(text.p[0]);
		int low = text.n < 2 ? -1 : ascii_hex(text.p[1]);

		if (high < 0 || low < 0)
			return false;
		print[i] = (uint8_t)(high << 4 | low);
		text = span_skip(text, 2);
		if (!has_colons || i + 1 == CONFIG_PRINT_OCTETS)
			continue;
		if (text.n == 0 || text.p[0] != ':')
			return false;
		text = span_skip(text, 1);
	}
	return text.n == 0;
}

static bool
wrong(struct value_reader *v, const struct word *w, const char *is_not)
{
	report_error(v->report, w->at, "\"%.*s\" is not %s", SHOW(w->text),
	    is_not);
	return false;
}

static bool
missing(struct value_reader *v, const struct schema_row *row)
{
	report_error(v->report, v->end_at, "a value is missing: %s %s",
	    row->name, row->type->shape);
	return false;
}

/* One word, or several that end in commas. */
static bool
read_prints(struct value_reader *v, const struct schema_row *row,
    struct config_client *c)
{
	uint8_t prints[CONFIG_PRINTS_MAX][CONFIG_PRINT_OCTETS];
	bool goes_on = true;
	size_t n = 0;
	struct span kept;

	while (goes_on) {
		const struct word *w = value_next(v);
		struct span rest;

		if (w == NULL)
			return missing(v, row);
		rest = w->text;
		goes_on = rest.n > 0 && rest.p[rest.n - 1] == ',';
		while (rest.n > 0) {
			struct span one = span_take(&rest,
			    span_find(rest, ','));

			rest = span_skip(rest, 1);
			if (n == CONFIG_PRINTS_MAX || !parse_print(one,
			    prints[n++]))
				return wrong(v, w, "a fingerprint: SHA-256, "
				    "64 hexadecimal digits (at most 32 of "
				    "them)");
		}
	}
	if (arena_copy(&v->c->memory, span_of(prints, n * sizeof prints[0]),
	    &kept) != ERR_OK) {
		v->is_out_of_memory = true;
		return false;
	}
	c->prints = (const void *)kept.p;
	c->nprints = n;
	return true;
}

/* True: the next word is this one, and it is used up. */
static bool
take_word(struct value_reader *v, const char *word)
{
	if (v->i == v->n || v->words[v->i].is_quoted ||
	    !span_eq(v->words[v->i].text, span_str(word)))
		return false;
	v->i++;
	return true;
}

static bool
read_client(struct value_reader *v, const struct schema_row *row, void *field)
{
	struct config_client read = { .ca_file = "" };
	const struct word *w = value_next(v);

	if (w == NULL)
		return missing(v, row);
	for (size_t i = CONFIG_CLIENT_OPTIONAL; i < COUNT(demands); i++)
		if (span_eq(w->text, span_str(demands[i])))
			read.demand = (enum config_client_demand)i;
	if (read.demand == CONFIG_CLIENT_NONE)
		return wrong(v, w, "optional or required");
	if (take_word(v, "ca") && !value_path.read(v, row, &read.ca_file))
		return false;
	if (take_word(v, "fingerprint") && !read_prints(v, row, &read))
		return false;
	if (read.ca_file[0] == '\0' && read.nprints == 0) {
		report_error(v->report, w->at, "whose certificates? say "
		    "\"ca FILE\" or \"fingerprint SHA256,...\"");
		return false;
	}
	*(struct config_client *)field = read;
	return true;
}

static enum err
print_client(const struct schema_row *row, const void *field, struct buf *to)
{
	const struct config_client *c = field;
	enum err e;

	(void)row;
	if (c->demand == CONFIG_CLIENT_NONE)
		return ERR_OK;
	e = buf_add(to, span_str(demands[c->demand]));
	if (e == ERR_OK && c->ca_file[0] != '\0') {
		e = buf_add(to, SPAN(" ca "));
		if (e == ERR_OK)
			e = value_print_word(span_str(c->ca_file), to);
	}
	for (size_t i = 0; e == ERR_OK && i < c->nprints; i++) {
		e = buf_add(to, i == 0 ? SPAN(" fingerprint ") : SPAN(", "));
		for (size_t k = 0; e == ERR_OK && k < sizeof c->prints[i]; k++)
			e = buf_addf(to, "%02x", c->prints[i][k]);
	}
	return e;
}
const struct value_type value_client = {
	"optional | required ca FILE fingerprint SHA256 ...", read_client,
	print_client
};
