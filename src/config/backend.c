/*
 * backend.c - back ends: what must be so of them all, and who has which.
 */
#include "config/finish.h"
#include "config/value.h"

static const bool has_secrets[] = {
	[CONFIG_BACKEND_SQLITE] = true,
	[CONFIG_BACKEND_DOVECOT] = false,
	[CONFIG_BACKEND_POSTGRESQL] = true,
	[CONFIG_BACKEND_LDAP] = false,
	[CONFIG_BACKEND_PAM] = false,
	[CONFIG_BACKEND_TOKEN] = false,
};
_Static_assert(COUNT(has_secrets) == CONFIG_BACKEND_KIND_COUNT, "each");

bool
config_backend_has_secrets(const struct config_backend *b)
{
	return has_secrets[b->kind];
}

uint32_t
config_backend_first(const struct config *c, enum config_backend_kind kind)
{
	for (uint32_t i = 0; i < c->nbackends; i++)
		if (c->backends[i].kind == kind)
			return i;
	return CONFIG_NO_BACKEND;
}

/* A snapshot is printed kind by kind: numbers must be the same before it. */
static void
sort_backends(struct config *c)
{
	for (size_t i = 1; i < c->nbackends; i++) {
		struct config_backend moved = c->backends[i];
		size_t k = i;

		for (; k > 0 && c->backends[k - 1].kind > moved.kind; k--)
			c->backends[k] = c->backends[k - 1];
		c->backends[k] = moved;
	}
}

/* One at the end; NULL: there is no room. */
static struct config_backend *
new_backend(struct config *c)
{
	void *room;

	if (c->nbackends == CONFIG_BACKENDS_MAX)
		return NULL;
	if (c->backends == NULL) {
		if (arena_get(&c->memory, CONFIG_BACKENDS_MAX *
		    sizeof *c->backends, &room) != ERR_OK)
			return NULL;
		c->backends = room;
	}
	return &c->backends[c->nbackends++];
}

static const struct config_backend *
find(const struct config *c, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(c->backends[i].name, name) == 0)
			return &c->backends[i];
	return NULL;
}

static void
check_names(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->nbackends; i++) {
		const struct config_backend *b = &c->backends[i];
		const struct config_backend *other = find(c, i, b->name);

		if (other != NULL)
			report_error(report, finish_place(c, b->where[0]),
			    "backend %s was there on line %u already", b->name,
			    other->where[0].line);
	}
	for (size_t i = 0; i < c->ndomains; i++) {
		const struct config_domain *d = &c->domains[i];

		if (d->backend[0] != '\0' &&
		    find(c, c->nbackends, d->backend) == NULL)
			report_error(report, finish_place(c, d->where[2]),
			    "there is no backend %s", d->backend);
	}
}

static void
check_sockets(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->nbackends; i++) {
		const struct config_backend *b = &c->backends[i];

		if (b->kind == CONFIG_BACKEND_DOVECOT &&
		    strlen(b->file) > CONFIG_SOCKET_MAX)
			report_error(report, finish_place(c, b->where[1]),
			    "the path of a socket has %u octets at most",
			    CONFIG_SOCKET_MAX);
	}
}

static bool
is_of_this_host(const struct address *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return a->n == 0 || (a->n == 4 && a->octets[0] == 127) ||
	    (a->n == 16 && memcmp(a->octets, v6, 16) == 0);
}

static void
check_server(struct config *c, struct config_backend *b, uint16_t port,
    struct config_report *report)
{
	struct place at = finish_place(c, b->where[1]);

	if (b->at.address.n > 0 && b->at.port == 0)
		b->at.port = port == 389 && b->tls_name[0] != '\0' ? 636 :
		    port;
	if (strlen(b->at.path) > CONFIG_SOCKET_MAX)
		report_error(report, at, "the path of a socket has %u octets "
		    "at most", CONFIG_SOCKET_MAX);
	if ((b->tls_name[0] == '\0') != (b->ca_file[0] == '\0'))
		report_error(report, at, "tls NAME and ca-file FILE go "
		    "together");
	if (b->tls_name[0] == '\0' && !is_of_this_host(&b->at.address))
		report_error(report, at, "another host needs \"tls NAME\", or "
		    "secrets would cross in the clear");
	if (b->tls_name[0] != '\0' && b->at.address.n == 0)
		report_error(report, at, "a socket of this host has no TLS");
}

static void
check_directory(struct config *c, const struct config_backend *b,
    struct config_report *report)
{
	struct place at = finish_place(c, b->where[0]);
	bool has_base = b->base[0] != '\0', has_filter = b->filter[0] != '\0';

