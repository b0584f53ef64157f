/*
 * header.h - the one parser of a message's header (PRS-1).
 *
 * Pure: no I/O, no clock, no allocation, time linear in the octets.  Feed
 * canonical content (CRLF ends, dots unstuffed) in pieces of any size; the
 * events mean the same however it was cut (PRS-2):
 *
 *	Subject: a		FIELD  VALUE " a\r\n"
 *	 b			       VALUE " b\r\n"  FIELD_END
 *	X: c			FIELD  VALUE " c\r\n"  FIELD_END
 *				END
 *
 * A VALUE may come in more pieces than lines.  The header ends behind the empty
 * line, at the end of the content, or before the first line that is no field:
 * that line is the body's first, and fault says why it is none.
 *
 * RFC 5322 2.1 (lines), 2.2 (names: %d33-126 without the colon), 2.2.3
 * (folding), 3.6.8; 4.5 (spaces before the colon are obsolete and read).
 * RFC 6532: octets above 127 stand in values only.
 */
#ifndef POSTHORSE_MAIL_HEADER_H
#define POSTHORSE_MAIL_HEADER_H

#include "base/span.h"

/*
 * Section 19: header block, one field (octets, folding and line ends included),
 * fields.  The parser goes on beyond them, in the same memory and time an octet;
 * who judges looks at size, length and number.
 */
#define HEADER_MAX		(256u * 1024)
#define HEADER_FIELD_MAX	(64u * 1024)
#define HEADER_FIELDS_MAX	1000u
#define HEADER_NAME_MAX		64u	/* octets kept of a name */

enum header_kind {
	HEADER_MORE,		/* *in is used up */
	HEADER_FIELD,		/* h->field begins: its name is known */
	HEADER_VALUE,		/* text: more of its value, line ends too */
	HEADER_FIELD_END,	/* its length is known */
	HEADER_END		/* h->size, h->fault; what is left is body */
};
enum header_fault {
	HEADER_GOOD,
	HEADER_FOLD_FIRST,	/* the first line begins with a space */
	HEADER_NO_NAME,		/* a line begins with its colon */
	HEADER_NAME_OCTET,	/* an octet that no name holds */
	HEADER_NO_COLON,	/* a line without one */
	HEADER_FAULT_COUNT
};

struct header_field {
	uint64_t	offset;		/* of the name, in the content */
	uint64_t	length;		/* whole at FIELD_END; line ends too */
	uint32_t	line;		/* of its first, counted from 1 */
	uint32_t	number;		/* counted from 1 */
	bool		is_spaced;	/* spaces before the colon */
	bool		is_long;	/* the name did not fit */
	uint8_t		name_n;
	uint8_t		name[HEADER_NAME_MAX];	/* in lower case */
};
struct header {
	struct header_field	field;
	uint64_t		size;	/* at END: octets, empty line too */
	enum header_fault	fault;	/* at END */
	uint32_t		line;	/* now; at a fault, of that line */
	/* private: */
	uint8_t			state;
	bool			is_open;	/* a field waits for its end */
	uint64_t		offset;		/* octets seen */
	uint64_t		line_offset;	/* where this line began */
};
struct header_event {
	enum header_kind	kind;
	struct span		text;	/* VALUE; borrowed from *in */
};

/* Behind END nothing comes but END. */
void header_begin(struct header *h);
/*
 * Report what stands at the front of *in; advance *in past it.  Call until
 * MORE or END.
 */
MUST_USE struct header_event header_next(struct header *h, struct span *in);
/* The content is over: what is open ends.  Call until END. */
MUST_USE struct header_event header_end(struct header *h);

/* Is this the field's name?  name: in lower case. */
static inline bool
header_is(const struct header_field *f, struct span name)
{
	return !f->is_long && span_eq(span_of(f->name, f->name_n), name);
}

#endif
