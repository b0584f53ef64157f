/*
 * expand.c - aliases are opened in the order in which they are met.
 */
#include "policy/expand.h"

#define EXPAND_MEMORY	(8u * 1024 * 1024)
#define SUBJECT_MAX	(8u + ADDR_MAX + 2)

/* A name or address that was met, in the map by its kind and octets. */
struct seen {
	struct map_node	node;
};
/* One alias that is still to be opened, and the one that names it. */
struct pending {
	const struct alias		*alias;
	const struct config_domain	*domain;
	struct pending			*next;
	const struct pending		*above;
	uint32_t			 depth;
	struct span			 owner;		/* of its members */
};
struct run {
	struct expand			*x;
	const struct config		*c;
	const struct route_tables	*tables;
	struct pending			*first, **last;
	uint32_t			 looks;
	enum expand_result		 result;
	bool				 is_loop;
};

struct expand
expand_make(const struct siphash_key *key)
{
	return (struct expand){
		.memory = arena_make(EXPAND_MEMORY, 0),
		.seen = map_make(*key),
	};
}

void
expand_free(struct expand *x)
{
	map_free(&x->seen);
	arena_free(&x->memory);
}

static bool
stop(struct run *r, enum expand_result result)
{
	r->result = result;
	return false;
}

/* --- what was met --- */

/*
 * Kind, then a domain's number or nothing, then octets in lower case.  What
 * servers of others make of case is not known: their local parts keep it.
 */
static struct span
subject(char kind, size_t domain, struct span text, uint8_t room[SUBJECT_MAX])
{
	struct span local = SPAN(""), rest;
	size_t n = 0;

	room[n++] = (uint8_t)kind;
	for (unsigned int i = 0; i < 4; i++)
		room[n++] = (uint8_t)(domain >> 8 * i);
	if (kind == 'r')
		(void)addr_split(text, &local, &rest);
	for (size_t i = 0; i < text.n && n < SUBJECT_MAX; i++)
		room[n++] = i < local.n ? text.p[i] : ascii_lower(text.p[i]);
	return span_of(room, n);
}

/* ERR_NONE: it was met before. */
static enum err
meet(struct run *r, char kind, size_t domain, struct span text)
{
	uint8_t room[SUBJECT_MAX];
	struct span key = subject(kind, domain, text, room);
	struct seen *s;
	void *p;
	enum err e;

	if (map_find(&r->x->seen, key) != NULL)
		return ERR_NONE;
	e = arena_copy(&r->x->memory, key, &key);
	if (e == ERR_OK)
		e = arena_get(&r->x->memory, sizeof *s, &p);
	if (e != ERR_OK)
		return e;
	s = p;
	memset(s, 0, sizeof *s);
	return map_add(&r->x->seen, key, &s->node);
}

static size_t
number_of(const struct run *r, const struct config_domain *d)
{
	return (size_t)(d - r->c->domains);
}

/* --- members --- */

/* False: the end, for the reason in r->result. */
static bool
add_member(struct run *r, const struct expand_member *m)
{
	enum err e = m->domain != NULL ?
	    meet(r, 'u', number_of(r, m->domain), m->user->name) :
	    meet(r, 'r', 0, m->address);

	if (e == ERR_NONE)
		return true;
	if (e != ERR_OK)
		return stop(r, EXPAND_NO_MEMORY);
	if (r->x->n == EXPAND_MEMBERS_MAX)
		return stop(r, EXPAND_TOO_MANY);
	r->x->members[r->x->n++] = *m;
	return true;
}

static void
note_missing(struct run *r, const struct pending *of, struct span address)
{
	if (r->x->nmissing++ == 0)
		r->x->missing = (struct expand_missing){ of->alias,
			of->domain, address };
}

/* local@domain, in the run's memory; local is unquoted. */
static bool
join(struct run *r, struct span local, const struct config_domain *d,
    struct span *address)
{
	const struct span domain = span_str(d->name);
	struct buf text = buf_make(2 * ADDR_LOCAL_MAX + 3 + ADDR_DOMAIN_MAX);
	enum err e = addr_join(local, domain, &text);

	if (e == ERR_OK)
		e = arena_copy(&r->x->memory, buf_span(&text), address);
	buf_free(&text);
	return e == ERR_OK || stop(r, EXPAND_NO_MEMORY);
}

static bool
whole(struct run *r, const struct alias_target *t,
    const struct config_domain *d, struct span *address)
{
	*address = t->text;
	return t->has_domain || join(r, t->text, d, address);
}

#define OWNER	"owner-"

