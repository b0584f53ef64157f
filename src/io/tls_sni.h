/*
 * tls_sni.h - which host a client asks for, and which names a certificate has.
 *
 * Pure.  RFC 6066 3 (server_name), RFC 6125 6.4 and TLS-11 (matching): ASCII,
 * case does not matter; a wildcard is the whole left-most label, stands for
 * one label, and at least two labels stand behind it.
 */
#ifndef POSTHORSE_IO_TLS_SNI_H
#define POSTHORSE_IO_TLS_SNI_H

#include "base/span.h"

#define TLS_NAME_MAX	253u	/* octets of a host name */

/*
 * The host name in the body of a server_name extension of a ClientHello.
 * ERR_SYNTAX: not as RFC 6066 3 has it, or no host name of TLS_NAME_MAX
 * octets; ERR_NONE: there is none.  *name borrows from the extension.
 */
MUST_USE enum err tls_sni_parse(struct span extension, struct span *name);
/*
 * Labels of letters, digits, hyphens and underscores with dots between them;
 * the first may be a wildcard when is_pattern.
 */
bool tls_name_is_good(struct span name, bool is_pattern);
/* pattern: a good one of a certificate; name: a good one of a client. */
bool tls_name_matches(struct span pattern, struct span name);

#endif
