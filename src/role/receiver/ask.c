/*
 * ask.c - questions to lookup.  A tag is a count and the session's slot; an
 * answer whose tag is not the session's open one is old and dropped.
 */
#include "role/receiver/receiver.h"

#include <stdlib.h>

#define TORN_MAX	3u	/* changes of the files while members come */

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

struct session *
ask_asker(struct receiver *rc, uint64_t tag, enum session_ask ask)
{
	uint64_t slot = tag & 0xffff;
	struct session *s = slot < rc->nslots ? rc->slots[slot] : NULL;

	if (s == NULL || s->tag != tag || s->ask != ask)
		return NULL;
	s->ask = ASK_NOTHING;
	return s;
}

uint64_t
ask_tag(struct session *s, enum session_ask ask)
{
	struct receiver *rc = s->receiver;

	s->ask = ask;
	s->asked_ms = loop_now_ms(rc->role->loop);
	session_watch(s, RECEIVER_ASK_MS);
	s->tag = ++rc->nasked << 16 | s->slot;
	return s->tag;
}

bool
ask_send(struct session *s, const struct ipc_type *type, const void *msg)
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
		.tag = ask_tag(s, ask),
		.client = client_counted(s),
		.is_exempt = networks_hold(l->from.list, l->from.n, &s->address),
		.begin = (uint8_t)begin,
		.is_for_users = load_is_for_users(s->listen),
	};

	return ask_send(s, &ipc_lookup_connect, &m);
}

void
ask_connect(struct session *s)
{
	const struct config_listen *l = s->listen->config;

	bool is_shaking = s->server.is_tls && !stream_is_tls(s->stream);

	/* Who has no address is not counted. */
	if (l == NULL || s->address.n == 0)
		session_admit(s, true);
	else if (!ask_begin(s, ASK_CONNECT, is_shaking ? LOOKUP_SESSION_TLS :
	    !s->server.is_tls && s->listen->tls != NULL ?
	    LOOKUP_SESSION_STARTTLS : LOOKUP_SESSION))
		ask_fail(s);
}

/* A session's first handshake is most often counted since it connected. */
static bool
is_counted_ahead(struct session *s)
{
	if (s->shake == 0 ||
	    loop_now_ms(s->receiver->role->loop) >= s->shake_until_ms)
		return false;
	s->shake = 0;
	return true;
}

void
ask_starttls(struct session *s)
{
	/* Who has no address is counted nowhere. */
	if (is_counted_ahead(s) || client_counted(s).n == 0) {
		smtp_server_starttls(&s->server, shake_may(s) ? RE_START_TLS :
		    RE_TLS_LATER);
		return;
	}
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
	struct session *s = ask_asker(r->self, m->tag, ASK_CONNECT);

	if (s != NULL) {
		s->is_counted = m->is_allowed != 0;
		s->shake = m->shake;
		s->shake_until_ms = loop_now_ms(r->loop) + LOOKUP_SHAKE_MS;
		session_admit(s, m->is_allowed != 0);
		return true;
	}
	s = ask_asker(r->self, m->tag, ASK_STARTTLS);
	if (s != NULL)
		session_starttls(s, m->is_allowed != 0);
	return true;
}

/*
 * Where mail for an address goes: for a recipient, a copy, or EXPN.  True: that
 * was a copy, and more may follow.
 */
static bool
routed(struct session *s, enum session_ask ask, enum smtp_route route,
    struct span domain, struct span key)
{
	bool may_more = false;

	if (ask == ASK_RCPT) {
		rules_routed(s, route, domain, key);
		return false;
	}
	if (ask == ASK_COPY)
		may_more = rules_copy_routed(s, route, domain, key);
	else
		(void)smtp_server_expn(&s->server, route, domain, key);
	members_end(s);
	return may_more;
}

static bool
unrouted(struct session *s, enum session_ask ask)
{
	return routed(s, ask, SMTP_ROUTE_TEMPFAIL, span_of(NULL, 0),
	    span_of(NULL, 0));
}

/* False: it could not be asked. */
static bool
ask_part(struct session *s, enum session_ask ask, struct span address)
{
	struct lookup_rcpt m = { .address = address,
		.from = s->nmembers };
	uint64_t since = s->asked_ms;

	m.tag = ask_tag(s, ask);
	/* Its parts have one patience. */
	if (s->nmembers > 0 || s->ntorn > 0)
		s->asked_ms = since;
	return ask_send(s, &ipc_lookup_rcpt, &m);
}

/* As routed(); false as well while the answer is awaited. */
static bool
ask_route(struct session *s, enum session_ask ask, struct span address)
{
	struct answer *a = cache_find(s->receiver, address);

	members_end(s);
	s->ntorn = 0;
	if (a != NULL)
		return routed(s, ask, a->route,
		    span_of(a->octets + a->naddress, a->ndomain),
		    span_of(a->octets + a->naddress + a->ndomain, a->nkey));
	if (ask_part(s, ask, address))
		return false;
	s->ask = ASK_NOTHING;
	return unrouted(s, ask);
}

