/*
 * value_net.c - values that are addresses: where to listen, whom to trust,
 * whom to ask, where to send.
 */
#include "config/match.h"
#include "config/value.h"

#define SHOWN	60
#define SHOW(s)	(int)MIN((s).n, (size_t)SHOWN), (const char *)(s).p

static bool
wrong(struct value_reader *v, struct place at, struct span text,
    const char *is_not)
{
	report_error(v->report, at, "\"%.*s\" is not %s", SHOW(text), is_not);
	return false;
}

static bool
missing(struct value_reader *v, const struct schema_row *row)
{
	report_error(v->report, v->end_at, "a value is missing: %s %s",
	    row->name, row->type->shape);
	return false;
}

/* Items with commas between them, over as many words as end in one. */
struct list {
	const struct word	*word;
	struct span		 rest;
	bool			 goes_on;
};

static bool
list_next(struct value_reader *v, struct list *l, struct span *item)
{
	if (l->rest.n == 0) {
		if (l->word != NULL && !l->goes_on)
			return false;
		l->word = value_next(v);
		if (l->word == NULL)
			return false;
		l->rest = l->word->text;
	}
	*item = span_take(&l->rest, span_find(l->rest, ','));
	l->goes_on = l->rest.n > 0;
	if (l->goes_on)
		l->rest = span_skip(l->rest, 1);
	return true;
}

/* A comma with nothing behind it promised more. */
static bool
list_is_whole(struct value_reader *v, const struct list *l,
    const struct schema_row *row)
{
	return l->word != NULL && !l->goes_on ? true : missing(v, row);
}

static bool
keep(struct value_reader *v, const void *items, size_t size, const void **kept)
{
	struct span copy;

	if (arena_copy(&v->c->memory, span_of(items, size), &copy) != ERR_OK) {
		v->is_out_of_memory = true;
		return false;
	}
	*kept = copy.p;
	return true;
}

static bool
read_networks(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	struct networks *networks = field;
	struct network nets[CONFIG_NETWORKS_MAX];
	struct list l = { 0 };
	struct span item;
	const void *kept;
	size_t n = 0;

	while (list_next(v, &l, &item)) {
		if (n == CONFIG_NETWORKS_MAX) {
			report_error(v->report, l.word->at,
			    "more than %u networks", CONFIG_NETWORKS_MAX);
			return false;
		}
		if (network_parse(item, &nets[n]) != ERR_OK)
			return wrong(v, l.word->at, item, "a network such as "
			    "192.0.2.0/24 or 2001:db8::/32 (with no bit set "
			    "behind its prefix)");
		n++;
	}
	if (!list_is_whole(v, &l, row) ||
	    !keep(v, nets, n * sizeof nets[0], &kept))
		return false;
	networks->list = kept;
	networks->n = n;
	return true;
}

static enum err
print_networks(const struct schema_row *row, const void *field,
    struct buf *to)
{
	const struct networks *networks = field;
	enum err e = ERR_OK;

	(void)row;
	for (size_t i = 0; e == ERR_OK && i < networks->n; i++) {
		if (i > 0)
			e = buf_addc(to, ',');
		if (e == ERR_OK)
			e = network_print(&networks->list[i], to);
	}
	return e;
}
const struct value_type value_networks = {
	"NETWORK,...", read_networks, print_networks
};

static bool
read_port(struct span text, uint16_t *port)
{
	uint64_t number;

	if (span_u64(text, UINT16_MAX, &number) != ERR_OK || number == 0)
		return false;
	*port = (uint16_t)number;
	return true;
}

/* "[v6]" or "v4" or "*" in front of the last colon; or any bare address. */
static bool
split_address(struct span text, struct span *host, struct span *port)
{
	size_t colon = span_rfind(text, ':');

	*port = (struct span){ 0 };
	*host = text;
	if (text.n > 0 && text.p[0] == '[') {
		size_t close = span_find(text, ']');

		if (close == text.n)
			return false;
		*host = span_of(text.p + 1, close - 1);
		*port = span_skip(text, close + 1);
		if (port->n > 0 && port->p[0] != ':')
			return false;
	} else if (colon < text.n && span_find(text, ':') == colon) {
		*port = span_skip(text, colon);
		host->n = colon;
	}
	if (port->n == 1)
		return false;
	if (port->n > 0)
		*port = span_skip(*port, 1);
	return true;
}

