/*
 * match_read.c - what stands behind each word of a rule.
 */
#include "config/match_private.h"
#include "config/suggest.h"

#define SHOWN	60
#define SHOW(s)	(int)MIN((s).n, (size_t)SHOWN), (const char *)(s).p

#define HEADER_NAME_MAX	64u	/* octets; policy/fields.h */

const char *const match_listeners[] = {
	[CONFIG_FROM_MX] = "mx", [CONFIG_FROM_SUBMISSION] = "submission",
	[CONFIG_FROM_RELAY] = "relay", [CONFIG_FROM_LMTP] = "lmtp",
	[CONFIG_FROM_LOCAL] = "local", NULL
};
const char *const match_user_words[] = {
	[CONFIG_USER_IS_NONE] = "none", [CONFIG_USER_IS_ANY] = "any", NULL
};
const char *const match_tls_words[] = {
	[CONFIG_TLS_IS_NONE] = "none", [CONFIG_TLS_IS_12] = "1.2",
	[CONFIG_TLS_IS_13] = "1.3", NULL
};
/* What a check cannot say has no word: nothing is spelled so. */
#define UNSAID	"-"
static const char *const routes[] = {
	[CONFIG_ROUTE_LOCAL] = "local", [CONFIG_ROUTE_REMOTE] = "remote",
	[CONFIG_ROUTE_UNKNOWN] = "unknown", NULL
}, *const reverses[] = {
	[CONFIG_FOUND_TIMEOUT] = "timeout", [CONFIG_FOUND_LATER] = "later",
	[CONFIG_FOUND_PASS] = "pass", [CONFIG_FOUND_NONE] = "none",
	[CONFIG_FOUND_MISMATCH] = "mismatch", NULL
}, *const of_lists[] = {
	[CONFIG_FOUND_TIMEOUT] = "timeout", [CONFIG_FOUND_LATER] = "later",
	[CONFIG_FOUND_PASS] = UNSAID, [CONFIG_FOUND_NONE] = UNSAID,
	[CONFIG_FOUND_MISMATCH] = UNSAID, [CONFIG_FOUND_LISTED] = "listed",
	[CONFIG_FOUND_CLEAR] = "clear", [CONFIG_FOUND_ODD] = "odd", NULL
};

const char *const *
match_check_words(const char *name)
{
	if (strcmp(name, CONFIG_CHECK_ROUTE) == 0)
		return routes;
	return strcmp(name, CONFIG_CHECK_REVERSE) == 0 ? reverses : of_lists;
}

bool
match_missing(struct match_reader *m, const char *name, const char *shape)
{
	report_error(m->v->report, m->v->end_at,
	    "a value is missing: %s %s", name, shape);
	return false;
}

bool
match_wrong(struct match_reader *m, const struct word *w, const char *is_not)
{
	report_error(m->v->report, w->at, "\"%.*s\" is not %s", SHOW(w->text),
	    is_not);
	return false;
}

bool
match_too_many(struct match_reader *m, const struct word *w, size_t max,
    const char *what)
{
	report_error(m->v->report, w->at, "more than %zu %s", max, what);
	return false;
}

static bool
keep(struct match_reader *m, const void *items, size_t size, const void **kept)
{
	struct span copy;

	if (arena_copy(&m->v->c->memory, span_of(items, size), &copy) !=
	    ERR_OK) {
		m->v->is_out_of_memory = true;
		return false;
	}
	*kept = copy.p;
	return true;
}

static const struct match_word *
word_of(const struct config_condition *c)
{
	return &match_conditions[c->kind];
}

/* --- lists of items --- */

struct items {
	const struct word	*words[CONFIG_ITEMS_MAX];	/* each one's */
	struct span		 items[CONFIG_ITEMS_MAX];
	size_t			 n;
};

static bool
add_item(struct match_reader *m, struct items *l, const struct word *w,
    struct span item)
{
	if (item.n == 0)
		return match_wrong(m, w, "a list: something is missing at "
		    "a comma");
	if (l->n == CONFIG_ITEMS_MAX)
		return match_too_many(m, w, CONFIG_ITEMS_MAX, "of a condition; "
		    "put them into a file");
	l->words[l->n] = w;
	l->items[l->n++] = item;
	return true;
}

/*
 * Items with commas between them, over as many words as end in one; a quoted
 * word is one item.
 */
static bool
read_items(struct match_reader *m, const struct match_word *word,
    struct items *l)
{
	bool goes_on;

