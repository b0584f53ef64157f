/*
 * lines.c - the two forms of an event: for people, and as a JSON row.
 */
#include "role/admin/lines.h"

/* Time */

struct civil {
	uint64_t	year;
	unsigned int	month, day;
};

/* Days since 1970 into a date: eras of 400 years that begin in March. */
static struct civil
civil_of(uint64_t day)
{
	uint64_t z = day + 719468;
	uint64_t era = z / 146097, in_era = z % 146097;
	uint64_t year = (in_era - in_era / 1460 + in_era / 36524 -
	    in_era / 146096) / 365;
	uint64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * in_year + 2) / 153;

	return (struct civil){
		.year = year + era * 400 + (month >= 10),
		.month = (unsigned int)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned int)(in_year - (153 * month + 2) / 5 + 1),
	};
}

/* Each event has its time printed: digits by hand cost a tenth of printf's. */
static char *
digits(char *to, uint64_t value, size_t n, char behind)
{
	for (size_t i = n; i > 0; i--, value /= 10)
		to[i - 1] = (char)('0' + value % 10);
	to[n] = behind;
	return to + n + 1;
}

void
event_day(uint64_t day, char text[EVENT_TIME_MAX])
{
	struct civil c = civil_of(day);

	text = digits(text, c.year, 4, '-');
	text = digits(text, c.month, 2, '-');
	(void)digits(text, c.day, 2, '\0');
}

void
event_time(uint64_t wall_ms, char text[EVENT_TIME_MAX])
{
	uint64_t ms = wall_ms % EVENT_DAY_MS;

	event_day(wall_ms / EVENT_DAY_MS, text);
	text += strlen(text);
	*text++ = ' ';
	text = digits(text, ms / 3600000, 2, ':');
	text = digits(text, ms / 60000 % 60, 2, ':');
	text = digits(text, ms / 1000 % 60, 2, '.');
	(void)digits(text, ms % 1000, 3, '\0');
}

/* Words */

/* What log_escape adds to an honest line: its quotes and backslashes. */
static size_t
count_marked(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '"' || text.p[i] == '\\';
	return n;
}

/* The common case: nothing in it that log_escape would change. */
static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	return true;
}

struct span
event_clean(struct span text, char room[LOG_LINE_MAX])
{
	char escaped[LOG_LINE_MAX * 3 / 2];
	bool is_cut;
	size_t n;

	if (text.n <= LOG_LINE_MAX && is_printable(text))
		return text;
	n = log_escape(text, escaped, sizeof escaped, &is_cut);
	if (!is_cut && text.n <= LOG_LINE_MAX &&
	    n == text.n + count_marked(text))
		return text;
	n = MIN(n, (size_t)LOG_LINE_MAX);
	memcpy(room, escaped, n);
	return span_of(room, n);
}

static struct span
word_take(struct span *rest)
{
	size_t n = span_find(*rest, ' ');
	struct span word = { rest->p, n };

	*rest = span_skip(*rest, n < rest->n ? n + 1 : n);
	return word;
}

bool
event_id(struct span text, struct msg_id *id)
{
	return msg_id_parse(word_take(&text), id) == ERR_OK;
}

struct span
event_name(struct span text)
{
	(void)word_take(&text);
	return word_take(&text);
}

struct pair {
	struct span	key, value;	/* value without its quotes */
};

/* Octets up to the closing quote, and that quote. */
static size_t
quoted_end(struct span s)
{
	size_t i = 1;

	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return MIN(i, s.n);
}

static bool
pair_take(struct span *rest, struct pair *p)
{
	size_t eq, end;

	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = span_skip(*rest, 1);
	eq = span_find(*rest, '=');
	if (rest->n == 0 || eq == rest->n)
		return false;
	p->key = span_of(rest->p, eq);
	*rest = span_skip(*rest, eq + 1);
	if (rest->n == 0 || rest->p[0] != '"') {
		p->value = word_take(rest);
		return true;
	}
	end = quoted_end(*rest);
	p->value = span_of(rest->p + 1, end - 1);
	*rest = span_skip(*rest, MIN(end + 1, rest->n));
	return true;
}

enum err
event_print(const struct event *e, struct buf *to)
{
	char time[EVENT_TIME_MAX];
	size_t before = to->n;
	enum err error;

	event_time(e->wall_ms, time);
	error = buf_addf(to, "%s %s/%u ", time,
	    ipc_role_name((enum ipc_role)e->role), e->index);
	if (error == ERR_OK)
		error = buf_add(to, e->text);
	if (error == ERR_OK)
		error = buf_addc(to, '\n');
	if (error != ERR_OK)
		buf_cut(to, before);
	return error;
}

