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
 * After MAIL, RCPT, AUTH, COMMIT, DISCARD, STARTTLS, XCLIENT, TLS and DELAY the
 * machine waits: it takes no octet until the owner has answered with the verb
 * named beside the action, at once or later (RFC 2920: what the client pipelined stays where it is).
 *
 * One function resets a transaction, and every end of one calls it (SMTP-4).
 */
#ifndef POSTHORSE_PROTO_SMTP_SERVER_H
#define POSTHORSE_PROTO_SMTP_SERVER_H

#include "base/arena.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "mail/submit.h"
#include "proto/sasl.h"
#include "proto/smtp_command.h"
#include "proto/smtp_reply.h"
#include "proto/smtp_wire.h"
#include "proto/smtp_xattr.h"

/*
 * Octets of replies in one go.  Over LMTP and with PRDR that is one a recipient:
 * a thousand of the longest that a rule's or a header's words make.  Less than a
 * stream takes.
 */
#define SMTP_OUT_MAX	(240u * 1024)
/* Section 19: BDAT chunks a message, and of them smaller than SMALL octets. */
#define SMTP_CHUNKS_MAX		10000u
#define SMTP_SMALL_CHUNKS_MAX	100u
#define SMTP_SMALL_CHUNK	512u

enum smtp_listener {
	SMTP_MX,		/* our own domains only */
	SMTP_SUBMISSION,	/* whoever has authenticated, to anywhere */
	SMTP_RELAY,		/* from listed networks, to anywhere */
	SMTP_LOCAL,		/* UNIX socket: users of this host, to anywhere */
	SMTP_LMTP,		/* RFC 2033: our own domains only */
	SMTP_CLOSED,		/* RFC 7504: 521 to everybody */
	SMTP_LISTENER_COUNT
};
/* Outlives the session; one for all sessions of a listener. */
struct smtp_policy {
	enum smtp_listener	listener;
	struct span		hostname;
	struct span		home;		/* domain of a bare Postmaster */
	struct span		administrators;	/* users, commas between them */
	bool			has_tls;	/* a certificate: STARTTLS */
	uint64_t		message_size;	/* section 19 from here on */
	uint64_t		recipients, errors_soft, errors, commands;
	uint64_t		mails, bad_recipients, body_line;
	uint64_t		auth_per_session, hops, hops_own;
	uint64_t		hold;		/* seconds (RFC 4865) */
	bool			asks_hello;	/* HELLO comes */
	bool			checks_header;	/* mail/submit.h */
	bool			is_header_loose;
	uint32_t		mechanisms;	/* SASL_BIT, beyond PLAIN and
						 * LOGIN; no -PLUS, EXTERNAL */
};

enum smtp_do {
	SMTP_DO_MORE,		/* *in is used up */
	SMTP_DO_WAIT,		/* an answer is missing; keep *in */
	SMTP_DO_HELLO,		/* may s->helo be here?  smtp_server_hello() */
	SMTP_DO_MAIL,		/* text: reverse-path.  smtp_server_mail() */
	SMTP_DO_RCPT,		/* text: local@domain.  smtp_server_rcpt() */
	SMTP_DO_AUTH,		/* s->sasl.question.  smtp_server_auth*() */
	SMTP_DO_BEGIN,		/* content begins; 354 goes out */
	SMTP_DO_BODY,		/* text: content, canonical */
	SMTP_DO_DROP,		/* the content so far is of no use: forget it */
	SMTP_DO_COMMIT,		/* s->facts, envelope.  smtp_server_done() */
	SMTP_DO_DISCARD,	/* the content is refused with a.reply: forget
				 * it and say smtp_server_done(s, a.reply) */
	SMTP_DO_STARTTLS,	/* may TLS start?  smtp_server_starttls() */
	SMTP_DO_ETRN,		/* text: domain, or "@" and one.
				 * smtp_server_turn() */
	SMTP_DO_EXPN,		/* text: as of RCPT.  smtp_server_expn() */
	SMTP_DO_XCLIENT,	/* s->tx.xclient: another client, as if it had
				 * connected.  smtp_server_greet() */
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
	PH_CHUNKS,		/* between two chunks of content (RFC 3030) */
	PH_BROKEN,		/* a chunk has failed: RSET, EHLO or QUIT */
	PH_BODY,		/* content, or a chunk that is read and dropped */
	PH_AUTH,		/* inside of an AUTH exchange */
	PH_OVER,
	PH_KEEP			/* in rules: the phase stays */
};

