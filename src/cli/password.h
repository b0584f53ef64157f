/*
 * password.h - a password from whoever types, and its hash.
 */
#ifndef POSTHORSE_CLI_PASSWORD_H
#define POSTHORSE_CLI_PASSWORD_H

#include "base/buf.h"

#define PASSWORD_MAX	512u	/* octets; what AUTH takes too */

/*
 * The first line of standard input; from a terminal asked for twice, without
 * echo.  *to: the caller wipes it.  ERR_SYNTAX (after a complaint): empty, too
 * long, a control octet, or the two differ.
 */
MUST_USE enum err password_read(struct buf *to);
/*
 * A yescrypt hash of libxcrypt's default cost, NUL-terminated.  ERR_FULL: to
 * is too small; ERR_IO: libxcrypt failed.
 */
MUST_USE enum err password_hash(struct span password, char *to, size_t room);

#endif
