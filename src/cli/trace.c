/*
 * trace.c - `posthorse trace`: the story of one message, in sentences.
 */
#include "cli/ask.h"
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

/* A part of a sentence: said when the event has that member. */
struct part {
	const char	*before, *member, *after;
};
#define PARTS_MAX	10u
struct sentence {
	const char	*event, *begin;
	struct part	 parts[PARTS_MAX];
};

#define REMOTE_SAID \
	{ " by ", "remote", "" }, { ": ", "code", "" }, \
	{ " ", "status", "" }, { " ", "reply", "" }

static const struct sentence sentences[] = {
	{ "accepted", "accepted", {
		{ " from <", "from", ">" }, { " for ", "to", "" },
		{ " and more, ", "recipients", " in all" },
		{ "; handed in by ", "client", "" },
		{ " which calls itself ", "helo", "" },
		{ ", authenticated as ", "user", "" },
		{ ", over ", "tls", "" }, { "; ", "size", " octets" } } },
	{ "refused", "refused", {
		{ " at ", "stage", "" }, { " from <", "from", ">" },
		{ " for ", "to", "" }, { "; client ", "client", "" },
		{ " which calls itself ", "helo", "" },
		{ ", authenticated as ", "user", "" },
		{ ": ", "code", "" }, { " ", "status", "" },
		{ " ", "text", "" } } },
	{ "queued", "in the queue", { { ": ", "size", " octets" } } },
	{ "attempt", "given to a worker", {
		{ " for ", "site", "" } } },
	{ "delivered", "delivered", {
		{ " to ", "to", "" }, REMOTE_SAID, { "; over ", "tls", "" } } },
	{ "deferred", "put off", {
		{ " for ", "to", "" }, REMOTE_SAID,
		{ "; next try ", "next", "" } } },
	{ "failed", "refused for good", {
		{ " for ", "to", "" }, REMOTE_SAID } },
	{ "expired", "given up, too old", {
		{ " for ", "to", "" }, REMOTE_SAID } },
	{ "bounced", "returned to its sender", {
		{ " for ", "to", "" }, { " in message ", "bounce", "" } } },
	{ "removed", "removed by an operator", {
		{ " for ", "to", "" }, { ", ", "by", "" } } },
	{ "lost", "lost", { { ": ", "why", "" } } },
	{ "mailbox-trouble", "the mailbox took nothing", {
		{ " for ", "key", "" }, { "@", "domain", "" },
		{ ": ", "status", "" }, { " ", "text", "" } } },
};

static void
tell_parts(const struct sentence *s, const json_t *row)
{
	char text[ROW_CELL_MAX];

	for (size_t i = 0; i < PARTS_MAX && s->parts[i].member != NULL; i++) {
		const struct part *p = &s->parts[i];

		if (!row_cell(row, p->member, ROW_TEXT, text))
			continue;
		/* Only the null reverse-path is worth saying when empty. */
		if (text[0] != '\0' || strcmp(p->member, "from") == 0)
			(void)printf("%s%s%s", p->before, text, p->after);
	}
}

/* An event without a sentence is shown as it is. */
static void
tell_plain(const char *event, const json_t *row)
{
	char text[ROW_CELL_MAX];
	const char *member;
	json_t *value;

	(void)fputs(event, stdout);
	json_object_foreach((json_t *)(uintptr_t)row, member, value)
		if (strcmp(member, "time_ms") != 0 &&
		    strcmp(member, "level") != 0 &&
		    strcmp(member, "id") != 0 &&
		    strcmp(member, "event") != 0 &&
		    row_cell(row, member, ROW_TEXT, text))
			(void)printf(" %s=%s", member, text);
}

static void
tell(void *ctx UNUSED, struct span json)
{
	json_t *row = row_parse(json);
	char time[ROW_CELL_MAX], event[ROW_CELL_MAX];
	const struct sentence *s = NULL;

	(void)row_cell(row, "time_ms", ROW_TIME, time);
	(void)row_cell(row, "event", ROW_TEXT, event);
	for (size_t i = 0; i < COUNT(sentences); i++)
		if (strcmp(event, sentences[i].event) == 0)
			s = &sentences[i];
	(void)printf("%s  ", time);
	if (s != NULL) {
		(void)fputs(s->begin, stdout);
		tell_parts(s, row);
	} else
		tell_plain(event, row);
	(void)putchar('\n');
	json_decref(row);
}

int
cli_trace(const struct cli *cli, int argc, char **argv)
{
	struct cli_ask ask = {
		.verb = STEER_TRACE,
		.row = cli->is_json ? cli_row_print : tell,
	};

	if (argc != 2)
		return cli_usage("trace", "trace needs one message's id");
	ask.argument = argv[1];
	return cli_ask(cli, &ask);
}
