/*
 * aliases.c - the aliases files, and whom a name in them stands for.
 *
 * As with users: a file that cannot be read takes its table away, and its domain
 * says "try again" (RLY-3); one with a bad line changes nothing.
 */
#include "role/lookup/lookup.h"

#include <stdlib.h>

#define MEMBERS_ALL_MAX	(2u << 20)	/* octets of a name's members, encoded */
#define KNOWN_MAX	(8u << 20)	/* of all that are remembered */
#define KNOWN_NAMES_MAX	10000u

/* --- files --- */

static void
complain(struct role *r, size_t i, const char *why, size_t line)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];

	if (!d->is_alias_wrong)
		lookup_complain(r, i, r->config->domains[i].aliases_file, why,
		    line);
	d->is_alias_wrong = true;
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
		/* Another mistake than the one before is told, too. */
		d->is_alias_wrong = false;
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
	    route_user(r->config, i, local, &tables) :
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
	[EXPAND_TOO_MANY] = { LOOKUP_BAD_ALIAS, "more than 1000 members, or 10000 targets" },
	[EXPAND_TEMPFAIL] = { LOOKUP_TEMPFAIL, NULL },
	[EXPAND_NO_MEMORY] = { LOOKUP_TEMPFAIL, "out of memory" },
};

/* What was found out of a name, until a file changes. */
struct known {
	struct map_node	node;
	uint8_t		route;		/* enum lookup_route */
	bool		has_list;
	uint32_t	n;
	size_t		noctets;
	uint8_t		octets[];	/* list of lookup_member, then the key */
};

/* Once for each state of the files: what was found out is remembered. */
static void
tell(struct role *r, const struct config_domain *d, const struct alias *a,
    const char *why, struct span target)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ALARM, NULL, "alias-trouble");
	log_str(&line, "file", d->aliases_file);
	log_num(&line, "line", a->line);
	log_span(&line, "name", a->name);
	if (target.n > 0)
		log_span(&line, "target", target);
	log_str(&line, "why", why);
	role_log(r, &line);
}

/* All of them, encoded. */
static enum err
write_all(const struct expand *x, struct buf *list)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < x->n; i++) {
		const struct expand_member *one = &x->members[i];
		struct lookup_member member = { .address = one->address,
			.owner = one->owner };

		if (one->domain != NULL) {
			member.domain = span_str(one->domain->name);
			member.key = one->user->name;
		}
		e = ipc_list_add(&ipc_lookup_member, &member, list);
	}
	return e;
}

static struct known *
known_new(const struct expand *x, enum expand_result result,
    struct span list, struct span key)
{
	struct known *k = malloc(sizeof *k + list.n + key.n);

	if (k == NULL)
		return NULL;
	*k = (struct known){ .route = results[result].route,
		.has_list = x->has_list, .n = x->n, .noctets = list.n };
	if (list.n > 0)
		memcpy(k->octets, list.p, list.n);
	memcpy(k->octets + list.n, key.p, key.n);
	return k;
}

static struct known *
find_out(struct role *r, const struct route_found *f, struct span key)
{
	const struct route_tables tables = tables_of(r);
	struct expand x = expand_make(&lookup_of(r)->key);
	enum expand_result result = expand_run(&x, r->config, f, &tables);
	struct buf list = buf_make(MEMBERS_ALL_MAX);
	struct known *k = NULL;

	if (results[result].why != NULL)
		tell(r, f->domain, f->alias, results[result].why, SPAN(""));
	else if (x.nmissing > 0)
		tell(r, x.missing.domain, x.missing.alias,
		    "there is no such mailbox", x.missing.address);
	if (result != EXPAND_OK || write_all(&x, &list) == ERR_OK)
		k = known_new(&x, result, buf_span(&list), key);
	buf_free(&list);
	expand_free(&x);
	return k;
}

/* Number of the domain, then the name; borrowed until the next call. */
static struct span
key_of(const struct role *r, const struct route_found *f,
    uint8_t room[4 + ADDR_LOCAL_MAX])
{
	size_t domain = (size_t)(f->domain - r->config->domains);

	for (unsigned int i = 0; i < 4; i++)
		room[i] = (uint8_t)(domain >> 8 * i);
	memcpy(room + 4, f->alias->name.p, f->alias->name.n);
	return span_of(room, 4 + f->alias->name.n);
}

