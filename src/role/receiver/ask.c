/*
 * ask.c - questions to lookup.  A tag is a count and the session's slot; an
 * answer whose tag is not the session's open one is old and dropped.
 */
#include "role/receiver/receiver.h"

#include <stdlib.h>

struct answer {
	struct map_node		 node;
	enum smtp_route		 route;
	uint64_t		 until_ms;
	size_t			 naddress, ndomain, nkey;
	uint8_t			 octets[];	/* address, domain, key */
};

static void
cache_forget(struct receiver *rc, struct map_node *n)
{
	map_remove(&rc->cache, n);
	free(MAP_OWNER(n, struct answer, node));
}

static void
cache_clear(struct receiver *rc)
{
	struct map_node *n;

	while ((n = map_first(&rc->cache)) != NULL)
		cache_forget(rc, n);
}

static struct answer *
cache_find(struct receiver *rc, struct span address)
{
	struct map_node *n = map_find(&rc->cache, address);
	struct answer *a;

	if (n == NULL)
		return NULL;
	a = MAP_OWNER(n, struct answer, node);
	if (a->until_ms > loop_now_ms(rc->role->loop))
		return a;
	cache_forget(rc, n);
	return NULL;
}

/* Not remembered for want of memory: asked again next time. */
static void
cache_add(struct receiver *rc, struct span address,
    const struct lookup_rcpt_answer *m)
{
	struct answer *a;

	if (m->cache_ms == 0 || m->generation != rc->generation ||
	    cache_find(rc, address) != NULL)
		return;
	if (map_count(&rc->cache) >= RECEIVER_CACHE_MAX)
		cache_forget(rc, map_first(&rc->cache));
	a = malloc(sizeof *a + address.n + m->domain.n + m->key.n);
	if (a == NULL)
		return;
	*a = (struct answer){
		.route = (enum smtp_route)m->route,
		.until_ms = loop_now_ms(rc->role->loop) + m->cache_ms,
		.naddress = address.n,
		.ndomain = m->domain.n,
		.nkey = m->key.n,
	};
	memcpy(a->octets, address.p, address.n);
	if (m->domain.n > 0)
		memcpy(a->octets + address.n, m->domain.p, m->domain.n);
	if (m->key.n > 0)
		memcpy(a->octets + address.n + m->domain.n, m->key.p, m->key.n);
	if (map_add(&rc->cache, span_of(a->octets, a->naddress), &a->node) !=
	    ERR_OK)
		free(a);
}

/* The session whose open question this tag is, or NULL. */
static struct session *
asker(struct receiver *rc, uint64_t tag, enum session_ask ask)
{
	uint64_t slot = tag & 0xffff;
	struct session *s = slot < rc->nslots ? rc->slots[slot] : NULL;

	if (s == NULL || s->tag != tag || s->ask != ask)
		return NULL;
	s->ask = ASK_NOTHING;
	return s;
}

static uint64_t
tag_next(struct session *s, enum session_ask ask)
{
	struct receiver *rc = s->receiver;

	s->ask = ask;
	s->asked_ms = loop_now_ms(rc->role->loop);
	session_watch(s, RECEIVER_ASK_MS);
	s->tag = ++rc->nasked << 16 | s->slot;
	return s->tag;
}

static bool
send_to_lookup(struct session *s, const struct ipc_type *type, const void *msg)
{
	struct role *r = s->receiver->role;

	return role_send(r, role_peer(r, IPC_ROLE_LOOKUP), type, msg, NULL) ==
	    ERR_OK;
}

static bool
ask_begin(struct session *s, enum session_ask ask, enum lookup_begin begin)
{
	const struct config_listen *l = s->listen->config;
	struct lookup_connect m = {
		.tag = tag_next(s, ask),
		.client = address_span(&s->address),
		.is_exempt = networks_hold(l->from, l->nfrom, &s->address),
		.begin = (uint8_t)begin,
	};

	return send_to_lookup(s, &ipc_lookup_connect, &m);
}

void
ask_connect(struct session *s)
{
	const struct config_listen *l = s->listen->config;

	if (l == NULL)
		session_admit(s, true);
	else if (!ask_begin(s, ASK_CONNECT, l->tls == CONFIG_TLS_IMPLICIT ?
	    LOOKUP_SESSION_TLS : LOOKUP_SESSION))
		ask_fail(s);
}

void
ask_starttls(struct session *s)
{
	if (ask_begin(s, ASK_STARTTLS, LOOKUP_HANDSHAKE))
		return;
	s->ask = ASK_NOTHING;
	smtp_server_starttls(&s->server, RE_TLS_LATER);
}

bool
ask_connect_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	const struct lookup_connect_answer *m = msg;
	struct session *s = asker(r->self, m->tag, ASK_CONNECT);

	if (s != NULL) {
		s->is_counted = m->is_allowed != 0;
		session_admit(s, m->is_allowed != 0);
		return true;
	}
	s = asker(r->self, m->tag, ASK_STARTTLS);
	if (s != NULL)
		session_starttls(s, m->is_allowed != 0);
	return true;
}

void
ask_rcpt(struct session *s, struct span address)
{
	struct answer *a = cache_find(s->receiver, address);
	struct lookup_rcpt m = { .address = address };

	if (a != NULL) {
		(void)smtp_server_rcpt(&s->server, a->route,
		    span_of(a->octets + a->naddress, a->ndomain),
		    span_of(a->octets + a->naddress + a->ndomain, a->nkey));
		return;
	}
	m.tag = tag_next(s, ASK_RCPT);
	if (!send_to_lookup(s, &ipc_lookup_rcpt, &m)) {
		s->ask = ASK_NOTHING;
		(void)smtp_server_rcpt(&s->server, SMTP_ROUTE_TEMPFAIL,
		    span_of(NULL, 0), span_of(NULL, 0));
	}
}

