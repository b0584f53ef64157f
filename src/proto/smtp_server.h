/*
 * smtp_server.h - one SMTP session of a server: octets in, actions out.
 *
 * Pure: no I/O, no clock.  The owner feeds what arrived and does what the
 * returned action says, having first sent (and emptied) s->out:
 *
 *	do {
 *		a = smtp_server_next(s, &in);
 *		send s->out, buf_cut(&s->out, 0);	(not before DELAY is over)
 *		do a
 *	} while (a.kind is neither MORE, WAIT nor CLOSE);
 *
 * After MAIL, RCPT, AUTH, COMMIT, DISCARD, STARTTLS, TLS and DELAY the machine
 * waits: it takes no octet until the owner has answered with the verb named beside the action,
 * at once or later (RFC 2920: what the client pipelined stays where it is).
 *
 * One function resets a transaction, and every end of one calls it (SMTP-4).
 */
#ifndef POSTHORSE_PROTO_SMTP_SERVER_H
#define POSTHORSE_PROTO_SMTP_SERVER_H

#include "base/arena.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "proto/sasl.h"
#include "proto/smtp_command.h"
#include "proto/smtp_reply.h"
#include "proto/smtp_wire.h"

#define SMTP_OUT_MAX	(16u * 1024)	/* octets of replies in one go */

enum smtp_listener {
	SMTP_MX,		/* our own domains only */
	SMTP_SUBMISSION,	/* whoever has authenticated, to anywhere */
	SMTP_RELAY,		/* from listed networks, to anywhere */
	SMTP_LOCAL,		/* UNIX socket: users of this host, to anywhere */
	SMTP_LISTENER_COUNT
};
/* Outlives the session; one for all sessions of a listener. */
struct smtp_policy {
	enum smtp_listener	listener;
	struct span		hostname;
	struct span		home;		/* domain of a bare Postmaster */
	bool			has_tls;	/* a certificate: STARTTLS */
	uint64_t		message_size;	/* section 19 from here on */
	uint64_t		recipients, errors_soft, errors, commands;
	uint64_t		mails, bad_recipients, body_line;
	uint64_t		auth_per_session, hops, hops_own;
};

enum smtp_do {
	SMTP_DO_MORE,		/* *in is used up */
	SMTP_DO_WAIT,		/* an answer is missing; keep *in */
	SMTP_DO_MAIL,		/* text: reverse-path.  smtp_server_mail() */
	SMTP_DO_RCPT,		/* text: local@domain.  smtp_server_rcpt() */
	SMTP_DO_AUTH,		/* s->sasl.  smtp_server_auth() */
	SMTP_DO_BEGIN,		/* content begins; 354 goes out */
	SMTP_DO_BODY,		/* text: content, canonical */
	SMTP_DO_COMMIT,		/* s->facts, envelope.  smtp_server_done() */
	SMTP_DO_DISCARD,	/* the content is refused with a.reply: forget
				 * it and say smtp_server_done(s, a.reply) */
	SMTP_DO_STARTTLS,	/* may TLS start?  smtp_server_starttls() */
	SMTP_DO_TLS,		/* start TLS.  smtp_server_tls() */
	SMTP_DO_REFUSED,	/* for the log: reply, text (a stranger's) */
	SMTP_DO_DELAY,		/* a second later: smtp_server_delayed() */
	SMTP_DO_CLOSE,		/* send s->out, then close */
	SMTP_DO_COUNT
};
struct smtp_action {
	enum smtp_do	kind;
	enum smtp_reply	reply;		/* REFUSED, DISCARD */
	struct span	text;		/* good until the next call */
};

enum smtp_phase {
	PH_CONNECT,		/* nothing was greeted yet */
	PH_HELLO,		/* EHLO or HELO is due */
	PH_READY,
	PH_MAIL,		/* a sender, no recipient */
	PH_RCPT,
	PH_BODY,
	PH_AUTH,		/* inside of an AUTH exchange */
	PH_OVER,
	PH_KEEP			/* in rules: the phase stays */
};

