/*
 * day.h - one day of the history: its two files, opened.  For history.c.
 */
#ifndef POSTHORSE_ROLE_ADMIN_DAY_H
#define POSTHORSE_ROLE_ADMIN_DAY_H

#include "role/admin/history.h"

#define DAY_RECORD_MAX	(LOG_LINE_MAX + 64u)

struct day {
	int		 events, index;	/* -1: not open */
	uint64_t	 day;		/* since 1970 */
	uint64_t	 end;		/* octets of whole events */
	uint64_t	 covered;	/* the index file is right up to here */
	uint64_t	*slots;		/* only of a day that is written */
};

/* `YYYY-MM-DD.events`, room EVENT_TIME_MAX; suffix without its dot. */
void day_name(uint64_t day, const char *suffix, char name[EVENT_TIME_MAX]);
/* ERR_NONE: there is no such day. */
MUST_USE enum err day_open_read(int dir, uint64_t day, struct day *d);
/* Made when missing; a torn end is cut off, the slots are made whole. */
MUST_USE enum err day_open_write(int dir, uint64_t day, struct day *d);
void day_close(struct day *d);
void day_save_index(struct day *d);
/* The slot of the message that a text names; false: it names none. */
bool day_slot(struct span text, uint32_t *slot);
/* Append the event's record, that will lie at offset at, to *to. */
MUST_USE enum err day_encode(const struct event *e, uint64_t prev,
    struct buf *to);
/*
 * Read the event at offset into room; *size: octets of its record; *prev as
 * stored.  ERR_CORRUPT: there is none.
 */
MUST_USE enum err day_read(const struct day *d, uint64_t at,
    uint8_t room[DAY_RECORD_MAX], struct event *e, uint64_t *prev,
    uint64_t *size);
/* Where the newest event of a slot lies, plus one; 0: none. */
uint64_t day_newest(const struct day *d, uint32_t slot);

#endif
