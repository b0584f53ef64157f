/*
 * limits.h - how many sessions, how fast, and how often a password may be
 * wrong, counted over all receivers.
 *
 * Pure: time comes in as monotonic milliseconds.  Addresses are counted as
 * IPv4 /32 and /24, IPv6 /64 and /48.  Tables are bounded; a full one makes
 * room by dropping what has run out, and refuses when nothing has.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_LIMITS_H
#define POSTHORSE_ROLE_LOOKUP_LIMITS_H

#include "base/map.h"
#include "config/config.h"

#define LIMITS_ENTRIES_MAX	100000u		/* of each table */
/* What a whole /24 or /48 may try, as a multiple of one address's tries. */
#define LIMITS_NETWORK_TRIES	4u
/* The same of connections and of handshakes in a minute. */
#define LIMITS_NETWORK_RATE	8u

struct limits {
	const struct config_limits	*c;
	struct map			 sources;	/* sessions and rates */
	struct map			 tries;		/* failed passwords */
	uint64_t			 sessions;	/* in all */
};
/* What one receiver has open: forgotten with it. */
struct limits_peer {
	struct map	held;
};

struct limits limits_make(const struct siphash_key *key,
    const struct config_limits *c);
void limits_free(struct limits *l);
struct limits_peer limits_peer_make(const struct siphash_key *key);

/* The last places of all sessions are for those who log in (OPS-1). */
#define LIMITS_USERS_PERCENT	5u
bool limits_has_place(const struct limits *l, bool is_for_users);
/*
 * A session begins: may it?  Only when true it is counted, until
 * limits_disconnect.  is_exempt: only the sum of all sessions limits it.
 */
MUST_USE bool limits_connect(struct limits *l, struct limits_peer *peer,
    const struct address *client, bool is_exempt, uint64_t now_ms);
/* A TLS handshake begins: may it?  Counted when true. */
MUST_USE bool limits_handshake(struct limits *l, const struct address *client,
    bool is_exempt, uint64_t now_ms);
/*
 * The same ahead, for a session that will likely begin one: only while fewer
 * than half of what its address and network may begin are counted, so that who
 * holds sessions without TLS keeps nobody of his address from it.  0: not
 * counted; else a word by which limits_unshaken takes it back, if the minute in
 * which it was counted still lasts.
 */
MUST_USE uint64_t limits_shake_ahead(struct limits *l,
    const struct address *client, bool is_exempt, uint64_t now_ms);
void limits_unshaken(struct limits *l, const struct address *client,
    uint64_t word);
/* False: one that the peer does not have, which is not counted. */
bool limits_disconnect(struct limits *l, struct limits_peer *peer,
    const struct address *client);
/* The receiver has ended, and its sessions with it; frees what it held. */
void limits_forget(struct limits *l, struct limits_peer *peer);

/*
 * An attempt to authenticate, counted as failed until limits_succeeded; false
 * (and not counted): its address, network or account has had too many.
 * account: as it will be counted, in lower case, at most 254 octets.
 */
MUST_USE bool limits_try(struct limits *l, const struct address *client,
    struct span account, uint64_t now_ms);
void limits_succeeded(struct limits *l, const struct address *client,
    struct span account);
/*
 * How long the answer to a failed attempt is kept back: nothing for the first,
 * then doubling with each failure of this address or account that is still
 * remembered, up to LIMITS_DELAY_MAX_MS.
 */
#define LIMITS_DELAY_MS		250u
#define LIMITS_DELAY_MAX_MS	8000u
uint32_t limits_delay_ms(const struct limits *l, const struct address *client,
    struct span account);

#endif