struct smtp_tx {
	struct msg_id	id;
	struct span	reverse_path;	/* in the arena */
	struct span	asked;		/* forward-path of the open question */
	struct span	only_rcpt;	/* the first forward-path */
	uint32_t	nrecipients;
	bool		is_8bit;
	bool		is_end_doubtful;	/* SMTP_WIRE_DOUBT */
	enum smtp_reply	refuse;		/* of content that is read to its end */
	enum smtp_reply	spoilt;		/* it cannot be kept just now */
	uint64_t	seen;		/* octets of content from the wire */
	uint64_t	size;		/* of them shown */
};

struct smtp_server {
	const struct smtp_policy *policy;
	struct buf		out;		/* replies: the owner empties */
	enum smtp_phase		phase;
	struct smtp_wire	wire;
	struct smtp_action	action;		/* to be returned next */
	struct smtp_tx		tx;
	struct arena		arena;		/* of the transaction */
	struct buf		recipients;	/* mail/envelope.h, encoded */
	struct content_scan	scan;
	struct content_facts	facts;		/* at COMMIT */
	struct sasl		sasl;
	struct buf		helo;
	struct buf		user;		/* authenticated; "" when not */
	uint64_t		nerrors, ncommands, nmails, nbad_rcpt, nauth;
	bool			is_esmtp, is_tls, is_waiting, is_delayed;
	bool			is_closing, must_delay;
	size_t			left;		/* input behind the line */
};

/* Allocates nothing.  policy is borrowed.  is_tls: from the first octet. */
void smtp_server_begin(struct smtp_server *s, const struct smtp_policy *policy,
    bool is_tls);
void smtp_server_free(struct smtp_server *s);
/*
 * The greeting, or why there is none (then CLOSE is next).  early: octets came
 * before it (SMTP-6).
 */
void smtp_server_greet(struct smtp_server *s, enum smtp_reply re, bool early);
MUST_USE struct smtp_action
smtp_server_next(struct smtp_server *s, struct span *in);

/* RE_SENDER_OK with the id drawn for it, or RE_NO_SPACE, RE_STOPPING ... */
void smtp_server_mail(struct smtp_server *s, enum smtp_reply re,
    const struct msg_id *id);
enum smtp_route {
	SMTP_ROUTE_UNKNOWN,	/* our domain, no such user */
	SMTP_ROUTE_LOCAL,
	SMTP_ROUTE_REMOTE,
	SMTP_ROUTE_TEMPFAIL,
	SMTP_ROUTE_COUNT
};
/* domain and key are copied.  Returns what the client is told. */
enum smtp_reply smtp_server_rcpt(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key);
/* RE_START_TLS, or RE_TLS_LATER (RFC 3207 4: 454). */
void smtp_server_starttls(struct smtp_server *s, enum smtp_reply re);
/* RE_AUTH_OK, RE_AUTH_BAD, RE_AUTH_LATER, RE_TOO_MANY_AUTH. */
void smtp_server_auth(struct smtp_server *s, enum smtp_reply re,
    struct span user);
/* RE_QUEUED, or RE_NOT_STORED, RE_NO_SPACE ...  The transaction ends. */
void smtp_server_done(struct smtp_server *s, enum smtp_reply re);
/* The handshake has ended well: all that was learned before is forgotten. */
void smtp_server_tls(struct smtp_server *s);
void smtp_server_delayed(struct smtp_server *s);
/* Hold back what is said until smtp_server_delayed(): DELAY comes (AUTH-5). */
void smtp_server_hold(struct smtp_server *s);
/* False while replies to a client with many errors are held back. */
static inline bool
smtp_server_may_send(const struct smtp_server *s)
{
	return !s->must_delay && !s->is_delayed;
}
/*
 * Content cannot be taken (no large file, a failed write): what is left of it
 * is read and dropped, then re is said and DISCARD comes.
 */
void smtp_server_spoil(struct smtp_server *s, enum smtp_reply re);
/* The owner ends the session: re is said (421), CLOSE comes next. */
void smtp_server_end(struct smtp_server *s, enum smtp_reply re);
/* No transaction is open and no answer is awaited (OPS-4). */
bool smtp_server_is_idle(const struct smtp_server *s);

/* After COMMIT: all but client, tls and times; spans borrow from s. */
void smtp_server_envelope(const struct smtp_server *s, struct envelope *e);

#endif
