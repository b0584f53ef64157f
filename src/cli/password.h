/*
 * password.h - a password from whoever types, and its hash.
 */
#ifndef POSTHORSE_CLI_PASSWORD_H
#define POSTHORSE_CLI_PASSWORD_H

#include "base/buf.h"

#define PASSWORD_MAX	511u	/* octets; what AUTH takes too */

/*
 * The first line of standard input; from a terminal asked for twice, without
 * echo.  *to: the caller wipes it.  ERR_SYNTAX (after a complaint): empty, too
 * long, a control octet, or the two differ.
 */
MUST_USE enum err password_read(struct buf *to);
/*
 * Append what a users file knows a password by: a yescrypt hash of libxcrypt's
 * default cost, and a SCRAM verifier under a fresh salt.  A password that
 * SASLprep forbids gets no verifier, and *has_verifier is false.
 * ERR_IO: libxcrypt or OpenSSL failed.  The caller wipes.
 */
MUST_USE enum err password_secret(struct span password, struct buf *to,
    bool *has_verifier);

#endif
