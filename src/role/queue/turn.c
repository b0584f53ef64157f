/*
 * turn.c - ETRN (RFC 1985): what waits for a domain is tried now.
 *
 * A listed peer asks for it through a receiver.  The items are looked over in
 * slices, one domain at a time; a domain that is asked for while it waits for
 * its turn is asked for once, and beyond QUEUE_TURNS_MAX nobody is: all are
 * tried again anyway when their time comes.
 */
#include "role/queue/queue.h"

#define STEPS_A_TURN	4000u

/* Row + 1 of the relay that all mail for this domain is given to, or 0. */
static uint32_t
relay_of(const struct queue *q, struct span node)
{
	char name[256];
	const struct config_relay *relay;

	for (size_t i = 0; i < node.n; i++)
		name[i] = (char)ascii_lower(node.p[i]);
	relay = config_relay_for(q->config, span_of(name, node.n));
	return relay == NULL ? 0 : (uint32_t)(relay - q->config->relays) + 1;
}

/* "mexample.org" for example.org, and "msub.example.org" for @example.org. */
static bool
is_of(const struct queue_turn *t, struct span destination)
{
	struct span node = span_of(t->node, t->n), name;
	bool is_below = node.p[0] == '@';

	if (t->relay > 0)
		return queue_relay_of(destination) == t->relay;
	if (destination.n == 0 || destination.p[0] != 'm')
		return false;
	name = span_skip(queue_destination_way(destination), 1);
	node = span_skip(node, is_below);
	if (span_eq_nocase(name, node))
		return true;
	return is_below && name.n > node.n &&
	    name.p[name.n - node.n - 1] == '.' && span_ends_nocase(name, node);
}

static void
turn_end(struct queue *q, const struct queue_turn *t)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, NULL, "turn");
	log_span(&l, "node", span_of(t->node, t->n));
	log_num(&l, "items", t->count);
	queue_log(q, &l);
	q->nturns--;
	memmove(&q->turns[0], &q->turns[1], q->nturns * sizeof q->turns[0]);
}

void
queue_turns_step(struct queue *q)
{
	struct queue_turn *t = &q->turns[0];
	uint64_t now = loop_now_ms(q->role->loop);

	for (uint32_t i = 0; q->nturns > 0 && i < STEPS_A_TURN; i++) {
		struct sched_view v;

		if (t->next >= sched_end_of_items(q->sched)) {
			turn_end(q, t);
			return;
		}
		if (sched_view(q->sched, t->next++, &v) && v.message != 0 &&
		    is_of(t, v.destination) &&
		    !queue_is_unborn(q, (struct store_message *)(uintptr_t)
			v.message))
			t->count += sched_hurry(q->sched, now, t->next - 1);
	}
}

bool
queue_turn_asked(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct intake_turn *m = msg;
	struct queue_turn *t = &q->turns[q->nturns];

	(void)from;
	(void)fds;
	if (m->node.n == 0 || span_eq(m->node, SPAN("@")) ||
	    m->node.n > sizeof t->node)
		return false;
	for (uint32_t i = 0; i < q->nturns; i++)
		if (span_eq_nocase(span_of(q->turns[i].node, q->turns[i].n),
		    m->node) && q->turns[i].next == 0)
			return true;
	if (q->nturns == QUEUE_TURNS_MAX)
		return true;
	*t = (struct queue_turn){ .n = m->node.n, .relay = relay_of(q,
	    span_skip(m->node, m->node.p[0] == '@')) };
	memcpy(t->node, m->node.p, m->node.n);
	q->nturns++;
	queue_wake(q);
	return true;
}
