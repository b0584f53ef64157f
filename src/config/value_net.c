/*
 * value_net.c - values that are addresses: where to listen, whom to trust,
 * whom to ask, where to send.
 */
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
	struct config_listen *listen = field;
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
	listen->from = kept;
	listen->nfrom = n;
	return true;
}

static enum err
print_networks(const struct schema_row *row, const void *field,
    struct buf *to)
{
	const struct config_listen *listen = field;
	enum err e = ERR_OK;

	(void)row;
	for (size_t i = 0; e == ERR_OK && i < listen->nfrom; i++) {
		if (i > 0)
			e = buf_addc(to, ',');
		if (e == ERR_OK)
			e = network_print(&listen->from[i], to);
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
