/*
 * stream_private.h - what stream.c and stream_out.c share.
 */
#ifndef POSTHORSE_IO_STREAM_PRIVATE_H
#define POSTHORSE_IO_STREAM_PRIVATE_H

#include "base/buf.h"
#include "io/stream.h"
#include "io/tls.h"

/* Sent octets that have not been moved away yet. */
#define STREAM_OUT_SLACK	(16u * 1024)

enum stream_phase {		/* in order: from PLAIN on nothing goes back */
	STREAM_CONNECTING,
	STREAM_PLAIN,
	STREAM_SHAKING,
	STREAM_TLS,
	STREAM_LINGER,		/* all is sent; the peer may read it */
	STREAM_OVER
};

struct stream_file {
	uint64_t	at;		/* goes out behind so many octets */
	uint64_t	offset, size;	/* what is left of it */
	int		fd;		/* borrowed */
};

struct stream {
	struct loop			*loop;
	struct loop_watch		*watch;
	struct loop_timer		*timer;
	struct loop_task		 task;
	const struct stream_ops		*ops;
	void				*ctx;
	int				 fd;
	enum stream_phase		 phase;
	unsigned int			 watched;	/* LOOP_* */
	unsigned int			 in_needs;
	unsigned int			 out_needs;	/* 0: not blocked */
	unsigned int			 nfiles;
	unsigned int			 nplain_files;	/* before TLS */
	bool				 is_entered;
	bool				 is_freed;
	bool				 is_showing;
	bool				 is_paused;
	bool				 is_peeking;
	bool				 came_paused;
	bool				 is_finishing;
	bool				 is_injected;
	bool				 is_woken;	/* in its handshake */
	bool				 has_deadline;
	bool				 must_show;
	bool				 must_read;
	bool				 wants_drained;
	struct buf			 in;		/* left by the owner */
	struct buf			 out;
	size_t				 out_sent;	/* at its front */
	uint64_t			 out_at;	/* of all octets so far:
							 * where sending is */
	uint64_t			 tls_at;
	struct stream_file		 files[STREAM_FILES_MAX];
	struct tls_conn			*tls;
	struct tls_context		*tls_next;	/* once all is sent */
	char				*server_name;
	size_t				 lingered;
	const char			*why;		/* NULL: no end yet */
	char				*why_copy;	/* it may be here */
};

/* Around whatever may call the owner, but inside a callback of the loop. */
void stream_enter(struct stream *s);
void stream_leave(struct stream *s);
bool stream_is_reading(const struct stream *s);
void stream_receive(struct stream *s);
/* All is sent: TLS begins. */
void stream_shake_begin(struct stream *s);
void stream_shake(struct stream *s);
/*
 * Tell the owner; nothing follows.  Only inside a callback of the loop.  why
 * is a constant.
 */
void stream_end(struct stream *s, enum stream_end end, const char *why);
void stream_end_tls(struct stream *s, enum err e);
/* Send as much as the socket takes; sets out_needs; may end the stream. */
void stream_push(struct stream *s);
/* Nothing waits that may leave in this phase. */
bool stream_is_sent(const struct stream *s);
/* What waits now leaves in plain, what follows in TLS. */
void stream_mark_tls(struct stream *s);

#endif
