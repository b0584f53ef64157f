/*
 * sasl.h - the mechanisms of AUTH, as a server, and nothing else (AUTH-2).
 *
 * A machine that is fed lines of base64.  It holds no secret of ours: what only
 * others know is asked for (SASL_ASK, sasl.question), and the answer given by
 * the verb beside the question.  It ends in a user or in nothing at all
 * (AUTH-7); what it held is wiped by sasl_end.
 *
 * RFC 4616 (PLAIN), LOGIN, RFC 5802 and 7677 (SCRAM-SHA-256, -PLUS), RFC 7628
 * (OAUTHBEARER), XOAUTH2, RFC 4422 appendix A (EXTERNAL).
 */
#ifndef POSTHORSE_PROTO_SASL_H
#define POSTHORSE_PROTO_SASL_H

#include "proto/sasl_token.h"

#define SASL_USER_MAX		254u
#define SASL_PASSWORD_MAX	1024u
#define SASL_CHANNEL_MAX	64u	/* octets of a channel's binding */
#define SASL_NONCE_MAX		64u

enum sasl_mechanism {
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_SCRAM,
	SASL_SCRAM_PLUS,
	SASL_OAUTHBEARER,
	SASL_XOAUTH2,
	SASL_EXTERNAL,
	SASL_COUNT
};
#define SASL_BIT(m)	(1u << (m))
/* What a users file of any age can check. */
#define SASL_PASSWORDS	(SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_LOGIN))

enum sasl_step {
	SASL_CHALLENGE,		/* say 334 and sasl_challenge() */
	SASL_ASK,		/* question, of the owner */
	SASL_DONE,		/* user is who it is */
	SASL_CANCELLED,		/* the client said `*` */
	SASL_BAD,		/* not base64, or not in the grammar */
	SASL_REFUSED,		/* wants to act for somebody else (AUTH-3) */
	SASL_DENIED,		/* proves nothing */
	SASL_STARVED		/* there is no memory for it just now */
};
enum sasl_question {
	SASL_ASK_PASSWORD,	/* of user, right?  The exchange is over. */
	SASL_ASK_SALT,		/* of user, and the channel.  sasl_salted() */
	SASL_ASK_PROOF,		/* scram_auth_message(), scram_proof(), of user.
				 * sasl_proved(), or it is over. */
	SASL_ASK_TOKEN,		/* is password a token of user's, or, with no
				 * user, whose?  It is over, or
				 * sasl_rejected(). */
	SASL_ASK_IDENTITY,	/* who has the connection proved to be, and
				 * may it act for user, or, with no user, as
				 * itself?  It is over. */
	SASL_QUESTION_COUNT
};
struct sasl {
	enum sasl_mechanism	mechanism;
	enum sasl_question	question;
	uint32_t		offered;	/* bits */
	uint8_t			nlines;		/* of the client, so far */
	struct buf		octets;		/* decoded; wiped */
	struct buf		challenge;	/* base64; "": a fixed one */
	struct span		user, password;	/* from SASL_ASK on; borrowed
						 * until sasl_end */
	size_t			user_n;
	struct scram		scram;
	bool			is_rejected;
	struct buf		channel;	/* what is bound to; wiped */
};
/*
 * "PLAIN", in any case, of those that were offered (bits).  ERR_NONE: not one
 * of them.
 */
MUST_USE enum err sasl_begin(struct sasl *s, struct span mechanism,
    uint32_t offered);
/* Names of those, a space before each, for EHLO. */
MUST_USE enum err sasl_names(uint32_t offered, struct buf *to);
/*
 * The first call: the initial response of the AUTH command, with has_line
 * false when there was none; "=" is an empty one.  Then one call a line.
 */
MUST_USE enum sasl_step sasl_feed(struct sasl *s, bool has_line,
    struct span line);
/* Base64 of what to ask now. */
struct span sasl_challenge(const struct sasl *s);
/*
 * Answers.  nonce: at most SASL_NONCE_MAX, printable, no comma, unguessable.
 * channel: what scram.binding names, "" when there is no such thing.
 */
MUST_USE enum sasl_step sasl_salted(struct sasl *s, struct span nonce,
    struct span salt, uint32_t iterations, struct span channel);
/* The proof is right: prove ourselves too.  user: as it is known here. */
MUST_USE enum sasl_step sasl_proved(struct sasl *s, struct span user,
    struct span signature);
/*
 * The token is none: say why, in JSON (RFC 7628 3.2.2); after one more line of
 * the client, whatever it is, comes SASL_DENIED (3.2.3).
 */
MUST_USE enum sasl_step sasl_rejected(struct sasl *s);
/* Wipes and frees.  Harmless on {0}. */
void sasl_end(struct sasl *s);

#endif