enum err
event_syslog(const struct event *e, struct buf *to)
{
	/* RFC 3164 4.1.1: facility 2 is mail; severities. */
	enum { MAIL = 2 * 8, CRITICAL = 2, WARNING = 4, INFO = 6, DEBUG = 7 };
	static const unsigned int priorities[] = {
		[LOG_LEVEL_ALARM] = MAIL + CRITICAL,
		[LOG_LEVEL_WARN] = MAIL + WARNING,
		[LOG_LEVEL_INFO] = MAIL + INFO,
		[LOG_LEVEL_DEBUG] = MAIL + DEBUG,
	};
	_Static_assert(COUNT(priorities) == LOG_LEVEL_COUNT, "all");
	size_t before = to->n;
	enum err error;

	error = buf_addf(to, "<%u>posthorse: %s/%u ",
	    priorities[MIN(e->level, COUNT(priorities) - 1)],
	    ipc_role_name((enum ipc_role)e->role), e->index);
	if (error == ERR_OK)
		error = buf_add(to, e->text);
	if (error == ERR_OK)
		error = buf_addc(to, '\n');
	if (error != ERR_OK)
		buf_cut(to, before);
	return error;
}

/* JSON: the first failure of a row is kept, what follows does nothing. */

struct row {
	struct buf	*to;
	enum err	 error;
};

static void
put(struct row *r, struct span s)
{
	if (r->error == ERR_OK)
		r->error = buf_add(r->to, s);
}

/*
 * The text is printable already; \" and \\ in it are its own marks for what
 * JSON marks alike, and \x and \u{ } stay visible as they stand.
 */
static void
put_string(struct row *r, struct span s)
{
	put(r, SPAN("\""));
	for (size_t i = 0; i < s.n; i++) {
		bool is_marked = s.p[i] == '\\' && i + 1 < s.n &&
		    (s.p[i + 1] == '"' || s.p[i + 1] == '\\');

		if (is_marked)
			put(r, span_of(s.p + i++, 2));
		else if (s.p[i] == '\\' || s.p[i] == '"') {
			put(r, SPAN("\\"));
			put(r, span_of(s.p + i, 1));
		} else
			put(r, span_of(s.p + i, 1));
	}
	put(r, SPAN("\""));
}

static bool
is_key_in(struct span pairs, struct span end, struct span key)
{
	struct pair p;

	while (pairs.p < end.p && pair_take(&pairs, &p))
		if (span_eq(p.key, key))
			return true;
	return false;
}

/* The value, or the list of it and all that follow under the same key. */
static void
put_values(struct row *r, struct pair first, struct span rest)
{
	bool is_list = is_key_in(rest, span_of(rest.p + rest.n, 0), first.key);
	struct pair p;

	put_string(r, first.key);
	put(r, is_list ? SPAN(":[") : SPAN(":"));
	put_string(r, first.value);
	while (is_list && pair_take(&rest, &p))
		if (span_eq(p.key, first.key)) {
			put(r, SPAN(","));
			put_string(r, p.value);
		}
	if (is_list)
		put(r, SPAN("]"));
}

static void
put_pairs(struct row *r, struct span pairs)
{
	struct span rest = pairs, before;
	struct pair p;

	for (before = rest; pair_take(&rest, &p); before = rest) {
		if (is_key_in(pairs, before, p.key))
			continue;
		put(r, SPAN(","));
		put_values(r, p, rest);
	}
}

static void
put_head(struct row *r, const struct event *e)
{
	static const char *const levels[] = {
		[LOG_LEVEL_ALARM] = "alarm",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	_Static_assert(COUNT(levels) == LOG_LEVEL_COUNT, "all named");

	if (r->error == ERR_OK)
		r->error = buf_addf(r->to, "{\"time_ms\":%llu,\"source\":"
		    "\"%s/%u\",\"level\":\"%s\"",
		    (unsigned long long)e->wall_ms,
		    ipc_role_name((enum ipc_role)e->role), e->index,
		    levels[MIN(e->level, COUNT(levels) - 1)]);
}

enum err
event_json(const struct event *e, struct buf *to)
{
	struct row r = { .to = to };
	struct span rest = e->text;
	size_t before = to->n;

	put_head(&r, e);
	put(&r, SPAN(",\"id\":"));
	put_string(&r, word_take(&rest));
	put(&r, SPAN(",\"event\":"));
	put_string(&r, word_take(&rest));
	put_pairs(&r, rest);
	put(&r, SPAN("}"));
	if (r.error != ERR_OK)
		buf_cut(to, before);
	return r.error;
}
