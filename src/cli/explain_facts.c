/*
 * explain_facts.c - files, tables and fields that rules ask for.
 */
#include "cli/explain.h"

#include "config/users.h"
#include "mail/idn.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* Nobody chooses keys of ours to make this slow. */
static const struct siphash_key key = { 0, 0 };

static bool
read_whole(const char *path, size_t most, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum err e = ERR_IO;

	*to = buf_make(most);
	if (fd >= 0)
		e = file_read_all(fd, to);
	if (e != ERR_OK)
		cli_complain("%s cannot be read: %s", path, fd < 0 ?
		    strerror(errno) : err_name(e));
	file_close(fd);
	return e == ERR_OK;
}

/* --- files of rules --- */

/* Without its file a condition is in doubt, as it is for the server (RLY-3). */
static void
read_list(const struct config_list *from, struct list *to)
{
	struct buf text;
	size_t line = 0;

	*to = list_make(&key, from->kind);
	to->to_ascii = idn_entry;
	if (read_whole(from->path, LIST_FILE_MAX, &text) &&
	    list_replace(to, buf_span(&text), &line) != ERR_OK)
		cli_complain("%s:%zu: this is no entry of a %s file",
		    from->path, line, config_match_name(from->kind));
	buf_free(&text);
}

static size_t
count_lists(const struct explain *x)
{
	return x->c->rules == NULL ? 0 : x->c->rules->nlists;
}

bool
explain_read(struct explain *x)
{
	const struct config *c = x->c;
	size_t n = count_lists(x);

	x->memory = arena_make(RULES_MEMORY, 0);
	x->lists = calloc(n + 1, sizeof *x->lists);
	x->tables = calloc(c->ndomains + 1, sizeof *x->tables);
	x->aliases = calloc(c->ndomains + 1, sizeof *x->aliases);
	x->is_read = calloc(c->ndomains + 1, sizeof *x->is_read);
	if (x->lists == NULL || x->tables == NULL || x->is_read == NULL ||
	    x->aliases == NULL ||
	    rules_make(c->rules, &x->memory, &x->rules) != ERR_OK) {
		cli_complain("out of memory");
		return false;
	}
	for (size_t i = 0; i < n; i++)
		read_list(&c->rules->lists[i], &x->lists[i]);
	return true;
}

void
explain_free(struct explain *x)
{
	for (size_t i = 0; x->lists != NULL && i < count_lists(x); i++)
		list_free(&x->lists[i]);
	for (size_t i = 0; x->tables != NULL && i < x->c->ndomains; i++)
		table_free(&x->tables[i]);
	for (size_t i = 0; x->aliases != NULL && i < x->c->ndomains; i++)
		aliases_free(&x->aliases[i]);
	for (size_t i = 0; i < x->nto; i++)
		expand_free(&x->to[i].members);
	free(x->lists);
	free(x->tables);
	free(x->aliases);
	free(x->is_read);
	arena_free(&x->memory);
}

static struct span
lower(struct span subject, uint8_t room[RULES_SUBJECT_MAX])
{
	size_t n = MIN(subject.n, (size_t)RULES_SUBJECT_MAX);

	for (size_t i = 0; i < n; i++)
		room[i] = ascii_lower(subject.p[i]);
	return span_of(room, n);
}

void
explain_look(struct explain *x, enum config_match kind, struct span subject)
{
	uint8_t room[RULES_SUBJECT_MAX];

	if (kind != CONFIG_MATCH_CLIENT)
		subject = lower(subject, room);
	for (size_t i = 0; i < count_lists(x); i++) {
		uint64_t bit = UINT64_C(1) << i;
		const struct list *l = &x->lists[i];

		if (l->kind != kind || subject.n == 0)
			continue;
		x->facts.lists_yes &= ~bit;
		x->facts.lists_known &= ~bit;
		if (l->is_there)
			x->facts.lists_known |= bit;
		if (l->is_there && list_holds(l, subject))
			x->facts.lists_yes |= bit;
	}
}

/* --- users and aliases --- */

static void
read_aliases(const struct config_domain *d, struct aliases *a)
{
	struct alias_trouble trouble;
	struct buf text;
	enum err e = ERR_OK;

	*a = aliases_make(&key);
	if (d->aliases_file[0] == '\0')
		return;
	if (read_whole(d->aliases_file, ALIAS_FILE_MAX, &text))
		e = aliases_replace(a, buf_span(&text), &trouble);
	if (e == ERR_SYNTAX)
		cli_complain("%s:%zu: %s", d->aliases_file, trouble.line,
		    trouble.why);
	else if (e != ERR_OK)
		cli_complain("%s: %s", d->aliases_file, err_name(e));
	buf_free(&text);
}

static const struct table *
users_of(void *explain, size_t domain)
{
	struct explain *x = explain;
	const struct config_domain *d = &x->c->domains[domain];
	struct table *t = &x->tables[domain];
	struct buf text;
	size_t line = 0;

	if (x->is_read[domain])
		return t;
	x->is_read[domain] = true;
	read_aliases(d, &x->aliases[domain]);
	*t = table_make(&key);
	if (read_whole(d->users_file, USERS_FILE_MAX, &text) &&
	    table_replace(t, buf_span(&text), &line) != ERR_OK)
		cli_complain("%s:%zu: not name:hash, or a name twice",
		    d->users_file, line);
	buf_wipe(&text);
	buf_free(&text);
	return t;
}

/* Behind users_of(). */
static const struct aliases *
aliases_of(void *explain, size_t domain)
{
	struct explain *x = explain;

	return &x->aliases[domain];
}

void
explain_route(struct explain *x, struct explain_to *t)
{
	static const enum route routes[EXPAND_RESULT_COUNT] = {
		[EXPAND_OK] = ROUTE_ALIAS,
		[EXPAND_NOBODY] = ROUTE_UNKNOWN,
		[EXPAND_LOOP] = ROUTE_ALIAS,
		[EXPAND_TOO_MANY] = ROUTE_ALIAS,
		[EXPAND_TEMPFAIL] = ROUTE_TEMPFAIL,
		[EXPAND_NO_MEMORY] = ROUTE_TEMPFAIL,
	};
	const struct route_tables tables = { users_of, aliases_of, x };
	enum expand_result result;

	t->members = expand_make(&key);
	t->found = route_find(x->c, span_str(t->address), &tables);
	if (t->found.route != ROUTE_ALIAS)
		return;
	result = expand_run(&t->members, x->c, &t->found, &tables);
	t->found.route = routes[result];
	/* A part of what has no end is nothing. */
	if (result != EXPAND_OK)
		t->members.n = 0;
}

/* --- fields --- */

void
explain_fields(struct explain *x)
{
	struct content_scan scan;

	content_scan_begin(&scan, span_str(x->c->hostname));
	rules_fields_begin(&x->fields, &x->rules, &x->facts, &scan);
	content_scan_feed(&scan, buf_span(&x->header));
	content_scan_feed(&scan, SPAN("\r\n"));
	(void)content_scan_end(&scan);
	if (!x->has_size)
		x->facts.size = x->header.n + 2;
}
