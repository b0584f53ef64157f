/*
 * tls.c - a TLS context for each listener, with the same certificates; their keys
 * are asked for signatures (signer.c).
 */
#include "role/receiver/receiver.h"

#include "os/file.h"

#include <stdio.h>

#define PEM_MAX		(256u * 1024)

/* "tls-cert:7" is that of row 7; false: another purpose, or no such row. */
static bool
row_of(struct span purpose, struct span what, uint64_t nrows, uint64_t *row)
{
	return nrows > 0 && span_starts(purpose, what) &&
	    span_u64(span_skip(purpose, what.n), nrows - 1, row) == ERR_OK;
}

static bool
say(void *ctx, const struct keys_sign *m)
{
	struct receiver *rc = ctx;

	return role_send(rc->role, role_peer(rc->role, IPC_ROLE_KEYS),
	    &ipc_keys_sign, m, NULL) == ERR_OK;
}

/* The supervisor's first word to us comes before load(). */
static void
begin(struct receiver *rc)
{
	if (rc->signer.seam.ask == NULL)
		signer_begin(&rc->signer, say, rc);
}

/* All certificates; the first listener's context is made from it. */
static enum err
base_make(struct receiver *rc, struct tls_context **base)
{
	const struct config *c = rc->role->config;
	enum err e = ERR_OK;

	for (size_t i = 0; i < c->ntls && e == ERR_OK; i++) {
		struct span cert = buf_span(&rc->certificates[i]);
		const struct tls_signer *signer = &rc->signer.seam;
		char why[TLS_WHY_MAX];

		e = i == 0 ? tls_context_server(cert, signer, base, why) :
		    tls_context_add(*base, cert, signer, why);
		if (e != ERR_OK)
			(void)fprintf(stderr, "posthorse: %s: %s\n",
			    c->tls[i].certificate, why);
	}
	return e;
}

/* Who must prove each time who it is gets no tickets (TLS-5). */
static enum err
listener_clients(const struct receiver_listen *l, struct tls_context *tls)
{
	const struct config_listen *c = l->config;
	size_t row = (size_t)(c - l->receiver->role->config->listens);
	struct tls_clients who = {
		.is_required = c->client.demand == CONFIG_CLIENT_REQUIRED,
		.ca_pem = buf_span(&l->receiver->client_cas[row]),
		.prints = c->client.prints,
		.nprints = c->client.nprints,
	};
	char why[TLS_WHY_MAX];
	enum err e = tls_context_clients(tls, &who, why);

	_Static_assert(TLS_PRINT_OCTETS == CONFIG_PRINT_OCTETS, "one hash");
	if (e != ERR_OK)
		(void)fprintf(stderr, "posthorse: %s: %s\n",
		    c->client.ca_file, why);
	return e;
}

/* Behind XCLIENT the certificate is that of the peer, not of the client. */
bool
receiver_identity(const struct session *s, struct tls_identity *id)
{
	const struct tls_conn *tls = s->stream == NULL || s->is_become ? NULL :
	    stream_tls_conn(s->stream);

	return tls != NULL && tls_conn_identity(tls, id);
}

bool
receiver_is_trusted(const struct session *s)
{
	const struct config_listen *c = s->listen->config;
	struct tls_identity id;

	return networks_hold(c->from.list, c->from.n, &s->address) ||
	    receiver_identity(s, &id);
}

/* What tells this listener from others: a ticket is good there only. */
static enum err
listener_tls(struct receiver_listen *l, const struct tls_context *base,
    struct tls_tickets *tickets, struct tls_context **tls)
{
	const struct config_listen *c = l->config;
	struct buf name = buf_make(256);
	struct tls_context *t = NULL;
	enum err e = buf_addf(&name, "%s %u ", config_listen_name(c->kind),
	    c->port);

	if (e == ERR_OK && c->address.n > 0)
		e = address_print(&c->address, &name);
	if (e == ERR_OK)
		e = tls_context_like(base, &t);
	if (e == ERR_OK)
		e = c->client.demand != CONFIG_CLIENT_NONE ?
		    listener_clients(l, t) :
		    tls_context_tickets(t, tickets, buf_span(&name));
	buf_free(&name);
	if (e != ERR_OK) {
		tls_context_free(t);
		return e;
	}
	*tls = t;
	return ERR_OK;
}

/* What is there already is replaced; connections hold what they have. */
static enum err
listeners_make(struct receiver *rc, const struct tls_context *base)
{
	for (size_t i = 0; i < rc->nlistens; i++) {
		struct receiver_listen *l = &rc->listens[i];
		struct tls_context *t;
		enum err e;

		if (l->config == NULL || l->config->tls == CONFIG_TLS_NONE)
			continue;
		e = listener_tls(l, base, rc->tickets, &t);
		if (e != ERR_OK)
			return e;
		tls_context_free(l->tls);
		l->tls = t;
	}
	return ERR_OK;
}

/*
 * A certificate has changed on disk, and keys has its key already.  Old
 * sessions go on with the old one.
 */
static void
renew(struct receiver *rc)
{
	struct tls_context *base = NULL;
	enum err e = base_make(rc, &base);
	struct log_line line;

	if (e == ERR_OK)
		e = listeners_make(rc, base);
	tls_context_free(base);
	if (e == ERR_OK)
		return;
	/* Whom we could not give it keeps the last one. */
	log_begin(&line, LOG_LEVEL_ALARM, NULL, "certificate-kept");
	log_str(&line, "why", err_name(e));
	role_log(rc->role, &line);
}

static enum err
pem_read(struct buf *to, int fd)
{
	buf_free(to);
	*to = buf_make(PEM_MAX);
	return file_read_all(fd, to);
}

bool
receiver_file(struct role *r, struct span purpose, int fd)
{
	struct receiver *rc = r->self;
	enum err e = ERR_NONE;
	uint64_t row;

	begin(rc);
	if (row_of(purpose, SPAN("tls-cert:"), r->config->ntls, &row))
		e = pem_read(&rc->certificates[row], fd);
	else if (row_of(purpose, SPAN("client-ca:"), r->config->nlistens,
	    &row))
		e = pem_read(&rc->client_cas[row], fd);
	file_close(fd);
	if (e == ERR_OK && rc->signer.timer != NULL)
		renew(rc);
	return e == ERR_OK;
}

bool
receiver_tls_load(struct receiver *rc)
{
	struct tls_context *base = NULL;
	enum err e;

	begin(rc);
	if (rc->role->config->ntls == 0)
		return true;
	e = base_make(rc, &base);
	if (e == ERR_OK && tls_tickets_new(&rc->tickets) != ERR_OK) {
		(void)fputs("posthorse: receiver: no memory can be locked "
		    "(RLIMIT_MEMLOCK)\n", stderr);
		e = ERR_IO;
	}
	if (e == ERR_OK)
		e = listeners_make(rc, base);
	tls_context_free(base);
	return e == ERR_OK && tls_warm_up() == ERR_OK;
}

bool
receiver_tls_start(struct receiver *rc)
{
	return signer_start(&rc->signer, rc->role->loop) == ERR_OK;
}

void
receiver_keys_went(struct receiver *rc)
{
	signer_keys_went(&rc->signer);
}

bool
receiver_signature(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	struct receiver *rc = r->self;

	return signer_answer(&rc->signer, msg);
}

bool
receiver_ticket_key(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	const struct keys_ticket_key *m = msg;
	struct receiver *rc = r->self;

	if (rc->tickets == NULL || m->key.n != TLS_TICKET_KEY)
		return false;
	tls_tickets_add(rc->tickets, m->key, m->seals_ms, m->opens_ms);
	return true;
}
