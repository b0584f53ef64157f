/*
 * route.c - where a recipient's mail goes, and which hosts take it.
 *
 * A destination's name tells its kind: "l" our mailboxes, "h3" the relay of row
 * 3, "m" + domain what DNS says, "r" + name a rule's route that the configuration
 * does not have any more.  A site's name likewise: "l", "h3", or "m" and its
 * hosts' names, sorted, so that all domains of one provider share a queue.
 *
 * Members of a list go with its owner's reverse-path, so they are a destination of
 * their own: a blank and the owner stand behind the rest of its name.  "d" is the
 * list itself, which has its mail when we have it.
 */
#include "role/queue/queue.h"

#include "mail/address.h"
#include "mail/idn.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX	300u	/* octets of a reason */
#define ROUTE_TTL_MIN_MS	(60u * 1000)
#define ROUTE_TTL_MAX_MS	(24u * 3600 * 1000)
#define ROUTE_NONE_MS		(60u * 1000)	/* a failure is remembered */
#define ROUTE_STATIC_MS		(3600u * 1000)	/* an address needs no DNS */

static enum err
relay_name(const struct config *c, const struct config_relay *relay,
    struct buf *name)
{
	buf_cut(name, 0);
	return buf_addf(name, "h%zu", (size_t)(relay - c->relays));
}

/* Where a rule sent it, wherever else its domain's mail goes. */
static enum err
via_name(const struct config *c, struct span via, struct buf *name)
{
	const struct config_relay *relay = config_relay_named(c, via);
	enum err e;

	if (relay != NULL)
		return relay_name(c, relay, name);
	e = buf_addc(name, 'r');
	return e != ERR_OK ? e : buf_add(name, via);
}

/* Where it goes, whoever hears of it. */
static enum err
way_name(const struct config *c, const struct envelope_recipient *r,
    struct buf *name)
{
	const struct config_relay *relay;
	struct span local, domain;
	enum err e;

	buf_cut(name, 0);
	if (r->route == ENVELOPE_LIST)
		return buf_addc(name, 'd');
	if (r->route == ENVELOPE_LOCAL)
		return buf_addc(name, 'l');
	if (r->via.n > 0)
		return via_name(c, r->via, name);
	e = buf_addc(name, 'm');
	if (!addr_split(r->address, &local, &domain))
		return e;	/* no domain: DNS has none */
	if (e == ERR_OK)
		e = idn_to_ascii(domain, name);
	/* DNS has none of what is no domain, and says so. */
	if (e == ERR_SYNTAX)
		e = buf_add(name, domain);
	if (e != ERR_OK)
		return e;
	relay = config_relay_for(c, span_skip(buf_span(name), 1));
	return relay == NULL ? ERR_OK : relay_name(c, relay, name);
}

enum err
queue_destination(const struct config *c, const struct envelope_recipient *r,
    struct buf *name)
{
	enum err e = way_name(c, r, name);

	if (e != ERR_OK || r->owner.n == 0)
		return e;
	e = buf_addc(name, ' ');
	return e != ERR_OK ? e : buf_add(name, r->owner);
}

struct span
queue_destination_way(struct span name)
{
	return span_take(&name, span_find(name, ' '));
}

struct span
queue_destination_owner(struct span name)
{
	size_t n = span_find(name, ' ');

	return n == name.n ? SPAN("") : span_skip(name, n + 1);
}

bool
queue_destination_is_local(struct span name)
{
	return span_eq(queue_destination_way(name), SPAN("l"));
}

bool
queue_destination_is_lost(struct span name)
{
	return name.n > 0 && name.p[0] == 'r';
}

uint32_t
queue_relay_of(struct span name)
{
	uint64_t row;

	name = queue_destination_way(name);
	if (name.n == 0 || name.p[0] != 'h' || span_u64(span_skip(name, 1),
	    CONFIG_RELAYS_MAX - 1, &row) != ERR_OK)
		return 0;
	return (uint32_t)row + 1;
}

static int
compare_names(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int c = memcmp(x->p, y->p, MIN(x->n, y->n));

	return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

enum err
queue_site_name(struct span hosts, struct buf *name)
{
	struct span names[RESOLVE_HOSTS_MAX];
	struct resolve_host host;
	size_t n = 0;
	enum err e;

	while (n < COUNT(names) &&
	    ipc_list_next(&ipc_resolve_host, &hosts, &host) == ERR_OK)
		names[n++] = host.name;
	if (n == 0)
		return ERR_NONE;
	qsort(names, n, sizeof(names[0]), compare_names);
	buf_cut(name, 0);
	e = buf_addc(name, 'm');
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = buf_add(name, names[i]);
		if (e == ERR_OK && i + 1 < n)
			e = buf_addc(name, ' ');
	}
	return e;
}

