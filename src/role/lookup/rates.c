#include "role/lookup/rates.h"

#include <stdlib.h>

#define SWEEP	8u	/* entries looked at to make room */

struct entry {
	struct map_node	node;
	uint64_t	start_ms;	/* of the hour; nothing tried: none */
	uint64_t	messages, recipients;	/* tried in it */
	uint64_t	taken_messages, taken_recipients;
	uint64_t	stopped_ms;
	bool		is_stopped, is_told;
	size_t		key_n;
	uint8_t		key[];
};
struct key {
	uint8_t	octets[1 + RATES_USER_MAX];
	size_t	n;
};

struct rates
rates_make(const struct siphash_key *key, const struct config_limits *c)
{
	return (struct rates){ .c = c, .entries = map_make(*key) };
}

static void
drop(struct rates *r, struct entry *e)
{
	map_remove(&r->entries, &e->node);
	free(e);
}

void
rates_free(struct rates *r)
{
	struct map_node *n;

	while ((n = map_first(&r->entries)) != NULL)
		drop(r, MAP_OWNER(n, struct entry, node));
	map_free(&r->entries);
}

/* 'u' and a name in lower case, or 'a', a kind of address and its prefix. */
static struct key
user_key(struct span user)
{
	struct key k = { .octets = { 'u' }, .n = 1 };

	for (size_t i = 0; i < user.n && k.n < sizeof k.octets; i++)
		k.octets[k.n++] = ascii_lower(user.p[i]);
	return k;
}

static struct key
address_key(const struct address *a)
{
	struct address kept = address_prefix(a, a->n == 4 ? 32 : 64);
	struct key k = { .octets = { 'a', kept.n }, .n = 2u + kept.n };

	memcpy(k.octets + 2, kept.octets, kept.n);
	return k;
}

static struct entry *
find(const struct rates *r, const struct key *k)
{
	struct map_node *n = map_find(&r->entries, span_of(k->octets, k->n));

	return n == NULL ? NULL : MAP_OWNER(n, struct entry, node);
}

/* Drop what has run out among the oldest; others go to the end. */
static void
sweep(struct rates *r, uint64_t now_ms)
{
	for (unsigned int i = 0; i < SWEEP; i++) {
		struct map_node *n = map_first(&r->entries);
		struct entry *e;

		if (n == NULL)
			return;
		e = MAP_OWNER(n, struct entry, node);
		if (!e->is_stopped && now_ms - e->start_ms >= RATES_HOUR_MS) {
			drop(r, e);
			continue;
		}
		map_remove(&r->entries, n);
		if (map_add(&r->entries, span_of(e->key, e->key_n), n) !=
		    ERR_OK)
			free(e);
	}
}

static void
begin_hour(struct entry *e, uint64_t now_ms)
{
	if (now_ms - e->start_ms < RATES_HOUR_MS)
		return;
	e->start_ms = now_ms;
	e->messages = e->recipients = 0;
	e->taken_messages = e->taken_recipients = 0;
	e->is_told = false;
}

static struct entry *
find_or_add(struct rates *r, const struct key *k, uint64_t now_ms)
{
	struct entry *e = find(r, k);

	if (e != NULL) {
		begin_hour(e, now_ms);
		return e;
	}
	if (map_count(&r->entries) >= RATES_ENTRIES_MAX)
		sweep(r, now_ms);
	if (map_count(&r->entries) >= RATES_ENTRIES_MAX)
		return NULL;
	e = calloc(1, sizeof *e + k->n);
	if (e == NULL)
		return NULL;
	e->start_ms = now_ms;
	memcpy(e->key, k->octets, k->n);
	e->key_n = k->n;
	if (map_add(&r->entries, span_of(e->key, k->n), &e->node) != ERR_OK) {
		free(e);
		return NULL;
	}
	return e;
}

/* The two that a message counts for. */
struct pair {
	struct entry	*user, *address;
};

