/*
 * date.c - days into years, months and weekdays, without the C library's
 * clock or locale.
 */
#include "mail/date.h"

#include <string.h>

#define LAST_SECOND	UINT64_C(253402300799)	/* of the year 9999 */

static char *
put_text(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n);
	return to + n;
}

static char *
put_digits(char *to, unsigned int value, size_t n)
{
	for (size_t i = n; i > 0; i--, value /= 10)
		to[i - 1] = (char)('0' + value % 10);
	return to + n;
}

static char *
put_clock(char *to, unsigned int clock)
{
	to = put_text(put_digits(to, clock / 3600, 2), ":");
	to = put_text(put_digits(to, clock / 60 % 60, 2), ":");
	return put_digits(to, clock % 60, 2);
}

struct civil {
	unsigned int	year, month, day;	/* 1 .. 12, 1 .. 31 */
	unsigned int	week;			/* 0: Thursday */
	unsigned int	clock;			/* seconds of the day */
};

/*
 * Years are counted from 1 March of year 0, so that a leap day is the last day
 * of its year; 400 years are 146097 days.
 */
static struct civil
civil_of(uint64_t wall_ms)
{
	uint64_t s = MIN(wall_ms / 1000, LAST_SECOND), days = s / 86400;
	uint64_t day = days + 719468, era = day / 146097;
	unsigned int left = (unsigned int)(day % 146097);
	unsigned int year = (left - left / 1460 + left / 36524 - left / 146096) /
	    365;
	unsigned int in_year = left - (365 * year + year / 4 - year / 100);
	unsigned int month = (5 * in_year + 2) / 153;	/* 0: March */

	return (struct civil){
		.year = year + (unsigned int)era * 400 + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = in_year - (153 * month + 2) / 5 + 1,
		.week = (unsigned int)(days % 7),
		.clock = (unsigned int)(s % 86400),
	};
}

void
date_print(uint64_t wall_ms, char to[DATE_MAX])
{
	static const char week[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon",
		"Tue", "Wed" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct civil c = civil_of(wall_ms);

	to = put_text(put_text(to, week[c.week]), ", ");
	to = put_text(put_digits(to, c.day, c.day < 10 ? 1 : 2), " ");
	to = put_text(put_text(to, months[c.month - 1]), " ");
	to = put_text(put_digits(to, c.year, 4), " ");
	to = put_text(put_clock(to, c.clock), " +0000");
	*to = '\0';
}

void
date_print_utc(uint64_t wall_ms, char to[DATE_MAX])
{
	struct civil c = civil_of(wall_ms);

	to = put_text(put_digits(to, c.year, 4), "-");
	to = put_text(put_digits(to, c.month, 2), "-");
	to = put_text(put_digits(to, c.day, 2), "T");
	to = put_text(put_clock(to, c.clock), "Z");
	*to = '\0';
}

/* Exactly n digits, and the octet behind them. */
static bool
take_digits(struct span *in, size_t n, char behind, unsigned int *value)
{
	uint64_t v;

	if (in->n < n + 1 || in->p[n] != (uint8_t)behind ||
	    span_u64(span_take(in, n), 9999, &v) != ERR_OK)
		return false;
	*value = (unsigned int)v;
	(void)span_take(in, 1);
	return true;
}

/* Days since 1970; as civil_of counts. */
static uint64_t
days_of(unsigned int year, unsigned int month, unsigned int day)
{
	unsigned int y = month < 3 ? year - 1 : year;
	unsigned int m = month < 3 ? month + 9 : month - 3;

	return (uint64_t)365 * y + y / 4 - y / 100 + y / 400 +
	    (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "21:29:17.5Z", "21:29:17Z" */
static bool
take_clock(struct span *in, unsigned int *clock)
{
	unsigned int h, m, s;
	bool has_part = in->n > 8 && in->p[8] == '.';

	if (!take_digits(in, 2, ':', &h) || !take_digits(in, 2, ':', &m) ||
	    !take_digits(in, 2, has_part ? '.' : 'Z', &s) || h > 23 ||
	    m > 59 || s > 60)
		return false;
	*clock = h * 3600 + m * 60 + s;
	if (!has_part)
		return true;
	while (in->n > 1 && ascii_is_digit(in->p[0]))
		(void)span_take(in, 1);
	return in->p[-1] != '.' && in->n > 0 && span_take(in, 1).p[0] == 'Z';
}

enum err
date_parse_utc(struct span text, uint64_t *wall_ms)
{
	unsigned int year, month, day, clock;
	uint64_t ms;
	struct civil c;

	if (!take_digits(&text, 4, '-', &year) ||
	    !take_digits(&text, 2, '-', &month) ||
	    !take_digits(&text, 2, 'T', &day) || year < 1970 || month < 1 ||
	    month > 12 || day < 1 || !take_clock(&text, &clock) || text.n > 0)
		return ERR_SYNTAX;
	ms = days_of(year, month, day) * 86400000;
	/* 30 February is another day when it is counted back. */
	c = civil_of(ms);
	if (c.month != month || c.day != day)
		return ERR_SYNTAX;
	*wall_ms = ms + (uint64_t)clock * 1000;
	return ERR_OK;
}
