/*
 * said.c - what a role writes to its standard error: last words, mostly.
 *
 * It goes through a pipe, so that no role holds a file of ours, and comes out
 * as safe lines of the log; while the server starts, on our own standard error
 * too, where whoever typed `serve` reads it.
 */
#include "role/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SAID_MAX	(64u * 1024)	/* octets of one life; then silence */

static void
said_line(const struct child *c, struct span text)
{
	struct log_line line;
	char safe[LOG_FIELD_MAX];
	bool is_cut;
	size_t n;

	if (!c->s->is_started) {
		n = log_escape(text, safe, sizeof safe, &is_cut);
		(void)fprintf(stderr, "%.*s\n", (int)n, safe);
		return;
	}
	log_begin(&line, LOG_LEVEL_ALARM, NULL, "role-said");
	log_str(&line, "role", ipc_role_name(c->kind));
	log_num(&line, "index", c->index);
	log_span(&line, "text", text);
	sup_log(c->s, &line);
}

static void
said_end(struct child *c)
{
	if (c->said_watch == NULL)
		return;
	loop_watch_free(c->said_watch);
	c->said_watch = NULL;
	(void)close(c->said);
}

/* False: no more for now. */
static bool
said_take(struct child *c)
{
	uint8_t octets[1024];
	ssize_t n = read(c->said, octets, sizeof octets);
	struct span rest;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	c->nsaid += n > 0 ? (size_t)n : 0;
	if (n <= 0 || c->nsaid > SAID_MAX) {
		said_end(c);
		return false;
	}
	rest = span_of(octets, (size_t)n);
	while (rest.n > 0) {
		size_t end = span_find(rest, '\n');

		if (end > 0)
			said_line(c, span_of(rest.p, end));
		rest = span_skip(rest, MIN(end + 1, rest.n));
	}
	return true;
}

static void
said_ready(void *ctx, unsigned int events UNUSED)
{
	(void)said_take(ctx);
}

bool
sup_hear(struct child *c, int fd)
{
	c->said = fd;
	c->nsaid = 0;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || loop_watch_new(c->s->loop,
	    fd, said_ready, c, &c->said_watch) != ERR_OK)
		return false;
	loop_watch_want(c->said_watch, LOOP_READ);
	return true;
}

void
sup_heard_all(struct child *c)
{
	while (c->said_watch != NULL && said_take(c))
		continue;
	said_end(c);
}
