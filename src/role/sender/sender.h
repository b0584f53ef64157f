/*
 * sender.h - what the files of this role share.
 */
#ifndef POSTHORSE_ROLE_SENDER_H
#define POSTHORSE_ROLE_SENDER_H

#include "io/stream.h"
#include "io/tls.h"
#include "role/role.h"
#include "role/sender/order.h"

#define SENDER_ORDERS_MAX	2000u	/* of a queue and its predecessor */
#define SENDER_SPARE_MAX	500u	/* connections that serve none */
#define SENDER_CONNS_MAX	(SENDER_ORDERS_MAX + SENDER_SPARE_MAX)
#define SENDER_IDLE_MS		5000u	/* a connection is kept so long */
#define SENDER_MAILS_MAX	100u	/* messages over one connection */
#define SENDER_PIECE		(1u << 20)	/* octets between two looks */
#define SENDER_SECRET_MAX	1024u
#define SENDER_REMOTE_MAX	340u

struct conn {
	struct conn		*prev, *next;
	struct role		*role;
	struct stream		*stream;
	struct smtp_client	 client;
	struct order		*order;		/* NULL: idle */
	struct buf		 site;
	uint32_t		 relay;
	struct buf		 host;		/* its name, for TLS; ends in NUL */
	char			 remote[SENDER_REMOTE_MAX];
	struct loop_timer	*idle;
	size_t			 nmails;
	uint64_t		 sent;		/* octets of content gone out */
	struct smtp_stuff	 stuff;
	bool			 is_sending;	/* content is on its way out */
	bool			 is_chunk;	/* content without a dot */
	bool			 is_checked;	/* its certificate is */
	bool			 is_last_resort;	/* see conn.c */
	bool			 is_all_given;	/* the stream has all of it */
	bool			 is_over;	/* the session is */
	bool			 is_gone;	/* the stream is */
	bool			 went_ahead;	/* an envelope behind a dot */
	bool			 was_ready, is_reused;
	bool			 is_leaving;	/* QUIT was said */
	struct order		*waiting;	/* goes on when that is over */
	enum smtp_client_tls	 tls;
};

struct sender {
	struct conn		*conns;
	size_t			 nconns, norders;
	struct tls_context	*any, *verified;
	struct tls_context	*checked;	/* as any, and looked at */
	struct buf		 authorities;	/* PEM, until that is made */
	struct buf		 secrets[CONFIG_RELAYS_MAX];
	struct buf		 stuffed;	/* one piece, dots doubled */
	bool			 is_stopping;
};

/* --- dial.c ------------------------------------------------------------ */

/* Serve the order over a kept connection of its site, or a new one. */
void conn_serve(struct role *r, struct order *o);
enum conn_how {
	CONN_BEST,		/* with TLS, where that can be had */
	CONN_PLAIN,		/* its handshake has failed */
	CONN_LAST_RESORT	/* plain, for TLS-Required: No alone */
};
/* Connect to the order's next address; none left: it ends. */
void conn_dial(struct role *r, struct order *o, enum conn_how how);
/* Idle ones say goodbye. */
void conn_quit_idle(struct role *r);

/* --- conn.c ------------------------------------------------------------ */

extern const struct stream_ops conn_stream_rows;
void conn_link(struct conn *c);
void conn_idle_over(void *conn);
/* It is idle, and may take another order: reuse does that. */
bool conn_is_kept(const struct conn *c);
void conn_reuse(struct conn *c, struct order *o);
/* All content is given away: the next envelope may follow (RFC 2920 3.1). */
void conn_go_ahead(struct conn *c);

/* --- content.c --------------------------------------------------------- */

/* Begin to send the current message's content; false: the stream is gone. */
bool content_begin(struct conn *c);
/* Give the stream the next piece. */
bool content_go_on(struct conn *c);
/* What it was given has left. */
bool content_drained(struct conn *c);

/* --- sender.c ---------------------------------------------------------- */

void sender_result(struct role *r, struct order *o, struct order_message *m,
    size_t rcpt, const struct deliver_result *result);
/* Answer what is open of one message, or of all from the current on. */
void sender_give_up_message(struct role *r, struct order *o,
    const struct deliver_result *result);
void sender_finish(struct role *r, struct order *o,
    const struct deliver_result *result, bool is_kept);
/* Nothing is said of what is left: the queue asks again in a moment. */
void sender_put_off(struct role *r, struct order *o);
/* The queue that asked has gone; its successor asks for the rest again. */
bool sender_is_orphan(struct role *r, const struct order *o);
/*
 * For mail that requires TLS (RFC 8689): whatever certificate comes is taken, and
 * stream_is_verified says whether it is good.
 */
struct tls_context *sender_checked(struct role *r);
void sender_closed(struct role *r, struct span site);

#endif
