/*
 * submit.h - is this header fit to be sent, and in whose name is it?
 *
 * What a user's program hands in is checked before it goes anywhere, and the
 * words say what is wrong and in which line (RFC 6409 6, 8).  The fields stream
 * past once; what has to be parsed is kept until the end.
 *
 *	submit_begin(&s, &rules)
 *	submit_event(&s, h, ev)		for each event of header.h
 *	if (submit_end(&s) == SUBMIT_GOOD)
 *		ask whether s.senders are the user's; leave out what submit_cut() says
 *	else answer, with s.said
 *	submit_free(&s)
 *
 * RFC 5322 2.1, 2.2 (lines and names), 3.6 (which field how often), 3.6.2 (From
 * and Sender); RFC 6532 (UTF-8 only where SMTPUTF8 was said); RFC 6409 6.1 and
 * 8.1 (who may send in whose name), 8.2 to 8.5.
 *
 * Pure.  Memory: header_keep.h, and SUBMIT_SENDERS_MAX addresses.
 */
#ifndef POSTHORSE_MAIL_SUBMIT_H
#define POSTHORSE_MAIL_SUBMIT_H

#include "mail/header_keep.h"

#define SUBMIT_SENDERS_MAX	20u	/* addresses in From and Sender */
#define SUBMIT_SAID_MAX		200u	/* octets */

struct submit_rules {
	bool	is_from_added;	/* a missing From is added, not refused */
	/*
	 * Content whose first line is no field is a body alone: the owner puts
	 * an empty line before it.
	 */
	bool	is_text_taken;
	/* An address may lack its domain: see submit_complete(). */
	bool	is_bare_taken;
	bool	is_utf8;	/* SMTPUTF8: UTF-8 in the header */
	/*
	 * Only what could put somebody else's name into the message is
	 * refused: two readings of From, and none of it.
	 */
	bool	is_loose;
};
enum submit_verdict {
	SUBMIT_GOOD,
	SUBMIT_FORM,		/* 550 5.6.0 */
	SUBMIT_IDENTITY,	/* 550 5.7.1 */
	SUBMIT_NO_MEMORY	/* try again */
};
/* RFC 5322 3.6, RFC 8689: at most one of each. */
enum submit_field {
	SUBMIT_DATE,
	SUBMIT_FROM,
	SUBMIT_SENDER,
	SUBMIT_REPLY_TO,
	SUBMIT_TO,
	SUBMIT_CC,
	SUBMIT_MESSAGE_ID,
	SUBMIT_IN_REPLY_TO,
	SUBMIT_REFERENCES,
	SUBMIT_SUBJECT,
	SUBMIT_TLS_REQUIRED,	/* RFC 8689 section 3 */
	SUBMIT_FIELD_COUNT
};

struct submit {
	struct submit_rules	rules;
	/*
	 * At the end: addresses of From and Sender, a NUL behind each, in plain
	 * form (mailbox.h).
	 */
	struct buf		senders;
	unsigned int		nsenders;
	char			said[SUBMIT_SAID_MAX];	/* printable ASCII */
	/* private: */
	struct header_keep	keep;
	enum submit_verdict	verdict;	/* of the first trouble */
	uint32_t		first[SUBMIT_FIELD_COUNT];	/* line, or 0 */
	unsigned int		nfrom;		/* of senders */
	uint32_t		bare;		/* a bit for each kind of field */
	uint8_t			point[4];	/* a code point so far */
	uint8_t			npoint;
	bool			is_cr;		/* the last octet was one */
};

/* Allocates nothing. */
void submit_begin(struct submit *s, const struct submit_rules *rules);
void submit_free(struct submit *s);
/* submit: a struct submit; the shape of struct content_watch. */
void submit_event(void *submit, const struct header *h,
    struct header_event ev);
/* Behind the header's END.  Other than GOOD: said says why. */
MUST_USE enum submit_verdict submit_end(struct submit *s);
/*
 * The next range of the content that is not sent: Bcc and Resent-Bcc, and what
 * was completed; whole fields, ascending.  *at begins at 0.  False: there are no more.
 */
bool submit_cut(const struct submit *s, size_t *at, uint64_t *from,
    uint64_t *to);
/*
 * Behind GOOD: append the fields (RFC 6409 8: completed) whose addresses lacked a domain, with
 * it; submit_cut() says to leave the old ones out.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err submit_complete(const struct submit *s, struct span domain,
    struct buf *to);
/* Fills said: sender i is not the user's (550 5.7.1). */
void submit_say_foreign(struct submit *s, unsigned int i);

#endif
