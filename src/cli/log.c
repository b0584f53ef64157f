/*
 * log.c - `posthorse log`: follow what happens, as the log shows it.
 */
#include "cli/ask.h"
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

/* The members that have their place at the front of a line. */
static bool
is_front(const char *member)
{
	static const char *const front[] = {
		"time_ms", "source", "level", "id", "event",
	};

	for (size_t i = 0; i < COUNT(front); i++)
		if (strcmp(member, front[i]) == 0)
			return true;
	return false;
}

static void
print_pair(const char *member, const json_t *value)
{
	char text[ROW_CELL_MAX];
	bool is_plain;

	row_value(value, ROW_TEXT, text);
	is_plain = text[0] != '\0' && strpbrk(text, " \"\\=") == NULL;
	(void)printf(is_plain ? " %s=%s" : " %s=\"%s\"", member, text);
}

/* A list came of a key that stood there more than once. */
static void
print_pairs(const char *member, const json_t *value)
{
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		print_pair(member, value);
	json_array_foreach(value, i, item)
		print_pair(member, item);
}

static void
print_line(void *ctx UNUSED, struct span json)
{
	json_t *row = row_parse(json), *value;
	char text[ROW_CELL_MAX];
	const char *member;

	(void)row_cell(row, "time_ms", ROW_TIME, text);
	(void)fputs(text, stdout);
	for (size_t i = 0; i < 3; i++) {
		static const char *const front[] = { "source", "id", "event" };

		(void)row_cell(row, front[i], ROW_TEXT, text);
		(void)printf(" %s", text);
	}
	json_object_foreach(row, member, value)
		if (!is_front(member))
			print_pairs(member, value);
	(void)putchar('\n');
	json_decref(row);
}

int
cli_log(const struct cli *cli, int argc, char **argv UNUSED)
{
	struct cli_ask ask = {
		.verb = STEER_LOG,
		.row = cli->is_json ? cli_row_print : print_line,
	};

	if (argc > 1)
		return cli_usage("log", "log takes no words");
	return cli_ask(cli, &ask);
}
