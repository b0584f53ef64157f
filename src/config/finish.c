#include "config/finish.h"
#include "config/match_private.h"

struct place
finish_place(const struct config *c, struct config_where where)
{
	if (where.file == 0)
		return (struct place){ .file = c->files[0] };
	return (struct place){ c->files[where.file - 1], where.line, 1 };
}

static const struct {
	uint16_t	plain, implicit;
	bool		is_tls_needed;
} kinds[] = {
	[CONFIG_LISTEN_MX] = { 25, 465, false },
	[CONFIG_LISTEN_SUBMISSION] = { 587, 465, true },
	[CONFIG_LISTEN_RELAY] = { 25, 465, false },
	[CONFIG_LISTEN_LMTP] = { 24, 24, false },
	[CONFIG_LISTEN_CLOSED] = { 25, 465, false },
};

static void
listen_defaults(struct config *c, struct config_listen *l)
{
	bool has_certificate = c->ntls > 0;

	if (l->tls == CONFIG_TLS_UNSET)
		l->tls = has_certificate || kinds[l->kind].is_tls_needed ?
		    CONFIG_TLS_STARTTLS : CONFIG_TLS_NONE;
	if (l->port == 0)
		l->port = l->tls == CONFIG_TLS_IMPLICIT ?
		    kinds[l->kind].implicit : kinds[l->kind].plain;
}

static void
check_listen(struct config *c, struct config_listen *l,
    struct config_report *report)
{
	struct place at = finish_place(c, l->where[0]);

	listen_defaults(c, l);
	if (l->kind == CONFIG_LISTEN_RELAY && l->from.n == 0 &&
	    l->client.demand == CONFIG_CLIENT_NONE)
		report_error(report, at, "listen relay needs "
		    "\"from NETWORKS\", or the whole world could relay");
	if (l->client.demand != CONFIG_CLIENT_NONE &&
	    l->tls == CONFIG_TLS_NONE)
		report_error(report, at, "a client certificate needs TLS: "
		    "this listener has none");
	/* RFC 2033 section 5: not where mail servers talk to each other. */
	if (l->kind == CONFIG_LISTEN_LMTP && l->port == 25)
		report_error(report, at, "listen lmtp cannot be at port 25, "
		    "where SMTP is spoken");
	if (kinds[l->kind].is_tls_needed && l->tls == CONFIG_TLS_NONE)
		report_error(report, at, "users' passwords need TLS: "
		    "listen submission cannot have \"tls none\"");
	else if (l->tls != CONFIG_TLS_NONE && c->ntls == 0)
		report_error(report, at, "TLS needs a certificate: say "
		    "\"tls certificate FILE key FILE\"");
}

/* Every address and one address at the same port stand in each other's way. */
static bool
is_same_port(const struct config_listen *a, const struct config_listen *b)
{
	return a->port == b->port && (a->address.n == 0 ||
	    b->address.n == 0 || address_eq(&a->address, &b->address));
}

static void
check_listens(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->nlistens; i++) {
		struct config_listen *l = &c->listens[i];

		check_listen(c, l, report);
		for (size_t k = 0; k < i; k++)
			if (is_same_port(l, &c->listens[k]))
				report_error(report,
				    finish_place(c, l->where[0]),
				    "port %u is opened on line %u already",
				    l->port, c->listens[k].where[0].line);
	}
}

static void
check_certificates(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->ntls; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->tls[i].certificate,
			    c->tls[k].certificate) == 0)
				report_error(report, finish_place(c,
				    c->tls[i].where[0]),
				    "certificate %s was there on line %u "
				    "already", c->tls[i].certificate,
				    c->tls[k].where[0].line);
}

static void
check_domains(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->ndomains; i++) {
		if (config_is_no_mail(c, span_str(c->domains[i].name), true))
			report_error(report, finish_place(c,
			    c->domains[i].where[0]), "domain %s takes mail: "
			    "it cannot be under no-mail", c->domains[i].name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->domains[i].name,
			    c->domains[k].name) == 0)
				report_error(report, finish_place(c,
				    c->domains[i].where[0]),
				    "domain %s was there on line %u already",
				    c->domains[i].name,
				    c->domains[k].where[0].line);
	}
}

/* Its own line is that of `via`: the domain may be left out. */
#define RELAY_VIA	2u

static void
check_relay(struct config *c, const struct config_relay *r,
    struct config_report *report)
{
	struct place at = finish_place(c, r->where[RELAY_VIA]);

	if (r->user[0] != '\0' && r->password_file[0] == '\0')
		report_error(report, at, "user %s needs \"password-file "
		    "FILE\"", r->user);
	if (r->user[0] == '\0' && r->password_file[0] != '\0')
		report_error(report, at, "a password without a user: say "
		    "smtps://USER@%s", r->host);
	if (r->domain[0] != '\0' &&
	    config_domain_find(c, span_str(r->domain)) != NULL)
		report_error(report, at, "%s is a domain of ours",
		    r->domain);
}

