/*
 * check.h - what is asked of the DNS about a client, and what the answers mean.
 *
 * Pure.  A check has a name and, once it is answered, a word; rules may ask for
 * both.  RFC 5782 (DNS block and allow lists): 2.1 and 2.4 how a list is asked,
 * 2.3 which replies mean "listed", 5 how a list shows that it is one.
 */
#ifndef POSTHORSE_POLICY_CHECK_H
#define POSTHORSE_POLICY_CHECK_H

#include "base/buf.h"

#define CHECK_LISTS_MAX		16u
#define CHECK_MAX		(CHECK_LISTS_MAX + 1)
#define CHECK_WHY_MAX		64u	/* octets, NUL included */
#define CHECK_QUERY_MAX		253u	/* octets of a name to ask for */
/* Weights of the lists that list a client: from this sum on it is refused, from
 * its negative down no check refuses it. */
#define CHECK_SUM_REFUSE	10

enum check_word {
	CHECK_WAITS,		/* not answered yet */
	CHECK_TIMEOUT,		/* not answered in time: no verdict */
	CHECK_LATER,		/* the DNS could not say: no verdict */
	CHECK_PASS,		/* reverse-dns: a name that leads back */
	CHECK_NONE,		/* reverse-dns: the address has no name */
	CHECK_MISMATCH,		/* reverse-dns: a name of other addresses */
	CHECK_LISTED,
	CHECK_CLEAR,
	CHECK_ODD,		/* a list's reply that is no verdict */
	CHECK_WORD_COUNT
};
struct check {			/* a result */
	const char	*name;		/* "reverse-dns", or the list's zone */
	enum check_word	 word;
	int64_t		 weight;	/* LISTED: what it adds to the sum */
	char		 why[CHECK_WHY_MAX];	/* a host name, an address; "" */
};
/* "pass" for CHECK_PASS: in rules and in the log. */
const char *check_word_text(enum check_word word);

/*
 * The name to ask for: the address' octets or nibbles turned round, then the
 * zone ("in-addr.arpa", a list's zone).  address: 4 or 16 octets.  ERR_FULL: a
 * name of more than CHECK_QUERY_MAX octets.
 */
MUST_USE enum err check_query(struct span address, struct span zone,
    struct buf *to);
/*
 * The same for the address that no list may hold (RFC 5782 5): 127.0.0.1, for
 * clients with addresses of 16 octets as ::ffff:127.0.0.1.  A list that holds it
 * holds everybody, as the parked domain of a list that has ended does.
 */
MUST_USE enum err check_nobody_query(size_t octets, struct span zone,
    struct buf *to);
#define CHECK_NOBODY	"127.0.0.1"

/*
 * What a list's A records say.  replies: 4 octets each, none when the name does
 * not exist.  Only replies under base/bits count as listed; those in 127.0.0.0/8
 * that do not are another list's business, and all others, and 127.255.255.0/24
 * (what lists say to whom they will not serve), are ODD.
 * why: the reply that decided, as text.
 */
enum check_word check_list_word(struct span replies, const uint8_t base[4],
    uint8_t bits, char why[CHECK_WHY_MAX]);

/* Of a client's checks together. */
struct check_sum {
	int64_t			 sum;
	const struct check	*worst;	/* of the greatest weight; or NULL */
	bool			 is_refused;	/* by its lists */
	bool			 is_allowed;	/* by them: no check refuses */
};
struct check_sum check_sum(const struct check *checks, size_t n);

#endif
