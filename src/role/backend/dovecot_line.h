/*
 * dovecot_line.h - a line that Dovecot's auth server says, and one for it.
 *
 * Dovecot Authentication Protocol 1.1, as far as we speak it
 * (doc/design/backend.md): words with tabs between them, LF behind.  Pure.
 */
#ifndef POSTHORSE_ROLE_BACKEND_DOVECOT_LINE_H
#define POSTHORSE_ROLE_BACKEND_DOVECOT_LINE_H

#include "base/buf.h"

#define DOVECOT_LINE_MAX	8192u	/* octets, LF included; theirs and ours */
#define DOVECOT_MAJOR		1u	/* of the protocol */

enum dovecot_word {
	DOVECOT_OTHER,		/* one that says nothing to us */
	DOVECOT_VERSION,	/* number: the major version */
	DOVECOT_MECH,		/* text: its name */
	DOVECOT_DONE,		/* the handshake is complete */
	DOVECOT_OK,		/* number: of the request; text: user=, or "" */
	DOVECOT_FAIL,		/* number: of the request */
	DOVECOT_CONT		/* number: of the request */
};
struct dovecot_line {
	enum dovecot_word	word;
	uint32_t		number;
	struct span		text;		/* borrows from the line */
	bool			is_temporary;	/* FAIL: try again */
};
/* line: without its LF.  ERR_SYNTAX: no line of that protocol. */
MUST_USE enum err dovecot_line_parse(struct span line,
    struct dovecot_line *l);

/* What begins a connection.  pid: ours. */
MUST_USE enum err dovecot_hello(uint32_t pid, struct buf *to);
/*
 * AUTH PLAIN of a user at a connection with TLS.  client: 4 or 16 octets, or
 * none.  Nobody's octets stand between tabs but in base64.  ERR_FULL: it is
 * longer than a line.  *to may hold a part of it then: the caller wipes.
 */
MUST_USE enum err dovecot_ask(uint32_t number, struct span user,
    struct span password, struct span client, struct buf *to);

#endif
