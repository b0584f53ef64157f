/*
 * stream_out.c - octets and files on their way out, in order.
 *
 * Octets wait in one buffer; a file remembers behind how many octets it goes.
 * Positions count all octets ever queued, files not included.
 */
#include "io/stream_private.h"

#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Octets a turn, so that one fast peer does not hold the loop. */
#define TURN_OCTETS	(1024u * 1024)
/* A TLS record holds so much; more in one go gains nothing. */
#define FILE_PIECE	(16u * 1024)
/* A buffer this small is kept for the next reply. */
#define OUT_KEPT	512u

size_t
stream_waiting(const struct stream *s)
{
	return s->out.n - s->out_sent;
}

static uint64_t
out_end(const struct stream *s)
{
	return s->out_at + stream_waiting(s);
}

/* Files that may leave in this phase. */
static unsigned int
files_open(const struct stream *s)
{
	return s->tls_next != NULL ? s->nplain_files : s->nfiles;
}

/* Up to where octets may leave now. */
static uint64_t
octets_open(const struct stream *s)
{
	uint64_t end = s->tls_next != NULL ? s->tls_at : out_end(s);

	return files_open(s) > 0 ? MIN(end, s->files[0].at) : end;
}

bool
stream_is_sent(const struct stream *s)
{
	return files_open(s) == 0 && octets_open(s) == s->out_at;
}

void
stream_mark_tls(struct stream *s)
{
	s->tls_at = out_end(s);
	s->nplain_files = s->nfiles;
}

enum err
stream_send(struct stream *s, struct span octets)
{
	enum err e;

	if (s->phase == STREAM_OVER || s->is_finishing)
		return ERR_CLOSED;
	if (octets.n > STREAM_OUT_MAX - MIN(STREAM_OUT_MAX, stream_waiting(s)))
		return ERR_FULL;
	if (s->out_sent > STREAM_OUT_SLACK) {
		buf_drop(&s->out, s->out_sent);
		s->out_sent = 0;
	}
	e = buf_add(&s->out, octets);
	if (e == ERR_OK)
		loop_task_ask(s->loop, &s->task);
	return e;
}

enum err
stream_send_file(struct stream *s, int fd, uint64_t offset, uint64_t size)
{
	if (s->phase == STREAM_OVER || s->is_finishing)
		return ERR_CLOSED;
	if (s->nfiles == STREAM_FILES_MAX)
		return ERR_FULL;
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return ERR_SYNTAX;
	s->files[s->nfiles++] = (struct stream_file){ .at = out_end(s),
	    .offset = offset, .size = size, .fd = fd };
	loop_task_ask(s->loop, &s->task);
	return ERR_OK;
}

void
stream_want_drained(struct stream *s)
{
	if (s->phase == STREAM_OVER)
		return;
	s->wants_drained = true;
	loop_task_ask(s->loop, &s->task);
}

static void
file_done(struct stream *s)
{
	s->nfiles--;
	if (s->nplain_files > 0)
		s->nplain_files--;
	memmove(&s->files[0], &s->files[1], s->nfiles * sizeof s->files[0]);
}

static void
octets_done(struct stream *s, size_t n)
{
	s->out_sent += n;
	s->out_at += n;
	if (s->out_sent < s->out.n)
		return;
	s->out_sent = 0;
	if (s->out.room > OUT_KEPT)
		buf_free(&s->out);
	else
		buf_cut(&s->out, 0);
}

/* One write: how many octets went, or why none did. */
static enum err
write_plain(struct stream *s, struct span octets, size_t *n)
{
	/* A last word leaves with the end of the connection. */
	int more = files_open(s) > 0 || s->is_finishing ? MSG_MORE : 0;
	ssize_t sent = send(s->fd, octets.p, octets.n,
	    MSG_NOSIGNAL | MSG_DONTWAIT | more);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_IO;
	*n = (size_t)sent;
	return ERR_OK;
}

static enum err
octets_write(struct stream *s, size_t *n)
{
	struct span octets = span_of(s->out.p + s->out_sent,
	    (size_t)(octets_open(s) - s->out_at));
	enum err e;

	if (s->tls != NULL)
		tls_conn_more(s->tls, s->is_finishing);
	e = s->tls != NULL ? tls_conn_write(s->tls, octets, n) :
	    write_plain(s, octets, n);
	if (e == ERR_OK)
		octets_done(s, *n);
	return e;
}

static enum err
file_write_plain(struct stream *s, const struct stream_file *f, size_t *n)
{
	off_t at = (off_t)f->offset;
	ssize_t sent = sendfile(s->fd, f->fd, &at,
	    (size_t)MIN(f->size, (uint64_t)TURN_OCTETS));

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_IO;
	*n = (size_t)sent;
	return sent > 0 ? ERR_OK : ERR_SHORT;
}

/* After ERR_AGAIN the same octets are read again: the file does not change. */
static enum err
file_write_tls(struct stream *s, const struct stream_file *f, size_t *n)
{
	uint8_t *piece = loop_scratch(s->loop);
	ssize_t got = pread(f->fd, piece,
	    (size_t)MIN(f->size, (uint64_t)FILE_PIECE), (off_t)f->offset);

	if (got <= 0)
		return got == 0 ? ERR_SHORT : ERR_IO;
	return tls_conn_write(s->tls, span_of(piece, (size_t)got), n);
}

static enum err
file_write(struct stream *s, size_t *n)
{
	struct stream_file *f = &s->files[0];
	enum err e;

	*n = 0;
	if (f->size > 0) {
		e = s->tls != NULL ? file_write_tls(s, f, n) :
		    file_write_plain(s, f, n);
		if (e != ERR_OK)
			return e;
		f->offset += *n;
		f->size -= *n;
	}
	if (f->size == 0)
		file_done(s);
	return ERR_OK;
}

static void
failed(struct stream *s, enum err e)
{
	if (e == ERR_SHORT && s->nfiles > 0)
		stream_end(s, STREAM_END_ERROR, "file ends too early");
	else if (s->tls != NULL && *tls_conn_why(s->tls) != '\0')
		stream_end_tls(s, e);
	else
		stream_end(s, STREAM_END_ERROR, strerrordesc_np(errno));
}

void
stream_push(struct stream *s)
{
	size_t done = 0, n = 0;
	enum err e = ERR_OK;

	s->out_needs = 0;
	if (s->phase != STREAM_PLAIN && s->phase != STREAM_TLS)
		return;
	while (!stream_is_sent(s) && done < TURN_OCTETS) {
		if (s->out_at < octets_open(s))
			e = octets_write(s, &n);
		else
			e = file_write(s, &n);
		if (e != ERR_OK)
			break;
		done += n;
	}
	if (e != ERR_OK && e != ERR_AGAIN)
		failed(s, e);
	else if (e == ERR_AGAIN && s->tls != NULL &&
	    !tls_conn_wants_write(s->tls))
		s->out_needs = LOOP_READ;
	else if (!stream_is_sent(s))
		s->out_needs = LOOP_WRITE;
}

/* What the socket knows and nobody was shown. */

bool
stream_is_peer_gone(const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	if (s->phase == STREAM_OVER)
		return true;
	return poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool
stream_has_come(const struct stream *s)
{
	uint8_t octet;

	return s->phase == STREAM_PLAIN && (s->in.n > 0 ||
	    recv(s->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}
