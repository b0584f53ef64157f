/*
 * bounce.c - tell the reverse-path who did not get the letter, or did where that
 * was asked for, then settle.
 *
 *	ASK ──► ASKED ──► APPEND ──► SYNC ──► settled
 *	 ▲ lookup went │     ▲ sync failed │
 *	 └─────────────┘     └─────────────┘
 *
 * Nothing is settled before the bounce is durable, so a crash repeats the last
 * attempt at worst and drops nobody silently.  A null reverse-path gets none
 * (RFC 5321 4.5.5), so bounces make no bounces; a forged domain gets a bounded
 * number an hour (RLY-4).
 */
#include "role/queue/bounce.h"

#include "mail/address.h"

#include <stdlib.h>

#define RETRY_MS	10000u
#define RATE_HOUR_MS	(3600u * 1000)

static void
log_bounce(struct queue *q, const struct msg_id *id, const char *event,
    struct span to, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, id, event);
	log_span(&l, "to", to);
	log_str(&l, "why", why);
	queue_log(q, &l);
}

/* The reverse-path was told, under an id of the notice's own. */
static void
log_bounced(struct queue *q, const struct bounce *b)
{
	char id[MSG_ID_LETTERS + 1];
	struct log_line l;

	msg_id_print(&b->own_id, id);
	log_begin(&l, LOG_LEVEL_INFO, &b->id, "bounced");
	log_span(&l, "to", buf_span(&b->reverse_path));
	log_str(&l, "bounce", id);
	queue_log(q, &l);
}

static void
settle_told(struct queue *q, struct store_message *m, enum dsn_action action,
    uint32_t slot, struct span text)
{
	const struct store_outcome o = {
		.fate = action == DSN_FAILED ? STORE_FAILED : STORE_DONE,
		.words = span_of(text.p, MIN(text.n, STORE_WORDS_MAX)),
	};
	uint64_t ticket;

	if (action == DSN_DELAYED) {
		store_tell(q->store, m, slot);
		return;		/* it goes on being tried */
	}
	queue_bounces_late(q, m, slot);
	/* Without memory: again in a moment, as not yet told. */
	if (store_settle(q->store, m, slot, &o, &ticket) != ERR_OK)
		queue_miss(q, m);
}

/* True while this domain may get one more this hour. */
static bool
is_within_rate(struct queue *q, struct span reverse_path, bool is_owner)
{
	uint32_t hour = (uint32_t)(loop_now_ms(q->role->loop) / RATE_HOUR_MS);
	struct span local, domain;
	struct queue_rate *r;

	(void)addr_split(reverse_path, &local, &domain);
	/* Owners are in our domain: a dead member costs nobody else his. */
	r = &q->rates[queue_hash(q, is_owner ? reverse_path : domain) %
	    COUNT(q->rates)];
	if (r->hour != hour)
		*r = (struct queue_rate){ .hour = hour };
	return ++r->n <= QUEUE_BOUNCES_AN_HOUR;
}

static void
bounce_free(struct bounce *b)
{
	if (b == NULL)
		return;
	buf_free(&b->failures);
	buf_free(&b->words);
	buf_free(&b->recipients);
	buf_free(&b->reverse_path);
	free(b);
}

static void
bounce_remove(struct queue *q, uint32_t i)
{
	bounce_free(q->bounces[i]);
	q->bounces[i] = q->bounces[--q->nbounces];
	q->bounces[q->nbounces] = NULL;
}

static enum err
keep_failure(struct bounce *b, const struct bounce_failure *f)
{
	struct bounce_kept k = {
		.slot = f->slot,
		.action = (uint8_t)f->action,
		.is_expired = f->is_expired,
		.words = {
			.at = (uint32_t)b->words.n,
			.nstatus = (uint16_t)f->status.n,
			.nremote = (uint16_t)f->remote.n,
			.ntext = (uint16_t)f->text.n,
			.code = f->code,
		},
	};
	enum err e = buf_add(&b->words, f->status);

	if (e == ERR_OK)
		e = buf_add(&b->words, f->remote);
	if (e == ERR_OK)
		e = buf_add(&b->words, f->text);
	if (e == ERR_OK)
		e = buf_add(&b->failures, span_of(&k, sizeof(k)));
	return e;
}

