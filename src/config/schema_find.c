/*
 * schema_find.c - the row that words mean.
 */
#include "config/schema.h"
#include "config/suggest.h"

bool
schema_is_of(enum schema_scope scope, const void *object)
{
	const struct schema_object *o = &schema_objects[scope];
	unsigned int kind;

	if (o->kind_at == 0)
		return true;
	memcpy(&kind, (const char *)object + o->kind_at, sizeof kind);
	return kind == o->kind;
}

const struct schema_row *
schema_scope_rows(enum schema_scope scope, size_t *count)
{
	size_t first = 0, n = 0;

	while (schema_rows[first].scope != scope)
		first++;
	while (first + n < schema_nrows &&
	    schema_rows[first + n].scope == scope)
		n++;
	*count = n;
	return &schema_rows[first];
}

size_t
schema_row_index(const struct schema_row *row)
{
	size_t n;

	return (size_t)(row - schema_scope_rows(row->scope, &n));
}

/* Take the next word off a row's name; empty at its end. */
static struct span
name_word(struct span *name)
{
	size_t space = span_find(*name, ' ');
	struct span word = span_take(name, space);

	if (name->n > 0)
		*name = span_skip(*name, 1);
	return word;
}

/* How many of the row's words stand at the front; *is_whole: all of them. */
static size_t
match_row(const struct schema_row *row, const struct word *words,
    size_t nwords, bool *is_whole)
{
	struct span name = span_str(row->name);
	size_t i = 0;

	while (name.n > 0 && i < nwords && !words[i].is_quoted) {
		struct span left = name;

		if (!span_eq(name_word(&left), words[i].text))
			break;
		name = left;
		i++;
	}
	*is_whole = i > 0 && name.n == 0;
	return i;
}

const struct schema_row *
schema_match(enum schema_scope scope, const struct word *words,
    size_t nwords, size_t *used)
{
	const struct schema_row *best = NULL;
	size_t n, furthest = 0, best_used = 0;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	for (size_t i = 0; i < n; i++) {
		bool is_whole;
		size_t got = match_row(&rows[i], words, nwords, &is_whole);

		furthest = MAX(furthest, got);
		if (is_whole && got > best_used) {
			best = &rows[i];
			best_used = got;
		}
	}
	*used = best != NULL ? best_used : furthest;
	return best;
}

struct span
schema_meant(enum schema_scope scope, const struct word *words, size_t used)
{
	struct span meant = { 0 };
	size_t n, nearest = SIZE_MAX;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	for (size_t i = 0; i < n; i++) {
		struct span name = span_str(rows[i].name), word = { 0 };
		bool is_whole;
		size_t distance;

		if (match_row(&rows[i], words, used, &is_whole) < used)
			continue;
		for (size_t k = 0; k <= used; k++)
			word = name_word(&name);
		if (word.n == 0)
			continue;
		distance = suggest_distance(words[used].text, word);
		if (distance < nearest) {
			nearest = distance;
			meant = word;
		}
	}
	return suggest_is_near(words[used].text, nearest) ? meant :
	    (struct span){ 0 };
}