static void
routed(struct queue *q, uint32_t dest, const struct sched_route *route)
{
	/* Without memory it counts as unrouted, and its items wait. */
	if (sched_routed(q->sched, dest, route) != ERR_OK)
		sched_say(q->sched, dest, SPAN("out of memory"));
}

static void
unrouted(struct queue *q, uint32_t dest, uint64_t for_ms, const char *why)
{
	sched_unrouted(q->sched, dest, loop_now_ms(q->role->loop) + for_ms,
	    span_str(why));
}

/* A relay given as an address: nobody has to be asked. */
static bool
route_address(struct queue *q, uint32_t dest, const struct config_relay *relay)
{
	struct resolve_address a;
	struct resolve_host host = {
		.name = span_str(relay->host),
		.port = relay->port,
	};
	struct address address;
	struct sched_route route = {
		.site = queue_destination_way(sched_dest_name(q->sched, dest)),
		.until = loop_now_ms(q->role->loop) + ROUTE_STATIC_MS,
	};

	if (address_parse(span_str(relay->host), &address) != ERR_OK)
		return false;
	buf_cut(&q->scratch, 0);
	buf_cut(&q->list, 0);
	a.address = address_span(&address);
	if (ipc_list_add(&ipc_resolve_address, &a, &q->scratch) != ERR_OK)
		return false;
	host.addresses = buf_span(&q->scratch);
	if (ipc_list_add(&ipc_resolve_host, &host, &q->list) != ERR_OK)
		return false;
	route.hosts = buf_span(&q->list);
	routed(q, dest, &route);
	return true;
}

static void
ask(struct queue *q, uint32_t dest, struct span domain, bool is_host)
{
	struct role_peer *p = role_peer(q->role, IPC_ROLE_RESOLVER);
	const struct resolve_route question = {
		.tag = dest, .domain = domain, .is_host = is_host,
	};

	if (p == NULL || role_send(q->role, p, &ipc_resolve_route, &question,
	    NULL) != ERR_OK)
		unrouted(q, dest, QUEUE_AWAY_MS, "the resolver is away");
}

/*
 * The configuration has no such route: the letter waits for the operator, who
 * will put it back, or bounce it (RFC 3463 3.4: system incorrectly configured).
 */
static void
unrouted_name(struct queue *q, uint32_t dest, struct span via)
{
	char words[WORDS_MAX];

	(void)snprintf(words, sizeof words, "4.3.5 no relay is called %.*s, "
	    "where a rule sent this", SPAN_FMT(via));
	unrouted(q, dest, ROUTE_NONE_MS, words);
}

/* The scheduler wants to know where this destination's mail goes. */
void
queue_resolve(struct queue *q, uint32_t dest)
{
	struct span name = queue_destination_way(
	    sched_dest_name(q->sched, dest));
	uint32_t relay = queue_relay_of(name);
	const struct sched_route local = {
		.site = name, .until = UINT64_MAX, .class = SCHED_GULP,
		.most = QUEUE_LOCAL_JOBS,
	};

	if (queue_destination_is_local(name)) {
		routed(q, dest, &local);
		return;
	}
	if (span_eq(name, SPAN("d"))) {
		unrouted(q, dest, ROUTE_NONE_MS, "2.1.5 the list has it");
		return;
	}
	if (queue_destination_is_lost(name)) {
		unrouted_name(q, dest, span_skip(name, 1));
		return;
	}
	if (relay > 0) {
		const struct config_relay *row =
		    &q->config->relays[relay - 1];

		if (!route_address(q, dest, row))
			ask(q, dest, span_str(row->host), true);
		return;
	}
	/* RFC 5321 4.1.3: an address literal has no MX and no name. */
	if (name.n < 2 || name.n > 254 || name.p[1] == '[')
		unrouted(q, dest, ROUTE_NONE_MS,
		    "5.1.2 no such mail domain");
	else
		ask(q, dest, span_skip(name, 1), false);
}

