/*
 * trace.c - `posthorse trace`: the story of one message, in sentences.
 */
#include "cli/ask.h"
#include "cli/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of a sentence: said when the event has that member. */
struct part {
	const char	*before, *member, *after;
};
#define PARTS_MAX	10u
#define STORY_MAX	10000u	/* events told of one message */
struct sentence {
	const char	*event, *begin;
	struct part	 parts[PARTS_MAX];
};

#define REMOTE_SAID \
	{ " by ", "remote", "" }, { ": ", "code", "" }, \
	{ " ", "status", "" }, { " ", "reply", "" }

static const struct sentence sentences[] = {
	{ "rule", "a rule said ", {
		{ "", "verdict", "" }, { " ", "tag", "" }, { " ", "copy", "" },
		{ " ", "route", "" },
		{ " at ", "stage", "" }, { " for ", "to", "" },
		{ ": ", "rule", "" } } },
	{ "no-copy", "no copy could be made", {
		{ " for ", "to", "" }, { ": ", "why", "" } } },
	{ "accepted", "accepted", {
		{ " from <", "from", ">" }, { " for ", "to", "" },
		{ " and more, ", "recipients", " in all" },
		{ "; handed in by ", "client", "" },
		{ " (", "name", ")" },
		{ " which calls itself ", "helo", "" },
		{ ", authenticated as ", "user", "" },
		{ ", over ", "tls", "" }, { "; tags ", "tags", "" },
		{ "; ", "size", " octets" } } },
	{ "forwarded", "had come", {
		{ " from ", "client", "" }, { " (", "name", ")" },
		{ " which calls itself ", "helo", "" },
		{ ", there as ", "ident", "" } } },
	{ "refused", "refused", {
		{ " at ", "stage", "" }, { " from <", "from", ">" },
		{ " for ", "to", "" }, { "; client ", "client", "" },
		{ " which calls itself ", "helo", "" },
		{ ", authenticated as ", "user", "" },
		{ ": ", "code", "" }, { " ", "status", "" },
		{ " ", "text", "" }, { "; by the rule of ", "rule", "" } } },
	{ "queued", "in the queue", { { ": ", "size", " octets" } } },
	{ "held", "held", { { " by the ", "by", "" } } },
	{ "released", "released", { { " by the ", "by", "" } } },
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

/* Most replies begin with their enhanced status: once is enough. */
static bool
is_said_by_reply(const json_t *row, const char *member, const char *text)
{
	const char *reply = json_string_value(json_object_get(row, "reply"));
	size_t n = strlen(text);

	return strcmp(member, "status") == 0 && reply != NULL &&
	    strncmp(reply, text, n) == 0 && reply[n] == ' ';
}

static void
tell_parts(const struct sentence *s, const json_t *row)
{
	char text[ROW_CELL_MAX];

	for (size_t i = 0; i < PARTS_MAX && s->parts[i].member != NULL; i++) {
		const struct part *p = &s->parts[i];

		if (!row_cell(row, p->member, ROW_TEXT, text) ||
		    is_said_by_reply(row, p->member, text))
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

static size_t
rank(const json_t *row)
{
	const char *event = json_string_value(json_object_get(row, "event"));
	size_t i = 0;

	while (event != NULL && i < COUNT(sentences) &&
	    strcmp(event, sentences[i].event) != 0)
		i++;
	return i;
}

static void
tell(const json_t *row)
{
	char time[ROW_CELL_MAX], event[ROW_CELL_MAX];
	size_t i = rank(row);

	(void)row_cell(row, "time_ms", ROW_TIME, time);
	(void)row_cell(row, "event", ROW_TEXT, event);
	(void)printf("%s  ", time);
	if (i < COUNT(sentences)) {
		(void)fputs(sentences[i].begin, stdout);
		tell_parts(&sentences[i], row);
	} else
		tell_plain(event, row);
	(void)putchar('\n');
}

/*
 * Roles send their lines in bundles of 20 ms, so they come a little out of
 * order: the whole story is gathered, then told by its clock; within one
 * millisecond in the order in which such things happen.
 */
struct story {
	json_t	*rows[STORY_MAX];
	size_t	 n;
};

static void
gather(void *ctx, struct span json)
{
	struct story *s = ctx;
	json_t *row = row_parse(json);

	if (row != NULL && s->n < STORY_MAX)
		s->rows[s->n++] = row;
	else
		json_decref(row);
}

static int
by_time(const void *x, const void *y)
{
	const json_t *const *a = x, *const *b = y;
	json_int_t at = json_integer_value(json_object_get(*a, "time_ms"));
	json_int_t bt = json_integer_value(json_object_get(*b, "time_ms"));

	if (at != bt)
		return at < bt ? -1 : 1;
	return rank(*a) < rank(*b) ? -1 : rank(*a) > rank(*b);
}

static int
tell_story(const struct cli *cli, struct cli_ask *ask)
{
	struct story *s = calloc(1, sizeof *s);
	int status;

	if (s == NULL)
		return EX_OSERR;
	ask->row = gather;
	ask->ctx = s;
	status = cli_ask(cli, ask);
	qsort(s->rows, s->n, sizeof *s->rows, by_time);
	for (size_t i = 0; i < s->n; i++) {
		tell(s->rows[i]);
		json_decref(s->rows[i]);
	}
	free(s);
	return status;
}

int
cli_trace(const struct cli *cli, int argc, char **argv)
{
	struct cli_ask ask = { .verb = STEER_TRACE, .row = cli_row_print };

	if (argc != 2)
		return cli_usage("trace", "trace needs one message's id");
	ask.argument = argv[1];
	return cli->is_json ? cli_ask(cli, &ask) : tell_story(cli, &ask);
}
