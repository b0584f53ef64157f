/*
 * smtp_command.h - one line of a client into one command.
 *
 * RFC 5321 4.1.1, RFC 1870 (SIZE), RFC 6152 (BODY), RFC 4954 (AUTH).  A
 * parameter is known, said once, and well formed, or the line is refused as a
 * whole (PRS-5).  Control octets, NUL among them, are refused anywhere
 * (MEM-4).  Pure; spans borrow from the line.
 */
#ifndef POSTHORSE_PROTO_SMTP_COMMAND_H
#define POSTHORSE_PROTO_SMTP_COMMAND_H

#include "mail/address.h"
#include "proto/smtp_reply.h"

enum smtp_verb {
	VERB_EHLO, VERB_HELO, VERB_MAIL, VERB_RCPT, VERB_DATA, VERB_RSET,
	VERB_NOOP, VERB_VRFY, VERB_HELP, VERB_QUIT, VERB_STARTTLS, VERB_AUTH,
	VERB_BDAT,		/* never offered: answered 502 and closed */
	VERB_COUNT
};
struct smtp_cmd {
	enum smtp_verb	verb;
	struct span	argument;	/* all behind the verb, trimmed */
	struct addr	path;		/* MAIL, RCPT */
	unsigned int	params;		/* which were said: 1 << SMTP_PARAM_* */
	uint64_t	size;		/* SIZE= */
	bool		is_8bit;	/* BODY=8BITMIME */
	struct span	mechanism;	/* AUTH */
	struct span	initial;	/* AUTH: initial response */
	bool		has_initial;
};
enum smtp_param {
	SMTP_PARAM_SIZE, SMTP_PARAM_BODY, SMTP_PARAM_AUTH,
	SMTP_PARAM_COUNT
};

/*
 * RE_NONE: *cmd is good.  Else how to answer; RE_HTTP: not mail at all
 * (SMTP-7), close without a word.
 */
MUST_USE enum smtp_reply smtp_command_parse(struct span line,
    struct smtp_cmd *cmd);
/* "MAIL" for VERB_MAIL. */
const char *smtp_verb_name(enum smtp_verb verb);
/* RFC 3461 section 4: xtext with +HH; +00, +0A, +0D are refused (PRS-5). */
bool smtp_is_xtext(struct span s);

#endif
