/*
 * signer.c - ask keys for a signature, and wait without standing still.
 *
 * Wishes stand in the order in which they were asked, which is the order of their
 * deadlines and mostly that of the answers.  Without an answer in time the
 * handshake fails, and so it does at once when keys has gone: nothing is ever shown
 * that is not signed.
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
	w->tag = ++s->last_tag;
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

static bool
ask(void *ctx, const uint8_t id[TLS_KEY_ID], uint16_t scheme,
    struct span octets, struct tls_wish *wish)
{
	struct signer *s = ctx;
	const struct keys_sign m = { .tag = s->last_tag + 1,
	    .key = span_of(id, TLS_KEY_ID), .scheme = scheme,
	    .octets = octets };

	_Static_assert(TLS_KEY_ID == KEYS_ID, "the same hash");
	if (!s->say(s->ctx, &m))
		return false;
	add(s, wish);
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
on_late(void *ctx)
{
	struct signer *s = ctx;

	while (s->first != NULL && s->first->until_ms <= loop_now_ms(s->loop))
		tls_wish_answer(take(s, &s->first), ERR_CLOSED,
		    span_of(NULL, 0));
	timer_set(s);
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

bool
signer_answer(struct signer *s, const struct keys_signature *m)
{
	struct tls_wish **at = &s->first;

	if (m->tag == 0 || m->tag > s->last_tag)
		return false;
	while (*at != NULL && (*at)->tag != m->tag)
		at = &(*at)->next;
	/* ipc/keys.h bounds it.  NULL: who asked has given up. */
	if (*at != NULL)
		tls_wish_answer(take(s, at), m->result == KEYS_SIGNED ?
		    ERR_OK : ERR_DENIED, m->octets);
	return true;
}

void
signer_keys_went(struct signer *s)
{
	while (s->first != NULL)
		tls_wish_answer(take(s, &s->first), ERR_CLOSED,
		    span_of(NULL, 0));
}
