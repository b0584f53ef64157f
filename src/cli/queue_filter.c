/*
 * queue_filter.c - a table of the options that choose messages.
 */
#include "cli/queue_filter.h"

#include "cli/cli.h"

static bool
take_state(struct queue_words *w, struct span value)
{
	static const char *const names[STEER_STATE_COUNT] = {
		[STEER_STATE_RUNNING] = "running",
		[STEER_STATE_READY] = "ready",
		[STEER_STATE_DEFERRED] = "deferred",
		[STEER_STATE_LATER] = "later",
		[STEER_STATE_HELD] = "held",
	};

	for (uint8_t i = 1; i < STEER_STATE_COUNT; i++)
		if (span_eq(value, span_str(names[i]))) {
			w->filter.state = i;
			return true;
		}
	cli_complain("no state is called \"%.*s\": running, ready, deferred, "
	    "later, held", SPAN_FMT(value));
	return false;
}

struct unit {
	char		letter;
	uint64_t	times;
};

/* A number and perhaps a letter behind it. */
static bool
take_number(struct span value, const struct unit *units, size_t n,
    uint64_t *to)
{
	uint64_t times = 1, number;
	bool has_unit = false;

	for (size_t i = 0; i < n && value.n > 0; i++)
		if (value.p[value.n - 1] == (uint8_t)units[i].letter) {
			times = units[i].times;
			has_unit = true;
		}
	value.n -= has_unit;
	if (span_u64(value, UINT64_MAX / times, &number) != ERR_OK ||
	    number == 0)
		return false;
	*to = number * times;
	return true;
}

static bool
take_older(struct queue_words *w, struct span value)
{
	static const struct unit units[] = { { 's', 1000 }, { 'm', 60000 },
		{ 'h', 3600000 }, { 'd', 86400000 }, { 'w', 604800000 } };

	if (value.n > 0 && !ascii_is_digit(value.p[value.n - 1]) &&
	    take_number(value, units, COUNT(units), &w->filter.older_ms))
		return true;
	cli_complain("\"%.*s\" is no time such as 90s, 15m, 2h or 3d",
	    SPAN_FMT(value));
	return false;
}

static bool
take_larger(struct queue_words *w, struct span value)
{
	static const struct unit units[] = { { 'K', 1024 },
		{ 'M', 1024 * 1024 }, { 'G', 1024 * 1024 * 1024 } };

	if (take_number(value, units, COUNT(units), &w->filter.larger))
		return true;
	cli_complain("\"%.*s\" is no size such as 5000, 20K or 3M",
	    SPAN_FMT(value));
	return false;
}

#define TEXT(member)	offsetof(struct steer_ask, member), NULL
static const struct {
	const char	*word;
	size_t		 text;		/* a span of the filter */
	bool		(*take)(struct queue_words *w, struct span value);
} options[] = {
	{ "--sender", TEXT(sender) }, { "--recipient", TEXT(recipient) },
	{ "--domain", TEXT(domain) }, { "--host", TEXT(host) },
	{ "--tag", TEXT(label) }, { "--state", 0, take_state },
	{ "--older", 0, take_older }, { "--larger", 0, take_larger },
};

static bool
take_value(struct queue_words *w, size_t option, struct span value)
{
	if (options[option].take != NULL)
		return options[option].take(w, value);
	memcpy((char *)&w->filter + options[option].text, &value,
	    sizeof value);
	return true;
}

/* True: it is one of those without a value. */
static bool
take_flag(struct queue_words *w, struct span word)
{
	if (span_eq(word, SPAN("--all")))
		w->has_filter = true;
	else if (span_eq(word, SPAN("--yes")))
		w->is_yes = true;
	else if (span_eq(word, SPAN("--dry-run")))
		w->filter.is_dry = 1;
	else
		return false;
	return true;
}

/* *used: how many words it was. */
static bool
take_option(struct queue_words *w, int argc, char **argv, int *used)
{
	struct span word = span_str(argv[0]);

	*used = 1;
	if (take_flag(w, word))
		return true;
	for (size_t i = 0; i < COUNT(options); i++) {
		if (!span_eq(word, span_str(options[i].word)))
			continue;
		if (argc < 2 || argv[1][0] == '\0') {
			cli_complain("%s needs a value", argv[0]);
			return false;
		}
		if (strlen(argv[1]) > STEER_WORD_MAX) {
			cli_complain("%s: more than %u octets", argv[0],
			    STEER_WORD_MAX);
			return false;
		}
		*used = 2;
		w->has_filter = true;
		return take_value(w, i, span_str(argv[1]));
	}
	cli_complain("queue knows no %s", argv[0]);
	return false;
}

bool
queue_words_read(int argc, char **argv, struct queue_words *w)
{
	w->ids = argv;
	for (int i = 0, used; i < argc; i += used) {
		used = 1;
		if (!span_starts(span_str(argv[i]), SPAN("-")))
			w->ids[w->nids++] = argv[i];
		else if (!take_option(w, argc - i, argv + i, &used))
			return false;
	}
	if (w->nids == 0 || !w->has_filter)
		return true;
	cli_complain("either messages by their ids, or those that fit");
	return false;
}
