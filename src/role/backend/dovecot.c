/*
 * dovecot.c - posthorse-backend-dovecot: users whom Dovecot knows.
 *
 * One connection to the socket of its auth server; as many questions on their
 * way as lookup has, for a wrong password is answered late there, on purpose.
 */
#include "role/backend/backend.h"
#include "role/backend/dovecot_line.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What all questions need, and the handshake. */
#define OUT_MAX	((BACKEND_ASKED_MAX + 1) * DOVECOT_LINE_MAX)

struct sent {
	uint32_t		 number;
	struct backend_job	*job;		/* NULL: free */
	bool			 is_written;
};
/* Questions without an answer, one after another: then it is asked anew. */
#define SILENT_MAX	3u

struct dovecot {
	struct backend		*b;
	unsigned int		 nsilent;
	int			 fd;		/* -1: no connection */
	struct loop_watch	*watch;
	bool			 is_greeted, is_same, has_plain;
	struct buf		 in, out;
	uint32_t		 last;
	struct sent		 sent[BACKEND_ASKED_MAX];
};

static bool
start(struct backend *b)
{
	struct dovecot *d = b->state;

	d->b = b;
	d->fd = -1;
	d->in = buf_make(DOVECOT_LINE_MAX);
	d->out = buf_make(OUT_MAX);
	return true;
}

/* --- the end of a connection, or of a question --------------------------- */

static void
end(struct sent *s)
{
	struct backend_job *job = s->job;

	s->job = NULL;
	backend_done(job);
}

static void
drop(struct dovecot *d, const char *why)
{
	loop_watch_free(d->watch);
	d->watch = NULL;
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
	d->is_greeted = d->is_same = d->has_plain = false;
	d->nsilent = 0;
	buf_cut(&d->in, 0);
	buf_wipe(&d->out);
	for (size_t i = 0; i < COUNT(d->sent); i++)
		if (d->sent[i].job != NULL) {
			backend_trouble(d->sent[i].job, "%s", why);
			end(&d->sent[i]);
		}
}

/* --- out ------------------------------------------------------------------ */

