/*
 * smtp_client.h - one connection to a server that takes mail (RFC 5321).
 *
 * Pure: no I/O, no clock.  The owner feeds what arrives, tells what happened,
 * and after each does what smtp_client_next asks for until it says WAIT.
 *
 *	connected -> [greeting EHLO STARTTLS TLS EHLO AUTH] -> READY
 *	begin     -> [MAIL RCPT* DATA content] -> RESULT* MESSAGE_DONE READY
 *		     (behind its limits others may be open: begin again)
 *	quit      -> CLOSE
 *
 * With PIPELINING the envelope of the next message may leave behind the final
 * dot of this one (RFC 2920 3.1: content may come first in a group), so that a
 * message costs one round trip and not two:
 *
 *	CONTENT, ahead -> ... content_sent -> RESULT* MESSAGE_DONE, and the next
 *	one is under way without a READY
 *
 * Its replies are read behind the final one: should that be 421, or never come,
 * nobody has taken the envelope, and none of its recipients has a result.
 *
 * Recipients that have no RESULT when CLOSE comes were not answered; CLOSE says
 * what to think of them.  The server is a stranger (SMTP-9, TLS-1): garbage,
 * replies out of turn and octets behind the 220 of STARTTLS end the connection
 * with a temporary failure.
 *
 * A message is never changed to suit a server, nor sent to one that lacks what
 * it needs: 8BITMIME for 8-bit octets (RFC 6152 section 3), SMTPUTF8 for an
 * address or a header beyond ASCII (RFC 6531 3.2), CHUNKING and BINARYMIME (RFC
 * 3030), REQUIRETLS and a name and a certificate that were verified (RFC 8689
 * 4.2.1), DELIVERBY where late mail is to be returned (RFC 2852 4.1.4.1).  UNFIT
 * says so, and leaves its recipients open: another host of the site may take it
 * (SMTP-14).  What only asks for a service (DSN, MT-PRIORITY) is passed on where
 * it is offered.
 */
#ifndef POSTHORSE_PROTO_SMTP_CLIENT_H
#define POSTHORSE_PROTO_SMTP_CLIENT_H

#include "proto/smtp_limits.h"
#include "proto/smtp_reply_parse.h"

#define SMTP_CLIENT_WINDOW	100u	/* pipelined commands without reply */
#define SMTP_CLIENT_TEXT_MAX	1024u	/* octets of a result's text */

enum smtp_client_tls {
	SMTP_CLIENT_TLS_NEVER,		/* after a handshake that failed */
	SMTP_CLIENT_TLS_OFFERED,	/* STARTTLS when it is offered */
	SMTP_CLIENT_TLS_REQUIRED,	/* STARTTLS, or no mail */
	SMTP_CLIENT_TLS_IMPLICIT	/* told connected after the handshake */
};
/* RFC 5321 4.5.3.2, in milliseconds. */
struct smtp_client_timeouts {
	uint64_t	reply;		/* greeting, EHLO, MAIL, RCPT ... */
	uint64_t	data, block, final, quit;
};
/* Spans are borrowed as long as the client. */
struct smtp_client_settings {
	struct span			hostname;	/* for EHLO */
	enum smtp_client_tls		tls;
	/* "": no AUTH.  Never sent without TLS. */
	struct span			user, password;
	struct smtp_client_timeouts	timeouts;
	/* The host's name is configured, or DNSSEC vouches for it. */
	bool				is_name_secure;
};

/*
 * Born {0}.  One that has its result keeps it: a message that is begun again,
 * on another connection, goes to the others only.
 */
struct smtp_client_rcpt {
	struct span	address;	/* without brackets */
	uint8_t		notify;		/* ENVELOPE_NEVER ... */
	struct span	orcpt;
	/* private: */
	uint8_t		state;
};
/* Borrowed until MESSAGE_DONE or CLOSE. */
struct smtp_client_message {
	struct span			 reverse_path;
	struct smtp_client_rcpt		*rcpts;		/* 1 or more */
	size_t				 nrcpts;
	uint64_t			 size;		/* octets */
	bool				 is_8bit;
	bool				 is_8bit_header;
	uint16_t			 flags;		/* ENVELOPE_* */
	struct span			 envid, auth;	/* xtext, or "" */
	int8_t				 priority;
	bool				 has_by;
	uint8_t				 by_mode;	/* ENVELOPE_BY_* */
	int32_t				 by_s;		/* seconds that are left */
};

