/*
 * utf8.h - code points of text from outside (RFC 3629).  Pure.
 */
#ifndef POSTHORSE_BASE_UTF8_H
#define POSTHORSE_BASE_UTF8_H

#include "base/span.h"

/*
 * Octets (2 to 4) of the code point beyond ASCII that s, which is not empty,
 * begins with; 0 when it begins with ASCII, with half a point, an overlong
 * form, a surrogate or a number beyond U+10FFFF.
 */
size_t utf8_take(struct span s, uint32_t *point);
/* Controls, and what turns a line around, ends it or shows nothing. */
bool utf8_is_hidden(uint32_t point);
/* UTF-8 without ASCII controls and without hidden points. */
bool utf8_is_clean(struct span s);

#endif