/*
 * What one recipient is told behind the content, where each is told by itself:
 * a list in the order of their RCPT.
 */
struct smtp_each {
	struct smtp_each	*next;
	enum smtp_reply		 re;	/* RE_RULE_*; RE_NONE: as of the message */
	struct smtp_said	 said;
};

struct smtp_tx {
	struct msg_id	id;
	struct span	reverse_path;	/* in the arena */
	struct span	asked;		/* forward-path of the open question */
	bool		is_utf8_asked;	/* EXPN may be answered in UTF-8 */
	struct span	only_rcpt;	/* the first forward-path */
	uint32_t	nrecipients;
	uint32_t	ncopies;	/* recipients that the client knows not */
	uint32_t	nmore;		/* members of aliases behind the first */
	struct smtp_params params;	/* of MAIL; spans in the arena */
	uint64_t	by_ms, hold_ms;	/* wall clock, or 0 */
	int8_t		priority;
	uint8_t		notify;		/* of the open question */
	struct span	orcpt;
	uint32_t	nchunks, nsmall;
	bool		is_end_doubtful;	/* SMTP_WIRE_DOUBT */
	enum smtp_reply	refuse;		/* of content that is read to its end */
	enum smtp_reply	spoilt;		/* it cannot be kept just now */
	uint64_t	seen;		/* octets of content from the wire */
	uint64_t	size;		/* of them shown */
	const struct smtp_each *each;	/* the owner's, at COMMIT; NULL: alike */
	/* In the arena; NULL: not said.  xforward is for the log alone. */
	struct smtp_xattrs *xclient, *xforward;
};

/* Whom an alias stands for; at least one. */
struct smtp_members {
	struct span	list;		/* mail/envelope.h, encoded */
	uint32_t	n;
};

/* What XCLIENT said and EHLO does not change. */
struct smtp_claims {
	bool	has_helo, has_login, has_proto;
	bool	is_esmtp;		/* with has_proto */
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
	struct submit		submit;		/* of our users' content */
	struct sasl		sasl;
	struct buf		helo;
	struct buf		user;		/* authenticated; "" when not */
	struct smtp_claims	claims;
	bool			may_xclient;	/* the owner's, once begun */
	bool			may_turn;	/* so is this: ETRN */
	struct smtp_said	said;		/* of the next RE_RULE_* */
	struct smtp_members	members;	/* the owner's, for ROUTE_ALIAS */
	uint64_t		wall_ms;	/* now; the owner keeps it so */
	struct {
		enum smtp_reply	refuse;		/* out of turn: only read */
		bool		is_last;
		uint64_t	n;
	}			chunk;		/* of PH_BODY, when by BDAT */
	uint64_t		nerrors, ncommands, nmails, nbad_rcpt, nauth;
	bool			is_esmtp, is_tls, is_waiting, is_delayed;
	bool			is_closing, must_delay;
	bool			must_drop;	/* DROP is due */
	bool			has_binding;	/* -PLUS has something to bind
						 * to; the owner says so
						 * before EHLO */
	bool			has_identity;	/* so for who it has proved
						 * to be: EXTERNAL */
	size_t			left;		/* input behind the line */
};

/* Allocates nothing.  policy is borrowed.  is_tls: from the first octet. */
void smtp_server_begin(struct smtp_server *s, const struct smtp_policy *policy,
    bool is_tls);
void smtp_server_free(struct smtp_server *s);
/*
 * The greeting, or why there is none (then CLOSE is next); after XCLIENT again.
 * early: octets came before it (SMTP-6).
 */
void smtp_server_greet(struct smtp_server *s, enum smtp_reply re, bool early);
/* There is no greeting; more: octets of our own behind the text. */
void smtp_server_turn_away(struct smtp_server *s, enum smtp_reply re,
    struct span more);
MUST_USE struct smtp_action
smtp_server_next(struct smtp_server *s, struct span *in);

