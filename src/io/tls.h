/*
 * tls.h - OpenSSL 3, behind the few verbs that a stream needs.
 *
 * TLS 1.2 and 1.3 only; no renegotiation, compression or early data
 * (TLS-4).  A server answers ALPN `smtp` or `esmtp`, takes a client without
 * ALPN, and ends any other with an alert (TLS-6).  A server shows the
 * certificate that has the name which the client asks for (SNI), else its
 * first one; the name is looked at, never kept.
 *
 * Contexts are built before the sandbox is entered; tls_warm_up() then makes
 * OpenSSL load all that it loads late, so that a connection opens no file.
 */
#ifndef POSTHORSE_IO_TLS_H
#define POSTHORSE_IO_TLS_H

#include "base/span.h"

#define TLS_WHY_MAX	128	/* octets of a reason, NUL included */

/*
 * Who has the private keys (TLS-7).  A handshake that needs a signature asks, and
 * stops there until it is answered; the loop goes round meanwhile.
 */
#define TLS_KEY_ID		32u	/* octets */
#define TLS_SIGNED_MAX		4096u
#define TLS_SIGNATURE_MAX	1024u
struct tls_signature {
	size_t	n;
	uint8_t	octets[TLS_SIGNATURE_MAX];
};
struct tls_conn;
/* What a handshake has asked for; it lives until it is answered or cancelled. */
struct tls_wish {
	const uint8_t		*id;	/* of the key: TLS_KEY_ID octets, SHA-256
					 * of its SubjectPublicKeyInfo */
	uint16_t		 scheme;	/* RFC 8446 4.2.3 */
	struct span		 octets;	/* to be signed: TLS_SIGNED_MAX */
	enum err		 e;	/* ERR_AGAIN: no answer yet */
	struct tls_signature	 signature;
	struct tls_conn		*conn;	/* that waits for it; NULL: not yet */
	/* The signer's own: */
	struct tls_wish		*next;
	uint64_t		 tag, until_ms;
};
struct tls_signer {
	/* False: nobody is there to ask.  It may be answered within the call. */
	bool (*ask)(void *ctx, struct tls_wish *wish);
	/* Nobody waits any more: wish is not touched again. */
	void (*cancel)(void *ctx, struct tls_wish *wish);
	void *ctx;
};
/*
 * The signer's word: a signature when e is ERR_OK, at most TLS_SIGNATURE_MAX.  Who
 * waits is woken within this call; wish is over for the signer.
 */
void tls_wish_answer(struct tls_wish *wish, enum err e, struct span signature);

struct tls_context;
/*
 * A server's context from PEM octets: the certificate, its chain behind it.
 * Nothing is kept of the span.  signer must outlive the context.  On failure
 * why says what was wrong, for the operator.
 */
MUST_USE enum err tls_context_server(struct span chain_pem,
    const struct tls_signer *signer, struct tls_context **tls,
    char why[TLS_WHY_MAX]);
/*
 * One more, shown to clients that ask for one of its alternative names; a name
 * of its own goes before another's wildcard, else the order counts.  Before
 * the first connection only.  ERR_FULL beyond TLS_CERTIFICATES_MAX.
 */
#define TLS_CERTIFICATES_MAX	64u
MUST_USE enum err tls_context_add(struct tls_context *tls,
    struct span chain_pem, const struct tls_signer *signer,
    char why[TLS_WHY_MAX]);
/* Another server's context with the same certificates, for another listener. */
MUST_USE enum err tls_context_like(const struct tls_context *from,
    struct tls_context **tls);
/*
 * Give session tickets (TLS-5).  One is good only where the binding is equal
 * (whatever tells a listener, and what it demands of clients, from others), for
 * the same name (SNI), with the same certificate.  tickets outlives tls; before
 * the first connection only.  ERR_NOMEM.
 */
struct tls_tickets;		/* io/tls_tickets.h */
MUST_USE enum err tls_context_tickets(struct tls_context *tls,
    struct tls_tickets *tickets, struct span binding);
/*
 * Ask clients for a certificate.  Known is whoever shows one with a listed
 * fingerprint, or one that an authority of ca_pem vouches for.  Who is not known
 * is sent away with an alert if is_required, and else is a stranger.  For a
 * context without tickets (TLS-5), before the first connection.  On failure
 * why, for the operator.
 */
