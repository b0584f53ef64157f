/*
 * client.c - who a session's client is: whom its socket names, whom a listed
 * proxy names in front of all else, or whom XCLIENT names (SMTP-11).
 *
 * Until the header is complete nothing is asked and nothing said: limits, rules
 * and log see the client only.  Its octets are peeked at, for with implicit TLS
 * the handshake may stand right behind it.
 */
#include "role/receiver/receiver.h"

#include <stdio.h>
#include <stdlib.h>

#define PROXY_WITHIN_MS	5000u	/* SMTP-11 */

/* False, and all is as it was: no address that we know. */
static bool
take_address(struct session *s, struct span octets)
{
	struct buf text = buf_make(sizeof s->client - 1);
	struct address a;
	bool is_known = address_make(octets, &a) == ERR_OK &&
	    address_print(&a, &text) == ERR_OK;

	if (is_known) {
		s->address = a;
		memcpy(s->client, text.p, text.n);
		s->client[text.n] = '\0';
	}
	buf_free(&text);
	return is_known;
}

/* Who has no address that we know counts with the peer who speaks for him. */
struct span
client_counted(const struct session *s)
{
	return address_span(s->address.n > 0 ? &s->address : &s->via);
}

bool
client_name(struct session *s, const struct listener_peer *peer)
{
	if (peer->naddress > 0)
		return take_address(s, span_of(peer->address,
		    peer->naddress));
	(void)snprintf(s->client, sizeof s->client, "local uid %u",
	    (unsigned int)peer->uid);
	return true;
}

/* Asked once, of the first client: XCLIENT gives no right to XCLIENT. */
static bool
may_speak_for(const struct session *s)
{
	const struct config_listen *l = s->listen->config;

	return l != NULL &&
	    networks_hold(l->xclient.list, l->xclient.n, &s->address);
}

void
client_begin(struct session *s)
{
	s->server.may_xclient = may_speak_for(s);
	s->server.may_turn = s->listen->config != NULL &&
	    networks_hold(s->listen->config->etrn.list,
		s->listen->config->etrn.n, &s->address);
	tell_connect(s);
	/* What a TLS client says first is for the handshake. */
	if (s->server.is_tls)
		stream_pause(s->stream);
	rules_connect(s);
}

bool
client_awaits_proxy(struct session *s)
{
	const struct config_listen *l = s->listen->config;

	if (l == NULL ||
	    !networks_hold(l->proxy.list, l->proxy.n, &s->address))
		return false;
	s->proxy = calloc(1, sizeof *s->proxy);
	if (s->proxy == NULL) {
		session_stop(s, RE_NO_MEMORY, "out of memory");
		return true;
	}
	stream_peek(s->stream, true);
	stream_deadline(s->stream, PROXY_WITHIN_MS);
	return true;
}

/* The header is read; what it said is in *p. */
static void
header_ended(struct session *s, struct proxy_header *p)
{
	*p = *s->proxy;
	free(s->proxy);
	s->proxy = NULL;
	stream_peek(s->stream, false);
	stream_deadline(s->stream, 0);
}

void
client_proxy_data(struct session *s, struct span *in)
{
	enum proxy_result result = proxy_header_feed(s->proxy, in);
	struct proxy_header p;

	if (result == PROXY_MORE)
		return;
	header_ended(s, &p);
	s->via = s->address;
	if (result == PROXY_CLIENT && take_address(s,
	    span_of(p.client.address, p.client.naddress))) {
		/* The kernel keeps it, but it came before our greeting. */
		s->is_early = in->n > 0 && !s->server.is_tls;
		client_begin(s);
		return;
	}
	/* A health check is no trouble, and nothing is said to it. */
	if (result != PROXY_LOCAL)
		tell_proxy(s, result);
	session_stop(s, RE_NONE,
	    result == PROXY_LOCAL ? "health check" : "proxy header");
}

void
client_over(struct session *s, bool is_timeout)
{
	if (s->proxy == NULL)
		return;
	if (is_timeout)
		tell_proxy(s, PROXY_MORE);
	free(s->proxy);
	s->proxy = NULL;
}

static void
take_attributes(struct session *s, const struct smtp_xattrs *x)
{
	const struct smtp_xvalue *name = &x->of[XATTR_NAME];
	enum smtp_xstate addr = x->of[XATTR_ADDR].state;

	/* Another address has not the name of the one before. */
	if (addr != XSTATE_UNSAID || name->state != XSTATE_UNSAID) {
		s->name[0] = '\0';
		s->named = name->state;
	}
	if (addr == XSTATE_SAID)
		(void)take_address(s, span_of(x->address, x->naddress));
	if (addr == XSTATE_UNAVAILABLE) {
		s->address = (struct address){ 0 };
		memcpy(s->client, "unknown", sizeof "unknown");
	}
	if (name->state != XSTATE_SAID)
		return;
	ASSERT(name->text.n < sizeof s->name);
	memcpy(s->name, name->text.p, name->text.n);
	s->name[name->text.n] = '\0';
}

void
client_become(struct session *s)
{
	char was[sizeof s->client];

	memcpy(was, s->client, sizeof was);
	s->is_become = true;
	if (s->via.n == 0)
		s->via = s->address;
	ask_forget(s);
	take_attributes(s, s->server.tx.xclient);
	tell_become(s, was);
	rules_connect(s);
}
