/*
 * smtp_limits.h - what a server says of its limits behind the keyword LIMITS.
 *
 * Pure: no I/O, no clock, no allocation.  What is not as it should be is left
 * out: the server goes on to enforce its limits, and answers 421 or 452 there.
 *
 * RFC 9422 section 3 (NAME or NAME=VALUE, a space between), 4.1.
 */
#ifndef POSTHORSE_PROTO_SMTP_LIMITS_H
#define POSTHORSE_PROTO_SMTP_LIMITS_H

#include "base/span.h"

#define SMTP_LIMIT_MAX	999999u		/* section 4: six digits */

/* 0: nothing was said. */
struct smtp_limits {
	uint32_t	mails;		/* MAILMAX: transactions a session */
	uint32_t	rcpts;		/* RCPTMAX: RCPT commands a transaction */
	uint32_t	domains;	/* RCPTDOMAINMAX: domains among them */
};

/* value: what stands behind the keyword.  Of one said twice the least holds. */
struct smtp_limits smtp_limits_parse(struct span value);

#endif