static bool
find_pair(struct rates *r, struct span user, const struct address *client,
    uint64_t now_ms, struct pair *p)
{
	struct key u = user_key(user), a = address_key(client);

	/* Adding may move the other one out: it is found again. */
	p->user = find_or_add(r, &u, now_ms);
	p->address = find_or_add(r, &a, now_ms);
	p->user = p->user == NULL ? NULL : find(r, &u);
	return p->user != NULL && p->address != NULL;
}

static bool
fits(uint64_t taken, uint64_t more, uint64_t limit)
{
	return limit == 0 || (taken <= limit && more <= limit - taken);
}

static bool
may_take(const struct rates *r, const struct entry *e, uint64_t times,
    uint64_t messages, uint64_t recipients)
{
	return fits(e->taken_messages, messages,
	    times * r->c->user_messages) &&
	    fits(e->taken_recipients, recipients,
	    times * r->c->user_recipients);
}

static void
try(struct entry *e, uint64_t recipients)
{
	e->messages++;
	e->recipients += recipients;
}

static bool
is_flood(const struct rates *r, const struct entry *e)
{
	return !fits(e->messages, 0, RATES_STOP * r->c->user_messages) ||
	    !fits(e->recipients, 0, RATES_STOP * r->c->user_recipients);
}

static struct rates_verdict
over(const struct rates *r, struct entry *user, uint64_t now_ms)
{
	struct rates_verdict v = { .result = RATES_OVER,
		.is_news = !user->is_told, .messages = user->messages,
		.recipients = user->recipients };

	user->is_told = true;
	if (!is_flood(r, user))
		return v;
	v.result = RATES_STOPPED;
	v.is_news = !user->is_stopped;
	user->is_stopped = true;
	user->stopped_ms = v.is_news ? now_ms : user->stopped_ms;
	return v;
}

static struct rates_verdict
judge(struct rates *r, struct pair *p, uint64_t messages,
    uint64_t recipients, uint64_t now_ms)
{
	struct entry *u = p->user, *a = p->address;
	struct rates_verdict v = { .result = RATES_OK };
	bool is_within = may_take(r, u, 1, messages, recipients) &&
	    may_take(r, a, RATES_ADDRESS, messages, recipients);

	if (u->is_stopped)
		return (struct rates_verdict){ .result = RATES_STOPPED };
	if (!is_within || recipients > 0) {
		try(u, recipients);
		try(a, recipients);
	}
	if (!is_within)
		return over(r, u, now_ms);
	if (recipients > 0) {
		u->taken_messages++;
		a->taken_messages++;
		u->taken_recipients += recipients;
		a->taken_recipients += recipients;
	}
	return v;
}

struct rates_verdict
rates_begin(struct rates *r, struct span user, const struct address *client,
    uint64_t now_ms)
{
	struct rates_verdict v = { .result = RATES_OVER };
	struct pair p;

	return find_pair(r, user, client, now_ms, &p) ?
	    judge(r, &p, 1, 0, now_ms) : v;
}

struct rates_verdict
rates_message(struct rates *r, struct span user,
    const struct address *client, uint32_t recipients, uint64_t now_ms)
{
	struct rates_verdict v = { .result = RATES_OVER };
	struct pair p;

	return find_pair(r, user, client, now_ms, &p) ?
	    judge(r, &p, 1, MAX(recipients, 1u), now_ms) : v;
}

bool
rates_lift(struct rates *r, struct span user)
{
	struct key k = user_key(user);
	struct entry *e = find(r, &k);

	if (e == NULL || !e->is_stopped)
		return false;
	drop(r, e);		/* with an hour of its own */
	return true;
}

bool
rates_next_stopped(const struct rates *r, struct map_node **at,
    struct rates_stopped *s)
{
	struct map_node *n = *at == NULL ? map_first(&r->entries) :
	    map_next(*at);

	for (; n != NULL; n = map_next(n)) {
		const struct entry *e = MAP_OWNER(n, struct entry, node);

		if (!e->is_stopped)
			continue;
		*at = n;
		*s = (struct rates_stopped){
			.user = span_of(e->key + 1, e->key_n - 1),
			.since_ms = e->stopped_ms,
			.messages = e->messages,
			.recipients = e->recipients,
		};
		return true;
	}
	return false;
}
