/*
 * run.c - play a scenario as it is written, then in every other cut.
 */
#include "scenario.h"

#include <stdlib.h>

#include <stdlib.h>

/* How the client's octets are handed over. */
enum pieces {
	AS_WRITTEN,	/* a write for what it says between two replies */
	CUT_ONCE,	/* the same, one of them in two */
	EACH_OCTET,
	AT_ONCE		/* all that RFC 2920 3.1 lets it say without waiting */
};
struct run {
	const struct scenario	*sc;
	struct play		 play;
	enum pieces		 pieces;
	size_t			 cut;	/* octets before it */
	size_t			 said;	/* octets of the client so far */
	struct buf		 group;	/* AT_ONCE: not said yet */
	/* AS_WRITTEN: what of it was looked at. */
	struct buf		*why;
	unsigned int		 line;
	size_t			 seen, nmessage, content_at;
	bool			 is_end_told;
	/* AS_WRITTEN finds them: behind this step a client has to wait. */
	bool			 is_barrier[SCENARIO_STEPS_MAX];
};

bool
scenario_match(struct span text, struct span pattern)
{
	size_t t = 0, p = 0, star = SIZE_MAX, from = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool
wrong(struct run *r, const char *what, struct span wanted, struct span got)
{
	ASSERT(buf_addf(r->why, "line %u: %s: \"%.*s\", not \"%.*s\"",
	    r->line, what, SPAN_FMT(got), SPAN_FMT(wanted)) == ERR_OK);
	return false;
}

/* Replies */

static struct span
unseen(const struct run *r)
{
	return span_skip(buf_span(&r->play.out), r->seen);
}

/* The next line of *rest without its CRLF; an empty span at the end. */
static struct span
take_line(struct span *rest)
{
	struct span line = span_take(rest, span_find_span(*rest,
	    SPAN("\r\n")));

	(void)span_take(rest, 2);
	return line;
}

static bool
is_last(struct span line)
{
	return line.n < 4 || line.p[3] == ' ';
}

/* "250 ...": a whole reply, each line of it with the code. */
static bool
see_reply(struct run *r, struct span code)
{
	struct span rest = unseen(r), line;

	do {
		line = take_line(&rest);
		if (line.n < 4 || !span_starts(line, code))
			return wrong(r, "the server said", code, line);
	} while (!is_last(line));
	r->seen = r->play.out.n - rest.n;
	return true;
}

static bool
see_line(struct run *r, struct span pattern)
{
	struct span rest = unseen(r), line = take_line(&rest);

	if (line.n == 0 || !scenario_match(line, pattern))
		return wrong(r, "the server said", pattern, line);
	r->seen = r->play.out.n - rest.n;
	return true;
}

static bool
see_server(struct run *r, const struct scenario_step *st)
{
	const struct span whole = SPAN(" ...");
	bool is_whole = st->text.n == 3 + whole.n &&
	    span_eq(span_skip(st->text, 3), whole);
	bool is_good = true;

	for (uint64_t i = 0; i < st->n && is_good; i++)
		is_good = is_whole ? see_reply(r, span_of(st->text.p, 3)) :
		    see_line(r, st->text);
	return is_good;
}

/* Has a line of the next reply such a text behind its code? */
static bool
see_inside(struct run *r, const struct scenario_step *st)
{
	struct span rest = unseen(r), line;
	bool is_there = false;

	do {
		line = take_line(&rest);
		is_there |= scenario_match(span_skip(line, 4), st->text);
	} while (!is_last(line));
	return is_there == (st->kind == STEP_HAS) ||
	    wrong(r, "the reply has", st->kind == STEP_HAS ? st->text :
		SPAN("it"), is_there ? st->text : SPAN("no such line"));
}

/* Messages */

static bool
see_message(struct run *r, const struct scenario_step *st)
{
	struct span paths;

	r->content_at = 0;
	if (r->nmessage == r->play.nmessages)
		return wrong(r, "stored", st->text, SPAN("nothing"));
	paths = buf_span(&r->play.messages[r->nmessage++].paths);
	return scenario_match(paths, st->text) ||
	    wrong(r, "stored", st->text, paths);
}

static const struct play_message *
last_seen(const struct run *r)
{
	return r->nmessage == 0 ? NULL : &r->play.messages[r->nmessage - 1];
}

static bool
see_fact(struct run *r, const struct scenario_step *st)
{
	const struct play_message *m = last_seen(r);
	struct span rest = m == NULL ? SPAN("") : buf_span(&m->facts);
	bool is_there = false;

	while (rest.n > 0) {
		struct span one = span_take(&rest, span_find(rest, '\n'));

		(void)span_take(&rest, 1);
		is_there |= scenario_match(one, st->text);
	}
	if (m == NULL || is_there != (st->kind == STEP_FACT))
		return wrong(r, "the envelope", st->text, m == NULL ? SPAN("") :
		    buf_span(&m->facts));
	return true;
}

/* A piece of the content; the last one has to end it. */
static bool
see_content(struct run *r, const struct scenario_step *st, bool is_end)
{
	const struct play_message *m = last_seen(r);
	struct span rest = m == NULL ? SPAN("") :
	    span_skip(buf_span(&m->content), r->content_at);

	r->content_at += st->text.n;
	return (m != NULL && span_starts(rest, st->text) &&
	    (!is_end || rest.n == st->text.n)) ||
	    wrong(r, "content goes on", st->text, rest);
}

/* Events of one step, behind which nothing may be left unseen. */

static bool
is_all_seen(struct run *r)
{
	return r->seen == r->play.out.n ||
	    wrong(r, "the server said", SPAN("nothing"), unseen(r));
}

/* Who talks first did so before we said anything. */
static bool
may_talk(struct run *r, size_t i)
{
	const struct play *p = &r->play;

	if (i == 0)
		return true;
	if (!is_all_seen(r))
		return false;
	if (p->is_tls_awaited)
		return wrong(r, "awaited is", SPAN("a line"), SPAN("TLS"));
	if (p->is_closed && !r->is_end_told)
		return wrong(r, "the server is", SPAN("open"), SPAN("closed"));
	return true;
}

static bool
see_closed(struct run *r)
{
	r->is_end_told = true;
	return is_all_seen(r) && (r->play.is_closed ||
	    wrong(r, "the server is", SPAN("closed"), SPAN("open")));
}

static bool
is_talk(const struct run *r, size_t i)
{
	return i < r->sc->nsteps && r->sc->steps[i].kind == STEP_CLIENT;
}

static bool
check_step(struct run *r, size_t i)
{
	const struct scenario_step *st = &r->sc->steps[i];
	bool is_more = i + 1 < r->sc->nsteps &&
	    r->sc->steps[i + 1].kind == STEP_CONTENT;

	r->line = st->line;
	switch (st->kind) {
	case STEP_SERVER:
		return see_server(r, st);
	case STEP_HAS:
	case STEP_HAS_NOT:
		return see_inside(r, st);
	case STEP_CLOSED:
		return see_closed(r);
	case STEP_MESSAGE:
		return see_message(r, st);
	case STEP_FACT:
	case STEP_FACT_NOT:
		return see_fact(r, st);
	case STEP_CONTENT:
		return see_content(r, st, !is_more);
	case STEP_TLS:
		return is_all_seen(r) && (r->play.is_tls_awaited ||
		    wrong(r, "awaited is", SPAN("TLS"), SPAN("a line")));
	case STEP_DROP:
	case STEP_TIME:
	case STEP_STOP:
		return is_all_seen(r);
	default:
		return true;
	}
}

/* Playing */

/* RFC 2920 3.1, 3207 4, 4954 4: behind these a client waits. */
static bool
ends_group(struct span said)
{
	static const char *const verbs[] = { "EHLO", "HELO", "LHLO", "DATA",
		"STARTTLS", "AUTH", "QUIT", "XCLIENT" };
	struct span line = said.n < 2 ? said : span_of(said.p, said.n - 2);
	size_t lf = span_rfind(line, '\n');

	if (lf < line.n)
		line = span_skip(line, lf + 1);
	line = span_take(&line, span_find(line, ' '));
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (span_eq_nocase(line, span_str(verbs[i])))
			return true;
	return false;
}

static void
say_cut(struct run *r, struct span octets)
{
	size_t at = r->cut > r->said ? r->cut - r->said : 0;

	if (r->pieces == CUT_ONCE && at > 0 && at < octets.n)
		play_say(&r->play, span_take(&octets, at));
	while (r->pieces == EACH_OCTET && octets.n > 1)
		play_say(&r->play, span_take(&octets, 1));
	play_say(&r->play, octets);
}

/* The steps from i on that are one write; returns the last of them. */
static size_t
say_turn(struct run *r, size_t i)
{
	struct play *p = &r->play;
	bool was_auth = p->s.phase == PH_AUTH;
	struct span octets = r->sc->steps[i].text;

	/* They lie side by side, for they were read one behind another. */
	for (; is_talk(r, i + 1); i++)
		octets.n += r->sc->steps[i + 1].text.n;
	if (r->pieces == AT_ONCE) {
		ASSERT(buf_add(&r->group, octets) == ERR_OK);
	} else {
		say_cut(r, octets);
		r->said += octets.n;
	}
	r->is_barrier[i] |= r->pieces == AS_WRITTEN && (was_auth ||
	    p->s.phase == PH_AUTH || ends_group(octets));
	return i;
}

static void
flush(struct run *r)
{
	if (r->group.n > 0)
		play_say(&r->play, buf_span(&r->group));
	buf_cut(&r->group, 0);
}

static void
do_event(struct run *r, const struct scenario_step *st)
{
	struct play *p = &r->play;

	switch (st->kind) {
	case STEP_TIME:
		play_time(p, st->n);
		break;
	case STEP_TLS:
		play_tls(p);
		break;
	case STEP_STOP:
		play_stop(p);
		break;
	case STEP_DROP:
		p->is_closed = r->is_end_told = true;
		break;
	case STEP_FAILS:
		p->fails |= 1u << st->n;
		break;
	default:
		break;
	}
}

static bool
is_event(enum scenario_kind kind)
{
	return kind == STEP_TIME || kind == STEP_TLS || kind == STEP_STOP ||
	    kind == STEP_DROP || kind == STEP_FAILS;
}

static bool
play_steps(struct run *r)
{
	bool is_checked = r->pieces == AS_WRITTEN;

	play_begin(&r->play, r->sc, is_talk(r, 0));
	for (size_t i = 0; i < r->sc->nsteps; i++) {
		const struct scenario_step *st = &r->sc->steps[i];

		r->line = st->line;
		if (is_checked && (st->kind == STEP_CLIENT ? !may_talk(r, i) :
		    !check_step(r, i)))
			return false;
		if (is_event(st->kind))
			flush(r);
		if (st->kind == STEP_CLIENT)
			i = say_turn(r, i);
		else
			do_event(r, st);
		if (r->is_barrier[i])
			flush(r);
	}
	flush(r);
	return true;
}

/* What has to hold at the end of a file. */
static bool
check_end(struct run *r)
{
	const struct play *p = &r->play;

	if (!is_all_seen(r))
		return false;
	if (p->is_closed != r->is_end_told)
		return wrong(r, "at the end the server is", SPAN("closed"),
		    p->is_closed ? SPAN("closed, untold") : SPAN("open"));
	if (r->nmessage != p->nmessages)
		return wrong(r, "stored besides", SPAN("nothing"),
		    buf_span(&p->messages[r->nmessage].paths));
	if (!p->is_closed && p->pending.n > 0)
		return wrong(r, "left over", SPAN("nothing"),
		    buf_span(&p->pending));
	return true;
}

/* Cuts */

static bool
is_same_message(const struct play_message *a, const struct play_message *b)
{
	return span_eq(buf_span(&a->paths), buf_span(&b->paths)) &&
	    span_eq(buf_span(&a->facts), buf_span(&b->facts)) &&
	    span_eq(buf_span(&a->content), buf_span(&b->content));
}

static bool
is_same(struct run *r, const struct play *a, const struct play *b)
{
	bool is_stored_same = a->nmessages == b->nmessages;

	for (size_t i = 0; is_stored_same && i < a->nmessages; i++)
		is_stored_same = is_same_message(&a->messages[i],
		    &b->messages[i]);
	if (!span_eq(buf_span(&a->out), buf_span(&b->out)))
		return wrong(r, "the transcript is", buf_span(&a->out),
		    buf_span(&b->out));
	return (is_stored_same && a->is_closed == b->is_closed) ||
	    wrong(r, "cut otherwise", SPAN("the same is stored"),
		SPAN("something else"));
}

/* Too large for a stack, with the session in it. */
static struct run *
run_make(const struct scenario *sc, enum pieces pieces, size_t cut,
    struct buf *why)
{
	struct run *r = calloc(1, sizeof *r);

	ASSERT(r != NULL);
	r->sc = sc;
	r->pieces = pieces;
	r->cut = cut;
	r->why = why;
	r->group = buf_make(SCENARIO_TEXT_MAX);
	return r;
}

static void
run_free(struct run *r)
{
	play_free(&r->play);
	buf_free(&r->group);
	free(r);
}

static bool
play_cut(struct run *first, enum pieces pieces, size_t cut)
{
	struct run *r = run_make(first->sc, pieces, cut, first->why);
	bool is_good;

	memcpy(r->is_barrier, first->is_barrier, sizeof r->is_barrier);
	(void)play_steps(r);
	is_good = is_same(r, &first->play, &r->play);
	if (!is_good)
		ASSERT(buf_addf(first->why, ": %s %zu", pieces == AT_ONCE ?
		    "in one write" : pieces == EACH_OCTET ? "octet by octet" :
		    "cut at octet", cut) == ERR_OK);
	run_free(r);
	return is_good;
}

bool
scenario_run(const struct scenario *sc, struct buf *why)
{
	struct run *r = run_make(sc, AS_WRITTEN, 0, why);
	bool is_good = play_steps(r) && check_end(r);

	for (size_t cut = 1; is_good && !sc->is_whole_only &&
	    cut < sc->nclient; cut++)
		is_good = play_cut(r, CUT_ONCE, cut);
	if (is_good && !sc->is_whole_only)
		is_good = play_cut(r, EACH_OCTET, 0);
	if (is_good)
		is_good = play_cut(r, AT_ONCE, 0);
	run_free(r);
	return is_good;
}
