/*
 * buf.c - owned octets with a greatest size.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST	256	/* octets of the first allocation */

struct buf
buf_make(size_t limit)
{
	return (struct buf){ .limit = limit };
}

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = buf_make(b->limit);
}

void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->room);
	buf_free(b);
}

enum err
buf_room(struct buf *b, size_t n)
{
	size_t need, room;
	uint8_t *p;

	if (!size_add(b->n, n, &need) || need > b->limit)
		return ERR_FULL;
	if (need <= b->room)
		return ERR_OK;
	room = MAX(b->room, (size_t)BUF_FIRST);
	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	room = MIN(room, b->limit);
	p = realloc(b->p, room);
	if (p == NULL)
		return ERR_NOMEM;
	b->p = p;
	b->room = room;
	return ERR_OK;
}

enum err
buf_add(struct buf *b, struct span s)
{
	enum err e = buf_room(b, s.n);

	if (e != ERR_OK)
		return e;
	if (s.n > 0)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return ERR_OK;
}

enum err
buf_addc(struct buf *b, uint8_t octet)
{
	return buf_add(b, (struct span){ &octet, 1 });
}

enum err
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	enum err e;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return ERR_SYNTAX;
	/* vsnprintf wants a place for its NUL; it is not counted. */
	e = buf_room(b, (size_t)n + 1);
	if (e != ERR_OK)
		return e;
	(void)vsnprintf((char *)(b->p + b->n), (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
	return ERR_OK;
}

enum err
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	enum err e;

	va_start(ap, fmt);
	e = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return e;
}

void
buf_drop(struct buf *b, size_t n)
{
	n = MIN(n, b->n);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void
buf_cut(struct buf *b, size_t n)
{
	b->n = MIN(n, b->n);
}
