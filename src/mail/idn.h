/*
 * idn.h - a domain as DNS and our tables know it.
 *
 * RFC 6531 3.3 lets a domain hold U-labels; RFC 5890 2.3.2.1 says what they are in
 * ASCII.  UTS 46, non-transitional, by libidn2.  Its own library: who speaks of
 * no domain but ASCII ones does not link it.
 */
#ifndef POSTHORSE_MAIL_IDN_H
#define POSTHORSE_MAIL_IDN_H

#include "base/buf.h"

/*
 * Append the domain in A-labels and lower case.  One in ASCII is only lowered,
 * whatever it holds.  ERR_SYNTAX: a label that is none, or too long; nothing is
 * appended then.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err idn_to_ascii(struct span domain, struct buf *to);
/*
 * Append a name, or an address, or a pattern of one, its domain's labels as
 * A-labels; in lower case.  A label that is none, or that holds `*` or `?`, stays as
 * it is, as does what stands before the last @.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err idn_entry(struct span entry, struct buf *to);

#endif
