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
 * RFC 5322 3.4: display names, groups, comments and quoted strings are read;
 * what is left is not checked here, the server does that.
 */
MUST_USE enum err send_recipients(struct span content, struct buf *list,
    struct buf *rest);

#endif
