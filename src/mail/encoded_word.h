/*
 * encoded_word.h - text of a header field as its reader sees it (RFC 2047).
 *
 * Pure: no I/O, no allocation, time linear in the octets.  Encoded words in Q
 * and B become UTF-8 (mail/charset.h says from what), wherever in the value they
 * stand and however long they are: a rule shall see what a generous reader shows.
 * White space between two of them goes (6.2).  One that is none by section 2 or 4
 * stays as it is.  Control octets are left out but
 * the tab; octets above 127 that are no UTF-8 stay as they are.
 */
#ifndef POSTHORSE_MAIL_ENCODED_WORD_H
#define POSTHORSE_MAIL_ENCODED_WORD_H

#include "base/span.h"

/*
 * value	unfolded
 * Octets written to `to`, at most room: what does not fit is cut off.
 */
size_t encoded_words_decode(struct span value, uint8_t *to, size_t room);

#endif
