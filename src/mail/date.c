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

/*
 * Years are counted from 1 March of year 0, so that a leap day is the last day
 * of its year; 400 years are 146097 days.
 */
void
date_print(uint64_t wall_ms, char to[DATE_MAX])
{
	static const char week[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon",
		"Tue", "Wed" };
	static const char months[12][4] = { "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb" };
	uint64_t s = MIN(wall_ms / 1000, LAST_SECOND), days = s / 86400;
	uint64_t day = days + 719468, era = day / 146097;
	unsigned int left = (unsigned int)(day % 146097);
	unsigned int year = (left - left / 1460 + left / 36524 - left / 146096) /
	    365;
	unsigned int in_year = left - (365 * year + year / 4 - year / 100);
	unsigned int month = (5 * in_year + 2) / 153;
	unsigned int mday = in_year - (153 * month + 2) / 5 + 1;
	unsigned int clock = (unsigned int)(s % 86400);

	year += (unsigned int)era * 400 + (month >= 10);
	to = put_text(put_text(to, week[days % 7]), ", ");
	to = put_text(put_digits(to, mday, mday < 10 ? 1 : 2), " ");
	to = put_text(put_text(to, months[month % 12]), " ");
	to = put_text(put_digits(to, year, 4), " ");
	to = put_text(put_clock(to, clock), " +0000");
	*to = '\0';
}
