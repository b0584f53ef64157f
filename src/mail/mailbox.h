/*
 * mailbox.h - the one parser of address lists in a header: From, Sender,
 * Reply-To, To, Cc, Bcc.
 *
 *	struct mailbox_list l;
 *	mailbox_begin(&l, value);
 *	while ((e = mailbox_next(&l)) == ERR_OK)
 *		use l.address, l.name
 *	e is ERR_NONE at the end, else l.at and l.why say what is wrong
 *
 * Pure: no allocation, no recursion, time linear in the octets.  RFC 5322 3.4
 * whole, with groups, comments, quoted strings, folding, and the obsolete forms
 * of 4.4: routes, dots in names, empty list elements, comments and spaces
 * inside of an address.  RFC 6532 3.2: octets above 127 stand wherever an atom
 * or a quoted string may hold text; whether they may be there at all, and
 * whether they are UTF-8, is the caller's to ask.
 *
 * Nothing is repaired.  The address is handed out in its plain form: comments,
 * spaces and needless quotes are gone, so that two writings of one mailbox are
 * the same octets.  Envelope addresses have a parser of their own (address.h).
 */
#ifndef POSTHORSE_MAIL_MAILBOX_H
#define POSTHORSE_MAIL_MAILBOX_H

#include "base/span.h"

#define MAILBOX_LIST_MAX	1000u	/* section 19: addresses of a field */
#define MAILBOX_DEPTH_MAX	50u	/* of comments inside of comments */
#define MAILBOX_LOCAL_MAX	64u	/* octets, without quotes */
#define MAILBOX_DOMAIN_MAX	255u
/* Each octet of a local part may need a backslash. */
#define MAILBOX_TEXT_MAX	(2 * MAILBOX_LOCAL_MAX + MAILBOX_DOMAIN_MAX + 3)

struct mailbox_list {
	/* The last one: */
	struct span	address;	/* local@domain; good until the next */
	struct span	name;		/* as written, or ""; borrowed */
	bool		is_in_group;
	bool		is_bare;	/* no domain: one belongs at `bare_at` */
	size_t		bare_at;
	unsigned int	count;		/* so far */
	unsigned int	ngroups;
	/* Where the parser is; at an error, where and why it stopped. */
	size_t		at;		/* octets from the value's first */
	const char	*why;		/* "an address ends without a domain" */
	/*
	 * To be set behind begin: a local part alone is an address, as programs
	 * of this host write them.
	 */
	bool		takes_bare;
	/* private: */
	struct span	value;
	bool		is_group, is_after;
	size_t		nlocal;
	uint8_t		local[MAILBOX_LOCAL_MAX];
	uint8_t		text[MAILBOX_TEXT_MAX];
};

/* value: what stands behind the colon, line ends included; borrowed. */
void mailbox_begin(struct mailbox_list *l, struct span value);
/*
 * The next address of the list; members of groups come as any other.
 * ERR_NONE: the end.  ERR_SYNTAX; ERR_FULL: more than MAILBOX_LIST_MAX.
 */
MUST_USE enum err mailbox_next(struct mailbox_list *l);

#endif
