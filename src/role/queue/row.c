/*
 * row.c - a message, and the whole queue, as one line of JSON.
 */
#include "role/queue/steer.h"

#include "os/clock.h"

#define RECIPIENTS_SHOWN	50u	/* of one message, with their words */
#define WORDS_SHOWN		256u

/* The first failure stays, as with a pack. */
struct json {
	struct buf	*to;
	enum err	 error;
};

enum err
json_string(struct buf *to, struct span s)
{
	enum err e = buf_addc(to, '"');

	for (size_t i = 0; e == ERR_OK && i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '"' || c == '\\')
			e = buf_addf(to, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			e = buf_addf(to, "\\u%04x", c);
		else
			e = buf_addc(to, c);
	}
	return e != ERR_OK ? e : buf_addc(to, '"');
}

static void
raw(struct json *j, const char *text)
{
	if (j->error == ERR_OK)
		j->error = buf_add(j->to, span_str(text));
}

static void
text(struct json *j, const char *key, struct span value)
{
	raw(j, key);
	if (j->error == ERR_OK)
		j->error = json_string(j->to, value);
}

static void
number(struct json *j, const char *key, uint64_t value)
{
	raw(j, key);
	if (j->error == ERR_OK)
		j->error = buf_addf(j->to, "%llu", (unsigned long long)value);
}

static const char *const states[] = {
	[0] = "new",
	[STORE_DONE] = "delivered",
	[STORE_FAILED] = "failed",
	[STORE_DELETED] = "removed",
	[STORE_RETRY] = "deferred",
	[STORE_HOLD] = "held",
};

static void
row_recipient(struct queue *q, struct json *j, struct store_message *m,
    uint32_t slot, struct span address)
{
	struct store_outcome o = { 0 };
	struct buf words = buf_make(STORE_WORDS_MAX + 64);
	enum err e = store_outcome(q->store, m, slot, &words, &o);

	text(j, "{\"to\":", address);
	/* How it ended is in the history; here it is enough that it did. */
	text(j, ",\"state\":", store_slot_is_settled(m, slot)
	    ? SPAN("finished")
	    : span_str(states[e == ERR_OK && o.fate < COUNT(states) ? o.fate
								   : 0]));
	if (e == ERR_OK)
		text(j, ",\"reply\":", span_of(o.words.p,
		    MIN(o.words.n, WORDS_SHOWN)));
	raw(j, "}");
	buf_free(&words);
}

/* Those of this destination who still wait: {,"to":[…]} */
static void
row_to(struct queue *q, struct json *j, struct store_message *m,
    const struct envelope *e, struct span destination)
{
	struct envelope_recipient r;
	struct span list = e->recipients;
	uint32_t n = 0;

	raw(j, ",\"to\":[");
	for (uint32_t slot = 0; n < RECIPIENTS_SHOWN &&
	    envelope_next(&list, &r) == ERR_OK; slot++) {
		if (store_slot_is_settled(m, slot) ||
		    queue_destination(q->config, &r, &q->name) != ERR_OK ||
		    !span_eq(buf_span(&q->name), destination))
			continue;
		text(j, n++ == 0 ? "" : ",", r.address);
	}
	raw(j, "]");
}

static void
row_recipients(struct queue *q, struct json *j, struct store_message *m,
    const struct envelope *e)
{
	struct envelope_recipient r;
	struct span list = e->recipients;

	raw(j, ",\"recipients\":[");
	for (uint32_t slot = 0; slot < RECIPIENTS_SHOWN &&
	    envelope_next(&list, &r) == ERR_OK; slot++) {
		raw(j, slot == 0 ? "" : ",");
		row_recipient(q, j, m, slot, r.address);
	}
	raw(j, "]");
}

/* "m" + domain; for a relay its host; our own mailboxes. */
struct span
queue_domain_of(const struct queue *q, struct span destination)
{
	uint32_t relay = queue_relay_of(destination);

	if (relay > 0)
		return span_str(q->config->relays[relay - 1].host);
	if (span_eq(destination, SPAN("d")))
		return SPAN("list");
	return queue_destination_is_local(destination) ? SPAN("local") :
	    span_skip(queue_destination_way(destination), 1);
}

static void
row_facts(struct queue *q, struct json *j, const struct envelope *e,
    const struct sched_view *v)
{
	uint64_t now = loop_now_ms(q->role->loop), wall = clock_wall_ms();
	struct store_message *m =
	    (struct store_message *)(uintptr_t)v->message;
	char id[MSG_ID_LETTERS + 1];

	msg_id_print(&e->id, id);
	text(j, "{\"id\":", span_str(id));
	number(j, ",\"arrived_ms\":", e->arrived_ms);
	text(j, ",\"from\":", e->reverse_path);
	row_to(q, j, m, e, v->destination);
	text(j, ",\"domain\":", queue_domain_of(q, v->destination));
	number(j, ",\"size\":", queue_mark(m).size);
	number(j, ",\"attempts\":", v->attempts);
	number(j, ",\"next_ms\":", v->next_ms > now ?
	    wall + (v->next_ms - now) : wall);
	text(j, ",\"why\":", queue_mark(m).is_held ? SPAN("held") :
	    v->state == SCHED_STATE_RUNNING ? SPAN("being delivered") : q->config->is_delivery_held ?
	    SPAN("deliveries are held") : v->why);
}

enum err
queue_row(struct queue *q, uint32_t item, bool is_full, struct buf *to)
{
	struct json j = { .to = to };
	struct sched_view v;
	struct envelope e;
	enum err err;

	if (!sched_view(q->sched, item, &v))
		return ERR_NONE;
	buf_cut(&q->scratch, 0);
	err = store_envelope(q->store,
	    (struct store_message *)(uintptr_t)v.message, &q->scratch, &e);
	if (err != ERR_OK)
		return err;
	row_facts(q, &j, &e, &v);
	if (is_full)
		row_recipients(q, &j,
		    (struct store_message *)(uintptr_t)v.message, &e);
	raw(&j, "}");
	return j.error;
}

enum err
queue_status(struct queue *q, struct buf *to)
{
	struct store_counts store = store_counts(q->store);
	struct sched_counts sched = sched_counts(q->sched);
	struct json j = { .to = to };

	raw(&j, "{\"kind\":\"queue\"");
	number(&j, ",\"messages\":", store.messages);
	number(&j, ",\"items\":", sched.items);
	number(&j, ",\"jobs\":", sched.running_jobs);
	number(&j, ",\"bounces\":", q->nbounces);
	number(&j, ",\"sites\":", sched.sites);
	number(&j, ",\"sites_waiting\":", sched.sites_waiting);
	number(&j, ",\"segments\":", store.segments);
	number(&j, ",\"segments_free\":", store.free_segments);
	number(&j, ",\"large\":", store.large);
	number(&j, ",\"octets\":", store.octets);
	number(&j, ",\"journal\":", store.journal_octets);
	number(&j, ",\"corrupt\":", store.corrupt);
	number(&j, ",\"lost\":", store.lost);
	number(&j, ",\"held\":", q->config->is_delivery_held);
	raw(&j, "}");
	return j.error;
}
