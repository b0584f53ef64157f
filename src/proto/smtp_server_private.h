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
bool smtp_do_bdat(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_xclient(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_xforward(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_help(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_etrn(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_expn(struct smtp_server *s, const struct smtp_cmd *cmd);
bool smtp_do_auth(struct smtp_server *s, const struct smtp_cmd *cmd);

/* Wire events outside of commands. */
void smtp_server_auth_line(struct smtp_server *s, struct span line);
void smtp_server_auth_abort(struct smtp_server *s, enum smtp_reply re);
/* Content begins: it is scanned, and of a user its header checked. */
void smtp_server_scan_begin(struct smtp_server *s);
/* Behind the content: RE_NONE, or what is wrong with its header. */
enum smtp_reply smtp_server_submit(struct smtp_server *s);
void smtp_server_body(struct smtp_server *s, struct span octets);
void smtp_server_body_end(struct smtp_server *s);
void smtp_server_chunk_end(struct smtp_server *s);

/* Do we believe what it says of others: a user of ours, or a listed host? */
static inline bool
smtp_server_is_trusted(const struct smtp_server *s)
{
	return s->policy->listener != SMTP_MX &&
	    s->policy->listener != SMTP_LMTP;
}
/* Programs hand new mail in here (RFC 6409). */
static inline bool
smtp_server_is_submission(const struct smtp_server *s)
{
	return s->policy->listener == SMTP_SUBMISSION ||
	    s->policy->listener == SMTP_LOCAL;
}
/* What EHLO announces of them, and to whom. */
bool smtp_server_may_speak_for(const struct smtp_server *s);
enum err smtp_server_say_xclient(const struct smtp_server *s, struct buf *to);
enum err smtp_server_say_xforward(const struct smtp_server *s, struct buf *to);

/* Is this an administrator, who may say EXPN? */
bool smtp_server_may_expand(const struct smtp_server *s);
/* The address as lookup is asked, into s->tx.asked. */
MUST_USE enum err smtp_server_asked(struct smtp_server *s,
    const struct addr *path);

/* SASL_BIT: what this session may use. */
uint32_t smtp_server_mechanisms(const struct smtp_server *s);

/* May this session authenticate at all? */
static inline bool
smtp_server_has_auth(const struct smtp_server *s)
{
	return s->policy->listener == SMTP_SUBMISSION && s->is_tls;
}

#endif