/* For Received: ESMTP was spoken, here or with whom XCLIENT stands for. */
static inline bool
smtp_server_is_esmtp(const struct smtp_server *s)
{
	return s->claims.has_proto ? s->claims.is_esmtp : s->is_esmtp;
}
/* RE_NONE, or why not: then EHLO is due again. */
void smtp_server_hello(struct smtp_server *s, enum smtp_reply re);
/* RE_SENDER_OK with the id drawn for it, or RE_NO_SPACE, RE_STOPPING ... */
void smtp_server_mail(struct smtp_server *s, enum smtp_reply re,
    const struct msg_id *id);
enum smtp_route {
	SMTP_ROUTE_UNKNOWN,	/* our domain, no such user */
	SMTP_ROUTE_LOCAL,
	SMTP_ROUTE_REMOTE,
	SMTP_ROUTE_ALLOWED,	/* remote, and a rule lets it pass */
	SMTP_ROUTE_TEMPFAIL,
	SMTP_ROUTE_NO_MAIL,	/* to a domain that takes none */
	SMTP_ROUTE_ALIAS,	/* of ours, for all of s->members */
	SMTP_ROUTE_BAD_ALIAS,	/* without an end */
	SMTP_ROUTE_COUNT
};
/* What a recipient of this route is told at this listener: RE_RCPT_OK, or no. */
enum smtp_reply smtp_server_judge(enum smtp_listener listener,
    enum smtp_route route);
/* domain and key are copied.  Returns what the client is told. */
enum smtp_reply smtp_server_rcpt(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key);
/* The same for EXPN, of which nothing is kept. */
enum smtp_reply smtp_server_expn(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key);
/* It is not wanted, wherever it would go. */
void smtp_server_rcpt_no(struct smtp_server *s, enum smtp_reply re);
/*
 * At COMMIT: one recipient more, of whom the client hears nothing, and nobody
 * when that copy fails.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err smtp_server_copy(struct smtp_server *s,
    enum smtp_route route, struct span address, struct span domain,
    struct span key);
/* It has to wait: a 4yz, octets of our own behind it. */
void smtp_server_rcpt_later(struct smtp_server *s, enum smtp_reply re,
    struct span more);
/* RE_TURN, or RE_TURN_LATER (RFC 1985 5.1: 458). */
void smtp_server_turn(struct smtp_server *s, enum smtp_reply re);
/* RE_START_TLS, or RE_TLS_LATER (RFC 3207 4: 454). */
void smtp_server_starttls(struct smtp_server *s, enum smtp_reply re);
/*
 * Answers to AUTH, by the question (sasl.h).  To each: RE_AUTH_BAD,
 * RE_AUTH_LATER, RE_TOO_MANY_AUTH; to all but those of SCRAM RE_AUTH_OK.
 */
void smtp_server_auth(struct smtp_server *s, enum smtp_reply re,
    struct span user);
/* To SASL_ASK_SALT and SASL_ASK_PROOF; spans as in sasl.h. */
void smtp_server_auth_salt(struct smtp_server *s, struct span nonce,
    struct span salt, uint32_t iterations, struct span channel);
void smtp_server_auth_proved(struct smtp_server *s, struct span user,
    struct span signature);
/*
 * RE_QUEUED, or RE_NOT_STORED, RE_NO_SPACE ...  The transaction ends.  Over LMTP
 * and with PRDR the client is told so once for each recipient, or what tx.each
 * says of it: such a one has its answer, whatever became of the message.
 */
void smtp_server_done(struct smtp_server *s, enum smtp_reply re);
/* Does the client hear of each recipient behind the content (LMTP, PRDR)? */
bool smtp_server_is_each(const struct smtp_server *s);
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

/* Code and status of a reply, and its text; of a rule's, the rule's own. */
struct smtp_said smtp_server_said(const struct smtp_server *s,
    enum smtp_reply re);
/* What the reply says beyond its row, or "": printable.  For the log. */
struct span smtp_server_why(const struct smtp_server *s, enum smtp_reply re);
/* After COMMIT: all but client, tls and times; spans borrow from s. */
void smtp_server_envelope(const struct smtp_server *s, struct envelope *e);

#endif
