/*
 * inquiry.c - what receivers ask about clients: is there a name that leads back
 * to the address, which addresses has a name under a list, and does the domain
 * of a sender take mail.
 *
 * All are short stories that the same struct tells; each answers once and is
 * freed when none of its queries is under way.
 */
#include "role/resolver/resolver.h"
#include "role/resolver/reverse.h"

#include <stdlib.h>

#define INQUIRIES_MAX		1024u	/* open ones */
/* A receiver waits for 5 s; what libunbound still finds is good for its cache. */
#define INQUIRY_WITHIN_MS	6000u

enum inquiry_kind { OF_CLIENT, OF_LIST, OF_SENDER };
struct inquiry {
	struct inquiry	*next;
	struct role	*role;
	uint32_t	 asker;		/* the receiver's index ... */
	uint64_t	 instance;	/* ... and instance */
	uint64_t	 tag;
	uint64_t	 started_ms;
	enum inquiry_kind kind;
	bool		 is_answered;
	struct reverse	 reverse;
	/* A list, a sender: one query, for reverse.ptr. */
	bool		 is_told;
	enum inquiry_found found;
	uint8_t		 replies[4 * INQUIRY_REPLIES_MAX];
	size_t		 nreplies;	/* octets */
};
struct inquiry_query {
	struct inquiry	*of;
	struct ask_query q;
};

static void
answer(struct inquiry *q)
{
	struct role *r = q->role;
	struct role_peer *to = role_peer_at(r, IPC_ROLE_RECEIVER, q->asker);
	uint8_t found = (uint8_t)(q->is_told ? q->found : INQUIRY_LATER);
	struct inquiry_list_answer list = {
		.tag = q->tag,
		.found = found,
		.replies = span_of(q->replies, q->nreplies),
	};
	struct inquiry_sender_answer sender = { q->tag, found };
	struct inquiry_reverse_answer reverse = { .tag = q->tag };
	const struct {
		const struct ipc_type	*type;
		const void		*msg;
	} answers[] = {
		[OF_CLIENT] = { &ipc_inquiry_reverse_answer, &reverse },
		[OF_LIST] = { &ipc_inquiry_list_answer, &list },
		[OF_SENDER] = { &ipc_inquiry_sender_answer, &sender },
	};

	q->is_answered = true;
	if (to == NULL || to->instance != q->instance)
		return;
	reverse.found = (uint8_t)reverse_result(&q->reverse, &reverse.name);
	if (role_send(r, to, answers[q->kind].type, answers[q->kind].msg,
	    NULL) != ERR_OK)
		role_cut(r, to, "it does not take answers");
}

static void
forget(struct inquiry *q)
{
	struct resolver *s = q->role->self;
	struct inquiry **link = &s->inquiries;

	while (*link != q)
		link = &(*link)->next;
	*link = q->next;
	s->ninquiries--;
	free(q);
}

static void
told_list(struct inquiry *q, const struct ask_answer *a)
{
	q->reverse.npending--;
	q->is_told = true;
	q->found = a->status == RESOLVE_TEMPFAIL ? INQUIRY_LATER :
	    INQUIRY_NONE;
	for (size_t i = 0; a->status == RESOLVE_OK && a->has_data &&
	    q->nreplies < sizeof q->replies; i++) {
		struct span record = a->record(a->ctx, i);

		if (record.n == 0)
			break;
		if (record.n != 4)
			continue;	/* PRS-6: no A record */
		memcpy(q->replies + q->nreplies, record.p, 4);
		q->nreplies += 4;
		q->found = INQUIRY_PASS;
	}
}

/* RFC 7505 section 3. */
static void
told_sender(struct inquiry *q, const struct ask_answer *a)
{
	q->reverse.npending--;
	q->is_told = true;
	q->found = a->status == RESOLVE_TEMPFAIL ? INQUIRY_LATER :
	    INQUIRY_PASS;
	for (size_t i = 0; a->status == RESOLVE_OK && a->has_data; i++) {
		struct span record = a->record(a->ctx, i);
		struct dns_mx mx;

		if (record.n == 0)
			break;
		if (dns_mx_parse(record, &mx) != ERR_OK)
			continue;
		/* With others beside it nobody knows what is meant. */
		q->found = mx.is_null && i == 0 ? INQUIRY_NONE : INQUIRY_PASS;
	}
}

static bool
next_query(struct inquiry *q, struct ask_query *query)
{
	if (q->kind == OF_CLIENT)
		return reverse_next(&q->reverse, query);
	if (q->reverse.is_ptr_asked)
		return false;
	*query = (struct ask_query){ q->kind == OF_LIST ? ASK_A : ASK_MX, 0,
		q->reverse.ptr };
	q->reverse.is_ptr_asked = true;
	q->reverse.npending++;
	return true;
}