/* What the open question was about. */
static struct span
asked_of(const struct session *s, enum session_ask ask)
{
	return ask == ASK_COPY ? rules_copy(s) : s->server.tx.asked;
}

/*
 * A part of an alias' members is here: true, and *route is ALIAS or why not; or
 * false, and the next part was asked for.  Parts of two states of the files do not
 * fit together: then from the beginning.
 */
static bool
gather(struct session *s, enum session_ask ask,
    const struct lookup_rcpt_answer *m, enum smtp_route *route)
{
	bool is_torn = s->nmembers > 0 &&
	    m->generation != s->generation;
	enum err e = ERR_OK;

	if (is_torn) {
		members_end(s);
		e = ++s->ntorn > TORN_MAX ? ERR_AGAIN : ERR_OK;
	} else
		e = members_add(s, ask, m);
	s->generation = m->generation;
	*route = e == ERR_OK ? SMTP_ROUTE_ALIAS : SMTP_ROUTE_TEMPFAIL;
	if (e != ERR_OK || (!is_torn && m->next == 0))
		return true;
	if (ask_part(s, ask, asked_of(s, ask)))
		return false;
	s->ask = ASK_NOTHING;
	*route = SMTP_ROUTE_TEMPFAIL;
	return true;
}

void
ask_rcpt(struct session *s, struct span address)
{
	(void)ask_route(s, ASK_RCPT, address);
}

void
ask_expn(struct session *s, struct span address)
{
	(void)ask_route(s, ASK_EXPN, address);
}

bool
ask_copy(struct session *s, struct span address)
{
	return ask_route(s, ASK_COPY, address);
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
		[LOOKUP_NO_MAIL] = SMTP_ROUTE_NO_MAIL,
		[LOOKUP_ALIAS] = SMTP_ROUTE_ALIAS,
		[LOOKUP_BAD_ALIAS] = SMTP_ROUTE_BAD_ALIAS,
	};
	const struct lookup_rcpt_answer *m = msg;
	struct lookup_rcpt_answer seen = *m;
	struct receiver *rc = r->self;
	enum session_ask ask = ASK_RCPT;
	enum smtp_route route;
	struct session *s;

	if (m->route >= LOOKUP_ROUTE_COUNT)
		return false;
	route = routes[m->route];
	seen.route = (uint8_t)route;
	if (m->generation > rc->generation) {
		cache_clear(rc);
		rc->generation = m->generation;
	}
	s = ask_asker(rc, m->tag, ask);
	if (s == NULL)
		s = ask_asker(rc, m->tag, ask = ASK_COPY);
	if (s == NULL)
		s = ask_asker(rc, m->tag, ask = ASK_EXPN);
	if (s == NULL)
		return true;
	if (route == SMTP_ROUTE_ALIAS && !gather(s, ask, m, &route))
		return true;
	/* Members are not remembered, nor that they could not be had. */
	if (m->route != LOOKUP_ALIAS)
		cache_add(rc, asked_of(s, ask), &seen);
	if (routed(s, ask, route, m->domain, m->key))
		rules_commit(s);
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
	ask_auth_can(rc, m->can);
	receiver_policy_load(rc);
	return true;
}

bool
ask_lists(struct session *s, enum lookup_fact fact, struct span subject)
{
	uint8_t lower[RULES_SUBJECT_MAX];
	struct lookup_lists m = { .fact = (uint8_t)fact };

	/* A client's octets are an address, and stay as they are. */
	subject.n = MIN(subject.n, sizeof lower);
	for (size_t i = 0; i < subject.n; i++)
		lower[i] = fact == LOOKUP_FACT_CLIENT ? subject.p[i] :
		    ascii_lower(subject.p[i]);
	m.subject = span_of(lower, subject.n);
	m.tag = ask_tag(s, ASK_LISTS);
	if (ask_send(s, &ipc_lookup_lists, &m))
		return true;
	s->ask = ASK_NOTHING;
	return false;
}

/* At connect the way leads to a greeting, which goes on by itself. */
static void
listed(struct session *s, uint64_t yes, uint64_t known)
{
	bool is_greeted = s->is_greeted;

	rules_listed(s, yes, known);
	if (is_greeted)
		session_go_on(s);
}

bool
ask_lists_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	const struct lookup_lists_answer *m = msg;
	struct session *s = ask_asker(r->self, m->tag, ASK_LISTS);

	if (s != NULL)
		listed(s, m->yes, m->known);
	return true;
}

/* --- submission ------------------------------------------------------------ */

