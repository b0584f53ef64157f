/*
 * network.h - addresses, networks, and whether one holds the other.
 *
 * An IPv4-mapped IPv6 address is its IPv4 address, in rules and in clients
 * alike (SMTP-12).  Pure: text and octets, no sockets.
 */
#ifndef POSTHORSE_CONFIG_NETWORK_H
#define POSTHORSE_CONFIG_NETWORK_H

#include "base/buf.h"

struct address {
	uint8_t	n;		/* octets: 4, 16, or 0 for "any" */
	uint8_t	octets[16];	/* in network order */
};
struct network {
	struct address	base;
	uint8_t		bits;	/* of the prefix */
};
struct networks {			/* borrows */
	const struct network	*list;
	size_t			 n;
};

/*
 * From the octets of a client's socket address: 4 or 16, a mapped one becomes
 * IPv4.  Any other count: ERR_SYNTAX.
 */
MUST_USE enum err address_make(struct span octets, struct address *a);
/* "192.0.2.1", "2001:db8::1"; no brackets, zone or port.  ERR_SYNTAX. */
MUST_USE enum err address_parse(struct span text, struct address *a);
bool address_eq(const struct address *a, const struct address *b);
/* As address_parse reads it; "*" for any. */
MUST_USE enum err address_print(const struct address *a, struct buf *to);
static inline struct span
address_span(const struct address *a)
{
	return span_of(a->octets, a->n);
}

/*
 * "192.0.2.0/24", "2001:db8::/32", or one address.  ::ffff:a.b.c.d/N with N
 * of 96 or more is the IPv4 network a.b.c.d/(N - 96).  Bits set behind the
 * prefix are ERR_SYNTAX: somebody meant another network.
 */
MUST_USE enum err network_parse(struct span text, struct network *n);
MUST_USE enum err network_print(const struct network *n, struct buf *to);
bool network_holds(const struct network *n, const struct address *a);
bool networks_hold(const struct network *list, size_t count,
    const struct address *a);
/* The first bits of an address, the others cleared: a key for counters. */
struct address address_prefix(const struct address *a, uint8_t bits);

#endif
