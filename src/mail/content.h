/*
 * content.h - what can be learned about content while it streams past.
 *
 * Fed canonical content (CRLF ends, dots unstuffed) in pieces of any size; the
 * facts do not depend on how it was cut (PRS-2).  Kept in the record's head so
 * that nobody reads the content for them again.  Pure; allocates nothing.
 */
#ifndef POSTHORSE_MAIL_CONTENT_H
#define POSTHORSE_MAIL_CONTENT_H

#include "base/span.h"

/* Section 19: header block, one field (octets, folding included), fields. */
#define CONTENT_HEADER_MAX	(256u * 1024)
#define CONTENT_FIELD_MAX	(64u * 1024)
#define CONTENT_FIELDS_MAX	1000u

struct content_facts {
	uint64_t	size;		/* octets */
	uint32_t	header_size;	/* octets, the empty line included */
	uint32_t	longest_line;	/* octets without CRLF */
	uint32_t	fields;
	uint32_t	longest_field;
	uint16_t	received;	/* Received fields (SMTP-13) */
	uint16_t	received_own;	/* of them `by` our host name */
	uint16_t	flags;		/* CONTENT_* */
};
#define CONTENT_8BIT		0x01	/* an octet above 127 */
#define CONTENT_DOT_LINE	0x02	/* a line begins with a dot */
#define CONTENT_HAS_DATE	0x04
#define CONTENT_HAS_MESSAGE_ID	0x08
#define CONTENT_HAS_FROM	0x10

struct content_scan {
	struct content_facts	facts;
	struct span		hostname;	/* borrowed until the end */
	/* private: */
	uint8_t			state;
	uint8_t			name_n;
	uint32_t		line_n, field_n;
	uint8_t			name[16];
	uint16_t		word_n;		/* in a Received: the word so far */
	uint8_t			after_by;
	uint8_t			word[256];
};
void content_scan_begin(struct content_scan *s, struct span hostname);
void content_scan_feed(struct content_scan *s, struct span octets);
/* The facts, once everything was fed. */
struct content_facts content_scan_end(struct content_scan *s);

#endif
