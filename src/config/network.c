#include "config/network.h"

#include "base/ip.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

#define MAPPED_BITS	96

/* SMTP-12: a mapped address has one shape only, the IPv4 one. */
static bool
unmap(struct address *a)
{
	if (a->n != 16 ||
	    memcmp(a->octets, mapped_prefix, sizeof mapped_prefix) != 0)
		return false;
	memmove(a->octets, a->octets + 12, 4);
	memset(a->octets + 4, 0, 12);
	a->n = 4;
	return true;
}

enum err
address_make(struct span octets, struct address *a)
{
	struct address made = { 0 };

	if (octets.n != 4 && octets.n != 16)
		return ERR_SYNTAX;
	made.n = (uint8_t)octets.n;
	memcpy(made.octets, octets.p, octets.n);
	(void)unmap(&made);
	*a = made;
	return ERR_OK;
}

/* As written: a mapped address stays 16 octets. */
static enum err
parse_as_written(struct span text, struct address *a)
{
	struct address read = { 0 };
	size_t n;

	if (ip_parse(text, read.octets, &n) != ERR_OK)
		return ERR_SYNTAX;
	read.n = (uint8_t)n;
	*a = read;
	return ERR_OK;
}

enum err
address_parse(struct span text, struct address *a)
{
	enum err e = parse_as_written(text, a);

	if (e == ERR_OK)
		(void)unmap(a);
	return e;
}

bool
address_eq(const struct address *a, const struct address *b)
{
	return a->n == b->n && memcmp(a->octets, b->octets, a->n) == 0;
}

enum err
address_print(const struct address *a, struct buf *to)
{
	char word[INET6_ADDRSTRLEN];

	if (a->n == 0)
		return buf_addc(to, '*');
	if (inet_ntop(a->n == 4 ? AF_INET : AF_INET6, a->octets, word,
	    sizeof word) == NULL)
		return ERR_SYNTAX;
	return buf_add(to, span_str(word));
}

struct address
address_prefix(const struct address *a, uint8_t bits)
{
	struct address kept = { .n = a->n };
	size_t whole = MIN((size_t)bits / 8, (size_t)a->n);

	memcpy(kept.octets, a->octets, whole);
	if (whole < a->n && bits % 8 != 0)
		kept.octets[whole] =
		    (uint8_t)(a->octets[whole] & (0xff00 >> (bits % 8)));
	return kept;
}

enum err
network_parse(struct span text, struct network *n)
{
	size_t slash = span_find(text, '/');
	struct network read = { 0 };
	struct address kept;
	uint64_t bits;

	if (parse_as_written((struct span){ text.p, slash }, &read.base) !=
	    ERR_OK)
		return ERR_SYNTAX;
	bits = read.base.n * 8u;
	if (slash < text.n &&
	    span_u64(span_skip(text, slash + 1), bits, &bits) != ERR_OK)
		return ERR_SYNTAX;
	if (bits >= MAPPED_BITS && unmap(&read.base))
		bits -= MAPPED_BITS;
	read.bits = (uint8_t)bits;
	kept = address_prefix(&read.base, read.bits);
	if (!address_eq(&kept, &read.base))
		return ERR_SYNTAX;
	*n = read;
	return ERR_OK;
}

enum err
network_print(const struct network *n, struct buf *to)
{
	enum err e = address_print(&n->base, to);

	return e != ERR_OK ? e : buf_addf(to, "/%u", (unsigned int)n->bits);
}

bool
network_holds(const struct network *n, const struct address *a)
{
	struct address kept = address_prefix(a, n->bits);

	return address_eq(&kept, &n->base);
}

bool
networks_hold(const struct network *list, size_t count,
    const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (network_holds(&list[i], a))
			return true;
	return false;
}
