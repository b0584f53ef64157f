/*
 * lookup.c - posthorse-lookup: the role itself.
 */
#include "role/lookup/lookup.h"

#include <stdlib.h>
#include <unistd.h>

/* --- where does mail for an address go? --- */

/*
 * The domain whose postmaster is meant by an address without a domain, or by
 * one at our own name (RFC 5321 4.5.1): the first.
 */
static bool
is_our_postmaster(const struct role *r, const struct addr *a)
{
	return r->config->ndomains > 0 &&
	    span_eq_nocase(a->local, SPAN("postmaster")) &&
	    span_eq_nocase(a->domain, span_str(r->config->hostname));
}

static void
route_in(struct role *r, size_t i, const struct addr *a,
    struct lookup_rcpt_answer *m)
{
	const struct config_domain *d = &r->config->domains[i];
	const struct table *t = &lookup_of(r)->domains[i].table;
	const struct table_user *u;
	uint8_t room[ADDR_LOCAL_MAX];

	lookup_look(r, i);
	m->generation = lookup_of(r)->generation;
	m->route = LOOKUP_TEMPFAIL;
	m->domain = span_str(d->name);
	if (!t->is_there)
		return;
	u = table_mailbox(t, table_local(a, room), span_str(d->postmaster));
	m->route = u != NULL ? LOOKUP_LOCAL : LOOKUP_UNKNOWN;
	m->cache_ms = LOOKUP_CACHE_MS;
	if (u != NULL)
		m->key = u->name;
}

static void
route(struct role *r, struct span address, struct lookup_rcpt_answer *m)
{
	struct addr a = { .kind = ADDR_POSTMASTER };
	size_t i = 0;

	m->route = LOOKUP_UNKNOWN;
	if (span_eq_nocase(address, SPAN("postmaster"))) {
		a.local = SPAN("postmaster");
		if (r->config->ndomains > 0)
			route_in(r, 0, &a, m);
		return;
	}
	if (addr_parse(address, &a) != ERR_OK)
		return;
	i = lookup_domain_index(r, a.domain);
	if (i < r->config->ndomains)
		route_in(r, i, &a, m);
	else if (is_our_postmaster(r, &a))
		route_in(r, 0, &a, m);
	else {
		/* By the configuration alone; sure for this process's life. */
		m->route = LOOKUP_REMOTE;
		m->cache_ms = LOOKUP_CACHE_MS;
	}
}

static bool
handle_rcpt(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_rcpt *q = msg;
	struct lookup_rcpt_answer m = {
		.tag = q->tag, .generation = lookup_of(r)->generation,
	};

	route(r, q->address, &m);
	return role_send(r, from, &ipc_lookup_rcpt_answer, &m, NULL) ==
	    ERR_OK;
}

/* --- may one more session, or handshake, begin? --- */

static bool
may_begin(struct role *r, struct role_peer *from, enum lookup_begin what,
    const struct address *client, bool is_exempt)
{
	struct limits *l = &lookup_of(r)->limits;
	uint64_t now = loop_now_ms(r->loop);

	if (what != LOOKUP_SESSION &&
	    !limits_handshake(l, client, is_exempt, now))
		return false;
	return what == LOOKUP_HANDSHAKE ||
	    limits_connect(l, from->data, client, is_exempt, now);
}

static bool
handle_connect(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_connect *q = msg;
	struct lookup_connect_answer m = { .tag = q->tag };
	struct address client;

	if (from->data == NULL || address_make(q->client, &client) != ERR_OK)
		return false;
	m.is_allowed = may_begin(r, from, (enum lookup_begin)q->begin, &client,
	    q->is_exempt != 0);
	return role_send(r, from, &ipc_lookup_connect_answer, &m, NULL) ==
	    ERR_OK;
}

static bool
handle_disconnect(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_disconnect *q = msg;
	struct address client;

	if (from->data == NULL || address_make(q->client, &client) != ERR_OK)
		return false;
	limits_disconnect(&lookup_of(r)->limits, from->data, &client);
	return true;
}

