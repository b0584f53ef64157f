/*
 * sender.c - the role that owns outgoing connections: jobs in, results out.
 */
#include "role/sender/sender.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CA_FILE		"/etc/ssl/certs/ca-certificates.crt"
#define CA_MAX		(4u * 1024 * 1024)	/* octets of a CA file */

/* --- results ----------------------------------------------------------- */

/* Its asker, while it lives: a new queue asks again by itself. */
static struct role_peer *
asker(struct role *r, const struct order *o)
{
	struct role_peer *queue = role_peer(r, IPC_ROLE_QUEUE);

	return queue != NULL && queue->instance == o->asker ? queue : NULL;
}

bool
sender_is_orphan(struct role *r, const struct order *o)
{
	return asker(r, o) == NULL;
}

void
sender_result(struct role *r, struct order *o, struct order_message *m,
    size_t rcpt, const struct deliver_result *result)
{
	struct role_peer *queue = asker(r, o);
	struct deliver_result row = *result;

	if (m->is_answered[rcpt])
		return;
	m->is_answered[rcpt] = true;
	row.job = o->number;
	row.id = m->m.id;
	row.slot = m->slots[rcpt];
	row.text.n = MIN(row.text.n, (size_t)1024);
	row.remote.n = MIN(row.remote.n, (size_t)512);
	row.tls.n = MIN(row.tls.n, (size_t)128);
	if (queue != NULL &&
	    role_send(r, queue, &ipc_deliver_result, &row, NULL) != ERR_OK)
		role_cut(r, queue, "it does not take results");
}

void
sender_give_up_message(struct role *r, struct order *o,
    const struct deliver_result *result)
{
	struct order_message *m = &o->messages[o->current++];

	for (size_t i = 0; i < m->nrcpts; i++)
		sender_result(r, o, m, i, result);
}

static void
log_bad_host(struct role *r, const struct order *o,
    const struct deliver_result *result)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, &o->messages[0].m.id, "host-trouble");
	log_span(&line, "remote", result->remote);
	log_num(&line, "code", result->code);
	log_span(&line, "status", result->status);
	log_span(&line, "text", result->text);
	role_log(r, &line);
}

void
sender_finish(struct role *r, struct order *o,
    const struct deliver_result *result, bool is_kept)
{
	struct sender *s = r->self;
	struct role_peer *queue = asker(r, o);
	struct deliver_end end = {
		.job = o->number,
		.is_site_bad = !o->had_host && result != NULL,
		.is_kept = is_kept,
	};

	if (end.is_site_bad)
		log_bad_host(r, o, result);
	while (result != NULL && o->current < o->nmessages)
		sender_give_up_message(r, o, result);
	if (queue != NULL &&
	    role_send(r, queue, &ipc_deliver_end, &end, NULL) != ERR_OK)
		role_cut(r, queue, "it does not take results");
	order_close(o);
	free(o);
	s->norders--;
	if (s->is_stopping && s->norders == 0)
		role_done(r);
}

void
sender_put_off(struct role *r, struct order *o)
{
	sender_finish(r, o, NULL, false);
}

void
sender_closed(struct role *r, struct span site)
{
	struct role_peer *queue = role_peer(r, IPC_ROLE_QUEUE);
	struct deliver_closed m = { .site = site };

	if (queue != NULL &&
	    role_send(r, queue, &ipc_deliver_closed, &m, NULL) != ERR_OK)
		role_cut(r, queue, "it does not take results");
}

/* --- jobs -------------------------------------------------------------- */

/* MEM-5: nothing of it was tried; the queue asks again later. */
static bool
put_off(struct role *r, struct role_peer *from, const struct deliver_job *m)
{
	struct deliver_end end = { .job = m->job };

	return role_send(r, from, &ipc_deliver_end, &end, NULL) == ERR_OK;
}

static bool
handle_job(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	const struct deliver_job *m = msg;
	struct sender *s = r->self;
	struct order *o = calloc(1, sizeof *o);
	enum err e;

	if (o == NULL) {
		file_close(fds[0]);
		return put_off(r, from, m);
	}
	e = order_open(o, m, from->instance, fds[0]);
	if (e != ERR_OK || m->relay > r->config->nrelays) {
		order_close(o);
		free(o);
		return e == ERR_NOMEM && put_off(r, from, m);
	}
	s->norders++;
	if (s->is_stopping || s->norders > SENDER_ORDERS_MAX)
		sender_put_off(r, o);
	else
		conn_serve(r, o);
	return true;
}