	if (has_base != has_filter || has_base == (b->dn[0] != '\0'))
		report_error(report, at, "a directory needs \"dn TEMPLATE\", "
		    "or \"base NAME\" and \"filter TEMPLATE\"");
	if ((b->login[0] != '\0') != (b->password_file[0] != '\0') ||
	    (b->login[0] != '\0' && !has_filter))
		report_error(report, at, "login and password-file go together, "
		    "and with a filter");
}

static void
check_servers(struct config *c, struct config_report *report)
{
	static const uint16_t ports[CONFIG_BACKEND_KIND_COUNT] = {
		[CONFIG_BACKEND_POSTGRESQL] = 5432,
		[CONFIG_BACKEND_LDAP] = 389,
	};

	for (size_t i = 0; i < c->nbackends; i++) {
		struct config_backend *b = &c->backends[i];

		if (ports[b->kind] > 0)
			check_server(c, b, ports[b->kind], report);
		if (b->kind == CONFIG_BACKEND_LDAP)
			check_directory(c, b, report);
	}
}

#define SYSTEM_CA	"/etc/ssl/certs/ca-certificates.crt"

/* The host of https://HOST[:PORT]/..., or an empty span. */
static struct span
host_of(const char *url, uint16_t *port)
{
	static const struct span none;
	struct span rest = span_str(url), host;
	uint64_t n = 443;

	if (!span_starts(rest, SPAN("https://")))
		return none;
	rest = span_skip(rest, 8);
	host = span_take(&rest, span_find(rest, '/'));
	rest = span_skip(host, span_find(host, ':'));
	host.n -= rest.n;
	if (rest.n > 0 && (span_u64(span_skip(rest, 1), UINT16_MAX, &n) !=
	    ERR_OK || n == 0))
		return none;
	*port = (uint16_t)n;
	return value_is_host_name(host) ? host : none;
}

/* An issuer that is asked is a back end: a process of its own. */
static void
add_issuer(struct config *c, const struct config_oauth *o,
    struct config_report *report)
{
	struct value_reader v = { .c = c };
	struct place at = finish_place(c, o->where[0]);
	uint16_t port = 0;
	struct span host = host_of(o->introspect, &port);
	struct config_backend *b = new_backend(c);

	if (b == NULL) {
		report_error(report, at, "no room for one backend more");
		return;
	}
	*b = (struct config_backend){ .kind = CONFIG_BACKEND_TOKEN,
		.name = o->issuer, .run_as = "", .file = o->introspect,
		.query = "", .scram_secret = "", .at = o->at,
		.tls_name = value_keep(&v, host, true),
		.ca_file = o->ca_file[0] != '\0' ? o->ca_file : SYSTEM_CA,
		.database = "", .login = o->client,
		.password_file = o->secret_file, .dn = "", .filter = "",
		.base = "", .service = "", .oauth = o };
	if (b->at.port == 0)
		b->at.port = port;
	if (host.n == 0 || b->tls_name == NULL)
		report_error(report, at, "introspect needs a URL such as "
		    "https://id.example.org/introspect");
	else if (o->at.address.n == 0 || b->at.port != port)
		report_error(report, at, "introspect needs \"at ADDRESS\", and "
		    "the port of the URL");
	if (o->client[0] == '\0' || o->secret_file[0] == '\0')
		report_error(report, at, "introspect needs \"client NAME\" and "
		    "\"secret-file FILE\"");
}

static void
add_issuers(struct config *c, struct config_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < c->noauths; i++) {
		const struct config_oauth *o = &c->oauths[i];
		struct place at = finish_place(c, o->where[0]);

		if ((o->keys_file[0] == '\0') == (o->introspect[0] == '\0'))
			report_error(report, at, "oauth needs \"keys FILE\" or "
			    "\"introspect URL\"");
		else if (o->introspect[0] != '\0' && n++ > 0)
			report_error(report, at, "one issuer may be asked: "
			    "another would be shown its tokens");
		else if (o->introspect[0] != '\0')
			add_issuer(c, o, report);
	}
}

void
finish_backends(struct config *c, struct config_report *report)
{
	check_names(c, report);
	check_sockets(c, report);
	check_servers(c, report);
	sort_backends(c);
	add_issuers(c, report);
}

uint32_t
config_backend_of(const struct config *c, const struct config_domain *d)
{
	const struct config_backend *b = d->backend[0] == '\0' ? NULL :
	    find(c, c->nbackends, d->backend);

	return b == NULL ? CONFIG_NO_BACKEND : (uint32_t)(b - c->backends);
}