static bool
read_listen_on(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	struct config_listen *listen = field;
	const struct word *w = value_next(v);
	struct span host, port;

	if (w == NULL)
		return missing(v, row);
	if (!split_address(w->text, &host, &port) ||
	    (port.n > 0 && !read_port(port, &listen->port)) ||
	    (!span_eq(host, SPAN("*")) &&
	    address_parse(host, &listen->address) != ERR_OK))
		return wrong(v, w->at, w->text, "an address and port such as "
		    "192.0.2.1:25, [2001:db8::1]:25 or *:25");
	return true;
}

static enum err
print_address_port(const struct address *a, char mark, uint16_t port,
    struct buf *to)
{
	enum err e = ERR_OK;

	if (a->n == 16 && mark == ':')
		e = buf_addc(to, '[');
	if (e == ERR_OK)
		e = address_print(a, to);
	if (e == ERR_OK && a->n == 16 && mark == ':')
		e = buf_addc(to, ']');
	return e != ERR_OK ? e : buf_addf(to, "%c%u", mark, port);
}

static enum err
print_listen_on(const struct schema_row *row, const void *field,
    struct buf *to)
{
	const struct config_listen *listen = field;

	(void)row;
	return print_address_port(&listen->address, ':', listen->port, to);
}
const struct value_type value_listen_on = {
	"ADDRESS[:PORT]", read_listen_on, print_listen_on
};

static bool
parse_server(struct span text, struct config_server *s)
{
	size_t mark = span_find(text, '@');

	s->port = 53;
	if (mark < text.n && !read_port(span_skip(text, mark + 1), &s->port))
		return false;
	text.n = mark;
	return address_parse(text, &s->address) == ERR_OK;
}

static bool
read_servers(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	struct config *c = field;
	struct config_server servers[CONFIG_RESOLVERS_MAX];
	struct list l = { 0 };
	struct span item, copy;
	size_t n = 0;

	memset(servers, 0, sizeof servers);
	while (list_next(v, &l, &item)) {
		if (n == CONFIG_RESOLVERS_MAX) {
			report_error(v->report, l.word->at,
			    "more than %u resolvers", CONFIG_RESOLVERS_MAX);
			return false;
		}
		if (!parse_server(item, &servers[n++]))
			return wrong(v, l.word->at, item,
			    "a resolver such as 192.0.2.53 or ::1@5353");
	}
	if (!list_is_whole(v, &l, row))
		return false;
	copy = span_of(servers, n * sizeof servers[0]);
	if (arena_copy(&c->memory, copy, &copy) != ERR_OK) {
		v->is_out_of_memory = true;
		return false;
	}
	c->resolvers = (struct config_server *)(uintptr_t)copy.p;
	c->nresolvers = n;
	return true;
}

static enum err
print_servers(const struct schema_row *row, const void *field, struct buf *to)
{
	const struct config *c = field;
	enum err e = ERR_OK;

	(void)row;
	for (size_t i = 0; e == ERR_OK && i < c->nresolvers; i++) {
		if (i > 0)
			e = buf_addc(to, ',');
		if (e == ERR_OK)
			e = print_address_port(&c->resolvers[i].address, '@',
			    c->resolvers[i].port, to);
	}
	return e;
}
const struct value_type value_servers = {
	"ADDRESS[@PORT],...", read_servers, print_servers
};

bool
value_is_name(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '-' && !ascii_is_digit(text.p[i]) &&
		    (text.p[i] < 'a' || text.p[i] > 'z'))
			return false;
	return text.n > 0 && text.n <= CONFIG_TAG_MAX;
}

static bool
read_name(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = value_next(v);
	const char *kept;

	if (w == NULL)
		return missing(v, row);
	if (!value_is_name(w->text))
		return wrong(v, w->at, w->text, "a name: at most 32 of a-z, "
		    "0-9 and -");
	kept = value_keep(v, w->text, false);
	if (kept == NULL)
		return false;
	*(const char **)field = kept;
	return true;
}

static enum err
print_text(const struct schema_row *row UNUSED, const void *field,
    struct buf *to)
{
	const char *text = *(const char *const *)field;

	return text[0] == '\0' ? ERR_OK : value_print_word(span_str(text), to);
}
const struct value_type value_name = {
	"NAME", read_name, print_text, true
};

static const struct scheme {
	const char		*prefix;
	bool			 has_user;
	enum config_relay_tls	 tls;
	uint16_t		 port;
} schemes[] = {
	{ "smtp://", false, CONFIG_RELAY_OPPORTUNISTIC, 25 },
	{ "smtp://", true, CONFIG_RELAY_STARTTLS, 587 },
	{ "smtps://", false, CONFIG_RELAY_IMPLICIT, 465 },
	{ "smtps://", true, CONFIG_RELAY_IMPLICIT, 465 },
};

