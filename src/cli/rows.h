/*
 * rows.h - JSON rows of the server, for people: cells, times, tables.
 */
#ifndef POSTHORSE_CLI_ROWS_H
#define POSTHORSE_CLI_ROWS_H

#include "base/buf.h"

#include <jansson.h>

#define ROW_CELL_MAX	1024u	/* octets of a shown value */

/* How a member is shown; a missing one is "". */
enum row_kind {
	ROW_TEXT,	/* a string, a number, or a list of them */
	ROW_ADDRESS,	/* in <>, so that the null reverse-path is seen */
	ROW_TIME,	/* milliseconds since 1970, as local time */
	ROW_SIZE	/* octets: 10K, 3.2M */
};
struct row_column {
	const char	*member;
	const char	*title;
	enum row_kind	 kind;
};

/*
 * A member as one safe line: what could steer a terminal is escaped (ADM-3).
 * False: the row has no such member.
 */
bool row_cell(const json_t *row, const char *member, enum row_kind kind,
    char text[ROW_CELL_MAX]);
void row_value(const json_t *value, enum row_kind kind,
    char text[ROW_CELL_MAX]);
/* An object, or NULL when it is not JSON. */
json_t *row_parse(struct span json);

/* A table that is printed as a whole.  NULL: no memory. */
/* One line of JSON on standard output; row is freed, NULL is taken. */
void row_print(json_t *row);
struct row_table;
struct row_table *row_table_new(const struct row_column *columns, size_t n);
/* A cli_ask row handler; ctx is the table. */
void row_table_add(void *ctx, struct span json);
size_t row_table_count(const struct row_table *t);
/* Only rows whose member has this value. */
void row_table_want(struct row_table *t, const char *member,
    const char *value);
/* To standard output; frees it. */
void row_table_print(struct row_table *t);

#endif
