#include "role/lookup/limits.h"

#include <stdlib.h>

#define MINUTE_MS	UINT64_C(60000)
#define QUARTER_MS	(15 * MINUTE_MS)
#define DAY_MS		(1440 * MINUTE_MS)
#define KEY_MAX		256u
#define SWEEP		8u	/* entries looked at to make room */

/* How often in a stretch of time that begins with the first. */
struct window {
	uint64_t	start_ms;
	uint64_t	n;
};
struct entry {
	struct map_node	node;
	uint64_t	sessions;	/* open now */
	struct window	fast, slow;	/* of a source: sessions, handshakes */
	uint64_t	until_ms;	/* nothing to remember from then on */
	size_t		key_n;
	uint8_t		key[];
};

static void
window_roll(struct window *w, uint64_t length_ms, uint64_t now_ms)
{
	if (w->n == 0 || now_ms - w->start_ms >= length_ms)
		*w = (struct window){ .start_ms = now_ms };
}

static struct entry *
find(const struct map *m, struct span key)
{
	struct map_node *n = map_find(m, key);

	return n == NULL ? NULL : MAP_OWNER(n, struct entry, node);
}

static void
drop(struct map *m, struct entry *e)
{
	map_remove(m, &e->node);
	free(e);
}

/* Drop what has run out among the oldest; others go to the end. */
static void
sweep(struct map *m, uint64_t now_ms)
{
	for (unsigned int i = 0; i < SWEEP; i++) {
		struct map_node *n = map_first(m);
		struct entry *e;

		if (n == NULL)
			return;
		e = MAP_OWNER(n, struct entry, node);
		if (e->sessions == 0 && e->until_ms <= now_ms) {
			drop(m, e);
			continue;
		}
		map_remove(m, n);
		if (map_add(m, span_of(e->key, e->key_n), n) != ERR_OK)
			free(e);
	}
}

static struct entry *
find_or_add(struct map *m, struct span key, uint64_t now_ms)
{
	struct entry *e = find(m, key);

	if (e != NULL || key.n > KEY_MAX)
		return e;
	if (map_count(m) >= LIMITS_ENTRIES_MAX)
		sweep(m, now_ms);
	if (map_count(m) >= LIMITS_ENTRIES_MAX)
		return NULL;
	e = calloc(1, sizeof *e + key.n);
	if (e == NULL)
		return NULL;
	memcpy(e->key, key.p, key.n);
	e->key_n = key.n;
	if (map_add(m, span_of(e->key, key.n), &e->node) != ERR_OK) {
		free(e);
		return NULL;
	}
	return e;
}

static void
free_all(struct map *m)
{
	struct map_node *n = map_first(m), *next;

	for (; n != NULL; n = next) {
		next = map_next(n);
		drop(m, MAP_OWNER(n, struct entry, node));
	}
	map_free(m);
}

/* A prefix as a key: its kind of address and length, then its octets. */
struct prefix {
	uint8_t	octets[2 + 16];
	size_t	n;
};

static struct prefix
make_prefix(const struct address *a, uint8_t v4_bits, uint8_t v6_bits)
{
	uint8_t bits = a->n == 4 ? v4_bits : v6_bits;
	struct address kept = address_prefix(a, bits);
	struct prefix p = { .octets = { kept.n, bits }, .n = 2u + kept.n };

	memcpy(p.octets + 2, kept.octets, kept.n);
	return p;
}

static struct prefix
one(const struct address *a)
{
	return make_prefix(a, 32, 64);
}

static struct prefix
network(const struct address *a)
{
	return make_prefix(a, 24, 48);
}

static struct span
key_of(const struct prefix *p)
{
	return span_of(p->octets, p->n);
}

struct limits
limits_make(const struct siphash_key *key, const struct config_limits *c)
{
	return (struct limits){
		.c = c, .sources = map_make(*key), .tries = map_make(*key),
	};
}

void
limits_free(struct limits *l)
{
	free_all(&l->sources);
	free_all(&l->tries);
}

struct limits_peer
limits_peer_make(const struct siphash_key *key)
{
	return (struct limits_peer){ .held = map_make(*key) };
}

/* --- sessions --- */

/* An address and its network; false: no room for them. */
static bool
find_both(struct limits *l, const struct prefix *p, const struct prefix *q,
    uint64_t now_ms, struct entry **address, struct entry **net)
{
	/* Adding may move others out: what must stay is found again. */
	if (find_or_add(&l->sources, key_of(p), now_ms) == NULL)
		return false;
	*net = find_or_add(&l->sources, key_of(q), now_ms);
	*address = find(&l->sources, key_of(p));
	return *net != NULL && *address != NULL;
}

