/*
 * resolver.c - the role that owns the DNS: questions in, checked hosts out.
 */
#include "role/resolver/resolver.h"

#include "ipc/inquiry.h"

#include <stdio.h>
#include <stdlib.h>

#define ASKS_MAX	256u		/* open questions */
#define ASK_WITHIN_MS	30000u		/* section 19: 30 s a destination */
#define HOSTS_LIST_MAX	32768u
#define DNS_SERVFAIL	2
#define DNS_NXDOMAIN	3
#define TYPE_DNSKEY	48
#define PROBE_MS	60000u		/* between two probes */

/* One question; freed when answered and no query is under way. */
struct open_ask {
	struct open_ask		*next;
	struct role		*role;
	uint64_t		 asker;		/* the queue's instance */
	uint64_t		 started_ms;
	bool			 is_answered;
	bool			 is_starved;	/* a query wanted for memory */
	struct ask		 ask;
};
struct query {
	struct open_ask		*of;
	struct ask_query	 q;
};

/* --- answers ----------------------------------------------------------- */

static void
answer(struct open_ask *o)
{
	struct role *r = o->role;
	struct role_peer *queue = role_peer(r, IPC_ROLE_QUEUE);
	struct buf list = buf_make(HOSTS_LIST_MAX);
	struct resolve_route_answer m;

	o->is_answered = true;
	if (ask_result(&o->ask, &list, &m) != ERR_OK)
		m = (struct resolve_route_answer){
			.tag = o->ask.tag,
			.status = RESOLVE_TEMPFAIL,
			.why = SPAN("no memory"),
		};
	/* Our own trouble says nothing about the domain: ask again soon. */
	if (o->is_starved && m.status == RESOLVE_TEMPFAIL)
		m.ttl_s = 0;
	if (queue != NULL && queue->instance == o->asker &&
	    role_send(r, queue, &ipc_resolve_route_answer, &m, NULL) != ERR_OK)
		role_cut(r, queue, "it does not take answers");
	buf_free(&list);
}

static void
forget(struct open_ask *o)
{
	struct resolver *s = o->role->self;
	struct open_ask **link = &s->asks;

	while (*link != o)
		link = &(*link)->next;
	*link = o->next;
	s->nasks--;
	free(o);
}

static struct span
record_of(const void *ctx, size_t i)
{
	const struct ub_result *result = ctx;

	for (size_t k = 0; k <= i; k++)
		if (result->data[k] == NULL)
			return (struct span){ 0 };
	return span_of(result->data[i], (size_t)result->len[i]);
}

struct ask_answer
resolver_translate(int error, const struct ub_result *result)
{
	struct ask_answer a = {
		.status = RESOLVE_TEMPFAIL,
		.why = "",
		.record = record_of,
		.ctx = result,
	};

	if (error != 0 || result == NULL) {
		a.why = "the DNS could not be asked";
		return a;
	}
	a.ttl_s = result->ttl < 0 ? 0 : (uint32_t)result->ttl;
	a.security = result->bogus ? RESOLVE_BOGUS
	    : result->secure	   ? RESOLVE_SECURE
				   : RESOLVE_INSECURE;
	if (result->bogus)
		a.why = "the DNS answer is bogus (DNSSEC)";
	else if (result->rcode == DNS_NXDOMAIN)
		a.status = RESOLVE_NONE;
	else if (result->rcode != 0)
		a.why = result->rcode == DNS_SERVFAIL
		    ? "the DNS failed (SERVFAIL or timeout)"
		    : "the DNS refused to answer";
	else {
		a.status = RESOLVE_OK;
		a.has_data = result->havedata != 0;
	}
	return a;
}

static void go_on(struct open_ask *o);

static void
told(void *arg, int error, struct ub_result *result)
{
	struct query *q = arg;
	struct open_ask *o = q->of;
	struct ask_answer a = resolver_translate(error, result);
	uint32_t random[ASK_QUERIES_MAX];

	if (a.security == RESOLVE_BOGUS)
		resolver_probe(o->role);
	role_random(o->role, random, sizeof random);
	ask_told(&o->ask, &q->q, &a, random);
	ub_resolve_free(result);
	free(q);
	go_on(o);
}

static bool
send_query(struct open_ask *o, const struct ask_query *wanted)
{
	struct resolver *s = o->role->self;
	struct query *q = malloc(sizeof *q);

	o->is_starved |= q == NULL;
	if (q == NULL)
		return false;
	*q = (struct query){ o, *wanted };
	if (ub_resolve_async(s->ctx, wanted->name, (int)wanted->type, 1, q,
		told, NULL) == 0)
		return true;
	free(q);
	return false;
}

/* Ask what is to be asked; answer when all is known. */
static void
go_on(struct open_ask *o)
{
	static const struct ask_answer failed = {
		.status = RESOLVE_TEMPFAIL,
		.why = "the DNS could not be asked",
	};
	static const uint32_t nothing[ASK_QUERIES_MAX];
	struct ask_query q;

	while (!o->is_answered && ask_next(&o->ask, &q))
		if (!send_query(o, &q))
			ask_told(&o->ask, &q, &failed, nothing);
	if (!o->is_answered && ask_is_done(&o->ask))
		answer(o);
	if (o->is_answered && o->ask.npending == 0)
		forget(o);
}

/* --- questions --------------------------------------------------------- */

static bool
refuse(struct role *r, struct role_peer *to, uint64_t tag,
    enum resolve_status status, uint32_t ttl_s, struct span why)
{
	struct resolve_route_answer m = {
		.tag = tag,
		.status = (uint8_t)status,
		.ttl_s = ttl_s,
		.why = why,
	};

	return role_send(r, to, &ipc_resolve_route_answer, &m, NULL) == ERR_OK;
}

