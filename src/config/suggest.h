/*
 * suggest.h - "did you mean ...?".
 */
#ifndef POSTHORSE_CONFIG_SUGGEST_H
#define POSTHORSE_CONFIG_SUGGEST_H

#include "base/span.h"

#define SUGGEST_WORD_MAX	32u	/* longer words have no suggestion */

/*
 * How many letters must be added, taken, changed or swapped with their
 * neighbour to come from a to b; SIZE_MAX when one is longer than
 * SUGGEST_WORD_MAX.
 */
size_t suggest_distance(struct span a, struct span b);
/* Is that near enough to be taken for a typing error? */
bool suggest_is_near(struct span word, size_t distance);

#endif