	l->n = 0;
	do {
		const struct word *w = value_next(m->v);
		struct span rest;

		if (w == NULL)
			return match_missing(m, word->name, word->shape);
		if (w->is_quoted)
			return add_item(m, l, w, w->text);
		rest = w->text;
		do {
			struct span item = span_take(&rest,
			    span_find(rest, ','));

			if (!add_item(m, l, w, item))
				return false;
			goes_on = rest.n == 1;
			rest = span_skip(rest, MIN((size_t)1, rest.n));
		} while (rest.n > 0);
	} while (goes_on);
	return true;
}

static bool
is_next(const struct match_reader *m, const char *text)
{
	const struct value_reader *v = m->v;

	return v->i < v->n && !v->words[v->i].is_quoted &&
	    span_eq(v->words[v->i].text, span_str(text));
}

/* `file FILE`: numbered, the same file of the same kind once. */
static bool
read_file(struct match_reader *m, struct config_condition *c)
{
	static const struct schema_row row = { .name = "file",
		.type = &value_path };
	struct config_rules *all = m->all;
	const struct word *w = value_next(m->v);
	const char *path = "";
	size_t i = 0;

	if (!value_path.read(m->v, &row, &path))
		return false;
	while (i < all->nlists && (all->lists[i].kind != c->kind ||
	    strcmp(all->lists[i].path, path) != 0))
		i++;
	if (i == CONFIG_SET_MAX)
		return match_too_many(m, w, CONFIG_SET_MAX, "files of rules");
	if (i == all->nlists)
		all->lists[all->nlists++] =
		    (struct config_list){ c->kind, path, w->at.file,
			w->at.line };
	c->has_file = true;
	c->number = (uint8_t)i;
	return true;
}

/*
 * DNS has A-labels, and only a whole label has one: with a star in it, it would
 * silently never hold.
 */
static bool
is_half_label(struct span label)
{
	bool has_star = span_find(label, '*') < label.n ||
	    span_find(label, '?') < label.n, is_ascii = true;

	for (size_t i = 0; i < label.n; i++)
		is_ascii = is_ascii && label.p[i] < 128;
	return has_star && !is_ascii;
}

static bool
has_half_label(const struct config_condition *c, struct span item)
{
	struct span at = SPAN("@"), name = item;
	bool has_domain = c->kind == CONFIG_MATCH_HELO;
	size_t i;

	while (c->kind != CONFIG_MATCH_HELO &&
	    (i = span_find_span(name, at)) < name.n) {
		name = span_skip(name, i + at.n);
		has_domain = true;
	}
	while (has_domain && name.n > 0) {
		if (is_half_label(span_take(&name, span_find(name, '.'))))
			return true;
		name = span_skip(name, MIN((size_t)1, name.n));
	}
	return false;
}

static bool
check_labels(struct match_reader *m, const struct config_condition *c,
    const struct items *l)
{
	bool has_domains = c->kind == CONFIG_MATCH_HELO ||
	    c->kind == CONFIG_MATCH_SENDER || c->kind == CONFIG_MATCH_RECIPIENT;

	for (size_t i = 0; has_domains && i < l->n; i++)
		if (has_half_label(c, l->items[i]))
			return match_wrong(m, l->words[i], "a pattern: * and ? "
			    "cannot stand in a label beyond ASCII");
	return true;
}

static bool
read_patterns(struct match_reader *m, struct config_condition *c)
{
	struct items l;
	const void *kept;

	if (!read_items(m, word_of(c), &l) || !check_labels(m, c, &l))
		return false;
	/* The file's text does not outlive the reading. */
	for (size_t i = 0; i < l.n; i++) {
		if (!keep(m, l.items[i].p, l.items[i].n, &kept))
			return false;
		l.items[i].p = kept;
	}
	if (!keep(m, l.items, l.n * sizeof l.items[0], &kept))
		return false;
	c->items = kept;
	c->n = l.n;
	return true;
}

static bool
read_names(struct match_reader *m, struct config_condition *c)
{
	return is_next(m, "file") ? read_file(m, c) : read_patterns(m, c);
}

/* --- words out of a table --- */

static bool
number_of(const char *const *names, struct span word, uint32_t *n)
{
	for (*n = 0; names[*n] != NULL; ++*n)
		if (span_eq(word, span_str(names[*n])))
			return !span_eq(word, SPAN(UNSAID));
	return false;
}

