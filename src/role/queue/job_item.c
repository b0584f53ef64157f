/*
 * job_item.c - the recipients of one item, read from the envelope.
 */
#include "role/queue/queue.h"

static enum err
add_recipient(struct queue *q, struct job *j, uint32_t slot,
    const struct envelope_recipient *r)
{
	const struct deliver_recipient dr = {
		slot, r->address, r->domain, r->key, r->notify, r->orcpt,
	};
	const struct job_slot js = {
		.slot = slot,
		.address = (uint32_t)j->text.n,
		.naddress = (uint16_t)MIN(r->address.n, UINT16_MAX),
		.fate = JOB_SLOT_OPEN,
		.notify = r->notify,
	};
	enum err e = ipc_list_add(&ipc_deliver_recipient, &dr, &q->list);

	if (e == ERR_OK)
		e = buf_add(&j->text, r->address);
	return e != ERR_OK ? e : buf_add(&j->slots, span_of(&js, sizeof(js)));
}

/* All that still wait for this destination. */
static enum err
add_recipients(struct queue *q, struct job *j, struct job_message *jm,
    struct span destination, struct span list)
{
	struct envelope_recipient r;
	enum err e;

	for (uint32_t slot = 0; envelope_next(&list, &r) == ERR_OK; slot++) {
		if (store_slot_is_settled(jm->m, slot) ||
		    queue_bounce_has(q, jm->m, slot))
			continue;
		e = queue_destination(q->config, &r, &q->name);
		if (e != ERR_OK)
			return e;
		if (!span_eq(buf_span(&q->name), destination))
			continue;
		e = add_recipient(q, j, slot, &r);
		if (e != ERR_OK)
			return e;
		jm->nslots++;
	}
	return jm->nslots == 0 ? ERR_NONE : ERR_OK;
}

/* RFC 3461 5.2.7.1, RFC 4954 5: nothing of the sender's own goes to members. */
static struct envelope
of_list(const struct envelope *e, struct span owner)
{
	struct envelope own = *e;

	if (owner.n == 0)
		return own;
	own.reverse_path = owner;
	own.envid = own.auth = SPAN("");
	own.flags &= (uint16_t)~(ENVELOPE_RET_FULL | ENVELOPE_RET_HEADERS);
	own.by_ms = 0;
	own.by_mode = 0;
	return own;
}

static bool
is_utf8(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > 0x7f)
			return true;
	return false;
}

/* RFC 6531: an alias may stand for addresses that its sender did not use. */
static bool
needs_utf8(const struct job *j, const struct job_message *jm, struct span owner)
{
	const struct job_slot *s = (const struct job_slot *)(const void *)
	    j->slots.p + jm->slot;

	for (uint32_t i = 0; i < jm->nslots; i++)
		if (is_utf8(span_of(j->text.p + s[i].address, s[i].naddress)))
			return true;
	return is_utf8(owner);
}

static enum err
add_text(struct queue *q, struct job *j, struct job_message *jm,
    const struct envelope *e)
{
	const struct span parts[] = { e->reverse_path, e->envid, e->auth,
		buf_span(&q->list) };
	enum err err = ERR_OK;

	jm->text = (uint32_t)j->text.n;
	jm->nreverse = (uint32_t)e->reverse_path.n;
	jm->nenvid = (uint32_t)e->envid.n;
	jm->nauth = (uint32_t)e->auth.n;
	jm->nlist = (uint32_t)q->list.n;
	jm->envelope = e->flags;
	jm->by_ms = e->by_ms;
	jm->by_mode = e->by_mode;
	jm->priority = e->priority;
	for (size_t i = 0; err == ERR_OK && i < COUNT(parts); i++)
		err = buf_add(&j->text, parts[i]);
	return err;
}

enum err
queue_job_add(struct queue *q, struct job *j, uint32_t item)
{
	struct job_message *jm = &j->messages[j->nmessages];
	struct sched_view v;
	struct envelope e;
	size_t slots = j->slots.n;
	enum err err;

	ASSERT(j->nmessages < COUNT(j->messages));
	ASSERT(sched_view(q->sched, item, &v));
	/* Lost while its neighbours in the job were looked at. */
	if (v.message == 0)
		return ERR_NONE;
	*jm = (struct job_message){
		.m = (struct store_message *)(uintptr_t)v.message,
		.item = item,
		.slot = (uint32_t)(slots / sizeof(struct job_slot)),
	};
	buf_cut(&q->scratch, 0);
	buf_cut(&q->list, 0);
	err = store_envelope(q->store, jm->m, &q->scratch, &e);
	if (err != ERR_OK)
		return err;
	jm->id = e.id;
	queue_waits_end(q, jm->m, &e);
	err = add_recipients(q, j, jm, v.destination, e.recipients);
	e = of_list(&e, queue_destination_owner(v.destination));
	if (needs_utf8(j, jm, queue_destination_owner(v.destination)))
		e.flags |= ENVELOPE_SMTPUTF8;
	if (err == ERR_OK)
		err = add_text(q, j, jm, &e);
	if (err == ERR_OK)
		j->nmessages++;
	else
		buf_cut(&j->slots, slots);
	return err;
}

enum err
queue_job_describe(const struct job *j, const struct job_message *jm,
    const uint64_t *place, struct buf *to)
{
	struct span text = span_skip(buf_span(&j->text), jm->text);
	struct deliver_message dm = {
		.id = jm->id,
		.offset = place[0],
		.size = place[1],
		.flags = queue_mark(jm->m).flags,
		.envelope = jm->envelope,
		.priority = (uint8_t)(jm->priority + ENVELOPE_PRIORITY_MAX),
		.by_mode = jm->by_mode,
		.by_ms = jm->by_ms,
	};

	dm.reverse_path = span_take(&text, jm->nreverse);
	dm.envid = span_take(&text, jm->nenvid);
	dm.auth = span_take(&text, jm->nauth);
	dm.recipients = span_take(&text, jm->nlist);
	return ipc_list_add(&ipc_deliver_message, &dm, to);
}
