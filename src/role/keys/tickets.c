/*
 * tickets.c - a new key each hour, told to all receivers, and the last one for
 * those that come later.
 *
 * Receivers serve each other's tickets: whichever of them a client meets, its
 * ticket is as good.  The keys lie in the vault (MEM-7).
 */
#include "role/keys/tickets.h"

#include "io/tls_tickets.h"
#include "ipc/keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define HOUR_MS		3600000u
/* Told a little before the last one ends: no moment without one. */
#define EARLY_MS	60000u

struct ticket {
	uint8_t		octets[TLS_TICKET_KEY];
	uint64_t	until_ms;	/* seals so long; 0: none */
};
struct tickets {
	struct role		*role;
	struct loop_timer	*timer;
	struct ticket		 last, now;
};

static uint32_t
left(uint64_t until, uint64_t now)
{
	return until > now ? (uint32_t)(until - now) : 0;
}

static void
tell(struct tickets *t, struct role_peer *to, const struct ticket *k)
{
	uint64_t now = loop_now_ms(t->role->loop);
	struct keys_ticket_key m = {
		.key = span_of(k->octets, sizeof k->octets),
		.seals_ms = left(k->until_ms, now),
		.opens_ms = left(k->until_ms + HOUR_MS, now),
	};

	/* Who does not hear it makes full handshakes. */
	if (k->until_ms != 0)
		(void)!role_send(t->role, to, &ipc_keys_ticket_key, &m, NULL);
}

void
tickets_tell(struct tickets *t, struct role_peer *to)
{
	if (to->kind != IPC_ROLE_RECEIVER)
		return;
	tell(t, to, &t->last);
	tell(t, to, &t->now);
}

static void
renew(void *ctx)
{
	struct tickets *t = ctx;
	struct role_peer *p = NULL;

	t->last = t->now;
	role_random(t->role, t->now.octets, sizeof t->now.octets);
	t->now.until_ms = loop_now_ms(t->role->loop) + HOUR_MS;
	while ((p = role_peer_next(t->role, p)) != NULL)
		if (p->kind == IPC_ROLE_RECEIVER)
			tell(t, p, &t->now);
	loop_timer_set(t->timer, HOUR_MS - EARLY_MS);
}

enum err
tickets_new(struct role *r, struct tickets **out)
{
	struct tickets *t = OPENSSL_zalloc(sizeof *t);
	enum err e;

	if (t == NULL)
		return ERR_NOMEM;
	t->role = r;
	e = loop_timer_new(r->loop, renew, t, &t->timer);
	if (e != ERR_OK) {
		OPENSSL_free(t);
		return e;
	}
	renew(t);
	*out = t;
	return ERR_OK;
}
