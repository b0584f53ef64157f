/*
 * shake.c - handshakes that are not finished: how many, and for how long.
 *
 * Section 19 bounds them over all receivers; connections spread over these
 * evenly, so each has its part.  Where all places are taken by clients that say
 * nothing, a new client gets the place of the one that has had the longest time
 * (TLS-12): honest ones need less than a second.
 */
#include "role/receiver/receiver.h"

#define HANDSHAKE_MS	30000u		/* section 19 */
#define HONEST_MS	1000u		/* so long nobody loses its place */

void
shake_end(struct session *s)
{
	s->receiver->nshaking -= s->is_shaking;
	s->is_shaking = false;
}

void
shake_start(struct session *s)
{
	if (stream_tls_start(s->stream, s->listen->tls, NULL) != ERR_OK) {
		session_over(s);
		return;
	}
	s->is_shaking = true;
	s->shake_ms = loop_now_ms(s->receiver->role->loop);
	s->receiver->nshaking++;
	stream_deadline(s->stream, HANDSHAKE_MS);
}

static struct session *
oldest(const struct receiver *rc)
{
	struct session *found = NULL;

	for (uint32_t i = 0; i < rc->nslots; i++) {
		struct session *s = rc->slots[i];

		/* Who waits for keys waits for us. */
		if (s != NULL && s->is_shaking &&
		    !stream_is_asking(s->stream) &&
		    (found == NULL || s->shake_ms < found->shake_ms))
			found = s;
	}
	return found;
}

bool
shake_may(struct session *s)
{
	struct receiver *rc = s->receiver;
	const struct config *c = rc->role->config;
	uint64_t part = MAX(c->limits.handshakes / c->receivers, 1u);
	struct session *old;

	if (rc->nshaking < part)
		return true;
	old = oldest(rc);
	if (old == NULL || loop_now_ms(rc->role->loop) <
	    old->shake_ms + HONEST_MS)
		return false;
	old->why = "limit";
	session_over(old);
	return true;
}
