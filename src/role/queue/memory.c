/*
 * memory.c - how much of the memory that the control group allows is in use.
 *
 * Only what no cache can give back counts: anonymous memory of all processes.
 * The kernel says it as text in memory.stat, a name and a number a line, and
 * the limit in memory.max (version 2) or in the same text (version 1).
 */
#include "role/queue/queue.h"

#include "os/file.h"

#define STAT_MAX	16384u			/* octets */
#define NO_LIMIT	(UINT64_MAX / 4)	/* version 1 has no word for it */

bool
queue_memory_file(struct queue *q, struct span purpose, int fd)
{
	bool is_stat = span_eq(purpose, SPAN("memory-stat"));
	int *to = is_stat ? &q->memory_stat : &q->memory_max;
	bool *has = is_stat ? &q->has_memory_stat : &q->has_memory_max;

	if (!is_stat && !span_eq(purpose, SPAN("memory-max")))
		return false;
	/* Both versions mounted: the later one replaces the earlier. */
	if (*has)
		file_close(*to);
	*to = fd;
	*has = true;
	return true;
}

/* Digits up to a line's end; false: none, or too many. */
static bool
number(struct span text, uint64_t *n)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < text.n && ascii_is_digit(text.p[i]); i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, text.p[i] - '0', &value))
			return false;
	*n = value;
	return i > 0;
}

/* "NAME NUMBER" in a line of its own. */
static bool
find_number(struct span text, struct span name, uint64_t *n)
{
	while (text.n > 0) {
		struct span line = span_take(&text, span_find(text, '\n'));

		text = span_skip(text, MIN((size_t)1, text.n));
		if (span_starts(line, name))
			return number(span_skip(line, name.n), n);
	}
	return false;
}

static bool
read_whole(int fd, struct buf *to)
{
	buf_cut(to, 0);
	return file_read_all(fd, to) == ERR_OK;
}

/* False: there is no limit, or nobody says. */
static bool
figures(const struct queue *q, struct buf *text, uint64_t *used,
    uint64_t *limit)
{
	struct span stat;

	if (!q->has_memory_stat || !read_whole(q->memory_stat, text))
		return false;
	stat = buf_span(text);
	if (!find_number(stat, SPAN("anon "), used) &&
	    !find_number(stat, SPAN("total_rss "), used))
		return false;
	if (find_number(stat, SPAN("hierarchical_memory_limit "), limit))
		return *limit < NO_LIMIT;
	/* "max" is no number. */
	return q->has_memory_max && read_whole(q->memory_max, text) &&
	    number(buf_span(text), limit);
}

enum intake_memory
queue_memory(const struct queue *q)
{
	const struct config_limits *l = &q->config->limits;
	struct buf text = buf_make(STAT_MAX);
	enum intake_memory memory = INTAKE_MEMORY_EASY;
	uint64_t used, limit;

	if (figures(q, &text, &used, &limit)) {
		if (used >= limit / 100 * l->memory_hard)
			memory = INTAKE_MEMORY_HARD;
		else if (used >= limit / 100 * l->memory_shed)
			memory = INTAKE_MEMORY_SHED;
	}
	buf_free(&text);
	return memory;
}
