/*
 * rates.h - how much each user hands in, counted over all receivers (RLY-6).
 *
 * Pure: time comes in as monotonic milliseconds.  An hour begins with the first
 * message in it; all that an hour may bring may come at once.  Beyond that mail
 * is put off, and who goes on to try RATES_STOP times as much within the hour is
 * stopped: rather somebody who has the password than its owner.  A stop lasts
 * until it is lifted or this process ends; it puts mail off and loses none.
 *
 * An address may hand in RATES_ADDRESS times as much, for there are users behind
 * one; it is never stopped.  The table is bounded; a full one makes room by
 * dropping what has run out, else mail is put off.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_RATES_H
#define POSTHORSE_ROLE_LOOKUP_RATES_H

#include "base/map.h"
#include "config/config.h"

#define RATES_HOUR_MS		3600000u
#define RATES_STOP		4u
#define RATES_ADDRESS		4u
#define RATES_ENTRIES_MAX	100000u
#define RATES_USER_MAX		512u	/* octets of a user's name */

struct rates {
	const struct config_limits	*c;
	struct map			 entries;
};
enum rates_result {
	RATES_OK,
	RATES_OVER,		/* too much this hour */
	RATES_STOPPED
};
/* What came of it, and what was counted so far in this hour. */
struct rates_verdict {
	enum rates_result	result;
	bool			is_news;	/* for the first time */
	uint64_t		messages, recipients;	/* tried */
};

struct rates rates_make(const struct siphash_key *key,
    const struct config_limits *c);
void rates_free(struct rates *r);
/*
 * A message begins.  Only what is refused is counted.  Recipients beyond their
 * limit are not refused here: how many are tried has to be seen.
 */
struct rates_verdict rates_begin(struct rates *r, struct span user,
    const struct address *client, uint64_t now_ms);
/* It is whole: counted, and taken when OK. */
struct rates_verdict rates_message(struct rates *r, struct span user,
    const struct address *client, uint32_t recipients, uint64_t now_ms);
/* True: the user was stopped, and is no more. */
bool rates_lift(struct rates *r, struct span user);

struct rates_stopped {
	struct span	user;
	uint64_t	since_ms;	/* as now_ms was */
	uint64_t	messages, recipients;
};
/* The users that are stopped: *at begins at NULL; false: no more. */
bool rates_next_stopped(const struct rates *r, struct map_node **at,
    struct rates_stopped *s);

#endif
