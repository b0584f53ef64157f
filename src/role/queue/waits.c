/*
 * waits.c - how much of each user's mail waits for its release (RFC 4865 section 6).
 *
 * A message counts from its arrival, or the start, to the first attempt behind
 * its time, or its removal; a bit of its mark says that it does.  Whose it is
 * stands in its envelope: nothing is kept but a sum for each user who has some.
 * What turns out to be lost counts until the next start.
 */
#include "role/queue/queue.h"

#include "os/clock.h"

#include <stdlib.h>

struct waits {
	struct map_node	node;
	uint64_t	messages, octets;
	size_t		n;
	uint8_t		user[];
};

/* Who handed it in: a user, or a uid of this host. */
static struct span
user_of(const struct envelope *e)
{
	return e->originator.n > 0 ? e->originator : e->client;
}

static struct waits *
find(const struct queue *q, struct span user)
{
	struct map_node *n = map_find(&q->waits, user);

	return n == NULL ? NULL : MAP_OWNER(n, struct waits, node);
}

static struct waits *
find_or_make(struct queue *q, struct span user)
{
	struct waits *w = find(q, user);

	if (w != NULL)
		return w;
	w = malloc(sizeof *w + user.n);
	if (w == NULL)
		return NULL;
	*w = (struct waits){ .n = user.n };
	memcpy(w->user, user.p, user.n);
	if (map_add(&q->waits, span_of(w->user, w->n), &w->node) == ERR_OK)
		return w;
	free(w);
	return NULL;
}

/* An empty message costs something, too. */
static uint64_t
cost(uint64_t octets)
{
	return MAX(octets, (uint64_t)QUEUE_WAITS_LEAST);
}

static void
set_waiting(struct store_message *m, bool is_waiting)
{
	struct queue_mark mark = queue_mark(m);

	mark.is_waiting = is_waiting;
	queue_set_mark(m, &mark);
}

void
queue_waits_begin(struct queue *q, struct store_message *m,
    const struct envelope *e)
{
	struct waits *w;

	if (e->hold_ms <= clock_wall_ms() || user_of(e).n == 0)
		return;
	/* Without memory for it: it waits as well, and counts for nobody. */
	w = find_or_make(q, user_of(e));
	if (w == NULL)
		return;
	w->messages++;
	w->octets += cost(queue_mark(m).size);
	set_waiting(m, true);
}

void
queue_waits_end(struct queue *q, struct store_message *m,
    const struct envelope *e)
{
	struct waits *w;

	if (!queue_mark(m).is_waiting)
		return;
	set_waiting(m, false);
	w = find(q, user_of(e));
	if (w == NULL)
		return;
	w->octets -= MIN(w->octets, cost(queue_mark(m).size));
	if (--w->messages > 0)
		return;
	map_remove(&q->waits, &w->node);
	free(w);
}

bool
queue_is_unborn(struct queue *q, struct store_message *m)
{
	struct envelope e;

	/* The mark stays until the first attempt, which may be long behind. */
	if (!queue_mark(m).is_waiting)
		return false;
	buf_cut(&q->scratch, 0);
	return store_envelope(q->store, m, &q->scratch, &e) != ERR_OK ||
	    e.hold_ms > clock_wall_ms();
}

static bool
has_room(const struct queue *q, struct span user, uint64_t octets)
{
	uint64_t most = q->config->limits.user_held_size;
	const struct waits *w = find(q, user);
	uint64_t used = w == NULL ? 0 : w->octets;

	return most == 0 || (used <= most && cost(octets) <= most - used);
}

bool
queue_release_asked(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct queue *q = r->self;
	const struct intake_release *m = msg;
	const struct intake_release_answer answer = {
		.tag = m->tag,
		.is_allowed = has_room(q, m->user, m->octets),
	};

	return m->user.n > 0 && role_send(r, from,
	    &ipc_intake_release_answer, &answer, NULL) == ERR_OK;
}