static void
flush(struct dovecot *d)
{
	while (d->fd >= 0 && d->out.n > 0) {
		ssize_t n = send(d->fd, d->out.p, d->out.n,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			loop_watch_want(d->watch, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (n < 0) {
			drop(d, strerror(errno));
			return;
		}
		explicit_bzero(d->out.p, (size_t)n);
		buf_drop(&d->out, (size_t)n);
	}
	if (d->fd >= 0)
		loop_watch_want(d->watch, LOOP_READ);
}

static void
write_one(struct dovecot *d, struct sent *s)
{
	const struct backend_job *job = s->job;

	s->is_written = true;
	s->number = ++d->last;
	if (dovecot_ask(s->number, span_str(job->user),
	    span_str(job->password), job->client, &d->out) == ERR_OK)
		return;
	drop(d, "no memory");
}

static void
write_all(struct dovecot *d)
{
	for (size_t i = 0; d->is_greeted && i < COUNT(d->sent); i++)
		if (d->sent[i].job != NULL && !d->sent[i].is_written)
			write_one(d, &d->sent[i]);
	flush(d);
}

/* --- in ------------------------------------------------------------------- */

/* Nobody else than was asked for: Dovecot knows master users (AUTH-3). */
static bool
is_same_user(const struct backend_job *job, struct span user)
{
	return user.n == 0 || span_eq_nocase(user, span_str(job->user)) ||
	    span_eq_nocase(user, span_str(job->name));
}

static void
answered(struct dovecot *d, const struct dovecot_line *l)
{
	struct sent *s = d->sent;

	while (s < d->sent + COUNT(d->sent) && (s->job == NULL ||
	    !s->is_written || s->number != l->number))
		s++;
	/* One that was given up. */
	if (s == d->sent + COUNT(d->sent))
		return;
	if (l->word == DOVECOT_CONT || l->is_temporary)
		backend_trouble(s->job, "Dovecot cannot tell now");
	else
		s->job->result = l->word == DOVECOT_OK &&
		    is_same_user(s->job, l->text) ? BACKEND_OK : BACKEND_NO;
	end(s);
}

/* NULL, or why not to go on. */
static const char *
heard(struct dovecot *d, struct span line)
{
	struct dovecot_line l;

	if (dovecot_line_parse(line, &l) != ERR_OK)
		return "Dovecot says what is no line of its protocol";
	if (l.word == DOVECOT_VERSION && l.number != DOVECOT_MAJOR)
		return "Dovecot speaks another version";
	d->is_same |= l.word == DOVECOT_VERSION;
	d->has_plain |= l.word == DOVECOT_MECH &&
	    span_eq(l.text, SPAN("PLAIN"));
	if (l.word == DOVECOT_DONE) {
		if (!d->is_same || !d->has_plain)
			return "Dovecot has no PLAIN";
		d->is_greeted = true;
	}
	if (l.word >= DOVECOT_OK) {
		if (!d->is_greeted)
			return "Dovecot answers before it has greeted";
		answered(d, &l);
	}
	return NULL;
}

static void
take_lines(struct dovecot *d)
{
	const char *why = NULL;
	size_t n;

	while (why == NULL && (n = span_find(buf_span(&d->in), '\n')) <
	    d->in.n) {
		why = heard(d, span_of(d->in.p, n));
		buf_drop(&d->in, n + 1);
	}
	if (why == NULL && d->in.n == DOVECOT_LINE_MAX)
		why = "Dovecot's line is too long";
	if (why != NULL)
		drop(d, why);
	else
		write_all(d);
}

static void
read_some(struct dovecot *d)
{
	ssize_t n;

	if (buf_room(&d->in, DOVECOT_LINE_MAX - d->in.n) != ERR_OK) {
		drop(d, "no memory");
		return;
	}
	n = recv(d->fd, buf_end(&d->in), DOVECOT_LINE_MAX - d->in.n,
	    MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(d, n == 0 ? "Dovecot has closed the connection" :
		    strerror(errno));
		return;
	}
	d->nsilent = 0;
	buf_grew(&d->in, (size_t)n);
	take_lines(d);
}

static void
on_ready(void *ctx, unsigned int events)
{
	struct dovecot *d = ctx;

	if (events & LOOP_READ)
		read_some(d);
	if (d->fd >= 0 && (events & LOOP_WRITE))
		flush(d);
}

/* --- questions ------------------------------------------------------------ */

static bool
connect_to(struct dovecot *d)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct span path = span_str(d->b->config->file);

	ASSERT(path.n < sizeof to.sun_path);
	memcpy(to.sun_path, path.p, path.n);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 ||
	    connect(d->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
	    loop_watch_new(d->b->role->loop, d->fd, on_ready, d, &d->watch) !=
	    ERR_OK)
		return false;
	loop_watch_want(d->watch, LOOP_READ);
	return dovecot_hello((uint32_t)getpid(), &d->out) == ERR_OK;
}

static void
begin(struct backend *b, struct backend_job *job)
{
	struct dovecot *d = b->state;
	struct sent *s = d->sent;

	/* No more than this many are under way. */
	while (s->job != NULL)
		s++;
	*s = (struct sent){ .job = job };
	if (job->what != BACKEND_PASSWORD) {
		backend_trouble(job, "it knows passwords, no more");
		end(s);
		return;
	}
	if (d->fd < 0 && !connect_to(d))
		drop(d, strerror(errno));
	else
		write_all(d);
}

/*
 * What comes late is nobody's.  One that never greeted is left, and one that says
 * nothing any more: another connection may be heard.
 */
static void
expired(struct backend *b, struct backend_job *job)
{
	struct dovecot *d = b->state;

	for (size_t i = 0; i < COUNT(d->sent); i++)
		if (d->sent[i].job == job)
			d->sent[i].job = NULL;
	if (!d->is_greeted)
		drop(d, "Dovecot does not greet");
	else if (++d->nsilent == SILENT_MAX)
		drop(d, "Dovecot says nothing any more");
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_DOVECOT,
	.profile = SANDBOX_DOVECOT,
	.state_size = sizeof(struct dovecot),
	.start = start,
	.begin = begin,
	.expired = expired,
};