static bool
is_within(const struct limits *l, struct entry *address, struct entry *net,
    uint64_t now_ms)
{
	window_roll(&address->fast, MINUTE_MS, now_ms);
	window_roll(&net->fast, MINUTE_MS, now_ms);
	return address->sessions < l->c->sessions_per_address &&
	    net->sessions < l->c->sessions_per_network &&
	    address->fast.n < l->c->connections_per_minute &&
	    net->fast.n < LIMITS_NETWORK_RATE * l->c->connections_per_minute;
}

static void
count_session(struct entry *e, uint64_t now_ms)
{
	e->fast.n++;
	e->until_ms = now_ms + MINUTE_MS;
	e->sessions++;
}

bool
limits_has_place(const struct limits *l, bool is_for_users)
{
	uint64_t kept = is_for_users ? 0 :
	    l->c->sessions * LIMITS_USERS_PERCENT / 100;

	return l->sessions + kept < l->c->sessions;
}

bool
limits_connect(struct limits *l, struct limits_peer *peer,
    const struct address *client, bool is_exempt, uint64_t now_ms)
{
	struct prefix p = one(client), q = network(client);
	struct entry *address, *net, *held;

	if (!limits_has_place(l, true) ||
	    !find_both(l, &p, &q, now_ms, &address, &net))
		return false;
	held = find_or_add(&peer->held, key_of(&p), now_ms);
	if (held == NULL)
		return false;
	if (!is_within(l, address, net, now_ms) && !is_exempt) {
		if (held->sessions == 0)
			drop(&peer->held, held);
		return false;
	}
	count_session(address, now_ms);
	count_session(net, now_ms);
	held->sessions++;
	l->sessions++;
	return true;
}

static void
count_handshake(struct entry *e, uint64_t now_ms)
{
	e->slow.n++;
	e->until_ms = now_ms + MINUTE_MS;
}

/* most: of an address, in a minute. */
static bool
may_shake(struct limits *l, const struct address *client, bool is_exempt,
    uint64_t most, uint64_t now_ms)
{
	struct prefix p = one(client), q = network(client);
	struct entry *address, *net;

	if (!find_both(l, &p, &q, now_ms, &address, &net))
		return false;
	window_roll(&address->slow, MINUTE_MS, now_ms);
	window_roll(&net->slow, MINUTE_MS, now_ms);
	if (!is_exempt && (address->slow.n >= most ||
	    net->slow.n >= LIMITS_NETWORK_RATE * most))
		return false;
	count_handshake(address, now_ms);
	count_handshake(net, now_ms);
	return true;
}

bool
limits_handshake(struct limits *l, const struct address *client,
    bool is_exempt, uint64_t now_ms)
{
	return may_shake(l, client, is_exempt, l->c->handshakes_per_minute,
	    now_ms);
}

/* The word is the time, from which its minute is known; never 0. */
uint64_t
limits_shake_ahead(struct limits *l, const struct address *client,
    bool is_exempt, uint64_t now_ms)
{
	uint64_t most = l->c->handshakes_per_minute / 2;

	return may_shake(l, client, is_exempt, most, now_ms) ? now_ms + 1 : 0;
}

static void
take_back(struct limits *l, struct span key, uint64_t at_ms)
{
	struct entry *e = find(&l->sources, key);

	if (e != NULL && e->slow.start_ms <= at_ms)
		e->slow.n -= MIN(e->slow.n, 1u);
}

void
limits_unshaken(struct limits *l, const struct address *client, uint64_t word)
{
	struct prefix p = one(client), q = network(client);

	if (word == 0)
		return;
	take_back(l, key_of(&p), word - 1);
	take_back(l, key_of(&q), word - 1);
}

/* Its rate is remembered for a minute yet: the sweep drops it. */
static void
let_go(struct limits *l, struct span key, uint64_t n)
{
	struct entry *e = find(&l->sources, key);

	if (e != NULL)
		e->sessions -= MIN(e->sessions, n);
}

bool
limits_disconnect(struct limits *l, struct limits_peer *peer,
    const struct address *client)
{
	struct prefix p = one(client), q = network(client);
	struct entry *held = find(&peer->held, key_of(&p));

	if (held == NULL)
		return false;
	if (--held->sessions == 0)
		drop(&peer->held, held);
	let_go(l, key_of(&p), 1);
	let_go(l, key_of(&q), 1);
	l->sessions--;
	return true;
}

/* The address whose prefix a key is. */
static struct address
address_of(const struct entry *e)
{
	struct address a = { .n = e->key[0] };

	memcpy(a.octets, e->key + 2, e->key_n - 2);
	return a;
}

