/*
 * grey.c - greylisting: a recipient that would be taken waits for state's word.
 *
 * Only strangers at `listen mx` (check.c says who is one), and only where the
 * mailbox exists and no rule accepts or refuses it.  No answer is no verdict: the recipient is taken (RLY-7).
 */
#include "role/receiver/receiver.h"

#include "ipc/greylist.h"
#include "policy/greylist.h"

#include <stdio.h>
#include <stdlib.h>

/* Where the mail goes, as lookup said, until state has answered. */
struct held {
	enum smtp_route	route;
	size_t	ndomain, nkey;
	uint8_t	octets[];		/* domain, key */
};

static enum smtp_reply
take(struct session *s, const struct held *h)
{
	return smtp_server_rcpt(&s->server, h->route,
	    span_of(h->octets, h->ndomain),
	    span_of(h->octets + h->ndomain, h->nkey));
}

static struct held *
hold(enum smtp_route route, struct span domain, struct span key)
{
	struct held *h = malloc(sizeof *h + domain.n + key.n);

	if (h == NULL)
		return NULL;
	h->route = route;
	h->ndomain = domain.n;
	h->nkey = key.n;
	if (domain.n > 0)
		memcpy(h->octets, domain.p, domain.n);
	if (key.n > 0)
		memcpy(h->octets + domain.n, key.p, key.n);
	return h;
}

static bool
ask(struct session *s)
{
	struct role *r = s->receiver->role;
	struct greylist_ask m = {
		.tag = ask_tag(s, ASK_GREYLIST),
		.client = address_span(&s->address),
		.sender = s->server.tx.reverse_path,
		.recipient = s->server.tx.asked,
	};

	return role_send(r, role_peer(r, IPC_ROLE_STATE), &ipc_greylist_ask,
	    &m, NULL) == ERR_OK;
}

bool
grey_rcpt(struct session *s, enum smtp_route route, struct span domain,
    struct span key)
{
	bool is_ours = route == SMTP_ROUTE_ALIAS ||
	    (route == SMTP_ROUTE_LOCAL && domain.n > 0 && key.n > 0);
	bool is_asked = is_ours && s->receiver->role->config->greylist > 0 &&
	    !s->rules.is_accepted &&
	    check_is_stranger(s);

	s->held = is_asked ? hold(route, domain, key) : NULL;
	if (s->held == NULL)
		return false;
	if (!ask(s))
		grey_fail(s);
	return true;
}

static void
answered(struct session *s, enum greylist_word word, uint64_t wait_s)
{
	enum smtp_reply re = RE_GREYLISTED;
	struct held *h = s->held;
	char more[32];

	s->held = NULL;
	tell_greylist(s, greylist_word_text(word), wait_s);
	(void)snprintf(more, sizeof more, "%llu s",
	    (unsigned long long)wait_s);
	if (word == GREYLIST_WAIT)
		smtp_server_rcpt_later(&s->server, re, span_str(more));
	else
		re = take(s, h);
	free(h);
	rules_rcpt_done(s, re);
}

void
grey_fail(struct session *s)
{
	s->ask = ASK_NOTHING;
	answered(s, GREYLIST_LATER, 0);
}

void
grey_forget(struct session *s)
{
	free(s->held);
	s->held = NULL;
}

bool
grey_answer(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	const struct greylist_answer *m = msg;
	struct session *s;

	if (m->word >= GREYLIST_WORD_COUNT)
		return false;
	s = ask_asker(r->self, m->tag, ASK_GREYLIST);
	if (s == NULL)
		return true;
	answered(s, (enum greylist_word)m->word, m->wait_s);
	session_go_on(s);
	return true;
}

void
grey_state_went(struct receiver *rc)
{
	for (uint32_t i = 0; i < rc->nslots; i++) {
		struct session *s = rc->slots[i];

		if (s == NULL || s->ask != ASK_GREYLIST)
			continue;
		grey_fail(s);
		session_go_on(s);
	}
}