/* Is it for what rules send there alone? */
static bool
is_route_only(const struct config_relay *r)
{
	return r->domain[0] == '\0' && r->name[0] != '\0';
}

static bool
is_same_relay(const struct config_relay *a, const struct config_relay *b)
{
	if (a->name[0] != '\0' && strcmp(a->name, b->name) == 0)
		return true;
	return !is_route_only(a) && !is_route_only(b) &&
	    strcmp(a->domain, b->domain) == 0;
}

static void
check_relays(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->nrelays; i++) {
		check_relay(c, &c->relays[i], report);
		for (size_t k = 0; k < i; k++)
			if (is_same_relay(&c->relays[i], &c->relays[k]))
				report_error(report, finish_place(c,
				    c->relays[i].where[RELAY_VIA]),
				    "the same relay was on line %u already",
				    c->relays[k].where[RELAY_VIA].line);
	}
}

/* One set of keys an issuer: else a key would not say whose it is. */
static void
check_oauths(struct config *c, struct config_report *report)
{
	for (size_t i = 0; i < c->noauths; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->oauths[i].issuer,
			    c->oauths[k].issuer) == 0)
				report_error(report, finish_place(c,
				    c->oauths[i].where[0]),
				    "the same issuer was on line %u already",
				    c->oauths[k].where[0].line);
}

/* One number that may not be above another. */
static const struct order {
	size_t		 low, high;
	const char	*sentence;
} orders[] = {
#define ORDER(low, high, sentence) \
	{ offsetof(struct config, low), offsetof(struct config, high), \
	  sentence }
	ORDER(limits.errors_soft, limits.errors,
	    "limit errors-soft is above limit errors"),
	ORDER(limits.concurrency_start, limits.concurrency,
	    "limit concurrency-start is above limit concurrency"),
	ORDER(limits.disk_refuse_all, limits.disk_refuse_new,
	    "limit disk-refuse-all is above limit disk-refuse-new"),
	ORDER(limits.memory_shed, limits.memory_hard,
	    "limit memory-shed is above limit memory-hard"),
	ORDER(retry.first, retry.cap, "retry first is above retry cap"),
};

static uint64_t
number_at(const struct config *c, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)c + offset);
}

static void
check_numbers(struct config *c, struct config_report *report)
{
	struct place at = finish_place(c, (struct config_where){ 0 });

	for (size_t i = 0; i < COUNT(orders); i++)
		if (number_at(c, orders[i].low) > number_at(c, orders[i].high))
			report_error(report, at, "%s", orders[i].sentence);
	if (c->segment_size % 4096 != 0)
		report_error(report, at,
		    "segment-size is no multiple of 4096");
}

void
finish(struct config *c, struct config_report *report)
{
	check_certificates(c, report);
	check_listens(c, report);
	check_domains(c, report);
	check_relays(c, report);
	check_oauths(c, report);
	finish_backends(c, report);
	check_numbers(c, report);
	match_finish(c, report);
}

struct span
config_separators(const struct config_domain *d)
{
	struct span said = span_str(d->separators);

	if (said.n == 0)
		return SPAN("+");
	return span_eq(said, SPAN(CONFIG_SEPARATORS_NONE)) ? SPAN("") : said;
}

const struct config_domain *
config_domain_find(const struct config *c, struct span name)
{
	for (size_t i = 0; i < c->ndomains; i++)
		if (span_eq_nocase(span_str(c->domains[i].name), name))
			return &c->domains[i];
	return NULL;
}

const struct config_relay *
config_relay_for(const struct config *c, struct span domain)
{
	const struct config_relay *rest = NULL;

	for (size_t i = 0; i < c->nrelays; i++) {
		if (is_route_only(&c->relays[i]))
			continue;
		if (c->relays[i].domain[0] == '\0')
			rest = &c->relays[i];
		else if (span_eq_nocase(span_str(c->relays[i].domain), domain))
			return &c->relays[i];
	}
	return rest;
}

const struct config_relay *
config_relay_named(const struct config *c, struct span name)
{
	for (size_t i = 0; i < c->nrelays; i++)
		if (name.n > 0 && span_eq(span_str(c->relays[i].name), name))
			return &c->relays[i];
	return NULL;
}

bool
config_is_no_mail(const struct config *c, struct span domain, bool is_whole)
{
	struct span rest = span_str(c->no_mail);

	while (rest.n > 0) {
		struct span item = span_take(&rest, span_find(rest, ','));
		bool is_below = item.n > 0 && item.p[0] == '.';

		if (is_below ? !is_whole && domain.n > item.n &&
		    span_ends_nocase(domain, item) :
		    span_eq_nocase(item, domain))
			return true;
		rest = span_skip(rest, 1);
	}
	return false;
}
