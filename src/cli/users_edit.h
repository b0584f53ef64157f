/*
 * users_edit.h - change one line of a users file, so that whoever reads it
 * sees the old file or the new one.
 */
#ifndef POSTHORSE_CLI_USERS_EDIT_H
#define POSTHORSE_CLI_USERS_EDIT_H

#include "base/span.h"

#include <sys/types.h>

enum users_edit {
	USERS_EDIT_ADD,		/* ERR_FULL: the name is there already */
	USERS_EDIT_CHANGE	/* ERR_NONE: it is not */
};
/*
 * Write path anew with that user: into a file beside it, synced, renamed over
 * it, its folder synced.  Owner and mode stay; a new file is 0640 and owned by
 * uid and gid when we may give it away ((uid_t)-1: nobody else).  Others that
 * do the same wait.  secret: a hash, perhaps a verifier (config/users.h).
 * ERR_SYNTAX: the file has a line that is none; ERR_IO: errno says why.
 */
MUST_USE enum err users_edit(const char *path, enum users_edit what,
    struct span name, struct span secret, uid_t uid, gid_t gid);

#endif
