/*
 * smtp_server_private.h - what the files of the session machine share.
 */
#ifndef POSTHORSE_PROTO_SMTP_SERVER_PRIVATE_H
#define POSTHORSE_PROTO_SMTP_SERVER_PRIVATE_H

#include "proto/smtp_server.h"

/* Answer; a 421 closes.  Out of memory: closed without a word. */
void smtp_server_reply(struct smtp_server *s, enum smtp_reply re);
void smtp_server_reply_with(struct smtp_server *s, enum smtp_reply re,
    struct span more);
/* Answer with a refusal: counted, perhaps held back, told to the owner. */
void smtp_server_refuse(struct smtp_server *s, enum smtp_reply re,
    struct span what);
void smtp_server_act(struct smtp_server *s, enum smtp_do kind,
    struct span text);
/* As act, then take no octet until the owner has answered. */
void smtp_server_ask(struct smtp_server *s, enum smtp_do kind,
    struct span text);
/* The one end of a transaction, however it ended (SMTP-4). */
void smtp_server_reset(struct smtp_server *s);
/* True, and the session ends, when input stands behind this line (SMTP-6). */
bool smtp_server_is_pipelined(struct smtp_server *s);

/* Commands: true when the verb succeeded and its rule's phase begins. */
bool smtp_do_ehlo(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_starttls(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_mail(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_rcpt(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_data(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_auth(struct smtp_server *s, const struct smtp_cmd *cmd);

/* Wire events outside of commands. */
void smtp_server_auth_line(struct smtp_server *s, struct span line);
void smtp_server_auth_abort(struct smtp_server *s, enum smtp_reply re);
void smtp_server_body(struct smtp_server *s, struct span octets);
void smtp_server_body_end(struct smtp_server *s);

/* May this session authenticate at all? */
static inline bool
smtp_server_has_auth(const struct smtp_server *s)
{
	return s->policy->listener == SMTP_SUBMISSION && s->is_tls;
}

#endif
