/*
 * dns_rdata.h - the few DNS records that carry mail, from their octets.
 *
 * Pure.  Names come uncompressed, as libunbound gives them.  A name that is no
 * host name (RFC 1123 2.1: letters, digits, hyphens) is refused before anybody
 * logs it, looks it up or writes it into a header (DNS-2).
 * RFC 1035 3.1 (names), 3.3.9 (MX), 3.3.12 (PTR), 3.4.1 (A); RFC 3596 2.2 (AAAA); RFC 7505.
 */
#ifndef POSTHORSE_PROTO_DNS_RDATA_H
#define POSTHORSE_PROTO_DNS_RDATA_H

#include "base/span.h"

#define DNS_NAME_MAX	253u	/* letters of a name, without the last dot */
#define DNS_LABEL_MAX	63u

struct dns_name {
	size_t	n;
	char	text[DNS_NAME_MAX + 1];		/* lower case, ends in NUL */
};
struct dns_mx {
	uint16_t	preference;
	bool		is_null;		/* RFC 7505: no mail, ever */
	struct dns_name	host;			/* empty when is_null */
};

/*
 * "mx.example.org", "MX.Example.ORG." and so on, in lower case without the
 * last dot.  ERR_SYNTAX: not a host name.
 */
MUST_USE enum err dns_host_name(struct span text, struct dns_name *name);
/* ERR_SYNTAX: short, overlong, trailing octets, or no host name. */
MUST_USE enum err dns_mx_parse(struct span rdata, struct dns_mx *mx);
MUST_USE enum err dns_ptr_parse(struct span rdata, struct dns_name *name);

/*
 * May mail from the Internet be sent there?  False for this-network, private,
 * shared, loopback, link-local, documentation, multicast and reserved ranges
 * (RFC 6890), IPv4 inside IPv6 included.  octets: 4 or 16, else false.
 */
bool dns_address_is_public(struct span octets);

#endif