static void
peer_came(struct role *r, struct role_peer *p)
{
	struct lookup_changed m = { lookup_of(r)->generation };
	struct limits_peer *held;

	if (p->kind != IPC_ROLE_RECEIVER)
		return;
	held = calloc(1, sizeof *held);
	if (held == NULL) {
		role_cut(r, p, "out of memory");
		return;
	}
	*held = limits_peer_make(&lookup_of(r)->key);
	p->data = held;
	if (role_send(r, p, &ipc_lookup_changed, &m, NULL) != ERR_OK)
		role_cut(r, p, "does not read");
}

static void
peer_went(struct role *r, struct role_peer *p)
{
	if (p->data == NULL)
		return;
	limits_forget(&lookup_of(r)->limits, p->data);
	free(p->data);
	p->data = NULL;
}

/* --- a role's life --- */

static bool
lookup_begin(struct role *r)
{
	struct lookup *l = lookup_of(r);
	uint8_t octets[3 * SIPHASH_KEY_OCTETS];

	if (l->domains != NULL)
		return true;
	l->domains = calloc(r->config->ndomains + 1, sizeof *l->domains);
	if (l->domains == NULL)
		return false;
	role_random(r, octets, sizeof octets);
	l->key = siphash_key_make(octets);
	l->kept.keys[0] = siphash_key_make(octets + SIPHASH_KEY_OCTETS);
	l->kept.keys[1] = siphash_key_make(octets + 2 * SIPHASH_KEY_OCTETS);
	explicit_bzero(octets, sizeof octets);
	l->limits = limits_make(&l->key, &r->config->limits);
	l->generation = 1;
	for (size_t i = 0; i < r->config->ndomains; i++) {
		l->domains[i].folder = -1;
		l->domains[i].file =
		    strrchr(r->config->domains[i].users_file, '/') + 1;
		l->domains[i].table = table_make(&l->key);
	}
	return true;
}

static bool
lookup_file(struct role *r, struct span purpose, int fd)
{
	uint64_t row;

	if (!lookup_begin(r) || !span_starts(purpose, SPAN("users:")) ||
	    span_u64(span_skip(purpose, strlen("users:")), UINT32_MAX, &row) !=
	    ERR_OK || row >= r->config->ndomains) {
		(void)close(fd);
		return false;
	}
	if (lookup_of(r)->domains[row].folder >= 0)
		(void)close(lookup_of(r)->domains[row].folder);
	lookup_of(r)->domains[row].folder = fd;
	return true;
}

static bool
lookup_load(struct role *r)
{
	if (!lookup_begin(r))
		return false;
	for (size_t i = 0; i < r->config->ndomains; i++)
		if (lookup_of(r)->domains[i].folder >= 0 &&
		    role_reach_dir(r, lookup_of(r)->domains[i].folder,
		    false) != ERR_OK)
			return false;
	return true;
}

static void
poll_due(void *ctx)
{
	struct role *r = ctx;

	lookup_poll(r);
	loop_timer_set(lookup_of(r)->poll, LOOKUP_POLL_MS);
}

static bool
lookup_start(struct role *r)
{
	struct lookup *l = lookup_of(r);

	return loop_timer_new(r->loop, poll_due, r, &l->poll) == ERR_OK &&
	    worker_new(r->loop, LOOKUP_THREADS, LOOKUP_WAITING, &l->hashes) ==
	    ERR_OK;
}

static void
lookup_serve(struct role *r)
{
	poll_due(r);
}

static void
lookup_stop(struct role *r)
{
	role_done(r);
}

static const struct role_row rows[] = {
	{ IPC_ROLE_RECEIVER, &ipc_lookup_rcpt, handle_rcpt },
	{ IPC_ROLE_QUEUE, &ipc_lookup_rcpt, handle_rcpt },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_auth, lookup_handle_auth },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_connect, handle_connect },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_disconnect, handle_disconnect },
};

int
main(void)
{
	static const struct role_desc desc = {
		.kind = IPC_ROLE_LOOKUP,
		.self_size = sizeof(struct lookup),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = lookup_file,
		.load = lookup_load,
		.start = lookup_start,
		.serve = lookup_serve,
		.peer_came = peer_came,
		.peer_went = peer_went,
		.stop = lookup_stop,
	};

	return role_main(&desc);
}