#define TLS_PRINT_OCTETS	32u	/* SHA-256 of a certificate */
struct tls_clients {
	bool		 is_required;
	struct span	 ca_pem;	/* or empty */
	const uint8_t	(*prints)[TLS_PRINT_OCTETS];
	size_t		 nprints;
};
MUST_USE enum err tls_context_clients(struct tls_context *tls,
    const struct tls_clients *who, char why[TLS_WHY_MAX]);
/* Is this what ca_pem may be?  Errors as above. */
MUST_USE enum err tls_authorities_check(struct span pem,
    char why[TLS_WHY_MAX]);
/*
 * A client's.  ca_pem: the certificates it trusts, or empty when it trusts none
 * (tls_conn_is_verified then is false).  is_verified: a server without a valid certificate for its
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
MUST_USE enum err tls_conn_new(struct tls_context *tls, int fd,
    const char *server_name, struct tls_conn **c);
void tls_conn_free(struct tls_conn *c);
MUST_USE enum err tls_conn_handshake(struct tls_conn *c);
MUST_USE enum err tls_conn_read(struct tls_conn *c, void *to, size_t room,
    size_t *n);
/*
 * The descriptor is readable, or may be: without that word a connection that
 * has emptied its socket does not look there again.
 */
void tls_conn_ready(struct tls_conn *c);
/* What is written next leaves with what follows it at once: a close_notify, say. */
void tls_conn_more(struct tls_conn *c, bool follows);
/* A call that said ERR_AGAIN is repeated with the same octets, or more. */
MUST_USE enum err tls_conn_write(struct tls_conn *c, struct span octets,
    size_t *n);
/*
 * The handshake waits for its signer: until woken() is called every step of it says
 * ERR_AGAIN, and there is nothing to wait for at the descriptor.  woken() is called
 * in the signer's own callback; the next step is the caller's business.
 */
bool tls_conn_is_asking(const struct tls_conn *c);
void tls_conn_waker(struct tls_conn *c, void (*woken)(void *ctx), void *ctx);
bool tls_conn_wants_write(const struct tls_conn *c);
bool tls_conn_is_server(const struct tls_conn *c);
/* Send close_notify, if there is room for it now. */
void tls_conn_shutdown(struct tls_conn *c);
/*
 * Who the client of a server's connection is, when it has proved that in this
 * very handshake; false: a stranger.
 */
#define TLS_SUBJECT_MAX	256u	/* octets, NUL included */
#define TLS_EMAIL_MAX	255u
struct tls_identity {
	char	fingerprint[2 * TLS_PRINT_OCTETS + 1];	/* hexadecimal */
	char	subject[TLS_SUBJECT_MAX];	/* RFC 2253, cut at its end */
	char	email[TLS_EMAIL_MAX];	/* the one rfc822Name, or "" */
};
bool tls_conn_identity(const struct tls_conn *c, struct tls_identity *id);
/* After the handshake: it went on from an earlier session. */
bool tls_conn_is_resumed(const struct tls_conn *c);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" after the handshake. */
const char *tls_conn_name(const struct tls_conn *c);
/* After the handshake: the peer's certificate is one that we trust, for its name,
 * whether that was asked for or not. */
bool tls_conn_is_verified(const struct tls_conn *c);
/*
 * What a login is bound to.  Both: ERR_NONE when it is not defined for this
 * connection (then offer no such binding), ERR_NOMEM.
 * tls-exporter (RFC 9266 2): not with TLS 1.2 without extended master secret.
 * tls-server-end-point (RFC 5929 4.1): the hash of the server's certificate;
 * not when its signature names no hash, as Ed25519's.
 */
#define TLS_EXPORTER_OCTETS	32u
#define TLS_END_POINT_MAX	64u
MUST_USE enum err tls_conn_exporter(const struct tls_conn *c,
    uint8_t value[TLS_EXPORTER_OCTETS]);
MUST_USE enum err tls_conn_end_point(const struct tls_conn *c,
    uint8_t hash[TLS_END_POINT_MAX], size_t *n);
/* Why the last call failed, in plain words. */
const char *tls_conn_why(const struct tls_conn *c);

#endif
