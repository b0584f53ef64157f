/*
 * smtp_model.h - the reference machine of SMTP-4: RFC 5321 4.1.4 and RFC 3030
 * section 2 said again, with as few words as will do.
 *
 * It knows which command is in order, and what each leaves behind, and nothing
 * of how the server is made.  The unit test walks it at random, the fuzz target
 * reads a session's replies with it.
 */
#ifndef POSTHORSE_TESTS_SMTP_MODEL_H
#define POSTHORSE_TESTS_SMTP_MODEL_H

#include "proto/smtp_command.h"

struct smtp_model {
	bool		has_hello, has_mail;
	bool		has_chunks;	/* BDAT has begun */
	bool		is_broken;	/* a chunk has failed: RSET is due */
	unsigned int	rcpts;
};

static inline bool
smtp_model_allows(const struct smtp_model *m, enum smtp_verb verb)
{
	if (verb == VERB_MAIL || verb == VERB_STARTTLS || verb == VERB_AUTH)
		return m->has_hello && !m->has_mail && !m->is_broken;
	if (verb == VERB_RCPT)
		return m->has_mail && !m->has_chunks;
	if (verb == VERB_DATA)
		return m->rcpts > 0 && !m->has_chunks;
	return verb != VERB_BDAT || m->rcpts > 0;
}

/* The transaction is over: nothing of it is left. */
static inline void
smtp_model_reset(struct smtp_model *m)
{
	*m = (struct smtp_model){ .has_hello = m->has_hello };
}

/* It was answered 2yz; DATA: its content was answered, however. */
static inline void
smtp_model_did(struct smtp_model *m, enum smtp_verb verb)
{
	switch (verb) {
	case VERB_EHLO:
	case VERB_HELO:
	case VERB_LHLO:
		*m = (struct smtp_model){ .has_hello = true };
		break;
	case VERB_RSET:
	case VERB_DATA:
		smtp_model_reset(m);
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

/* It was out of order, and answered 503. */
static inline void
smtp_model_refused(struct smtp_model *m, enum smtp_verb verb)
{
	bool is_mixed = verb == VERB_DATA && m->has_chunks;

	if (verb != VERB_BDAT && !is_mixed)
		return;
	smtp_model_reset(m);
	m->is_broken = m->has_hello;
}

/* The octets of a chunk that was in order were read, and answered. */
static inline void
smtp_model_chunk(struct smtp_model *m, bool is_last, bool is_good)
{
	if (!is_last && is_good) {
		m->has_chunks = true;
		return;
	}
	smtp_model_reset(m);
	m->is_broken = !is_last;
}

#endif
