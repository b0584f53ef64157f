/*
 * log.c - a line of the log, safe whatever a stranger wrote into it.
 */
#include "base/log.h"

#include "base/utf8.h"

#include <stdio.h>

/* Octets that need no quotes. */
static bool
is_plain(uint8_t c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	    memchr("-._@:/+<>[],*~%", c, 15) != NULL;
}

/* The escaped form of what stands in front; returns the octets it used. */
static size_t
escape_one(struct span s, char text[16], size_t *n)
{
	uint8_t c = s.p[0];
	uint32_t point;
	size_t used = 1;

	if (c == '"' || c == '\\')
		*n = (size_t)snprintf(text, 16, "\\%c", c);
	else if (c >= 0x20 && c < 0x7f)
		*n = (size_t)snprintf(text, 16, "%c", c);
	else if (c < 0x80 || (used = utf8_take(s, &point)) == 0) {
		used = 1;
		*n = (size_t)snprintf(text, 16, "\\x%02x", c);
	} else if (utf8_is_hidden(point))
		*n = (size_t)snprintf(text, 16, "\\u{%04x}", point);
	else {
		memcpy(text, s.p, used);
		*n = used;
	}
	return used;
}

size_t
log_escape(struct span value, char *to, size_t room, bool *is_cut)
{
	char text[16];
	size_t at = 0, n;

	*is_cut = false;
	while (value.n > 0) {
		uint8_t c = value.p[0];

		/* The common case costs no formatting. */
		if (c > 0x20 && c < 0x7f && c != '"' && c != '\\') {
			if (at == room)
				break;
			to[at++] = (char)c;
			value = span_skip(value, 1);
			continue;
		}
		size_t used = escape_one(value, text, &n);

		if (n > room - at)
			break;
		memcpy(to + at, text, n);
		at += n;
		value = span_skip(value, used);
	}
	*is_cut = value.n > 0;
	return at;
}

/* What does not fit is cut, the cut is marked, and nothing more is taken. */
static bool
put(struct log_line *l, const char *text, size_t n)
{
	/* One octet stays free for the mark. */
	size_t room = sizeof l->text - 1 - l->n;

	if (l->is_cut)
		return false;
	memcpy(l->text + l->n, text, MIN(n, room));
	l->n += MIN(n, room);
	if (n <= room)
		return true;
	l->text[l->n++] = '~';
	l->is_cut = true;
	return false;
}

void
log_begin(struct log_line *l, enum log_level level, const struct msg_id *id,
    const char *event)
{
	char text[MSG_ID_LETTERS + 1] = "-";

	l->level = level;
	l->n = 0;
	l->is_cut = false;
	if (id != NULL && !msg_id_is_none(id))
		msg_id_print(id, text);
	if (put(l, text, strlen(text)) && put(l, " ", 1))
		(void)put(l, event, strlen(event));
}

static bool
is_all_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_plain(s.p[i]))
			return false;
	return s.n > 0;
}

static bool
put_key(struct log_line *l, const char *key)
{
	return put(l, " ", 1) && put(l, key, strlen(key)) && put(l, "=", 1);
}

void
log_span(struct log_line *l, const char *key, struct span value)
{
	/* An octet becomes four at most (\xNN); a hidden point less. */
	char text[LOG_FIELD_MAX * 4 + 3];
	struct span shown = { value.p, MIN(value.n, (size_t)LOG_FIELD_MAX) };
	bool is_cut;
	size_t n = 0;

	if (is_all_plain(value) && value.n <= LOG_FIELD_MAX) {
		if (put_key(l, key))
			(void)put(l, (const char *)value.p, value.n);
		return;
	}
	text[n++] = '"';
	n += log_escape(shown, text + n, sizeof text - 3, &is_cut);
	if (shown.n < value.n)
		text[n++] = '~';
	text[n++] = '"';
	if (put_key(l, key))
		(void)put(l, text, n);
}

void
log_str(struct log_line *l, const char *key, const char *value)
{
	log_span(l, key, span_str(value));
}

void
log_num(struct log_line *l, const char *key, uint64_t value)
{
	char text[24];
	size_t at = sizeof text;

	do
		text[--at] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	if (put_key(l, key))
		(void)put(l, text + at, sizeof text - at);
}
