/*
 * ask.c - which hosts take mail for a domain, and in what order.
 */
#include "role/resolver/ask.h"

#include <stdio.h>
#include <stdlib.h>

/* --- beginning --------------------------------------------------------- */

static struct ask_host *
add_host(struct ask *a, const struct dns_name *name, uint16_t preference)
{
	struct ask_host *h;

	if (a->nhosts == COUNT(a->hosts))
		return NULL;
	h = &a->hosts[a->nhosts++];
	*h = (struct ask_host){
		.name = *name,
		.preference = preference,
		.port = (uint16_t)a->config->mx_port,
		.security = RESOLVE_SECURE,
	};
	h->is_ours = !a->is_host &&
	    strcmp(h->name.text, a->config->hostname) == 0;
	return h;
}

static void
ttl_lower(struct ask *a, uint32_t ttl_s)
{
	a->ttl_s = MIN(a->ttl_s, MAX(ttl_s, (uint32_t)ASK_TTL_MIN_S));
}

static void
fail(struct ask *a, enum resolve_status status, const char *why)
{
	a->status = status;
	(void)snprintf(a->why, sizeof a->why, "%s", why);
}

/* Is that one of the sockets on which we listen for mail? */
static bool
is_own_socket(const struct config *c, const struct address *a, uint16_t port)
{
	for (size_t i = 0; i < c->nlistens; i++)
		if (c->listens[i].port == port && c->listens[i].address.n > 0 &&
		    address_eq(&c->listens[i].address, a))
			return true;
	return false;
}

static void
add_address(struct ask *a, struct ask_host *h, struct span octets)
{
	struct address got;

	if (address_make(octets, &got) != ERR_OK ||
	    h->naddresses == COUNT(h->addresses))
		return;
	if (!a->is_host && is_own_socket(a->config, &got, h->port)) {
		h->is_ours = true;
		return;
	}
	/* A relay is the operator's own choice; the DNS is a stranger's. */
	if (!a->is_host && !a->config->is_private_target_allowed &&
	    !dns_address_is_public(octets)) {
		h->has_refused = true;
		return;
	}
	h->addresses[h->naddresses++] = got;
}

/* RFC 5321 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static bool
take_literal(struct ask *a, struct span text)
{
	struct span inside = span_skip(text, 1);
	struct dns_name none = { 0 };
	struct address address;
	struct ask_host *h;

	inside.n -= MIN(inside.n, (size_t)1);
	if (span_starts_nocase(inside, SPAN("IPv6:")))
		inside = span_skip(inside, 5);
	if (text.p[text.n - 1] != ']' ||
	    address_parse(inside, &address) != ERR_OK)
		return false;
	h = add_host(a, &none, 0);
	if (h == NULL || text.n > DNS_NAME_MAX)
		return false;
	memcpy(h->name.text, text.p, text.n);
	h->name.text[text.n] = '\0';
	h->name.n = text.n;
	h->security = RESOLVE_INSECURE;
	add_address(a, h, address_span(&address));
	a->is_mx_known = true;
	a->next_host = 2;	/* nothing to look up */
	return true;
}

enum err
ask_begin(struct ask *a, const struct config *config,
    const struct resolve_route *question)
{
	struct address plain;

	*a = (struct ask){
		.config = config,
		.tag = question->tag,
		.is_host = question->is_host != 0,
		.security = RESOLVE_SECURE,
		.ttl_s = ASK_TTL_MAX_S,
	};
	if (question->domain.n > 0 && question->domain.p[0] == '[')
		return take_literal(a, question->domain) ? ERR_OK : ERR_SYNTAX;
	if (a->is_host && address_parse(question->domain, &plain) == ERR_OK) {
		char text[INT8_MAX];

		(void)snprintf(text, sizeof text, "[%.*s]",
		    SPAN_FMT(question->domain));
		return take_literal(a, span_str(text)) ? ERR_OK : ERR_SYNTAX;
	}
	if (dns_host_name(question->domain, &a->domain) != ERR_OK)
		return ERR_SYNTAX;
	if (a->is_host) {
		a->is_mx_known = true;
		if (add_host(a, &a->domain, 0) == NULL)
			return ERR_FULL;
	}
	return ERR_OK;
}

