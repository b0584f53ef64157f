/*
 * words.h - what remote servers said, each text once.
 *
 * A million deferred recipients mostly heard the same few sentences.  The table
 * is bounded: when it is full a new text is kept as "" (the history of events
 * still has it).
 */
#ifndef POSTHORSE_SPOOL_WORDS_H
#define POSTHORSE_SPOOL_WORDS_H

#include "base/buf.h"

#define WORDS_MAX	65536u		/* texts */
#define WORDS_OCTETS	(16u << 20)	/* of all texts */

struct words;
struct words *words_new(void);		/* NULL: no memory */
void words_free(struct words *w);
/* A number for the text, one use more of it; 0 for "" or when there is no room. */
uint32_t words_keep(struct words *w, struct span text);
/* One use less. */
void words_drop(struct words *w, uint32_t number);
struct span words_text(const struct words *w, uint32_t number);

#endif
