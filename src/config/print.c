/*
 * print.c - an effective configuration as text that the parser reads back.
 */
#include "config/match.h"
#include "config/value.h"

#include <stdio.h>

#define ORIGIN_COLUMN	56	/* where `# file:line` begins */

static const char *const user_names[] = {
	[CONFIG_USER_SMTP] = "smtp", [CONFIG_USER_LOOKUP] = "lookup",
	[CONFIG_USER_DNS] = "dns", [CONFIG_USER_QUEUE] = "queue",
	[CONFIG_USER_SEND] = "send", [CONFIG_USER_MAIL] = "mail",
	[CONFIG_USER_ADMIN] = "admin", [CONFIG_USER_KEYS] = "keys",
	[CONFIG_USER_STATE] = "state", [CONFIG_USER_BACKEND] = "backend",
};
_Static_assert(COUNT(user_names) == CONFIG_USER_COUNT, "each has a word");

const char *
config_user_name(enum config_user user)
{
	return user_names[user];
}

void
config_where_print(const struct config *c, struct config_where where,
    char *to, size_t room)
{
	if (where.file == 0)
		(void)snprintf(to, room, "default");
	else
		(void)snprintf(to, room, "%s:%u", c->files[where.file - 1],
		    where.line);
}

struct printer {
	const struct config	*c;
	struct buf		*to;
	bool			 with_origin, is_snapshot;
	size_t			 line;		/* offset of the line's start */
	enum err		 error;
};

static void
text(struct printer *p, const char *s)
{
	if (p->error == ERR_OK)
		p->error = buf_add(p->to, span_str(s));
}

static void
end_line_of(struct printer *p, const char *origin)
{
	if (p->with_origin) {
		size_t n = p->to->n - p->line;

		if (p->error == ERR_OK)
			p->error = buf_addf(p->to, "%*s # %s",
			    n < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - n) : 0,
			    "", origin);
	}
	text(p, "\n");
	p->line = p->to->n;
}

static void
end_line(struct printer *p, struct config_where where)
{
	char origin[2 * CONFIG_WORD_MAX];

	config_where_print(p->c, where, origin, sizeof origin);
	end_line_of(p, origin);
}

/* ` name value`, or nothing when it is not set. */
static bool
pair(struct printer *p, const struct schema_row *row, const void *object,
    const char *before)
{
	size_t start = p->to->n, bare;

	text(p, before);
	text(p, row->name);
	if (row->name[0] != '\0')
		text(p, " ");
	bare = p->to->n;
	if (p->error == ERR_OK)
		p->error = row->type->print(row,
		    (const char *)object + row->offset, p->to);
	if (p->error != ERR_OK || p->to->n > bare)
		return true;
	buf_cut(p->to, start);
	return false;
}

static void
print_object(struct printer *p, enum schema_scope scope, const void *object)
{
	const struct schema_object *o = &schema_objects[scope];
	const struct config_where *where = object;
	size_t n, first = 0;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	ASSERT(n > 0);		/* an object has rows */
	text(p, o->name);
	while (first < n && where[first].file == 0)
		first++;
	for (size_t i = 0; i < n && !o->is_block; i++)
		(void)pair(p, &rows[i], object, " ");
	if (o->is_block) {
		(void)pair(p, &rows[0], object, " ");
		text(p, " {");
	}
	end_line(p, where[first % n]);
	if (!o->is_block)
		return;
	for (size_t i = 1; i < n; i++)
		if (pair(p, &rows[i], object, "\t"))
			end_line(p, where[i]);
	text(p, "}\n");
	p->line = p->to->n;
}

static void
print_objects(struct printer *p, enum schema_scope scope)
{
	const struct schema_object *o = &schema_objects[scope];
	const char *base = *(const char *const *)(const void *)
	    ((const char *)p->c + o->array);
	size_t count = *(const size_t *)(const void *)
	    ((const char *)p->c + o->count);

	for (size_t i = 0; i < count; i++)
		if (schema_is_of(scope, base + i * o->size))
			print_object(p, scope, base + i * o->size);
}

static void
print_setting(struct printer *p, const struct schema_row *row)
{
	if (pair(p, row, p->c, "")) {
		end_line(p, p->c->where[schema_row_index(row)]);
	} else if (p->with_origin) {
		text(p, "# ");
		text(p, row->name);
		text(p, " is not set\n");
		p->line = p->to->n;
	}
}

/* A role's snapshot has in the rule where somebody wrote it: the log says so. */
static void
print_rules(struct printer *p)
{
	const struct config_rules *all = p->c->rules;

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		if (p->error == ERR_OK)
			p->error = config_match_print(p->c, &all->rules[i],
			    p->is_snapshot, p->to);
		end_line_of(p, all->rules[i].origin);
	}
}

static enum err
print_all(struct printer p)
{
	size_t n;
	const struct schema_row *rows = schema_scope_rows(SCOPE_TOP, &n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].opens != SCOPE_TOP)
			print_objects(&p, rows[i].opens);
		else if (rows[i].type == &value_match)
			print_rules(&p);
		else if (rows[i].type->print != NULL)
			print_setting(&p, &rows[i]);
	}
	return p.error;
}

enum err
config_print(const struct config *c, bool with_origin, struct buf *to)
{
	return print_all((struct printer){ .c = c, .to = to,
	    .with_origin = with_origin, .line = to->n });
}

enum err
config_print_snapshot(const struct config *c, struct buf *to)
{
	return print_all((struct printer){ .c = c, .to = to,
	    .is_snapshot = true, .line = to->n });
}
