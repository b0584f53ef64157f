/*
 * smtp_client_private.h - what the client's files share.  The machine and its
 * actions are in smtp_client.c, the way to READY in smtp_client_hello.c, one
 * message in smtp_client_mail.c.
 */
#ifndef POSTHORSE_PROTO_SMTP_CLIENT_PRIVATE_H
#define POSTHORSE_PROTO_SMTP_CLIENT_PRIVATE_H

#include "proto/smtp_client.h"

enum client_phase {
	PH_NEW,			/* not connected */
	PH_GREETING,
	PH_EHLO,
	PH_HELO,
	PH_STARTTLS,
	PH_TLS,			/* the handshake */
	PH_AUTH,
	PH_READY,
	PH_RSET,
	PH_ENVELOPE,		/* MAIL, RCPT and DATA, see smtp_client_mail.c */
	PH_CONTENT,
	PH_FINAL,		/* behind the final dot */
	PH_DOT,			/* behind a dot for nobody */
	PH_QUIT,
	PH_OVER,
	PH_COUNT
};
enum client_offer {
	OFFER_PIPELINING = 0x01,
	OFFER_8BITMIME	 = 0x02,
	OFFER_SIZE	 = 0x04,
	OFFER_STARTTLS	 = 0x08,
	OFFER_PLAIN	 = 0x10,
	OFFER_LOGIN	 = 0x20,
	OFFER_AUTH	 = 0x40,
	OFFER_SMTPUTF8	 = 0x80,
	OFFER_DSN	 = 0x100,
	OFFER_CHUNKING	 = 0x200,
	OFFER_BINARY	 = 0x400,
	OFFER_REQUIRETLS = 0x800,
	OFFER_PRIORITY	 = 0x1000,
	OFFER_BY	 = 0x2000
};
enum client_rcpt_state {
	RCPT_OPEN,
	RCPT_LATER,		/* open, and for another transaction */
	RCPT_SENT,
	RCPT_ACCEPTED,
	RCPT_ANSWERED
};

static inline unsigned int
answer_class(const struct smtp_answer *a)
{
	return a->code / 100;
}
static inline void
client_todo(struct smtp_client *c, enum smtp_client_kind kind)
{
	c->todo |= 1u << kind;
}
void client_deadline(struct smtp_client *c, uint64_t ms);
/* Append a command; no memory ends the connection. */
void client_put(struct smtp_client *c, const char *fmt, ...) PRINTF(2, 3);
/* Put, then wait in a phase for its reply. */
void client_ask(struct smtp_client *c, enum client_phase phase,
    const char *command);

/*
 * Results for msg->rcpts[from .. to), those without one: all, or accepted ones.
 */
void client_say(struct smtp_client *c, const struct smtp_client_message *msg,
    size_t from, size_t to, bool is_all, const struct smtp_client_action *what);
/* What a 4xx or 5xx answer says; anything else is a protocol error: RETRY. */
struct smtp_client_action client_verdict(const struct smtp_answer *a);
struct smtp_client_action client_own_verdict(enum smtp_client_fate fate,
    const char *status, const char *text);
void client_close(struct smtp_client *c, enum smtp_client_end end,
    const struct smtp_client_action *why);
void client_close_own(struct smtp_client *c, enum smtp_client_end end,
    const char *status, const char *text);
/* Refused in order: say QUIT, and go without waiting. */
void client_give_up(struct smtp_client *c, enum smtp_client_end end,
    const struct smtp_client_action *why);
void client_ready(struct smtp_client *c);

typedef void client_answer(struct smtp_client *c, const struct smtp_answer *a);
client_answer client_on_greeting, client_on_ehlo, client_on_helo,
    client_on_starttls, client_on_auth, client_on_rset, client_on_envelope,
    client_on_final, client_on_dot;
void client_hello(struct smtp_client *c);

#endif
