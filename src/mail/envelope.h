/*
 * envelope.h - who a message is from, who it is for, and how it came.
 *
 * Encoded as binary typed fields (SPL-10): nothing that a client says can be
 * taken for a separator.  The receiver encodes it into the spool record; the
 * queue decodes it again.  Pure.  RFC 5321 2.3.1.
 */
#ifndef POSTHORSE_MAIL_ENVELOPE_H
#define POSTHORSE_MAIL_ENVELOPE_H

#include "base/id.h"
#include "base/pack.h"

#define ENVELOPE_RCPTS_MAX	1000u	/* that a client names, or a name stands for */
#define ENVELOPE_COPIES_MAX	64u	/* that rules add */
#define ENVELOPE_RECIPIENTS_MAX	1100u	/* in all; some are lists themselves */
#define ENVELOPE_MAX		(1024u * 1024)	/* octets encoded */

enum envelope_route {
	ENVELOPE_LOCAL = 1,	/* mailbox: domain and key */
	ENVELOPE_REMOTE,
	ENVELOPE_LIST		/* its members stand beside it: done, to be told */
};
/* NOTIFY= (RFC 3461 4.1); none of them: it was not said. */
#define ENVELOPE_NEVER		0x01
#define ENVELOPE_SUCCESS	0x02
#define ENVELOPE_FAILURE	0x04
#define ENVELOPE_DELAY		0x08

struct envelope_recipient {
	struct span		address;	/* forward-path, no brackets */
	enum envelope_route	route;
	struct span		domain;		/* LOCAL: of the configuration */
	struct span		key;		/* LOCAL: of the users table */
	uint8_t			notify;		/* ENVELOPE_NEVER ... */
	struct span		orcpt;		/* "rfc822;xtext" as said, or "" */
	struct span		via;		/* REMOTE: of a rule's route, or "" */
	struct span		owner;		/* of the list that it is a member of:
						 * its reverse-path; or "" */
};
#define ENVELOPE_8BITMIME	0x01	/* BODY=8BITMIME was said */
#define ENVELOPE_BOUNCE		0x02	/* we made it ourselves */
#define ENVELOPE_SMTPUTF8	0x04	/* RFC 6531: needs a next hop with it */
#define ENVELOPE_BINARY		0x08	/* RFC 3030: BODY=BINARYMIME was said */
#define ENVELOPE_REQUIRETLS	0x10	/* RFC 8689 */
#define ENVELOPE_RET_FULL	0x20	/* RFC 3461 4.3 */
#define ENVELOPE_RET_HEADERS	0x40
#define ENVELOPE_HOLD		0x80	/* kept until an operator lets it go */
#define ENVELOPE_TLS_OPTIONAL	0x100	/* RFC 8689: TLS-Required: No */
#define ENVELOPE_FLAGS		0x1ff

/* RFC 2852: how long delivery may take, and what follows then. */
#define ENVELOPE_BY_RETURN	0x01	/* "R"; else "N": tell, go on trying */
#define ENVELOPE_BY_TRACE	0x02	/* "T" */

#define ENVELOPE_PRIORITY_MAX	9	/* RFC 6710: -9 .. 9, 0 when not said */
#define ENVELOPE_ENVID_MAX	100u	/* octets of xtext (RFC 3461 4.4) */
#define ENVELOPE_ORCPT_MAX	500u	/* octets, type included (4.2) */
#define ENVELOPE_TAGS_MAX	256u
#define ENVELOPE_VIA_MAX	32u

struct envelope {
	struct msg_id	id;
	uint64_t	arrived_ms;	/* wall clock */
	uint16_t	flags;
	struct span	reverse_path;	/* "" is the null reverse-path */
	struct span	originator;	/* authenticated user, or "" */
	struct span	client;		/* "192.0.2.1", "local uid 1000" */
	struct span	helo;
	struct span	tls;		/* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "" */
	struct span	envid;		/* ENVID= as said: xtext, or "" */
	struct span	auth;		/* AUTH= of a client that we believe: xtext,
					 * "<>", or "" */
	struct span	tags;		/* of rules: words, a space between */
	int8_t		priority;	/* MT-PRIORITY= */
	uint8_t		by_mode;	/* ENVELOPE_BY_*; only with by_ms */
	uint64_t	by_ms;		/* BY=: wall clock, or 0 */
	uint64_t	hold_ms;	/* HOLDFOR=, HOLDUNTIL=: wall clock, or 0 */
	uint32_t	nrecipients;
	struct span	recipients;	/* encoded; walk with envelope_next */
};

/* Append recipients one by one to a buf, then the whole with its list. */
MUST_USE enum err envelope_add_recipient(struct buf *list,
    const struct envelope_recipient *r);
MUST_USE enum err envelope_encode(const struct envelope *e, struct buf *to);
/*
 * Spans borrow from in.  ERR_SYNTAX: anything short, overlong, trailing, an
 * unknown version or route, or a count that is not true.
 */
MUST_USE enum err envelope_decode(struct span in, struct envelope *e);
/* Walk: start with a copy of e->recipients.  ERR_NONE at the end. */
MUST_USE enum err envelope_next(struct span *list,
    struct envelope_recipient *r);

#endif
