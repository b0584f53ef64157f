/*
 * lookup.c - posthorse-lookup: the role itself.
 */
#include "role/lookup/backends.h"
#include "role/lookup/issuers.h"
#include "role/lookup/login.h"

#include "ipc/login.h"
#include "os/file.h"

#include <stdlib.h>
#include <unistd.h>

#define SALTS_FILE_MAX	4096u	/* octets of a scram-secret */

/* --- where does mail for an address go? --- */

static void
route(struct role *r, const struct role_peer *from,
    const struct lookup_rcpt *q, struct lookup_rcpt_answer *m,
    struct known **once)
{
	static const uint8_t routes[ROUTE_COUNT] = {
		[ROUTE_UNKNOWN] = LOOKUP_UNKNOWN,
		[ROUTE_LOCAL] = LOOKUP_LOCAL,
		[ROUTE_REMOTE] = LOOKUP_REMOTE,
		[ROUTE_TEMPFAIL] = LOOKUP_TEMPFAIL,
		[ROUTE_NO_MAIL] = LOOKUP_NO_MAIL,
		[ROUTE_ALIAS] = LOOKUP_ALIAS,
	};
	const struct route_found f = lookup_find(r, q->address);

	m->generation = lookup_of(r)->generation;
	m->route = routes[f.route];
	if (f.domain != NULL)
		m->domain = span_str(f.domain->name);
	if (f.user != NULL)
		m->key = f.user->name;
	if (f.alias != NULL)
		lookup_expand(r, from, &f, q, m, once);
	else if (f.is_sure)
		m->cache_ms = LOOKUP_CACHE_MS;
}

static bool
handle_rcpt(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_rcpt *q = msg;
	struct lookup_rcpt_answer m = {
		.tag = q->tag, .generation = lookup_of(r)->generation,
	};
	struct known *once = NULL;
	bool is_sent;

	route(r, from, q, &m, &once);
	is_sent = role_send(r, from, &ipc_lookup_rcpt_answer, &m, NULL) ==
	    ERR_OK;
	free(once);
	return is_sent;
}

/* --- may one more session, or handshake, begin? --- */

static bool
may_begin(struct role *r, struct role_peer *from,
    const struct lookup_connect *q, const struct address *client)
{
	struct limits *l = &lookup_of(r)->limits;
	uint64_t now = loop_now_ms(r->loop);

	if (q->begin != LOOKUP_HANDSHAKE &&
	    !limits_has_place(l, q->is_for_users != 0))
		return false;
	if ((q->begin == LOOKUP_SESSION_TLS || q->begin == LOOKUP_HANDSHAKE) &&
	    !limits_handshake(l, client, q->is_exempt != 0, now))
		return false;
	return q->begin == LOOKUP_HANDSHAKE ||
	    limits_connect(l, from->data, client, q->is_exempt != 0, now);
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
	m.is_allowed = may_begin(r, from, q, &client);
	if (m.is_allowed && q->begin == LOOKUP_SESSION_STARTTLS)
		m.shake = limits_shake_ahead(&lookup_of(r)->limits, &client,
		    q->is_exempt != 0, loop_now_ms(r->loop));
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
	if (limits_disconnect(&lookup_of(r)->limits, from->data, &client))
		limits_unshaken(&lookup_of(r)->limits, &client, q->shake);
	return true;
}

static void
peer_came(struct role *r, struct role_peer *p)
{
	struct lookup_changed m = lookup_news(r);
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
	if (p->kind == IPC_ROLE_BACKEND)
		backends_went(r, p);
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
	uint8_t octets[SIPHASH_KEY_OCTETS];

	if (l->domains != NULL)
		return true;
	l->domains = calloc(r->config->ndomains + 1, sizeof *l->domains);
	if (l->domains == NULL)
		return false;
	role_random(r, octets, sizeof octets);
	l->key = siphash_key_make(octets);
	role_random(r, l->kept.key, sizeof l->kept.key);
	explicit_bzero(octets, sizeof octets);
	l->limits = limits_make(&l->key, &r->config->limits);
	l->rates = rates_make(&l->key, &r->config->limits);
	l->known = map_make(l->key);
	/* No two lookups count alike. */
	role_random(r, &l->generation, sizeof l->generation);
	l->generation >>= 1;
	for (size_t i = 0; i < r->config->ndomains; i++) {
		l->domains[i].watched = (struct watched){
			.folder = -1,
			.file = strrchr(r->config->domains[i].users_file,
			    '/') + 1,
		};
		l->domains[i].table = table_make(&l->key);
		l->domains[i].aliases = aliases_make(&l->key);
		l->domains[i].aliases_watched.folder = -1;
		if (r->config->domains[i].aliases_file[0] != '\0')
			l->domains[i].aliases_watched.file =
			    strrchr(r->config->domains[i].aliases_file,
			    '/') + 1;
	}
	for (size_t k = 0; k < r->config->noauths; k++) {
		l->issuers[k].watched.folder = -1;
		if (r->config->oauths[k].keys_file[0] != '\0')
			l->issuers[k].watched.file =
			    strrchr(r->config->oauths[k].keys_file, '/') + 1;
	}
	return lookup_lists_begin(r);
}

