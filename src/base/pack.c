/*
 * pack.c - numbers as octets and back.
 */
#include "base/pack.h"

void
pack_raw(struct pack *w, struct span s)
{
	if (w->error == ERR_OK)
		w->error = buf_add(w->to, s);
}

static void
pack_number(struct pack *w, uint64_t v, size_t n)
{
	uint8_t octets[8];

	for (size_t i = 0; i < n; i++)
		octets[i] = (uint8_t)(v >> (8 * i));
	pack_raw(w, (struct span){ octets, n });
}

void
pack_u8(struct pack *w, uint8_t v)
{
	pack_number(w, v, 1);
}

void
pack_u16(struct pack *w, uint16_t v)
{
	pack_number(w, v, 2);
}

void
pack_u32(struct pack *w, uint32_t v)
{
	pack_number(w, v, 4);
}

void
pack_u64(struct pack *w, uint64_t v)
{
	pack_number(w, v, 8);
}

void
pack_octets(struct pack *w, struct span s)
{
	if (s.n > UINT32_MAX) {
		w->error = w->error == ERR_OK ? ERR_FULL : w->error;
		return;
	}
	pack_u32(w, (uint32_t)s.n);
	pack_raw(w, s);
}

struct span
unpack_raw(struct unpack *r, size_t n)
{
	if (r->is_bad || n > r->in.n) {
		r->is_bad = true;
		return (struct span){ 0 };
	}
	return span_take(&r->in, n);
}

static uint64_t
unpack_number(struct unpack *r, size_t n)
{
	struct span s = unpack_raw(r, n);
	uint64_t v = 0;

	for (size_t i = s.n; i > 0; i--)
		v = v << 8 | s.p[i - 1];
	return v;
}

uint8_t
unpack_u8(struct unpack *r)
{
	return (uint8_t)unpack_number(r, 1);
}

uint16_t
unpack_u16(struct unpack *r)
{
	return (uint16_t)unpack_number(r, 2);
}

uint32_t
unpack_u32(struct unpack *r)
{
	return (uint32_t)unpack_number(r, 4);
}

uint64_t
unpack_u64(struct unpack *r)
{
	return unpack_number(r, 8);
}

struct span
unpack_octets(struct unpack *r, size_t max)
{
	size_t n = unpack_u32(r);

	if (n > max) {
		r->is_bad = true;
		return (struct span){ 0 };
	}
	return unpack_raw(r, n);
}

bool
unpack_is_done(const struct unpack *r)
{
	return !r->is_bad && r->in.n == 0;
}
