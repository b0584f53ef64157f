/*
 * order.c - decode a job once, completely, before anything of it is used.
 */
#include "role/sender/order.h"

#include "mail/envelope.h"

#include "os/file.h"

#include <sys/mman.h>
#include <unistd.h>

static bool
map(struct order *o)
{
	off_t size = lseek(o->fd, 0, SEEK_END);
	void *p;

	if (size <= 0 || !file_is_sealed(o->fd))
		return false;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, o->fd, 0);
	if (p == MAP_FAILED)
		return false;
	o->octets = p;
	o->noctets = (size_t)size;
	return true;
}

static void *
get(struct order *o, size_t n, size_t size)
{
	size_t octets;
	void *p;

	if (!size_mul(n, size, &octets))
		return NULL;
	o->is_starved = arena_get(&o->memory, octets, &p) != ERR_OK;
	if (o->is_starved)
		return NULL;
	memset(p, 0, octets);
	return p;
}

/* Items of a list; SIZE_MAX when it does not decode. */
static size_t
count(const struct ipc_type *type, struct span list)
{
	_Alignas(16) uint8_t item[512];
	size_t n = 0;
	enum err e;

	ASSERT(type->size <= sizeof item);
	while ((e = ipc_list_next(type, &list, item)) == ERR_OK)
		n++;
	return e == ERR_NONE ? n : SIZE_MAX;
}

static bool
fill_message(struct order *o, struct order_message *m)
{
	struct span list = m->m.recipients;
	size_t n = count(&ipc_deliver_recipient, list);
	struct deliver_recipient r;

	if (n == 0 || n == SIZE_MAX || m->m.offset > o->noctets ||
	    m->m.size > o->noctets - m->m.offset)
		return false;
	m->rcpts = get(o, n, sizeof *m->rcpts);
	m->slots = get(o, n, sizeof *m->slots);
	m->is_answered = get(o, n, sizeof *m->is_answered);
	if (m->rcpts == NULL || m->slots == NULL || m->is_answered == NULL)
		return false;
	while (ipc_list_next(&ipc_deliver_recipient, &list, &r) == ERR_OK) {
		m->rcpts[m->nrcpts].address = r.address;
		m->rcpts[m->nrcpts].notify = r.notify;
		m->rcpts[m->nrcpts].orcpt = r.orcpt;
		m->slots[m->nrcpts++] = r.slot;
	}
	return true;
}

static bool
fill_messages(struct order *o, struct span list)
{
	size_t n = count(&ipc_deliver_message, list);

	if (n == 0 || n > DELIVER_MESSAGES_MAX)
		return false;
	o->messages = get(o, n, sizeof *o->messages);
	if (o->messages == NULL)
		return false;
	while (o->nmessages < n) {
		struct order_message *m = &o->messages[o->nmessages++];

		if (ipc_list_next(&ipc_deliver_message, &list, &m->m) !=
			ERR_OK ||
		    !fill_message(o, m))
			return false;
		o->needs_tls |= (m->m.envelope & ENVELOPE_REQUIRETLS) != 0;
	}
	return true;
}

static bool
fill_host(struct order *o, const struct resolve_host *h)
{
	struct span list = h->addresses;
	struct resolve_address a;

	while (ipc_list_next(&ipc_resolve_address, &list, &a) == ERR_OK) {
		if (a.address.n != 4 && a.address.n != 16)
			return false;
		o->addresses[o->naddresses++] = (struct order_address){
			.host = h->name, .address = a.address, .port = h->port,
			.is_secure = h->security == RESOLVE_SECURE ||
			    o->relay > 0,
		};
	}
	return true;
}

/* Hosts in the queue's order, each with all its addresses. */
static bool
fill_hosts(struct order *o, struct span hosts)
{
	struct span walk = hosts;
	struct resolve_host h;
	size_t n = 0;
	enum err e;

	while ((e = ipc_list_next(&ipc_resolve_host, &walk, &h)) == ERR_OK) {
		size_t more = count(&ipc_resolve_address, h.addresses);

		if (more > RESOLVE_ADDRESSES_MAX)
			return false;
		n += more;
	}
	if (e != ERR_NONE)
		return false;
	o->addresses = get(o, MAX(n, (size_t)1), sizeof *o->addresses);
	if (o->addresses == NULL)
		return false;
	while (ipc_list_next(&ipc_resolve_host, &hosts, &h) == ERR_OK)
		if (!fill_host(o, &h))
			return false;
	return true;
}

