/*
 * rows.c - from JSON to cells and tables (libsmartcols).
 */
#include "cli/rows.h"

#include "base/log.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct row_table {
	const struct row_column	*columns;
	size_t			 ncolumns, nrows;
	struct libscols_table	*table;
	const char		*member, *value;	/* or NULL: all */
};

/* Cells */

/* What does not fit into a cell is left out. */
static void
put(struct buf *b, struct span s)
{
	s.n = MIN(s.n, b->limit - b->n);
	/* Without memory the cell stays shorter still. */
	if (s.n > 0 && buf_add(b, s) != ERR_OK)
		return;
}

static void
put_str(struct buf *b, const char *s)
{
	put(b, span_str(s));
}

/* Most of what comes is escaped already; then its marks stay as they are. */
static void
add_safe(struct buf *b, struct span s)
{
	char escaped[3 * ROW_CELL_MAX];
	size_t n, marks = 0;
	bool is_cut;

	for (size_t i = 0; i < s.n; i++)
		marks += s.p[i] == '\\' || s.p[i] == '"';
	n = log_escape(s, escaped, sizeof escaped, &is_cut);
	if (is_cut || n != s.n + marks)
		s = span_of(escaped, n);
	put(b, s);
}

static void
add_scalar(struct buf *b, const json_t *v)
{
	char number[32];

	if (json_is_string(v))
		add_safe(b, span_of(json_string_value(v),
		    json_string_length(v)));
	else if (json_is_integer(v))
		(void)snprintf(number, sizeof number, "%lld",
		    (long long)json_integer_value(v));
	else
		(void)snprintf(number, sizeof number, "%s",
		    json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "");
	if (!json_is_string(v))
		put_str(b, number);
}

static void
add_text(struct buf *b, const json_t *v)
{
	size_t i;
	json_t *item;

	if (!json_is_array(v)) {
		add_scalar(b, v);
		return;
	}
	json_array_foreach(v, i, item) {
		put_str(b, i > 0 ? ", " : "");
		add_scalar(b, item);
	}
}

static void
add_address(struct buf *b, const json_t *v)
{
	put_str(b, "<");
	add_text(b, v);
	put_str(b, ">");
}

static void
add_time(struct buf *b, const json_t *v)
{
	time_t t = (time_t)(json_integer_value(v) / 1000);
	struct tm tm;
	char text[32];

	if (json_integer_value(v) > 0 && localtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0)
		put_str(b, text);
}

static void
add_size(struct buf *b, const json_t *v)
{
	static const char units[] = " KMGT";
	double n = (double)json_integer_value(v);
	size_t unit = 0;
	char text[32];

	while (n >= 1024 && unit + 2 < sizeof units) {
		n /= 1024;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(text, sizeof text, "%.0f", n);
	else
		(void)snprintf(text, sizeof text, "%.*f%c", n < 10, n,
		    units[unit]);
	put_str(b, text);
}

void
row_value(const json_t *value, enum row_kind kind, char text[ROW_CELL_MAX])
{
	static void (*const kinds[])(struct buf *, const json_t *) = {
		[ROW_TEXT] = add_text,
		[ROW_ADDRESS] = add_address,
		[ROW_TIME] = add_time,
		[ROW_SIZE] = add_size,
	};
	struct buf b = buf_make(ROW_CELL_MAX - 1);

	kinds[kind](&b, value);
	if (b.n > 0)
		memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_free(&b);
}

bool
row_cell(const json_t *row, const char *member, enum row_kind kind,
    char text[ROW_CELL_MAX])
{
	const json_t *v = json_object_get(row, member);

	text[0] = '\0';
	if (v != NULL)
		row_value(v, kind, text);
	return v != NULL;
}

json_t *
row_parse(struct span json)
{
	return json_loadb((const char *)json.p, json.n, 0,
	    NULL);
}

/* Tables */

struct row_table *
row_table_new(const struct row_column *columns, size_t n)
{
	struct row_table *t = calloc(1, sizeof *t);
	bool is_good;

	if (t == NULL)
		return NULL;
	t->columns = columns;
	t->ncolumns = n;
	t->table = scols_new_table();
	is_good = t->table != NULL;
	for (size_t i = 0; is_good && i < n; i++)
		is_good = scols_table_new_column(t->table, columns[i].title,
		    0, columns[i].kind == ROW_SIZE ? SCOLS_FL_RIGHT :
		    i + 1 == n ? SCOLS_FL_TRUNC : 0) != NULL;
	if (is_good)
		return t;
	scols_unref_table(t->table);
	free(t);
	return NULL;
}

void
row_table_want(struct row_table *t, const char *member, const char *value)
{
	t->member = member;
	t->value = value;
}

static bool
is_wanted(const struct row_table *t, const json_t *row)
{
	const char *value;

	if (t->member == NULL)
		return true;
	value = json_string_value(json_object_get(row, t->member));
	return value != NULL && strcmp(value, t->value) == 0;
}

void
row_table_add(void *ctx, struct span json)
{
	struct row_table *t = ctx;
	json_t *row = row_parse(json);
	struct libscols_line *line = NULL;
	char text[ROW_CELL_MAX];

	if (row != NULL && is_wanted(t, row))
		line = scols_table_new_line(t->table, NULL);
	for (size_t i = 0; line != NULL && i < t->ncolumns; i++) {
		(void)row_cell(row, t->columns[i].member, t->columns[i].kind,
		    text);
		(void)scols_line_set_data(line, i, text);
	}
	t->nrows += line != NULL;
	json_decref(row);
}

size_t
row_table_count(const struct row_table *t)
{
	return t->nrows;
}

void
row_table_print(struct row_table *t)
{
	if (t->nrows > 0)
		(void)scols_print_table(t->table);
	scols_unref_table(t->table);
	free(t);
}

void
row_print(json_t *row)
{
	if (row != NULL && json_dumpf(row, stdout, JSON_COMPACT) == 0)
		(void)putchar('\n');
	json_decref(row);
}
