/*
 * smtp_reply.h - all that our server can answer, as rows.
 *
 * RFC 5321 4.2 (codes), RFC 3463 and 5248 (enhanced codes; RFC 2034: from EHLO
 * on, and not in 220, 221 of a greeting, 334 and 354).
 */
#ifndef POSTHORSE_PROTO_SMTP_REPLY_H
#define POSTHORSE_PROTO_SMTP_REPLY_H

#include "base/buf.h"

enum smtp_reply {
	RE_NONE,		/* nothing to say */
	RE_GREETING, RE_BYE, RE_HELP, RE_TURN, RE_VRFY, RE_EXPN,
	RE_UTF8_REPLY, RE_NOOP, RE_RESET,
	RE_START_TLS, RE_AUTH_OK, RE_CHALLENGE, RE_SEND_CONTENT,
	RE_SENDER_OK, RE_PRIORITY, RE_RCPT_OK, RE_CHUNK_OK, RE_PRDR, RE_QUEUED,
	/* try again */
	RE_STOPPING, RE_FULL, RE_TOO_MANY_SESSIONS, RE_TIMEOUT, RE_TOO_MANY_ERRORS,
	RE_TOO_MANY_COMMANDS, RE_TOO_MANY_MAILS, RE_TOO_MANY_BAD_RCPT,
	RE_TOO_MANY_AUTH, RE_TOO_LONG_SESSION, RE_NO_MEMORY, RE_FLOOD,
	RE_BAD_TABLE, RE_NOT_STORED, RE_NO_SPACE, RE_NO_LARGE,
	RE_TOO_MANY_RCPT, RE_TURN_LATER, RE_GREYLISTED, RE_AUTH_LATER, RE_TLS_LATER, RE_USER_RATE,
	RE_USER_STOPPED,
	/* of a rule: what it says stands in s->said */
	RE_RULE_LATER, RE_RULE_REFUSED,
	/* never */
	RE_UNKNOWN, RE_SYNTAX, RE_LINE_TOO_LONG, RE_AUTH_LINE_TOO_LONG,
	RE_NOT_DONE, RE_ARGUMENT,
	RE_NO_ARGUMENT, RE_BAD_PARAM, RE_PARAM_VALUE, RE_BAD_SENDER,
	RE_BAD_RCPT, RE_HELLO_FIRST, RE_MAIL_FIRST, RE_RCPT_FIRST,
	RE_NEST_MAIL, RE_IN_CHUNKS, RE_RSET_FIRST, RE_MIXED, RE_WANTS_BDAT,
	RE_BAD_CHUNK, RE_TOO_MANY_CHUNKS, RE_UTF8_SENDER, RE_UTF8_RCPT,
	RE_HOLD,
	RE_HOLD_QUOTA, RE_IS_LMTP, RE_IN_MAIL, RE_TLS_TWICE, RE_NO_TLS, RE_AUTH_TWICE,
	RE_NO_AUTH, RE_AUTH_NEEDS_TLS, RE_AUTH_FIRST, RE_AUTH_MECHANISM,
	RE_AUTH_BAD, RE_AUTH_CANCELLED, RE_AUTH_SYNTAX, RE_AUTH_FOREIGN,
	RE_NO_RELAY, RE_NO_USER, RE_BAD_ALIAS, RE_NO_ACCESS, RE_NOT_LISTED, RE_LISTED,
	RE_NULL_MX,
	RE_NO_REVERSE, RE_TOO_BIG, RE_BARE,
	RE_BODY_LINE, RE_HEADER, RE_LOOP, RE_EARLY_TALK, RE_PIPELINED,
	RE_FORM, RE_IDENTITY,	/* and why: mail/submit.h */
	RE_FOREIGN_SENDER,
	RE_NO_MAIL_DOMAIN, RE_NO_MAIL_HOST,
	RE_HTTP,		/* nothing is said: closed */
	RE_COUNT
};

/* What somebody else decided to say: printable, borrowed until it is said. */
struct smtp_said {
	unsigned int	code;		/* 4yz or 5yz; 0: the row's, and its esc */
	struct span	esc, text;
};

/* 250, "2.1.5", "...": for the log.  esc is "" where there is none. */
unsigned int smtp_reply_code(enum smtp_reply re);
const char *smtp_reply_esc(enum smtp_reply re);
const char *smtp_reply_text(enum smtp_reply re);
/* Its text is a rule's own. */
bool smtp_reply_is_rule(enum smtp_reply re);
/*
 * Append one reply line.  with_esc: enhanced codes are wanted.  more: octets of
 * our own (printable) behind the row's text.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err smtp_reply_write(struct buf *to, enum smtp_reply re,
    bool with_esc, struct span more);
/* The same of what was said. */
MUST_USE enum err smtp_said_write(struct buf *to, const struct smtp_said *said,
    bool with_esc);

#endif
