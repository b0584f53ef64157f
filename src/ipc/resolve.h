/*
 * resolve.h - queue and resolver.  Numbers 0x05xx.
 * Results cross as checked records, never as packets (DNS-1); host names have
 * been checked as host names (DNS-2).
 */
#ifndef POSTHORSE_IPC_RESOLVE_H
#define POSTHORSE_IPC_RESOLVE_H

#include "ipc/ipc.h"

#define RESOLVE_HOSTS_MAX	20u	/* MX hosts kept (section 19) */
#define RESOLVE_ADDRESSES_MAX	8u	/* addresses a host */

struct resolve_route {			/* question: who takes mail for it? */
	uint64_t	tag;
	struct span	domain;		/* 253, A-labels, lower case */
	uint8_t		is_host;	/* a smarthost's name: A and AAAA only */
};
enum resolve_status {
	RESOLVE_OK,
	RESOLVE_NONE,		/* NXDOMAIN, or neither MX nor address: 5.1.2 */
	RESOLVE_NULL_MX,	/* RFC 7505: 5.1.10 */
	RESOLVE_TEMPFAIL,	/* SERVFAIL, timeout, bogus: try again */
	RESOLVE_LOOP,		/* best MX is this host: 5.4.6 */
	RESOLVE_REFUSED,	/* only private or loopback targets: 5.4.4 */
	RESOLVE_STATUS_COUNT
};
enum resolve_security {
	RESOLVE_INSECURE,
	RESOLVE_SECURE,		/* the MX answer and this host's were validated */
	RESOLVE_BOGUS,
	RESOLVE_SECURITY_COUNT
};
struct resolve_route_answer {
	uint64_t	tag;
	uint8_t		status;
	uint8_t		security;	/* of the MX answer */
	struct span	hosts;		/* list of resolve_host */
	uint32_t	ttl_s;		/* good for so long; 0: ask again soon */
	struct span	why;		/* for the log and trace, 256 */
};
struct resolve_host {
	uint16_t	preference;
	struct span	name;
	uint8_t		security;	/* of its addresses */
	uint16_t	port;
	struct span	addresses;	/* list of resolve_address */
};
struct resolve_address {
	struct span	address;	/* 4 or 16 octets */
};

extern const struct ipc_type ipc_resolve_route, ipc_resolve_route_answer,
    ipc_resolve_host, ipc_resolve_address;

#endif
