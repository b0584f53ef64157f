/*
 * proxy_protocol.h - the header that a proxy puts in front of a connection, to
 * say for whom it was made.
 *
 * Pure: no I/O, no clock, no allocation.  Feed octets as they arrive, in pieces
 * of any size; exactly the header is used up, never an octet behind it.
 *
 * "The PROXY protocol, versions 1 & 2" (Willy Tarreau, haproxy.org): version 1
 * is one line of text (section 2.1), version 2 a binary head, addresses and
 * TLVs (2.2).  TLVs are checked to fill the header exactly and are otherwise
 * passed over, but for the checksum (2.2.3), which must be right when it is
 * there.  Type 0 is no TLV (PRS-6).
 */
#ifndef POSTHORSE_PROTO_PROXY_PROTOCOL_H
#define POSTHORSE_PROTO_PROXY_PROTOCOL_H

#include "base/span.h"

#define PROXY_LINE_MAX	107u	/* octets of version 1, CRLF included (2.1) */
/* Octets behind the 16 of version 2's head.  It may say 65,535; addresses, a
 * name, TLS facts and a certificate are far less. */
#define PROXY_REST_MAX	4096u
#define PROXY_HEAD	16u

enum proxy_result {
	PROXY_MORE,		/* all is used up, the header goes on */
	PROXY_CLIENT,		/* complete: p->client is who connected */
	PROXY_LOCAL,		/* complete: the proxy's own, a health check */
	PROXY_UNKNOWN,		/* complete: it does not say who, or no TCP */
	PROXY_BAD,		/* no header, or not well formed */
	PROXY_TOO_LONG,		/* beyond the bounds above */
	PROXY_RESULT_COUNT
};
struct proxy_client {
	uint8_t		naddress;	/* 4 or 16 */
	uint8_t		address[16];	/* as said: perhaps IPv4-mapped */
	uint16_t	port;
};

struct proxy_header {		/* starts as {0} */
	struct proxy_client	client;
	/* private: */
	uint8_t			step;		/* index of a table */
	uint8_t			result;		/* when all of it was read */
	uint8_t			octets[PROXY_LINE_MAX];
	size_t			n;		/* of them filled */
	size_t			left;		/* version 2: of the header */
	size_t			value;		/* of the TLV at hand */
	uint32_t		crc, crc_said;	/* 2.2.3 */
	bool			has_crc;
};

/*
 * Advance *in past what belongs to the header.  Anything but PROXY_MORE is
 * final: do not feed again.
 */
MUST_USE enum proxy_result proxy_header_feed(struct proxy_header *p,
    struct span *in);
/* "malformed header": for the log. */
const char *proxy_result_text(enum proxy_result result);

#endif