/* RFC 5321 3.9.2: who hears of what becomes of a list's mail; else as before. */
static bool
find_owner(struct run *r, const struct route_found *f, struct span *owner)
{
	uint8_t name[sizeof OWNER - 1 + ADDR_LOCAL_MAX];
	size_t n = sizeof OWNER - 1 + f->alias->name.n;
	const struct aliases *all = r->tables->aliases(r->tables->ctx,
	    number_of(r, f->domain));
	const struct alias *found;

	memcpy(name, OWNER, sizeof OWNER - 1);
	memcpy(name + sizeof OWNER - 1, f->alias->name.p, f->alias->name.n);
	found = aliases_find(all, span_of(name, n));
	if (found == NULL)
		return true;
	r->x->has_list = true;
	return join(r, found->name, f->domain, owner);
}

static bool
push(struct run *r, const struct route_found *f, const struct pending *above)
{
	uint32_t depth = above == NULL ? 1 : above->depth + 1;
	struct span owner = above == NULL ? SPAN("") : above->owner;
	struct pending *p;
	void *room;

	if (depth > EXPAND_DEPTH_MAX)
		return stop(r, EXPAND_LOOP);
	if (!find_owner(r, f, &owner))
		return false;
	if (arena_get(&r->x->memory, sizeof *p, &room) != ERR_OK)
		return stop(r, EXPAND_NO_MEMORY);
	p = room;
	*p = (struct pending){ f->alias, f->domain, NULL, above, depth, owner };
	*r->last = p;
	r->last = &p->next;
	return true;
}

static struct route_found
look(const struct run *r, const struct pending *of,
    const struct alias_target *t)
{
	if (t->has_domain)
		return route_find(r->c, t->text, r->tables);
	return (t->is_user ? route_user : route_local)(r->c,
	    number_of(r, of->domain), t->text, r->tables);
}

/* Is it being opened: of is inside of it? */
static bool
is_above(const struct pending *of, const struct alias *a)
{
	for (; of != NULL; of = of->above)
		if (of->alias == a)
			return true;
	return false;
}

/*
 * One that was not met yet is opened later, and one that was met elsewhere is
 * opened once: *f stays ROUTE_ALIAS.  One that comes back to itself is the user of
 * that name, or comes to nothing.
 */
static bool
open_alias(struct run *r, struct route_found *f, const struct pending *of)
{
	enum err e = meet(r, 'a', number_of(r, f->domain), f->alias->name);

	if (e == ERR_OK)
		return push(r, f, of);
	if (e != ERR_NONE)
		return stop(r, EXPAND_NO_MEMORY);
	if (!is_above(of, f->alias))
		return true;
	r->is_loop = true;
	*f = route_user(r->c, number_of(r, f->domain), f->alias->name,
	    r->tables);
	return true;
}

static bool
add_target(struct run *r, const struct pending *of,
    const struct alias_target *t)
{
	struct route_found f = look(r, of, t);
	struct expand_member m = { .owner = of->owner };

	if (++r->looks > EXPAND_LOOKS_MAX)
		return stop(r, EXPAND_TOO_MANY);
	if (f.route == ROUTE_ALIAS && (!open_alias(r, &f, of) ||
	    f.route == ROUTE_ALIAS))
		return r->result == EXPAND_OK;
	if (!whole(r, t, of->domain, &m.address))
		return false;
	switch (f.route) {
	case ROUTE_LOCAL:
		m.domain = f.domain;
		m.user = f.user;
		return add_member(r, &m);
	case ROUTE_REMOTE:
		return add_member(r, &m);
	case ROUTE_TEMPFAIL:
		return stop(r, EXPAND_TEMPFAIL);
	case ROUTE_UNKNOWN:
	case ROUTE_NO_MAIL:
	case ROUTE_ALIAS:
	case ROUTE_COUNT:
	default:
		note_missing(r, of, m.address);
		return true;
	}
}

static void
run_all(struct run *r)
{
	for (; r->first != NULL; r->first = r->first->next)
		for (uint32_t i = 0; i < r->first->alias->n; i++)
			if (!add_target(r, r->first,
			    &r->first->alias->targets[i]))
				return;
}

enum expand_result
expand_run(struct expand *x, const struct config *c,
    const struct route_found *from, const struct route_tables *tables)
{
	struct run r = { .x = x, .c = c, .tables = tables,
		.result = EXPAND_OK };
	struct route_found f = *from;
	void *p;

	r.last = &r.first;
	if (arena_get(&x->memory, EXPAND_MEMBERS_MAX * sizeof *x->members,
	    &p) != ERR_OK)
		return EXPAND_NO_MEMORY;
	x->members = p;
	if (open_alias(&r, &f, NULL)) {
		x->is_list = r.first->owner.n > 0;
		run_all(&r);
	}
	if (r.result == EXPAND_OK && x->n == 0)
		return r.is_loop ? EXPAND_LOOP : EXPAND_NOBODY;
	return r.result;
}
