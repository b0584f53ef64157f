/*
 * intake.c - receivers: files out, durable offsets in.
 *
 * A receiver is believed about nothing but its own files; a word about another
 * one's is a lie, and the liar is cut off (PRV-3).  Its files stay its own
 * until the supervisor says that the process has ended.
 */
#include "role/queue/queue.h"

#include "os/file.h"

#include <stdlib.h>

void
queue_receiver_came(struct queue *q, struct role_peer *p)
{
	(void)q;
	/* Without memory it gets no files, says 451, and is asked again. */
	p->data = calloc(1, sizeof(struct queue_receiver));
}

static bool
has_ended(const struct queue *q, uint64_t instance)
{
	for (uint32_t i = 0; i < q->nended; i++)
		if (q->ended[i] == instance)
			return true;
	return false;
}

/* The receivers that were there before us and are there still. */
void
queue_await_writers(struct queue *q)
{
	struct role_peer *p = NULL;

	while ((p = role_peer_next(q->role, p)) != NULL)
		if (p->kind == IPC_ROLE_RECEIVER &&
		    !has_ended(q, p->instance) &&
		    q->nwriters < COUNT(q->writers))
			q->writers[q->nwriters++] = p->instance;
}

/*
 * That one has named what it writes, or its process has ended.  A channel's end
 * is no such word: who holds a segment may close it and write on (PRV-3).
 */
static void
writer_known(struct queue *q, uint64_t instance)
{
	bool was_waiting = q->nwriters > 0;

	for (uint32_t i = q->nwriters; i-- > 0; )
		if (q->writers[i] == instance)
			q->writers[i] = q->writers[--q->nwriters];
	if (was_waiting && q->nwriters == 0)
		store_writers_known(q->store);
}

void
queue_receiver_went(struct queue *q, struct role_peer *p)
{
	free(p->data);
	p->data = NULL;
	/* It may still write: only ENDED lets us read what it left. */
	(void)q;
}

static bool
send_segment(struct queue *q, struct role_peer *p)
{
	struct spool_grant g;
	struct intake_segment msg;
	enum err e;

	if (store_take_segment(q->store, p->instance, &g) != ERR_OK)
		return false;
	msg = (struct intake_segment){
		.segment = g.number,
		.generation = g.generation,
		.offset = g.offset,
		.size = g.size,
	};
	e = role_send(q->role, p, &ipc_intake_segment, &msg, &g.fd);
	file_close(g.fd);
	/* Not sent: the store takes it back when that process has ended. */
	return e == ERR_OK;
}

static bool
send_large(struct queue *q, struct role_peer *p)
{
	struct intake_large msg;
	enum err e;
	int fd;

	if (store_take_large(q->store, p->instance, &msg.large, &fd) != ERR_OK)
		return false;
	e = role_send(q->role, p, &ipc_intake_large, &msg, &fd);
	file_close(fd);
	return e == ERR_OK;
}

static void
refill(struct queue *q, struct role_peer *p)
{
	struct queue_receiver *r = p->data;

	if (r == NULL || !r->is_announced)
		return;
	while (r->segments < QUEUE_SEGMENTS_HELD && send_segment(q, p))
		r->segments++;
	while (r->large < QUEUE_LARGE_HELD && send_large(q, p))
		r->large++;
}

void
queue_refill(struct queue *q)
{
	if (q->store == NULL || q->is_stopping)
		return;
	for (uint32_t i = 0; i < q->config->receivers; i++) {
		struct role_peer *p =
		    role_peer_at(q->role, IPC_ROLE_RECEIVER, i);

		if (p != NULL)
			refill(q, p);
	}
}

bool
queue_announced(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct intake_announced *m = msg;
	struct queue_receiver *receiver = from->data;
	const struct intake_state state = { q->mode, (uint8_t)q->memory };

	(void)fds;
	/* Once a channel; more than that is out of order. */
	if (receiver == NULL || receiver->is_announced)
		return false;
	*receiver = (struct queue_receiver){ m->segments, m->large, true };
	writer_known(q, from->instance);
	if (role_send(r, from, &ipc_intake_state, &state, NULL) != ERR_OK)
		return false;
	refill(q, from);
	return true;
}