static bool
unknown(struct match_reader *m, const struct word *w, struct span item,
    const char *const *names, const char *what, const char *shape)
{
	size_t best = SIZE_MAX, nearest = 0;

	for (size_t i = 0; names[i] != NULL; i++) {
		size_t d = strcmp(names[i], UNSAID) == 0 ? SIZE_MAX :
		    suggest_distance(item, span_str(names[i]));

		if (d < best) {
			best = d;
			nearest = i;
		}
	}
	if (suggest_is_near(item, best))
		report_error(m->v->report, w->at,
		    "\"%.*s\" is not known here, did you mean \"%s\"?",
		    SHOW(item), names[nearest]);
	else
		report_error(m->v->report, w->at,
		    "\"%.*s\" is not known here; %s takes %s", SHOW(item),
		    what, shape);
	return false;
}

static bool
read_values(struct match_reader *m, struct config_condition *c,
    const char *const *names, const char *shape)
{
	const struct match_word *word = word_of(c);
	struct items l;
	uint32_t n;

	if (!read_items(m, word, &l))
		return false;
	for (size_t i = 0; i < l.n; i++) {
		if (!number_of(names, l.items[i], &n))
			return unknown(m, l.words[i], l.items[i], names,
			    word->name, shape);
		c->values |= 1u << n;
	}
	return true;
}

static bool
read_listener(struct match_reader *m, struct config_condition *c)
{
	return read_values(m, c, match_listeners, word_of(c)->shape);
}

static bool
read_tls(struct match_reader *m, struct config_condition *c)
{
	if (!is_next(m, "any"))
		return read_values(m, c, match_tls_words, word_of(c)->shape);
	(void)value_next(m->v);
	c->values = 1u << CONFIG_TLS_IS_12 | 1u << CONFIG_TLS_IS_13;
	return true;
}

static bool
read_user(struct match_reader *m, struct config_condition *c)
{
	for (uint32_t i = 0; match_user_words[i] != NULL; i++) {
		if (!is_next(m, match_user_words[i]))
			continue;
		(void)value_next(m->v);
		c->values = 1u << i;
		return true;
	}
	return read_names(m, c);
}

/* Whether that check is made is known when all is read: match_finish(). */
static bool
read_check(struct match_reader *m, struct config_condition *c)
{
	const struct word *w = value_next(m->v);
	const char *const *words;

	if (w == NULL)
		return match_missing(m, "check", word_of(c)->shape);
	c->name = value_keep(m->v, w->text, true);
	if (c->name == NULL)
		return false;
	words = match_check_words(c->name);
	if (words == routes && m->earliest < CONFIG_AT_RCPT) {
		m->earliest = CONFIG_AT_RCPT;
		m->because = "check route";
	}
	return read_values(m, c, words, words == routes ?
	    "local, remote or unknown" : words == reverses ?
	    "pass, none, mismatch, later or timeout" :
	    "listed, clear, odd, later or timeout");
}

/* --- conditions of their own kind --- */

static bool
read_client(struct match_reader *m, struct config_condition *c)
{
	struct network nets[CONFIG_ITEMS_MAX];
	struct items l;
	const void *kept;

	if (is_next(m, "file"))
		return read_file(m, c);
	if (!read_items(m, word_of(c), &l))
		return false;
	memset(nets, 0, sizeof nets);
	for (size_t i = 0; i < l.n; i++)
		if (network_parse(l.items[i], &nets[i]) != ERR_OK)
			return match_wrong(m, l.words[i], "a network such as "
			    "192.0.2.0/24 or 2001:db8::/32 (with no bit set "
			    "behind its prefix)");
	if (!keep(m, nets, l.n * sizeof nets[0], &kept))
		return false;
	c->networks = kept;
	c->n = l.n;
	return true;
}

static bool
read_size(struct match_reader *m, struct config_condition *c)
{
	static const struct schema_row row = { .name = "size",
		.type = &value_octets, .max = UINT64_C(1) << 40 };
	const struct word *w = value_next(m->v);

	if (w == NULL)
		return match_missing(m, "size", word_of(c)->shape);
	c->is_over = span_eq(w->text, SPAN(">"));
	if (!c->is_over && !span_eq(w->text, SPAN("<")))
		return match_wrong(m, w, "> or <, and a size behind it");
	return value_octets.read(m->v, &row, &c->size);
}

/* RFC 5322 3.6.8: printable, no colon. */
static bool
is_field_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return false;
	return name.n > 0 && name.n <= HEADER_NAME_MAX;
}

