/*
 * accept.c - each `listen` and the UNIX socket, and the policy of each.
 */
#include "role/receiver/receiver.h"

#include <unistd.h>

bool
receiver_listener(struct role *r, uint32_t row, int fd)
{
	struct receiver *rc = r->self;

	if (rc->nlistens == COUNT(rc->listens) ||
	    (row != CONTROL_LISTEN_SOCKET && row >= r->config->nlistens)) {
		(void)close(fd);
		return false;
	}
	rc->listens[rc->nlistens++] = (struct receiver_listen){
		.receiver = rc,
		.config = row == CONTROL_LISTEN_SOCKET ? NULL :
		    &r->config->listens[row],
		.fd = fd,
	};
	return true;
}

/* Whose postmaster "<Postmaster>" is: our own name's, else the first domain's. */
static struct span
home(const struct config *c)
{
	struct span host = span_str(c->hostname);

	if (c->ndomains == 0 || config_domain_find(c, host) != NULL)
		return host;
	return span_str(c->domains[0].name);
}

static void
policy_fill(struct receiver_listen *l, const struct config *c)
{
	static const enum smtp_listener kinds[CONFIG_LISTEN_KIND_COUNT] = {
		[CONFIG_LISTEN_MX] = SMTP_MX,
		[CONFIG_LISTEN_SUBMISSION] = SMTP_SUBMISSION,
		[CONFIG_LISTEN_RELAY] = SMTP_RELAY,
	};
	const struct config_limits *m = &c->limits;

	l->name = l->config == NULL ? "local" :
	    config_listen_name(l->config->kind);
	l->policy = (struct smtp_policy){
		.listener = l->config == NULL ? SMTP_LOCAL :
		    kinds[l->config->kind],
		.hostname = span_str(c->hostname),
		.home = home(c),
		.has_tls = l->receiver->tls != NULL && l->config != NULL &&
		    l->config->tls == CONFIG_TLS_STARTTLS,
		.message_size = m->message_size,
		.recipients = m->recipients,
		.errors_soft = m->errors_soft,
		.errors = m->errors,
		.commands = m->commands,
		.mails = m->mails,
		.bad_recipients = m->bad_recipients,
		.body_line = m->body_line,
		.auth_per_session = m->auth_per_session,
		.hops = m->hops,
		.hops_own = m->hops_own,
	};
}

bool
receiver_listen_load(struct receiver *rc)
{
	const struct config *c = rc->role->config;

	for (size_t i = 0; i < rc->nlistens; i++) {
		struct receiver_listen *l = &rc->listens[i];

		policy_fill(l, c);
		if (rc->tls == NULL && l->config != NULL &&
		    l->config->tls == CONFIG_TLS_IMPLICIT)
			return false;
	}
	return true;
}

static void
on_accepted(void *ctx, int fd, const struct listener_peer *peer)
{
	session_new(ctx, fd, peer);
}

static void
on_starved(void *ctx, int error)
{
	struct receiver_listen *l = ctx;
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARN, NULL, "starved");
	log_str(&line, "listen", l->name);
	log_str(&line, "why", strerror(error));
	role_log(l->receiver->role, &line);
}

void
receiver_listen_start(struct receiver *rc)
{
	static const struct listener_ops ops = { on_accepted, on_starved };

	if (rc->is_listening || rc->is_stopping)
		return;
	rc->is_listening = true;
	for (size_t i = 0; i < rc->nlistens; i++) {
		struct receiver_listen *l = &rc->listens[i];

		if (listener_new(rc->role->loop, l->fd, &ops, l,
		    &l->listener) != ERR_OK)
			(void)close(l->fd);
	}
}

void
receiver_listen_stop(struct receiver *rc)
{
	for (size_t i = 0; i < rc->nlistens; i++) {
		listener_free(rc->listens[i].listener);
		rc->listens[i].listener = NULL;
	}
}
