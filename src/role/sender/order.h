/*
 * order.h - a job of the queue, decoded: what to send, to whom, over which
 * hosts in which order.
 *
 * Its contents lie in a sealed memfd that is mapped for looking at them and
 * sent from its descriptor.  Knows no connection.
 */
#ifndef POSTHORSE_ROLE_SENDER_ORDER_H
#define POSTHORSE_ROLE_SENDER_ORDER_H

#include "base/arena.h"
#include "ipc/deliver.h"
#include "ipc/resolve.h"
#include "proto/smtp_client.h"
#include "proto/smtp_stuff.h"

#define ORDER_DESCRIPTION_MAX	(16u * 1024 * 1024)	/* octets */
#define ORDER_SESSIONS_MAX	4u	/* connections a try (section 19) */

struct order_message {
	struct deliver_message		 m;
	struct smtp_client_rcpt		*rcpts;
	uint32_t			*slots;
	bool				*is_answered;
	size_t				 nrcpts;
	struct smtp_stuff_facts		 facts;	/* once it was looked at */
	bool				 is_looked_at;
};
struct order_address {
	struct span	host;		/* name, or literal with brackets */
	struct span	address;	/* 4 or 16 octets */
	uint16_t	port;
	bool		is_secure;	/* DNSSEC vouches for the name */
	bool		is_unfit;	/* not for what is left of the order */
};

struct order {
	uint64_t		 number, asker;	/* asker: the queue's instance */
	uint32_t		 relay;		/* row + 1, or 0 */
	struct span		 site;
	int			 fd;
	const uint8_t		*octets;
	size_t			 noctets;
	struct arena		 memory;
	bool			 is_starved;	/* it could not grow */
	struct order_message	*messages;
	size_t			 nmessages, current;
	struct order_address	*addresses;
	size_t			 naddresses, next_address;
	unsigned int		 sessions;	/* connections that stood */
	bool			 had_host;	/* one of them was ready for mail */
	bool			 has_unfit;	/* a host could not take all */
	bool			 needs_tls;	/* RFC 8689, for some or what is
						 * reported of them */
	bool			 is_careful;	/* no envelope ahead (see conn.c) */
	/* The last words of a host that could not be used. */
	struct order_words {
		uint8_t		fate;
		uint16_t	code;
		size_t		nstatus, nremote, ntext;
		uint8_t		status[16], remote[512], text[1024];
	}			 words;
};

/*
 * fd is taken over; order_close() is due whatever is returned.  ERR_SYNTAX: not
 * sealed, does not decode, points outside, no message or no recipient: who sent
 * it is to be cut off.  ERR_NOMEM is nobody's fault: later (MEM-5).
 */
MUST_USE enum err order_open(struct order *o, const struct deliver_job *job,
    uint64_t asker, int fd);
void order_close(struct order *o);
/* The content of a message. */
struct span order_content(const struct order *o, const struct order_message *m);
/* Whether it may be sent at all, and how; one look, then remembered. */
const struct smtp_stuff_facts *order_look(const struct order *o,
    struct order_message *m);
/* A host's name; a literal without its brackets. */
struct span order_host_name(struct span host);
/* Some recipient of it has no result yet. */
bool order_is_open(const struct order_message *m);
/* TLS-Required: No (RFC 8689 section 3); some open one of the order is. */
bool order_is_optional(const struct order_message *m);
bool order_has_optional(const struct order *o);
/* This host (a literal without brackets) lacks what some
 * messages need: it is not dialled again (SMTP-14). */
void order_unfit(struct order *o, struct span host);
/*
 * All messages were seen: true when some are left that a host was unfit for,
 * and the order goes over them again; who has its result keeps it.
 */
MUST_USE bool order_again(struct order *o);
/* Keep what a host said (its spans end with the connection), and give it. */
void order_keep(struct order *o, const struct deliver_result *result);
struct deliver_result order_words(const struct order *o);
/* Where to connect next; false: nothing left to try. */
MUST_USE bool order_next_address(struct order *o, struct order_address *at);

#endif