static const struct scheme *
find_scheme(struct span *url)
{
	bool has_user = span_find(*url, '@') < url->n;

	for (size_t i = 0; i < COUNT(schemes); i++) {
		struct span prefix = span_str(schemes[i].prefix);

		if (schemes[i].has_user == has_user &&
		    span_starts(*url, prefix)) {
			*url = span_skip(*url, prefix.n);
			return &schemes[i];
		}
	}
	return NULL;
}

/* What stands behind the scheme: [user@]host[:port]. */
static bool
read_relay_target(struct value_reader *v, struct span url,
    const struct scheme *s, struct config_relay *r)
{
	size_t at = span_rfind(url, '@');
	struct span user = { url.p, s->has_user ? at : 0 }, host, port;
	struct address literal;

	if (s->has_user)
		url = span_skip(url, at + 1);
	if (!split_address(url, &host, &port) ||
	    (s->has_user && user.n == 0) ||
	    (!value_is_host_name(host) &&
	    address_parse(host, &literal) != ERR_OK))
		return false;
	r->port = s->port;
	if (port.n > 0 && !read_port(port, &r->port))
		return false;
	r->tls = s->tls;
	r->user = value_keep(v, user, false);
	r->host = value_keep(v, host, true);
	return r->user != NULL && r->host != NULL;
}

static bool
read_relay_via(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	const struct word *w = value_next(v);
	struct config_relay read = { 0 }, *r = field;
	const struct scheme *s;
	struct span url;

	if (w == NULL)
		return missing(v, row);
	url = w->text;
	s = find_scheme(&url);
	if (s == NULL || !read_relay_target(v, url, s, &read))
		return v->is_out_of_memory ? false : wrong(v, w->at, w->text,
		    "a server such as smtp://mx.example.net:25 or "
		    "smtps://user@smtp.example.net");
	r->host = read.host;
	r->user = read.user;
	r->port = read.port;
	r->tls = read.tls;
	return true;
}

/* The port is always said, so that the scheme's default needs no care. */
static enum err
print_relay_via(const struct schema_row *row, const void *field,
    struct buf *to)
{
	const struct config_relay *r = field;
	bool is_v6 = strchr(r->host, ':') != NULL;
	struct buf url = buf_make(3 * CONFIG_WORD_MAX);
	enum err e;

	(void)row;
	e = buf_addf(&url, "%s%s%s%s%s%s:%u",
	    r->tls == CONFIG_RELAY_IMPLICIT ? "smtps://" : "smtp://", r->user,
	    r->user[0] != '\0' ? "@" : "", is_v6 ? "[" : "", r->host,
	    is_v6 ? "]" : "", r->port);
	if (e == ERR_OK)
		e = value_print_word(buf_span(&url), to);
	buf_free(&url);
	return e;
}
const struct value_type value_relay_via = {
	"URL", read_relay_via, print_relay_via
};

static bool
read_at(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = value_next(v);
	struct config_at read = { .path = "" }, *at = field;
	struct span host, port;

	if (w == NULL)
		return missing(v, row);
	if (w->text.n > 0 && w->text.p[0] == '/') {
		read.path = value_keep(v, w->text, false);
		if (read.path == NULL)
			return false;
	} else if (!split_address(w->text, &host, &port) ||
	    address_parse(host, &read.address) != ERR_OK ||
	    (port.n > 0 && !span_eq(port, SPAN("0")) &&
	    !read_port(port, &read.port))) {
		return wrong(v, w->at, w->text, "an address such as "
		    "192.0.2.1:5432, or an absolute path");
	}
	*at = read;
	return true;
}

static enum err
print_at(const struct schema_row *row, const void *field, struct buf *to)
{
	const struct config_at *at = field;

	(void)row;
	if (at->address.n == 0)
		return at->path == NULL || at->path[0] == '\0' ? ERR_OK :
		    value_print_word(span_str(at->path), to);
	/* The port of a URL is said there. */
	if (at->port == 0 && at->address.n == 4)
		return address_print(&at->address, to);
	return print_address_port(&at->address, ':', at->port, to);
}
const struct value_type value_at = {
	"ADDRESS[:PORT] | PATH", read_at, print_at
};