bool
ask_rcpt_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	static const enum smtp_route routes[LOOKUP_ROUTE_COUNT] = {
		[LOOKUP_UNKNOWN] = SMTP_ROUTE_UNKNOWN,
		[LOOKUP_LOCAL] = SMTP_ROUTE_LOCAL,
		[LOOKUP_REMOTE] = SMTP_ROUTE_REMOTE,
		[LOOKUP_TEMPFAIL] = SMTP_ROUTE_TEMPFAIL,
	};
	const struct lookup_rcpt_answer *m = msg;
	struct lookup_rcpt_answer seen = *m;
	struct receiver *rc = r->self;
	struct session *s;

	if (m->route >= LOOKUP_ROUTE_COUNT)
		return false;
	seen.route = (uint8_t)routes[m->route];
	if (m->generation > rc->generation) {
		cache_clear(rc);
		rc->generation = m->generation;
	}
	s = asker(rc, m->tag, ASK_RCPT);
	if (s == NULL)
		return true;
	cache_add(rc, s->server.tx.asked, &seen);
	(void)smtp_server_rcpt(&s->server, routes[m->route], m->domain, m->key);
	session_go_on(s);
	return true;
}

bool
ask_changed(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_changed *m = msg;
	struct receiver *rc = r->self;

	cache_clear(rc);
	rc->generation = m->generation;
	return true;
}

void
ask_auth(struct session *s)
{
	const struct sasl *sasl = &s->server.sasl;
	struct lookup_auth m = {
		.user = sasl->user,
		.password = sasl->password,
		.client = address_span(&s->address),
	};

	m.tag = tag_next(s, ASK_AUTH);
	if (!send_to_lookup(s, &ipc_lookup_auth, &m)) {
		s->ask = ASK_NOTHING;
		smtp_server_auth(&s->server, RE_AUTH_LATER, span_of(NULL, 0));
	}
}

bool
ask_auth_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	static const enum smtp_reply replies[LOOKUP_AUTH_RESULT_COUNT] = {
		[LOOKUP_AUTH_OK] = RE_AUTH_OK,
		[LOOKUP_AUTH_BAD] = RE_AUTH_BAD,
		[LOOKUP_AUTH_TEMPFAIL] = RE_AUTH_LATER,
		[LOOKUP_AUTH_LIMITED] = RE_TOO_MANY_AUTH,
	};
	const struct lookup_auth_answer *m = msg;
	struct session *s;
	bool is_ok = m->result == LOOKUP_AUTH_OK;

	if (m->result >= LOOKUP_AUTH_RESULT_COUNT ||
	    (is_ok && m->user.n == 0))
		return false;
	s = asker(r->self, m->tag, ASK_AUTH);
	if (s == NULL)
		return true;
	tell_auth(s, is_ok, is_ok ? m->user : s->server.sasl.user);
	smtp_server_auth(&s->server, replies[m->result], m->user);
	s->hold_ms = m->result == LOOKUP_AUTH_BAD ? m->delay_ms : 0;
	if (s->hold_ms > 0)
		smtp_server_hold(&s->server);
	session_go_on(s);
	return true;
}

void
ask_fail(struct session *s)
{
	enum session_ask ask = s->ask;

	s->ask = ASK_NOTHING;
	/* Nobody counts now; what each receiver bounds still holds. */
	if (ask == ASK_CONNECT || ask == ASK_STARTTLS) {
		(ask == ASK_CONNECT ? session_admit : session_starttls)(s,
		    true);
		return;
	}
	if (ask == ASK_RCPT)
		(void)smtp_server_rcpt(&s->server, SMTP_ROUTE_TEMPFAIL,
		    span_of(NULL, 0), span_of(NULL, 0));
	else if (ask == ASK_AUTH)
		smtp_server_auth(&s->server, RE_AUTH_LATER, span_of(NULL, 0));
	else
		return;
	session_go_on(s);
}

void
ask_late(struct session *s)
{
	struct lookup_disconnect m = { .client = address_span(&s->address) };

	/* It will count this session when it wakes; the next word it reads
	 * takes that back.  One more of an address is no harm. */
	if (s->ask == ASK_CONNECT)
		(void)send_to_lookup(s, &ipc_lookup_disconnect, &m);
	ask_fail(s);
}

void
ask_forget(struct session *s)
{
	struct lookup_disconnect m = { .client = address_span(&s->address) };
	struct role *r = s->receiver->role;
	struct role_peer *lookup = role_peer(r, IPC_ROLE_LOOKUP);

	/* A count that is not given back would last: then rather a new lookup. */
	if (s->is_counted && lookup != NULL &&
	    !send_to_lookup(s, &ipc_lookup_disconnect, &m))
		role_cut(r, lookup, "it does not take counts");
	s->is_counted = false;
	s->ask = ASK_NOTHING;
}

void
ask_lookup_went(struct receiver *rc)
{
	cache_clear(rc);
	rc->generation = 0;
	for (uint32_t i = 0; i < rc->nslots; i++)
		if (rc->slots[i] != NULL) {
			rc->slots[i]->is_counted = false;
			ask_fail(rc->slots[i]);
		}
}