static bool
copy(struct order *o, struct span s, struct span *to)
{
	o->is_starved = arena_copy(&o->memory, s, to) != ERR_OK;
	return !o->is_starved;
}

enum err
order_open(struct order *o, const struct deliver_job *job, uint64_t asker,
    int fd)
{
	struct span hosts;

	*o = (struct order){
		.number = job->job,
		.asker = asker,
		.relay = job->relay,
		.fd = fd,
		.memory = arena_make(SIZE_MAX / 2, 0),
	};
	/* The job's own octets end with the call that brought them. */
	if (map(o) && job->description <= o->noctets &&
	    job->description <= ORDER_DESCRIPTION_MAX &&
	    copy(o, job->site, &o->site) && copy(o, job->hosts, &hosts) &&
	    fill_messages(o, span_of(o->octets, job->description)) &&
	    fill_hosts(o, hosts))
		return ERR_OK;
	return o->is_starved ? ERR_NOMEM : ERR_SYNTAX;
}

void
order_close(struct order *o)
{
	if (o->octets != NULL)
		(void)munmap((void *)(uintptr_t)o->octets, o->noctets);
	file_close(o->fd);
	arena_free(&o->memory);
	*o = (struct order){ .fd = -1 };
}

struct span
order_content(const struct order *o, const struct order_message *m)
{
	return span_of(o->octets + m->m.offset, (size_t)m->m.size);
}

bool
order_next_address(struct order *o, struct order_address *at)
{
	while (o->next_address < o->naddresses &&
	    o->addresses[o->next_address].is_unfit)
		o->next_address++;
	if (o->next_address == o->naddresses ||
	    o->sessions >= ORDER_SESSIONS_MAX)
		return false;
	*at = o->addresses[o->next_address++];
	return true;
}

const struct smtp_stuff_facts *
order_look(const struct order *o, struct order_message *m)
{
	if (!m->is_looked_at) {
		m->facts = smtp_stuff_look(order_content(o, m));
		m->is_looked_at = true;
	}
	return &m->facts;
}

bool
order_is_open(const struct order_message *m)
{
	for (size_t i = 0; i < m->nrcpts; i++)
		if (!m->is_answered[i])
			return true;
	return false;
}

bool
order_is_optional(const struct order_message *m)
{
	return (m->m.envelope & ENVELOPE_TLS_OPTIONAL) != 0;
}

bool
order_has_optional(const struct order *o)
{
	for (size_t i = o->current; i < o->nmessages; i++)
		if (order_is_optional(&o->messages[i]) &&
		    order_is_open(&o->messages[i]))
			return true;
	return false;
}

struct span
order_host_name(struct span host)
{
	return host.n > 2 && host.p[0] == '[' ? span_of(host.p + 1, host.n - 2)
					      : host;
}

void
order_unfit(struct order *o, struct span host)
{
	o->has_unfit = true;
	for (size_t i = 0; i < o->naddresses; i++)
		if (span_eq_nocase(order_host_name(o->addresses[i].host), host))
			o->addresses[i].is_unfit = true;
}

bool
order_again(struct order *o)
{
	if (!o->has_unfit)
		return false;
	o->has_unfit = false;
	o->current = 0;
	return true;
}

static size_t
keep(uint8_t *to, size_t room, struct span from)
{
	size_t n = MIN(from.n, room);

	if (n > 0)
		memcpy(to, from.p, n);
	return n;
}

void
order_keep(struct order *o, const struct deliver_result *result)
{
	struct order_words *w = &o->words;

	/* One host that may be better later is reason enough to wait. */
	if (w->nstatus > 0 && w->fate == DELIVER_RETRY &&
	    result->fate == DELIVER_FAILED)
		return;
	w->fate = result->fate;
	w->code = result->code;
	w->nstatus = keep(w->status, sizeof w->status, result->status);
	w->nremote = keep(w->remote, sizeof w->remote, result->remote);
	w->ntext = keep(w->text, sizeof w->text, result->text);
}

struct deliver_result
order_words(const struct order *o)
{
	const struct order_words *w = &o->words;

	if (w->nstatus == 0)
		return (struct deliver_result){
			.fate = DELIVER_RETRY,
			.status = SPAN("4.4.1"),
			.text = SPAN("no host could be connected to"),
		};
	return (struct deliver_result){
		.fate = w->fate,
		.code = w->code,
		.status = span_of(w->status, w->nstatus),
		.remote = span_of(w->remote, w->nremote),
		.text = span_of(w->text, w->ntext),
	};
}
