/*
 * watched.h - a file that is read again when it is another one.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_WATCHED_H
#define POSTHORSE_ROLE_LOOKUP_WATCHED_H

#include "base/buf.h"

#include <sys/stat.h>

struct watched {
	int		 folder;	/* -1: not given */
	const char	*file;		/* its name there */
	struct stat	 seen;		/* what was read last */
};
enum watched_news {
	WATCHED_SAME,
	WATCHED_NEW,		/* *text is all of it */
	WATCHED_GONE		/* *why; it is new when it can be read again */
};
/* text: empty, the caller frees it. */
MUST_USE enum watched_news watched_look(struct watched *w, struct buf *text,
    const char **why);

#endif