static const struct role_row rows[] = {
	{ IPC_ROLE_QUEUE, &ipc_deliver_job, handle_job },
};

/* --- life -------------------------------------------------------------- */

/* A password file: one line. */
static bool
sender_file(struct role *r, struct span purpose, int fd)
{
	struct sender *s = r->self;
	struct buf *secret;
	uint64_t row;
	enum err e;

	if (!span_starts(purpose, SPAN("relay-secret:")) ||
	    span_u64(span_skip(purpose, 13), CONFIG_RELAYS_MAX - 1, &row) !=
		ERR_OK) {
		file_close(fd);
		return false;
	}
	secret = &s->secrets[row];
	*secret = buf_make(SENDER_SECRET_MAX);
	e = file_read_all(fd, secret);
	file_close(fd);
	while (secret->n > 0 && (secret->p[secret->n - 1] == '\n' ||
				    secret->p[secret->n - 1] == '\r'))
		buf_cut(secret, secret->n - 1);
	return e == ERR_OK;
}

static bool
wants_verifying(const struct config *c)
{
	for (size_t i = 0; i < c->nrelays; i++)
		if (c->relays[i].tls != CONFIG_RELAY_OPPORTUNISTIC)
			return true;
	return false;
}

/* False: they cannot be read, which matters only to some. */
static bool
load_authorities(struct role *r, char why[TLS_WHY_MAX])
{
	struct sender *s = r->self;
	const char *path =
	    r->config->ca_file[0] != '\0' ? r->config->ca_file : CA_FILE;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_IO;

	s->authorities = buf_make(CA_MAX);
	if (fd >= 0)
		e = file_read_all(fd, &s->authorities);
	file_close(fd);
	if (e == ERR_OK)
		return true;
	buf_free(&s->authorities);
	(void)snprintf(why, TLS_WHY_MAX, "cannot read %.90s", path);
	return false;
}

static bool
load_verified(struct role *r, char why[TLS_WHY_MAX])
{
	struct sender *s = r->self;

	if (!load_authorities(r, why))
		return !wants_verifying(r->config);
	return !wants_verifying(r->config) ||
	    tls_context_client(buf_span(&s->authorities), true, &s->verified,
		why) == ERR_OK;
}

/* Most servers never need it: some hundred certificates cost mebibytes. */
struct tls_context *
sender_checked(struct role *r)
{
	struct sender *s = r->self;
	char why[TLS_WHY_MAX];
	struct log_line l;

	if (s->checked != NULL || s->authorities.n == 0)
		return s->checked != NULL ? s->checked : s->any;
	if (tls_context_client(buf_span(&s->authorities), false, &s->checked,
	    why) == ERR_OK) {
		buf_free(&s->authorities);
		return s->checked;
	}
	s->checked = NULL;
	log_begin(&l, LOG_LEVEL_WARN, NULL, "no-authorities");
	log_str(&l, "why", why);
	role_log(r, &l);
	return s->any;
}

static bool
load_ports(struct role *r)
{
	const struct config *c = r->config;

	if (role_reach_port(r, (uint16_t)c->mx_port) != ERR_OK)
		return false;
	for (size_t i = 0; i < c->nrelays; i++)
		if (role_reach_port(r, c->relays[i].port) != ERR_OK)
			return false;
	return true;
}

static bool
sender_load(struct role *r)
{
	struct sender *s = r->self;
	char why[TLS_WHY_MAX] = "";

	s->stuffed = buf_make(STREAM_OUT_MAX);
	if (tls_warm_up() == ERR_OK &&
	    tls_context_client((struct span){ 0 }, false, &s->any, why) ==
		ERR_OK &&
	    load_verified(r, why) && load_ports(r))
		return true;
	(void)fprintf(stderr, "posthorse: sender: %s\n", why);
	return false;
}

static bool
sender_start(struct role *r UNUSED)
{
	return true;
}

static void
sender_stop(struct role *r)
{
	struct sender *s = r->self;

	s->is_stopping = true;
	conn_quit_idle(r);
	if (s->norders == 0)
		role_done(r);
}

int
main(void)
{
	static const struct role_desc desc = {
		.kind = IPC_ROLE_SENDER,
		.self_size = sizeof(struct sender),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = sender_file,
		.load = sender_load,
		.start = sender_start,
		.stop = sender_stop,
	};

	return role_main(&desc);
}