/* --- asking ------------------------------------------------------------ */

bool
ask_next(struct ask *a, struct ask_query *q)
{
	static const enum ask_type types[] = { ASK_AAAA, ASK_A };
	size_t host = a->next_host / 2;

	if (!a->is_mx_known && a->nqueries == 0) {
		*q = (struct ask_query){ ASK_MX, 0, a->domain.text };
	} else if (a->is_mx_known && a->status == RESOLVE_OK &&
	    host < a->nhosts && a->nqueries < ASK_QUERIES_MAX) {
		*q = (struct ask_query){ types[a->next_host % 2], host,
			a->hosts[host].name.text };
		a->next_host++;
	} else
		return false;
	a->nqueries++;
	a->npending++;
	return true;
}

/* --- being told -------------------------------------------------------- */

static int
by_preference(const void *x, const void *y)
{
	const struct ask_host *a = x, *b = y;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return a->random < b->random ? -1 : a->random > b->random;
}

/* Keep the best when there are more than we look at. */
static void
take_mx(struct ask *a, const struct dns_mx *mx, uint32_t random)
{
	struct ask_host *h = add_host(a, &mx->host, mx->preference);

	if (h == NULL) {
		h = &a->hosts[a->nhosts - 1];
		if (mx->preference >= h->preference)
			return;
		a->nhosts--;
		h = add_host(a, &mx->host, mx->preference);
		ASSERT(h != NULL);	/* one place is free now */
	}
	h->random = random;
	qsort(a->hosts, a->nhosts, sizeof *a->hosts, by_preference);
}

static void
told_mx(struct ask *a, const struct ask_answer *answer, const uint32_t *random)
{
	size_t unusable = 0;

	a->is_mx_known = true;
	a->security = answer->security;
	ttl_lower(a, answer->ttl_s);
	if (answer->status != RESOLVE_OK) {
		fail(a, answer->status, answer->status == RESOLVE_NONE
		    ? "the domain does not exist" : answer->why);
		return;
	}
	for (size_t i = 0; answer->has_data; i++) {
		struct span record = answer->record(answer->ctx, i);
		struct dns_mx mx;

		if (record.n == 0)
			break;
		if (dns_mx_parse(record, &mx) != ERR_OK)
			unusable++;
		else if (mx.is_null) {
			fail(a, RESOLVE_NULL_MX,
			    "the domain takes no mail (null MX)");
			return;
		} else
			take_mx(a, &mx, random[i % ASK_QUERIES_MAX]);
	}
	if (a->nhosts > 0)
		return;
	/* RFC 5321 5.1: without MX the domain's own addresses; an MX that
	 * names no host is no such case. */
	if (unusable > 0)
		fail(a, RESOLVE_NONE, "no MX record names a host");
	else
		(void)add_host(a, &a->domain, 0);
}

static void
told_address(struct ask *a, const struct ask_query *q,
    const struct ask_answer *answer)
{
	struct ask_host *h = &a->hosts[q->host];
	size_t want = q->type == ASK_A ? 4 : 16;

	if (answer->security != RESOLVE_SECURE)
		h->security = RESOLVE_INSECURE;
	if (answer->status == RESOLVE_TEMPFAIL) {
		h->has_failed = true;
		(void)snprintf(a->why, sizeof a->why, "%.180s", answer->why);
		return;
	}
	if (answer->status != RESOLVE_OK || !answer->has_data)
		return;
	ttl_lower(a, answer->ttl_s);
	for (size_t i = 0;; i++) {
		struct span record = answer->record(answer->ctx, i);

		if (record.n == 0)
			break;
		if (record.n == want)
			add_address(a, h, record);
	}
}

