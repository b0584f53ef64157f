/*
 * stream.h - a stranger's connection: octets in and out, plain or TLS.
 *
 * What arrives is shown to the owner, which says how much it has used; what it
 * leaves is kept (at most STREAM_IN_MAX) and shown again after stream_resume.
 * Output is gathered and leaves at the end of the turn; beyond STREAM_OUT_MAX
 * waiting octets ERR_FULL.
 *
 * TLS is one-way (TLS-2): after stream_tls_start the plain reader is gone; any
 * close_notify, alert or error ends the connection.  Octets that came behind
 * the command that started TLS end it too (TLS-1).
 */
#ifndef POSTHORSE_IO_STREAM_H
#define POSTHORSE_IO_STREAM_H

#include "base/span.h"
#include "io/loop.h"

#define STREAM_IN_MAX	(64u * 1024)
#define STREAM_OUT_MAX	(256u * 1024)
#define STREAM_FILES_MAX	4u

struct stream;
struct tls_context;		/* io/tls.h */
struct tls_conn;

enum stream_end {
	STREAM_END_PEER,	/* the peer closed */
	STREAM_END_ERROR,	/* a socket error */
	STREAM_END_TLS,		/* handshake or record; stream_why says */
	STREAM_END_TIMEOUT,	/* the deadline set by stream_deadline */
	STREAM_END_FINISHED	/* stream_finish has sent everything */
};
struct stream_ops {
	/* Advance *in past what was used.  What was left is shown again, with
	 * what arrived behind it, when more arrives or after stream_resume;
	 * with STREAM_IN_MAX left reading pauses.  Who waits for something
	 * else (an answer, a sync) calls stream_pause.  The owner may free,
	 * pause, finish or start TLS inside. */
	void (*data)(void *ctx, struct span *in);
	/* Everything sent so far has left (only after stream_want_drained). */
	void (*drained)(void *ctx);
	void (*tls_ready)(void *ctx);
	/* connect() of stream_connect has ended well */
	void (*connected)(void *ctx);
	/* No other callback follows; call stream_free. */
	void (*ended)(void *ctx, enum stream_end why);
};
/* Takes fd (connected, or after connect() returned EINPROGRESS) over, but
 * not on failure. */
MUST_USE enum err stream_new(struct loop *loop, int fd, bool is_connecting,
    const struct stream_ops *ops, void *ctx, struct stream **s);
/* Closes; no callback follows.  Safe inside any callback of its own. */
void stream_free(struct stream *s);
MUST_USE enum err stream_send(struct stream *s, struct span octets);
/* Send the file's octets behind what waits; plain: sendfile.  fd is borrowed
 * until drained.  ERR_FULL: STREAM_FILES_MAX wait already.  A file that ends
 * too early ends the stream (STREAM_END_ERROR). */
MUST_USE enum err stream_send_file(struct stream *s, int fd, uint64_t offset,
    uint64_t size);
void stream_want_drained(struct stream *s);
/* Its handshake waits for its signer (io/tls.h). */
bool stream_is_asking(const struct stream *s);
/*
 * In plain, before anything else was read: octets that data() leaves stay in
 * the kernel, so that a TLS handshake may begin right behind those used.  Use
 * at least one a showing, or pause.
 */
void stream_peek(struct stream *s, bool is_wanted);
void stream_pause(struct stream *s);
/* Shows what was left at the end of this turn, never inside the call. */
void stream_resume(struct stream *s);
/* True when the peer has closed, though reading may be paused (SPL-12). */
bool stream_is_peer_gone(const struct stream *s);
/* True when octets have come that data() was not shown yet (plain only). */
bool stream_has_come(const struct stream *s);
/* Octets that wait to leave (files not counted). */
size_t stream_waiting(const struct stream *s);
/*
 * Send what waits, then close without a further callback but ended.  What the
 * peer still says is dropped for STREAM_LINGER_MS at most, so that our last
 * words are not lost to a reset.
 */
#define STREAM_LINGER_MS	1000u
void stream_finish(struct stream *s);
/* One deadline at a time, from now; 0: none. */
void stream_deadline(struct stream *s, uint64_t after_ms);
/*
 * What waits leaves in plain, then the handshake; tls_ready follows.
 * server_name: a client's name for SNI and verification, NULL for none and on
 * a server.  Holds tls.  ERR_DENIED: TLS was started already.
 */
MUST_USE enum err stream_tls_start(struct stream *s, struct tls_context *tls,
    const char *server_name);
bool stream_is_tls(const struct stream *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" when plain.  Good as long as s. */
struct span stream_tls_name(const struct stream *s);
/* A client's, after tls_ready: see tls_conn_is_verified. */
bool stream_is_verified(const struct stream *s);
/* For io/tls.h's questions about a connection; NULL when plain. */
const struct tls_conn *stream_tls_conn(const struct stream *s);
/* The reason of an end, in plain words for the log. */
struct span stream_why(const struct stream *s);

#endif
