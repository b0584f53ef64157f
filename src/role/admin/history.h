/*
 * history.h - what happened to a message, found by its id.
 *
 * A file of events a UTC day (YYYY-MM-DD.events), only added to, and beside it
 * an index (YYYY-MM-DD.index):
 *
 *	index	| magic | covered |  ...to octet 4096 | slot 0 | slot 1 | ...
 *	events	| length | check | prev | time level role index text | ...
 *
 * An id falls into one of HISTORY_SLOTS slots by its random part.  A slot and
 * prev hold one more than the offset of the (last, previous) event of that
 * slot, 0 for none.  So a trace reads one number of a day's index and walks a
 * short chain.  The index is right up to `covered`; events behind that are
 * read again when the day is opened.  A file cut by a crash ends before the
 * first event that does not check; nothing is synced, for nothing depends on
 * it.  Numbers are little-endian, but for the slots, which are this machine's.
 */
#ifndef POSTHORSE_ROLE_ADMIN_HISTORY_H
#define POSTHORSE_ROLE_ADMIN_HISTORY_H

#include "role/admin/lines.h"

#define HISTORY_SLOTS		65536u
#define HISTORY_HEAD		4096u	/* octets before the slots */
#define HISTORY_WAITING		(1024u * 1024)	/* octets not yet written */
#define HISTORY_TRACE_MAX	2000u	/* events of one message shown */

struct history;
struct history_limits {
	uint64_t	keep_s;		/* age of the oldest day */
	uint64_t	size;		/* octets of all files */
};
/*
 * dir: borrowed, in which only we write.  ERR_IO: errno says why; ERR_NOMEM.
 */
MUST_USE enum err history_open(int dir, struct history_limits limits,
    uint64_t now_ms, struct history **h);
/* Flushes first. */
void history_close(struct history *h, uint64_t now_ms);
/* Kept in memory until history_flush; counted when there is no room. */
void history_add(struct history *h, const struct event *e);
/* Write what waits; begin a new day and remove old ones when it is time. */
void history_flush(struct history *h, uint64_t now_ms);
/* Make the index good for all that was written. */
void history_save_index(struct history *h);
/* Events lost since last asked. */
uint64_t history_take_dropped(struct history *h);
/*
 * Oldest first, at most HISTORY_TRACE_MAX a day, from the id's own day to now;
 * e's text ends with the call.  False from each: enough.  Returns how many.
 */
uint64_t history_trace(struct history *h, const struct msg_id *id,
    uint64_t now_ms, bool (*each)(void *ctx, const struct event *e),
    void *ctx);

#endif
