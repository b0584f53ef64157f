/*
 * sender.c - `sender-domain`: does the domain that a stranger writes from take
 * mail?  (RFC 7505 4.2: one with a null MX takes none, so no report ever.)
 *
 * Asked at MAIL, once the rules have spoken; a rule that accepts spares it, as
 * all that is only suspicion.  No answer is no verdict (DNS-4).  A domain that
 * is no host name in ASCII, and an address literal, are not asked for.
 */
#include "role/receiver/receiver.h"

#include "ipc/inquiry.h"
#include "mail/address.h"
#include "proto/dns_rdata.h"

static bool
domain_of(const struct session *s, struct dns_name *domain)
{
	struct span local, text;

	return addr_split(s->server.tx.reverse_path, &local, &text) &&
	    dns_host_name(text, domain) == ERR_OK;
}

static void
answered(struct session *s, const char *word, bool is_null)
{
	const struct config *c = s->receiver->role->config;

	tell_sender(s, word);
	if (!is_null || c->sender_domain != CONFIG_REVERSE_REFUSE) {
		release_mail(s, RE_NONE);
		return;
	}
	/* The refusal belongs to the same story. */
	s->server.tx.id = s->rules.id;
	release_mail(s, RE_NULL_MX);
}

bool
sender_ask(struct session *s)
{
	struct role *r = s->receiver->role;
	struct inquiry_sender m = { 0 };
	struct dns_name domain;

	if (r->config->sender_domain == CONFIG_REVERSE_NO ||
	    s->rules.is_accepted || !check_is_stranger(s) ||
	    !domain_of(s, &domain))
		return false;
	m.tag = ask_tag(s, ASK_SENDER);
	m.domain = span_of(domain.text, domain.n);
	if (role_send(r, role_peer(r, IPC_ROLE_RESOLVER),
	    &ipc_inquiry_sender, &m, NULL) != ERR_OK) {
		s->ask = ASK_NOTHING;
		sender_fail(s);
	}
	return true;
}

void
sender_fail(struct session *s)
{
	answered(s, "later", false);
}

bool
sender_answer(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	static const char *const words[INQUIRY_FOUND_COUNT] = {
		[INQUIRY_PASS] = "pass",
		[INQUIRY_NONE] = "null-mx",
		[INQUIRY_LATER] = "later",
	};
	const struct inquiry_sender_answer *m = msg;
	struct session *s;

	if (m->found >= INQUIRY_FOUND_COUNT || words[m->found] == NULL)
		return false;
	s = ask_asker(r->self, m->tag, ASK_SENDER);
	if (s == NULL)
		return true;
	answered(s, words[m->found], m->found == INQUIRY_NONE);
	if (!s->server.is_waiting)
		session_go_on(s);
	return true;
}

void
sender_resolver_went(struct receiver *rc)
{
	for (uint32_t i = 0; i < rc->nslots; i++)
		if (rc->slots[i] != NULL && rc->slots[i]->ask == ASK_SENDER)
			ask_fail(rc->slots[i]);
}