static void
tell(struct inquiry *q, const struct ask_query *query,
    const struct ask_answer *a)
{
	if (q->kind == OF_LIST)
		told_list(q, a);
	else if (q->kind == OF_SENDER)
		told_sender(q, a);
	else
		reverse_told(&q->reverse, query, a);
}

static bool
is_done(const struct inquiry *q)
{
	return q->kind == OF_CLIENT ? reverse_is_done(&q->reverse) :
	    q->is_told;
}

static void go_on(struct inquiry *q);

static void
told(void *arg, int error, struct ub_result *result)
{
	struct inquiry_query *iq = arg;
	struct inquiry *q = iq->of;
	struct ask_answer a = resolver_translate(error, result);

	if (a.security == RESOLVE_BOGUS)
		resolver_probe(q->role);
	tell(q, &iq->q, &a);
	ub_resolve_free(result);
	free(iq);
	go_on(q);
}

static bool
send_query(struct inquiry *q, const struct ask_query *wanted)
{
	struct resolver *s = q->role->self;
	struct inquiry_query *iq = malloc(sizeof *iq);

	if (iq == NULL)
		return false;
	*iq = (struct inquiry_query){ q, *wanted };
	if (ub_resolve_async(s->ctx, wanted->name, (int)wanted->type, 1, iq,
	    told, NULL) == 0)
		return true;
	free(iq);
	return false;
}

static void
go_on(struct inquiry *q)
{
	static const struct ask_answer failed = {
		.status = RESOLVE_TEMPFAIL, .why = "",
	};
	struct ask_query query;

	while (!q->is_answered && next_query(q, &query))
		if (!send_query(q, &query))
			tell(q, &query, &failed);
	if (!q->is_answered && is_done(q))
		answer(q);
	if (q->is_answered && q->reverse.npending == 0)
		forget(q);
}

/* NULL: too many at a time, or no memory. */
static struct inquiry *
begin(struct role *r, const struct role_peer *from, uint64_t tag,
    enum inquiry_kind kind)
{
	struct resolver *s = r->self;
	struct inquiry *q = s->ninquiries == INQUIRIES_MAX ? NULL :
	    calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	q->role = r;
	q->asker = from->index;
	q->instance = from->instance;
	q->tag = tag;
	q->kind = kind;
	q->started_ms = loop_now_ms(r->loop);
	q->next = s->inquiries;
	s->inquiries = q;
	s->ninquiries++;
	return q;
}

bool
inquiry_reverse(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct inquiry_reverse *m = msg;
	struct inquiry_reverse_answer later = {
		.tag = m->tag, .found = INQUIRY_LATER,
	};
	struct inquiry *q;

	if (m->client.n != 4 && m->client.n != 16)
		return false;
	q = begin(r, from, m->tag, OF_CLIENT);
	if (q == NULL)
		return role_send(r, from, &ipc_inquiry_reverse_answer, &later,
		    NULL) == ERR_OK;
	/* Out of memory: nothing is asked, and so it is "later". */
	if (reverse_begin(&q->reverse, m->client) != ERR_OK)
		answer(q);
	go_on(q);
	return true;
}

bool
inquiry_list(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct inquiry_list *m = msg;
	struct inquiry_list_answer later = {
		.tag = m->tag, .found = INQUIRY_LATER,
	};
	struct dns_name name;
	struct inquiry *q;

	if (dns_host_name(m->name, &name) != ERR_OK)
		return false;
	q = begin(r, from, m->tag, OF_LIST);
	if (q == NULL)
		return role_send(r, from, &ipc_inquiry_list_answer, &later,
		    NULL) == ERR_OK;
	memcpy(q->reverse.ptr, name.text, name.n + 1);
	go_on(q);
	return true;
}

bool
inquiry_sender(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct inquiry_sender *m = msg;
	struct inquiry_sender_answer later = { m->tag, INQUIRY_LATER };
	struct dns_name name;
	struct inquiry *q;

	if (dns_host_name(m->domain, &name) != ERR_OK)
		return false;
	q = begin(r, from, m->tag, OF_SENDER);
	if (q == NULL)
		return role_send(r, from, &ipc_inquiry_sender_answer, &later,
		    NULL) == ERR_OK;
	memcpy(q->reverse.ptr, name.text, name.n + 1);
	go_on(q);
	return true;
}

void
inquiry_sweep(struct role *r)
{
	struct resolver *s = r->self;
	uint64_t now = loop_now_ms(r->loop);

	for (struct inquiry *q = s->inquiries; q != NULL; q = q->next)
		if (!q->is_answered &&
		    now - q->started_ms >= INQUIRY_WITHIN_MS)
			answer(q);
}
