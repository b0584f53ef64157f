/*
 * received.h - the trace field of a message that we take (RFC 5321 4.4).
 *
 *	Received: from HELO (name.example.net [192.0.2.1])
 *		by mx.example.org (Posthorse) with ESMTPS id 01J...
 *		(TLSv1.3 TLS_AES_256_GCM_SHA384)
 *		for <user@example.org>;
 *		Mon, 23 Nov 2026 21:29:17 +0000
 *
 * Folded wherever a line could grow beyond 78 octets.  What a stranger said
 * and is not plain for a trace field becomes `?`: no octet of it can end the
 * field or a comment.
 */
#ifndef POSTHORSE_MAIL_RECEIVED_H
#define POSTHORSE_MAIL_RECEIVED_H

#include "base/buf.h"
#include "base/id.h"

struct received {
	struct span	helo;		/* "": unknown */
	struct span	client;		/* "192.0.2.1", "2001:db8::1", or words
					 * such as "local uid 1000" */
	struct span	name;		/* of that address, verified; or "" */
	struct span	by;		/* our host name */
	struct msg_id	id;
	struct span	tls;		/* "" when plain */
	bool		is_esmtp;	/* EHLO was said */
	bool		is_authenticated;
	bool		is_lmtp;	/* RFC 3848 */
	bool		is_utf8;	/* SMTPUTF8 was said (RFC 6531 4.3) */
	int8_t		priority;	/* 0: not said (RFC 6710 4.1) */
	struct span	only_rcpt;	/* forward-path, or "" when several */
	uint64_t	wall_ms;
};
/* Append the whole field, its CRLF included.  ERR_FULL, ERR_NOMEM. */
MUST_USE enum err received_write(const struct received *r, struct buf *to);

#endif