void
lookup_aliases_forget(struct role *r)
{
	struct lookup *l = lookup_of(r);
	struct map_node *n;

	while ((n = map_first(&l->known)) != NULL) {
		map_remove(&l->known, n);
		free(MAP_OWNER(n, struct known, node));
	}
	l->nknown = 0;
}

/* NULL: out of memory.  What TEMPFAIL is now it need not be the next time. */
static const struct known *
know(struct role *r, const struct route_found *f, struct known **once)
{
	struct lookup *l = lookup_of(r);
	uint8_t room[4 + ADDR_LOCAL_MAX];
	struct span key = key_of(r, f, room);
	struct map_node *n = map_find(&l->known, key);
	struct known *k;

	if (n != NULL)
		return MAP_OWNER(n, struct known, node);
	k = find_out(r, f, key);
	*once = k;
	if (k == NULL || k->route == LOOKUP_TEMPFAIL)
		return k;
	if (l->nknown + k->noctets > KNOWN_MAX ||
	    map_count(&l->known) >= KNOWN_NAMES_MAX)
		lookup_aliases_forget(r);
	if (map_add(&l->known, span_of(k->octets + k->noctets, key.n),
	    &k->node) != ERR_OK)
		return k;
	l->nknown += k->noctets;
	*once = NULL;
	return k;
}

/* From a member on: as many as fit. */
static void
answer_part(const struct known *k, uint32_t from,
    struct lookup_rcpt_answer *m)
{
	struct span list = span_of(k->octets, k->noctets), at;
	struct lookup_member one;
	uint32_t i = 0;

	while (i < from && ipc_list_next(&ipc_lookup_member, &list, &one) ==
	    ERR_OK)
		i++;
	at = list;
	while (ipc_list_next(&ipc_lookup_member, &list, &one) == ERR_OK) {
		if ((size_t)(list.p - at.p) > LOOKUP_MEMBERS_SIZE)
			break;
		m->members = span_of(at.p, (size_t)(list.p - at.p));
		i++;
	}
	m->next = i < k->n ? i : 0;
	m->is_list = k->has_list;
	/* Who asks behind the last one has been told of other files. */
	if (m->members.n == 0)
		m->route = LOOKUP_TEMPFAIL;
}

void
lookup_expand(struct role *r, const struct role_peer *to,
    const struct route_found *f, const struct lookup_rcpt *q,
    struct lookup_rcpt_answer *m, struct known **once)
{
	const struct known *k = role_is_slow(to) ? NULL : know(r, f, once);

	m->route = k == NULL ? LOOKUP_TEMPFAIL : k->route;
	if (m->route == LOOKUP_ALIAS)
		answer_part(k, q->from, m);
}

/* Who shares a name with an alias of his keeps what is his by that name. */
static const struct expand_member *
namesake(const struct expand *x, const struct route_found *f)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (x->members[i].domain == f->domain &&
		    span_eq_nocase(x->members[i].user->name, f->alias->name))
			return &x->members[i];
	return x->n == 1 && x->nmissing == 0 ? &x->members[0] : NULL;
}

struct route_found
lookup_mailbox(struct role *r, struct span address, bool is_user)
{
	struct route_found f = is_user ? find_user(r, address) :
	    lookup_find(r, address);
	const struct route_tables tables = tables_of(r);
	struct expand x = expand_make(&lookup_of(r)->key);
	const struct expand_member *m = NULL;
	enum expand_result result;

	if (f.route != ROUTE_ALIAS)
		return f;
	result = expand_run(&x, r->config, &f, &tables);
	if (result == EXPAND_OK)
		m = namesake(&x, &f);
	f = (struct route_found){ .route = ROUTE_UNKNOWN };
	if (results[result].route == LOOKUP_TEMPFAIL)
		f.route = ROUTE_TEMPFAIL;
	if (m != NULL && m->domain != NULL)
		f = (struct route_found){ .route = ROUTE_LOCAL,
			.domain = m->domain, .user = m->user };
	expand_free(&x);
	return f;
}
