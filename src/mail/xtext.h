/*
 * xtext.h - octets as SMTP's extensions carry them (RFC 3461 section 4).
 *
 * +00, +0A and +0D are refused (PRS-5): no line and no string ends by them.
 */
#ifndef POSTHORSE_MAIL_XTEXT_H
#define POSTHORSE_MAIL_XTEXT_H

#include "base/span.h"

/* Good xtext of one octet or more. */
bool xtext_is(struct span s);
/* The same or none; with may_be_utf8 UTF-8 as it is, too (RFC 6533 section 3). */
bool xtext_is_utf8(struct span s, bool may_be_utf8, bool *has_utf8);
/* Decode good xtext into at most `room` octets; false: it does not fit. */
MUST_USE bool xtext_decode(struct span s, uint8_t *to, size_t room, size_t *n);

#endif
