/*
 * log.h - one event, one line, made safe for every reader.
 *
 * A line is `ID event key=value ...`: the message's id (or `-`), one word,
 * then pairs.  A value with anything but plain letters is put in double
 * quotes; control octets, ESC, bidirectional controls and octets that are not
 * UTF-8 come out as \xNN or \u{NNNN} (LOG-1).  Pure: no clock, no descriptor;
 * the role that owns the line sends it on (role_log), admin adds time and role.
 *
 * Never give it a password, an AUTH line or content (LOG-2).
 */
#ifndef POSTHORSE_BASE_LOG_H
#define POSTHORSE_BASE_LOG_H

#include "base/id.h"

/* Octets of a line: it fits in a frame.  The rest is cut, marked ~. */
#define LOG_LINE_MAX	2048
#define LOG_FIELD_MAX	512	/* octets of one value as it came */

enum log_level {
	LOG_LEVEL_ALARM,	/* somebody should get up */
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};

struct log_line {
	enum log_level	level;
	size_t		n;
	bool		is_cut;
	char		text[LOG_LINE_MAX];
};

/* id NULL: the event belongs to no message.  event: [a-z-]+ of our own. */
void log_begin(struct log_line *l, enum log_level level,
    const struct msg_id *id, const char *event);
/* key: [a-z_]+ of our own; value: anybody's octets. */
void log_span(struct log_line *l, const char *key, struct span value);
void log_str(struct log_line *l, const char *key, const char *value);
void log_num(struct log_line *l, const char *key, uint64_t value);
static inline struct span
log_text(const struct log_line *l)
{
	return span_of(l->text, l->n);
}
/*
 * The escaping alone, for whatever else shows a stranger's octets on one line.
 * Writes at most room octets, returns how many; *is_cut says that not all fit.
 */
size_t log_escape(struct span value, char *to, size_t room, bool *is_cut);

#endif
