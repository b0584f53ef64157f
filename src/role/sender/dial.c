/*
 * dial.c - a connection for an order: one that is kept, or the next address.
 */
#include "role/sender/sender.h"

#include "io/dial.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum smtp_client_tls
tls_of(const struct role *r, const struct order *o, enum conn_how how)
{
	static const enum smtp_client_tls kinds[] = {
		[CONFIG_RELAY_OPPORTUNISTIC] = SMTP_CLIENT_TLS_OFFERED,
		[CONFIG_RELAY_STARTTLS] = SMTP_CLIENT_TLS_REQUIRED,
		[CONFIG_RELAY_IMPLICIT] = SMTP_CLIENT_TLS_IMPLICIT,
	};

	if (how != CONN_BEST)
		return SMTP_CLIENT_TLS_NEVER;
	return o->relay == 0 ? SMTP_CLIENT_TLS_OFFERED
			     : kinds[r->config->relays[o->relay - 1].tls];
}

static struct smtp_client_settings
settings_of(struct conn *c, const struct order_address *at)
{
	const struct config *config = c->role->config;
	const struct sender *s = c->role->self;
	const struct config_timeouts *t = &config->timeouts;
	struct smtp_client_settings set = {
		.hostname = span_str(config->hostname),
		.tls = c->tls,
		.is_name_secure = at->is_secure,
		.timeouts = {
			.reply = t->reply * 1000,
			.data = t->data * 1000,
			.block = t->block * 1000,
			.final = t->final * 1000,
			.quit = t->quit * 1000,
		},
	};

	if (c->relay > 0) {
		set.user = span_str(config->relays[c->relay - 1].user);
		set.password = buf_span(&s->secrets[c->relay - 1]);
	}
	return set;
}

static void
name_remote(struct conn *c, const struct order_address *at)
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(at->address.n == 4 ? AF_INET : AF_INET6, at->address.p,
	    address, sizeof address);
	(void)snprintf(c->remote, sizeof c->remote, "%.*s[%s]:%u",
	    SPAN_FMT(at->host), address, at->port);
}

/* The name that the certificate must be for. */
static bool
name_host(struct conn *c, struct span host)
{
	c->host = buf_make(300);
	return buf_add(&c->host, order_host_name(host)) == ERR_OK &&
	    buf_addc(&c->host, 0) == ERR_OK;
}

static struct conn *
conn_new(struct role *r, struct order *o, const struct order_address *at,
    enum conn_how how)
{
	struct conn *c = calloc(1, sizeof *c);
	int fd = -1;

	if (c == NULL)
		return NULL;
	c->role = r;
	c->order = o;
	c->relay = o->relay;
	c->tls = tls_of(r, o, how);
	c->is_last_resort = how == CONN_LAST_RESORT;
	c->is_checked = o->needs_tls;
	c->site = buf_make(8192);
	name_remote(c, at);
	if (name_host(c, at->host) && buf_add(&c->site, o->site) == ERR_OK &&
	    loop_timer_new(r->loop, conn_idle_over, c, &c->idle) == ERR_OK &&
	    dial_tcp(at->address, at->port, &fd) == ERR_OK &&
	    stream_new(r->loop, fd, true, &conn_stream_rows, c, &c->stream) ==
		ERR_OK) {
		struct smtp_client_settings set = settings_of(c, at);

		smtp_client_init(&c->client, &set);
		conn_link(c);
		return c;
	}
	if (fd >= 0)
		(void)close(fd);
	loop_timer_free(c->idle);
	buf_free(&c->site);
	buf_free(&c->host);
	free(c);
	return NULL;
}

void
conn_dial(struct role *r, struct order *o, enum conn_how how)
{
	const struct sender *s = r->self;
	struct order_address at;

	if (s->nconns >= SENDER_CONNS_MAX) {
		sender_put_off(r, o);
		return;
	}
	while (order_next_address(o, &at)) {
		struct conn *c = conn_new(r, o, &at, how);

		if (c != NULL) {
			stream_deadline(c->stream,
			    r->config->timeouts.connect * 1000);
			return;
		}
		/* It was said of one address. */
		how = CONN_BEST;
	}
	struct deliver_result words = order_words(o);

	sender_finish(r, o, &words, false);
}

void
conn_serve(struct role *r, struct order *o)
{
	struct sender *s = r->self;

	for (struct conn *c = s->conns; c != NULL; c = c->next)
		if (conn_is_kept(c) && c->relay == o->relay &&
		    (c->is_checked || !o->needs_tls) &&
		    span_eq(buf_span(&c->site), o->site)) {
			conn_reuse(c, o);
			return;
		}
	conn_dial(r, o, CONN_BEST);
}

void
conn_quit_idle(struct role *r)
{
	struct sender *s = r->self;

	for (struct conn *c = s->conns; c != NULL; c = c->next)
		if (conn_is_kept(c))
			loop_timer_set(c->idle, 0);
}
