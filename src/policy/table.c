#include "policy/table.h"
#include "config/users.h"

#define TABLE_MEMORY	(256u * 1024 * 1024)

struct table
table_make(const struct siphash_key *key)
{
	return (struct table){
		.users = map_make(*key),
		.memory = arena_make(TABLE_MEMORY, 0),
	};
}

void
table_free(struct table *t)
{
	map_free(&t->users);
	arena_free(&t->memory);
	t->first = NULL;
	t->first_login = NULL;
	t->first_scram = NULL;
	t->first_plain = NULL;
	t->is_there = false;
}

static void
note_firsts(struct table *t, struct table_user *u)
{
	if (t->first == NULL)
		t->first = u;
	if (span_eq(u->hash, SPAN("*")))
		return;
	if (t->first_login == NULL)
		t->first_login = u;
	if (u->verifier.n == 0 && t->first_plain == NULL)
		t->first_plain = u;
	if (u->verifier.n > 0 && t->first_scram == NULL)
		t->first_scram = u;
}

static enum err
add_user(struct table *t, const struct users_line *line)
{
	uint8_t folded[USERS_NAME_MAX];
	struct span key = span_lower(line->name, folded);
	struct table_user *u;
	void *room;
	enum err e;

	if (map_find(&t->users, key) != NULL)
		return ERR_SYNTAX;
	e = arena_get(&t->memory, sizeof *u, &room);
	if (e != ERR_OK)
		return e;
	u = room;
	memset(u, 0, sizeof *u);
	e = arena_copy(&t->memory, line->name, &u->name);
	if (e == ERR_OK)
		e = arena_copy(&t->memory, line->hash, &u->hash);
	if (e == ERR_OK)
		e = arena_copy(&t->memory, line->verifier, &u->verifier);
	if (e == ERR_OK)
		e = arena_copy(&t->memory, key, &key);
	if (e == ERR_OK)
		e = map_add(&t->users, key, &u->node);
	if (e != ERR_OK)
		return e;
	note_firsts(t, u);
	return ERR_OK;
}

static size_t
line_of(struct span text, const uint8_t *p)
{
	size_t line = 1;

	for (size_t i = 0; i < text.n && text.p + i < p; i++)
		line += text.p[i] == '\n';
	return line;
}

enum err
table_replace(struct table *t, struct span text, size_t *line)
{
	struct table fresh = table_make(&t->users.key);
	struct span rest = text;
	struct users_line u;
	enum err e;

	while ((e = users_next(&rest, &u)) == ERR_OK)
		if ((e = add_user(&fresh, &u)) != ERR_OK)
			break;
	if (e != ERR_NONE) {
		if (e == ERR_SYNTAX)
			*line = line_of(text, u.name.p);
		table_free(&fresh);
		return e;
	}
	table_free(t);
	*t = fresh;
	t->is_there = true;
	return ERR_OK;
}

const struct table_user *
table_find(const struct table *t, struct span name)
{
	uint8_t folded[USERS_NAME_MAX];
	struct map_node *n;

	if (name.n == 0 || name.n > sizeof folded)
		return NULL;
	n = map_find(&t->users, span_lower(name, folded));
	return n == NULL ? NULL : MAP_OWNER(n, struct table_user, node);
}

struct span
table_without_detail(struct span local, struct span separators)
{
	size_t n = 0;

	while (n < local.n && span_find(separators, local.p[n]) ==
	    separators.n)
		n++;
	return span_of(local.p, n);
}

static const struct table_user *
postmaster_of(const struct table *t, const struct table_names *names)
{
	const struct table_user *u = table_find(t, names->postmaster);

	return u != NULL ? u : t->first;
}

const struct table_user *
table_mailbox(const struct table *t, struct span local,
    const struct table_names *names)
{
	struct span name = table_without_detail(local, names->separators);
	const struct table_user *u = table_find(t, local);

	if (u == NULL)
		u = table_find(t, name);
	if (u == NULL && span_eq_nocase(name, SPAN("postmaster")))
		u = postmaster_of(t, names);
	return u != NULL ? u : table_find(t, names->catch_all);
}

struct span
table_local(const struct addr *a, uint8_t room[ADDR_LOCAL_MAX])
{
	size_t n = 0;

	if (!a->is_quoted || a->local.n < 2 || a->local.n > ADDR_LOCAL_MAX)
		return a->local;
	for (size_t i = 1; i + 1 < a->local.n; i++) {
		if (a->local.p[i] == '\\' && i + 2 < a->local.n)
			i++;
		room[n++] = a->local.p[i];
	}
	return span_of(room, n);
}
