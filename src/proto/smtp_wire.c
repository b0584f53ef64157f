/*
 * smtp_wire.c - three machines: lines of commands, lines of content, chunks.
 *
 * Content is looked at line by line with memchr, and shown in pieces as long as
 * nothing has to be left out of them: a whole read, most of the time.  A CR at
 * the end of a piece, and a dot at the start of a line, are held in the state
 * until the next octet says what they were.
 */
#include "proto/smtp_wire.h"

enum {
	COMMAND,
	BODY_LINE,	/* at the start of a line */
	BODY_TEXT,	/* inside of a line */
	BODY_CR,	/* behind a CR inside of a line; not shown yet */
	BODY_DOT,	/* behind a dot that begins a line; not shown */
	BODY_DOT_CR,	/* behind CRLF . CR */
	CHUNK		/* octets of a chunk are to come */
};

struct smtp_wire
smtp_wire_make(void)
{
	return (struct smtp_wire){
		.line = buf_make(SMTP_AUTH_LINE_MAX),
		.limit = SMTP_LINE_MAX,
		.state = COMMAND,
	};
}

void
smtp_wire_free(struct smtp_wire *w)
{
	buf_wipe(&w->line);
	buf_free(&w->line);
	w->is_line_shown = false;
}

void
smtp_wire_expect_body(struct smtp_wire *w)
{
	w->state = BODY_LINE;
	w->is_dropping = false;
	w->doubt = 0;
}

void
smtp_wire_line_limit(struct smtp_wire *w, size_t limit)
{
	ASSERT(limit <= SMTP_AUTH_LINE_MAX);
	w->limit = limit;
}

static struct smtp_wire_event
event(enum smtp_wire_kind kind, struct span text)
{
	return (struct smtp_wire_event){ kind, text };
}

/* Octets up to and with the next CRLF; 0: it is not there.  was_cr: before. */
static size_t
find_line(struct span in, bool was_cr)
{
	size_t from = 0;

	while (from < in.n) {
		const uint8_t *lf = memchr(in.p + from, '\n', in.n - from);
		size_t at;

		if (lf == NULL)
			return 0;
		at = (size_t)(lf - in.p);
		if (at == 0 ? was_cr : in.p[at - 1] == '\r')
			return at + 1;
		from = at + 1;
	}
	return 0;
}

/* A line beyond its limit: gone up to its CRLF, or the client floods us. */
static struct smtp_wire_event
drop_line(struct smtp_wire *w, struct span *in)
{
	size_t n = find_line(*in, w->is_cr), left = 2 * w->limit - w->dropped;
	bool is_whole = n > 0;
	struct span gone = span_take(in, is_whole ? n : in->n);

	if (gone.n > left)
		return event(SMTP_WIRE_FLOOD, span_of(NULL, 0));
	w->dropped += gone.n;
	if (gone.n > 0)
		w->is_cr = gone.p[gone.n - 1] == '\r';
	if (!is_whole)
		return event(SMTP_WIRE_MORE, span_of(NULL, 0));
	w->dropped = 0;
	w->is_cr = false;
	return event(SMTP_WIRE_TOOLONG, span_of(NULL, 0));
}

static struct smtp_wire_event
drop_begin(struct smtp_wire *w, struct span *in)
{
	w->dropped = w->line.n + 1;
	w->is_cr = w->line.n > 0 && w->line.p[w->line.n - 1] == '\r';
	smtp_wire_free(w);
	return drop_line(w, in);
}

static struct smtp_wire_event
next_line(struct smtp_wire *w, struct span *in)
{
	bool was_cr = w->line.n > 0 && w->line.p[w->line.n - 1] == '\r';
	size_t n, kept = w->line.n;

	if (w->dropped > 0)
		return drop_line(w, in);
	if (in->n == 0)
		return event(SMTP_WIRE_MORE, *in);
	n = find_line(*in, was_cr);
	if (kept + (n > 0 ? n : in->n) > w->limit)
		return drop_begin(w, in);
	if (n > 0 && kept == 0)
		return event(SMTP_WIRE_LINE, span_of(span_take(in, n).p, n - 2));
	if (buf_add(&w->line, span_take(in, n > 0 ? n : in->n)) != ERR_OK)
		return event(SMTP_WIRE_NOMEM, span_of(NULL, 0));
	if (n == 0)
		return event(SMTP_WIRE_MORE, *in);
	w->is_line_shown = true;
	return event(SMTP_WIRE_LINE, span_of(w->line.p, w->line.n - 2));
}

