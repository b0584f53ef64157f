/*
 * queue.c - the few words that every part of the queue uses.
 */
#include "role/queue/queue.h"

uint32_t
queue_hash(const struct queue *q, struct span s)
{
	return (uint32_t)siphash(&q->key, s);
}

void
queue_log(struct queue *q, const struct log_line *l)
{
	role_log(q->role, l);
}

void
queue_wake(struct queue *q)
{
	loop_timer_set(q->due_timer, 0);
}