/* A lie ends the channel; our own trouble is told, and the next word mends. */
static bool
is_believed(struct queue *q, enum err e)
{
	struct log_line l;

	if (e == ERR_OK || e == ERR_DENIED)
		return e == ERR_OK;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "spool");
	log_str(&l, "what", "cannot read what a receiver wrote");
	log_str(&l, "why", err_name(e));
	queue_log(q, &l);
	return true;
}

bool
queue_accepted(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct intake_accepted *m = msg;

	(void)fds;
	return is_believed(q, store_advance(q->store, from->instance,
	    m->segment, m->generation, m->durable));
}

bool
queue_sealed(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct intake_sealed *m = msg;
	struct queue_receiver *receiver = from->data;

	(void)fds;
	if (!is_believed(q, store_sealed(q->store, from->instance, m->segment,
	    m->generation, m->durable, m->is_poisoned)))
		return false;
	if (receiver != NULL && receiver->is_announced &&
	    receiver->segments > 0)
		receiver->segments--;
	refill(q, from);
	queue_wake(q);
	return true;
}

bool
queue_large_used(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct intake_large_used *m = msg;
	struct queue_receiver *receiver = from->data;

	(void)fds;
	if (!is_believed(q, store_large_used(q->store, from->instance,
	    m->large, m->is_spoilt)))
		return false;
	if (receiver != NULL && receiver->is_announced && receiver->large > 0)
		receiver->large--;
	refill(q, from);
	queue_wake(q);
	return true;
}

/*
 * It died while we were born.  We were told of it as of one that lives, and it
 * will not be said again that it does not: what it left would wait for its
 * word until the next start.
 */
static bool
ended_early(struct queue *q, uint64_t instance)
{
	if (q->nended == COUNT(q->ended))
		return false;
	q->ended[q->nended++] = instance;
	return true;
}

bool
queue_ended(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct control_ended *m = msg;

	(void)from;
	(void)fds;
	if (m->role != IPC_ROLE_RECEIVER)
		return true;
	if (q->store == NULL)
		return ended_early(q, m->instance);
	store_writer_ended(q->store, m->instance);
	writer_known(q, m->instance);
	queue_wake(q);
	return true;
}

static void
say_room(struct queue *q, const struct intake_state *now)
{
	static const char *const words[INTAKE_MEMORY_COUNT] = {
		[INTAKE_MEMORY_EASY] = "enough memory again",
		[INTAKE_MEMORY_SHED] = "little memory: strangers are put off",
		[INTAKE_MEMORY_HARD] = "too little memory: mail is put off",
	};
	struct log_line l;

	if (now->mode != q->mode) {
		log_begin(&l, LOG_LEVEL_WARN, NULL, "spool");
		log_str(&l, "what", now->mode == INTAKE_OPEN ?
		    "enough room again" :
		    "too little room: new mail is put off");
		queue_log(q, &l);
	}
	if (now->memory != (uint8_t)q->memory) {
		log_begin(&l, LOG_LEVEL_WARN, NULL, "memory");
		log_str(&l, "what", words[now->memory]);
		queue_log(q, &l);
	}
}

/*
 * Section 19: too little room on the disk or in memory, and no new senders
 * come in.
 */
void
queue_watch_room(struct queue *q)
{
	static const enum intake_mode modes[] = {
		[STORE_ROOM_OK] = INTAKE_OPEN,
		[STORE_ROOM_NO_NEW] = INTAKE_NO_NEW,
		[STORE_ROOM_NONE] = INTAKE_NONE,
	};
	const struct intake_state state = {
		.mode = (uint8_t)modes[store_room(q->store)],
		.memory = (uint8_t)queue_memory(q),
	};
	struct role_peer *p;

	if (state.mode == q->mode && state.memory == q->memory)
		return;
	say_room(q, &state);
	q->mode = state.mode;
	q->memory = state.memory;
	for (uint32_t i = 0; i < q->config->receivers; i++) {
		p = role_peer_at(q->role, IPC_ROLE_RECEIVER, i);
		/* A lost word is said again at the next change. */
		if (p != NULL && role_send(q->role, p, &ipc_intake_state,
		    &state, NULL) != ERR_OK)
			continue;
	}
}