/*
 * How far lines go on without anything to leave out or to refuse.  clean:
 * octets up to the first NUL.  The state at the end is stored.
 */
static size_t
body_run(struct smtp_wire *w, struct span in)
{
	size_t at = 0;

	while (at < in.n) {
		const uint8_t *from = in.p + at, *lf, *cr;
		size_t left = in.n - at;

		if (w->state == BODY_LINE && *from == '.')
			return at;
		lf = memchr(from, '\n', left);
		cr = memchr(from, '\r', lf == NULL ? left : (size_t)(lf - from));
		w->state = BODY_TEXT;
		if (lf == NULL && cr == NULL)
			return in.n;
		if (cr == NULL)			/* a bare LF */
			return (size_t)(lf - in.p);
		if (lf != cr + 1)		/* the last octet, or bare */
			return (size_t)(cr - in.p);
		w->state = BODY_LINE;
		at = (size_t)(lf - in.p) + 1;
	}
	return at;
}

/*
 * Is "x CR CRLF . CRLF" an end?  It holds CRLF . CRLF, so it is one; but who
 * takes CR CR LF for something else than a line's end has stuffed no dot here.
 */
enum doubt {
	DOUBT_NONE,
	DOUBT_NEXT,		/* the octet before was bare */
	DOUBT_LINE		/* it was, and a CRLF followed */
};

static void
doubt_line_end(struct smtp_wire *w)
{
	w->doubt = w->doubt == DOUBT_NEXT ? DOUBT_LINE : DOUBT_NONE;
}

static void
doubt_run(struct smtp_wire *w, struct span run)
{
	if (run.p[0] == '\r' && run.n == 2)
		doubt_line_end(w);
	else
		w->doubt = DOUBT_NONE;
}

/* What one octet does where the run has stopped. */
static struct smtp_wire_event
body_octet(struct smtp_wire *w, uint8_t c)
{
	struct span none = span_of(NULL, 0);

	if (w->state == BODY_LINE && c == '.') {
		w->state = BODY_DOT;
		return event(SMTP_WIRE_MORE, none);
	}
	if (c == '\n' && w->state == BODY_DOT_CR) {
		w->state = COMMAND;
		w->is_dropping = false;
		return event(w->doubt == DOUBT_LINE ? SMTP_WIRE_DOUBT :
		    SMTP_WIRE_END, none);
	}
	if (c == '\n' && w->state == BODY_CR) {
		w->state = BODY_LINE;
		doubt_line_end(w);
		return event(SMTP_WIRE_BODY, SPAN("\r\n"));
	}
	if (c == '\r' && w->state != BODY_CR && w->state != BODY_DOT_CR) {
		w->state = w->state == BODY_DOT ? BODY_DOT_CR : BODY_CR;
		return event(SMTP_WIRE_MORE, none);
	}
	/* A CR that nothing followed, an LF that nothing led, or a NUL. */
	w->state = c == '\r' ? BODY_CR : BODY_TEXT;
	w->doubt = c == '\r' || c == '\n' || c == 0 ? DOUBT_NEXT : DOUBT_NONE;
	return event(SMTP_WIRE_BARE, none);
}

/* May this octet begin a run in this state? */
static bool
is_run(const struct smtp_wire *w, uint8_t c)
{
	if (w->state == BODY_CR || w->state == BODY_DOT_CR)
		return false;
	if (w->state == BODY_LINE && c == '.')
		return false;
	return c != '\r' && c != '\n' && c != 0;
}

static struct smtp_wire_event
next_body(struct smtp_wire *w, struct span *in)
{
	const uint8_t *nul = in->n == 0 ? NULL : memchr(in->p, 0, in->n);
	size_t clean = nul == NULL ? in->n : (size_t)(nul - in->p);

	while (in->n > 0) {
		struct smtp_wire_event ev;

		if (clean > 0 && (is_run(w, in->p[0]) ||
		    (w->state != BODY_CR && w->state != BODY_DOT_CR &&
			w->state != BODY_DOT && clean > 1 &&
			in->p[0] == '\r' && in->p[1] == '\n'))) {
			struct span run = span_take(in,
			    body_run(w, span_of(in->p, clean)));

			clean -= run.n;
			if (run.n > 0)
				doubt_run(w, run);
			if (run.n > 0 && !w->is_dropping)
				return event(SMTP_WIRE_BODY, run);
			if (run.n > 0)
				continue;
		}
		if (in->n > 0 && clean > 0)
			clean--;
		ev = body_octet(w, span_take(in, 1).p[0]);
		if (w->state == COMMAND)
			return ev;
		if (ev.kind == SMTP_WIRE_MORE || w->is_dropping)
			continue;
		w->is_dropping = ev.kind == SMTP_WIRE_BARE;
		return ev;
	}
	return event(SMTP_WIRE_MORE, span_of(NULL, 0));
}

