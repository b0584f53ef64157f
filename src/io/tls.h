/*
 * tls.h - OpenSSL 3, behind the few verbs that a stream needs.
 *
 * TLS 1.2 and 1.3 only; no renegotiation, compression, early data or tickets
 * (TLS-4).  A server answers ALPN `smtp` or `esmtp`, takes a client without
 * ALPN, and ends any other with an alert (TLS-6).  Every name (SNI) gets the
 * context's own certificate.
 *
 * Contexts are built before the sandbox is entered; tls_warm_up() then makes
 * OpenSSL load all that it loads late, so that a connection opens no file.
 */
#ifndef POSTHORSE_IO_TLS_H
#define POSTHORSE_IO_TLS_H

#include "base/span.h"

#define TLS_WHY_MAX	128	/* octets of a reason, NUL included */

struct tls_context;
/*
 * A server's context from PEM octets: the certificate, its chain behind it;
 * the private key.  Nothing is kept of the spans.  On failure why says what was
 * wrong, for the operator.
 */
MUST_USE enum err tls_context_server(struct span chain_pem, struct span key_pem,
    struct tls_context **tls, char why[TLS_WHY_MAX]);
/*
 * A client's.  ca_pem: the certificates it trusts, or empty when nothing is
 * verified.  is_verified: a server without a valid certificate for its
 * server_name ends the handshake; else any certificate will do
 * (opportunistic, RFC 3207 4.1).
 */
MUST_USE enum err tls_context_client(struct span ca_pem, bool is_verified,
    struct tls_context **tls, char why[TLS_WHY_MAX]);
/* Counted: streams hold their context, so a reload may drop its own hold. */
struct tls_context *tls_context_hold(struct tls_context *tls);
void tls_context_free(struct tls_context *tls);
/*
 * Two handshakes (TLS 1.2 and 1.3) in memory with a key made for it.  A role
 * that uses TLS calls it in load(), before the sandbox.
 */
MUST_USE enum err tls_warm_up(void);

/*
 * One connection.  For io/stream.c; everybody else uses a stream.
 * read, write and handshake: ERR_AGAIN (wait until the descriptor is readable,
 * or writable where tls_conn_wants_write), ERR_CLOSED (close_notify came),
 * ERR_SHORT (TCP ended without one), ERR_CORRUPT (alert, bad record, bad
 * certificate), ERR_IO (the socket).  But for ERR_AGAIN an end is final: every
 * further call repeats it.
 */
struct tls_conn;
MUST_USE enum err tls_conn_new(struct tls_context *tls, int fd,
    const char *server_name, struct tls_conn **c);
void tls_conn_free(struct tls_conn *c);
MUST_USE enum err tls_conn_handshake(struct tls_conn *c);
MUST_USE enum err tls_conn_read(struct tls_conn *c, void *to, size_t room,
    size_t *n);
/* A call that said ERR_AGAIN is repeated with the same octets, or more. */
MUST_USE enum err tls_conn_write(struct tls_conn *c, struct span octets,
    size_t *n);
bool tls_conn_wants_write(const struct tls_conn *c);
/* Send close_notify, if there is room for it now. */
void tls_conn_shutdown(struct tls_conn *c);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" after the handshake. */
const char *tls_conn_name(const struct tls_conn *c);
/* Why the last call failed, in plain words. */
const char *tls_conn_why(const struct tls_conn *c);

#endif