void
ask_told(struct ask *a, const struct ask_query *q,
    const struct ask_answer *answer, const uint32_t *random)
{
	a->npending--;
	if (q->type == ASK_MX)
		told_mx(a, answer, random);
	else
		told_address(a, q, answer);
}

bool
ask_is_done(const struct ask *a)
{
	if (a->npending > 0)
		return false;
	return a->status != RESOLVE_OK ||
	    (a->is_mx_known && (a->next_host / 2 >= a->nhosts ||
				   a->nqueries >= ASK_QUERIES_MAX));
}

void
ask_expire(struct ask *a)
{
	for (size_t i = 0; i < a->nhosts; i++)
		if (a->hosts[i].naddresses == 0)
			a->hosts[i].has_failed = true;
	(void)snprintf(a->why, sizeof a->why, "the DNS did not answer in time");
	if (!a->is_mx_known)
		a->status = RESOLVE_TEMPFAIL;
}

/* --- the answer -------------------------------------------------------- */

/* RFC 5321 5.1: ourselves, and whoever is no better, are not asked. */
static bool
strip_ourselves(struct ask *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->nhosts; i++)
		if (a->hosts[i].is_ours) {
			uint16_t limit = a->hosts[i].preference;

			while (kept < a->nhosts &&
			    a->hosts[kept].preference < limit)
				kept++;
			a->nhosts = kept;
			return true;
		}
	return false;
}

static enum err
encode_host(const struct ask_host *h, struct buf *list)
{
	struct buf addresses = buf_make(1024);
	struct resolve_host row = {
		.preference = h->preference,
		.name = span_of(h->name.text, h->name.n),
		.security = (uint8_t)h->security,
		.port = h->port,
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < h->naddresses; i++) {
		struct resolve_address one = {
			.address = address_span(&h->addresses[i]),
		};
		e = ipc_list_add(&ipc_resolve_address, &one, &addresses);
	}
	row.addresses = buf_span(&addresses);
	if (e == ERR_OK)
		e = ipc_list_add(&ipc_resolve_host, &row, list);
	buf_free(&addresses);
	return e;
}

/* Why there is no host to try, the gentlest truth first. */
static void
explain_nothing(struct ask *a, bool is_loop)
{
	bool has_failed = false, has_refused = false;

	for (size_t i = 0; i < a->nhosts; i++) {
		has_failed |= a->hosts[i].has_failed;
		has_refused |= a->hosts[i].has_refused;
	}
	if (has_failed)
		a->status = RESOLVE_TEMPFAIL;
	else if (is_loop)
		fail(a, RESOLVE_LOOP, "the best mail host of the domain is this "
		    "server, which does not take its mail");
	else if (has_refused)
		fail(a, RESOLVE_REFUSED, "its mail hosts have only private or "
		    "reserved addresses");
	else
		fail(a, RESOLVE_NONE, "its mail hosts have no address");
}

enum err
ask_result(struct ask *a, struct buf *list,
    struct resolve_route_answer *answer)
{
	bool is_loop = strip_ourselves(a);
	enum err e = ERR_OK;

	for (size_t i = 0; a->status == RESOLVE_OK && i < a->nhosts; i++)
		if (a->hosts[i].naddresses > 0) {
			e = encode_host(&a->hosts[i], list);
			if (e != ERR_OK)
				return e;
		}
	if (a->status == RESOLVE_OK && list->n == 0)
		explain_nothing(a, is_loop);
	if (a->status != RESOLVE_OK)
		a->ttl_s = MIN(a->ttl_s, (uint32_t)ASK_TTL_BAD_S);
	*answer = (struct resolve_route_answer){
		.tag = a->tag,
		.status = (uint8_t)a->status,
		.security = (uint8_t)a->security,
		.hosts = buf_span(list),
		.ttl_s = a->ttl_s,
		.why = span_str(a->why),
	};
	return ERR_OK;
}