void
smtp_wire_expect_chunk(struct smtp_wire *w, uint64_t n, unsigned int how)
{
	w->state = CHUNK;
	w->chunk = n;
	w->chunk_how = (uint8_t)how;
	if (how & SMTP_CHUNK_FIRST)
		w->is_dropping = w->is_chunk_cr = false;
}

/* How many octets at the front are whole lines and text without a bare one. */
static size_t
clean_run(struct span in)
{
	const uint8_t *nul = memchr(in.p, 0, in.n);
	size_t at = 0, end = nul == NULL ? in.n : (size_t)(nul - in.p);

	while (at < end) {
		const uint8_t *from = in.p + at;
		const uint8_t *lf = memchr(from, '\n', end - at), *cr;

		cr = memchr(from, '\r',
		    lf == NULL ? end - at : (size_t)(lf - from));
		if (lf == NULL && cr == NULL)
			return end;
		if (cr == NULL || cr + 1 != lf)
			return (size_t)((cr == NULL ? lf : cr) - in.p);
		at = (size_t)(lf - in.p) + 1;
	}
	return end;
}

/* The octet behind a held CR, or the first one that is not clean. */
static struct smtp_wire_event
chunk_octet(struct smtp_wire *w, struct span *in)
{
	bool was_cr = w->is_chunk_cr;
	uint8_t c;

	w->is_chunk_cr = false;
	if (was_cr && in->p[0] != '\n')
		return event(SMTP_WIRE_BARE, span_of(NULL, 0));
	c = span_take(in, 1).p[0];
	if (was_cr)
		return event(SMTP_WIRE_BODY, SPAN("\r\n"));
	w->is_chunk_cr = c == '\r';
	return event(c == '\r' ? SMTP_WIRE_MORE : SMTP_WIRE_BARE,
	    span_of(NULL, 0));
}

/* The next event of octets of the chunk, which are not empty. */
static struct smtp_wire_event
chunk_octets(struct smtp_wire *w, struct span *in)
{
	size_t run = 0;

	if (w->is_dropping || (w->chunk_how & SMTP_CHUNK_BINARY) != 0)
		run = in->n;
	else if (!w->is_chunk_cr)
		run = clean_run(*in);
	if (run == 0)
		return chunk_octet(w, in);
	return event(w->is_dropping ? SMTP_WIRE_MORE : SMTP_WIRE_BODY,
	    span_take(in, run));
}

static struct smtp_wire_event
chunk_end(struct smtp_wire *w)
{
	bool is_bare = w->is_chunk_cr && (w->chunk_how & SMTP_CHUNK_LAST) != 0;

	if (is_bare) {
		w->is_chunk_cr = false;
		w->is_dropping = true;
		return event(SMTP_WIRE_BARE, span_of(NULL, 0));
	}
	w->state = COMMAND;
	return event(SMTP_WIRE_CHUNK, span_of(NULL, 0));
}

static struct smtp_wire_event
next_chunk(struct smtp_wire *w, struct span *in)
{
	while (w->chunk > 0 && in->n > 0) {
		struct span piece =
		    span_of(in->p, (size_t)MIN(w->chunk, (uint64_t)in->n));
		struct span rest = piece;
		struct smtp_wire_event ev = chunk_octets(w, &rest);

		w->chunk -= piece.n - rest.n;
		(void)span_take(in, piece.n - rest.n);
		w->is_dropping = w->is_dropping || ev.kind == SMTP_WIRE_BARE;
		if (ev.kind != SMTP_WIRE_MORE)
			return ev;
	}
	return w->chunk > 0 ? event(SMTP_WIRE_MORE, span_of(NULL, 0)) :
	    chunk_end(w);
}

struct smtp_wire_event
smtp_wire_next(struct smtp_wire *w, struct span *in)
{
	if (w->is_line_shown)
		smtp_wire_free(w);
	if (w->state == CHUNK)
		return next_chunk(w, in);
	return w->state == COMMAND ? next_line(w, in) : next_body(w, in);
}
