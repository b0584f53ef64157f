/*
 * json.h - what is asked of JSON before a library reads it.
 *
 * jansson recurses, and so must not be given what is too deep (MEM-3).  Pure.
 */
#ifndef POSTHORSE_BASE_JSON_H
#define POSTHORSE_BASE_JSON_H

#include "base/span.h"

#define JSON_DEPTH_MAX	8u	/* brackets in brackets */

/* Are brackets no deeper than that?  Those in strings do not count. */
bool json_is_shallow(struct span text);

#endif
