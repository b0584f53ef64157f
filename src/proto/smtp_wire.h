/*
 * smtp_wire.h - cut what a client sends into commands and content.
 *
 * Pure: no I/O, no clock.  Feed octets as they arrive, in pieces of any size;
 * the events mean the same however they were cut (PRS-2).  Whole lines and
 * content are shown where they lie; only a command line that was cut is kept,
 * and its memory goes with the line.
 *
 * RFC 5321 2.3.8 (a line ends in CRLF and in nothing else), 4.5.2 (dot
 * transparency), 4.5.3.1 (limits); RFC 3030 section 2 (chunks: a number of
 * octets, in which a dot means nothing).
 */
#ifndef POSTHORSE_PROTO_SMTP_WIRE_H
#define POSTHORSE_PROTO_SMTP_WIRE_H

#include "base/buf.h"

/* Octets, CRLF included.  RFC 5321 4.5.3.1.4 asks for 512; extensions add. */
#define SMTP_LINE_MAX		2048u
#define SMTP_AUTH_LINE_MAX	12288u	/* RFC 4954 section 4 */

enum smtp_wire_kind {
	SMTP_WIRE_MORE,		/* *in is used up; nothing to report yet */
	SMTP_WIRE_LINE,		/* one command line, its CRLF removed */
	SMTP_WIRE_BODY,		/* content, dot-stuffing undone */
	SMTP_WIRE_END,		/* the final dot: the content is complete */
	SMTP_WIRE_CHUNK,	/* all octets of a chunk were seen */
	SMTP_WIRE_DOUBT,	/* the final dot, but what stood right before its
				 * CRLF was bare: another reader may see no end
				 * here, so what follows is no command.  550 and
				 * close (SMTP-1) */
	SMTP_WIRE_TOOLONG,	/* a line outgrew its limit and was dropped */
	SMTP_WIRE_FLOOD,	/* twice the limit and no end: close (SMTP-8) */
	SMTP_WIRE_BARE,		/* a CR, LF or NUL alone in content: what follows
				 * is dropped up to the true end, then END comes;
				 * answer 550, the session goes on */
	SMTP_WIRE_NOMEM,	/* no memory for a line that was cut: close */
	SMTP_WIRE_KINDS
};
struct smtp_wire_event {
	enum smtp_wire_kind	kind;
	struct span		text;	/* LINE, BODY; good until the next call */
};
struct smtp_wire {
	struct buf	line;		/* of a cut line */
	size_t		limit;		/* of a line */
	size_t		dropped;	/* octets of a line that is too long */
	uint64_t	chunk;		/* octets of it to come */
	uint8_t		state;
	uint8_t		doubt;		/* how near a bare octet is */
	bool		is_dropping;	/* content after BARE */
	bool		is_line_shown;	/* line was given out: free it */
	bool		is_cr;		/* a dropped line's last octet was CR */
	bool		is_chunk_cr;	/* so was a chunk's, and is held back */
	uint8_t		chunk_how;	/* enum smtp_chunk */
};

struct smtp_wire smtp_wire_make(void);
/* Wipes: a cut line may have been a password. */
void smtp_wire_free(struct smtp_wire *w);
/* From the next octet on, expect content (we have answered 354). */
void smtp_wire_expect_body(struct smtp_wire *w);
/*
 * From the next octet on, expect a chunk of n octets, 0 or more; CHUNK follows
 * them, and then lines are expected again.  A line may go from one chunk into
 * the next.  FIRST: of a message.  LAST: a CR at its end is bare.  BINARY: any
 * octet is content (RFC 3030 section 3), nothing is BARE.
 */
enum smtp_chunk {
	SMTP_CHUNK_FIRST	= 0x01,
	SMTP_CHUNK_LAST		= 0x02,
	SMTP_CHUNK_BINARY	= 0x04
};
void smtp_wire_expect_chunk(struct smtp_wire *w, uint64_t n,
    unsigned int how);
/* From the next line on: SMTP_LINE_MAX or SMTP_AUTH_LINE_MAX. */
void smtp_wire_line_limit(struct smtp_wire *w, size_t limit);
/*
 * Report what the octets at the front of *in mean; advance *in past them.
 * Call until SMTP_WIRE_MORE.  No pointer into *in is kept.  After END lines
 * are expected again.
 */
MUST_USE struct smtp_wire_event
smtp_wire_next(struct smtp_wire *w, struct span *in);

#endif
