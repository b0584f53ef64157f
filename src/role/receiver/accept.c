/*
 * accept.c - each `listen` and the UNIX socket, and the policy of each.
 */
#include "role/receiver/receiver.h"

#include <sys/socket.h>
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
		[CONFIG_LISTEN_LMTP] = SMTP_LMTP,
		[CONFIG_LISTEN_CLOSED] = SMTP_CLOSED,
	};
	const struct config_limits *m = &c->limits;
	bool is_full = l->receiver->load == LOAD_FULL;
	uint64_t errors = is_full ? RECEIVER_FULL_ERRORS : UINT64_MAX;
	uint64_t commands = is_full ? RECEIVER_FULL_COMMANDS : UINT64_MAX;
	/* What an hour would never take is refused before it is sent. */
	uint64_t recipients = l->config != NULL &&
	    l->config->kind == CONFIG_LISTEN_SUBMISSION &&
	    m->user_recipients > 0 ? m->user_recipients : UINT64_MAX;

	l->name = l->config == NULL ? "local" :
	    config_listen_name(l->config->kind);
	l->policy = (struct smtp_policy){
		.listener = l->config == NULL ? SMTP_LOCAL :
		    kinds[l->config->kind],
		.hostname = span_str(c->hostname),
		.home = home(c),
		.administrators = span_str(c->administrators),
		.has_tls = l->tls != NULL && l->config != NULL &&
		    l->config->tls == CONFIG_TLS_STARTTLS,
		.message_size = m->message_size,
		/* Copies have a place in the envelope as well. */
		.recipients = MIN(MIN(m->recipients, recipients),
		    ENVELOPE_RCPTS_MAX - l->receiver->ncopies),
		.asks_hello = l->receiver->asks_hello,
		.errors_soft = m->errors_soft,
		.errors = MIN(m->errors, errors),
		.commands = MIN(m->commands, commands),
		.mails = m->mails,
		.bad_recipients = m->bad_recipients,
		.body_line = m->body_line,
		.auth_per_session = m->auth_per_session,
		.hops = m->hops,
		.hops_own = m->hops_own,
		.checks_header = l->config == NULL ||
		    l->config->kind == CONFIG_LISTEN_SUBMISSION,
		.is_header_loose = c->is_malformed_header_allowed,
		.hold = m->hold,
		.mechanisms = l->receiver->mechanisms,
	};
}

void
receiver_policy_load(struct receiver *rc)
{
	for (size_t i = 0; i < rc->nlistens; i++)
		policy_fill(&rc->listens[i], rc->role->config);
}

bool
receiver_listen_load(struct receiver *rc)
{
	receiver_policy_load(rc);
	for (size_t i = 0; i < rc->nlistens; i++) {
		const struct receiver_listen *l = &rc->listens[i];

		if (l->tls == NULL && l->config != NULL &&
		    l->config->tls == CONFIG_TLS_IMPLICIT)
			return false;
	}
	return true;
}

/*
 * RFC 5321 3.1 and 3.8: there is no place, and who came hears so.  With TLS
 * from the first octet there is no plain text to say it in.
 */
static void
turn_away(const struct receiver_listen *l, int fd)
{
	struct buf text = buf_make(SMTP_OUT_MAX);
	bool is_plain = l->config == NULL ||
	    l->config->tls != CONFIG_TLS_IMPLICIT;

	if (is_plain &&
	    smtp_reply_write(&text, RE_FULL, true, span_of(NULL, 0)) == ERR_OK)
		(void)!send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&text);
	(void)close(fd);
}

static void
on_accepted(void *ctx, int fd, const struct listener_peer *peer)
{
	if (!session_new(ctx, fd, peer))
		turn_away(ctx, fd);
}

static void
on_starved(void *ctx, int fd, int error)
{
	struct receiver_listen *l = ctx;
	struct log_line line;

	if (fd >= 0)
		turn_away(l, fd);
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
