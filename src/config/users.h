/*
 * users.h - a users file: who has a mailbox, and what a password is known by.
 *
 *	# comment
 *	anna:$y$j9T$...:SCRAM-SHA-256$65536:...
 *	bob:$y$j9T$...
 *	list:*			a mailbox without a password
 *
 * One user a line, the name before the first colon, then the hash, then perhaps
 * a verifier (verifier.h), without which a user cannot use SCRAM.  Names are the keys of
 * mailboxes and so parts of paths: letters, digits, - _ and . only, and what is clean
 * in UTF-8 beyond ASCII (RFC 6531); no dot or hyphen in front, at most
 * USERS_NAME_MAX octets; two that differ only in the case of ASCII are the same.
 * Pure.
 */
#ifndef POSTHORSE_CONFIG_USERS_H
#define POSTHORSE_CONFIG_USERS_H

#include "config/verifier.h"

#define USERS_NAME_MAX	64u
#define USERS_HASH_MAX	384u			/* crypt(5) CRYPT_OUTPUT_SIZE */
#define USERS_SECRET_MAX	(USERS_HASH_MAX + 1 + VERIFIER_TEXT_MAX)
#define USERS_FILE_MAX	(64u * 1024 * 1024)

struct users_line {
	struct span	name;
	struct span	hash;		/* "*": no password */
	struct span	verifier;	/* "" when there is none */
	struct span	secret;		/* both, as they stand there */
};

bool users_is_name(struct span name);
/*
 * A hash that may be asked to compute: a kind of libxcrypt's (yescrypt, bcrypt,
 * sha512crypt, sha256crypt) whose cost is within bounds (AUTH-9), or "*".
 */
bool users_is_hash(struct span hash);
/*
 * HASH or HASH:VERIFIER, as behind a name: line's hash, verifier and secret.
 * ERR_SYNTAX: it is none.
 */
MUST_USE enum err users_secret(struct span text, struct users_line *line);
/*
 * The next user; *rest is advanced past it.  ERR_NONE: the end; ERR_SYNTAX:
 * this line is none, *line holds its octets as name, *rest is behind it.
 */
MUST_USE enum err users_next(struct span *rest, struct users_line *line);

#endif