enum smtp_client_fate {
	SMTP_CLIENT_DONE,
	SMTP_CLIENT_RETRY,
	SMTP_CLIENT_FAILED
};
enum smtp_client_kind {
	SMTP_CLIENT_WAIT,	/* for octets, an event, or the deadline */
	SMTP_CLIENT_SEND,	/* text, now */
	SMTP_CLIENT_DEADLINE,	/* tell timeout after `ms` from now; replaces
				 * what was set; 0: no deadline */
	SMTP_CLIENT_RESULT,	/* of message.rcpts[rcpt] */
	SMTP_CLIENT_START_TLS,	/* then tell tls_ready, or lost */
	SMTP_CLIENT_CONTENT,	/* send content and terminator, telling
				 * block_sent now and then and content_sent;
				 * is_chunk: the octets as they are, no dot */
	SMTP_CLIENT_UNFIT,	/* not for this server, says the verdict; READY
				 * follows, and other messages may go to it */
	SMTP_CLIENT_MESSAGE_DONE,	/* every recipient has its result, but
				 * for those beyond what the server takes at
				 * a time (RFC 9422) */
	SMTP_CLIENT_READY,	/* idle: begin or quit */
	SMTP_CLIENT_CLOSE	/* send what waits, close; nothing follows */
};
enum smtp_client_end {
	SMTP_CLIENT_END_QUIT,	/* orderly */
	SMTP_CLIENT_END_HOST,	/* this host cannot be used now */
	SMTP_CLIENT_END_TLS,	/* handshake failed: where TLS is not required,
				 * the host may be tried again with TLS_NEVER */
	SMTP_CLIENT_END_LOGIN,	/* our user or password was refused */
	SMTP_CLIENT_END_DOUBT	/* in or behind content: it may have arrived */
};
struct smtp_client_action {
	enum smtp_client_kind	kind;
	struct span		text;	/* SEND; of a verdict: the words */
	uint64_t		ms;
	size_t			rcpt;
	/* The verdict of RESULT, UNFIT and CLOSE: */
	enum smtp_client_fate	fate;
	unsigned int		code;	/* of the server, or 0 */
	struct span		status;	/* never empty */
	enum smtp_client_end	end;
	/* CLOSE: between STARTTLS and the answer to EHLO behind it. */
	bool			is_tls_trouble;
	bool			is_chunk;
};

struct smtp_client {
	struct smtp_client_settings	 set;
	struct smtp_client_message	 msg;	/* its envelope is under way */
	struct smtp_client_message	 prior;	/* waits for its final answer */
	bool				 has_prior;	/* and is not msg */
	struct smtp_answers		 answers;
	struct buf			 out;
	uint8_t				 phase;
	unsigned int			 todo;		/* a set of kinds */
	unsigned int			 offers;	/* of the last EHLO */
	uint64_t			 size_limit;	/* SIZE, 0: none */
	uint64_t			 by_least;	/* DELIVERBY, seconds */
	struct smtp_limits		 limits;	/* LIMITS */
	uint64_t			 nmails;	/* MAILs said */
	uint64_t			 deadline_ms;
	bool				 is_out_shown, is_out_secret;
	bool				 is_tls;
	bool				 is_tls_begun;	/* STARTTLS was said */
	bool				 is_verified;	/* and for its name */
	bool				 is_logged_in;
	bool				 must_reset;	/* RSET before MAIL */
	/* The transaction: */
	bool				 is_mail_sent, is_mail_answered;
	bool				 is_mail_refused, is_data_sent;
	size_t				 nopen;		/* rcpts not yet sent */
	size_t				 nwaiting;	/* RCPTs without reply */
	size_t				 naccepted;
	size_t				 to_send, to_answer;	/* next rcpts */
	uint8_t				 login_step;
	/* What RESULTs or CLOSE say: */
	struct smtp_client_rcpt		*walk;		/* of msg or prior */
	size_t				 next, end;	/* of them to walk */
	bool				 is_all;	/* else accepted ones */
	struct smtp_client_action	 say, close;
};

void smtp_client_init(struct smtp_client *c,
    const struct smtp_client_settings *set);
/* Wipes what was secret. */
void smtp_client_free(struct smtp_client *c);
/*
 * What to do now; advances *in, the octets that arrived and are not used yet.
 * Spans of the action end with the next call.  While content is being sent
 * nothing of *in is used: show it again after content_sent.
 */
MUST_USE struct smtp_client_action
smtp_client_next(struct smtp_client *c, struct span *in);

/* is_verified: the certificate is a good one for the host's name. */
void smtp_client_connected(struct smtp_client *c, bool is_verified);
void smtp_client_tls_ready(struct smtp_client *c, bool is_verified);
/* Only after READY. */
void smtp_client_begin(struct smtp_client *c,
    const struct smtp_client_message *msg);
/*
 * Only between CONTENT and content_sent, when the owner has given all content
 * and its terminator away: say the envelope of the next message behind it.
 * False: nothing was said (no PIPELINING, or it does not fit this server);
 * begin it after READY.
 */
MUST_USE bool smtp_client_ahead(struct smtp_client *c,
    const struct smtp_client_message *msg);
void smtp_client_block_sent(struct smtp_client *c);
void smtp_client_content_sent(struct smtp_client *c);
/* It takes one more in this session, as far as it said (RFC 9422 4.1). */
bool smtp_client_may_begin(const struct smtp_client *c);
/* Only after READY: say goodbye. */
void smtp_client_quit(struct smtp_client *c);
/* The deadline has come, or the connection has gone; why for the log. */
void smtp_client_timeout(struct smtp_client *c);
void smtp_client_lost(struct smtp_client *c, const char *why);
/* What was asked for is the server's care now; RFC 3461, RFC 2852. */
bool smtp_client_passes_dsn(const struct smtp_client *c);
bool smtp_client_passes_by(const struct smtp_client *c);
/* A recipient of the message has no result yet. */
bool smtp_client_is_open(const struct smtp_client_rcpt *rcpt);

#endif
