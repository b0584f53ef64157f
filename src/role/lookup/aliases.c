/*
 * aliases.c - the aliases files, and whom a name in them stands for.
 *
 * As with users: a file that cannot be read takes its table away, and its domain
 * says "try again" (RLY-3); one with a bad line changes nothing.
 */
#include "role/lookup/lookup.h"

/* --- files --- */

static void
complain(struct role *r, size_t i, const char *why, size_t line)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct log_line l;

	if (d->is_alias_wrong)
		return;
	d->is_alias_wrong = true;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "table-trouble");
	log_str(&l, "domain", r->config->domains[i].name);
	log_str(&l, "file", r->config->domains[i].aliases_file);
	if (line > 0)
		log_num(&l, "line", line);
	log_str(&l, "why", why);
	role_log(r, &l);
}

static bool
take_text(struct role *r, size_t i, struct span text)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct alias_trouble t;
	enum err e = aliases_replace(&d->aliases, text, &t);

	if (e == ERR_OK)
		d->is_alias_wrong = false;
	else
		complain(r, i, e == ERR_SYNTAX ? t.why : err_name(e), t.line);
	return e == ERR_OK;
}

bool
lookup_aliases_poll(struct role *r, size_t i)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	struct buf text = buf_make(ALIAS_FILE_MAX);
	const char *why = "";
	bool has_changed = false;

	if (d->aliases_watched.file == NULL)
		return false;
	switch (watched_look(&d->aliases_watched, &text, &why)) {
	case WATCHED_NEW:
		has_changed = take_text(r, i, buf_span(&text));
		break;
	case WATCHED_GONE:
		has_changed = d->aliases.is_there;
		complain(r, i, why, 0);
		aliases_free(&d->aliases);
		break;
	case WATCHED_SAME:
	default:
		break;
	}
	buf_free(&text);
	return has_changed;
}

/* --- tables --- */

static const struct table *
users_of(void *role, size_t domain)
{
	return &lookup_of(role)->domains[domain].table;
}

static const struct aliases *
aliases_of(void *role, size_t domain)
{
	return &lookup_of(role)->domains[domain].aliases;
}

/* As they are in memory: what was found in one stays while others are asked. */
static struct route_tables
tables_of(struct role *r)
{
	return (struct route_tables){ users_of, aliases_of, r };
}

/* Its files are looked at first, and with the users the aliases. */
static const struct table *
fresh_users_of(void *role, size_t domain)
{
	lookup_look(role, domain);
	return users_of(role, domain);
}

struct route_found
lookup_find(struct role *r, struct span address)
{
	const struct route_tables tables = { fresh_users_of, aliases_of, r };

	return route_find(r->config, address, &tables);
}

static struct route_found
find_user(struct role *r, struct span address)
{
	const struct route_tables tables = { fresh_users_of, aliases_of, r };
	struct span local, domain;
	size_t i;

	if (!addr_split(address, &local, &domain))
		return (struct route_found){ ROUTE_UNKNOWN };
	if (route_domain(r->config, domain, &i) != ERR_OK)
		return (struct route_found){ ROUTE_TEMPFAIL };
	return i < r->config->ndomains ?
	    route_local(r->config, i, local, true, &tables) :
	    (struct route_found){ ROUTE_UNKNOWN };
}

/* --- members --- */

static const struct {
	uint8_t		 route;		/* enum lookup_route */
	const char	*why;		/* for the operator; NULL: nothing */
} results[EXPAND_RESULT_COUNT] = {
	[EXPAND_OK] = { LOOKUP_ALIAS, NULL },
	[EXPAND_NOBODY] = { LOOKUP_UNKNOWN, "none of its targets is there" },
	[EXPAND_LOOP] = { LOOKUP_BAD_ALIAS,
	    "it comes back to itself, or is more than 10 deep" },
	[EXPAND_TOO_MANY] = { LOOKUP_BAD_ALIAS, "more than 1000 members" },
	[EXPAND_TEMPFAIL] = { LOOKUP_TEMPFAIL, NULL },
	[EXPAND_NO_MEMORY] = { LOOKUP_TEMPFAIL, "out of memory" },
};

/* Once for each state of the files: who is asked a thousand times says it once. */
static void
tell(struct role *r, const struct config_domain *d, const struct alias *a,
    const char *why, struct span target)
{
	struct lookup *l = lookup_of(r);
	struct log_line line;

	if (l->told == l->generation)
		return;
	l->told = l->generation;
	log_begin(&line, LOG_LEVEL_ALARM, NULL, "alias-trouble");
	log_str(&line, "file", d->aliases_file);
	log_num(&line, "line", a->line);
	log_span(&line, "name", a->name);
	if (target.n > 0)
		log_span(&line, "target", target);
	log_str(&line, "why", why);
	role_log(r, &line);
}

/* A part of them: as many as fit. */
static void
write_part(const struct expand *x, uint32_t from, struct buf *list,
    struct lookup_rcpt_answer *m)
{
	for (uint32_t i = from; i < x->n; i++) {
		const struct expand_member *one = &x->members[i];
		struct lookup_member member = { .address = one->address,
			.owner = one->owner };
		size_t before = list->n;

		if (one->domain != NULL) {
			member.domain = span_str(one->domain->name);
			member.key = one->user->name;
		}
		if (ipc_list_add(&ipc_lookup_member, &member, list) != ERR_OK) {
			buf_cut(list, before);
			/* Not even one: there is no memory. */
			m->next = i;
			if (i == from)
				m->route = LOOKUP_TEMPFAIL;
			break;
		}
	}
	m->members = buf_span(list);
	m->is_list = x->is_list;
}

void
lookup_expand(struct role *r, const struct route_found *f, uint32_t from,
    struct buf *list, struct lookup_rcpt_answer *m)
{
	const struct route_tables tables = tables_of(r);
	struct expand x = expand_make(&lookup_of(r)->key);
	enum expand_result result = expand_run(&x, r->config, f, &tables);

	m->route = results[result].route;
	if (results[result].why != NULL)
		tell(r, f->domain, f->alias, results[result].why, SPAN(""));
	else if (x.nmissing > 0)
		tell(r, x.missing.domain, x.missing.alias,
		    "there is no such mailbox", x.missing.address);
	if (result == EXPAND_OK)
		write_part(&x, from, list, m);
	expand_free(&x);
}

struct route_found
lookup_mailbox(struct role *r, struct span address, bool is_user)
{
	struct route_found f = is_user ? find_user(r, address) :
	    lookup_find(r, address);
	const struct route_tables tables = tables_of(r);
	struct expand x = expand_make(&lookup_of(r)->key);
	enum expand_result result;

	if (f.route != ROUTE_ALIAS)
		return f;
	result = expand_run(&x, r->config, &f, &tables);
	f = (struct route_found){ .route = ROUTE_UNKNOWN };
	if (results[result].route == LOOKUP_TEMPFAIL)
		f.route = ROUTE_TEMPFAIL;
	if (result == EXPAND_OK && x.n == 1 && x.members[0].domain != NULL) {
		f.route = ROUTE_LOCAL;
		f.domain = x.members[0].domain;
		f.user = x.members[0].user;
	}
	expand_free(&x);
	return f;
}