static struct bounce *
bounce_new(struct store_message *m, const struct envelope *envelope,
    struct span owner,
    const struct bounce_failure *failures, uint32_t n)
{
	struct bounce *b = calloc(1, sizeof(*b));
	enum err e = ERR_OK;

	if (b == NULL)
		return NULL;
	*b = (struct bounce){
		.m = m,
		.failures = buf_make(ENVELOPE_RECIPIENTS_MAX *
		    sizeof(struct bounce_kept)),
		.words = buf_make(ENVELOPE_RECIPIENTS_MAX * 2048),
		.recipients = buf_make(ENVELOPE_MAX / 2),
		.reverse_path = buf_make(1024),
	};
	b->id = envelope->id;
	b->is_list = owner.n > 0;
	e = buf_add(&b->reverse_path, b->is_list ? owner :
	    envelope->reverse_path);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = keep_failure(b, &failures[i]);
	if (e == ERR_OK)
		return b;
	bounce_free(b);
	return NULL;
}

/* A report of delay that finds no room this hour is not one that was made. */
static bool
may_come_later(const struct envelope *e, const struct bounce_failure *f)
{
	return e->reverse_path.n > 0 && f->action == DSN_DELAYED;
}

/* Of the list whose member a recipient is, or "". */
static struct span
owner_of(const struct envelope *e, uint32_t slot)
{
	struct envelope_recipient r = { 0 };
	struct span list = e->recipients;

	for (uint32_t i = 0; envelope_next(&list, &r) == ERR_OK; i++)
		if (i == slot)
			return r.owner;
	return SPAN("");
}

bool
queue_bounce(struct queue *q, struct store_message *m,
    const struct bounce_failure *failures, uint32_t n)
{
	struct envelope e;
	struct bounce *b;
	struct span to;
	const char *drop = NULL;

	buf_cut(&q->scratch, 0);
	if (store_envelope(q->store, m, &q->scratch, &e) != ERR_OK)
		return false;
	/* All are of one item, and so of one list or of none. */
	to = owner_of(&e, failures[0].slot);
	if (e.reverse_path.n == 0)
		drop = "null reverse-path";
	else if (!is_within_rate(q, to.n > 0 ? to : e.reverse_path,
	    to.n > 0))
		drop = "too many to this domain this hour";
	if (drop != NULL) {
		log_bounce(q, &e.id, "no-bounce", to.n > 0 ? to :
		    e.reverse_path, drop);
		for (uint32_t i = 0; i < n; i++)
			if (!may_come_later(&e, &failures[i]))
				settle_told(q, m, failures[i].action,
				    failures[i].slot, failures[i].text);
		return true;
	}
	b = q->nbounces < QUEUE_BOUNCES_MAX ?
	    bounce_new(m, &e, to, failures, n) : NULL;
	if (b == NULL)
		return false;
	q->bounces[q->nbounces++] = b;
	queue_wake(q);
	return true;
}

bool
queue_bounce_of(const struct queue *q, const struct store_message *m)
{
	for (uint32_t i = 0; i < q->nbounces; i++)
		if (q->bounces[i]->m == m)
			return true;
	return false;
}

static bool
has(const struct queue *q, const struct store_message *m, uint32_t slot,
    bool is_late)
{
	for (uint32_t i = 0; i < q->nbounces; i++) {
		const struct bounce *b = q->bounces[i];
		uint32_t n = bounce_count(b);

		for (uint32_t k = 0; b->m == m && k < n; k++)
			if (bounce_kept_at(b, k)->slot == slot && is_late ==
			    (bounce_kept_at(b, k)->action == DSN_DELAYED))
				return true;
	}
	return false;
}

bool
queue_bounce_has(const struct queue *q, const struct store_message *m,
    uint32_t slot)
{
	return has(q, m, slot, false);
}

bool
queue_bounce_has_late(const struct queue *q, const struct store_message *m,
    uint32_t slot)
{
	return has(q, m, slot, true);
}

