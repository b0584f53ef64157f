/*
 * smtp_stuff.h - content on its way out: is it canonical, and its dots.
 *
 * RFC 5321 2.3.8 (only CRLF ends a line), 4.5.2 (a line that begins with a dot
 * gets another).  Content is looked at as a whole before its first octet is
 * sent (SMTP-3): what is not canonical never leaves.
 */
#ifndef POSTHORSE_PROTO_SMTP_STUFF_H
#define POSTHORSE_PROTO_SMTP_STUFF_H

#include "base/buf.h"

struct smtp_stuff_facts {
	bool	is_canonical;	/* no bare CR, bare LF or NUL */
	bool	has_dot_line;
	bool	is_8bit;
	bool	is_8bit_header;	/* before the first empty line */
	bool	is_ended;	/* by CRLF, or empty */
};
/* The facts of the whole content. */
struct smtp_stuff_facts smtp_stuff_look(struct span content);

struct smtp_stuff {
	bool	is_inside;	/* of a line; born false: at a line's start */
};
/*
 * Append octets of canonical content to *to, with dots doubled.  At most twice
 * as many come out.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err smtp_stuff_add(struct smtp_stuff *s, struct span octets,
    struct buf *to);
/* What follows content: ".\r\n", with a CRLF before it where that is missing. */
struct span smtp_stuff_end(bool is_ended);

#endif
