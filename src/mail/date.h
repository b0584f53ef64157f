/*
 * date.h - RFC 5322 3.3: a moment as mail writes it, in UTC.
 */
#ifndef POSTHORSE_MAIL_DATE_H
#define POSTHORSE_MAIL_DATE_H

#include "base/base.h"

#define DATE_MAX	40u

/*
 * "Mon, 23 Nov 2026 21:29:17 +0000" and a NUL.  Times past the year 9999 are
 * written as its last second.
 */
void date_print(uint64_t wall_ms, char to[DATE_MAX]);

#endif
