/*
 * address.h - the one parser of envelope addresses (PRS-1, PRS-4).
 *
 * RFC 5321 4.1.2 whole: quoted local parts, address literals, limits of
 * 4.5.3.1.  Nothing is repaired: what is not in the grammar is ERR_SYNTAX.
 * RFC 6531 3.3 as well: UTF-8 in local parts and domains, which is marked, and
 * for its user to refuse where SMTPUTF8 was not agreed upon.  What is no UTF-8,
 * and points that show nothing, are refused.  Pure; spans borrow from the input.
 */
#ifndef POSTHORSE_MAIL_ADDRESS_H
#define POSTHORSE_MAIL_ADDRESS_H

#include "base/buf.h"

#define ADDR_LOCAL_MAX	64u	/* octets, quotes included */
#define ADDR_DOMAIN_MAX	255u
#define ADDR_LABEL_MAX	63u	/* octets; of ASCII ones */
#define ADDR_MAX	254u	/* a path is 256 with its brackets */

enum addr_kind {
	ADDR_NULL,		/* "<>": the null reverse-path */
	ADDR_POSTMASTER,	/* "<Postmaster>" without a domain */
	ADDR_MAILBOX
};
struct addr {
	enum addr_kind	kind;
	struct span	text;	/* without brackets and source route */
	struct span	local;	/* as written, quotes included */
	struct span	domain;	/* as written; "[...]" for a literal */
	bool		is_quoted, is_literal;
	bool		is_utf8;	/* an octet above 127 */
};

/* All of text is one Mailbox: local@domain. */
MUST_USE enum err addr_parse(struct span text, struct addr *a);
/*
 * The path at the front of *in, brackets included; *in is advanced past it.  A
 * source route is read and dropped (RFC 5321 4.1.1.3 and appendix C).
 * reverse: "<>" is allowed; forward: "<Postmaster>" in any case is.
 */
MUST_USE enum err addr_parse_reverse(struct span *in, struct addr *a);
MUST_USE enum err addr_parse_forward(struct span *in, struct addr *a);
/*
 * Halves of what was accepted before, or of a login name: the last '@' parts
 * them, for no domain holds one.  False: there is none, *local is all of it
 * and *domain is empty.
 */
bool addr_split(struct span text, struct span *local, struct span *domain);
/* A Domain of the grammar; the same for "[192.0.2.1]" and "[IPv6:...]". */
bool addr_is_domain(struct span s);
bool addr_is_literal(struct span s);
/*
 * The same mailbox: domains fold ASCII case, local parts do not (2.4); a
 * quoted local part equals its plain writing.
 */
bool addr_eq(const struct addr *a, const struct addr *b);
/* Append an address of a local part without quotes: they come where they must. */
MUST_USE enum err addr_join(struct span local, struct span domain,
    struct buf *to);
/* Append local@domain with the domain in lower case. */
MUST_USE enum err addr_canonical(const struct addr *a, struct buf *to);

#endif
