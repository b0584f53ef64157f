/*
 * greylist.h - who comes for the first time is asked to come again.
 *
 * Pure: the time and what is remembered come in, the verdict and what to
 * remember go out.  RFC 6647: a triplet of client network, sender and recipient
 * waits once; clients that have come again often are known and wait no more.
 */
#ifndef POSTHORSE_POLICY_GREYLIST_H
#define POSTHORSE_POLICY_GREYLIST_H

#include "base/span.h"

#define GREYLIST_RETRY_S	(2u * 86400)	/* come again within so long */
#define GREYLIST_KEEP_S		(36u * 86400)	/* then it is forgotten */
#define GREYLIST_KNOWN		5u	/* triplets that came again: known */
#define GREYLIST_NETWORK_MAX	9u	/* octets of a network's key */

/* Of a triplet; all 0: never seen. */
struct greylist_seen {
	uint64_t	first_ms, last_ms;
	bool		has_passed;
};
/* Of a client's network; all 0: never seen. */
struct greylist_client {
	uint64_t	passes, last_ms;
};
enum greylist_word {
	GREYLIST_WAIT,		/* 451, and for how long */
	GREYLIST_PASS,		/* it came again */
	GREYLIST_KNOWN_CLIENT,	/* of a network that always does */
	GREYLIST_LATER,		/* nobody could be asked: no verdict */
	GREYLIST_WORD_COUNT
};
struct greylist_verdict {
	enum greylist_word	word;
	uint64_t		wait_s;		/* WAIT: at least 1 */
};
/* "wait" for GREYLIST_WAIT: for the log. */
const char *greylist_word_text(enum greylist_word word);

/*
 * *seen and *client are changed to what is to be remembered.  A clock that was
 * set back begins a wait anew, and never makes one longer than delay_s.
 */
struct greylist_verdict greylist_judge(uint64_t now_ms, uint64_t delay_s,
    struct greylist_seen *seen, struct greylist_client *client);

/*
 * The key of a client's network: IPv4 /24, IPv6 /64 (neighbours share a queue).
 * Returns its octets; 0: no address.
 */
size_t greylist_network(struct span address,
    uint8_t key[GREYLIST_NETWORK_MAX]);

#endif
