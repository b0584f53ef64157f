/*
 * main.c - the role that holds the private keys: no network, no disk, and
 * nothing to ask it but a handshake's signature.
 */
#include "role/keys/keys.h"

#include "io/tls.h"
#include "os/file.h"
#include "role/keys/tickets.h"
#include "role/role.h"

#include <stdio.h>
#include <stdlib.h>

#define AUTHORITIES_MAX	(256u * 1024)	/* octets of PEM; receivers take no more */

/* A handshake may last for 30 s (section 19). */
#define FORGET_MS	60000u

struct keys {
	struct role		*role;
	struct keys_held	 held;
	struct tickets		*tickets;
	struct loop_timer	*forget;	/* keys of before a reload */
	struct loop_task	 turned;	/* counts begin anew */
	bool			 is_serving;
};

/*
 * What was asked in this turn is answered at its end, and nobody may have asked for
 * more than that: each turn is short, and each receiver has its part of it.
 */
static void
on_turned(void *ctx)
{
	struct keys *k = ctx;
	struct role_peer *p = NULL;

	while ((p = role_peer_next(k->role, p)) != NULL)
		p->data = NULL;
}

static bool
may_ask(struct keys *k, struct role_peer *from)
{
	uintptr_t nasked = (uintptr_t)from->data + 1;

	from->data = (void *)nasked;
	loop_task_ask(k->role->loop, &k->turned);
	return nasked <= KEYS_ASKED_MAX;
}

/*
 * False: the receiver asks too much, or takes no answers.  An answer that is lost for
 * want of memory would be waited for until we end (signer.c counts it), so we do.
 */
static bool
on_sign(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	struct keys *k = r->self;
	struct tls_signature signature;
	struct keys_signature answer;
	enum err e;

	if (!may_ask(k, from))
		return false;
	answer = keys_held_sign(&k->held, msg, &signature);
	e = role_send(r, from, &ipc_keys_signature, &answer, NULL);
	if (e == ERR_NOMEM)
		role_done(r);
	return e != ERR_FULL;
}

/* Files */

static bool
row_of(struct span purpose, struct span what, uint64_t nrows, uint64_t *row)
{
	return nrows > 0 && span_starts(purpose, what) &&
	    span_u64(span_skip(purpose, what.n), nrows - 1, row) == ERR_OK;
}

/* All the room at once: growing would leave copies behind. */
static bool
pem_read(struct buf *to, int fd)
{
	buf_wipe(to);
	buf_free(to);
	*to = buf_make(KEYS_PEM_MAX);
	if (buf_room(to, KEYS_PEM_MAX) != ERR_OK)
		return false;
	/* What cannot be read, or is no text at all, is no pair: that is said
	 * when both halves are there. */
	return (file_read_all(fd, to) == ERR_OK && to->n > 0) ||
	    buf_add(to, SPAN("\n")) == ERR_OK || to->n > 0;
}

/* To the log, and to the supervisor, who waits for it. */
static bool
tell(struct keys *k, size_t row, const char *file, enum err e, const char *why)
{
	const struct control_pair m = { .row = (uint32_t)row,
		.is_good = e == ERR_OK };
	struct log_line line;

	log_begin(&line, m.is_good ? LOG_LEVEL_INFO : LOG_LEVEL_ALARM, NULL,
	    m.is_good ? "certificate-renewed" : "certificate-kept");
	log_str(&line, "file", file);
	if (!m.is_good)
		log_str(&line, "why", why);
	role_log(k->role, &line);
	return role_send(k->role, role_peer(k->role, IPC_ROLE_SUPERVISOR),
	    &ipc_control_pair, &m, NULL) == ERR_OK;
}

