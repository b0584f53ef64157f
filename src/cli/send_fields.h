/*
 * send_fields.h - a message from a program's standard input: line ends, and
 * the recipients that its own fields name.  Pure.
 */
#ifndef POSTHORSE_CLI_SEND_FIELDS_H
#define POSTHORSE_CLI_SEND_FIELDS_H

#include "base/buf.h"

/* Append text to *to with every line ending in CRLF, the last one too. */
MUST_USE enum err send_canonical(struct span text, struct buf *to);
/*
 * Append each address of the To, Cc and Bcc fields of canonical content to
 * *list, a NUL behind each, and the content without its Bcc fields to *rest.
 * Addresses are in the plain form of mail/mailbox.h, some without a domain.
 * ERR_SYNTAX: a list cannot be read.  ERR_FULL, ERR_NOMEM.
 */
MUST_USE enum err send_recipients(struct span content, struct buf *list,
    struct buf *rest);

#endif
