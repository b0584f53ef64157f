/*
 * sink.c - two buffers in turn: one is filled, one is written.
 */
#include "role/admin/sink.h"

#include "os/file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct sink {
	struct worker	*worker;
	int		 fd, next_fd;	/* -1: none */
	bool		 is_busy;
	bool		 is_cut;	/* a write a line */
	struct buf	 waiting;
	struct buf	 writing;	/* the thread's while is_busy */
	int		 writing_fd;
	size_t		 written;	/* octets of writing that got through */
	uint64_t	 dropped;
};

enum err
sink_new(struct loop *loop, struct sink **out)
{
	struct sink *s = calloc(1, sizeof *s);
	enum err e;

	if (s == NULL)
		return ERR_NOMEM;
	s->fd = s->next_fd = -1;
	s->waiting = buf_make(SINK_WAITING);
	s->writing = buf_make(SINK_WAITING);
	e = worker_new(loop, 1, 1, &s->worker);
	if (e != ERR_OK) {
		free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
sink_free(struct sink *s)
{
	if (s == NULL)
		return;
	worker_free(s->worker);
	file_close(s->fd);
	file_close(s->next_fd);
	buf_free(&s->waiting);
	buf_free(&s->writing);
	free(s);
}

void
sink_use(struct sink *s, int fd)
{
	file_close(s->next_fd);
	s->next_fd = fd;
}

void
sink_cut_lines(struct sink *s)
{
	s->is_cut = true;
}

void
sink_add(struct sink *s, struct span line)
{
	if (buf_add(&s->waiting, line) != ERR_OK)
		s->dropped++;
}

/* What the next write takes; *more octets behind it are not sent. */
static struct span
next_piece(const struct sink *s, size_t *more)
{
	struct span rest = span_skip(buf_span(&s->writing), s->written);

	*more = s->is_cut ? 1 : 0;
	return s->is_cut ? span_of(rest.p, span_find(rest, '\n')) : rest;
}

/* In the thread.  Somebody else's flags may make the descriptor impatient. */
static void
write_all(void *job)
{
	struct sink *s = job;

	while (s->written < s->writing.n) {
		struct pollfd p = { s->writing_fd, POLLOUT, 0 };
		size_t more;
		struct span piece = next_piece(s, &more);
		ssize_t n = write(s->writing_fd, piece.p, piece.n);

		if (n > 0)
			s->written += (size_t)n + more;
		else if (n < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (n == 0 || errno != EINTR)
			return;
	}
}

/* A full disk or a closed pipe: these lines are gone. */
static void
count_lost(struct sink *s)
{
	for (size_t i = s->written; i < s->writing.n; i++)
		s->dropped += s->writing.p[i] == '\n';
}

static void
write_over(void *job)
{
	struct sink *s = job;

	count_lost(s);
	buf_cut(&s->writing, 0);
	s->is_busy = false;
	sink_flush(s);
}

void
sink_flush(struct sink *s)
{
	struct buf full = s->waiting;

	if (s->is_busy)
		return;
	if (s->next_fd >= 0) {
		file_close(s->fd);
		s->fd = s->next_fd;
		s->next_fd = -1;
	}
	if (s->fd < 0 || full.n == 0)
		return;
	s->waiting = s->writing;
	s->writing = full;
	s->writing_fd = s->fd;
	s->written = 0;
	s->is_busy = worker_give(s->worker, write_all, write_over, s) == ERR_OK;
	if (!s->is_busy) {
		count_lost(s);
		buf_cut(&s->writing, 0);
	}
}

bool
sink_is_idle(const struct sink *s)
{
	return !s->is_busy && (s->waiting.n == 0 || s->fd < 0);
}

uint64_t
sink_take_dropped(struct sink *s)
{
	uint64_t n = s->dropped;

	s->dropped = 0;
	return n;
}
