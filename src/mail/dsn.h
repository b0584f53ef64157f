/*
 * dsn.h - the message that tells a sender what became of theirs.
 *
 * A multipart/report of three parts: words for people, message/delivery-status
 * (RFC 3464) and the header of the original, or all of it where that was asked
 * for (RFC 6522, RFC 3461 4.3).  Addresses beyond ASCII are of the type utf-8,
 * written in ASCII (RFC 6533 section 3), but in To.  What a remote server
 * or a sender wrote is escaped: no octet of it can end a line, a field or a
 * part.  The result is canonical content (CRLF, no bare CR, LF or NUL) for a
 * message with the null reverse-path.  Pure.
 */
#ifndef POSTHORSE_MAIL_DSN_H
#define POSTHORSE_MAIL_DSN_H

#include "base/buf.h"
#include "base/id.h"

#define DSN_ORIGINAL_MAX	50000u	/* octets copied (section 19) */
#define DSN_RECIPIENTS_MAX	1100u
#define DSN_TEXT_MAX		1024u	/* octets used of a remote's words */
/* Of any result.  The store takes 4 MiB with an envelope as the queue's own. */
#define DSN_MAX			(4u * 1024 * 1024 - 64 * 1024)

enum dsn_action {		/* RFC 3464 2.3.3; the worst first */
	DSN_FAILED,
	DSN_DELAYED,
	DSN_RELAYED,		/* to a server that sends no such reports */
	DSN_DELIVERED,
	DSN_ACTION_COUNT
};
struct dsn_recipient {
	enum dsn_action	action;
	struct span	address;	/* forward-path, no brackets */
	struct span	orcpt;		/* ORCPT= as said, or "" */
	struct span	status;		/* "5.1.1"; of another class than the
					 * action's it becomes 5.0.0 ... */
	struct span	remote;		/* host that answered, or "" */
	unsigned int	code;		/* its reply code, or 0: our own words */
	struct span	text;		/* its words as they came, or ours */
};
struct dsn {
	struct msg_id		 id;		/* of the report itself */
	struct msg_id		 original_id;	/* our id of the original */
	uint64_t		 now_ms;	/* wall clock */
	uint64_t		 arrived_ms;	/* wall clock; the original's */
	struct span		 hostname;	/* ours, a checked host name */
	struct span		 reverse_path;	/* whom it is for; not "" */
	struct span		 from;		/* "" or "MAILER-DAEMON@hostname" */
	struct span		 envid;		/* ENVID= as said, or "" */
	uint64_t		 hold_ms;	/* RFC 4865: wall clock, or 0 */
	uint64_t		 by_ms;		/* RFC 2852: wall clock, or 0 */
	/* RFC 8689 4.3, section 6: so it was for the original. */
	bool			 is_tls_optional;
	const struct dsn_recipient *recipients;	/* 1 .. DSN_RECIPIENTS_MAX */
	size_t			 nrecipients;
	/*
	 * The original's content from its start, as much as is at hand.  Of
	 * its header whole lines are copied, at most original_max octets
	 * (text/rfc822-headers); of its body nothing, unless is_full: a report
	 * goes to whom the reverse-path names, who need not have written it
	 * (LOG-2).
	 */
	struct span		 original;
	size_t			 original_max;	/* 0: DSN_ORIGINAL_MAX */
	/* All of it is at hand, is canonical, was asked for and goes in whole
	 * when it is within original_max. */
	bool			 is_full;
};
/*
 * Append the whole report.  One that would not fit says only what became of
 * whom: it has to leave in the end (DLV-1).  A reverse-path of "" is our own
 * defect (ASSERT): a report about a report is never made (RFC 5321 6.1).
 * ERR_FULL (to's limit; DSN_MAX is enough for any), ERR_NOMEM, ERR_CORRUPT (the
 * original was made to hold every boundary that we could take).
 */
MUST_USE enum err dsn_write(const struct dsn *d, struct buf *to);

#endif
