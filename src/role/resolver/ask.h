/*
 * ask.h - one question about a domain: from MX to addresses.
 *
 * Told answers, it says what to ask next; it knows neither libunbound nor
 * descriptors, so a test can be the DNS.  RFC 5321 5.1, RFC 7505.
 */
#ifndef POSTHORSE_ROLE_RESOLVER_ASK_H
#define POSTHORSE_ROLE_RESOLVER_ASK_H

#include "config/config.h"
#include "ipc/resolve.h"
#include "proto/dns_rdata.h"

#define ASK_QUERIES_MAX	40u	/* DNS queries a destination (section 19) */
#define ASK_TTL_MIN_S	30u
#define ASK_TTL_MAX_S	3600u
#define ASK_TTL_BAD_S	60u	/* of an answer that is no route */

enum ask_type {
	ASK_A = 1,
	ASK_PTR = 12,
	ASK_MX = 15,
	ASK_AAAA = 28
};
/* What came back for one query. */
struct ask_answer {
	enum resolve_status	status;		/* OK, NONE or TEMPFAIL */
	enum resolve_security	security;
	bool			has_data;
	uint32_t		ttl_s;
	const char		*why;		/* of a TEMPFAIL, or "" */
	/* The i-th record's octets; n of 0 behind the last. */
	struct span (*record)(const void *ctx, size_t i);
	const void		*ctx;
};
struct ask_query {
	enum ask_type	type;
	size_t		host;		/* index of hosts; of no use for MX */
	const char	*name;
};

struct ask_host {
	struct dns_name		name;
	uint16_t		preference;
	uint16_t		port;
	uint32_t		random;		/* order among equals */
	enum resolve_security	security;
	bool			is_ours, has_failed, has_refused;
	size_t			naddresses;
	struct address		addresses[RESOLVE_ADDRESSES_MAX];
};
struct ask {
	const struct config	*config;
	uint64_t		 tag;
	struct dns_name		 domain;
	bool			 is_host;
	bool			 is_mx_known;
	enum resolve_status	 status;
	enum resolve_security	 security;
	uint32_t		 ttl_s;
	char			 why[200];
	size_t			 nhosts, nqueries;
	size_t			 npending;
	size_t			 next_host;	/* queries not asked for yet */
	struct ask_host		 hosts[RESOLVE_HOSTS_MAX];
};

/* ERR_SYNTAX: no domain; answer it NONE.  An address literal "[192.0.2.1]" is
 * complete at once. */
MUST_USE enum err ask_begin(struct ask *a, const struct config *config,
    const struct resolve_route *question);
/* The next query to send; false: none now.  Counted as pending. */
bool ask_next(struct ask *a, struct ask_query *q);
/* random: unpredictable octets for the order among equals. */
void ask_told(struct ask *a, const struct ask_query *q,
    const struct ask_answer *answer, const uint32_t *random);
/* Nothing pending and nothing to ask. */
bool ask_is_done(const struct ask *a);
/* Give up waiting: what is not known yet is TEMPFAIL. */
void ask_expire(struct ask *a);
/* The answer; its hosts are encoded into *list. */
MUST_USE enum err ask_result(struct ask *a, struct buf *list,
    struct resolve_route_answer *answer);

#endif
