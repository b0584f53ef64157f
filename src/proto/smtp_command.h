/*
 * smtp_command.h - one line of a client into one command.
 *
 * RFC 5321 4.1.1, RFC 2033 (LHLO), RFC 3030 (BDAT).  Parameters of MAIL and
 * RCPT are rows of smtp_param.c: each is known, said once, and well formed, or
 * the line is refused as a whole (PRS-5); whether it is offered here is for the
 * session to say.  Control octets, NUL among them, are refused anywhere
 * (MEM-4).  Pure; spans borrow from the line.
 */
#ifndef POSTHORSE_PROTO_SMTP_COMMAND_H
#define POSTHORSE_PROTO_SMTP_COMMAND_H

#include "mail/address.h"
#include "proto/smtp_reply.h"

enum smtp_verb {
	VERB_EHLO, VERB_HELO, VERB_LHLO, VERB_MAIL, VERB_RCPT, VERB_DATA,
	VERB_BDAT, VERB_RSET, VERB_NOOP, VERB_VRFY, VERB_HELP, VERB_QUIT,
	VERB_STARTTLS, VERB_AUTH, VERB_ETRN, VERB_EXPN,
	VERB_XCLIENT, VERB_XFORWARD,	/* proto/smtp_xattr.h reads on */
	VERB_COUNT
};
enum smtp_param {
	SMTP_PARAM_SIZE,		/* RFC 1870 */
	SMTP_PARAM_BODY,		/* RFC 6152, RFC 3030 */
	SMTP_PARAM_AUTH,		/* RFC 4954 5 */
	SMTP_PARAM_SMTPUTF8,		/* RFC 6531 3.4 */
	SMTP_PARAM_REQUIRETLS,		/* RFC 8689 2 */
	SMTP_PARAM_RET,			/* RFC 3461 4.3 */
	SMTP_PARAM_ENVID,		/* RFC 3461 4.4 */
	SMTP_PARAM_BY,			/* RFC 2852 4 */
	SMTP_PARAM_HOLDFOR,		/* RFC 4865 3 */
	SMTP_PARAM_HOLDUNTIL,
	SMTP_PARAM_PRIORITY,		/* RFC 6710 3 */
	SMTP_PARAM_PRDR,		/* draft-hall-prdr */
	SMTP_PARAM_NOTIFY,		/* RFC 3461 4.1 */
	SMTP_PARAM_ORCPT,		/* RFC 3461 4.2 */
	SMTP_PARAM_COUNT
};
#define SMTP_SAID(param)	(1u << (param))

enum smtp_body {
	SMTP_BODY_7BIT,
	SMTP_BODY_8BIT,
	SMTP_BODY_BINARY
};
enum smtp_ret {
	SMTP_RET_NONE,
	SMTP_RET_FULL,
	SMTP_RET_HEADERS
};
/* The values of MAIL's and RCPT's parameters. */
struct smtp_params {
	unsigned int	said;		/* SMTP_SAID(SMTP_PARAM_*) */
	uint64_t	size;		/* octets */
	enum smtp_body	body;
	enum smtp_ret	ret;
	struct span	envid;		/* xtext */
	struct span	auth;		/* xtext of a mailbox, or "<>" */
	struct span	orcpt;		/* "type;xtext" */
	int32_t		by_s;		/* seconds from now; 0 and less: past */
	bool		is_by_return, is_by_trace;
	uint64_t	hold_for_s;	/* seconds from now */
	uint64_t	hold_until_ms;	/* wall clock */
	int8_t		priority;	/* -9 .. 9 */
	uint8_t		notify;		/* ENVELOPE_NEVER ... of mail/envelope.h */
	bool		has_utf8;	/* in ORCPT: wants SMTPUTF8 */
};
struct smtp_cmd {
	enum smtp_verb		verb;
	struct span		argument;	/* behind the verb, trimmed */
	struct addr		path;		/* MAIL, RCPT */
	struct smtp_params	params;
	struct span		mechanism;	/* AUTH */
	struct span		initial;	/* AUTH: initial response */
	bool			has_initial;
	uint64_t		chunk;		/* BDAT: octets */
	bool			is_last;	/* BDAT LAST */
};

/*
 * RE_NONE: *cmd is good.  Else how to answer; RE_HTTP: not mail at all
 * (SMTP-7), close without a word.
 */
MUST_USE enum smtp_reply smtp_command_parse(struct span line,
    struct smtp_cmd *cmd);
/* "MAIL" for VERB_MAIL. */
const char *smtp_verb_name(enum smtp_verb verb);
/* What EHLO may say: a name, in loose letters, or an address literal. */
bool smtp_is_name(struct span s);

/* smtp_param.c */
/* What follows a path of MAIL (verb) or RCPT: nothing, or " NAME[=VALUE]"... */
MUST_USE enum smtp_reply smtp_params_parse(struct span in, enum smtp_verb verb,
    struct smtp_params *p);

#endif