/* One recipient less that is late; with the last one nobody is left to name. */
static void
drop_late(struct bounce *b, uint32_t slot)
{
	for (uint32_t k = bounce_count(b); k-- > 0; ) {
		const struct bounce_kept *kept = bounce_kept_at(b, k);
		size_t at = k * sizeof *kept;

		if (kept->slot != slot || kept->action != DSN_DELAYED)
			continue;
		buf_cut(&b->failures, b->failures.n - sizeof *kept);
		memmove(b->failures.p + at, b->failures.p + at + sizeof *kept,
		    b->failures.n - at);
	}
	/* The end of the turn takes it away: somebody may walk over us now. */
	if (bounce_count(b) == 0)
		b->m = NULL;
}

void
queue_bounces_late(struct queue *q, const struct store_message *m,
    uint32_t slot)
{
	for (uint32_t i = 0; i < q->nbounces; i++)
		if (q->bounces[i]->m == m)
			drop_late(q->bounces[i], slot);
}

/* Its recipients have ended; the store may drop the message with them. */
static void
bounce_settle(struct queue *q, const struct bounce *b)
{
	for (uint32_t k = 0; k < bounce_count(b); k++) {
		const struct bounce_kept *kept = bounce_kept_at(b, k);

		settle_told(q, b->m, (enum dsn_action)kept->action,
		    kept->slot, bounce_text(b, kept));
	}
}

static void
bounce_drop(struct queue *q, uint32_t i, const char *why)
{
	log_bounce(q, &q->bounces[i]->id, "no-bounce",
	    buf_span(&q->bounces[i]->reverse_path), why);
	bounce_settle(q, q->bounces[i]);
	bounce_remove(q, i);
}

/* Where does the reverse-path live? */
static void
bounce_ask(struct queue *q, struct bounce *b, uint64_t now)
{
	struct role_peer *p = role_peer(q->role, IPC_ROLE_LOOKUP);
	const struct lookup_rcpt question = {
		.tag = ++q->next_tag,
		.address = buf_span(&b->reverse_path),
		.from = b->nrecipients,
	};

	b->after_ms = now + QUEUE_AWAY_MS;
	if (role_send(q->role, p, &ipc_lookup_rcpt, &question, NULL) != ERR_OK)
		return;
	b->tag = question.tag;
	b->state = BOUNCE_ASKED;
}

static void
bounce_append(struct queue *q, struct bounce *b, uint64_t now)
{
	enum err e = queue_bounce_write(q, b);

	/* The letter was found corrupt: it is gone, and b with it. */
	if (e == ERR_CORRUPT)
		return;
	/* No segment is ready: one is being made. */
	b->after_ms = now + (e == ERR_AGAIN ? QUEUE_GROUP_MS : RETRY_MS);
	if (e == ERR_OK)
		b->state = BOUNCE_SYNC;
}

/* At the end of a turn: whatever can go on goes on. */
void
queue_bounces_turn(struct queue *q)
{
	uint64_t now = loop_now_ms(q->role->loop);

	/* Backwards: what is removed is replaced by one already seen.  A letter
	 * that is lost takes all of its own away. */
	for (uint32_t i = q->nbounces; i-- > 0; ) {
		struct bounce *b = i < q->nbounces ? q->bounces[i] : NULL;

		if (b == NULL)
			continue;
		if (b->m == NULL) {
			bounce_remove(q, i);
			continue;
		}
		if (b->after_ms > now)
			continue;
		if (b->state == BOUNCE_ASK)
			bounce_ask(q, b, now);
		else if (b->state == BOUNCE_APPEND)
			bounce_append(q, b, now);
	}
}

static bool
is_address(struct span text)
{
	struct addr a;

	return addr_parse(text, &a) == ERR_OK;
}

static enum err
add_recipient(struct bounce *b, struct span address, struct span domain,
    struct span key)
{
	bool is_local = key.n > 0;
	const struct envelope_recipient r = {
		.address = address,
		.route = is_local ? ENVELOPE_LOCAL : ENVELOPE_REMOTE,
		.domain = is_local ? domain : SPAN(""),
		.key = key,
		.notify = ENVELOPE_NEVER,
	};

	b->nrecipients++;
	return envelope_add_recipient(&b->recipients, &r);
}

static void
forget_recipients(struct bounce *b)
{
	buf_cut(&b->recipients, 0);
	b->nrecipients = 0;
}