/* While we serve: a pair that has changed on disk. */
static bool
renew(struct keys *k, size_t row)
{
	char why[TLS_WHY_MAX];
	enum err e;

	if (!keys_held_has_pair(&k->held, row))
		return true;	/* its other half comes next */
	e = keys_held_read(&k->held, row, why);
	if (e == ERR_OK)
		loop_timer_set(k->forget, FORGET_MS);
	return tell(k, row, k->role->config->tls[row].certificate, e, why);
}

/* So have authorities of a listener's clients; only that they are some is ours. */
static bool
judge_authorities(struct keys *k, size_t listen, int fd)
{
	const struct config *c = k->role->config;
	struct buf pem = buf_make(AUTHORITIES_MAX);
	char why[TLS_WHY_MAX] = "it cannot be read";
	enum err e = file_read_all(fd, &pem);

	if (e == ERR_OK)
		e = tls_authorities_check(buf_span(&pem), why);
	buf_free(&pem);
	return tell(k, c->ntls + listen, c->listens[listen].client.ca_file, e,
	    why);
}

static bool
on_file(struct role *r, struct span purpose, int fd)
{
	struct keys *k = r->self;
	const struct config *c = r->config;
	bool is_good = false;
	uint64_t row;

	k->role = r;
	if (row_of(purpose, SPAN("client-ca:"), c->nlistens, &row)) {
		is_good = k->is_serving && judge_authorities(k, row, fd);
		file_close(fd);
		return is_good;
	}
	if (row_of(purpose, SPAN("tls-cert:"), c->ntls, &row))
		is_good = pem_read(&k->held.rows[row].certificate, fd);
	else if (row_of(purpose, SPAN("tls-key:"), c->ntls, &row))
		is_good = pem_read(&k->held.rows[row].pem, fd);
	else
		row = 0;
	file_close(fd);
	return is_good && (!k->is_serving || renew(k, row));
}

/* Life */

static void
on_forget(void *ctx)
{
	struct keys *k = ctx;

	keys_held_forget(&k->held);
}

static bool
load_keys(struct keys *k)
{
	const struct config *c = k->role->config;
	char why[TLS_WHY_MAX];

	for (size_t i = 0; i < c->ntls; i++)
		if (keys_held_read(&k->held, i, why) != ERR_OK) {
			(void)fprintf(stderr, "posthorse: %s, %s: %s\n",
			    c->tls[i].certificate, c->tls[i].key, why);
			return false;
		}
	return true;
}

static bool
on_load(struct role *r)
{
	struct keys *k = r->self;

	k->role = r;
	k->turned = (struct loop_task){ .run = on_turned, .ctx = k };
	/* MEM-7: what OpenSSL has for everybody comes before the vault. */
	if (tls_key_vault_open() != ERR_OK || tls_warm_up() != ERR_OK ||
	    tls_key_vault_close() != ERR_OK) {
		(void)fputs("posthorse: keys: no memory can be locked "
		    "(RLIMIT_MEMLOCK)\n", stderr);
		return false;
	}
	return load_keys(k);
}

static bool
on_start(struct role *r)
{
	struct keys *k = r->self;

	return loop_timer_new(r->loop, on_forget, k, &k->forget) == ERR_OK &&
	    tickets_new(r, &k->tickets) == ERR_OK;
}

static void
on_peer_came(struct role *r, struct role_peer *p)
{
	const struct keys *k = r->self;

	tickets_tell(k->tickets, p);
}

static void
on_serve(struct role *r)
{
	struct keys *k = r->self;

	k->is_serving = true;
}

static void
on_stop(struct role *r)
{
	role_done(r);
}

int
main(void)
{
	static const struct role_row rows[] = {
		{ IPC_ROLE_RECEIVER, &ipc_keys_sign, on_sign },
	};
	static const struct role_desc desc = {
		.kind = IPC_ROLE_KEYS,
		.self_size = sizeof(struct keys),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = on_file,
		.load = on_load,
		.start = on_start,
		.serve = on_serve,
		.peer_came = on_peer_came,
		.stop = on_stop,
	};

	return role_main(&desc);
}
