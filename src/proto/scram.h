/*
 * scram.h - the messages of SCRAM-SHA-256 and -PLUS, as a server reads them.
 *
 * Pure, and without any secret: who owns salts and keys is asked between the
 * messages, and is given the user, the AuthMessage and the proof.
 *
 *	client-first	scram_first()	-> user; binding
 *	server-first	scram_salted()	<- nonce, salt, iterations
 *	client-final	scram_final()	-> scram_auth_message(), proof
 *
 * RFC 5802 (5.1 attributes, 6 channel binding, 7 syntax), RFC 7677 (SHA-256),
 * RFC 5929 (tls-server-end-point), RFC 9266 (tls-exporter).
 * Names and nonces are UTF-8 or not: who owns the users knows (RFC 4013).
 */
#ifndef POSTHORSE_PROTO_SCRAM_H
#define POSTHORSE_PROTO_SCRAM_H

#include "base/buf.h"

#define SCRAM_USER_MAX		254u	/* octets */
#define SCRAM_NONCE_MAX		256u	/* octets of the client's own part */
#define SCRAM_TEXT_MAX		(8u * 1024)	/* of all messages */
#define SCRAM_KEY		32u	/* octets of a proof, of a signature */

enum scram_binding {
	SCRAM_UNBOUND,
	SCRAM_EXPORTER,		/* tls-exporter */
	SCRAM_END_POINT,	/* tls-server-end-point */
	SCRAM_BINDING_COUNT
};

enum scram_result {
	SCRAM_GOOD,
	SCRAM_SYNTAX,		/* not in the grammar, or beyond a limit */
	SCRAM_DENIED,		/* not this nonce, not this channel, or one
				 * that was talked out of PLUS */
	SCRAM_FOREIGN,		/* wants to act for somebody else (AUTH-3) */
	SCRAM_STARVED		/* there is no memory for it just now */
};

struct scram {
	struct buf		text;	/* gs2-header, AuthMessage, proof */
	size_t			ngs2;
	size_t			nonce_at, nnonce;	/* in text */
	size_t			first_at, nfirst;	/* server-first */
	enum scram_binding	binding;
	size_t			proof_at;
	struct buf		user;
};

struct scram scram_make(void);
/* Wipes and frees.  Harmless on {0}. */
void scram_end(struct scram *s);
/*
 * is_plus: the mechanism is -PLUS, so the client must bind; without it, it must
 * not.  is_plus_offered: a client that says it saw no PLUS (`y`) is being
 * talked down by somebody between us, and is refused (RFC 5802 6).
 */
MUST_USE enum scram_result scram_first(struct scram *s, struct span message,
    bool is_plus, bool is_plus_offered);
/*
 * nonce: printable, no comma, unguessable, ours.  salt: octets.  Then
 * scram_server_first() is what to say, until the next call.
 */
MUST_USE enum scram_result scram_salted(struct scram *s, struct span nonce,
    struct span salt, uint32_t iterations);
struct span scram_server_first(const struct scram *s);
/* channel: what s->binding names of this connection; none for UNBOUND. */
MUST_USE enum scram_result scram_final(struct scram *s, struct span message,
    struct span channel);
/*
 * A saslname (RFC 5802 7), appended with `=2C` and `=3D` undone.  ERR_SYNTAX: it
 * is none, or too long for to, or has a NUL; ERR_NOMEM.
 */
MUST_USE enum err scram_read_name(struct span in, struct buf *to);
struct span scram_auth_message(const struct scram *s);
struct span scram_proof(const struct scram *s);
static inline struct span
scram_user(const struct scram *s)
{
	return buf_span(&s->user);
}

#endif