static bool
read_header(struct match_reader *m, struct config_condition *c)
{
	const struct word *w = value_next(m->v);

	if (w == NULL)
		return match_missing(m, "header", word_of(c)->shape);
	if (!is_field_name(w->text))
		return match_wrong(m, w, "the name of a header field");
	if (m->all->nheaders == CONFIG_SET_MAX)
		return match_too_many(m, w, CONFIG_SET_MAX, "header conditions");
	c->number = (uint8_t)m->all->nheaders++;
	c->name = value_keep(m->v, w->text, true);
	return c->name != NULL && read_patterns(m, c);
}

size_t
match_tag_number(const struct config_rules *all, struct span name)
{
	size_t i = 0;

	while (i < all->ntags && !span_eq(span_str(all->tags[i]), name))
		i++;
	return i;
}

const struct word *
match_next_tag(struct match_reader *m)
{
	const struct word *w = value_next(m->v);

	if (w == NULL)
		(void)match_missing(m, "tag", "NAME");
	else if (!value_is_name(w->text))
		(void)match_wrong(m, w, "a tag: at most 32 of a-z, 0-9 and -");
	else
		return w;
	return NULL;
}

static bool
read_tag(struct match_reader *m, struct config_condition *c)
{
	const struct word *w = match_next_tag(m);
	size_t i;

	if (w == NULL)
		return false;
	i = match_tag_number(m->all, w->text);
	if (i == m->all->ntags) {
		report_error(m->v->report, w->at,
		    "no rule above this one sets the tag %.*s",
		    SHOW(w->text));
		return false;
	}
	c->number = (uint8_t)i;
	if (m->all->tag_stages[i] > m->earliest) {
		m->earliest = m->all->tag_stages[i];
		m->because = "that tag";
	}
	return true;
}

/* --- the words --- */

const struct match_word match_conditions[CONFIG_MATCH_COUNT] = {
	[CONFIG_MATCH_LISTENER] = { "listener", "mx | submission | relay | "
	    "lmtp | local", "Which listener the client came to; local is the "
	    "submission socket.", CONFIG_AT_CONNECT, read_listener },
	[CONFIG_MATCH_CLIENT] = { "client", "NETWORK,... | file FILE",
	    "The client's address. It holds for no program that uses the "
	    "submission socket, and neither does its negation.",
	    CONFIG_AT_CONNECT, read_client },
	[CONFIG_MATCH_HELO] = { "helo", "NAME,... | file FILE",
	    "The name that it said in HELO or EHLO; .example.org is any name "
	    "below example.org.", CONFIG_AT_HELO, read_names },
	[CONFIG_MATCH_SENDER] = { "sender", "ADDRESS,... | file FILE",
	    "The reverse-path: an address, @example.org for a domain, "
	    "@.example.org for what is below it, <> for the null one.",
	    CONFIG_AT_MAIL, read_names },
	[CONFIG_MATCH_RECIPIENT] = { "recipient", "ADDRESS,... | file FILE",
	    "The recipient, in the same forms; at content: one of them.",
	    CONFIG_AT_RCPT, read_names },
	[CONFIG_MATCH_USER] = { "user", "any | none | NAME,... | file FILE",
	    "Who has authenticated.", CONFIG_AT_MAIL, read_user },
	[CONFIG_MATCH_TLS] = { "tls", "any | none | 1.2 | 1.3",
	    "The version of TLS that is in use.", CONFIG_AT_MAIL, read_tls },
	[CONFIG_MATCH_SIZE] = { "size", "> SIZE | < SIZE",
	    "How large the content is.", CONFIG_AT_CONTENT, read_size },
	[CONFIG_MATCH_HEADER] = { "header", "NAME PATTERN,...",
	    "A field of the header, unfolded and with its encoded words (RFC "
	    "2047) in UTF-8; its first 2048 octets.", CONFIG_AT_CONTENT, read_header },
	[CONFIG_MATCH_CHECK] = { "check", "NAME RESULT,...",
	    "What a check has found. Of reverse-dns: pass, none, mismatch, "
	    "later or timeout. Of a domain under dns-list: listed, clear, odd, "
	    "later or timeout. Of route, where the recipient's mail goes: "
	    "local, remote, or unknown when there is no such mailbox "
	    "or the domain takes no mail. For a "
	    "client that is not checked it does not hold, and neither does its "
	    "negation.", CONFIG_AT_CONNECT, read_check },
	[CONFIG_MATCH_TAG] = { "tag", "NAME",
	    "A rule above has set it, for this session or message; known from "
	    "the first stage at which one does.",
	    CONFIG_AT_CONNECT, read_tag },
};
