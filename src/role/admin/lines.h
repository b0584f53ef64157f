/*
 * lines.h - one event, as a line for people and as a JSON row.
 *
 * Pure.  The text came from another process, which may have been taken over:
 * event_clean makes it one safe line again whatever it holds (LOG-1).
 */
#ifndef POSTHORSE_ROLE_ADMIN_LINES_H
#define POSTHORSE_ROLE_ADMIN_LINES_H

#include "base/log.h"
#include "ipc/ipc.h"

struct event {
	uint64_t	wall_ms;
	uint8_t		level;		/* enum log_level */
	uint8_t		role;		/* enum ipc_role: who says it */
	uint32_t	index;
	struct span	text;		/* as base/log.h made it */
};
#define EVENT_TIME_MAX	32u	/* octets of a printed time */
#define EVENT_LINE_MAX	(LOG_LINE_MAX + 96u)	/* of a printed line */
#define EVENT_JSON_MAX	(3u * LOG_LINE_MAX)

/* "2026-11-23 20:10:11.123", UTC. */
void event_time(uint64_t wall_ms, char text[EVENT_TIME_MAX]);
/* "2026-11-23". */
void event_day(uint64_t day, char text[EVENT_TIME_MAX]);
#define EVENT_DAY_MS	UINT64_C(86400000)

/*
 * The same text when it is what base/log.h makes; else its escaped form in
 * room, cut there.
 */
struct span event_clean(struct span text, char room[LOG_LINE_MAX]);
/* The first word of a text is a message's id. */
bool event_id(struct span text, struct msg_id *id);
/* The second word, or "". */
struct span event_name(struct span text);
/* `TIME ROLE/INDEX TEXT` and a newline.  ERR_FULL, ERR_NOMEM. */
MUST_USE enum err event_print(const struct event *e, struct buf *to);
/*
 * `<PRI>posthorse: ROLE/INDEX TEXT` and a newline: facility mail, the severity
 * of the level (RFC 3164 4.1.1).  The logger adds the time and the host.
 */
MUST_USE enum err event_syslog(const struct event *e, struct buf *to);
/* One JSON object without a newline; values are strings, repeated keys lists. */
MUST_USE enum err event_json(const struct event *e, struct buf *to);

#endif
