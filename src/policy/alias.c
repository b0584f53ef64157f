/*
 * alias.c - read an aliases file: lines into entries, entries into targets.
 */
#include "policy/alias.h"

#include "base/buf.h"

#include <stdlib.h>

#define ALIAS_MEMORY	(512u * 1024 * 1024)
#define ENTRY_MAX	(1024u * 1024)	/* octets of a name and its targets */

struct reading {
	struct aliases		*to;
	struct span		 rest;
	size_t			 line;		/* of what rest begins with */
	struct buf		 entry;		/* without ends of lines */
	size_t			 entry_line;
	struct alias_target	 targets[ALIAS_TARGETS_MAX];
	uint32_t		 ntargets;
	struct alias_trouble	*trouble;
};

struct aliases
aliases_make(const struct siphash_key *key)
{
	return (struct aliases){
		.names = map_make(*key),
		.memory = arena_make(ALIAS_MEMORY, 0),
	};
}

void
aliases_free(struct aliases *a)
{
	map_free(&a->names);
	arena_free(&a->memory);
	a->is_there = false;
}

const struct alias *
aliases_find(const struct aliases *a, struct span local)
{
	uint8_t folded[ADDR_LOCAL_MAX];
	struct map_node *n;

	if (local.n == 0 || local.n > sizeof folded)
		return NULL;
	n = map_find(&a->names, span_lower(local, folded));
	return n == NULL ? NULL : MAP_OWNER(n, struct alias, node);
}

static enum err
wrong(struct reading *r, const char *why)
{
	*r->trouble = (struct alias_trouble){ r->entry_line, why };
	return ERR_SYNTAX;
}

/* --- lines --- */

static struct span
next_line(struct reading *r)
{
	struct span line = span_take(&r->rest, span_find(r->rest, '\n'));

	r->rest = span_skip(r->rest, MIN(r->rest.n, (size_t)1));
	r->line++;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Neither begins an entry nor ends one. */
static bool
is_nothing(struct span line)
{
	line = span_trim(line);
	return line.n == 0 || line.p[0] == '#';
}

/* The next name with all its lines.  ERR_NONE: the end. */
static enum err
next_entry(struct reading *r)
{
	enum err e = ERR_OK;

	buf_cut(&r->entry, 0);
	while (e == ERR_OK && r->rest.n > 0) {
		struct span before = r->rest, line = next_line(r);

		if (is_nothing(line))
			continue;
		if (r->entry.n > 0 && !is_blank(line.p[0])) {
			r->rest = before;
			r->line--;
			break;
		}
		if (r->entry.n == 0) {
			r->entry_line = r->line;
			if (is_blank(line.p[0]))
				return wrong(r, "goes on with no name");
		}
		e = buf_add(&r->entry, line);
	}
	if (e == ERR_FULL)
		return wrong(r, "more than 1 MiB of targets");
	return e != ERR_OK ? e : r->entry.n > 0 ? ERR_OK : ERR_NONE;
}

/* --- words --- */

/* Up to an octet that stands in no quotes; s.n when there is none. */
static size_t
find_unquoted(struct span s, uint8_t octet)
{
	bool is_quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (s.p[i] == octet && !is_quoted)
			return i;
	}
	return s.n;
}

/*
 * A local part, quoted or not, without its quotes; as an address would have it.
 * ERR_SYNTAX: none.
 */
static enum err
read_local(struct span text, uint8_t room[ADDR_LOCAL_MAX], struct span *local)
{
	uint8_t whole[ADDR_LOCAL_MAX + 2];
	struct addr a;
	size_t n = 0;

	if (text.n == 0 || text.n > ADDR_LOCAL_MAX)
		return ERR_SYNTAX;
	memcpy(whole, text.p, text.n);
	memcpy(whole + text.n, "@x", 2);
	if (addr_parse(span_of(whole, text.n + 2), &a) != ERR_OK ||
	    a.local.n != text.n)
		return ERR_SYNTAX;
	if (!a.is_quoted) {
		memcpy(room, text.p, text.n);
		*local = span_of(room, text.n);
		return ERR_OK;
	}
	for (size_t i = 1; i + 1 < text.n; i++) {
		if (text.p[i] == '\\' && i + 2 < text.n)
			i++;
		room[n++] = text.p[i];
	}
	*local = span_of(room, n);
	return n > 0 ? ERR_OK : ERR_SYNTAX;
}

