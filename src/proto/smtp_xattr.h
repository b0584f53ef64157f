/*
 * smtp_xattr.h - the attributes of XCLIENT and XFORWARD: what a listed peer says
 * about the session of somebody else.
 *
 * Pure.  Postfix's XCLIENT_README and XFORWARD_README, "Command syntax": words
 * name=value, in any case; a value is xtext (RFC 3461 4), or says that it is not
 * known.  Each name at most once a command; what is not well formed refuses the
 * command as a whole (PRS-5).
 */
#ifndef POSTHORSE_PROTO_SMTP_XATTR_H
#define POSTHORSE_PROTO_SMTP_XATTR_H

#include "base/arena.h"
#include "base/buf.h"

#define XATTR_VALUE_MAX	255u	/* octets, decoded */

enum smtp_xattr {
	XATTR_NAME, XATTR_ADDR, XATTR_PORT, XATTR_PROTO, XATTR_HELO,
	XATTR_LOGIN, XATTR_DESTADDR, XATTR_DESTPORT, XATTR_IDENT, XATTR_SOURCE,
	XATTR_COUNT
};
enum smtp_xstate {
	XSTATE_UNSAID,
	XSTATE_SAID,
	XSTATE_UNAVAILABLE,	/* [UNAVAILABLE]: there is none */
	XSTATE_TEMPUNAVAIL	/* [TEMPUNAVAIL]: could not be looked up now */
};
struct smtp_xvalue {
	enum smtp_xstate	state;
	struct span		text;	/* SAID: decoded */
};
struct smtp_xattrs {		/* starts as {0} */
	struct smtp_xvalue	of[XATTR_COUNT];
	/* XCLIENT's ADDR when SAID: 4 or 16 octets. */
	uint8_t			address[16];
	size_t			naddress;
};
enum smtp_xcommand {
	XCOMMAND_CLIENT,
	XCOMMAND_FORWARD,
	XCOMMAND_COUNT
};

/*
 * Add what argument says to *x, over what an earlier command said.
 * room		owns the texts
 * ERR_SYNTAX, ERR_NOMEM, ERR_FULL: *x is as it was.
 */
MUST_USE enum err smtp_xattrs_parse(struct span argument,
    enum smtp_xcommand command, struct arena *room, struct smtp_xattrs *x);
/* " NAME ADDR ...": what EHLO announces. */
MUST_USE enum err smtp_xattrs_names(enum smtp_xcommand command, bool has_login,
    struct buf *to);

#endif
