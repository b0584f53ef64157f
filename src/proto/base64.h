/*
 * base64.h - RFC 4648 section 4, strictly: groups of four, padding where it
 * belongs, unused bits zero, no other octet (RFC 4954 section 4).
 */
#ifndef POSTHORSE_PROTO_BASE64_H
#define POSTHORSE_PROTO_BASE64_H

#include "base/buf.h"

/* Appends; to may hold secrets afterwards also on failure: the caller wipes. */
MUST_USE enum err base64_decode(struct span text, struct buf *to);
MUST_USE enum err base64_encode(struct span octets, struct buf *to);

#endif
