/*
 * base64.h - RFC 4648 sections 4 and 5, strictly: groups of four, padding where it
 * belongs, unused bits zero, no other octet (RFC 4954 section 4).
 */
#ifndef POSTHORSE_BASE_BASE64_H
#define POSTHORSE_BASE_BASE64_H

#include "base/buf.h"

/* What a letter of section 4 stands for, or -1. */
int base64_value(uint8_t c);
/* Appends; to may hold secrets afterwards also on failure: the caller wipes. */
MUST_USE enum err base64_decode(struct span text, struct buf *to);
/* Section 5: `-` and `_`, and no padding (RFC 7515 2). */
MUST_USE enum err base64url_decode(struct span text, struct buf *to);
MUST_USE enum err base64_encode(struct span octets, struct buf *to);

#endif
