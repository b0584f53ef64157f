/*
 * content.h - what can be learned about content while it streams past.
 *
 * Fed canonical content (CRLF ends, dots unstuffed) in pieces of any size; the
 * facts do not depend on how it was cut (PRS-2).  Kept in the record's head so
 * that nobody reads the content for them again.  Pure; allocates nothing.
 */
#ifndef POSTHORSE_MAIL_CONTENT_H
#define POSTHORSE_MAIL_CONTENT_H

#include "mail/header.h"

/* Section 19: header block, one field (octets, folding included), fields. */
#define CONTENT_HEADER_MAX	HEADER_MAX
#define CONTENT_FIELD_MAX	HEADER_FIELD_MAX
#define CONTENT_FIELDS_MAX	HEADER_FIELDS_MAX

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
/* RFC 8689 section 3: one TLS-Required field, and it says No. */
#define CONTENT_TLS_OPTIONAL	0x20

/* Somebody else who looks at the header as it streams past. */
struct content_watch {
	void	(*event)(void *arg, const struct header *h,
		    struct header_event ev);
	void	*arg;
};
#define CONTENT_WATCHES_MAX	2u
struct content_scan {
	struct content_facts	facts;
	struct span		hostname;	/* borrowed until the end */
	/* private: */
	struct content_watch	watches[CONTENT_WATCHES_MAX];
	size_t			nwatches;
	struct header		header;
	bool			is_body;
	uint32_t		line_n;
	uint16_t		word_n;		/* the word, or value, so far */
	uint8_t			watching;
	bool			has_tls_required;
	uint8_t			word[256];
};
void content_scan_begin(struct content_scan *s, struct span hostname);
/* Behind begin, before the first octet.  Until the end, or unwatch of its arg. */
void content_scan_watch(struct content_scan *s, struct content_watch w);
void content_scan_unwatch(struct content_scan *s, const void *arg);
void content_scan_feed(struct content_scan *s, struct span octets);
/* The facts, once everything was fed. */
struct content_facts content_scan_end(struct content_scan *s);

#endif
