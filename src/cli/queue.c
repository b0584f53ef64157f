/*
 * queue.c - `posthorse queue`: look at what is on its way, and steer it.
 */
#include "cli/ask.h"
#include "cli/queue_filter.h"
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
run_list(const struct cli *cli, struct cli_ask *ask,
    const struct queue_words *w)
{
	struct row_table *t;
	int status;

	if (w->filter.is_dry || w->is_yes)
		return cli_usage("queue", "a list changes nothing");
	if (w->nids > 1)
		return cli_usage("queue", "one message at most, or --sender and "
		    "so on");
	ask->argument = w->nids > 0 ? w->ids[0] : NULL;
	if (cli->is_json)
		return cli_ask(cli, ask);
	t = row_table_new(list_columns, COUNT(list_columns));
	if (t == NULL)
		return EX_OSERR;
	ask->row = row_table_add;
	ask->ctx = t;
	status = cli_ask(cli, ask);
	if (status == EX_OK && row_table_count(t) == 0)
		(void)puts(w->has_filter ? "No message fits." :
		    "The queue is empty.");
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
run_show(const struct cli *cli, struct cli_ask *ask,
    const struct queue_words *w)
{
	bool is_told = false;

	if (w->nids != 1 || w->filter.is_dry || w->is_yes)
		return cli_usage("queue", "show needs one message's id");
	ask->argument = w->ids[0];
	if (!cli->is_json) {
		ask->row = show;
		ask->ctx = &is_told;
	}
	return cli_ask(cli, ask);
}

static void
say_count(const struct cli *cli, const struct cli_ask *ask, bool is_dry)
{
	unsigned long long count = ask->count, busy = ask->busy;

	if (cli->is_json)
		(void)printf("{\"count\":%llu,\"busy\":%llu}\n", count, busy);
	else
		(void)printf("%llu message%s%s\n", count, count == 1 ? "" : "s",
		    is_dry ? ", and nothing was changed" : "");
	if (!cli->is_json && busy > 0)
		(void)printf("%llu left alone: being delivered just now\n",
		    busy);
}

/* Each of those that were named; the first that cannot be ends it. */
static int
change_each(const struct cli *cli, struct cli_ask *ask,
    const struct queue_words *w)
{
	struct cli_ask all = { 0 };
	int status = EX_OK;

	for (size_t i = 0; status == EX_OK && i < w->nids; i++) {
		ask->argument = w->ids[i];
		ask->count = ask->busy = 0;
		status = cli_ask(cli, ask);
		all.count += ask->count;
	}
	if (status == EX_OK || all.count > 0)
		say_count(cli, &all, w->filter.is_dry != 0);
	return status;
}

/* Many at once, and nobody looked: first how many that would be. */
static int
change_all(const struct cli *cli, struct cli_ask *ask,
    const struct queue_words *w, bool is_harmless)
{
	bool is_dry = !w->is_yes && !is_harmless;
	int status;

	ask->filter.is_all = 1;
	ask->filter.is_dry |= is_dry;
	status = cli_ask(cli, ask);
	if (status != EX_OK)
		return status;
	say_count(cli, ask, ask->filter.is_dry != 0);
	if (!is_dry || w->filter.is_dry)
		return EX_OK;
	cli_complain("say --yes to do it");
	return EX_USAGE;
}

static int
run_change(const struct cli *cli, struct cli_ask *ask,
    const struct queue_words *w)
{
	bool is_retry = ask->verb == STEER_QUEUE_RETRY;

	if (w->nids > 0)
		return change_each(cli, ask, w);
	if (w->has_filter || is_retry)
		return change_all(cli, ask, w, is_retry);
	return cli_usage("queue", "which messages?  Their ids, or which ones by "
	    "an option, or --all");
}

static const struct {
	const char	*word;
	enum steer_verb	 verb;
	int	       (*run)(const struct cli *, struct cli_ask *,
			    const struct queue_words *);
} orders[] = {
	{ "list",   STEER_QUEUE_LIST,   run_list },
	{ "show",   STEER_QUEUE_SHOW,   run_show },
	{ "retry",  STEER_QUEUE_RETRY,  run_change },
	{ "delete", STEER_QUEUE_DELETE, run_change },
	{ "hold",   STEER_QUEUE_HOLD,   run_change },
	{ "release", STEER_QUEUE_RELEASE, run_change },
	{ "bounce", STEER_QUEUE_BOUNCE, run_change },
};

int
cli_queue(const struct cli *cli, int argc, char **argv)
{
	struct cli_ask ask = { .row = cli_row_print };
	const char *word = argc > 1 ? argv[1] : "list";
	struct queue_words w = { 0 };

	for (size_t i = 0; i < COUNT(orders); i++) {
		if (strcmp(word, orders[i].word) != 0)
			continue;
		if (argc > 2 && !queue_words_read(argc - 2, argv + 2, &w))
			return EX_USAGE;
		ask.verb = orders[i].verb;
		ask.filter = w.filter;
		return orders[i].run(cli, &ask, &w);
	}
	return cli_usage("queue", "there is no queue %s", word);
}
