/*
 * id.h - the name of one message, from accept to its final state.
 *
 * 128 bits: 48 of wall-clock milliseconds, then 80 random (ARCHITECTURE 3).
 * In print 26 letters of Crockford's base 32, upper case, which sort by time.
 */
#ifndef POSTHORSE_BASE_ID_H
#define POSTHORSE_BASE_ID_H

#include "base/span.h"

#define MSG_ID_OCTETS	16
#define MSG_ID_LETTERS	26

struct msg_id {
	uint8_t	octets[MSG_ID_OCTETS];
};

/* From a wall clock and ten octets that nobody can guess. */
struct msg_id msg_id_make(uint64_t wall_ms, const uint8_t random[10]);
/* Writes MSG_ID_LETTERS letters and a NUL. */
void msg_id_print(const struct msg_id *id, char text[MSG_ID_LETTERS + 1]);
/* Either case; nothing but the 26 letters.  ERR_SYNTAX. */
MUST_USE enum err msg_id_parse(struct span text, struct msg_id *id);
static inline bool
msg_id_eq(const struct msg_id *a, const struct msg_id *b)
{
	return memcmp(a->octets, b->octets, MSG_ID_OCTETS) == 0;
}
static inline bool
msg_id_is_none(const struct msg_id *id)
{
	static const struct msg_id none;

	return msg_id_eq(id, &none);
}

#endif
