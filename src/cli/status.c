/*
 * status.c - `posthorse status`: which processes run, what was counted.
 */
#include "cli/ask.h"
#include "cli/rows.h"

#include <stdio.h>

static const struct row_column role_columns[] = {
	{ "role", "ROLE", ROW_TEXT },
	{ "since_ms", "SINCE", ROW_TIME },
	{ "starts", "STARTS", ROW_TEXT },
};
static const struct row_column count_columns[] = {
	{ "event", "EVENT", ROW_TEXT },
	{ "count", "COUNT", ROW_TEXT },
};

struct tables {
	struct row_table	*roles, *counts;
};

static void
add(void *ctx, struct span json)
{
	struct tables *t = ctx;

	row_table_add(t->roles, json);
	row_table_add(t->counts, json);
}

int
cli_status(const struct cli *cli, int argc, char **argv UNUSED)
{
	struct tables t = { 0 };
	struct cli_ask ask = { .verb = STEER_STATUS, .row = cli_row_print };
	int status;

	if (argc > 1)
		return cli_usage("status", "status takes no words");
	if (cli->is_json)
		return cli_ask(cli, &ask);
	t.roles = row_table_new(role_columns, COUNT(role_columns));
	t.counts = row_table_new(count_columns, COUNT(count_columns));
	if (t.roles == NULL || t.counts == NULL)
		return EX_OSERR;
	row_table_want(t.roles, "kind", "role");
	row_table_want(t.counts, "kind", "count");
	ask.row = add;
	ask.ctx = &t;
	status = cli_ask(cli, &ask);
	row_table_print(t.roles);
	if (status == EX_OK)
		(void)puts("");
	row_table_print(t.counts);
	return status;
}
