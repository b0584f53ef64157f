/*
 * route.c - ours, or somebody else's, or nobody's.
 */
#include "policy/route.h"

#include "mail/idn.h"

static const struct span postmaster = { (const uint8_t *)"postmaster", 10 };

static enum err
is_no_mail(const struct config *c, struct span name, bool *is)
{
	struct buf ascii = buf_make(ADDR_DOMAIN_MAX);
	enum err e = ERR_NONE;

	*is = config_is_no_mail(c, name, false);
	if (!*is && c->no_mail[0] != '\0')
		e = idn_to_ascii(name, &ascii);
	if (e == ERR_OK)
		*is = config_is_no_mail(c, buf_span(&ascii), false);
	buf_free(&ascii);
	return e == ERR_NOMEM ? e : ERR_OK;
}

enum err
route_domain(const struct config *c, struct span name, size_t *index)
{
	struct buf ascii = buf_make(ADDR_DOMAIN_MAX);
	const struct config_domain *d = config_domain_find(c, name);
	enum err e = d != NULL ? ERR_NONE : idn_to_ascii(name, &ascii);

	if (e == ERR_OK)
		d = config_domain_find(c, buf_span(&ascii));
	buf_free(&ascii);
	*index = d == NULL ? c->ndomains : (size_t)(d - c->domains);
	/* One that is no domain at all is none of ours. */
	return e == ERR_NOMEM ? e : ERR_OK;
}

/*
 * The domain whose postmaster is meant by an address without a domain, or by
 * one at our own name (RFC 5321 4.5.1): the first.
 */
static bool
is_our_postmaster(const struct config *c, const struct addr *a)
{
	return c->ndomains > 0 && span_eq_nocase(a->local, postmaster) &&
	    span_eq_nocase(a->domain, span_str(c->hostname));
}

/*
 * An alias goes before a user of that name, and the whole of a local part, as
 * either, before what stands in front of its separator.
 */
static const struct alias *
find_alias(const struct aliases *aliases, const struct table *users,
    struct span local, struct span separators)
{
	const struct alias *found = aliases_find(aliases, local);

	if (found != NULL || table_find(users, local) != NULL)
		return found;
	return aliases_find(aliases, table_without_detail(local, separators));
}

struct route_found
route_user(const struct config *c, size_t domain, struct span name,
    const struct route_tables *tables)
{
	const struct table *users = tables->users(tables->ctx, domain);
	struct route_found f = { .route = ROUTE_TEMPFAIL,
		.domain = &c->domains[domain] };

	if (!users->is_there)
		return f;
	f.user = table_find(users, name);
	f.route = f.user != NULL ? ROUTE_LOCAL : ROUTE_UNKNOWN;
	f.is_sure = true;
	return f;
}

struct route_found
route_local(const struct config *c, size_t domain, struct span local,
    const struct route_tables *tables)
{
	const struct config_domain *d = &c->domains[domain];
	const struct table *users = tables->users(tables->ctx, domain);
	const struct aliases *aliases = d->aliases_file[0] == '\0' ? NULL :
	    tables->aliases(tables->ctx, domain);
	struct route_found f = { .route = ROUTE_TEMPFAIL, .domain = d };

	if (!users->is_there || (aliases != NULL && !aliases->is_there))
		return f;
	f.is_sure = true;
	if (aliases != NULL)
		f.alias = find_alias(aliases, users, local,
		    config_separators(d));
	if (f.alias != NULL) {
		f.route = ROUTE_ALIAS;
		return f;
	}
	f.user = table_mailbox(users, local, &(struct table_names){
	    config_separators(d), span_str(d->postmaster),
	    span_str(d->catch_all) });
	f.route = f.user != NULL ? ROUTE_LOCAL : ROUTE_UNKNOWN;
	return f;
}

static struct route_found
find_in(const struct config *c, size_t i, const struct addr *a,
    const struct route_tables *tables)
{
	uint8_t room[ADDR_LOCAL_MAX];

	return route_local(c, i, table_local(a, room), tables);
}

struct route_found
route_find(const struct config *c, struct span address,
    const struct route_tables *tables)
{
	struct addr a = { .kind = ADDR_POSTMASTER };
	struct route_found f = { ROUTE_UNKNOWN };
	bool takes_none;
	size_t i = 0;

	if (span_eq_nocase(address, postmaster)) {
		a.local = postmaster;
		return c->ndomains > 0 ? find_in(c, 0, &a, tables) : f;
	}
	if (addr_parse(address, &a) != ERR_OK)
		return f;
	f.route = ROUTE_TEMPFAIL;
	if (route_domain(c, a.domain, &i) != ERR_OK)
		return f;
	if (i < c->ndomains)
		return find_in(c, i, &a, tables);
	if (is_our_postmaster(c, &a))
		return find_in(c, 0, &a, tables);
	if (is_no_mail(c, a.domain, &takes_none) != ERR_OK)
		return f;
	/* By the configuration alone. */
	f.route = takes_none ? ROUTE_NO_MAIL : ROUTE_REMOTE;
	f.is_sure = true;
	return f;
}
