/*
 * charset.h - what an octet of a character set stands for (RFC 2047 3).
 *
 * Pure.  Known are US-ASCII, UTF-8, and the sets of one octet a letter: ISO-8859,
 * Windows 1250 to 1258 and 874, KOI8, IBM866, Macintosh; by their names at IANA
 * and by those that mail programs write, in either case.
 */
#ifndef POSTHORSE_MAIL_CHARSET_H
#define POSTHORSE_MAIL_CHARSET_H

#include "base/span.h"

struct charset;
/*
 * Never NULL: of a set that we do not know the octets of US-ASCII are taken for
 * what they are there, and each other one for U+FFFD.  A language behind the name
 * (RFC 2231 5) is passed over.
 */
const struct charset *charset_find(struct span name);
/* The code point, or CHARSET_OCTET: the octet itself, a part of UTF-8. */
#define CHARSET_OCTET	0x110000u
unsigned int charset_point(const struct charset *c, uint8_t octet);

#endif
