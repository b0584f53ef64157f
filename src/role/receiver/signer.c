/*
 * signer.c - ask keys for a signature, and wait without standing still.
 *
 * Wishes stand in the order in which they were asked, which is the order of their
 * deadlines and mostly that of the answers.  Keys is told of so many at a time as it
 * signs in a moment: the others wait here, where giving up costs nothing.  Without
 * an answer in time the handshake fails, and so it does at once when keys has gone:
 * nothing is ever shown that is not signed.
 */
#include "role/receiver/signer.h"

static void
timer_set(struct signer *s)
{
	uint64_t now = loop_now_ms(s->loop);

	if (s->first == NULL)
		loop_timer_stop(s->timer);
	else
		loop_timer_set(s->timer, s->first->until_ms > now ?
		    s->first->until_ms - now : 0);
}

static void
add(struct signer *s, struct tls_wish *w)
{
	w->until_ms = loop_now_ms(s->loop) + SIGNER_WITHIN_MS;
	w->next = NULL;
	*s->last = w;
	s->last = &w->next;
	if (s->first == w)
		timer_set(s);
}

/* Take out the one that *at names. */
static struct tls_wish *
take(struct signer *s, struct tls_wish **at)
{
	struct tls_wish *w = *at;

	*at = w->next;
	if (s->last == &w->next)
		s->last = at;
	if (at == &s->first)
		timer_set(s);
	return w;
}

/* False: keys is not there. */
static bool
tell(struct signer *s, struct tls_wish *w)
{
	const struct keys_sign m = { .tag = s->last_tag + 1,
	    .key = span_of(w->id, TLS_KEY_ID), .scheme = w->scheme,
	    .octets = w->octets };

	_Static_assert(TLS_KEY_ID == KEYS_ID, "the same hash");
	if (!s->say(s->ctx, &m))
		return false;
	w->tag = ++s->last_tag;
	s->nasked++;
	return true;
}

static bool
ask(void *ctx, struct tls_wish *w)
{
	struct signer *s = ctx;

	w->tag = 0;
	if (s->nasked < KEYS_ASKED_MAX && !tell(s, w))
		return false;
	add(s, w);
	return true;
}

static void
cancel(void *ctx, struct tls_wish *wish)
{
	struct signer *s = ctx;

	for (struct tls_wish **at = &s->first; *at != NULL; at = &(*at)->next)
		if (*at == wish) {
			(void)take(s, at);
			return;
		}
}

static void
refuse_first(struct signer *s)
{
	tls_wish_answer(take(s, &s->first), ERR_CLOSED, span_of(NULL, 0));
}

static void
on_late(void *ctx)
{
	struct signer *s = ctx;

	while (s->first != NULL && s->first->until_ms <= loop_now_ms(s->loop))
		refuse_first(s);
	timer_set(s);
}

/* There is room: the next that keys has not been told. */
static void
tell_next(struct signer *s)
{
	struct tls_wish **at = &s->first;

	while (*at != NULL && (*at)->tag != 0)
		at = &(*at)->next;
	if (*at != NULL && !tell(s, *at))
		tls_wish_answer(take(s, at), ERR_CLOSED, span_of(NULL, 0));
}

void
signer_begin(struct signer *s,
    bool (*say)(void *ctx, const struct keys_sign *m), void *ctx)
{
	*s = (struct signer){ .seam = { ask, cancel, s }, .say = say,
	    .ctx = ctx };
	s->last = &s->first;
}

enum err
signer_start(struct signer *s, struct loop *loop)
{
	s->loop = loop;
	return loop_timer_new(loop, on_late, s, &s->timer);
}

/* What was given up is answered all the same, and until then counts. */
bool
signer_answer(struct signer *s, const struct keys_signature *m)
{
	struct tls_wish **at = &s->first;

	if (m->tag == 0 || m->tag > s->last_tag || s->nasked == 0)
		return false;
	s->nasked--;
	while (*at != NULL && (*at)->tag != m->tag)
		at = &(*at)->next;
	/* ipc/keys.h bounds it. */
	if (*at != NULL)
		tls_wish_answer(take(s, at), m->result == KEYS_SIGNED ?
		    ERR_OK : ERR_DENIED, m->octets);
	tell_next(s);
	return true;
}

void
signer_keys_went(struct signer *s)
{
	s->nasked = 0;
	while (s->first != NULL)
		refuse_first(s);
}