/* What a route that is none means; a leading 5 ends the letter. */
static const char *const status_words[RESOLVE_STATUS_COUNT] = {
	[RESOLVE_NONE] = "5.1.2 the domain does not exist or takes no mail",
	[RESOLVE_NULL_MX] = "5.1.10 the domain accepts no mail (RFC 7505)",
	[RESOLVE_TEMPFAIL] = "4.4.3 DNS gave no answer",
	[RESOLVE_LOOP] = "5.4.6 the best mail exchanger is this host",
	[RESOLVE_REFUSED] = "5.4.4 only private addresses",
};

/* The resolver knows a smarthost's addresses; its port is the relay's own. */
static enum err
list_with_port(struct queue *q, struct span hosts, uint16_t port)
{
	struct resolve_host host;
	enum err e = ERR_OK;

	buf_cut(&q->list, 0);
	while (e == ERR_OK &&
	    ipc_list_next(&ipc_resolve_host, &hosts, &host) == ERR_OK) {
		host.port = port;
		e = ipc_list_add(&ipc_resolve_host, &host, &q->list);
	}
	return e;
}

/* The enhanced status is ours, the reason the resolver's. */
static const char *
dns_words(const struct resolve_route_answer *m, char words[WORDS_MAX])
{
	const char *ours = status_words[m->status];

	if (m->why.n == 0)
		return ours;
	(void)snprintf(words, WORDS_MAX, "%.*s %.*s",
	    (int)strcspn(ours, " "), ours, SPAN_FMT(m->why));
	return words;
}

static void
answer(struct queue *q, uint32_t dest, const struct resolve_route_answer *m)
{
	char words[WORDS_MAX];

	struct span name = queue_destination_way(
	    sched_dest_name(q->sched, dest));
	uint32_t relay = queue_relay_of(name);
	uint64_t ttl = MIN(MAX((uint64_t)m->ttl_s * 1000,
	    (uint64_t)ROUTE_TTL_MIN_MS), (uint64_t)ROUTE_TTL_MAX_MS);
	struct sched_route route = {
		.hosts = m->hosts,
		.until = loop_now_ms(q->role->loop) + ttl,
	};

	if (m->status != RESOLVE_OK) {
		unrouted(q, dest, m->ttl_s == 0 ? QUEUE_AWAY_MS :
		    ROUTE_NONE_MS, dns_words(m, words));
		return;
	}
	if (relay > 0) {
		if (list_with_port(q, m->hosts,
			q->config->relays[relay - 1].port) != ERR_OK) {
			unrouted(q, dest, QUEUE_AWAY_MS, "out of memory");
			return;
		}
		route.hosts = buf_span(&q->list);
	}
	if (queue_site_name(m->hosts, &q->name) != ERR_OK) {
		unrouted(q, dest, ROUTE_NONE_MS, "4.4.3 DNS named no host");
		return;
	}
	route.site = queue_relay_of(name) > 0 ? name : buf_span(&q->name);
	routed(q, dest, &route);
}

bool
queue_resolved(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct queue *q = r->self;
	const struct resolve_route_answer *m = msg;

	(void)from;
	(void)fds;
	/* An answer that nobody waits for is late, or made up: no harm. */
	if (m->tag < SCHED_NONE &&
	    sched_is_asked(q->sched, (uint32_t)m->tag))
		answer(q, (uint32_t)m->tag, m);
	queue_wake(q);
	return true;
}

void
queue_resolver_went(struct queue *q)
{
	uint32_t dest = 0;

	for (; dest < sched_end_of_dests(q->sched); dest++)
		if (sched_is_asked(q->sched, dest))
			unrouted(q, dest, QUEUE_AWAY_MS,
			    "the resolver went away");
	queue_wake(q);
}

/* What DNS said begins with a status: 5 ends the letter, 2 is well. */
void
queue_unrouted(struct queue *q, uint32_t item, uint32_t dest)
{
	struct span why = sched_dest_why(q->sched, dest);
	struct span status = SPAN("4.4.3"), text = why;
	bool has_status = why.n > 2 && ascii_is_digit(why.p[0]) &&
	    why.p[1] == '.';

	if (has_status) {
		status = span_take(&text, span_find(text, ' '));
		text = span_trim(text);
	}
	queue_untried(q, item, status.p[0] == '5' ? DELIVER_FAILED :
	    status.p[0] == '2' ? DELIVER_DONE : DELIVER_RETRY, status, text);
}