/* Nobody goes on here: we may be inside of the machine's loop. */
static void
submit_answered(struct session *s, enum session_ask ask, enum smtp_reply re)
{
	(ask == ASK_MAIL ? release_mail : release_content)(s, re);
}

static bool
ask_submit(struct session *s, enum session_ask ask, struct span addresses)
{
	const struct config *c = s->receiver->role->config;
	struct lookup_submit m = {
		.stage = ask == ASK_MAIL ? LOOKUP_SUBMIT_MAIL :
		    LOOKUP_SUBMIT_CONTENT,
		.user = buf_span(&s->server.user),
		.client = client_counted(s),
		.addresses = addresses,
		.recipients = s->server.tx.nrecipients,
	};

	if (s->listen->policy.listener != SMTP_SUBMISSION ||
	    (c->is_foreign_sender_allowed && c->limits.user_messages == 0 &&
	    c->limits.user_recipients == 0))
		return false;
	m.tag = ask_tag(s, ask);
	if (!ask_send(s, &ipc_lookup_submit, &m)) {
		s->ask = ASK_NOTHING;
		submit_answered(s, ask, RE_BAD_TABLE);
	}
	return true;
}

bool
ask_mail(struct session *s)
{
	return ask_submit(s, ASK_MAIL, s->server.tx.reverse_path);
}

bool
ask_content(struct session *s)
{
	return ask_submit(s, ASK_CONTENT, buf_span(&s->server.submit.senders));
}

bool
ask_submit_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	static const enum smtp_reply replies[LOOKUP_SUBMIT_RESULT_COUNT] = {
		[LOOKUP_SUBMIT_OK] = RE_NONE,
		[LOOKUP_SUBMIT_FOREIGN] = RE_FOREIGN_SENDER,
		[LOOKUP_SUBMIT_RATE] = RE_USER_RATE,
		[LOOKUP_SUBMIT_STOPPED] = RE_USER_STOPPED,
		[LOOKUP_SUBMIT_TEMPFAIL] = RE_BAD_TABLE,
	};
	const struct lookup_submit_answer *m = msg;
	enum smtp_reply re;
	struct session *s;

	if (m->result >= LOOKUP_SUBMIT_RESULT_COUNT)
		return false;
	re = replies[m->result];
	if ((s = ask_asker(r->self, m->tag, ASK_MAIL)) != NULL) {
		release_mail(s, re);
	} else if ((s = ask_asker(r->self, m->tag, ASK_CONTENT)) != NULL) {
		if (re == RE_FOREIGN_SENDER) {
			submit_say_foreign(&s->server.submit, m->which);
			re = RE_IDENTITY;
		}
		release_content(s, re);
	}
	/* Else it waits for its sync, or for a copy's route. */
	if (s != NULL && !s->server.is_waiting)
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
	if (ask == ASK_LISTS) {
		listed(s, 0, 0);
		return;
	}
	if (ask == ASK_MAIL || ask == ASK_CONTENT)
		submit_answered(s, ask, RE_BAD_TABLE);
	else if (ask == ASK_RCPT || ask == ASK_COPY || ask == ASK_EXPN)
		(void)unrouted(s, ask);
	else if (ask == ASK_GREYLIST)
		grey_fail(s);
	else if (ask == ASK_SENDER)
		sender_fail(s);
	else if (ask == ASK_RELEASE_MAIL || ask == ASK_RELEASE_CONTENT)
		release_fail(s, ask);
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
		(void)ask_send(s, &ipc_lookup_disconnect, &m);
	ask_fail(s);
}

void
ask_forget(struct session *s)
{
	struct lookup_disconnect m = { .client = address_span(&s->address),
		.shake = s->shake };
	struct role *r = s->receiver->role;
	struct role_peer *lookup = role_peer(r, IPC_ROLE_LOOKUP);

	/* A count that is not given back would last: then rather a new lookup. */
	if (s->is_counted && lookup != NULL &&
	    !ask_send(s, &ipc_lookup_disconnect, &m))
		role_cut(r, lookup, "it does not take counts");
	grey_forget(s);
	s->is_counted = false;
	s->shake = 0;
	s->ask = ASK_NOTHING;
}

static bool
is_lookups(enum session_ask ask)
{
	return ask != ASK_GREYLIST && ask != ASK_SENDER &&
	    ask != ASK_RELEASE_MAIL && ask != ASK_RELEASE_CONTENT;
}

void
ask_lookup_went(struct receiver *rc)
{
	cache_clear(rc);
	rc->generation = 0;
	for (uint32_t i = 0; i < rc->nslots; i++)
		if (rc->slots[i] != NULL) {
			rc->slots[i]->is_counted = false;
			rc->slots[i]->shake = 0;
			if (is_lookups(rc->slots[i]->ask))
				ask_fail(rc->slots[i]);
		}
}
