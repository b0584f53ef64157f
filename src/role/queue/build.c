/*
 * build.c - make a batch into one sealed file.
 *
 * The description stands first and its size is known from the envelopes; the
 * contents follow, copied in the kernel from where the store says they lie.
 * A content that does not hold is left out: the store has put it aside.
 *
 * A large file costs a millisecond a mebibyte to hash and to copy.  It gets its
 * place in the file at once, and a thread fills that and seals: it touches
 * descriptors of its own and the memfd, nothing else.  A message that is removed
 * meanwhile is as one that a worker has already; one that does not hold ends the
 * job before anybody was given it, and the others go again.
 */
#include "role/queue/queue.h"

#include "os/file.h"

#include <stdlib.h>
#include <unistd.h>

/* Of one message: its added fields, and what is left around its cuts. */
#define PIECES_MAX	(SPOOL_CUTS_MAX + 2)
#define DESCRIPTION_MAX	(16u << 20)

/* One large file on its way; owned by the thread until it is done. */
struct build_large {
	struct store_content	 content;
	struct store_piece	*pieces;	/* of content.fd */
	size_t			 npieces;
	uint64_t		 at;		/* in the memfd */
	uint32_t		 message;
	enum err		 error;
};

static struct build_large *
larges_of(const struct job_build *b, size_t *n)
{
	*n = b->larges.n / sizeof(struct build_large);
	return (struct build_large *)(void *)b->larges.p;
}