/* Braces stand for the user, and nothing else. */
static bool
is_user_template(struct span t)
{
	static const char *const marks[] = { "{user}", "{name}", "{domain}" };
	bool has_user = false;

	while (t.n > 0) {
		size_t i = 0;

		while (i < COUNT(marks) && !span_starts(t, span_str(marks[i])))
			i++;
		if (i == COUNT(marks) && (t.p[0] == '{' || t.p[0] == '}'))
			return false;
		has_user |= i < 2;
		t = span_skip(t, i < COUNT(marks) ? strlen(marks[i]) : 1);
	}
	return has_user;
}

static bool
read_ldap(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = value_next(v);

	if (w == NULL)
		return missing(v, row);
	if (!is_user_template(w->text))
		return wrong(v, w->at, w->text, "a text with {user} or {name}, "
		    "and perhaps {domain}, in it");
	*(const char **)field = value_keep(v, w->text, false);
	return *(const char **)field != NULL;
}
const struct value_type value_ldap = {
	"TEMPLATE", read_ldap, print_text, true
};

/* Enough for a setting: who compares it has parsed the other side. */
static bool
is_mailbox(struct span text)
{
	size_t at = span_rfind(text, '@');

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return false;
	return at > 0 && at < text.n &&
	    value_is_host_name(span_skip(text, at + 1));
}

static bool
read_mailbox(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	const struct word *w = value_next(v);
	const char *kept;

	if (w == NULL)
		return missing(v, row);
	if (!is_mailbox(w->text))
		return wrong(v, w->at, w->text, "a user such as "
		    "anna@example.org");
	kept = value_keep(v, w->text, true);
	if (kept == NULL)
		return false;
	*(const char **)field = kept;
	return true;
}

const struct value_type value_mailbox = {
	"NAME@DOMAIN", read_mailbox, print_text, true
};

static bool
is_sender_pattern(struct span s)
{
	bool is_domain = s.n > 1 && s.p[0] == '@';

	return span_eq(s, SPAN("*")) || is_mailbox(s) ||
	    (is_domain && value_is_host_name(span_skip(s, 1)));
}

/* What the items of a list have to be, and what to say when it is too long. */
struct text_list {
	bool		(*is_item)(struct span item);
	const char	*is_not, *too_long;
};

/* Kept as one text with commas, as it is printed. */
static bool
read_text_list(struct value_reader *v, const struct schema_row *row,
    const struct text_list *of, const char **field)
{
	struct buf text = buf_make(CONFIG_WORD_MAX);
	struct list l = { 0 };
	struct span item;
	const char *kept = NULL;
	enum err e = ERR_OK;
	bool is_good = true;

	while (is_good && e == ERR_OK && list_next(v, &l, &item)) {
		is_good = of->is_item(item) || wrong(v, l.word->at, item,
		    of->is_not);
		if (text.n > 0)
			e = buf_addc(&text, ',');
		if (e == ERR_OK)
			e = buf_add(&text, item);
	}
	if (is_good && e == ERR_FULL) {
		report_error(v->report, v->end_at, "more than %u octets of "
		    "%s", CONFIG_WORD_MAX, of->too_long);
	} else if (e != ERR_OK) {
		v->is_out_of_memory = true;
	} else if (is_good && list_is_whole(v, &l, row)) {
		kept = value_keep(v, buf_span(&text), true);
	}
	buf_free(&text);
	if (kept == NULL)
		return false;
	*field = kept;
	return true;
}

static bool
read_senders(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	static const struct text_list senders = { is_sender_pattern,
		"an address, @DOMAIN or *", "addresses: say grant twice" };

	return read_text_list(v, row, &senders, field);
}
const struct value_type value_senders = {
	"ADDRESS,...", read_senders, print_text, true
};

/* A name, or all below one. */
static bool
is_domain_pattern(struct span s)
{
	return value_is_host_name(s.n > 0 && s.p[0] == '.' ? span_skip(s, 1) :
	    s);
}

static bool
read_domains(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	static const struct text_list domains = { is_domain_pattern,
		"a domain such as example.org, or .example.org", "domains" };

	return read_text_list(v, row, &domains, field);
}
const struct value_type value_domains = {
	"DOMAIN,...", read_domains, print_text, true
};

static bool
read_mailboxes(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	static const struct text_list mailboxes = { is_mailbox,
		"a user such as anna@example.org", "addresses" };

	return read_text_list(v, row, &mailboxes, field);
}
const struct value_type value_mailboxes = {
	"NAME@DOMAIN,...", read_mailboxes, print_text, true
};
