/*
 * queue.c - `posthorse queue`: look at what is on its way, and steer it.
 */
#include "cli/ask.h"
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

static const struct row_column list_columns[] = {
	{ "id", "ID", ROW_TEXT },
	{ "arrived_ms", "ARRIVED", ROW_TIME },
	{ "size", "SIZE", ROW_SIZE },
	{ "from", "FROM", ROW_ADDRESS },
	{ "to", "TO", ROW_TEXT },
	{ "attempts", "TRIES", ROW_TEXT },
	{ "next_ms", "NEXT", ROW_TIME },
	{ "why", "WHY", ROW_TEXT },
};
/* Of the message, told once. */
static const struct row_column shown[] = {
	{ "id", "id", ROW_TEXT },
	{ "arrived_ms", "arrived", ROW_TIME },
	{ "from", "from", ROW_ADDRESS },
	{ "originator", "handed in by", ROW_TEXT },
	{ "client", "client", ROW_TEXT },
	{ "helo", "helo", ROW_TEXT },
	{ "tls", "tls", ROW_TEXT },
	{ "size", "size", ROW_TEXT },
};
/* Of each destination that it still waits for. */
static const struct row_column waiting[] = {
	{ "domain", "waits for", ROW_TEXT },
	{ "to", "recipients", ROW_TEXT },
	{ "attempts", "tries", ROW_TEXT },
	{ "next_ms", "next try", ROW_TIME },
	{ "why", "why", ROW_TEXT },
};

static int
run_list(const struct cli *cli, struct cli_ask *ask)
{
	struct row_table *t;
	int status;

	if (cli->is_json)
		return cli_ask(cli, ask);
	t = row_table_new(list_columns, COUNT(list_columns));
	if (t == NULL)
		return EX_OSERR;
	ask->row = row_table_add;
	ask->ctx = t;
	status = cli_ask(cli, ask);
	if (status == EX_OK && row_table_count(t) == 0)
		(void)puts("The queue is empty.");
	row_table_print(t);
	return status;
}

static void
show_recipient(const json_t *r)
{
	static const char *const members[] = {
		"to", "state", "code", "status", "reply",
	};
	char text[ROW_CELL_MAX];

	(void)printf("  %-13s", "recipient");
	for (size_t i = 0; i < COUNT(members); i++)
		if (row_cell(r, members[i], ROW_TEXT, text) && text[0] != '\0')
			(void)printf(" %s", text);
	(void)putchar('\n');
}

static void
show_columns(const struct row_column *columns, size_t n, const json_t *row)
{
	char text[ROW_CELL_MAX];

	for (size_t i = 0; i < n; i++)
		if (row_cell(row, columns[i].member, columns[i].kind, text) &&
		    text[0] != '\0')
			(void)printf("  %-13s %s\n", columns[i].title, text);
}

/* A row is a destination; the message itself is told with the first. */
static void
show(void *ctx, struct span json)
{
	json_t *row = row_parse(json), *recipient;
	bool *is_told = ctx;
	size_t i;

	if (!*is_told) {
		show_columns(shown, COUNT(shown), row);
		json_array_foreach(json_object_get(row, "recipients"), i,
		    recipient)
			show_recipient(recipient);
	}
	*is_told = true;
	(void)putchar('\n');
	show_columns(waiting, COUNT(waiting), row);
	json_decref(row);
}

static int
run_show(const struct cli *cli, struct cli_ask *ask)
{
	bool is_told = false;

	if (!cli->is_json) {
		ask->row = show;
		ask->ctx = &is_told;
	}
	return cli_ask(cli, ask);
}

static int
run_change(const struct cli *cli, struct cli_ask *ask)
{
	int status = cli_ask(cli, ask);

	if (status != EX_OK)
		return status;
	if (cli->is_json)
		(void)printf("{\"count\":%llu}\n",
		    (unsigned long long)ask->count);
	else
		(void)printf("%llu %s\n", (unsigned long long)ask->count,
		    ask->count == 1 ? "message" : "messages");
	return EX_OK;
}

static const struct {
	const char	*word;
	enum steer_verb	 verb;
	bool		 needs_argument;
	int	       (*run)(const struct cli *, struct cli_ask *);
} orders[] = {
	{ "list",   STEER_QUEUE_LIST,   false, run_list },
	{ "show",   STEER_QUEUE_SHOW,   true,  run_show },
	{ "retry",  STEER_QUEUE_RETRY,  false, run_change },
	{ "delete", STEER_QUEUE_DELETE, true,  run_change },
	{ "hold",   STEER_QUEUE_HOLD,   true,  run_change },
	{ "release", STEER_QUEUE_RELEASE, true, run_change },
};

int
cli_queue(const struct cli *cli, int argc, char **argv)
{
	struct cli_ask ask = { .row = cli_row_print };
	const char *word = argc > 1 ? argv[1] : "list";

	if (argc > 3)
		return cli_usage("queue", "queue takes two words at most");
	ask.argument = argc > 2 ? argv[2] : NULL;
	for (size_t i = 0; i < COUNT(orders); i++) {
		if (strcmp(word, orders[i].word) != 0)
			continue;
		if (orders[i].needs_argument && ask.argument == NULL)
			return cli_usage("queue", "queue %s needs a message's "
			    "id", word);
		ask.verb = orders[i].verb;
		return orders[i].run(cli, &ask);
	}
	return cli_usage("queue", "there is no queue %s", word);
}
