/*
 * ipc.c - one encoder and one decoder for whatever roles say to each other.
 */
#include "ipc/ipc.h"

static const char *const role_names[] = {
	[IPC_ROLE_NONE] = "none",
	[IPC_ROLE_SUPERVISOR] = "supervisor",
	[IPC_ROLE_ADMIN] = "admin",
	[IPC_ROLE_LOOKUP] = "lookup",
	[IPC_ROLE_RESOLVER] = "resolver",
	[IPC_ROLE_QUEUE] = "queue",
	[IPC_ROLE_LOCAL] = "local",
	[IPC_ROLE_SENDER] = "sender",
	[IPC_ROLE_RECEIVER] = "receiver",
	[IPC_ROLE_KEYS] = "keys",
	[IPC_ROLE_STATE] = "state",
	[IPC_ROLE_BACKEND] = "backend",
};
_Static_assert(COUNT(role_names) == IPC_ROLE_COUNT, "every role has a name");

const char *
ipc_role_name(enum ipc_role role)
{
	return (unsigned int)role < COUNT(role_names) ? role_names[role]
						      : "unknown";
}

/* Octets of a number's kind, on the wire and in the struct alike. */
static const size_t widths[] = {
	[IPC_U8] = 1,
	[IPC_U16] = 2,
	[IPC_U32] = 4,
	[IPC_U64] = 8,
};

static bool
is_number(enum ipc_kind kind)
{
	return (size_t)kind < COUNT(widths);
}

static uint64_t
number_get(const uint8_t *at, enum ipc_kind kind)
{
	union {
		uint8_t		b;
		uint16_t	h;
		uint32_t	w;
		uint64_t	d;
	} v = { .d = 0 };

	memcpy(&v, at, widths[kind]);
	return kind == IPC_U8 ? v.b
	    : kind == IPC_U16 ? v.h
	    : kind == IPC_U32 ? v.w
			      : v.d;
}

static void
number_put(uint8_t *at, enum ipc_kind kind, uint64_t value)
{
	const uint8_t b = (uint8_t)value;
	const uint16_t h = (uint16_t)value;
	const uint32_t w = (uint32_t)value;
	const void *const from[] = {
		[IPC_U8] = &b,
		[IPC_U16] = &h,
		[IPC_U32] = &w,
		[IPC_U64] = &value,
	};

	memcpy(at, from[kind], widths[kind]);
}

static void
field_encode(const struct ipc_field *f, const uint8_t *at, struct pack *w)
{
	if (is_number(f->kind)) {
		uint64_t v = number_get(at, f->kind);
		uint8_t octets[8];

		if (v > f->max && w->error == ERR_OK)
			w->error = ERR_FULL;
		for (size_t i = 0; i < sizeof octets; i++)
			octets[i] = (uint8_t)(v >> (8 * i));
		pack_raw(w, span_of(octets, widths[f->kind]));
	} else if (f->kind == IPC_ID) {
		pack_raw(w, span_of(at, MSG_ID_OCTETS));
	} else {
		struct span s;

		memcpy(&s, at, sizeof s);
		if (s.n > f->max && w->error == ERR_OK)
			w->error = ERR_FULL;
		pack_octets(w, s);
	}
}

static void
field_decode(const struct ipc_field *f, uint8_t *at, struct unpack *r)
{
	if (is_number(f->kind)) {
		struct span s = unpack_raw(r, widths[f->kind]);
		uint64_t v = 0;

		for (size_t i = s.n; i > 0; i--)
			v = v << 8 | s.p[i - 1];
		if (v > f->max)
			r->is_bad = true;
		number_put(at, f->kind, v);
	} else if (f->kind == IPC_ID) {
		struct span s = unpack_raw(r, MSG_ID_OCTETS);

		if (s.n == MSG_ID_OCTETS)
			memcpy(at, s.p, MSG_ID_OCTETS);
	} else {
		struct span s = unpack_octets(r, (size_t)f->max);

		memcpy(at, &s, sizeof s);
	}
}

enum err
ipc_encode(const struct ipc_type *type, const void *msg, struct buf *to)
{
	struct pack w = { .to = to };
	size_t was = to->n;

	for (size_t i = 0; i < type->nfields; i++)
		field_encode(&type->fields[i],
		    (const uint8_t *)msg + type->fields[i].offset, &w);
	if (w.error != ERR_OK)
		buf_cut(to, was);
	return w.error;
}

enum err
ipc_decode(const struct ipc_type *type, struct span payload, void *msg)
{
	struct unpack r = { .in = payload };

	memset(msg, 0, type->size);
	for (size_t i = 0; i < type->nfields && !r.is_bad; i++)
		field_decode(&type->fields[i],
		    (uint8_t *)msg + type->fields[i].offset, &r);
	return unpack_is_done(&r) ? ERR_OK : ERR_SYNTAX;
}

enum err
ipc_list_add(const struct ipc_type *item, const void *msg, struct buf *list)
{
	size_t at = list->n, n;
	enum err e = buf_add(list, SPAN("\0\0\0\0"));

	if (e == ERR_OK)
		e = ipc_encode(item, msg, list);
	if (e != ERR_OK) {
		buf_cut(list, at);
		return e;
	}
	n = list->n - at - 4;
	for (size_t i = 0; i < 4; i++)
		list->p[at + i] = (uint8_t)(n >> (8 * i));
	return ERR_OK;
}

enum err
ipc_list_next(const struct ipc_type *item, struct span *list, void *msg)
{
	struct unpack r = { .in = *list };
	struct span one;

	if (list->n == 0)
		return ERR_NONE;
	one = unpack_octets(&r, UINT32_MAX);
	if (r.is_bad || ipc_decode(item, one, msg) != ERR_OK)
		return ERR_SYNTAX;
	*list = r.in;
	return ERR_OK;
}
