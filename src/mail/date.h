/*
 * date.h - a moment as mail writes it (RFC 5322 3.3), in UTC; and as SMTP's
 * extensions do (RFC 3339).
 */
#ifndef POSTHORSE_MAIL_DATE_H
#define POSTHORSE_MAIL_DATE_H

#include "base/span.h"

#define DATE_MAX	40u

/*
 * "Mon, 23 Nov 2026 21:29:17 +0000" and a NUL.  Times past the year 9999 are
 * written as its last second.
 */
void date_print(uint64_t wall_ms, char to[DATE_MAX]);
/*
 * "2026-11-23T21:29:17Z", years 1970 to 9999; digits behind the second's dot
 * are read and dropped.  ERR_SYNTAX: not in that form, no such day or time (a
 * leap second is the one after), or another zone (RFC 4865 section 3).
 */
MUST_USE enum err date_parse_utc(struct span text, uint64_t *wall_ms);
/* The same, written: "2026-11-23T21:29:17Z" and a NUL. */
void date_print_utc(uint64_t wall_ms, char to[DATE_MAX]);

#endif
