/*
 * manual.c - posthorse.conf(5), from the same rows as the parser.
 */
#include "config/match.h"
#include "config/value.h"

static const char head[] =
    ".\\\" Made from src/config/schema.c.\n"
    ".Dd November 23, 2026\n"
    ".Dt POSTHORSE.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm posthorse.conf\n"
    ".Nd configuration of the Posthorse mail server\n"
    ".Sh DESCRIPTION\n"
    "One statement stands on one line and is made of words.\n"
    "A word that holds spaces, or that begins with a number sign, is put in\n"
    "double quotes; inside them a backslash stands before a quote or a\n"
    "backslash.\n"
    "A word that ends in a comma goes on in the next one, also on the next\n"
    "line.\n"
    "A number sign at the start of a word begins a comment.\n"
    "A block stands between the words\n"
    ".Ql {\n"
    "and\n"
    ".Ql } .\n"
    "A relative path starts at the folder of the file that names it.\n"
    ".Pp\n"
    "A\n"
    ".Ar SIZE\n"
    "is a number of octets, with k, M or G for powers of 1024.\n"
    "A\n"
    ".Ar DURATION\n"
    "is a number of seconds, or has s, m, h or d behind it.\n"
    "A\n"
    ".Ar NETWORK\n"
    "is an address, or one with a slash and the length of its prefix;\n"
    "an IPv4-mapped IPv6 address is its IPv4 address.\n"
    ".Pp\n"
    "An empty file is a whole configuration: it opens no port and has no\n"
    "domain.\n"
    ".Xr posthorse-check 1\n"
    "reads a file and tells all its errors,\n"
    ".Xr posthorse-print 1\n"
    "shows each value and where it comes from.\n"
    ".Sh STATEMENTS\n";

static const char tail[] =
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa /etc/posthorse/posthorse.conf\n"
    "The configuration.\n"
    ".It Pa /var/spool/posthorse\n"
    "The mail that is on its way.\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "Programs on this host send through another server:\n"
    ".Bd -literal -offset indent\n"
    "relay via smtps://user@smtp.example.net password-file secret\n"
    ".Ed\n"
    ".Pp\n"
    "A mail domain of one's own:\n"
    ".Bd -literal -offset indent\n"
    "hostname mx.example.org\n"
    "tls certificate /etc/ssl/mx.pem key /etc/ssl/mx.key\n"
    "listen mx\n"
    "listen submission\n"
    "domain example.org {\n"
    "\tusers   file users\n"
    "\tdeliver maildir /var/mail/{domain}/{user}\n"
    "}\n"
    ".Ed\n"
    ".Pp\n"
    "Programs of a network may send anywhere:\n"
    ".Bd -literal -offset indent\n"
    "listen relay on 192.0.2.1:25 from 192.0.2.0/24\n"
    ".Ed\n";

static const char end[] =
    ".Sh SEE ALSO\n"
    ".Xr posthorse 1 ,\n"
    ".Xr posthorse-check 1 ,\n"
    ".Xr posthorse-print 1 ,\n"
    ".Xr posthorse-user 1\n";

/* Octets of a line after which a new one is begun. */
#define LINE_ENOUGH	60

struct page {
	struct buf	*to;
	enum err	 error;
};

static void
put(struct page *p, const char *s)
{
	if (p->error == ERR_OK)
		p->error = buf_add(p->to, span_str(s));
}

/*
 * Words, a new line behind each sentence (the formatter sees its end there)
 * and before a line grows long.
 */
static void
put_sentences(struct page *p, const char *s)
{
	struct span rest = span_str(s);
	size_t column = 0;

	while (rest.n > 0 && p->error == ERR_OK) {
		struct span word = span_take(&rest, span_find(rest, ' '));
		bool is_end = word.p[word.n - 1] == '.' ||
		    column + word.n > LINE_ENOUGH || rest.n == 0;

		column = is_end ? 0 : column + word.n + 1;
		p->error = buf_addf(p->to, "%.*s%c", SPAN_FMT(word),
		    is_end ? '\n' : ' ');
		rest = span_skip(rest, MIN((size_t)1, rest.n));
	}
}

/* What is to be typed in bold, what stands for something underlined. */
static void
put_shape(struct page *p, const char *shape)
{
	struct span rest = span_str(shape);

	while (rest.n > 0 && p->error == ERR_OK) {
		struct span word = span_take(&rest, span_find(rest, ' '));
		bool is_bar = span_eq(word, SPAN("|"));
		bool is_lower = word.n > 0 &&
		    (ascii_lower(word.p[0]) == word.p[0]);

		p->error = buf_addf(p->to, is_bar ? " %.*s" :
		    is_lower ? " Cm %.*s" : " Ar %.*s", SPAN_FMT(word));
		if (rest.n > 0)
			rest = span_skip(rest, 1);
	}
}

static enum err
print_bound(const struct schema_row *row, uint64_t bound, struct page *p)
{
	return row->type->print(row, &bound, p->to);
}

static void
put_bounds(struct page *p, const struct schema_row *row)
{
	if (row->fallback != NULL) {
		put(p, "Default:\n.Cm ");
		put(p, row->fallback);
		put(p, row->max > 0 ? " ;\n" : " .\n");
	}
	if (row->max == 0)
		return;
	put(p, row->fallback != NULL ? "from " : "From ");
	if (p->error == ERR_OK)
		p->error = print_bound(row, row->min, p);
	put(p, " to ");
	if (p->error == ERR_OK)
		p->error = print_bound(row, row->max, p);
	put(p, ".\n");
}

static void
put_row(struct page *p, const struct schema_row *row, const char *name)
{
	put(p, ".It");
	if (name[0] != '\0') {
		put(p, " Cm ");
		put(p, name);
	}
	put_shape(p, row->type->shape);
	put(p, "\n");
	put_sentences(p, row->sentence);
	put_bounds(p, row);
}

static void
put_scope(struct page *p, enum schema_scope scope)
{
	size_t n;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	put(p, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++)
		put_row(p, &rows[i], rows[i].name);
	put(p, ".El\n");
}

/* ` listen mx | submission | relay on ADDRESS ...` */
static void
put_object(struct page *p, const struct schema_row *row)
{
	const struct schema_object *o = &schema_objects[row->opens];

	put(p, ".It Cm ");
	put(p, row->name);
	put(p, o->is_block ? " Ar NAME Cm {\\ ...\\ }\n" : " Ar OPTIONS\n");
	put_sentences(p, row->sentence);
	put_scope(p, row->opens);
}

/* `match`, and each word that may stand behind it. */
static void
put_rules(struct page *p, const struct schema_row *row)
{
	struct value_type type = { 0 };
	struct schema_row word = { .type = &type };

	put_row(p, row, row->name);
	put(p, ".Bl -tag -width Ds\n");
	for (size_t i = 0; config_match_word(i, &word.name, &type.shape,
	    &word.sentence); i++)
		put_row(p, &word, word.name);
	put(p, ".El\n");
}

enum err
config_manual(struct buf *to)
{
	struct page p = { .to = to };
	size_t n;
	const struct schema_row *rows = schema_scope_rows(SCOPE_TOP, &n);

	put(&p, head);
	put(&p, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++) {
		if (rows[i].opens != SCOPE_TOP)
			put_object(&p, &rows[i]);
		else if (rows[i].type == &value_match)
			put_rules(&p, &rows[i]);
		else
			put_row(&p, &rows[i], rows[i].name);
	}
	put(&p, ".El\n");
	put(&p, tail);
	put(&p, ".Ss Rules\n");
	put(&p, config_manual_rules);
	put(&p, end);
	return p.error;
}