void
limits_forget(struct limits *l, struct limits_peer *peer)
{
	struct map_node *n = map_first(&peer->held);

	for (; n != NULL; n = map_next(n)) {
		const struct entry *held = MAP_OWNER(n, struct entry, node);
		struct address a = address_of(held);
		struct prefix q = network(&a);

		let_go(l, span_of(held->key, held->key_n), held->sessions);
		let_go(l, key_of(&q), held->sessions);
		l->sessions -= MIN(l->sessions, held->sessions);
	}
	free_all(&peer->held);
}

/* --- passwords --- */

struct bound {
	uint8_t		key[KEY_MAX];
	size_t		key_n;
	uint64_t	fast_ms, fast_max;	/* 0 ms: no such window */
	uint64_t	slow_ms, slow_max;
};
#define BOUNDS	3u

static void
set_key(struct bound *b, uint8_t kind, struct span rest)
{
	size_t n = MIN(rest.n, sizeof b->key - 1);

	b->key[0] = kind;
	memcpy(b->key + 1, rest.p, n);
	b->key_n = n + 1;
}

/* Address, network, account. */
static void
bounds_of(const struct limits *l, const struct address *client,
    struct span account, struct bound b[BOUNDS])
{
	struct prefix p = one(client), q = network(client);
	uint64_t minute = l->c->auth_per_minute, day = l->c->auth_per_day;

	memset(b, 0, BOUNDS * sizeof b[0]);
	set_key(&b[0], 'a', key_of(&p));
	set_key(&b[1], 'n', key_of(&q));
	set_key(&b[2], 'u', account);
	for (size_t i = 0; i < 2; i++) {
		uint64_t times = i == 0 ? 1 : LIMITS_NETWORK_TRIES;

		b[i].fast_ms = MINUTE_MS;
		b[i].fast_max = minute * times;
		b[i].slow_ms = DAY_MS;
		b[i].slow_max = day * times;
	}
	b[2].slow_ms = QUARTER_MS;
	b[2].slow_max = l->c->auth_per_account;
}

static bool
may_try(struct limits *l, const struct bound *b, uint64_t now_ms)
{
	struct entry *e = find_or_add(&l->tries, span_of(b->key, b->key_n),
	    now_ms);

	if (e == NULL)
		return false;
	window_roll(&e->fast, b->fast_ms, now_ms);
	window_roll(&e->slow, b->slow_ms, now_ms);
	return (b->fast_ms == 0 || e->fast.n < b->fast_max) &&
	    e->slow.n < b->slow_max;
}

static void
count_try(struct limits *l, const struct bound *b, uint64_t now_ms)
{
	struct entry *e = find(&l->tries, span_of(b->key, b->key_n));

	if (e == NULL)
		return;
	e->fast.n++;
	e->slow.n++;
	e->until_ms = now_ms + b->slow_ms;
}

bool
limits_try(struct limits *l, const struct address *client,
    struct span account, uint64_t now_ms)
{
	struct bound b[BOUNDS];

	bounds_of(l, client, account, b);
	for (size_t i = 0; i < BOUNDS; i++)
		if (!may_try(l, &b[i], now_ms))
			return false;
	for (size_t i = 0; i < BOUNDS; i++)
		count_try(l, &b[i], now_ms);
	return true;
}

void
limits_succeeded(struct limits *l, const struct address *client,
    struct span account)
{
	struct bound b[BOUNDS];

	bounds_of(l, client, account, b);
	for (size_t i = 0; i < BOUNDS; i++) {
		struct entry *e = find(&l->tries,
		    span_of(b[i].key, b[i].key_n));

		if (e == NULL)
			continue;
		e->fast.n -= MIN(e->fast.n, 1u);
		e->slow.n -= MIN(e->slow.n, 1u);
		/* Room for who fails: what counts nothing is not kept. */
		if (e->fast.n == 0 && e->slow.n == 0)
			drop(&l->tries, e);
	}
}

uint32_t
limits_delay_ms(const struct limits *l, const struct address *client,
    struct span account)
{
	struct bound b[BOUNDS];
	uint64_t most = 0;
	uint32_t ms = LIMITS_DELAY_MS;

	bounds_of(l, client, account, b);
	for (size_t i = 0; i < BOUNDS; i++) {
		struct entry *e = find(&l->tries,
		    span_of(b[i].key, b[i].key_n));

		/* Of a network are many: one of them slows no other. */
		if (e != NULL && b[i].key[0] != 'n')
			most = MAX(most, b[i].fast_ms != 0 ? e->fast.n :
			    e->slow.n);
	}
	if (most <= 1)
		return 0;
	for (uint64_t n = 2; n < most && ms < LIMITS_DELAY_MAX_MS; n++)
		ms *= 2;
	return ms;
}
