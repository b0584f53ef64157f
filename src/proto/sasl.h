/*
 * sasl.h - PLAIN (RFC 4616) and LOGIN as a server, and nothing else (AUTH-2).
 *
 * A machine that is fed lines of base64.  It ends with a user and a password,
 * or with nothing at all (AUTH-7); what it held is wiped by sasl_end.
 */
#ifndef POSTHORSE_PROTO_SASL_H
#define POSTHORSE_PROTO_SASL_H

#include "base/buf.h"

#define SASL_USER_MAX		254u
#define SASL_PASSWORD_MAX	1024u

enum sasl_mechanism {
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_COUNT
};
enum sasl_step {
	SASL_CHALLENGE,		/* say 334 and sasl_challenge() */
	SASL_DONE,		/* user and password are there */
	SASL_CANCELLED,		/* the client said `*` */
	SASL_BAD,		/* not base64, or not in the grammar */
	SASL_REFUSED,		/* wants to act for somebody else (AUTH-3) */
	SASL_STARVED		/* there is no memory for it just now */
};
struct sasl {
	enum sasl_mechanism	mechanism;
	uint8_t			nchallenges;	/* answered so far */
	struct buf		octets;		/* decoded; wiped */
	struct span		user, password;	/* after SASL_DONE; borrowed
						 * until sasl_end */
	size_t			user_n;
};
/* "PLAIN", in any case.  ERR_NONE: not one of ours. */
MUST_USE enum err sasl_begin(struct sasl *s, struct span mechanism);
/* Names, separated by spaces, for EHLO. */
const char *sasl_names(void);
/*
 * The first call: the initial response of the AUTH command, with has_line
 * false when there was none; "=" is an empty one.  Then one call a line.
 */
MUST_USE enum sasl_step sasl_feed(struct sasl *s, bool has_line,
    struct span line);
/* Base64 of what to ask now. */
struct span sasl_challenge(const struct sasl *s);
/* Wipes and frees.  Harmless on {0}. */
void sasl_end(struct sasl *s);

#endif