static enum err
describe_all(const struct job *j, const struct job_build *b, struct buf *to)
{
	buf_cut(to, 0);
	for (uint32_t i = 0; i < j->nmessages; i++) {
		enum err e;

		if (j->messages[i].m == NULL)
			continue;
		e = queue_job_describe(j, &j->messages[i], b->places[i], to);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
copy_at(int fd, uint64_t at, const struct store_piece *p)
{
	if (lseek(fd, (off_t)at, SEEK_SET) != (off_t)at)
		return ERR_IO;
	return file_copy(fd, p->fd, p->at, p->n);
}

/* Lay message i's pieces out; those of fd `later` are copied later. */
static enum err
lay_out(struct job_build *b, uint32_t i, const struct store_piece *p, size_t n,
    int later)
{
	b->places[i][0] = b->end;
	b->places[i][1] = 0;
	for (size_t k = 0; k < n; k++) {
		if (p[k].fd != later) {
			enum err e = copy_at(b->fd, b->end, &p[k]);

			if (e != ERR_OK)
				return e;
		}
		b->end += p[k].n;
		b->places[i][1] += p[k].n;
	}
	return ERR_OK;
}

static enum err
copy_small(struct job_build *b, struct job_message *jm, uint32_t i)
{
	struct store_piece pieces[64];
	struct store_piece *p = pieces, *more = NULL;
	struct store *store = b->queue->store;
	size_t n;
	enum err e = store_claim(store, jm->m, p, COUNT(pieces), &n);

	if (e == ERR_FULL) {
		more = calloc(PIECES_MAX, sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		p = more;
		e = store_claim(store, jm->m, p, PIECES_MAX, &n);
	}
	if (e == ERR_OK)
		e = lay_out(b, i, p, n, -1);
	free(more);
	return e;
}

/* Leave only what is the thread's: the pieces of the large file itself. */
static void
keep_large(struct build_large *l, uint64_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < l->npieces; i++)
		if (l->pieces[i].fd == l->content.fd)
			l->pieces[n++] = l->pieces[i];
		else
			at += l->pieces[i].n;
	l->npieces = n;
	l->at = at;
}

/* ERR_NONE: it is not large. */
static enum err
begin_large(struct job_build *b, struct job_message *jm, uint32_t i)
{
	struct build_large l = { .message = i };
	enum err e;

	l.pieces = calloc(PIECES_MAX, sizeof(*l.pieces));
	if (l.pieces == NULL)
		return ERR_NOMEM;
	e = store_claim_large(b->queue->store, jm->m, l.pieces, PIECES_MAX,
	    &l.npieces, &l.content);
	if (e != ERR_OK) {
		free(l.pieces);
		return e;
	}
	e = lay_out(b, i, l.pieces, l.npieces, l.content.fd);
	keep_large(&l, b->places[i][0]);
	if (e == ERR_OK)
		e = buf_add(&b->larges, span_of(&l, sizeof l));
	if (e != ERR_OK) {
		store_content_close(&l.content);
		free(l.pieces);
	}
	return e;
}

static enum err
copy_all(struct job_build *b, struct job *j)
{
	for (uint32_t i = 0; i < j->nmessages; i++) {
		struct job_message *jm = &j->messages[i];
		enum err e;

		/* Lost while we copied another: queue_forget cleared it. */
		if (jm->m == NULL)
			continue;
		e = queue_mark(jm->m).size > SPOOL_INLINE_MAX
		    ? begin_large(b, jm, i) : ERR_NONE;
		if (e == ERR_NONE)
			e = copy_small(b, jm, i);
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
	}
	return ERR_OK;
}

static void
build_free(struct job_build *b)
{
	size_t n;
	struct build_large *l = larges_of(b, &n);

	for (size_t i = 0; i < n; i++) {
		store_content_close(&l[i].content);
		free(l[i].pieces);
	}
	buf_free(&b->larges);
	b->job->build = NULL;
	free(b);
}

/* --- the thread -------------------------------------------------------- */

static enum err
fill(int fd, const struct build_large *l)
{
	uint64_t at = l->at;
	enum err e = store_content_check(&l->content);

	for (size_t i = 0; e == ERR_OK && i < l->npieces; i++) {
		e = copy_at(fd, at, &l->pieces[i]);
		at += l->pieces[i].n;
	}
	return e;
}

static void
run(void *build)
{
	struct job_build *b = build;
	size_t n;
	struct build_large *l = larges_of(b, &n);

	for (size_t i = 0; i < n; i++)
		l[i].error = fill(b->fd, &l[i]);
	/* The system looks at each page for that. */
	b->error = file_seal(b->fd);
}

static void
done(void *build)
{
	queue_job_built(((struct job_build *)build)->job);
}

/* --- both ends --------------------------------------------------------- */

static struct job_build *
build_new(struct queue *q, struct job *j)
{
	struct job_build *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	if (file_memfd("job", &b->fd) != ERR_OK) {
		free(b);
		return NULL;
	}
	b->queue = q;
	b->job = j;
	b->larges = buf_make(DELIVER_MESSAGES_MAX *
	    sizeof(struct build_large));
	j->build = b;
	return b;
}

/* The size of the description: it is written when places are known. */
static enum err
leave_room(struct job_build *b, const struct job *j)
{
	struct buf text = buf_make(DESCRIPTION_MAX);
	enum err e = describe_all(j, b, &text);

	b->room = text.n;
	b->end = text.n;
	buf_free(&text);
	return e;
}

static enum err
write_description(struct job_build *b, const struct job *j)
{
	struct buf text = buf_make(DESCRIPTION_MAX);
	enum err e = describe_all(j, b, &text);

	if (e == ERR_OK && (text.n > b->room ||
	    pwrite(b->fd, text.p, text.n, 0) != (ssize_t)text.n))
		e = ERR_IO;
	b->description = (uint32_t)text.n;
	buf_free(&text);
	return e;
}

enum err
queue_build(struct queue *q, struct job *j, int *fd, uint32_t *description,
    bool *is_waiting)
{
	struct job_build *b = build_new(q, j);
	enum err e = b == NULL ? ERR_NOMEM : leave_room(b, j);

	*is_waiting = false;
	if (e == ERR_OK)
		e = copy_all(b, j);
	if (e == ERR_OK)
		e = write_description(b, j);
	if (e != ERR_OK) {
		if (b == NULL)
			return e;
		file_close(b->fd);
		build_free(b);
		return e;
	}
	if (b->larges.n > 0 &&
	    worker_give(q->copy_worker, run, done, b) == ERR_OK) {
		*is_waiting = true;
		return ERR_OK;
	}
	/* Small, or so many at work that this one is done here. */
	run(b);
	return queue_build_end(j, fd, description);
}

/* What was found out; a message that does not hold is lost. */
static enum err
judge(struct job_build *b, struct job *j)
{
	size_t n;
	struct build_large *l = larges_of(b, &n);
	enum err e = b->error;

	for (size_t i = 0; i < n; i++) {
		struct store_message *m = j->messages[l[i].message].m;

		if (l[i].error != ERR_OK)
			e = l[i].error;
		if (l[i].error == ERR_CORRUPT && m != NULL)
			store_content_lost(b->queue->store, m);
	}
	return e;
}

enum err
queue_build_end(struct job *j, int *fd, uint32_t *description)
{
	struct job_build *b = j->build;
	enum err e = judge(b, j);

	*fd = b->fd;
	*description = b->description;
	if (e != ERR_OK)
		file_close(*fd);
	build_free(b);
	return e;
}
