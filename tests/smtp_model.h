/*
 * smtp_model.h - the reference machine of SMTP-4: RFC 5321 4.1.4 said again,
 * with as few words as will do.
 *
 * It knows which command is in order, and what a good one leaves behind, and
 * nothing of how the server is made.  The unit test walks it at random, the
 * fuzz target reads a session's replies with it.
 */
#ifndef POSTHORSE_TESTS_SMTP_MODEL_H
#define POSTHORSE_TESTS_SMTP_MODEL_H

#include "proto/smtp_command.h"

struct smtp_model {
	bool		has_hello, has_mail;
	unsigned int	rcpts;
};

static inline bool
smtp_model_allows(const struct smtp_model *m, enum smtp_verb verb)
{
	if (verb == VERB_MAIL || verb == VERB_STARTTLS || verb == VERB_AUTH)
		return m->has_hello && !m->has_mail;
	if (verb == VERB_RCPT)
		return m->has_mail;
	return verb != VERB_DATA || m->rcpts > 0;
}

/* It was answered 2yz; DATA: its content was answered, however. */
static inline void
smtp_model_did(struct smtp_model *m, enum smtp_verb verb)
{
	switch (verb) {
	case VERB_EHLO:
	case VERB_HELO:
		*m = (struct smtp_model){ .has_hello = true };
		break;
	case VERB_RSET:
	case VERB_DATA:
		*m = (struct smtp_model){ .has_hello = m->has_hello };
		break;
	case VERB_STARTTLS:	/* RFC 3207 4.2: nothing is kept */
		*m = (struct smtp_model){ .has_hello = false };
		break;
	case VERB_MAIL:
		m->has_mail = true;
		break;
	case VERB_RCPT:
		m->rcpts++;
		break;
	default:
		break;
	}
}

#endif
