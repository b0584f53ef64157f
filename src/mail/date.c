/*
 * date.c - days into years, months and weekdays, without the C library's
 * clock or locale.
 */
#include "mail/date.h"

#include <stdio.h>

#define LAST_SECOND	UINT64_C(253402300799)	/* of the year 9999 */

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
	(void)snprintf(to, DATE_MAX, "%s, %u %s %04u %02u:%02u:%02u +0000",
	    week[days % 7], mday, months[month % 12], year % 10000, clock / 3600,
	    clock / 60 % 60, clock % 60);
}