/* The reverse-path is an alias: ERR_AGAIN, more of its members are to come. */
static enum err
add_members(struct bounce *b, const struct lookup_rcpt_answer *m)
{
	struct span list = m->members;
	struct lookup_member one;
	uint32_t before = b->nrecipients;
	enum err e;

	/* Parts of two states of the files do not fit together: later anew. */
	if (before > 0 && b->generation != m->generation)
		return ERR_SYNTAX;
	b->generation = m->generation;
	while ((e = ipc_list_next(&ipc_lookup_member, &list, &one)) == ERR_OK) {
		/* It comes from another process: only an address goes on. */
		if (b->nrecipients == LOOKUP_MEMBERS_MAX ||
		    !is_address(one.address))
			return ERR_SYNTAX;
		e = add_recipient(b, one.address, one.domain, one.key);
		if (e != ERR_OK)
			return e;
	}
	/* Each part has some, or there would be no end of them. */
	if (e != ERR_NONE || b->nrecipients == before ||
	    (m->next != 0 && m->next != b->nrecipients))
		return ERR_SYNTAX;
	return m->next != 0 ? ERR_AGAIN : ERR_OK;
}

static enum err
keep_route(struct bounce *b, const struct lookup_rcpt_answer *m)
{
	if (m->route == LOOKUP_ALIAS)
		return add_members(b, m);
	forget_recipients(b);
	if (m->route == LOOKUP_TEMPFAIL)
		return ERR_IO;
	return add_recipient(b, buf_span(&b->reverse_path), m->domain,
	    m->route == LOOKUP_LOCAL ? m->key : SPAN(""));
}

static void
bounce_answered(struct queue *q, uint32_t i, const struct lookup_rcpt_answer *m)
{
	struct bounce *b = q->bounces[i];
	enum err e;

	if (m->route == LOOKUP_UNKNOWN || m->route == LOOKUP_NO_MAIL ||
	    m->route == LOOKUP_BAD_ALIAS) {
		bounce_drop(q, i, "no such user at the reverse-path");
		return;
	}
	e = keep_route(b, m);
	b->state = e == ERR_OK ? BOUNCE_APPEND : BOUNCE_ASK;
	b->after_ms = e == ERR_OK || e == ERR_AGAIN ? 0 :
	    loop_now_ms(q->role->loop) + RETRY_MS;
	if (e == ERR_FULL)
		bounce_drop(q, i, "too many would be told of it");
	else if (e != ERR_OK && e != ERR_AGAIN)
		forget_recipients(b);
}

bool
queue_bounce_answer(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct lookup_rcpt_answer *m = msg;

	(void)from;
	(void)fds;
	for (uint32_t i = 0; i < q->nbounces; i++)
		if (q->bounces[i]->state == BOUNCE_ASKED &&
		    q->bounces[i]->tag == m->tag) {
			bounce_answered(q, i, m);
			break;
		}
	queue_wake(q);
	return true;
}

void
queue_lookup_went(struct queue *q)
{
	for (uint32_t i = 0; i < q->nbounces; i++)
		if (q->bounces[i]->state == BOUNCE_ASKED ||
		    q->bounces[i]->state == BOUNCE_ASK) {
			q->bounces[i]->state = BOUNCE_ASK;
			q->bounces[i]->after_ms = 0;
			forget_recipients(q->bounces[i]);
		}
}

void
queue_bounces_synced(struct queue *q, const struct spool_synced *s)
{
	for (uint32_t i = q->nbounces; i-- > 0; ) {
		struct bounce *b = q->bounces[i];

		if (b->state != BOUNCE_SYNC)
			continue;
		if (b->ticket <= s->acked) {
			log_bounced(q, b);
			bounce_settle(q, b);
			bounce_remove(q, i);
		} else if (s->failed != 0 && b->ticket >= s->failed_from &&
		    b->ticket <= s->failed) {
			b->state = BOUNCE_APPEND;
			b->after_ms = 0;
		}
	}
}

void
queue_bounces_forget(struct queue *q, const struct store_message *m)
{
	for (uint32_t i = q->nbounces; i-- > 0; )
		if (q->bounces[i]->m == m)
			bounce_remove(q, i);
}

void
queue_bounces_free(struct queue *q)
{
	while (q->nbounces > 0)
		bounce_remove(q, 0);
}
