/*
 * smtp_reply_parse.h - read what a remote server answers (RFC 5321 4.2).
 *
 * The server is a stranger (SMTP-9): lines, their number and their sum are
 * bounded, all lines of a reply carry one code, and a bare CR, a bare LF or a
 * NUL makes all of it garbage.  Whoever gets an error gives the connection up
 * and tries again later.  Pure: fed in pieces of any size, the replies are the
 * same however they were cut.
 */
#ifndef POSTHORSE_PROTO_SMTP_REPLY_PARSE_H
#define POSTHORSE_PROTO_SMTP_REPLY_PARSE_H

#include "base/buf.h"

#define SMTP_ANSWER_LINE_MAX	2048u		/* octets, CRLF included */
#define SMTP_ANSWER_LINES_MAX	100u
#define SMTP_ANSWER_MAX		(64u * 1024)	/* octets of all lines */

struct smtp_answer {
	unsigned int	code;	/* 200 .. 599 */
	/*
	 * "5.1.1" of the first line, only when its class is that of the code
	 * (RFC 2034 section 4); else empty.
	 */
	struct span	status;
	/* The lines without their codes, joined by LF: a stranger's octets. */
	struct span	text;
};

struct smtp_answers {
	struct buf	line;		/* the octets of a cut line */
	struct buf	text;
	size_t		total;		/* octets of this reply */
	unsigned int	nlines, code;
	bool		is_given;	/* text was shown: begin anew */
	enum err	error;		/* the first one is final */
};

struct smtp_answers smtp_answers_make(void);
void smtp_answers_free(struct smtp_answers *r);
/*
 * The next whole reply; *in is advanced past it.  *a borrows until the next
 * call.  ERR_SHORT: *in is used up, more is needed.  ERR_SYNTAX, ERR_FULL (a
 * limit), ERR_NOMEM: the end of this conversation.
 */
MUST_USE enum err smtp_answers_next(struct smtp_answers *r, struct span *in,
    struct smtp_answer *a);
/*
 * The enhanced status at the front of text, when it is one of class 2, 4 or 5
 * (RFC 3463 section 2) and a space or the end follows; else empty.
 */
struct span smtp_status_find(struct span text);

#endif
