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

#define ENVELOPE_RECIPIENTS_MAX	1000u
#define ENVELOPE_MAX		(1024u * 1024)	/* octets encoded */

enum envelope_route {
	ENVELOPE_LOCAL = 1,	/* mailbox: domain and key */
	ENVELOPE_REMOTE
};
struct envelope_recipient {
	struct span		address;	/* forward-path, no brackets */
	enum envelope_route	route;
	struct span		domain;		/* LOCAL: of the configuration */
	struct span		key;		/* LOCAL: of the users table */
};
#define ENVELOPE_8BITMIME	0x01	/* BODY=8BITMIME was said */
#define ENVELOPE_BOUNCE		0x02	/* we made it ourselves */

struct envelope {
	struct msg_id	id;
	uint64_t	arrived_ms;	/* wall clock */
	uint8_t		flags;
	struct span	reverse_path;	/* "" is the null reverse-path */
	struct span	originator;	/* authenticated user, or "" */
	struct span	client;		/* "192.0.2.1", "local uid 1000" */
	struct span	helo;
	struct span	tls;		/* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "" */
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