static bool
handle_route(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct resolve_route *m = msg;
	struct resolver *s = r->self;
	struct open_ask *o;

	if (s->nasks == ASKS_MAX || (o = calloc(1, sizeof *o)) == NULL)
		return refuse(r, from, m->tag, RESOLVE_TEMPFAIL, 0,
		    SPAN("too many questions at a time"));
	if (ask_begin(&o->ask, r->config, m) != ERR_OK) {
		free(o);
		return refuse(r, from, m->tag, RESOLVE_NONE, ASK_TTL_BAD_S,
		    SPAN("not a domain name"));
	}
	o->role = r;
	o->asker = from->instance;
	o->started_ms = loop_now_ms(r->loop);
	o->next = s->asks;
	s->asks = o;
	s->nasks++;
	go_on(o);
	return true;
}

static const struct role_row rows[] = {
	{ IPC_ROLE_QUEUE, &ipc_resolve_route, handle_route },
	{ IPC_ROLE_RECEIVER, &ipc_inquiry_reverse, inquiry_reverse },
	{ IPC_ROLE_RECEIVER, &ipc_inquiry_list, inquiry_list },
	{ IPC_ROLE_RECEIVER, &ipc_inquiry_sender, inquiry_sender },
};

/* --- time, descriptors ------------------------------------------------- */

static void
sweep(void *ctx)
{
	struct role *r = ctx;
	struct resolver *s = r->self;
	uint64_t now = loop_now_ms(r->loop);

	for (struct open_ask *o = s->asks; o != NULL; o = o->next)
		if (!o->is_answered && now - o->started_ms >= ASK_WITHIN_MS) {
			ask_expire(&o->ask);
			answer(o);
		}
	inquiry_sweep(r);
	loop_timer_set(s->sweep, 1000);
}

static void
readable_forward(void *ctx, unsigned int events UNUSED)
{
	(void)ub_process(((struct resolver *)((struct role *)ctx)->self)->forward);
}

static void
readable_recurse(void *ctx, unsigned int events UNUSED)
{
	(void)ub_process(((struct resolver *)((struct role *)ctx)->self)->recurse);
}

/*
 * Servers that strip DNSSEC make every name bogus.  Those of /etc/resolv.conf
 * were nobody's choice: then we recurse from the root ourselves (ARCHITECTURE
 * 7).  One that a `resolver` line names was chosen, and may be the only one in
 * reach: it is not passed over, but said clearly, once.  Asked at the start, and
 * again behind a bogus answer: a server may be away, or change.
 */
static void
probed(void *arg, int error, struct ub_result *result)
{
	struct role *r = arg;
	struct resolver *s = r->self;
	struct log_line line;
	bool is_bogus = error == 0 && result != NULL && result->bogus;

	ub_resolve_free(result);
	s->is_probing = false;
	if (!is_bogus || s->is_stripped)
		return;
	s->is_stripped = true;
	log_begin(&line, s->recurse != NULL ? LOG_LEVEL_WARN : LOG_LEVEL_ALARM,
	    NULL, "resolver-strips-dnssec");
	if (s->recurse != NULL)
		s->ctx = s->recurse;
	log_str(&line, "now", s->recurse != NULL ? "asking from the root" :
	    "mail waits: name a resolver that passes DNSSEC on, or none");
	role_log(r, &line);
}

void
resolver_probe(struct role *r)
{
	struct resolver *s = r->self;
	uint64_t now = loop_now_ms(r->loop);

	if (s->is_probing || s->is_stripped || now < s->next_probe_ms)
		return;
	s->next_probe_ms = now + PROBE_MS;
	s->is_probing = ub_resolve_async(s->forward, ".", TYPE_DNSKEY, 1, r,
			    probed, NULL) == 0;
}

/* --- life -------------------------------------------------------------- */

static bool
resolver_load(struct role *r)
{
	struct resolver *s = r->self;
	const char *why = "";

	s->forward = unbound_open(r->config, false, &why);
	if (s->forward != NULL && r->config->nresolvers == 0)
		s->recurse = unbound_open(r->config, true, &why);
	if (s->forward == NULL ||
	    (r->config->nresolvers == 0 && s->recurse == NULL)) {
		(void)fprintf(stderr, "posthorse: resolver: %s\n", why);
		return false;
	}
	s->ctx = s->forward;
	role_reach_any_port(r);
	return true;
}

static bool
watch(struct role *r, size_t i, struct ub_ctx *ctx, loop_ready *ready)
{
	struct resolver *s = r->self;

	if (loop_watch_new(r->loop, ub_fd(ctx), ready, r, &s->watches[i]) !=
	    ERR_OK)
		return false;
	loop_watch_want(s->watches[i], LOOP_READ);
	return true;
}

static bool
resolver_start(struct role *r)
{
	struct resolver *s = r->self;

	if (unbound_warm(s->forward) != ERR_OK ||
	    !watch(r, 0, s->forward, readable_forward))
		return false;
	if (s->recurse != NULL &&
	    (unbound_warm(s->recurse) != ERR_OK ||
		!watch(r, 1, s->recurse, readable_recurse)))
		return false;
	return loop_timer_new(r->loop, sweep, r, &s->sweep) == ERR_OK;
}

static void
resolver_serve(struct role *r)
{
	struct resolver *s = r->self;

	loop_timer_set(s->sweep, 1000);
	resolver_probe(r);
}

int
main(void)
{
	static const struct role_desc desc = {
		.kind = IPC_ROLE_RESOLVER,
		.self_size = sizeof(struct resolver),
		.rows = rows,
		.nrows = COUNT(rows),
		.load = resolver_load,
		.start = resolver_start,
		.serve = resolver_serve,
	};

	return role_main(&desc);
}