/* Where the folder of a file is kept, by its purpose; NULL: no such. */
static int *
folder_for(struct role *r, struct span purpose)
{
	struct lookup *l = lookup_of(r);
	struct span kind = span_take(&purpose, span_find(purpose, ':'));
	uint64_t row;

	if (purpose.n == 0 || span_u64(span_skip(purpose, 1), UINT32_MAX,
	    &row) != ERR_OK)
		return NULL;
	if (span_eq(kind, SPAN("users")) && row < r->config->ndomains)
		return &l->domains[row].watched.folder;
	if (span_eq(kind, SPAN("aliases")) && row < r->config->ndomains)
		return &l->domains[row].aliases_watched.folder;
	if (span_eq(kind, SPAN("list")) && row < lookup_lists_count(r))
		return &l->lists[row].watched.folder;
	if (span_eq(kind, SPAN("keys")) && row < r->config->noauths)
		return &l->issuers[row].watched.folder;
	return NULL;
}

/* Its first line, as a key; the line itself is kept nowhere. */
static bool
take_salts(struct role *r, struct span row, int fd)
{
	struct buf text = buf_make(SALTS_FILE_MAX);
	struct span line;
	uint64_t i;
	enum err e = file_read_all(fd, &text);

	(void)close(fd);
	line = span_of(text.p, span_find(buf_span(&text), '\n'));
	if (e == ERR_OK && (line.n == 0 ||
	    span_u64(row, CONFIG_BACKENDS_MAX - 1, &i) != ERR_OK))
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		e = fake_key_make(line, &lookup_of(r)->salts[i]);
	buf_wipe(&text);
	buf_free(&text);
	return e == ERR_OK;
}

static bool
lookup_file(struct role *r, struct span purpose, int fd)
{
	static const struct span salts = { (const uint8_t *)"scram-secret:",
		sizeof "scram-secret:" - 1 };
	int *folder = lookup_begin(r) ? folder_for(r, purpose) : NULL;

	if (lookup_begin(r) && span_starts(purpose, salts))
		return take_salts(r, span_skip(purpose, salts.n), fd);
	if (folder == NULL) {
		(void)close(fd);
		return false;
	}
	if (*folder >= 0)
		(void)close(*folder);
	*folder = fd;
	return true;
}

/*
 * OpenSSL loads late what it loads: before the sandbox it may.  jansson would
 * open a file for chance.
 */
static bool
warm_up(struct role *r)
{
	static const struct verifier nobody;
	uint8_t signature[VERIFIER_KEY];
	size_t seed = 0;

	while (seed == 0)
		role_random(r, &seed, sizeof seed);
	json_object_seed(seed);
	return verifier_check(&nobody, SPAN("warm"), nobody.stored,
	    signature) == ERR_DENIED;
}

static bool
may_reach(struct role *r, int folder)
{
	return folder < 0 || role_reach_dir(r, folder, false) == ERR_OK;
}

static bool
lookup_load(struct role *r)
{
	struct lookup *l = lookup_of(r);

	if (!lookup_begin(r) || !warm_up(r))
		return false;
	for (size_t i = 0; i < r->config->ndomains; i++)
		if (!may_reach(r, l->domains[i].watched.folder) ||
		    !may_reach(r, l->domains[i].aliases_watched.folder))
			return false;
	for (size_t i = 0; i < lookup_lists_count(r); i++)
		if (!may_reach(r, l->lists[i].watched.folder))
			return false;
	for (size_t i = 0; i < r->config->noauths; i++)
		if (!may_reach(r, l->issuers[i].watched.folder))
			return false;
	return true;
}

static void
poll_due(void *ctx)
{
	struct role *r = ctx;

	lookup_poll(r);
	lookup_lists_poll(r);
	loop_timer_set(lookup_of(r)->poll, LOOKUP_POLL_MS);
}

static bool
lookup_start(struct role *r)
{
	struct lookup *l = lookup_of(r);

	return backends_new(r, &l->backends) == ERR_OK &&
	    loop_timer_new(r->loop, poll_due, r, &l->poll) == ERR_OK &&
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
	{ IPC_ROLE_RECEIVER, &ipc_lookup_lists, lookup_handle_lists },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_auth, lookup_handle_auth },
	{ IPC_ROLE_RECEIVER, &ipc_login_salt, login_handle_salt },
	{ IPC_ROLE_RECEIVER, &ipc_login_proof, login_handle_proof },
	{ IPC_ROLE_RECEIVER, &ipc_login_identity, login_handle_identity },
	{ IPC_ROLE_RECEIVER, &ipc_login_token, issuers_handle_token },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_connect, handle_connect },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_disconnect, handle_disconnect },
	{ IPC_ROLE_RECEIVER, &ipc_lookup_submit, lookup_handle_submit },
	{ IPC_ROLE_ADMIN, &ipc_steer_ask, lookup_handle_steer },
	{ IPC_ROLE_BACKEND, &ipc_backend_answer, backends_handle_answer },
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
