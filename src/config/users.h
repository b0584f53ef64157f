/*
 * users.h - a users file: who has a mailbox, and the hash of a password.
 *
 *	# comment
 *	anna:$y$j9T$...
 *	list:*			a mailbox without a login
 *
 * One user a line, the name before the first colon.  Names are the keys of
 * mailboxes and so parts of paths: letters, digits, - _ and . only, no dot or
 * hyphen in front, at most USERS_NAME_MAX octets; two that differ only in case
 * are the same.  Pure.
 */
#ifndef POSTHORSE_CONFIG_USERS_H
#define POSTHORSE_CONFIG_USERS_H

#include "base/span.h"

#define USERS_NAME_MAX	64u
#define USERS_HASH_MAX	384u			/* crypt(5) CRYPT_OUTPUT_SIZE */
#define USERS_FILE_MAX	(64u * 1024 * 1024)

struct users_line {
	struct span	name;
	struct span	hash;		/* "*": no login */
};

bool users_is_name(struct span name);
/*
 * A hash that may be asked to compute: a kind of libxcrypt's (yescrypt, bcrypt,
 * sha512crypt, sha256crypt) whose cost is within bounds (AUTH-9), or "*".
 */
bool users_is_hash(struct span hash);
/*
 * The next user; *rest is advanced past it.  ERR_NONE: the end; ERR_SYNTAX:
 * this line is none, *line holds its octets as name, *rest is behind it.
 */
MUST_USE enum err users_next(struct span *rest, struct users_line *line);

#endif