/* What other servers deliver to and this one does not; NULL: it is none. */
static const char *
refusal_of(struct span text)
{
	if (span_starts(text, SPAN("\"")))
		text = span_skip(text, 1);
	if (span_starts(text, SPAN("|")))
		return "a program: not delivered to from here";
	if (span_starts(text, SPAN("/")))
		return "a file: not delivered to from here";
	if (span_starts_nocase(text, SPAN(":include:")))
		return ":include: is not read: name the targets here";
	return NULL;
}

static enum err
add_target(struct reading *r, struct span text)
{
	struct alias_target t = { .is_user = span_starts(text, SPAN("\\")) };
	const char *refusal = refusal_of(text);
	uint8_t room[ADDR_LOCAL_MAX];
	struct addr a;

	if (refusal != NULL)
		return wrong(r, refusal);
	if (r->ntargets == ALIAS_TARGETS_MAX)
		return wrong(r, "more than 1000 targets");
	if (t.is_user)
		text = span_skip(text, 1);
	t.has_domain = addr_parse(text, &a) == ERR_OK;
	t.text = text;
	if (!t.has_domain && read_local(text, room, &t.text) != ERR_OK)
		return wrong(r, "a target that is no address");
	if (t.has_domain && t.is_user)
		return wrong(r, "a backslash before an address with a domain");
	r->targets[r->ntargets++] = t;
	return arena_copy(&r->to->memory, t.text,
	    &r->targets[r->ntargets - 1].text);
}

static enum err
add_targets(struct reading *r, struct span text)
{
	enum err e = ERR_OK;

	r->ntargets = 0;
	while (e == ERR_OK && text.n > 0) {
		struct span one = span_take(&text, find_unquoted(text, ','));

		text = span_skip(text, MIN(text.n, (size_t)1));
		one = span_trim(one);
		/* A comma too many is no harm. */
		if (one.n > 0)
			e = add_target(r, one);
	}
	if (e == ERR_OK && r->ntargets == 0)
		return wrong(r, "a name without a target");
	return e;
}

/* --- names --- */

static enum err
keep(struct reading *r, struct span name)
{
	uint8_t folded[ADDR_LOCAL_MAX];
	size_t octets = r->ntargets * sizeof r->targets[0];
	struct span key = span_lower(name, folded);
	struct alias *a;
	void *room;
	enum err e = arena_get(&r->to->memory, sizeof *a + octets, &room);

	if (e != ERR_OK)
		return e;
	a = room;
	memset(a, 0, sizeof *a);
	memcpy(a + 1, r->targets, octets);
	a->targets = (const struct alias_target *)(const void *)(a + 1);
	a->n = r->ntargets;
	a->line = (uint32_t)MIN(r->entry_line, (size_t)UINT32_MAX);
	e = arena_copy(&r->to->memory, name, &a->name);
	if (e == ERR_OK)
		e = arena_copy(&r->to->memory, key, &key);
	return e != ERR_OK ? e : map_add(&r->to->names, key, &a->node);
}

static enum err
read_entry(struct reading *r)
{
	struct span text = buf_span(&r->entry), name;
	uint8_t room[ADDR_LOCAL_MAX];
	size_t colon = find_unquoted(text, ':');
	enum err e;

	if (colon == text.n)
		return wrong(r, "no colon behind the name");
	if (read_local(span_trim(span_of(text.p, colon)), room, &name) !=
	    ERR_OK)
		return wrong(r, "the name is no local part");
	if (aliases_find(r->to, name) != NULL)
		return wrong(r, "a name that stands there twice");
	e = add_targets(r, span_skip(text, colon + 1));
	return e != ERR_OK ? e : keep(r, name);
}

static enum err
read_all(struct reading *r)
{
	enum err e;

	while ((e = next_entry(r)) == ERR_OK)
		if ((e = read_entry(r)) != ERR_OK)
			return e;
	return e == ERR_NONE ? ERR_OK : e;
}

enum err
aliases_replace(struct aliases *a, struct span text, struct alias_trouble *t)
{
	struct aliases fresh = aliases_make(&a->names.key);
	struct reading *r = calloc(1, sizeof *r);
	enum err e = ERR_NOMEM;

	*t = (struct alias_trouble){ 0, "" };
	if (r != NULL) {
		r->to = &fresh;
		r->rest = text;
		r->entry = buf_make(ENTRY_MAX);
		r->trouble = t;
		e = read_all(r);
		buf_free(&r->entry);
	}
	free(r);
	if (e != ERR_OK) {
		aliases_free(&fresh);
		return e;
	}
	aliases_free(a);
	*a = fresh;
	a->is_there = true;
	return ERR_OK;
}
